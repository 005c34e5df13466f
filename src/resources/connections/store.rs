//! `connections` and `connection_clients`, the clients that a connection is enabled for.
//!
//! Changes lock the connection's row first, in a statement of their own ([`lock`]). Other writers: tenant
//! files (both tables), the deletion of a client (`connection_clients`, without the lock of the connection:
//! its holder may be waiting for the client). [`delete`] fills `connection_deletions`, the queue that
//! `users/erasure` works off.

use serde_json::{Map, Value};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{Connection, Filter, NewConnection};
use super::options::Options;
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::page::{List, Page};
use crate::db::batch::{Batch, RegisteredBatch, batch_index};
use crate::db::registry::Slot;
use crate::db::{self, Db, Nullable, Statement, Tx};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &FIND_BY_NAME,
    &FIND_BY_NAME_FOR_CLIENT,
    &FIND_FIRST_FOR_CLIENT,
    &CREATE,
    &FETCH,
    &LIST,
    &LOCK,
    &UPDATE,
    &DELETE,
];

/// The columns of a [`Connection`].
type Found = (String, String, String, Json<Options>, bool);

fn connection((connection_id, name, strategy, Json(options), is_enabled): Found) -> Connection {
    Connection { connection_id, name, strategy, options, is_enabled }
}

static FIND_BY_NAME: Statement =
    Statement::new("connections.find_by_name", include_str!("sql/find_by_name.sql"));

/// The batch of lookups by tenant and name.
pub(crate) struct FindByName;

impl RegisteredBatch for FindByName {
    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }
}

impl Batch for FindByName {
    type Item = (String, String);
    type Output = Option<Connection>;
    type Key = ();
    const IDEMPOTENT: bool = true;

    fn tenant((tenant, _): &Self::Item) -> &str {
        tenant
    }

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> Result<Vec<Option<Self::Output>>, sqlx::Error> {
        let tenants: Vec<&str> = items.iter().map(|(tenant, _)| tenant.as_str()).collect();
        let names: Vec<&str> = items.iter().map(|(_, name)| name.as_str()).collect();
        type Row = (i64, String, String, String, Json<Options>, bool);
        let rows: Vec<Row> =
            FIND_BY_NAME.bind("tenant_id", tenants).bind("name", names).fetch_all(connection).await?;
        let mut found: Vec<_> = items.iter().map(|_| Some(None)).collect();
        for (n, connection_id, name, strategy, Json(options), is_enabled) in rows {
            let connection = Connection { connection_id, name, strategy, options, is_enabled };
            found[batch_index(n)?] = Some(Some(connection));
        }
        Ok(found)
    }
}

pub(super) async fn find_by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>, Error> {
    db.run::<FindByName>((tenant.to_owned(), name.to_owned())).await
}

static FIND_BY_NAME_FOR_CLIENT: Statement =
    Statement::new("connections.find_by_name_for_client", include_str!("sql/find_by_name_for_client.sql"));

pub(super) async fn find_by_name_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    name: &str,
) -> Result<Option<Connection>, Error> {
    let found = FIND_BY_NAME_FOR_CLIENT
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .bind("name", name)
        .fetch_optional(db)
        .await?;
    Ok(found.map(connection))
}

static FIND_FIRST_FOR_CLIENT: Statement =
    Statement::new("connections.find_first_for_client", include_str!("sql/find_first_for_client.sql"));

pub(super) async fn find_first_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
) -> Result<Option<Connection>, Error> {
    let found = FIND_FIRST_FOR_CLIENT
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .fetch_optional(db)
        .await?;
    Ok(found.map(connection))
}

/// A connection whose secrets are masked in `options` and sealed in `secrets`.
#[derive(sqlx::FromRow)]
pub(super) struct Stored {
    pub(super) connection_id: String,
    pub(super) name: String,
    pub(super) strategy: String,
    pub(super) options: Value,
    pub(super) secrets: Option<Vec<u8>>,
    #[sqlx(json)]
    pub(super) settings: Map<String, Value>,
    /// Not read by some lists.
    pub(super) enabled_clients: Option<Vec<String>>,
    /// Without quotes.
    pub(super) etag: String,
}

static CREATE: Statement = Statement::new("connections.create", include_str!("sql/create.sql"));

/// The constraint that a new connection violates while users of a deleted one with its name are left.
pub(crate) const NAME_IN_DELETION: (&str, ErrorKind) =
    ("connection_deletions_name", codes::CONNECTION_BEING_DELETED);

