use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{ClientsPatch, Connection, DATABASE, Filter, NewConnection, Options};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement, Tx};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &BY_NAME,
    &BY_NAME_FOR_CLIENT,
    &FIRST_FOR_CLIENT,
    &CREATE,
    &FETCH,
    &LIST,
    &LOCK,
    &UPDATE,
    &DELETE,
    &CLIENTS,
    &SET_CLIENTS,
];

fn connection(row: &PgRow) -> Result<Connection, Error> {
    let strategy: String = row.try_get("strategy")?;
    // The options of others are whatever somebody sent.
    let options =
        if strategy == DATABASE { row.try_get::<Json<Options>, _>("options")?.0 } else { Options::default() };
    Ok(Connection {
        connection_id: row.try_get("connection_id")?,
        name: row.try_get("name")?,
        strategy,
        options,
        is_enabled: row.try_get("is_enabled")?,
    })
}

static BY_NAME: Statement = Statement::new("connections.by_name", include_str!("sql/by_name.sql"));

pub(crate) async fn by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>, Error> {
    let row = BY_NAME.raw().bind(tenant).bind(name).fetch_optional(db.pool()).await?;
    row.as_ref().map(connection).transpose()
}

static BY_NAME_FOR_CLIENT: Statement =
    Statement::new("connections.by_name_for_client", include_str!("sql/by_name_for_client.sql"));

pub(crate) async fn by_name_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    name: &str,
) -> Result<Option<Connection>, Error> {
    let query = BY_NAME_FOR_CLIENT.raw().bind(tenant).bind(client_id).bind(name);
    query.fetch_optional(db.pool()).await?.as_ref().map(connection).transpose()
}

static FIRST_FOR_CLIENT: Statement =
    Statement::new("connections.first_for_client", include_str!("sql/first_for_client.sql"));

pub(crate) async fn first_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
) -> Result<Option<Connection>, Error> {
    let query = FIRST_FOR_CLIENT.raw().bind(tenant).bind(client_id);
    query.fetch_optional(db.pool()).await?.as_ref().map(connection).transpose()
}

/// A connection with its secrets still sealed.
pub(crate) struct Stored {
    pub connection_id: String,
    pub name: String,
    pub strategy: String,
    pub options: Value,
    pub secrets: Option<Vec<u8>>,
    pub settings: Map<String, Value>,
    pub enabled_clients: Option<Vec<String>>,
    pub etag: String,
}

fn stored(row: &PgRow) -> Result<Option<Stored>, sqlx::Error> {
    let Some(connection_id) = row.try_get("connection_id")? else { return Ok(None) };
    Ok(Some(Stored {
        connection_id,
        name: row.try_get("name")?,
        strategy: row.try_get("strategy")?,
        options: row.try_get("options")?,
        secrets: row.try_get("secrets")?,
        settings: row.try_get::<Json<_>, _>("settings")?.0,
        enabled_clients: row.try_get("enabled_clients")?,
        etag: format!("\"{}\"", row.try_get::<&str, _>("etag")?),
    }))
}

static CREATE: Statement = Statement::new("connections.create", include_str!("sql/create.sql"));

/// What keeps a new connection from inheriting the users of one that is gone.
pub(crate) const NAME_IN_DELETION: (&str, Meaning) =
    ("connection_deletions_name", codes::CONNECTION_BEING_DELETED);

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewConnection,
    secrets: Option<&[u8]>,
    author: &Author,
) -> Result<Stored, Error> {
    let query = CREATE.raw().bind(tenant).bind(id).bind(&new.name).bind(&new.strategy).bind(&new.options);
    let query =
        query.bind(secrets).bind(Json(&new.settings)).bind(&new.enabled_clients).bind(author.literal());
    let row = query.fetch_one(db.pool()).await.map_err(|e| {
        db::refusal(
            e,
            &[
                NAME_IN_DELETION,
                ("connections_name_key", codes::CONNECTION_EXISTS),
                ("connection_clients_client_fkey", codes::INEXISTENT_CLIENT),
            ],
        )
    })?;
    stored(&row)?.ok_or_else(|| sqlx::Error::RowNotFound.into())
}

static FETCH: Statement = Statement::new("connections.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    let row = FETCH.raw().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?.flatten())
}

static LIST: Statement = Statement::new("connections.list", include_str!("sql/list.sql"));

/// One more than a checkpoint asks for is looked at, to know whether anything follows. How many there are in all is told
/// of every numbered page.
pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    filter: &Filter,
    with_clients: bool,
    page: &Page,
) -> Result<List<Stored>, Error> {
    let query = LIST.raw().bind(tenant).bind(&filter.name).bind(&filter.strategies).bind(&filter.client_id);
    let query = query
        .bind(page.from())
        .bind(page.fetched())
        .bind(page.start())
        .bind(matches!(page, Page::Offset { .. }))
        .bind(with_clients);
    let rows = query.fetch_all(db.pool()).await?;
    let mut list = List { items: Vec::with_capacity(rows.len()), total: None, next: None };
    for row in &rows {
        list.total = row.try_get("total")?;
        list.items.extend(stored(row)?);
    }
    list.end_at(page.limit(), |connection| connection.name.clone());
    Ok(list)
}

