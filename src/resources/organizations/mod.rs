//! Organizations: companies and teams that a tenant serves, as far as client grants need them.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `POST /api/v2/organizations` | `create:organizations` |
//! | `GET /api/v2/organizations`, `GET /api/v2/organizations/{id}` | `read:organizations` |
//! | `GET /api/v2/organizations/name/{name}` | `read:organizations` |
//! | `PATCH /api/v2/organizations/{id}` | `update:organizations` |
//! | `DELETE /api/v2/organizations/{id}` | `delete:organizations` |
//! | `GET /api/v2/organizations/{id}/client-grants` | `read:organization_client_grants` |
//! | `GET /api/v2/client-grants/{id}/organizations` | `read:organization_client_grants` |
//! | `POST /api/v2/organizations/{id}/client-grants` | `create:organization_client_grants` |
//! | `DELETE /api/v2/organizations/{id}/client-grants/{grant_id}` | `delete:organization_client_grants` |
//!
//! The name of an organization is unique in its tenant. A PATCH replaces the members that it names,
//! `metadata` as a whole: Auth0 merges the metadata of users and clients, not of organizations. An
//! organization has at most 100 client grants. The deletion of the organization or of the grant deletes their
//! association.
//!
//! Deviations and decisions:
//! - Organizations have no members, connections, invitations and roles: these endpoints are 404, and
//!   `enabled_connections` is rejected. Branding, token quota, `third_party_client_access` and
//!   `is_app_entitlement_active` are stored without effect.
//! - Lists are in the order of the ids; `sort` is ignored. Numbered pages have no upper bound.
//! - Nulls among `metadata` are dropped.
//! - The answer to a new association names the grant `grant_id`, as the recorded service does; Auth0's
//!   reference says `id`.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::resources::client_grants::model::ClientGrant;
use crate::resources::client_grants::{canonical, with_caller_audience};
use model::{GrantFilter, NewOrganization, OrganizationPatch};
use store::Association;

/// Creates an organization; its document.
pub async fn create(ctx: &Context, new: &NewOrganization) -> Result<String> {
    store::create(ctx.db(), &ctx.tenant.id, &ids::prefixed("org"), new, &ctx.author).await
}

/// The organization with an id.
pub async fn fetch(ctx: &Context, id: &str) -> Result<String> {
    Ok(store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or(codes::UNKNOWN_ORGANIZATION)?)
}

/// The organization with a name.
pub async fn fetch_by_name(ctx: &Context, name: &str) -> Result<String> {
    Ok(store::find_by_name(ctx.db(), &ctx.tenant.id, name).await?.ok_or(codes::UNKNOWN_ORGANIZATION)?)
}

/// A page of the organizations.
pub async fn list(ctx: &Context, page: &Page) -> Result<List<String>> {
    store::list(ctx.db(), &ctx.tenant.id, page).await
}

/// Changes an organization.
pub async fn update(ctx: &Context, id: &str, patch: &OrganizationPatch) -> Result<String> {
    let updated = store::update(ctx.db(), &ctx.tenant.id, id, patch, &ctx.author).await?;
    Ok(updated.ok_or(codes::UNKNOWN_ORGANIZATION)?)
}

/// Deletes an organization with its associations.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    if store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await? {
        Ok(())
    } else {
        Err(codes::UNKNOWN_ORGANIZATION.into())
    }
}

/// A page of the client grants that are associated with an organization.
pub async fn list_grants(
    ctx: &Context,
    id: &str,
    filter: &GrantFilter,
    page: &Page,
) -> Result<List<ClientGrant>> {
    let audience = filter.audience.as_deref().map(|audience| canonical(ctx, audience));
    let grants = store::list_grants(ctx.db(), &ctx.tenant.id, id, filter, audience, page).await?;
    grants.ok_or_else(unknown)?.try_map(|grant| Ok(with_caller_audience(ctx, grant)))
}

/// Associates a client grant with an organization.
pub async fn add_grant(ctx: &Context, id: &str, grant_id: &str) -> Result<ClientGrant> {
    match store::add_grant(ctx.db(), &ctx.tenant.id, id, grant_id, &ctx.author).await? {
        Association::Added(grant) => Ok(with_caller_audience(ctx, grant)),
        Association::NoSuchGrant => Err(codes::INEXISTENT_CLIENT_GRANT.into()),
        Association::NoSuchOrganization => Err(unknown()),
    }
}

/// Removes the association of a client grant with an organization, if it exists.
pub async fn remove_grant(ctx: &Context, id: &str, grant_id: &str) -> Result<()> {
    let has_organization = store::remove_grant(ctx.db(), &ctx.tenant.id, id, grant_id, &ctx.author).await?;
    if has_organization { Ok(()) } else { Err(unknown()) }
}

/// A page of the organizations that a client grant is associated with.
pub async fn list_of_grant(ctx: &Context, grant_id: &str, page: &Page) -> Result<List<String>> {
    let organizations = store::list_of_grant(ctx.db(), &ctx.tenant.id, grant_id, page).await?;
    Ok(organizations.ok_or(codes::INEXISTENT_CLIENT_GRANT)?)
}

/// The error of the endpoints of associations, as recorded.
fn unknown() -> Error {
    codes::UNKNOWN_ORGANIZATION.with_message("No organization found by that id")
}
