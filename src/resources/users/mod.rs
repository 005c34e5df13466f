//! Users: the documents Roster exists for.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/users` | `create:users` |
//! | `GET /api/v2/users` ([`list`]) | `read:users` |
//! | `GET /api/v2/users-by-email` ([`list`]) | `read:users` |
//! | `GET /api/v2/users/{id}` | `read:users`, `read:current_user` for oneself |
//! | `PATCH /api/v2/users/{id}` | `update:users`, `update:users_app_metadata` for `app_metadata` alone, `update:current_user_metadata` for one's own `user_metadata` |
//! | `DELETE /api/v2/users/{id}` | `delete:users`, `delete:current_user` for oneself |
//!
//! A PATCH is one statement that merges inside PostgreSQL and writes its journal row; its answer is what the
//! statement returned. Root attributes are replaced, `null` removes one. `user_metadata` and `app_metadata`
//! merge at the root level: a nested value is replaced whole, `null` deletes a key, `{}` clears. An empty
//! `user_metadata` stays `{}`, an empty `app_metadata` is removed. `name`, `nickname` and `picture` are
//! computed where they were not given.
//!
//! [`attributes`] is the table of root attributes, [`document`] the JSON of a user, `identity` the identity
//! that a PATCH addresses, [`list`] and [`search`] are the lists, and [`erasure`] deletes the users of a
//! deleted connection.
//!
//! Deviations and decisions, where Auth0's documentation and recorded traffic say nothing:
//! - Unknown root keys of a PATCH are rejected.
//! - A user of a database connection has a password and the identifiers its connection requires; without an
//!   address `name` and `nickname` come from the username, then the phone number.
//! - A user of a passwordless connection (strategy `email` or `sms`) has the address or number it is for, no
//!   username and no password. It is sent no verification mail, since tickets exist for users of database
//!   connections only.
//! - A new address makes `email_verified` false unless the same request says otherwise; the same for phone
//!   numbers.
//! - With the `connection` of a secondary identity, `email`, `username`, `password`, `phone_number` and the
//!   verified flags are that identity's (`profileData`, see [`crate::resources::identities`]); metadata and
//!   `blocked` stay the user's. If the primary is in the connection too, the PATCH addresses the primary.
//!   Only the primary's password sets `last_password_reset`.
//! - A new user whose address is not verified gets a verification mail unless `verify_email` is false; a
//!   PATCH sends one only when `verify_email` is true.
//! - A PATCH removes neither an identifier that the connection requires nor the last one by which an identity logs in.
//!   The error is that of a creation without it.
//! - An id of the caller is refused if a route would refuse it ([`UserId::parse`]).
//! - A user's own token that is no longer valid ([`crate::auth`]), or whose user is deleted, is answered with 401.
//! - The "simultaneously" errors carry `operation_not_supported`, a weak password `invalid_password`.

pub mod attributes;
pub mod document;
pub mod erasure;
mod identity;
pub mod list;
pub mod model;
pub mod routes;
pub mod search;
pub(crate) mod store;

use time::OffsetDateTime;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::identifiers::{Identifier, Requirement};
use crate::base::ids::{self, UserId};
use crate::base::metadata;
use crate::base::schema::{Part, invalid_user_id, validation_error};
use crate::base::timestamp::timestamp;
use crate::resources::connections::{self, Connection};
use crate::resources::tickets;
use model::{Change, Created, Creation, NewUser, Updated, User, UserPatch};
use store::Deleted;

/// Creates a user in the connection that the request names.
pub async fn create(ctx: &Context, new: NewUser) -> Result<User> {
    let connection = connections::by_name(ctx.db(), &ctx.tenant.id, &new.connection)
        .await?
        .ok_or(codes::INEXISTENT_CONNECTION)?;
    if !connection.is_database() && connection.passwordless().is_none() {
        return Err(codes::CONNECTION_WITHOUT_USERS.into());
    }
    if !connection.is_enabled {
        return Err(codes::CONNECTION_DISABLED.into());
    }
    create_in(ctx, &connection, new).await
}

