//! Permissions: what roles and users may do with the APIs of [`crate::resources::resource_servers`].
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `GET /api/v2/roles/{id}/permissions` | `read:roles` |
//! | `POST`, `DELETE /api/v2/roles/{id}/permissions` | `update:roles` |
//! | `GET /api/v2/users/{id}/permissions` | `read:users` |
//! | `POST`, `DELETE /api/v2/users/{id}/permissions` | `update:users` |
//!
//! Permissions are added all or not at all; a permission that does not exist is a 404. What is there already, or was
//! not, is no error and leaves no trace. A role or user has at most 1,000 of its own, which Postgres holds against any
//! race. A user's list has each permission once, with all its sources: given directly, or by which role.
//!
//! Deviations and decisions:
//! - Removing what does not exist, even of an API that does not exist, is no error.
//! - Lists are in the order of the APIs' identifiers, then of the permissions' names; sources have `DIRECT` first, then
//!   roles by name.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Error, Meaning, Result, codes};
use crate::base::page::{List, Page};
use model::{Owner, Permission};
use store::Added;

/// The documents of what a role or user may do.
pub async fn list(ctx: &Context, owner: Owner<'_>, page: &Page) -> Result<List<String>> {
    store::list(ctx.db(), &ctx.tenant.id, owner, page).await?.ok_or_else(|| inexistent(owner).into())
}

/// Allows something to a role or user.
pub async fn add(ctx: &Context, owner: Owner<'_>, permissions: &[Permission]) -> Result<()> {
    match store::add(ctx.db(), &ctx.tenant.id, owner, permissions, &ctx.author).await? {
        Added::All => Ok(()),
        Added::NoSuchOwner => Err(inexistent(owner).into()),
        Added::NoSuchPermission { permission, server_exists } => Err(match (owner, server_exists) {
            (Owner::Role(_), false) => {
                codes::INEXISTENT_RESOURCE_SERVER.because("The resource server does not exist.")
            }
            _ => unknown(&permission),
        }),
    }
}

/// Forbids what was allowed to a role or user.
pub async fn remove(ctx: &Context, owner: Owner<'_>, permissions: &[Permission]) -> Result<()> {
    let owner_exists = store::remove(ctx.db(), &ctx.tenant.id, owner, permissions, &ctx.author).await?;
    if owner_exists { Ok(()) } else { Err(inexistent(owner).into()) }
}

/// The permissions of an API: all there are, and those that a user has.
pub(crate) struct Permitted {
    pub all: Vec<String>,
    pub of_user: Vec<String>,
}

/// What a user may do with an API.
pub(crate) async fn of_user(ctx: &Context, user_id: &str, resource_server_id: &str) -> Result<Permitted> {
    store::permitted(ctx.db(), &ctx.tenant.id, user_id, resource_server_id).await
}

fn inexistent(owner: Owner<'_>) -> Meaning {
    match owner {
        Owner::Role(_) => codes::INEXISTENT_ROLE,
        Owner::User(_) => codes::INEXISTENT_USER,
    }
}

fn unknown(permission: &Permission) -> Error {
    let Permission { resource_server_identifier: server, permission_name: name } = permission;
    codes::INEXISTENT_PERMISSION.because(format!("This permission does not exist: '{server} - {name}'"))
}
