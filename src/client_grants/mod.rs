//! Client grants: what a client may ask of an API by client credentials.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/client-grants` | `create:client_grants` |
//! | `GET /api/v2/client-grants`, `GET /api/v2/client-grants/{id}` | `read:client_grants` |
//! | `PATCH /api/v2/client-grants/{id}` | `update:client_grants` |
//! | `DELETE /api/v2/client-grants/{id}` | `delete:client_grants` |
//!
//! A client has at most one grant for an API. A grant for the Management API can give only scopes that it knows; other
//! APIs are not asked. A PATCH replaces `scope`.
//!
//! Deviations and decisions:
//! - The Management API may be named by any host of the tenant. It is stored under its own identifier and answered as
//!   the request named it or, to a caller on this machine, as the host that was asked.
//! - Grants are for clients alone: `subject_type` is `client`. What organizations, rich authorization requests and
//!   grants for all clients at once would need is refused.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::auth::scopes;
use crate::error::{Result, codes};
use crate::page::{List, Page};
use crate::tenancy::is_of_this_machine;
use model::{ClientGrant, NewClientGrant};
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

/// All grants, or those for an API, of a client, or both.
pub async fn list(
    ctx: &Context,
    audience: Option<&str>,
    client_id: Option<&str>,
    page: &Page,
) -> Result<List<ClientGrant>> {
    let stored = audience.map(|audience| canonical(ctx, audience));
    let found = store::list(ctx.db(), &ctx.tenant.id, stored, client_id, page).await?;
    found.try_map(|grant| Ok(spoken(ctx, grant, audience)))
}

/// Replaces the scopes of a grant.
pub async fn update(ctx: &Context, id: &str, scope: &[String]) -> Result<ClientGrant> {
    let refused_for = (!is_known(scope)).then_some(ctx.tenant.audience.as_str());
    match store::update(ctx.db(), &ctx.tenant.id, id, scope, refused_for, &ctx.author).await? {
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
fn canonical<'a>(ctx: &'a Context, audience: &'a str) -> &'a str {
    if ctx.tenant.is_management(audience) { &ctx.tenant.audience } else { audience }
}

/// The grant with its API by the name that the caller knows it by.
fn spoken(ctx: &Context, mut grant: ClientGrant, named: Option<&str>) -> ClientGrant {
    if grant.audience == ctx.tenant.audience {
        let host = ctx.origin.split_once("://").map(|(_, host)| host);
        let local =
            host.filter(|host| is_of_this_machine(host)).map(|host| format!("https://{host}/api/v2/"));
        let name = named.map(str::to_owned).or(local.filter(|name| ctx.tenant.is_management(name)));
        grant.audience = name.unwrap_or(grant.audience);
    }
    grant
}
