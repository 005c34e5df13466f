//! `connection_clients`: the clients that a connection is enabled for. The lock and the other writers are
//! those of the store of connections.

use crate::base::error::{Error, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Nullable, Statement, Tx};
use crate::journal::Author;
use crate::resources::connections::model::Filter;
use crate::resources::connections::store::Stored;

use super::model::ClientsPatch;

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST, &LIST_OF_CLIENT, &UPDATE];

static LIST: Statement = Statement::new("connection_clients.list", include_str!("sql/list.sql"));

/// A page of the ids of the clients that a connection is enabled for; `None` without the connection.
pub(super) async fn list(
    db: &Db,
    tenant: &str,
    connection_id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let rows: Vec<(Option<String>,)> = LIST
        .bind("tenant_id", tenant)
        .bind("connection_id", connection_id)
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .fetch_all(db)
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut list = List { items: rows.into_iter().filter_map(|(id,)| id).collect(), ..List::default() };
    list.end_at(page.limit(), String::clone);
    Ok(Some(list))
}

static LIST_OF_CLIENT: Statement =
    Statement::new("connection_clients.list_of_client", include_str!("sql/list_of_client.sql"));

/// A page of the connections that are enabled for a client; `None` without the client.
pub(super) async fn list_of_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    filter: &Filter,
    page: &Page,
) -> Result<Option<List<Stored>>, Error> {
    let rows: Vec<Nullable<Stored>> = LIST_OF_CLIENT
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .bind("name", &filter.name)
        .bind("strategies", &filter.strategies)
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .fetch_all(db)
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let items = rows.into_iter().filter_map(|connection| connection.0).collect();
    let mut list = List { items, total: None, next: None };
    list.end_at(page.limit(), |connection| connection.name.clone());
    Ok(Some(list))
}

static UPDATE: Statement = Statement::new("connection_clients.update", include_str!("sql/update.sql"));

/// Enables and disables clients for the connection that the transaction has locked, if all of them exist;
/// `false` otherwise.
pub(super) async fn update(
    tx: &mut Tx,
    tenant: &str,
    connection_id: &str,
    patch: &ClientsPatch,
    author: &Author,
) -> Result<bool, Error> {
    let updated = UPDATE
        .bind("tenant_id", tenant)
        .bind("connection_id", connection_id)
        .bind("enable", &patch.enable)
        .bind("disable", &patch.disable)
        .bind("author", author.literal())
        .fetch_one(tx)
        .await;
    // The client may be deleted after the statement's look at it.
    let conflicts = [("connection_clients_client_fkey", codes::UNKNOWN_CLIENT)];
    let (is_client_missing,): (bool,) = updated.map_err(|error| db::constraint_error(error, &conflicts))?;
    Ok(!is_client_missing)
}
