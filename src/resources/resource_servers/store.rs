//! `resource_servers`, whose scopes a trigger keeps as rows of `permissions`.
//!
//! Answers have the id of a client that names the API (`resource_server_identifier`). A change locks the row `for update`; creators of client grants lock it `for key share`. A deletion writes
//! `client_grants` too. Other writers: the rotation of the vault's key (`signing_secret`).

use serde_json::{Map, Value};
use sqlx::FromRow;
use sqlx::types::Json;

use super::model::{NewResourceServer, ResourceServerPatch};
use crate::base::error::{Error, codes};
use crate::base::page::List;
use crate::db::{self, Db, Nullable, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE, &FETCH, &LIST, &UPDATE, &LOCK, &DELETE];

/// An API whose signing secret is sealed.
#[derive(FromRow)]
pub(super) struct Stored {
    #[sqlx(rename = "resource_server_id")]
    pub(super) id: String,
    pub(super) identifier: String,
    #[sqlx(json)]
    pub(super) settings: Map<String, Value>,
    pub(super) signing_secret: Option<Vec<u8>>,
    /// The client that was made for the API.
    pub(super) client_id: Option<String>,
}

static CREATE: Statement = Statement::new("resource_servers.create", include_str!("sql/create.sql"));

pub(super) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewResourceServer,
    sealed_secret: Option<&[u8]>,
    author: &Author,
) -> Result<Stored, Error> {
    let created = CREATE
        .bind("tenant_id", tenant)
        .bind("resource_server_id", id)
        .bind("identifier", &new.identifier)
        .bind("settings", Json(&new.settings))
        .bind("signing_secret", sealed_secret)
        .bind("author", author.literal())
        .fetch_one(db)
        .await;
    let conflicts = [("resource_servers_identifier_key", codes::RESOURCE_SERVER_EXISTS)];
    created.map_err(|error| db::constraint_error(error, &conflicts))
}

static FETCH: Statement = Statement::new("resource_servers.fetch", include_str!("sql/fetch.sql"));

pub(super) async fn fetch(db: &Db, tenant: &str, id_or_identifier: &str) -> Result<Option<Stored>, Error> {
    let found = FETCH.bind("tenant_id", tenant).bind("id_or_identifier", id_or_identifier);
    Ok(found.fetch_optional(db).await?)
}

/// The part of a list of stored APIs to fetch.
pub(super) struct Range<'a> {
    /// The last id of the page before; `None` for the first page.
    pub(super) from: Option<&'a str>,
    pub(super) limit: i64,
    pub(super) offset: i64,
    pub(super) with_total: bool,
}

static LIST: Statement = Statement::new("resource_servers.list", include_str!("sql/list.sql"));

#[derive(FromRow)]
struct ListedRow {
    total: Option<i64>,
    #[sqlx(flatten)]
    server: Nullable<Stored>,
}

pub(super) async fn list(
    db: &Db,
    tenant: &str,
    identifiers: Option<&[String]>,
    range: Range<'_>,
) -> Result<List<Stored>, Error> {
    let rows: Vec<ListedRow> = LIST
        .bind("tenant_id", tenant)
        .bind("identifiers", identifiers)
        .bind("from", range.from)
        .bind("limit", range.limit)
        .bind("offset", range.offset)
        .bind("with_total", range.with_total)
        .fetch_all(db)
        .await?;
    let total = rows.first().and_then(|row| row.total);
    Ok(List { items: rows.into_iter().filter_map(|row| row.server.0).collect(), total, next: None })
}

static UPDATE: Statement = Statement::new("resource_servers.update", include_str!("sql/update.sql"));

/// Changes an API. A sealed secret that the patch does not name replaces none, but becomes the first one.
pub(super) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &ResourceServerPatch,
    sealed_secret: Option<&[u8]>,
    author: &Author,
) -> Result<Option<Stored>, Error> {
    let updated = UPDATE
        .bind("tenant_id", tenant)
        .bind("resource_server_id", id)
        .bind("set_settings", Json(&patch.set))
        .bind("unset_settings", &patch.unset)
        .bind("replaces_secret", patch.signing_secret.is_some())
        .bind("signing_secret", sealed_secret)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await;
    Ok(updated?)
}

static LOCK: Statement = Statement::new("resource_servers.lock", include_str!("sql/lock.sql"));

static DELETE: Statement = Statement::new("resource_servers.delete", include_str!("sql/delete.sql"));

/// Deletes an API, if it exists, with the client grants for it.
pub(super) async fn delete(
    db: &Db,
    tenant: &str,
    id_or_identifier: &str,
    author: &Author,
) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let locked = LOCK
        .bind("tenant_id", tenant)
        .bind("id_or_identifier", id_or_identifier)
        .fetch_optional(&mut tx)
        .await?;
    let Some((id,)): Option<(String,)> = locked else { return Ok(()) };
    DELETE
        .bind("tenant_id", tenant)
        .bind("resource_server_id", id)
        .bind("author", author.literal())
        .execute(&mut tx)
        .await?;
    Ok(tx.commit().await?)
}
