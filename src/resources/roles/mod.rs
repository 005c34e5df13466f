//! Roles and their members. The permissions of a role are in [`crate::resources::permissions`].
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/roles` | `create:roles` |
//! | `GET /api/v2/roles`, `GET /api/v2/roles/{id}` | `read:roles` |
//! | `PATCH /api/v2/roles/{id}` | `update:roles` |
//! | `DELETE /api/v2/roles/{id}` | `delete:roles` |
//! | `GET /api/v2/roles/{id}/users`, `GET /api/v2/users/{id}/roles` | all of `read:users`, `read:roles` |
//! | `POST /api/v2/roles/{id}/users` | `update:roles`, `create:role_members` |
//! | `POST /api/v2/users/{id}/roles` | `update:users`, `create:role_members` |
//! | `DELETE /api/v2/users/{id}/roles` | `update:users`, `delete:role_members` |
//!
//! Creation is answered with 200, deletion with 200 and `{}`. The 404 for an unknown role has no `errorCode`.
//! Assignments are all or nothing. To assign a role again, or to remove a role that is not assigned, is no
//! error and writes no journal entry. A tenant has at most 1,000 roles and a user at most 50: triggers in
//! PostgreSQL lock the owner and count, so concurrent requests cannot exceed the limit. Members are listed in
//! the order of assignment, then by id; `next` names the last member of the page.
//!
//! Deviations and decisions:
//! - Auth0's documentation also requires `read:role_members` for `GET /users/{id}/roles`. That scope is
//!   younger than the other two, and the tokens of the SDKs lack it, so the two are enough.
//! - A name has 1 to 300 characters and is case-sensitive. Roles are listed by name.
//! - The answer to the creation of a role without a description lacks the attribute; later answers have `""`,
//!   as recorded.
//! - A role of type `organization` belongs to the organization `owner_id` and is deleted with it. Otherwise it
//!   is a role like any other: organizations have no members.
//! - Lists of members end at the tenant's `offset_cap`, as lists of users do.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids::{self, UserId};
use crate::base::page::{List, Page};
use crate::resources::users::{self, model::User};
use model::{Checkpoint, NewRole, RolePatch};

/// Creates a role; its document.
pub async fn create(ctx: &Context, new: NewRole) -> Result<String> {
    store::create(ctx.db(), &ctx.tenant.id, &ids::prefixed("rol"), &new, &ctx.author).await
}

/// The document of a role.
pub async fn fetch(ctx: &Context, id: &str) -> Result<String> {
    store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or_else(|| codes::INEXISTENT_ROLE.into())
}

/// The documents of roles, by name; with a filter of those whose name contains it, in upper or lower case.
pub async fn list(ctx: &Context, name_filter: Option<&str>, page: &Page) -> Result<List<String>> {
    store::list(ctx.db(), &ctx.tenant.id, name_filter, page).await
}

/// Changes a role; its document.
pub async fn update(ctx: &Context, id: &str, patch: RolePatch) -> Result<String> {
    let changed = store::update(ctx.db(), &ctx.tenant.id, id, &patch, &ctx.author).await?;
    changed.ok_or_else(|| codes::INEXISTENT_ROLE.into())
}

/// Deletes a role, with its members and permissions.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    let existed = store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await?;
    if existed { Ok(()) } else { Err(codes::INEXISTENT_ROLE.into()) }
}

/// The members of a role.
pub async fn list_members(ctx: &Context, id: &str, page: &Page) -> Result<List<User>> {
    let cap = ctx.tenant.compat.offset_cap;
    if let (Page::Offset { page: number, .. }, Some(cap), Err(_)) = (page, cap, page.clone().within(cap)) {
        return Err(codes::INVALID_PAGING.with_message(format!(
            "Requesting page {number} exceeds the allowed maximum of {cap} records. To fetch results beyond {cap}, \
             use the checkpoint pagination method."
        )));
    }
    let after = match page.from() {
        Some(from) => Checkpoint::read(from)?,
        None => Checkpoint::start(),
    };
    let members = store::list_members(ctx.db(), &ctx.tenant.id, id, page, &after).await?;
    let mut members = members.ok_or(codes::INEXISTENT_ROLE)?;
    // By checkpoint one member more than the page holds is fetched, so that the last page is known.
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let is_last = members.items.len() <= limit;
    members.items.truncate(limit);
    let next = members.items.last().filter(|_| !is_last).map(Checkpoint::write).transpose()?;
    let user_ids: Vec<String> = members.items.into_iter().map(|member| member.user_id).collect();
    Ok(List { items: users::fetch_all(ctx, &user_ids).await?, total: members.total, next })
}

/// Assigns a role to users: to all of them, or to none if one does not exist.
pub async fn add_members(ctx: &Context, id: &str, user_ids: &[String]) -> Result<()> {
    if user_ids.is_empty() {
        return fetch(ctx, id).await.map(drop);
    }
    let unknown_user = codes::INEXISTENT_MEMBER;
    store::assign(ctx.db(), &ctx.tenant.id, user_ids, &[id.to_owned()], unknown_user, &ctx.author).await
}

/// The documents of the roles of a user, by name.
pub async fn list_of_user(ctx: &Context, user_id: &UserId, page: &Page) -> Result<List<String>> {
    let roles = store::list_of_user(ctx.db(), &ctx.tenant.id, user_id.as_str(), page).await?;
    roles.ok_or_else(|| codes::INEXISTENT_USER.into())
}

/// Assigns roles to a user: all of them, or none if one does not exist.
pub async fn assign(ctx: &Context, user_id: &UserId, role_ids: &[String]) -> Result<()> {
    let user_ids = [user_id.as_str().to_owned()];
    store::assign(ctx.db(), &ctx.tenant.id, &user_ids, role_ids, codes::INEXISTENT_USER, &ctx.author).await
}

/// Removes roles from a user: all of them, or none if one does not exist.
pub async fn unassign(ctx: &Context, user_id: &UserId, role_ids: &[String]) -> Result<()> {
    let user_id = user_id.as_str();
    let (user_exists, roles_exist) =
        store::unassign(ctx.db(), &ctx.tenant.id, user_id, role_ids, &ctx.author).await?;
    match (user_exists, roles_exist) {
        (true, true) => Ok(()),
        (false, _) => Err(codes::INEXISTENT_USER.into()),
        (true, false) => Err(codes::INEXISTENT_ROLE.into()),
    }
}