/// What holds everybody else off a connection while its clients are changed: a statement that waited would not see which
/// clients it has by now.
static LOCK: Statement = Statement::new("connections.lock", include_str!("sql/lock.sql"));

/// Begins a change of a connection, unless there is none; its strategy.
pub(crate) async fn begin_change(db: &Db, tenant: &str, id: &str) -> Result<Option<(Tx, String)>, Error> {
    let mut tx = db.begin().await?;
    let row = LOCK.raw().bind(tenant).bind(id).fetch_optional(&mut *tx).await?;
    Ok(row.map(|row| row.try_get("strategy")).transpose()?.map(|strategy| (tx, strategy)))
}

static UPDATE: Statement = Statement::new("connections.update", include_str!("sql/update.sql"));

/// What of a connection to change.
pub(crate) struct Change<'a> {
    /// Options, with what hides in them sealed.
    pub options: Option<(Value, Option<Vec<u8>>)>,
    pub settings: &'a Map<String, Value>,
    pub enabled_clients: Option<&'a [String]>,
    pub if_match: Option<&'a [String]>,
}

/// Changes the connection that a transaction has locked, and ends it. The present tag if it is not the one named.
pub(crate) async fn update(
    mut tx: Tx,
    tenant: &str,
    id: &str,
    change: &Change<'_>,
    author: &Author,
) -> Result<Result<Stored, String>, Error> {
    let query = UPDATE.raw().bind(tenant).bind(id);
    let query = query.bind(change.options.as_ref().map(|(options, _)| options));
    let query = query.bind(change.options.as_ref().and_then(|(_, secrets)| secrets.as_deref()));
    let query = query.bind(Json(change.settings)).bind(change.enabled_clients).bind(change.if_match);
    let row = query.bind(author.literal()).fetch_one(&mut *tx).await;
    let row =
        row.map_err(|e| db::refusal(e, &[("connection_clients_client_fkey", codes::INEXISTENT_CLIENT)]))?;
    tx.commit().await?;
    Ok(stored(&row)?.ok_or(format!("\"{}\"", row.try_get::<&str, _>("tag")?)))
}

static DELETE: Statement = Statement::new("connections.delete", include_str!("sql/delete.sql"));

/// Deletes a connection and lets its users be erased. When that began; `None` if there is nothing to delete.
pub(crate) async fn delete(
    db: &Db,
    tenant: &str,
    id: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<Option<OffsetDateTime>, Error> {
    let query = DELETE.raw().bind(tenant).bind(id).bind(now).bind(author.literal());
    Ok(query.fetch_optional(db.pool()).await?.map(|row| row.try_get("deleted_at")).transpose()?)
}

static CLIENTS: Statement = Statement::new("connections.clients", include_str!("sql/clients.sql"));

/// The ids of the clients that may use a connection; `None` if there is none.
pub(crate) async fn clients(
    db: &Db,
    tenant: &str,
    id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let from = if let Page::Checkpoint { from, .. } = page { from.as_deref() } else { None };
    let query = CLIENTS.raw().bind(tenant).bind(id).bind(from).bind(page.limit() + 1);
    let rows = query.fetch_all(db.pool()).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let ids: Vec<Option<String>> =
        rows.iter().map(|row| row.try_get("client_id")).collect::<Result<_, _>>()?;
    let mut list = List { items: ids.into_iter().flatten().collect(), ..List::default() };
    list.end_at(page.limit(), String::clone);
    Ok(Some(list))
}

// Of a connection that all clients may use, those that are not disabled become the ones that may.
static SET_CLIENTS: Statement =
    Statement::new("connections.set_clients", include_str!("sql/set_clients.sql"));

/// Enables and disables the connection that a transaction has locked for clients, and ends it; whether all of them are
/// there.
pub(crate) async fn set_clients(
    mut tx: Tx,
    tenant: &str,
    id: &str,
    patch: &ClientsPatch,
    author: &Author,
) -> Result<bool, Error> {
    let query = SET_CLIENTS.raw().bind(tenant).bind(id).bind(&patch.enable).bind(&patch.disable);
    let row = query.bind(author.literal()).fetch_one(&mut *tx).await;
    let row =
        row.map_err(|e| db::refusal(e, &[("connection_clients_client_fkey", codes::UNKNOWN_CLIENT)]))?;
    tx.commit().await?;
    Ok(!row.try_get::<bool, _>("is_missing")?)
}
