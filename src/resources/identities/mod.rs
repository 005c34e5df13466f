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
//!   account; naming it by `provider` and `user_id` takes `update:users`. The two forms exclude each other. The token
//!   ends as the other account's own tokens do ([`crate::auth`]).
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

use time::OffsetDateTime;

use crate::app::Context;
use crate::auth;
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::resources::users;
use model::Secondary;

/// Makes another user an identity of this one. Returns the identities after the change, as JSON text.
pub async fn link(ctx: &Context, id: &UserId, secondary: Secondary) -> Result<String> {
    let issued_at = own_token(ctx, id)?;
    let now = ctx.now.unix_timestamp();
    let (secondary_id, connection_id, proven_at) = match secondary {
        Secondary::Proven(token) => {
            let (id, proven_at) = auth::link::subject(&ctx.tenant, &ctx.claims, &token, now)?;
            (id, None, Some(proven_at))
        }
        Secondary::Named { .. } if issued_at.is_some() => return Err(codes::FIELDS_BEYOND_SCOPE.into()),
        Secondary::Named { id, connection_id } => (id, connection_id, None),
    };
    if secondary_id == *id {
        return Err(codes::SAME_IDENTITY.into());
    }
    let link = store::Link {
        primary: id,
        issued_at,
        secondary: &secondary_id,
        connection_id: connection_id.as_deref(),
        proven_at,
    };
    let linked = store::link(ctx.db(), &ctx.tenant.id, &link, &ctx.author).await?;
    if let Some(identities) = linked.identities {
        return Ok(identities);
    }
    if !linked.has_primary {
        return Err(users::inexistent(issued_at));
    }
    Err(if linked.is_blocked {
        codes::BLOCKED_SECONDARY
    } else if linked.is_proof_invalid {
        codes::INVALID_LINK_TOKEN
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
pub async fn unlink(ctx: &Context, id: &UserId, identity: &UserId) -> Result<String> {
    let issued_at = own_token(ctx, id)?;
    if identity == id {
        return Err(codes::MAIN_IDENTITY.into());
    }
    let unlinked = store::unlink(ctx.db(), &ctx.tenant.id, id, issued_at, identity, ctx.now, &ctx.author)
        .await?
        .ok_or_else(|| users::inexistent(issued_at))?;
    let inner = UserId::parse(identity.identity());
    let is_prefixed = inner.is_some_and(|inner| inner.provider() == identity.provider());
    if unlinked.is_done || is_prefixed {
        Ok(unlinked.identities)
    } else {
        Err(codes::INEXISTENT_IDENTITY.into())
    }
}

fn own_token(ctx: &Context, id: &UserId) -> Result<Option<OffsetDateTime>> {
    ctx.own_token(&["update:users"], id)
}

/// The organizations of a user: none, if the user exists.
pub async fn organizations(ctx: &Context, id: &UserId) -> Result<()> {
    users::must_exist(ctx, id, None).await
}

/// The second factors of a user: none, if the user exists.
pub async fn enrollments(ctx: &Context, id: &UserId) -> Result<()> {
    let issued_at = ctx.own_token(&["read:users"], id)?;
    users::must_exist(ctx, id, issued_at).await
}
