//! Which connections are enabled for which clients.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `GET /api/v2/connections/{id}/clients` | `read:connections` |
//! | `PATCH /api/v2/connections/{id}/clients` | `update:connections` |
//! | `GET /api/v2/clients/{id}/connections` | `read:connections`, and a scope to read clients |
//!
//! `enabled_clients` in the document of a connection replaces all clients; PATCH here adds and removes some.
//!
//! A tenant file can enable a connection for all clients, present and future; lists show the present ones.
//! Disabling it for one client enables it for the other clients that exist at that time. The global client is
//! never enabled.
//!
//! Deviations and decisions:
//! - A client in a PATCH must exist, also to be disabled: 404, and nothing changes.

pub mod model;
pub mod routes;
pub(crate) mod store;

use super::model::{Document, Filter};
use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::page::{List, Page};
use model::ClientsPatch;

/// The ids of the clients that a connection is enabled for, in their order.
pub async fn list(ctx: &Context, connection_id: &str, page: &Page) -> Result<List<String>> {
    let clients = store::list(ctx.db(), &ctx.tenant.id, connection_id, page).await?;
    clients.ok_or_else(|| codes::UNKNOWN_CONNECTION.into())
}

/// Enables a connection for some clients and disables it for others.
pub async fn update(ctx: &Context, connection_id: &str, patch: &ClientsPatch) -> Result<()> {
    let mut tx = ctx.db().begin().await?;
    super::store::lock(&mut tx, &ctx.tenant.id, connection_id).await?.ok_or(codes::UNKNOWN_CONNECTION)?;
    if !store::update(&mut tx, &ctx.tenant.id, connection_id, patch, &ctx.author).await? {
        return Err(codes::UNKNOWN_CLIENT.into());
    }
    Ok(tx.commit().await?)
}

/// The connections that are enabled for a client, without their clients.
pub async fn list_of_client(
    ctx: &Context,
    client_id: &str,
    filter: &Filter,
    page: &Page,
) -> Result<List<Document>> {
    if !ctx.has("read:clients") && !ctx.has("read:client_summary") {
        return Err(codes::INSUFFICIENT_SCOPE.with_message(
            "Insufficient scope; expected: read:connections and any of: read:clients or read:client_summary",
        ));
    }
    let connections = store::list_of_client(ctx.db(), &ctx.tenant.id, client_id, filter, page).await?;
    connections.ok_or(codes::UNKNOWN_CLIENT)?.try_map(|stored| super::open(ctx, stored))
}
