//! Connections: where users are kept, and what is asked of them there.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/connections` | `create:connections` |
//! | `GET /api/v2/connections`, `GET /api/v2/connections/{id}`, `GET /api/v2/connections/{id}/clients` | `read:connections` |
//! | `PATCH /api/v2/connections/{id}`, `PATCH /api/v2/connections/{id}/clients` | `update:connections` |
//! | `DELETE /api/v2/connections/{id}` | `delete:connections` |
//! | `DELETE /api/v2/connections/{id}/users` | `delete:users` |
//! | `GET /api/v2/clients/{id}/connections` | `read:connections` with `read:clients` or `read:client_summary` |
//!
//! A connection of strategy `auth0` is a database of users. Its options are kept and answered as they were sent; what is
//! enforced of them is in [`model::Options`]. A change replaces `options` whole: of what it leaves out only
//! `authentication_methods`, `passkey_options` and `brute_force_protection` come back, with their defaults. The rest of
//! the document is replaced member by member.
//!
//! A connection of any other strategy is a document, so that tools that manage whole tenants find it as they left it.
//! Nobody logs in by it; the Management API makes users in it if it is passwordless (`email`, `sms`).
//!
//! What is secret ([`model::hide`]) is sealed by the vault, all of a connection's together, and answered to
//! whoever may read connections, as Auth0 does; the journal shows `*****`. Nothing about connections is cached: a change
//! holds for the next request on every instance.
//!
//! They are listed in the order of their names. `fields` always leaves `is_domain_connection` in, as recorded. Of a
//! connection that a tenant file enables for every client, `enabled_clients` shows all there are; disabling it for one
//! of them enables it for all others that there are by then. Deleting a client takes it out of all connections.
//!
//! Users are known by identifiers: an e-mail address and, with `requires_username`, a username; or, where a connection
//! has `attributes`, by those that these name ([`Connection::demand`], [`Connection::identifies`]).
//!
//! Deleting a connection is told in [`deletion`].
//!
//! Deviations and decisions:
//! - `requires_username` allows usernames and makes signup ask for one; the Management API makes a user without one all
//!   the same, as the recorded imports do. What `attributes` require is required everywhere.
//! - A phone number is a plain attribute unless `attributes` make it an identifier.
//! - Without `passwordPolicy` passwords have to be good. Of `password_options` the least length is enforced.
//!   `password_history`, `password_dictionary` and `password_no_personal_info` are kept, not enforced; neither are
//!   `unique: false` and `allowed_types` of attributes.
//! - Custom databases are kept, not carried out: users are in Roster's own store whatever `customScripts` say.
//! - `realms` are kept; people log in by the connection's name. They may repeat those of another connection.
//! - Options are answered to `read:connections`; the newer `read:connections_options` is not asked for.
//! - A secret that a change of `options` leaves out is gone, as whatever else it leaves out.
//! - Providers are not asked for their metadata: an OpenID Connect connection has the `options` that were sent.
//! - A client that a request enables has to be there: 404 on `/clients`, 400 in `enabled_clients`.
//! - Beyond Auth0: `ETag` and `If-Match`. That a client was deleted changes no tag.

mod fields;
pub mod model;
pub mod routes;
pub(crate) mod store;

pub use model::{
    Active, Attribute, Attributes, Connection, Lengths, Options, PasswordComplexity, Range, Signup,
    Validation,
};

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::base::vault::Location;
use crate::db::Db;
use model::{ClientsPatch, ConnectionPatch, Document, Filter, NewConnection};
use store::{Change, Stored};

/// Makes a connection.
pub async fn create(ctx: &Context, mut new: NewConnection) -> Result<Document> {
    let id = ids::prefixed("con");
    let secrets = seal(ctx, &id, &model::hide(&new.strategy, &mut new.options))?;
    let stored = store::create(ctx.db(), &ctx.tenant.id, &id, &new, secrets.as_deref(), &ctx.author).await?;
    open(ctx, stored)
}

/// The connection with an id.
pub async fn fetch(ctx: &Context, id: &str) -> Result<Document> {
    let stored = store::fetch(ctx.db(), &ctx.tenant.id, id).await?;
    open(ctx, stored.ok_or(codes::UNKNOWN_CONNECTION)?)
}

