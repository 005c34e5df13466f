//! Resource servers: the APIs that tokens are for, and the permissions they know.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/resource-servers` | `create:resource_servers` |
//! | `GET /api/v2/resource-servers`, `GET /api/v2/resource-servers/{id}` | `read:resource_servers` |
//! | `PATCH /api/v2/resource-servers/{id}` | `update:resource_servers` |
//! | `DELETE /api/v2/resource-servers/{id}` | `delete:resource_servers` |
//!
//! `{id}` is the id or the identifier. A PATCH replaces the settings it names, `null` removes one, and answers 200.
//! Postgres keeps the scopes once more as rows of `permissions`; a scope that is removed takes its assignments along,
//! and so does an API, with the client grants for it.
//!
//! The Management API of the tenant is a resource server too. It is computed, not stored: listed first, never changed,
//! never deleted.
//!
//! Deviations and decisions:
//! - The permissions of the Management API cannot be assigned to roles and users: nothing here would heed them.
//! - An API of HS256 has a signing secret, made if none is sent. One that is there stays when the algorithm changes, and
//!   is answered to whoever may read the API.
//! - Two scopes of one value are refused.
//! - The algorithm, lifetime, dialect and client policy of an API hold for the tokens issued for it (see
//!   [`crate::auth`]). Token encryption and proof of possession are kept and answered but cannot be honoured, so no
//!   token is issued for an API that asks for them. The key of an encryption is answered without its `pem`.
//! - `authorization_details`, `consent_policy` and the other policies are kept and answered.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::base::vault::Location;
use model::{NewResourceServer, ResourceServer, ResourceServerPatch, is_symmetric, is_system};
use store::Stored;

/// Makes an API.
pub async fn create(ctx: &Context, mut new: NewResourceServer) -> Result<ResourceServer> {
    if ctx.tenant.is_management(&new.identifier) {
        return Err(codes::RESERVED_IDENTIFIER.into());
    }
    if is_symmetric(&new.settings) {
        new.signing_secret.get_or_insert_with(ids::client_secret);
    }
    let id = ids::identity(ctx.now);
    let sealed = new.signing_secret.as_deref().map(|secret| seal(ctx, &id, secret)).transpose()?;
    let stored = store::create(ctx.db(), &ctx.tenant.id, &id, &new, sealed.as_deref(), &ctx.author).await?;
    open(ctx, stored)
}

/// The API with an id or identifier.
pub async fn fetch(ctx: &Context, id: &str) -> Result<ResourceServer> {
    if is_system(&ctx.tenant, id) {
        return Ok(ResourceServer::system(&ctx.tenant));
    }
    let stored = store::fetch(ctx.db(), &ctx.tenant.id, id).await?;
    open(ctx, stored.ok_or(codes::INEXISTENT_RESOURCE_SERVER)?)
}

/// All APIs, or those with some identifiers; the Management API is the first.
pub async fn list(
    ctx: &Context,
    identifiers: Option<&[String]>,
    page: &Page,
) -> Result<List<ResourceServer>> {
    let has_system =
        identifiers.is_none_or(|identifiers| identifiers.iter().any(|i| ctx.tenant.is_management(i)));
    let from = match page {
        Page::Checkpoint { from, .. } => from.as_deref(),
        Page::Offset { .. } => None,
    };
    let is_first = has_system && page.start() == 0 && from.is_none();
    let (limit, offset) =
        (page.limit() - i64::from(is_first), page.start() - i64::from(has_system && page.start() > 0));
    // The Management API comes before all that is stored, whatever its id.
    let from = from.filter(|from| *from != model::system_id(&ctx.tenant));
    // One more than a checkpoint asks for is looked at, to know whether anything follows.
    let more = i64::from(matches!(page, Page::Checkpoint { .. }));
    let totals = page.include_totals();
    let stored =
        store::list(ctx.db(), &ctx.tenant.id, identifiers, from, limit + more, offset, totals).await?;
    let system = is_first.then(|| Ok(ResourceServer::system(&ctx.tenant)));
    let mut items: Vec<ResourceServer> =
        system.into_iter().chain(stored.items.into_iter().map(|s| open(ctx, s))).collect::<Result<_>>()?;
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|last| last.id.clone());
    Ok(List { items, total: stored.total.map(|total| total + i64::from(has_system)), next })
}

/// Changes an API.
pub async fn update(ctx: &Context, id: &str, patch: ResourceServerPatch) -> Result<ResourceServer> {
    if is_system(&ctx.tenant, id) {
        return Err(codes::SYSTEM_RESOURCE_SERVER.into());
    }
    // The id never changes; it has to be known before a secret can be sealed for it.
    let found = store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or(codes::INEXISTENT_RESOURCE_SERVER)?;
    let wanted = patch.signing_secret.clone();
    let secret = wanted.or_else(|| patch.is_symmetric().then(ids::client_secret));
    let sealed = secret.map(|secret| seal(ctx, &found.id, &secret)).transpose()?;
    let stored =
        store::update(ctx.db(), &ctx.tenant.id, &found.id, &patch, sealed.as_deref(), &ctx.author).await?;
    open(ctx, stored.ok_or(codes::INEXISTENT_RESOURCE_SERVER)?)
}

/// Deletes an API. That there is none is no error.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    if is_system(&ctx.tenant, id) {
        return Err(codes::SYSTEM_RESOURCE_SERVER.because("System resource servers cannot be deleted."));
    }
    store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await
}

fn seal(ctx: &Context, id: &str, secret: &str) -> Result<Vec<u8>> {
    ctx.app.vault.seal(&Location::ResourceServers.row(&ctx.tenant.id, id), secret.as_bytes())
}

fn open(ctx: &Context, stored: Stored) -> Result<ResourceServer> {
    let sealed = stored.signing_secret.as_deref();
    let secret = sealed
        .map(|sealed| ctx.app.vault.open(&Location::ResourceServers.row(&ctx.tenant.id, &stored.id), sealed))
        .transpose()?;
    Ok(ResourceServer {
        id: stored.id,
        identifier: stored.identifier,
        is_system: false,
        settings: stored.settings,
        signing_secret: secret.map(|secret| String::from_utf8_lossy(&secret).into_owned()),
    })
}
