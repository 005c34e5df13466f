use sqlx::Row;
use time::OffsetDateTime;

use crate::base::error::Error;
use crate::db::{Db, Statement, Tx};
use crate::journal::{Author, author, insert_journal};
use crate::resources::logins::store::forget_attempts;
use crate::resources::users::store::changes;

pub(crate) const STATEMENTS: &[&Statement] = &[&CLAIM, &ERASE, &ERASE_BY_EMAIL, &PUT_BACK, &FORGET];

/// A deletion that nobody else works on until the transaction ends.
pub(crate) struct Claim {
    tx: Tx,
    pub tenant_id: String,
    pub connection_id: String,
    name: String,
    author: Vec<Option<String>>,
    pub deleted_at: OffsetDateTime,
}

static CLAIM: Statement = Statement::global(
    "connections.claim_deletion",
    "select tenant_id, connection_id, name, author, deleted_at
       from connection_deletions
      where due_at <= $1
        and ($2::text is null or tenant_id = $2)
      order by due_at
      limit 1
        for update skip locked",
);

/// The deletion that is due for longest, of one tenant or of all.
pub(crate) async fn claim(db: &Db, now: OffsetDateTime, only: Option<&str>) -> Result<Option<Claim>, Error> {
    let mut tx = db.begin().await?;
    let Some(row) = CLAIM.query().bind(now).bind(only).fetch_optional(&mut *tx).await? else {
        return Ok(None);
    };
    Ok(Some(Claim {
        tx,
        tenant_id: row.try_get("tenant_id")?,
        connection_id: row.try_get("connection_id")?,
        name: row.try_get("name")?,
        author: row.try_get("author")?,
        deleted_at: row.try_get("deleted_at")?,
    }))
}

/// Erases the users of a connection `$2` with identities `i` that a condition lets through. What is in the locked rows
/// decides: an identity that moved away since the statement began is found by a later one.
macro_rules! erase {
    ($which:literal) => {
        concat!(
            "with found as (
             select i.user_id
               from identities i
              where i.tenant_id = $1
                and i.connection = $2
                and ",
            $which,
            "
         ), locked as (
             select u.*
               from users u
              where u.tenant_id = $1
                and u.user_id in (select user_id from found)
              order by u.user_id
                for update
         ), deleted as (
             delete from users u
              using locked l
              where u.tenant_id = l.tenant_id
                and u.user_id = l.user_id
                and l.identities -> 0 ->> 'connection' = $2
          returning u.tenant_id, u.user_id, u.profile as old_profile, u.user_metadata as old_user_metadata, u.app_metadata as old_app_metadata,
                    null::jsonb as profile, null::jsonb as user_metadata, null::jsonb as app_metadata
         ), trimmed as (
             update users u
                set identities = (select jsonb_agg(e.identity order by e.place)
                                    from jsonb_array_elements(l.identities) with ordinality as e(identity, place)
                                   where e.identity ->> 'connection' <> $2),
                    version = u.version + 1,
                    updated_at = clock_timestamp()
               from locked l
              where u.tenant_id = l.tenant_id
                and u.user_id = l.user_id
                and l.identities -> 0 ->> 'connection' <> $2
                and l.identities @> jsonb_build_array(jsonb_build_object('connection', $2::text))
          returning u.tenant_id, u.user_id, u.identities, l.identities as old_identities
         ), removed as (
             delete from identities i
              using trimmed t,
                    jsonb_to_recordset(t.old_identities) as e(provider text, user_id text, connection text)
              where i.tenant_id = t.tenant_id
                and i.provider = e.provider
                and i.identity_id = e.user_id
                and e.connection = $2
         ), ",
        forget_attempts!("select user_id from deleted"),
        ", deleted_entries as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.deleted', user_id, ",
        changes!(),
        ", ",
        author!("array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        "
               from deleted
         ), trimmed_entries as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.updated', user_id,
                    jsonb_build_object('identities', jsonb_build_object('before', old_identities, 'after', identities)), ",
        author!("array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        "
               from trimmed
         )
         select (select count(*) from deleted) + (select count(*) from trimmed) as erased"
        )
    };
}

static ERASE: Statement = Statement::new(
    "connections.erase_users",
    erase!(
        "not exists (select from connections n where n.tenant_id = $1 and n.name = $2)\n              limit $4"
    ),
);

static ERASE_BY_EMAIL: Statement = Statement::new("connections.erase_user_by_email", erase!("i.email = $4"));

/// Erases whoever has an address in a connection.
pub(crate) async fn erase_by_email(
    db: &Db,
    tenant: &str,
    connection: &str,
    email: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = ERASE_BY_EMAIL.query().bind(tenant).bind(connection).bind(author.entry()).bind(email);
    query.execute(db.pool()).await?;
    Ok(())
}

static PUT_BACK: Statement = Statement::new(
    "connections.put_deletion_back",
    "update connection_deletions set due_at = $3 where tenant_id = $1 and connection_id = $2",
);

static FORGET: Statement = Statement::new(
    "connections.forget_deletion",
    "delete from connection_deletions where tenant_id = $1 and connection_id = $2",
);

impl Claim {
    /// Erases up to so many identities and whoever is left without one; how many users that changed.
    pub(crate) async fn erase(&mut self, most: i64) -> Result<i64, Error> {
        let query = ERASE.query().bind(&self.tenant_id).bind(&self.name).bind(&self.author).bind(most);
        Ok(query.fetch_one(&mut *self.tx).await?.try_get("erased")?)
    }

    /// Commits what was done, to go on at a time.
    pub(crate) async fn put_back(self, due_at: OffsetDateTime) -> Result<(), Error> {
        let Self { mut tx, tenant_id, connection_id, .. } = self;
        PUT_BACK.query().bind(tenant_id).bind(connection_id).bind(due_at).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Ends it.
    pub(crate) async fn forget(self) -> Result<(), Error> {
        let Self { mut tx, tenant_id, connection_id, .. } = self;
        FORGET.query().bind(tenant_id).bind(connection_id).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}
