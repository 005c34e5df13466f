//! Permissions of roles and users: scopes of the APIs of [`crate::resources::resource_servers`].
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `GET /api/v2/roles/{id}/permissions` | `read:roles` |
//! | `POST`, `DELETE /api/v2/roles/{id}/permissions` | `update:roles` |
//! | `GET /api/v2/users/{id}/permissions` | `read:users` |
//! | `POST`, `DELETE /api/v2/users/{id}/permissions` | `update:users` |
//!
//! Permissions are added all or none; an unknown permission is a 404. To add a permission again, or to remove
//! one that is not assigned, is no error and writes no journal entry. A role or user has at most 1,000
//! permissions of its own: triggers in PostgreSQL lock the owner and count, so concurrent requests cannot
//! exceed the limit. The list of a user has each permission once, with all its sources: assigned directly, or
//! by which role.
//!
//! Deviations and decisions:
//! - The removal of an unknown permission, even of an unknown API, is no error.
//! - Lists are in the order of the identifiers of APIs, then of the names of permissions; of the sources,
//!   `DIRECT` is first, then roles follow by name.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Error, ErrorKind, Result, codes};
use crate::base::page::{List, Page};
use model::{Owner, Permission};
use store::Added;

/// The documents of the permissions of a role or user.
pub async fn list(ctx: &Context, owner: Owner<'_>, page: &Page) -> Result<List<String>> {
    store::list(ctx.db(), &ctx.tenant.id, owner, page).await?.ok_or_else(|| inexistent(owner).into())
}

/// Adds permissions to a role or user: all of them, or none.
pub async fn add(ctx: &Context, owner: Owner<'_>, permissions: &[Permission]) -> Result<()> {
    match store::add(ctx.db(), &ctx.tenant.id, owner, permissions, &ctx.author).await? {
        Added::All => Ok(()),
        Added::NoSuchOwner => Err(inexistent(owner).into()),
        Added::NoSuchPermission { permission, server_exists } => Err(match (owner, server_exists) {
            (Owner::Role(_), false) => {
                codes::INEXISTENT_RESOURCE_SERVER.with_message("The resource server does not exist.")
            }
            _ => unknown(&permission),
        }),
    }
}

/// Removes permissions from a role or user.
pub async fn remove(ctx: &Context, owner: Owner<'_>, permissions: &[Permission]) -> Result<()> {
    let owner_exists = store::remove(ctx.db(), &ctx.tenant.id, owner, permissions, &ctx.author).await?;
    if owner_exists { Ok(()) } else { Err(inexistent(owner).into()) }
}

/// The names of permissions of an API.
pub(crate) struct Permitted {
    /// All permissions of the API.
    pub all: Vec<String>,
    /// Those of a user, direct and by roles.
    pub of_user: Vec<String>,
}

/// The permissions of an API, and those that a user has of them.
pub(crate) async fn of_user(ctx: &Context, user_id: &str, resource_server_id: &str) -> Result<Permitted> {
    store::fetch_names(ctx.db(), &ctx.tenant.id, user_id, resource_server_id).await
}

fn inexistent(owner: Owner<'_>) -> ErrorKind {
    match owner {
        Owner::Role(_) => codes::INEXISTENT_ROLE,
        Owner::User(_) => codes::INEXISTENT_USER,
    }
}

fn unknown(permission: &Permission) -> Error {
    let Permission { resource_server_identifier: server, permission_name: name } = permission;
    codes::INEXISTENT_PERMISSION.with_message(format!("This permission does not exist: '{server} - {name}'"))
}
