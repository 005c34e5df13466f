//! Organizations: companies and teams that a tenant serves, as far as client grants know them.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/organizations` | `create:organizations` |
//! | `GET /api/v2/organizations`, `GET /api/v2/organizations/{id}`, `GET /api/v2/organizations/name/{name}` | `read:organizations` |
//! | `PATCH /api/v2/organizations/{id}` | `update:organizations` |
//! | `DELETE /api/v2/organizations/{id}` | `delete:organizations` |
//! | `GET /api/v2/organizations/{id}/client-grants`, `GET /api/v2/client-grants/{id}/organizations` | `read:organization_client_grants` |
//! | `POST /api/v2/organizations/{id}/client-grants` | `create:organization_client_grants` |
//! | `DELETE /api/v2/organizations/{id}/client-grants/{grant_id}` | `delete:organization_client_grants` |
//!
//! No two organizations of a tenant have one name. A PATCH replaces what it names, `metadata` as a whole too: Auth0 merges
//! that of users and clients, not that of organizations. An organization has at most 100 client grants; an association
//! goes with the organization or the grant.
//!
//! Deviations and decisions:
//! - There are no members, connections, invitations and roles of organizations: their endpoints are 404, and
//!   `enabled_connections` is refused. What logins would do with branding and a token quota is not there.
//! - Lists are in the order of the ids; `sort` is not heeded. Pages by number end nowhere.
//! - A `null` among `metadata` is left out.
//! - The answer to an association names the grant `grant_id`, as the recorded service does; Auth0's reference says `id`.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::resources::client_grants::model::ClientGrant;
use crate::resources::client_grants::{canonical, with_caller_audience};
use model::{GrantFilter, OrganizationFields};
use store::Added;

/// Makes an organization; its document.
pub async fn create(ctx: &Context, new: &OrganizationFields) -> Result<String> {
    store::create(ctx.db(), &ctx.tenant.id, &ids::prefixed("org"), new, &ctx.author).await
}

/// The organization with an id.
pub async fn fetch(ctx: &Context, id: &str) -> Result<String> {
    Ok(store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or(codes::UNKNOWN_ORGANIZATION)?)
}

/// The organization with a name.
pub async fn fetch_by_name(ctx: &Context, name: &str) -> Result<String> {
    Ok(store::fetch_by_name(ctx.db(), &ctx.tenant.id, name).await?.ok_or(codes::UNKNOWN_ORGANIZATION)?)
}

/// All organizations.
pub async fn list(ctx: &Context, page: &Page) -> Result<List<String>> {
    store::list(ctx.db(), &ctx.tenant.id, page).await
}

/// Changes an organization.
pub async fn update(ctx: &Context, id: &str, patch: &OrganizationFields) -> Result<String> {
    let changed = store::update(ctx.db(), &ctx.tenant.id, id, patch, &ctx.author).await?;
    Ok(changed.ok_or(codes::UNKNOWN_ORGANIZATION)?)
}

/// Deletes an organization with its associations.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    let deleted = store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await?;
    if deleted {
        Ok(())
    } else {
        Err(codes::UNKNOWN_ORGANIZATION.because("The organization does not exist."))
    }
}

/// The client grants associated with an organization.
pub async fn grants(ctx: &Context, id: &str, filter: &GrantFilter, page: &Page) -> Result<List<ClientGrant>> {
    let named = filter.audience.as_deref();
    let audience = named.map(|audience| canonical(ctx, audience));
    let found = store::grants(ctx.db(), &ctx.tenant.id, id, filter, audience, page).await?;
    found.ok_or_else(unknown)?.try_map(|grant| Ok(with_caller_audience(ctx, grant, named)))
}

/// Associates a client grant with an organization.
pub async fn add_grant(ctx: &Context, id: &str, grant_id: &str) -> Result<ClientGrant> {
    match store::add_grant(ctx.db(), &ctx.tenant.id, id, grant_id, &ctx.author).await? {
        Added::Done(grant) => Ok(with_caller_audience(ctx, grant, None)),
        Added::NoSuchGrant => Err(codes::INEXISTENT_CLIENT_GRANT.into()),
        Added::NoSuchOrganization => Err(unknown()),
    }
}

/// Takes a client grant from an organization. That it was not associated is no error.
pub async fn remove_grant(ctx: &Context, id: &str, grant_id: &str) -> Result<()> {
    let exists = store::remove_grant(ctx.db(), &ctx.tenant.id, id, grant_id, &ctx.author).await?;
    if exists { Ok(()) } else { Err(unknown()) }
}

/// The organizations a client grant is associated with.
pub async fn of_grant(ctx: &Context, grant_id: &str, page: &Page) -> Result<List<String>> {
    let found = store::of_grant(ctx.db(), &ctx.tenant.id, grant_id, page).await?;
    Ok(found.ok_or(codes::INEXISTENT_CLIENT_GRANT)?)
}

/// What the endpoints of associations say of an organization that is not there.
fn unknown() -> Error {
    codes::UNKNOWN_ORGANIZATION.because("No organization found by that id")
}
