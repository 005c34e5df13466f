//! Client grants: what a client may ask of an API, for itself by client credentials or for people who use it.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/client-grants` | `create:client_grants` |
//! | `GET /api/v2/client-grants`, `GET /api/v2/client-grants/{id}` | `read:client_grants` |
//! | `PATCH /api/v2/client-grants/{id}` | `update:client_grants` |
//! | `DELETE /api/v2/client-grants/{id}` | `delete:client_grants` |
//!
//! A client has at most one grant of a `subject_type` for an API: `client` for tokens of its own, `user` for tokens of
//! people, which matters to APIs whose policy for users is `require_client_grant`. A grant for the Management API can give
//! only scopes that it knows; other APIs are not asked. `allow_all_scopes` gives whatever scopes the API has when a token is
//! issued. A PATCH replaces what it names; `null` removes it, and all of `scope`. Nothing is cached: the next token is
//! issued by what the grant says then.
//!
//! Deviations and decisions:
//! - The Management API may be named by any host of the tenant. It is stored under its own identifier and answered as
//!   the request named it or, to a caller on this machine, as the host that was asked.
//! - `organization_usage` and `allow_any_organization` are kept and answered. No token is for an organization (see
//!   [`crate::auth`]), so a grant that requires one gives none. [`crate::resources::organizations`] has what is associated.
//! - `authorization_details_types` are kept and answered: there are no rich authorization requests.
//! - `default_for`, a grant for all third-party clients at once, is refused.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::auth::scopes;
use crate::base::error::{Result, codes};
use crate::base::page::{List, Page};
use crate::tenancy::is_of_this_machine;
use model::{ClientGrant, ClientGrantPatch, Filter, NewClientGrant};
use store::{Created, Updated};

/// Grants a client the scopes of an API.
pub async fn create(ctx: &Context, new: NewClientGrant) -> Result<ClientGrant> {
    let is_management = ctx.tenant.is_management(&new.audience);
    if is_management && !is_known(&new.scope) {
        return Err(codes::SCOPE_BEYOND_API.into());
    }
    let audience = canonical(ctx, &new.audience);
    match store::create(ctx.db(), &ctx.tenant.id, &new, audience, is_management, &ctx.author).await? {
        Created::Done(grant) => Ok(spoken(ctx, grant, Some(&new.audience))),
        Created::NoSuchClient => Err(codes::UNKNOWN_CLIENT.into()),
        Created::NoSuchApi => Err(codes::INEXISTENT_RESOURCE_SERVER.into()),
    }
}

/// The grant with an id.
pub async fn fetch(ctx: &Context, id: &str) -> Result<ClientGrant> {
    let grant = store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or(codes::INEXISTENT_CLIENT_GRANT)?;
    Ok(spoken(ctx, grant, None))
}

/// All grants, or those a filter lets through.
pub async fn list(ctx: &Context, mut filter: Filter, page: &Page) -> Result<List<ClientGrant>> {
    let named = filter.audience.take();
    filter.audience = named.as_deref().map(|audience| canonical(ctx, audience).to_owned());
    let found = store::list(ctx.db(), &ctx.tenant.id, &filter, page).await?;
    found.try_map(|grant| Ok(spoken(ctx, grant, named.as_deref())))
}

/// Changes a grant.
pub async fn update(ctx: &Context, id: &str, patch: &ClientGrantPatch) -> Result<ClientGrant> {
    let is_known = patch.scope.as_deref().is_none_or(is_known);
    let refused_for = (!is_known).then_some(ctx.tenant.audience.as_str());
    match store::update(ctx.db(), &ctx.tenant.id, id, patch, refused_for, &ctx.author).await? {
        Updated::Done(grant) => Ok(spoken(ctx, grant, None)),
        Updated::Refused => Err(codes::SCOPE_BEYOND_API.into()),
        Updated::NoSuchGrant => Err(codes::INEXISTENT_CLIENT_GRANT.into()),
    }
}

/// Takes a grant away. That there is none is no error.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await
}

/// Does the Management API know all of these?
fn is_known(scope: &[String]) -> bool {
    scope.iter().all(|scope| scopes::ALL.contains(&scope.as_str()))
}

/// The name an API is stored under.
pub(crate) fn canonical<'a>(ctx: &'a Context, audience: &'a str) -> &'a str {
    if ctx.tenant.is_management(audience) { &ctx.tenant.audience } else { audience }
}

/// The grant with its API by the name that the caller knows it by.
pub(crate) fn spoken(ctx: &Context, mut grant: ClientGrant, named: Option<&str>) -> ClientGrant {
    if grant.audience == ctx.tenant.audience {
        let host = ctx.origin.split_once("://").map(|(_, host)| host);
        let local =
            host.filter(|host| is_of_this_machine(host)).map(|host| format!("https://{host}/api/v2/"));
        let name = named.map(str::to_owned).or(local.filter(|name| ctx.tenant.is_management(name)));
        grant.audience = name.unwrap_or(grant.audience);
    }
    grant
}
