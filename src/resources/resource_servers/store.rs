use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{NewResourceServer, ResourceServerPatch};
use crate::base::error::{Error, codes};
use crate::base::page::List;
use crate::db::{self, Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::client_grants::store::delete_grants;

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE, &FETCH, &LIST, &UPDATE, &LOCK, &DELETE];

/// An API with its secret still sealed.
pub(crate) struct Stored {
    pub id: String,
    pub identifier: String,
    pub settings: Map<String, Value>,
    pub signing_secret: Option<Vec<u8>>,
}

/// What makes a [`Stored`], of a table or CTE `s`. The key that tokens would be encrypted with is nobody's to read.
macro_rules! stored {
    () => {
        "s.resource_server_id,
            s.identifier,
            s.settings #- '{token_encryption,encryption_key,pem}' as settings,
            s.signing_secret"
    };
}

fn stored(row: &PgRow) -> Result<Stored, sqlx::Error> {
    let Json(settings) = row.try_get("settings")?;
    Ok(Stored {
        id: row.try_get("resource_server_id")?,
        identifier: row.try_get("identifier")?,
        settings,
        signing_secret: row.try_get("signing_secret")?,
    })
}

/// The id of the API that `$2` names, by id or by identifier.
macro_rules! named {
    () => {
        "(select n.resource_server_id
                   from resource_servers n
                  where n.tenant_id = $1
                    and (n.resource_server_id = $2 or n.identifier = $2)
                  order by n.resource_server_id = $2 desc
                  limit 1)"
    };
}

static CREATE: Statement = Statement::new(
    "resource_servers.create",
    concat!(
        "with created as (
             insert into resource_servers (tenant_id, resource_server_id, identifier, settings, signing_secret)
             values ($1, $2, $3, $4, $5)
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'resource_server.created', resource_server_id,
                    journal_changes(null, settings || jsonb_build_object('identifier', identifier))
                    || case when signing_secret is not null then '{\"signing_secret\": {\"after\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$6::text[]"),
        "
               from created
         )
         select ",
        stored!(),
        "
           from created s"
    ),
);

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewResourceServer,
    sealed: Option<&[u8]>,
    author: &Author,
) -> Result<Stored, Error> {
    let row = CREATE
        .query()
        .bind(tenant)
        .bind(id)
        .bind(&new.identifier)
        .bind(Json(&new.settings))
        .bind(sealed)
        .bind(author.entry())
        .fetch_one(db.pool())
        .await
        .map_err(|e| db::refusal(e, &[("resource_servers_identifier_key", codes::RESOURCE_SERVER_EXISTS)]))?;
    Ok(stored(&row)?)
}

static FETCH: Statement = Statement::new(
    "resource_servers.fetch",
    concat!(
        "select ",
        stored!(),
        "
       from resource_servers s
      where s.tenant_id = $1
        and s.resource_server_id = ",
        named!()
    ),
);

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    let row = FETCH.query().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?)
}

static LIST: Statement = Statement::new(
    "resource_servers.list",
    concat!(
        "select case when $5 then (select count(*)
                             from resource_servers c
                            where c.tenant_id = $1
                              and ($2::text[] is null or c.identifier = any($2))) end as total,
            ",
        stored!(),
        "
       from (values (1)) one
       left join lateral (select *
                            from resource_servers l
                           where l.tenant_id = $1
                             and ($2::text[] is null or l.identifier = any($2))
                             and l.resource_server_id > coalesce($6::text, '')
                           order by l.resource_server_id
                           limit $3
                          offset $4) s on true"
    ),
);

pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    identifiers: Option<&[String]>,
    from: Option<&str>,
    limit: i64,
    offset: i64,
    include_totals: bool,
) -> Result<List<Stored>, Error> {
    let query = LIST.query().bind(tenant).bind(identifiers).bind(limit).bind(offset).bind(include_totals);
    let rows = query.bind(from).fetch_all(db.pool()).await?;
    let mut list = List { items: Vec::with_capacity(rows.len()), total: None, next: None };
    for row in &rows {
        list.total = row.try_get("total")?;
        if row.try_get::<Option<&str>, _>("resource_server_id")?.is_some() {
            list.items.push(stored(row)?);
        }
    }
    Ok(list)
}

static UPDATE: Statement = Statement::new(
    "resource_servers.update",
    concat!(
        "with before as (
             select *
               from resource_servers
              where tenant_id = $1
                and resource_server_id = $2
                for update
         ), changed as (
             update resource_servers s
                set settings = (s.settings || $3) - $4::text[],
                    signing_secret = case when $5 then $6 else coalesce(s.signing_secret, $6) end,
                    updated_at = now()
               from before b
              where s.tenant_id = b.tenant_id
                and s.resource_server_id = b.resource_server_id
          returning s.*, b.settings as old_settings, b.signing_secret as old_secret
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'resource_server.updated', resource_server_id,
                    coalesce(journal_changes(old_settings, settings), '{}')
                    || case when signing_secret is distinct from old_secret then '{\"signing_secret\": {\"after\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$7::text[]"),
        "
               from changed
              where (settings, signing_secret) is distinct from (old_settings, old_secret)
         )
         select ",
        stored!(),
        "
           from changed s"
    ),
);

/// Changes an API. The sealed secret replaces the present one only if the patch says what the secret is to be.
pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &ResourceServerPatch,
    sealed: Option<&[u8]>,
    author: &Author,
) -> Result<Option<Stored>, Error> {
    let row = UPDATE
        .query()
        .bind(tenant)
        .bind(id)
        .bind(Json(&patch.set))
        .bind(&patch.unset)
        .bind(patch.signing_secret.is_some())
        .bind(sealed)
        .bind(author.entry())
        .fetch_optional(db.pool())
        .await?;
    Ok(row.as_ref().map(stored).transpose()?)
}

/// What waits for grants that are being made: the deletion is to see them.
static LOCK: Statement = Statement::new(
    "resource_servers.lock",
    concat!(
        "select from resource_servers where tenant_id = $1 and resource_server_id = ",
        named!(),
        " for update"
    ),
);

static DELETE: Statement = Statement::new(
    "resource_servers.delete",
    concat!(
        "with deleted as (
             delete from resource_servers
              where tenant_id = $1
                and resource_server_id = ",
        named!(),
        "
          returning *
         ), ",
        delete_grants!("g.audience = d.identifier", "array[gen_random_uuid()::text] || ($3::text[])[2:]"),
        "
         ",
        insert_journal!(),
        "
         select tenant_id, 'resource_server.deleted', resource_server_id,
                journal_changes(settings || jsonb_build_object('identifier', identifier), null)
                || case when signing_secret is not null then '{\"signing_secret\": {\"before\": \"*****\"}}' else '{}' end::jsonb, ",
        author!("$3::text[]"),
        "
           from deleted"
    ),
);

/// Deletes an API, if there is one, with the client grants for it.
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    LOCK.query().bind(tenant).bind(id).execute(&mut *tx).await?;
    DELETE.query().bind(tenant).bind(id).bind(author.entry()).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}
