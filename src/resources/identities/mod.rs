//! Identities: one user, several accounts to log in with. Linking makes a second user an identity of the first.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/users/{id}/identities` | `update:users`; `update:current_user_identities` for oneself, with `link_with` |
//! | `DELETE /api/v2/users/{id}/identities/{provider}/{user_id}` | `update:users`; `update:current_user_identities` for oneself |
//! | `GET /api/v2/users/{id}/organizations` | `read:users`, `read:organizations` |
//! | `GET /api/v2/users/{id}/enrollments` | `read:users`, `read:current_user` for oneself |
//!
//! The primary keeps its profile and metadata. The secondary is no user any more: what it was given of its profile
//! becomes the `profileData` of its identity, its metadata is discarded, its password goes on to work, and its address,
//! username and phone number stay taken within its connection. Unlinked, it is a user of its own again, with its
//! `profileData` for a profile and nothing else. Deleting the primary deletes all its identities. Both changes lock the
//! users they are about, in one order, and are written to the history of both: `user.linked` and `user.unlinked` for the
//! primary, `user.merged` and `user.separated` for the secondary, whose `user_id` tells where it went or came from.
//!
//! Deviations and decisions, where Auth0's documentation and recorded traffic say nothing:
//! - The answers to linking and unlinking show `profileData` with every identity, as recorded; the document of a user
//!   shows it with the secondary ones only, since the primary's is the document itself.
//! - A secondary that has identities of its own brings them all along, so that linking loses no account.
//! - Of two requests that want the same secondary one wins; the other is told that the identity exists, as whoever
//!   links an identity that is linked already, to the same user or another.
//! - A caller with `update:current_user_identities` alone proves by `link_with` that the other account is theirs;
//!   naming it by `provider` and `user_id` takes `update:users`. The two forms exclude each other.
//! - Unlinking an identity that is not there is 404, but with the prefix left in (`auth0|..`) 200, as recorded.
//! - What is not in `profileData` (`blocked`, counts and times of logins) does not come back by unlinking.
//! - Refusals carry `inexistent_identity`, `identity_already_exists`, `inexistent_connection` (provider or connection
//!   not configured), `invalid_token` (`link_with`) or `operation_not_supported` (the main identity).
//! - There are neither members of organizations nor second factors: their lists are empty for every user there is.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::auth;
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::resources::users;
use model::Secondary;

/// Makes another user an identity of this one. The identities after it, as JSON text.
pub async fn link(ctx: &Context, id: &UserId, secondary: Secondary) -> Result<String> {
    may_change(ctx, id)?;
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

/// Makes a secondary identity a user of its own again. The identities that are left, as JSON text.
pub async fn unlink(ctx: &Context, id: &UserId, provider: &str, identity: &str) -> Result<String> {
    may_change(ctx, id)?;
    if UserId::of(provider, identity) == *id {
        return Err(codes::MAIN_IDENTITY.into());
    }
    let unlinked = store::unlink(ctx.db(), &ctx.tenant.id, id, provider, identity, ctx.now, &ctx.author)
        .await?
        .ok_or(codes::INEXISTENT_USER)?;
    let is_prefixed = UserId::parse(identity).is_some_and(|id| id.provider() == provider);
    if unlinked.is_done || is_prefixed {
        Ok(unlinked.identities)
    } else {
        Err(codes::INEXISTENT_IDENTITY.into())
    }
}

fn may_change(ctx: &Context, id: &UserId) -> Result<()> {
    if ctx.has("update:users") { Ok(()) } else { ctx.must_be(id.as_str()) }
}

/// The organizations of a user: none, but only of a user there is.
pub async fn organizations(ctx: &Context, id: &UserId) -> Result<()> {
    users::must_exist(ctx, id).await
}

/// The second factors of a user: none, but only of a user there is.
pub async fn enrollments(ctx: &Context, id: &UserId) -> Result<()> {
    if !ctx.has("read:users") {
        ctx.must_be(id.as_str())?;
    }
    users::must_exist(ctx, id).await
}
