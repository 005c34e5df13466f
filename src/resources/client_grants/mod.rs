//! Client grants: the scopes of an API that a client can get, for itself by client credentials or for its
//! users.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/client-grants` | `create:client_grants` |
//! | `GET /api/v2/client-grants`, `GET /api/v2/client-grants/{id}` | `read:client_grants` |
//! | `PATCH /api/v2/client-grants/{id}` | `update:client_grants` |
//! | `DELETE /api/v2/client-grants/{id}` | `delete:client_grants` |
//!
//! A client has at most one grant of each `subject_type` for an API: `client` for tokens of the client
//! itself, `user` for tokens of its users, which APIs with the user policy `require_client_grant` demand. A
//! grant for the Management API can contain only scopes of that API; the scopes of other APIs are not
//! checked. `allow_all_scopes` grants the scopes that the API has when a token is issued, and hides `scope`. A
//! PATCH replaces the properties that it names; `null` removes one, and clears `scope`. Nothing is cached: a
//! change applies to the next token.
//!
//! Deviations and decisions:
//! - A request can name the Management API by any host of the tenant. The grant is stored under the API's own
//!   identifier and answered under the one at the host of the request (`Context::management_audience`).
//! - `organization_usage` and `allow_any_organization` are stored and answered. No token is issued for an
//!   organization (see [`crate::auth`]), so a grant that requires one allows no token.
//!   [`crate::resources::organizations`] associates grants.
//! - `authorization_details_types` are stored and answered without effect: rich authorization requests are
//!   not supported.
//! - `default_for`, a grant for all third-party clients, is stored and answered without effect: a client needs
//!   a grant of its own. It names no client.
//! - A client of type `express_configuration` gets no grants, as recorded.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::auth::published_scopes::is_published;
use crate::base::error::{Result, codes};
use crate::base::page::{List, Page};
use model::{ClientGrant, ClientGrantPatch, Filter, NewClientGrant};
use store::{CreateOutcome, UpdateOutcome};

pub async fn create(ctx: &Context, new: NewClientGrant) -> Result<ClientGrant> {
    let is_management = ctx.tenant.is_management(&new.audience);
    if is_management && !has_management_scopes(&new.scope) {
        return Err(codes::SCOPE_BEYOND_API.into());
    }
    let audience = canonical(ctx, &new.audience);
    match store::create(ctx.db(), &ctx.tenant.id, &new, audience, is_management, &ctx.author).await? {
        CreateOutcome::Created(grant) => Ok(with_caller_audience(ctx, grant)),
        CreateOutcome::IsExpressConfiguration => Err(codes::GRANT_OF_EXPRESS_CONFIGURATION.into()),
        CreateOutcome::NoSuchClient => Err(codes::UNKNOWN_CLIENT.into()),
        CreateOutcome::NoSuchApi => Err(codes::INEXISTENT_RESOURCE_SERVER.into()),
    }
}

pub async fn fetch(ctx: &Context, id: &str) -> Result<ClientGrant> {
    let grant = store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or(codes::INEXISTENT_CLIENT_GRANT)?;
    Ok(with_caller_audience(ctx, grant))
}

pub async fn list(ctx: &Context, mut filter: Filter, page: &Page) -> Result<List<ClientGrant>> {
    filter.audience = filter.audience.take().map(|audience| canonical(ctx, &audience).to_owned());
    let found = store::list(ctx.db(), &ctx.tenant.id, &filter, page).await?;
    found.try_map(|grant| Ok(with_caller_audience(ctx, grant)))
}

pub async fn update(ctx: &Context, id: &str, patch: &ClientGrantPatch) -> Result<ClientGrant> {
    let is_for_any_api = patch.scope.as_deref().is_none_or(has_management_scopes);
    let refused_audience = (!is_for_any_api).then_some(ctx.tenant.audience.as_str());
    match store::update(ctx.db(), &ctx.tenant.id, id, patch, refused_audience, &ctx.author).await? {
        UpdateOutcome::Updated(grant) => Ok(with_caller_audience(ctx, grant)),
        UpdateOutcome::Refused => Err(codes::SCOPE_BEYOND_API.into()),
        UpdateOutcome::NoSuchGrant => Err(codes::INEXISTENT_CLIENT_GRANT.into()),
    }
}

/// Deletes a grant. An unknown id is no error.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await
}

/// True if the Management API has all of these scopes.
fn has_management_scopes(scope: &[String]) -> bool {
    scope.iter().all(|scope| is_published(scope))
}

/// The identifier under which the grants for an API are stored.
pub(crate) fn canonical<'a>(ctx: &'a Context, audience: &'a str) -> &'a str {
    if ctx.tenant.is_management(audience) { &ctx.tenant.audience } else { audience }
}

/// A grant with the Management API's identifier at the host of the request.
pub(crate) fn with_caller_audience(ctx: &Context, mut grant: ClientGrant) -> ClientGrant {
    if grant.audience == ctx.tenant.audience {
        grant.audience = ctx.management_audience();
    }
    grant
}
