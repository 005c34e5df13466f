//! Roles, and who has them. What a role may do is told by [`crate::resources::permissions`].
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
//! Creation answers 200, deletion 200 with `{}`, and a role that does not exist is a 404 without an `errorCode`.
//! Assignments are all or nothing; what is assigned already, or was not, is no error and leaves no trace. A tenant has at
//! most 1,000 roles and a user at most 50, which Postgres holds against any race. Members are listed in the order in which
//! they were assigned, then by id; `next` names the last one of its part.
//!
//! Deviations and decisions:
//! - Auth0's text asks `GET /users/{id}/roles` for `read:role_members` as well. It is younger than the other two, and the
//!   SDKs' own tokens lack it, so the two are enough.
//! - A name has 1 to 300 characters; names that differ in case are different names. Roles are listed by name.
//! - A role without a description is answered without one.
//! - Members lists are cut at the tenant's `offset_cap` as the list of users is.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids::{self, UserId};
use crate::base::page::{List, Page};
use crate::resources::users::{self, model::User};
use model::{Checkpoint, RoleFields};

/// Makes a role; its document.
pub async fn create(ctx: &Context, new: RoleFields) -> Result<String> {
    store::create(ctx.db(), &ctx.tenant.id, &ids::prefixed("rol"), &new, &ctx.author).await
}

/// The document of a role.
pub async fn fetch(ctx: &Context, id: &str) -> Result<String> {
    store::fetch(ctx.db(), &ctx.tenant.id, id).await?.ok_or_else(|| codes::INEXISTENT_ROLE.into())
}

/// The documents of all roles, or of those with a text in their names, in upper or lower case.
pub async fn list(ctx: &Context, name_filter: Option<&str>, page: &Page) -> Result<List<String>> {
    store::list(ctx.db(), &ctx.tenant.id, name_filter, page).await
}

/// Changes a role; its document.
pub async fn update(ctx: &Context, id: &str, fields: RoleFields) -> Result<String> {
    let changed = store::update(ctx.db(), &ctx.tenant.id, id, &fields, &ctx.author).await?;
    changed.ok_or_else(|| codes::INEXISTENT_ROLE.into())
}

/// Deletes a role, which takes it away from everybody.
pub async fn delete(ctx: &Context, id: &str) -> Result<()> {
    let existed = store::delete(ctx.db(), &ctx.tenant.id, id, &ctx.author).await?;
    if existed { Ok(()) } else { Err(codes::INEXISTENT_ROLE.into()) }
}

/// Those who have a role.
pub async fn members(ctx: &Context, id: &str, page: &Page) -> Result<List<User>> {
    let (cap, limit) = (ctx.tenant.compat.offset_cap, usize::try_from(page.limit()).unwrap_or(usize::MAX));
    if let (Page::Offset { page: number, .. }, Some(cap), Err(_)) = (page, cap, page.clone().within(cap)) {
        return Err(codes::INVALID_PAGING.because(format!("Requesting page {number} exceeds the allowed maximum of {cap} records. To fetch results beyond {cap}, use the checkpoint pagination method.")));
    }
    let after = match page {
        Page::Checkpoint { from: Some(from), .. } => Checkpoint::read(from)?,
        _ => Checkpoint::start(),
    };
    let found = store::members(ctx.db(), &ctx.tenant.id, id, page, &after).await?;
    let mut found = found.ok_or(codes::INEXISTENT_ROLE)?;
    // One more than asked for was read to know whether there are more.
    let is_last = matches!(page, Page::Offset { .. }) || found.items.len() <= limit;
    found.items.truncate(limit);
    let next = found.items.last().filter(|_| !is_last).map(Checkpoint::write).transpose()?;
    let user_ids: Vec<String> = found.items.into_iter().map(|member| member.user_id).collect();
    Ok(List { items: users::fetch_all(ctx, &user_ids).await?, total: found.total, next })
}

/// Gives a role to users: to all of them, or to nobody if one does not exist.
pub async fn add_members(ctx: &Context, id: &str, user_ids: &[String]) -> Result<()> {
    if user_ids.is_empty() {
        return fetch(ctx, id).await.map(drop);
    }
    let unknown_user = codes::INEXISTENT_MEMBER;
    store::assign(ctx.db(), &ctx.tenant.id, user_ids, &[id.to_owned()], unknown_user, &ctx.author).await
}

/// The documents of the roles a user has.
pub async fn of_user(ctx: &Context, user_id: &UserId, page: &Page) -> Result<List<String>> {
    let found = store::of_user(ctx.db(), &ctx.tenant.id, user_id.as_str(), page).await?;
    found.ok_or_else(|| codes::INEXISTENT_USER.into())
}

/// Gives roles to a user: all of them, or none if one does not exist.
pub async fn assign(ctx: &Context, user_id: &UserId, roles: &[String]) -> Result<()> {
    let user_ids = [user_id.as_str().to_owned()];
    store::assign(ctx.db(), &ctx.tenant.id, &user_ids, roles, codes::INEXISTENT_USER, &ctx.author).await
}

/// Takes roles from a user: all of them, or none if one does not exist.
pub async fn unassign(ctx: &Context, user_id: &UserId, roles: &[String]) -> Result<()> {
    let user_id = user_id.as_str();
    let (user_exists, roles_exist) =
        store::unassign(ctx.db(), &ctx.tenant.id, user_id, roles, &ctx.author).await?;
    match (user_exists, roles_exist) {
        (true, true) => Ok(()),
        (false, _) => Err(codes::INEXISTENT_USER.into()),
        (true, false) => Err(codes::INEXISTENT_ROLE.into()),
    }
}