/// Creates a user in a connection.
pub(crate) async fn create_in(ctx: &Context, connection: &Connection, new: NewUser) -> Result<User> {
    check_requirements(connection, &new)?;
    let id = user_id(ctx, connection, &new)?;
    let password_hash = hash_if_strong(ctx, connection, new.password.as_ref()).await?;
    let is_mailed = new.verify_email && connection.is_database();
    let mail = is_mailed.then(|| tickets::verification_mail(ctx)).transpose()?;
    let max_metadata_bytes = ctx.tenant.limits.metadata_bytes;
    let creation = Creation {
        tenant_id: ctx.tenant.id.to_string(),
        connection_id: connection.connection_id.clone(),
        id,
        new,
        password_hash,
        mail,
        created_at: ctx.now,
        author: ctx.author.clone(),
        max_metadata_bytes,
    };
    match store::create(ctx.db(), creation).await? {
        Created::Done(user) => Ok(*user),
        Created::NoSuchConnection => Err(codes::INEXISTENT_CONNECTION.into()),
        Created::Oversized(field) => Err(metadata::too_large(&field, max_metadata_bytes)),
    }
}

/// The id of a new user: the one of the caller, with or without the provider, or a generated one.
fn user_id(ctx: &Context, connection: &Connection, new: &NewUser) -> Result<UserId> {
    let identity_id = new.user_id.clone().unwrap_or_else(|| ids::identity(ctx.now));
    UserId::with_or_without(&connection.strategy, &identity_id).ok_or_else(|| {
        let about = attributes::find("user_id").and_then(|attribute| attribute.create).unwrap_or_default();
        validation_error(Part::Payload, &[invalid_user_id("user_id", about, &identity_id)])
    })
}

/// The error of a user without a property that its connection requires.
fn missing(name: &str) -> Error {
    codes::INVALID_BODY
        .with_message(format!("Payload validation error: 'Missing required property: {name}'."))
}

/// Checks a new user against its connection: required identifiers, the username, and whether it has a
/// password.
fn check_requirements(connection: &Connection, new: &NewUser) -> Result<()> {
    if let Some(identifier) =
        connection.first_missing_identifier(|identifier| new.identifier(identifier).is_some())
    {
        return Err(missing(identifier.name()));
    }
    if let Some(username) = &new.username {
        if connection.requirement(Identifier::Username) == Requirement::Inactive {
            return Err(codes::USERNAME_NOT_SUPPORTED.into());
        }
        if !connection.allows_username(username) {
            return Err(codes::INVALID_USERNAME.into());
        }
    }
    match (connection.is_database(), &new.password) {
        (true, None) => Err(missing("password")),
        (false, Some(_)) => Err(codes::PASSWORD_NOT_SUPPORTED.into()),
        _ => Ok(()),
    }
}

/// The user of an id, if the caller may see it.
pub async fn fetch(ctx: &Context, id: &UserId) -> Result<User> {
    let issued_at = ctx.own_token(&["read:users", "read:user_idp_tokens"], id)?;
    find(ctx, id.as_str(), issued_at).await?.ok_or_else(|| inexistent(issued_at))
}

/// The error for a user that does not exist: 401 if it is the subject of the token, which ended with the user or
/// before.
pub(crate) fn inexistent(issued_at: Option<OffsetDateTime>) -> Error {
    if issued_at.is_some() { codes::INVALID_TOKEN.into() } else { codes::INEXISTENT_USER.into() }
}

/// The existing ones of some users, in the order of the ids.
pub async fn fetch_all(ctx: &Context, user_ids: &[String]) -> Result<Vec<User>> {
    store::fetch_all(ctx.db(), &ctx.tenant.id, user_ids).await
}

/// Rejects an id without a user. `issued_at` is that of the user's own token.
pub async fn must_exist(ctx: &Context, id: &UserId, issued_at: Option<OffsetDateTime>) -> Result<()> {
    find(ctx, id.as_str(), issued_at).await?.map(drop).ok_or_else(|| inexistent(issued_at))
}

/// The user of an id, whatever the caller's scopes are. `issued_at` is that of the user's own token: `None` is also
/// returned if the token is not valid.
pub(crate) async fn find(ctx: &Context, id: &str, issued_at: Option<OffsetDateTime>) -> Result<Option<User>> {
    store::fetch(ctx.db(), &ctx.tenant.id, id, issued_at).await
}