/// All connections, or those a filter lets through; with the clients that may use them only where that is asked.
pub async fn list(ctx: &Context, filter: &Filter, with_clients: bool, page: &Page) -> Result<List<Document>> {
    let stored = store::list(ctx.db(), &ctx.tenant.id, filter, with_clients, page).await?;
    stored.try_map(|stored| open(ctx, stored))
}

/// The connections that a client may use, without the other clients that may.
pub async fn list_of_client(
    ctx: &Context,
    client_id: &str,
    mut filter: Filter,
    page: &Page,
) -> Result<List<Document>> {
    if !ctx.has("read:clients") && !ctx.has("read:client_summary") {
        return Err(codes::INSUFFICIENT_SCOPE.because(
            "Insufficient scope; expected: read:connections and any of: read:clients or read:client_summary",
        ));
    }
    crate::resources::clients::must_exist(ctx, client_id).await?;
    filter.client_id = Some(client_id.to_owned());
    list(ctx, &filter, false, page).await
}

/// Changes a connection.
pub async fn update(
    ctx: &Context,
    id: &str,
    patch: &ConnectionPatch<'_>,
    if_match: Option<Vec<String>>,
) -> Result<Document> {
    let begun = store::begin_change(ctx.db(), &ctx.tenant.id, id).await?;
    let (tx, strategy) = begun.ok_or(codes::UNKNOWN_CONNECTION)?;
    let options = match &patch.options {
        None => None,
        Some(sent) => {
            let mut options = model::options(&strategy, sent, false)?;
            let secrets = seal(ctx, id, &model::hide(&strategy, &mut options))?;
            Some((options, secrets))
        }
    };
    let change = Change {
        options,
        settings: &patch.settings,
        enabled_clients: patch.enabled_clients.as_deref(),
        if_match: if_match.as_deref(),
    };
    match store::update(tx, &ctx.tenant.id, id, &change, &ctx.author).await? {
        Ok(stored) => open(ctx, stored),
        Err(etag) => Err(Error::mismatch(etag)),
    }
}

/// Deletes a connection; since when it is being deleted, and nothing if it is not there any more.
pub async fn delete(ctx: &Context, id: &str) -> Result<Option<OffsetDateTime>> {
    store::delete(ctx.db(), &ctx.tenant.id, id, ctx.now, &ctx.author).await
}

/// The ids of the clients that may use a connection.
pub async fn clients(ctx: &Context, id: &str, page: &Page) -> Result<List<String>> {
    let clients = store::clients(ctx.db(), &ctx.tenant.id, id, page).await?;
    clients.ok_or_else(|| codes::UNKNOWN_CONNECTION.into())
}

/// Enables a connection for clients, disables it for others, and leaves it as it is for the rest.
pub async fn set_clients(ctx: &Context, id: &str, patch: &ClientsPatch) -> Result<()> {
    let begun = store::begin_change(ctx.db(), &ctx.tenant.id, id).await?;
    let (tx, _) = begun.ok_or(codes::UNKNOWN_CONNECTION)?;
    let done = store::set_clients(tx, &ctx.tenant.id, id, patch, &ctx.author).await?;
    if done { Ok(()) } else { Err(codes::UNKNOWN_CLIENT.into()) }
}

fn seal(ctx: &Context, id: &str, secrets: &BTreeMap<String, Value>) -> Result<Option<Vec<u8>>> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_vec(secrets).map_err(Error::internal)?;
    ctx.app.vault.seal(&Location::Connections.row(&ctx.tenant.id, id), &text).map(Some)
}

fn open(ctx: &Context, mut stored: Stored) -> Result<Document> {
    if let Some(sealed) = &stored.secrets {
        let text =
            ctx.app.vault.open(&Location::Connections.row(&ctx.tenant.id, &stored.connection_id), sealed)?;
        model::reveal(&mut stored.options, serde_json::from_slice(&text).map_err(Error::internal)?);
    }
    Ok(Document {
        id: stored.connection_id,
        name: stored.name,
        strategy: stored.strategy,
        options: stored.options,
        settings: stored.settings,
        enabled_clients: stored.enabled_clients,
        etag: stored.etag,
    })
}

/// A connection by its name.
pub async fn by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>> {
    store::by_name(db, tenant, name).await
}

/// A database connection that a client of the tenant may use: by its name, or the first one there is for this client.
pub async fn for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    name: Option<&str>,
) -> Result<Option<Connection>> {
    match name {
        Some(name) => store::by_name_for_client(db, tenant, client_id, name).await,
        None => store::first_for_client(db, tenant, client_id).await,
    }
}