pub(super) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewConnection,
    secrets: Option<&[u8]>,
    author: &Author,
) -> Result<Stored, Error> {
    let created = CREATE
        .bind("tenant_id", tenant)
        .bind("connection_id", id)
        .bind("name", &new.name)
        .bind("strategy", &new.strategy)
        .bind("options", &new.options)
        .bind("secrets", secrets)
        .bind("settings", Json(&new.settings))
        .bind("enabled_clients", &new.enabled_clients)
        .bind("author", author.literal())
        .fetch_one(db)
        .await;
    created.map_err(|error| {
        let conflicts = [
            NAME_IN_DELETION,
            ("connections_name_key", codes::CONNECTION_EXISTS),
            ("connection_clients_client_fkey", codes::INEXISTENT_CLIENT),
        ];
        db::constraint_error(error, &conflicts)
    })
}

static FETCH: Statement = Statement::new("connections.fetch", include_str!("sql/fetch.sql"));

pub(super) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    Ok(FETCH.bind("tenant_id", tenant).bind("connection_id", id).fetch_optional(db).await?)
}

static LIST: Statement = Statement::new("connections.list", include_str!("sql/list.sql"));

#[derive(sqlx::FromRow)]
struct Listed {
    total: Option<i64>,
    #[sqlx(flatten)]
    connection: Nullable<Stored>,
}

/// A page of the connections. A numbered page always has the total, which its `Link` header needs.
pub(super) async fn list(
    db: &Db,
    tenant: &str,
    filter: &Filter,
    with_clients: bool,
    page: &Page,
) -> Result<List<Stored>, Error> {
    let rows: Vec<Listed> = LIST
        .bind("tenant_id", tenant)
        .bind("name", &filter.name)
        .bind("strategies", &filter.strategies)
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .bind("offset", page.start())
        .bind("with_total", matches!(page, Page::Offset { .. }))
        .bind("with_clients", with_clients)
        .fetch_all(db)
        .await?;
    let total = rows.first().and_then(|row| row.total);
    let items = rows.into_iter().filter_map(|row| row.connection.0).collect();
    let mut list = List { items, total, next: None };
    list.end_at(page.limit(), |connection| connection.name.clone());
    Ok(list)
}

static LOCK: Statement = Statement::new("connections.lock", include_str!("sql/lock.sql"));

/// A connection before its change.
#[derive(sqlx::FromRow)]
pub(super) struct Locked {
    pub(super) strategy: String,
    /// With masked secrets.
    pub(super) options: Value,
    /// Sealed.
    pub(super) secrets: Option<Vec<u8>>,
}

/// Locks a connection until the transaction ends; `None` without the connection.
pub(super) async fn lock(tx: &mut Tx, tenant: &str, id: &str) -> Result<Option<Locked>, Error> {
    Ok(LOCK.bind("tenant_id", tenant).bind("connection_id", id).fetch_optional(tx).await?)
}

static UPDATE: Statement = Statement::new("connections.update", include_str!("sql/update.sql"));

/// A change of a connection; `None` keeps what is stored.
pub(super) struct Change<'a> {
    /// New options with masked secrets, and the sealed secrets.
    pub(super) options: Option<(Value, Option<Vec<u8>>)>,
    pub(super) settings: &'a Map<String, Value>,
    pub(super) enabled_clients: Option<&'a [String]>,
    pub(super) if_match: Option<&'a [String]>,
}

#[derive(sqlx::FromRow)]
struct Updated {
    old_etag: String,
    #[sqlx(flatten)]
    connection: Nullable<Stored>,
}

/// Changes the connection that the transaction has locked. The inner error is the present tag, which does not
/// match.
pub(super) async fn update(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    change: &Change<'_>,
    author: &Author,
) -> Result<Result<Stored, String>, Error> {
    let (options, secrets) = change.options.as_ref().map(|(options, secrets)| (options, secrets)).unzip();
    let updated = UPDATE
        .bind("tenant_id", tenant)
        .bind("connection_id", id)
        .bind("options", options)
        .bind("secrets", secrets.and_then(Option::as_deref))
        .bind("settings", Json(change.settings))
        .bind("enabled_clients", change.enabled_clients)
        .bind("if_match", change.if_match)
        .bind("author", author.literal())
        .fetch_one(tx)
        .await;
    let conflicts = [("connection_clients_client_fkey", codes::INEXISTENT_CLIENT)];
    let Updated { old_etag, connection } =
        updated.map_err(|error| db::constraint_error(error, &conflicts))?;
    Ok(connection.0.ok_or(old_etag))
}

static DELETE: Statement = Statement::new("connections.delete", include_str!("sql/delete.sql"));

/// Deletes a connection and queues the erasure of its users; the time of the deletion, which may be an
/// earlier one whose users are not erased yet. `None` if there is nothing to delete.
pub(super) async fn delete(
    db: &Db,
    tenant: &str,
    id: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<Option<OffsetDateTime>, Error> {
    let deleted = DELETE
        .bind("tenant_id", tenant)
        .bind("connection_id", id)
        .bind("now", now)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await?;
    Ok(deleted.map(|(deleted_at,)| deleted_at))
}
