//! Identities: the accounts that a user logs in with. Linking makes a second user an identity of the first.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/users/{id}/identities` | `update:users`; `update:current_user_identities` for oneself, with `link_with` |
//! | `DELETE /api/v2/users/{id}/identities/{provider}/{user_id}` | `update:users`; `update:current_user_identities` for oneself |
//! | `GET /api/v2/users/{id}/organizations` | `read:users`, `read:organizations` |
//! | `GET /api/v2/users/{id}/enrollments` | `read:users`, `read:current_user` for oneself |
//!
//! The primary keeps its profile and metadata. The secondary is no longer a user: the given attributes of its
//! profile become the `profileData` of its identity, its metadata is discarded, its password keeps working,
//! and its address, username and phone number stay taken within its connection. After unlinking it is a user
//! again, with its `profileData` for a profile and nothing else. Deleting the primary deletes all its
//! identities. Both changes lock the users concerned in one order and write to the journal of both:
//! `user.linked` and `user.unlinked` for the primary, `user.merged` and `user.separated` for the secondary,
//! whose `user_id` names the primary.
//!
//! Deviations and decisions, where Auth0's documentation and recorded traffic say nothing:
//! - The answers to linking and unlinking show `profileData` with every identity, as recorded; the document
//!   of a user shows it with the secondary ones only, since the primary's is the document itself.
//! - A secondary that has identities of its own brings them all along, so that linking loses no account.
//! - Of two requests for the same secondary one succeeds; the other gets `identity_already_exists`, as does a
//!   request for an identity that is linked already, to the same user or another.
//! - A caller with `update:current_user_identities` alone proves by `link_with` that it owns the other
//!   account; naming it by `provider` and `user_id` takes `update:users`. The two forms exclude each other.
//! - Unlinking an unknown identity is 404, but with the prefix left in (`auth0|..`) 200, as recorded.
//! - Attributes outside of `profileData` (`blocked`, counts and times of logins) do not come back by
//!   unlinking.
//! - Errors carry `inexistent_identity`, `identity_already_exists`, `inexistent_connection` (provider or
//!   connection not configured), `invalid_token` (`link_with`) or `operation_not_supported` (the primary
//!   identity).
//! - Organizations have no members and users no second factors: these lists are empty for every user.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::auth;
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::resources::users;
use model::Secondary;

/// Makes another user an identity of this one. Returns the identities after the change, as JSON text.
pub async fn link(ctx: &Context, id: &UserId, secondary: Secondary) -> Result<String> {
    ensure_may_change(ctx, id)?;
    let (secondary, connection_id) = match secondary {
        Secondary::Proven(token) => {
            (auth::link::subject(&ctx.tenant, &ctx.claims, &token, ctx.now.unix_timestamp())?, None)
        }
        Secondary::Named { .. } if !ctx.has("update:users") => return Err(codes::FIELDS_BEYOND_SCOPE.into()),
        Secondary::Named { id, connection_id } => (id, connection_id),
    };
    if secondary == *id {
        return Err(codes::SAME_IDENTITY.into());
    }
    let linked =
        store::link(ctx.db(), &ctx.tenant.id, id, &secondary, connection_id.as_deref(), &ctx.author).await?;
    if let Some(identities) = linked.identities {
        return Ok(identities);
    }
    Err(if !linked.has_primary {
        codes::INEXISTENT_USER
    } else if linked.is_blocked {
        codes::BLOCKED_SECONDARY
    } else if !linked.is_configured {
        codes::PROVIDER_NOT_CONFIGURED
    } else if linked.is_taken {
        codes::IDENTITY_EXISTS
    } else {
        codes::INEXISTENT_SECONDARY
    }
    .into())
}

/// Makes a secondary identity a user again. Returns the identities that are left, as JSON text.
pub async fn unlink(ctx: &Context, id: &UserId, provider: &str, identity_id: &str) -> Result<String> {
    ensure_may_change(ctx, id)?;
    if UserId::of(provider, identity_id) == *id {
        return Err(codes::MAIN_IDENTITY.into());
    }
    let identity = (provider, identity_id);
    let unlinked = store::unlink(ctx.db(), &ctx.tenant.id, id, identity, ctx.now, &ctx.author)
        .await?
        .ok_or(codes::INEXISTENT_USER)?;
    let is_prefixed = UserId::parse(identity_id).is_some_and(|id| id.provider() == provider);
    if unlinked.is_done || is_prefixed {
        Ok(unlinked.identities)
    } else {
        Err(codes::INEXISTENT_IDENTITY.into())
    }
}

fn ensure_may_change(ctx: &Context, id: &UserId) -> Result<()> {
    if ctx.has("update:users") { Ok(()) } else { ctx.must_be(id.as_str()) }
}

/// The organizations of a user: none, if the user exists.
pub async fn organizations(ctx: &Context, id: &UserId) -> Result<()> {
    users::must_exist(ctx, id).await
}

/// The second factors of a user: none, if the user exists.
pub async fn enrollments(ctx: &Context, id: &UserId) -> Result<()> {
    if !ctx.has("read:users") {
        ctx.must_be(id.as_str())?;
    }
    users::must_exist(ctx, id).await
}
