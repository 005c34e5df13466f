//! Resource servers: the APIs that tokens are issued for, and their permissions.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/resource-servers` | `create:resource_servers` |
//! | `GET /api/v2/resource-servers`, `GET /api/v2/resource-servers/{id}` | `read:resource_servers` |
//! | `PATCH /api/v2/resource-servers/{id}` | `update:resource_servers` |
//! | `DELETE /api/v2/resource-servers/{id}` | `delete:resource_servers` |
//!
//! `{id}` is the id or the identifier. A PATCH replaces the settings that it names, `null` removes one; the
//! answer is 200. A trigger keeps the scopes as rows of `permissions`. The deletion of a scope deletes its
//! assignments to roles and users, and the deletion of an API those of all its scopes, and the client grants
//! for it.
//!
//! The Management API of the tenant is a resource server too. It is computed, not stored: the first in a
//! list, never changed, never deleted. Its identifier at a host of the tenant is `https://HOST/api/v2/`, as in
//! grants and tokens (`Context::management_audience`).
//!
//! A creation with the identifier of another API of Auth0 (`https://HOST/me/`, `urn:auth0:express-configure`)
//! makes that API with its fixed name, scopes and lifetimes. It cannot be changed.
//!
//! Deviations and decisions:
//! - The permissions of the Management API cannot be assigned to roles and users, since they would have no
//!   effect.
//! - An API with HS256 has a signing secret, generated if none is sent. It stays when the algorithm changes,
//!   and every caller who can read the API sees it.
//! - Two scopes with the same value are refused.
//! - `urn:auth0:express-configure` has no scopes, since they are not published.
//! - The algorithm, lifetime, dialect and client policy of an API apply to the tokens issued for it (see
//!   [`crate::auth`]). Token encryption and proof of possession are stored and answered but not supported, so
//!   no token is issued for an API that requires them. The encryption key is answered without its `pem`.
//! - `authorization_details`, `consent_policy` and the other policies are stored and answered without effect.

pub mod model;
pub mod routes;
pub(crate) mod store;

use percent_encoding::percent_decode_str;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::base::vault::Location;
use model::{
    NewResourceServer, ResourceServer, ResourceServerPatch, is_management, is_symmetric, system_settings,
};
use store::{Range, Stored};

pub async fn create(ctx: &Context, mut new: NewResourceServer) -> Result<ResourceServer> {
    if ctx.tenant.is_management(&new.identifier) {
        return Err(codes::RESERVED_IDENTIFIER.into());
    }
    if let Some(mut settings) = system_settings(&ctx.tenant, &new.identifier) {
        let policy = new.settings.remove_entry("authorization_policy");
        settings.extend(policy);
        (new.settings, new.signing_secret) = (settings, None);
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
    match find(ctx, id).await? {
        Some(Found::Management) => Ok(management(ctx)),
        Some(Found::Stored(stored)) => open(ctx, stored),
        None => Err(codes::INEXISTENT_RESOURCE_SERVER.into()),
    }
}

/// An API of the tenant.
enum Found {
    Management,
    Stored(Stored),
}

/// Finds an API by its id or identifier. Some tools encode an identifier twice, so one without an API is
/// decoded once more.
async fn find(ctx: &Context, id: &str) -> Result<Option<Found>> {
    let decoded =
        percent_decode_str(id).decode_utf8().ok().filter(|text| *text != id && !text.contains('\0'));
    for id in [Some(id), decoded.as_deref()].into_iter().flatten() {
        if is_management(&ctx.tenant, id) {
            return Ok(Some(Found::Management));
        }
        if let Some(stored) = store::fetch(ctx.db(), &ctx.tenant.id, id).await? {
            return Ok(Some(Found::Stored(stored)));
        }
    }
    Ok(None)
}

fn management(ctx: &Context) -> ResourceServer {
    ResourceServer::system(&ctx.tenant, ctx.management_audience())
}

/// All APIs, or those with some identifiers; the Management API first.
pub async fn list(
    ctx: &Context,
    identifiers: Option<&[String]>,
    page: &Page,
) -> Result<List<ResourceServer>> {
    let has_system =
        identifiers.is_none_or(|identifiers| identifiers.iter().any(|i| ctx.tenant.is_management(i)));
    let is_first_page = page.start() == 0 && page.from().is_none();
    let system = (has_system && is_first_page).then(|| management(ctx));
    let range = Range {
        // The Management API is not stored: every stored API comes after it.
        from: page.from().filter(|from| *from != model::system_id(&ctx.tenant)),
        limit: page.fetched() - i64::from(system.is_some()),
        offset: page.start() - i64::from(has_system && page.start() > 0),
        with_total: page.include_totals(),
    };
    let stored = store::list(ctx.db(), &ctx.tenant.id, identifiers, range).await?;
    let stored_items = stored.items.into_iter().map(|stored| open(ctx, stored));
    let items = system.into_iter().map(Ok).chain(stored_items).collect::<Result<_>>()?;
    let total = stored.total.map(|total| total + i64::from(has_system));
    let mut list = List { items, total, next: None };
    list.end_at(page.limit(), |server| server.id.clone());
    Ok(list)
}

/// Changes an API. The first change to HS256 generates a secret.
pub async fn update(ctx: &Context, id: &str, patch: ResourceServerPatch) -> Result<ResourceServer> {
    // A secret is sealed for the id, which never changes.
    let found = match find(ctx, id).await?.ok_or(codes::INEXISTENT_RESOURCE_SERVER)? {
        Found::Stored(found) if system_settings(&ctx.tenant, &found.identifier).is_none() => found,
        Found::Stored(_) | Found::Management => return Err(codes::SYSTEM_RESOURCE_SERVER.into()),
    };
    let secret = patch.signing_secret.clone().or_else(|| is_symmetric(&patch.set).then(ids::client_secret));
    let sealed = secret.map(|secret| seal(ctx, &found.id, &secret)).transpose()?;
    let stored =
        store::update(ctx.db(), &ctx.tenant.id, &found.id, &patch, sealed.as_deref(), &ctx.author).await?;
    open(ctx, stored.ok_or(codes::INEXISTENT_RESOURCE_SERVER)?)
}

/// Deletes the API with an id or identifier. An unknown one is no error.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    match find(ctx, id).await? {
        Some(Found::Management) => {
            Err(codes::SYSTEM_RESOURCE_SERVER.with_message("System resource servers cannot be deleted."))
        }
        Some(Found::Stored(found)) => store::delete(ctx.db(), &ctx.tenant.id, &found.id, &ctx.author).await,
        None => Ok(()),
    }
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
        is_system: system_settings(&ctx.tenant, &stored.identifier).is_some(),
        identifier: stored.identifier,
        client_id: stored.client_id,
        settings: stored.settings,
        signing_secret: secret.map(|secret| String::from_utf8_lossy(&secret).into_owned()),
    })
}