/// Changes a user.
pub async fn update(
    ctx: &Context,
    id: &UserId,
    mut patch: UserPatch,
    if_match: Option<Vec<String>>,
) -> Result<User> {
    let issued_at = own_token(ctx, id, &patch)?;
    let identity = if patch.addresses_identity() {
        // A token that is not valid learns nothing of connections and identities.
        if issued_at.is_some() {
            must_exist(ctx, id, issued_at).await?;
        }
        Some(identity::resolve(ctx, id, &mut patch).await?)
    } else {
        None
    };
    let identifier = identity.as_ref().and_then(|identity| identity.identifiers.as_ref()?.first().copied());
    let is_of_secondary = identity.as_ref().is_some_and(model::IdentityChange::is_of_secondary);
    let is_mailed = patch.verify_email && !is_of_secondary;
    let mut change = Change {
        tenant_id: ctx.tenant.id.to_string(),
        user_id: id.as_str().to_owned(),
        set: patch.set,
        unset: patch.unset,
        user_metadata: patch.user_metadata,
        app_metadata: patch.app_metadata,
        if_match,
        issued_at,
        author: ctx.author.clone(),
        max_metadata_bytes: ctx.tenant.limits.metadata_bytes,
    };
    let updated = match identity {
        None => store::update(ctx.db(), change).await?,
        Some(identity) => {
            if identity.password_hash.is_some() && !is_of_secondary {
                change.set.insert("last_password_reset".into(), timestamp(ctx.now).into());
            }
            let mail = is_mailed.then(|| tickets::verification_mail(ctx)).transpose()?;
            store::update_identity(ctx.db(), &change, &identity, mail.as_ref()).await?
        }
    };
    match updated {
        Updated::Done(user) => Ok(*user),
        // The user or, since it was resolved, its secondary identity is gone.
        Updated::NoSuchUser if is_of_secondary && issued_at.is_none() => {
            Err(codes::PATCH_CONNECTION_UNSUITABLE.into())
        }
        Updated::NoSuchUser => Err(inexistent(issued_at)),
        Updated::Mismatch(etag) => Err(Error::precondition_failed(etag)),
        Updated::Oversized(field) => Err(metadata::too_large(&field, ctx.tenant.limits.metadata_bytes)),
        Updated::NoIdentifier => Err(missing(identifier.unwrap_or_default())),
    }
}

/// Rejects a patch beyond the caller's scopes. The time of issue of the user's own token, if the access rests on it.
fn own_token(ctx: &Context, id: &UserId, patch: &UserPatch) -> Result<Option<OffsetDateTime>> {
    if patch.is_only_app_metadata() && ctx.has("update:users_app_metadata") {
        return Ok(None);
    }
    if ctx.has("update:users") || ctx.has("update:current_user_metadata") {
        let issued_at = ctx.own_token(&["update:users"], id)?;
        if issued_at.is_none() || patch.is_only_user_metadata() {
            return Ok(issued_at);
        }
    }
    Err(codes::FIELDS_BEYOND_SCOPE.into())
}

/// The hash of a password, if the connection's policy allows it.
async fn hash_if_strong(
    ctx: &Context,
    connection: &Connection,
    password: Option<&String>,
) -> Result<Option<String>> {
    let Some(password) = password else { return Ok(None) };
    if !connection.allows_password(password) {
        return Err(codes::PASSWORD_TOO_WEAK.into());
    }
    ctx.app.hasher.hash(&ctx.tenant.id, password.clone()).await.map(Some)
}

/// Deletes a user with all identities. Succeeds without such a user.
pub async fn delete(ctx: &Context, id: &UserId, if_match: Option<&[String]>) -> Result<()> {
    let issued_at = ctx.own_token(&["delete:users"], id)?;
    match store::delete(ctx.db(), &ctx.tenant.id, id.as_str(), if_match, issued_at, &ctx.author).await? {
        Deleted::NoSuchUser if issued_at.is_some() => Err(inexistent(issued_at)),
        Deleted::Done | Deleted::NoSuchUser => Ok(()),
        Deleted::Mismatch(etag) => Err(Error::precondition_failed(etag)),
    }
}
