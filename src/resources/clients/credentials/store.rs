use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{Credential, NewCredential};
use crate::base::error::Error;
use crate::base::patch::Patch;
use crate::db::{Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::clients::model::CREDENTIALS;

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE, &LIST, &FETCH, &UPDATE, &DELETE];

/// What makes a [`Credential`], of a table or CTE `c`.
macro_rules! credential {
    () => {
        "c.credential_id, c.document, c.created_at, c.updated_at, c.expires_at"
    };
}

fn credential(row: &PgRow) -> Result<Option<Credential>, sqlx::Error> {
    let Some(id) = row.try_get("credential_id")? else { return Ok(None) };
    let Json(document) = row.try_get("document")?;
    Ok(Some(Credential {
        id,
        document,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        expires_at: row.try_get("expires_at")?,
    }))
}

static CREATE: Statement = Statement::new(
    "client_credentials.create",
    concat!(
        "with client as (
             select tenant_id, client_id
               from clients
              where tenant_id = $1
                and client_id = $2
                and settings -> 'global' is distinct from 'true'
                for key share
         ), created as (
             insert into client_credentials (tenant_id, client_id, credential_id, document, public_key, expires_at)
             select tenant_id, client_id, $3, $4, $5, $6
               from client
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client_credential.created', credential_id,
                    journal_changes(null, document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at)), ",
        author!("$7::text[]"),
        "
               from created
         )
         select ",
        credential!(),
        "
           from created c"
    ),
);

/// `None` if there is no such client.
pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    client_id: &str,
    new: &NewCredential,
    author: &Author,
) -> Result<Option<Credential>, Error> {
    let query = CREATE.query().bind(tenant).bind(client_id).bind(&new.id).bind(Json(&new.document));
    let query = query.bind(&new.public_key).bind(new.expires_at).bind(author.entry());
    let row = query.fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(credential).transpose()?.flatten())
}

static LIST: Statement = Statement::new(
    "client_credentials.list",
    concat!(
        "select ",
        credential!(),
        "
           from clients k
           left join client_credentials c on c.tenant_id = k.tenant_id and c.client_id = k.client_id
          where k.tenant_id = $1
            and k.client_id = $2
          order by c.created_at, c.credential_id"
    ),
);

/// `None` if there is no such client.
pub(crate) async fn list(db: &Db, tenant: &str, client_id: &str) -> Result<Option<Vec<Credential>>, Error> {
    let rows = LIST.query().bind(tenant).bind(client_id).fetch_all(db.pool()).await?;
    let found = rows.iter().map(credential).collect::<Result<Vec<_>, _>>()?;
    Ok((!rows.is_empty()).then(|| found.into_iter().flatten().collect()))
}

static FETCH: Statement = Statement::new(
    "client_credentials.fetch",
    concat!(
        "select ",
        credential!(),
        "
           from client_credentials c
          where c.tenant_id = $1
            and c.client_id = $2
            and c.credential_id = $3"
    ),
);

pub(crate) async fn fetch(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
) -> Result<Option<Credential>, Error> {
    let row = FETCH.query().bind(tenant).bind(client_id).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(credential).transpose()?.flatten())
}

static UPDATE: Statement = Statement::new(
    "client_credentials.update",
    concat!(
        "with before as (
             select *
               from client_credentials
              where tenant_id = $1
                and client_id = $2
                and credential_id = $3
                for update
         ), changed as (
             update client_credentials c
                set expires_at = case when $4 then $5 else b.expires_at end,
                    updated_at = clock_timestamp()
               from before b
              where c.tenant_id = b.tenant_id
                and c.client_id = b.client_id
                and c.credential_id = b.credential_id
          returning c.*, b.expires_at as old_expires_at
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client_credential.updated', credential_id,
                    coalesce(journal_changes(jsonb_build_object('expires_at', old_expires_at), jsonb_build_object('expires_at', expires_at)), '{}'), ",
        author!("$6::text[]"),
        "
               from changed
         )
         select ",
        credential!(),
        "
           from changed c"
    ),
);

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
    expires_at: &Patch<OffsetDateTime>,
    author: &Author,
) -> Result<Option<Credential>, Error> {
    let query = UPDATE.query().bind(tenant).bind(client_id).bind(id);
    let query = query.bind(!expires_at.is_absent()).bind(expires_at.set()).bind(author.entry());
    let row = query.fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(credential).transpose()?.flatten())
}

// The client first, as its own changes lock it before the credentials they name.
static DELETE: Statement = Statement::new(
    "client_credentials.delete",
    concat!(
        "with client as (
             select * from clients where tenant_id = $1 and client_id = $2 for update
         ), deleted as (
             delete from client_credentials d
              using client k
              where d.tenant_id = k.tenant_id
                and d.client_id = k.client_id
                and d.credential_id = $3
          returning d.*
         ), changed as (
             update clients c
                set settings = without_credential(k.settings, $4, $3),
                    version = c.version + 1,
                    updated_at = clock_timestamp()
               from client k, deleted d
              where c.tenant_id = k.tenant_id
                and c.client_id = k.client_id
                and without_credential(k.settings, $4, $3) <> k.settings
          returning c.*, k.settings as old_settings
         ), client_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client.updated', client_id, journal_changes(old_settings, settings), ",
        author!("array[gen_random_uuid()::text] || ($5::text[])[2:]"),
        "
               from changed
         )
         ",
        insert_journal!(),
        "
         select tenant_id, 'client_credential.deleted', credential_id,
                journal_changes(document || jsonb_build_object('client_id', client_id, 'expires_at', expires_at), null), ",
        author!("$5::text[]"),
        "
           from deleted"
    ),
);

pub(crate) async fn delete(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = DELETE.query().bind(tenant).bind(client_id).bind(id).bind(&CREDENTIALS[..]);
    query.bind(author.entry()).execute(db.pool()).await?;
    Ok(())
}
