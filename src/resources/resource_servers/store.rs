use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{NewResourceServer, ResourceServerPatch};
use crate::base::error::{Error, codes};
use crate::base::page::List;
use crate::db::{self, Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE, &FETCH, &LIST, &UPDATE, &LOCK, &DELETE];

/// An API with its secret still sealed.
pub(crate) struct Stored {
    pub id: String,
    pub identifier: String,
    pub settings: Map<String, Value>,
    pub signing_secret: Option<Vec<u8>>,
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

static CREATE: Statement = Statement::new("resource_servers.create", include_str!("sql/create.sql"));

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewResourceServer,
    sealed: Option<&[u8]>,
    author: &Author,
) -> Result<Stored, Error> {
    let row = CREATE
        .raw()
        .bind(tenant)
        .bind(id)
        .bind(&new.identifier)
        .bind(Json(&new.settings))
        .bind(sealed)
        .bind(author.literal())
        .fetch_one(db.pool())
        .await
        .map_err(|e| db::refusal(e, &[("resource_servers_identifier_key", codes::RESOURCE_SERVER_EXISTS)]))?;
    Ok(stored(&row)?)
}

static FETCH: Statement = Statement::new("resource_servers.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    let row = FETCH.raw().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?)
}

static LIST: Statement = Statement::new("resource_servers.list", include_str!("sql/list.sql"));

pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    identifiers: Option<&[String]>,
    from: Option<&str>,
    limit: i64,
    offset: i64,
    include_totals: bool,
) -> Result<List<Stored>, Error> {
    let query = LIST.raw().bind(tenant).bind(identifiers).bind(limit).bind(offset).bind(include_totals);
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

static UPDATE: Statement = Statement::new("resource_servers.update", include_str!("sql/update.sql"));

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
        .raw()
        .bind(tenant)
        .bind(id)
        .bind(Json(&patch.set))
        .bind(&patch.unset)
        .bind(patch.signing_secret.is_some())
        .bind(sealed)
        .bind(author.literal())
        .fetch_optional(db.pool())
        .await?;
    Ok(row.as_ref().map(stored).transpose()?)
}

/// What waits for grants that are being made: the deletion is to see them.
static LOCK: Statement = Statement::new("resource_servers.lock", include_str!("sql/lock.sql"));

static DELETE: Statement = Statement::new("resource_servers.delete", include_str!("sql/delete.sql"));

/// Deletes an API, if there is one, with the client grants for it.
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    LOCK.raw().bind(tenant).bind(id).execute(&mut *tx).await?;
    DELETE.raw().bind(tenant).bind(id).bind(author.literal()).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}
