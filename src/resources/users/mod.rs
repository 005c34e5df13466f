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
//! A PATCH is one statement that merges inside Postgres and writes its journal row; its answer is what the statement
//! returned. Root attributes are replaced, `null` removes one. `user_metadata` and `app_metadata` merge at the root
//! level: a nested value is replaced whole, `null` deletes a key, `{}` clears. Emptied, `user_metadata` stays `{}` and
//! `app_metadata` is gone. `name`, `nickname` and `picture` are computed where they were not given.
//!
//! Deviations and decisions, where Auth0's documentation and recorded traffic say nothing:
//! - Unknown root keys of a PATCH are refused.
//! - A user of a database connection has a password and the identifiers its connection requires; without an address
//!   `name` and `nickname` come from the username, then the phone number.
//! - A user of a passwordless connection (strategy `email` or `sms`) has the address or number it is for, no username and no
//!   password, and is sent no verification mail, as the tickets for it are for users of databases.
//! - Changing the address makes `email_verified` false unless the same request says otherwise; the same for phones.
//! - With the `connection` of a secondary identity, `email`, `username`, `password`, `phone_number` and the verified
//!   flags are that identity's (`profileData`, see [`crate::resources::identities`]); metadata and `blocked` stay the user's. A
//!   connection that the primary is in too means the primary. Only the primary's password moves `last_password_reset`.
//! - A new user whose address is not verified gets a verification mail unless `verify_email` is false; a PATCH sends one
//!   only when `verify_email` is true.
//! - The "simultaneously" family carries `operation_not_supported`, a weak password `invalid_password`.

pub mod erasure;
pub mod list;
pub mod model;
pub mod routes;
pub mod search;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Error, Result, codes};
use crate::base::identifiers::{Identifier, Requirement};
use crate::base::ids::{self, UserId};
use crate::base::metadata::{self, MetadataPatch};
use crate::base::passwords::Hasher;
use crate::base::patch::Patch;
use crate::base::timestamp::timestamp;
use crate::resources::connections::{self, Connection};
use crate::resources::tickets;
use model::{NewUser, User, UserPatch};
use store::Updated;

/// Makes a user in a connection.
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

/// Makes a user in a connection that was found already.
pub(crate) async fn create_in(ctx: &Context, connection: &Connection, new: NewUser) -> Result<User> {
    check_sizes(ctx, &new.user_metadata, &new.app_metadata)?;
    let missing = |name: &str| {
        codes::INVALID_BODY.because(format!("Payload validation error: 'Missing required property: {name}'."))
    };
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
        (true, None) => return Err(missing("password")),
        (false, Some(_)) => return Err(codes::PASSWORD_NOT_SUPPORTED.into()),
        _ => {}
    }
    let hash = hash_if_strong(&ctx.app.hasher, connection, new.password.as_ref()).await?;
    let identity = new.user_id.clone().unwrap_or_else(|| ids::identity(ctx.now));
    let id = UserId::with_or_without(&connection.strategy, &identity);
    let verify = new.verify_email && connection.is_database();
    let mail = verify.then(|| tickets::verification_mail(ctx)).transpose()?;
    let (db, tenant, within) = (ctx.db(), &ctx.tenant.id, &connection.connection_id);
    store::create(db, tenant, within, &id, &new, hash.as_deref(), mail.as_ref(), ctx.now, &ctx.author)
        .await?
        .ok_or_else(|| codes::INEXISTENT_CONNECTION.into())
}

/// The user with an id, for whoever may see it.
pub async fn fetch(ctx: &Context, id: &UserId) -> Result<User> {
    if !ctx.has("read:users") && !ctx.has("read:user_idp_tokens") {
        ctx.must_be(id.as_str())?;
    }
    store::fetch(ctx.db(), &ctx.tenant.id, id.as_str()).await?.ok_or_else(|| codes::INEXISTENT_USER.into())
}

/// Those of some users that exist, in the order they are asked for.
pub async fn fetch_all(ctx: &Context, user_ids: &[String]) -> Result<Vec<User>> {
    store::fetch_all(ctx.db(), &ctx.tenant.id, user_ids).await
}

/// Refuses an id that no user has.
pub async fn must_exist(ctx: &Context, id: &UserId) -> Result<()> {
    find(ctx, id.as_str()).await?.map(drop).ok_or_else(|| codes::INEXISTENT_USER.into())
}

/// The user with an id, for the service itself.
pub(crate) async fn find(ctx: &Context, id: &str) -> Result<Option<User>> {
    store::fetch(ctx.db(), &ctx.tenant.id, id).await
}

/// Changes a user.
pub async fn update(
    ctx: &Context,
    id: &UserId,
    mut patch: UserPatch,
    if_match: Option<Vec<String>>,
) -> Result<User> {
    may_update(ctx, id, &patch)?;
    check_sizes(ctx, &patch.user_metadata, &patch.app_metadata)?;
    let identity = if patch.touches_identity() || patch.connection.is_some() || patch.verify_email {
        Some(aim(ctx, id, &mut patch).await?)
    } else {
        None
    };
    let is_secondary = identity.as_ref().is_some_and(|identity| identity.of_secondary.is_some());
    let verify = patch.verify_email && !is_secondary;
    let mail = verify.then(|| tickets::verification_mail(ctx)).transpose()?;
    let mut change = store::Change {
        tenant: ctx.tenant.id.to_string(),
        user_id: id.as_str().to_owned(),
        set: patch.set,
        unset: patch.unset,
        user_metadata: patch.user_metadata,
        app_metadata: patch.app_metadata,
        if_match,
        author: ctx.author.clone(),
    };
    let outcome = match identity {
        Some(identity) => {
            if identity.password_hash.is_some() && identity.of_secondary.is_none() {
                change.set.insert("last_password_reset".into(), timestamp(ctx.now).into());
            }
            store::update_identity(ctx.db(), &change, &identity, mail.as_ref()).await?
        }
        None => store::update(ctx.db(), change).await?,
    };
    match outcome {
        Updated::Done(user) => Ok(*user),
        // The user or, a moment ago, its secondary identity is gone.
        Updated::NoSuchUser if is_secondary => Err(codes::PATCH_CONNECTION_UNSUITABLE.into()),
        Updated::NoSuchUser => Err(codes::INEXISTENT_USER.into()),
        Updated::Mismatch(etag) => Err(Error::mismatch(etag)),
    }
}

fn check_sizes(ctx: &Context, user_metadata: &MetadataPatch, app_metadata: &MetadataPatch) -> Result<()> {
    let limit = ctx.tenant.limits.metadata_bytes;
    metadata::check_size(limit, &[("user_metadata", user_metadata), ("app_metadata", app_metadata)])
}

/// What the narrower scopes allow.
fn may_update(ctx: &Context, id: &UserId, patch: &UserPatch) -> Result<()> {
    if ctx.has("update:users") || (patch.is_only_app_metadata() && ctx.has("update:users_app_metadata")) {
        return Ok(());
    }
    if ctx.has("update:current_user_metadata") {
        ctx.must_be(id.as_str())?;
        if patch.is_only_user_metadata() {
            return Ok(());
        }
    }
    Err(codes::FIELDS_BEYOND_SCOPE.into())
}

/// Finds the identity a change is aimed at and checks what the change asks of its connection.
async fn aim(ctx: &Context, id: &UserId, patch: &mut UserPatch) -> Result<store::IdentityChange> {
    let (db, tenant) = (ctx.db(), &*ctx.tenant.id);
    if let Some(name) = &patch.connection {
        connections::by_name(db, tenant, name).await?.ok_or(codes::PATCH_CONNECTION_UNKNOWN)?;
    }
    let target = match store::target(db, tenant, id.as_str(), patch.connection.as_deref()).await? {
        Some(target) => target,
        None if store::fetch(db, tenant, id.as_str()).await?.is_some() => {
            return Err(codes::PATCH_CONNECTION_UNSUITABLE.into());
        }
        None => return Err(codes::INEXISTENT_USER.into()),
    };
    let connection =
        connections::by_name(db, tenant, &target.connection).await?.ok_or(codes::PATCH_CONNECTION_UNKNOWN)?;
    if patch.touches_identity() && !connection.is_enabled {
        return Err(codes::CONNECTION_DISABLED_ON_UPDATE.into());
    }
    if !connection.is_database() {
        if !patch.password.is_absent() {
            return Err(codes::PASSWORD_NOT_SUPPORTED.into());
        }
        patch.verify_email = false;
    }
    if connection.passwordless().is_some_and(|only| patch.unset.contains(&only.name())) {
        return Err(codes::PASSWORDLESS_IDENTIFIER.into());
    }
    if let Patch::Set(username) = &patch.username {
        if target.username.is_none() {
            return Err(codes::USERNAME_NEVER_SET.into());
        }
        if !connection.allows_username(username) {
            return Err(codes::INVALID_USERNAME.into());
        }
    }
    let is_main = UserId::of(&target.provider, &target.identity_id) == *id;
    Ok(store::IdentityChange {
        of_secondary: if is_main { None } else { Some(patch.split_off_identity()?) },
        password_hash: hash_if_strong(&ctx.app.hasher, &connection, patch.password.set()).await?,
        remove_password: patch.password == Patch::Null,
        provider: target.provider,
        identity_id: target.identity_id,
    })
}

async fn hash_if_strong(
    hasher: &Hasher,
    connection: &Connection,
    password: Option<&String>,
) -> Result<Option<String>> {
    let Some(password) = password else { return Ok(None) };
    if !connection.allows_password(password) {
        return Err(codes::PASSWORD_TOO_WEAK.into());
    }
    hasher.hash(password.clone()).await.map(Some)
}

/// Deletes a user with all identities. That there is none is no error.
pub async fn delete(ctx: &Context, id: &UserId, if_match: Option<&[String]>) -> Result<()> {
    if !ctx.has("delete:users") {
        ctx.must_be(id.as_str())?;
    }
    match store::delete(ctx.db(), &ctx.tenant.id, id.as_str(), if_match, &ctx.author).await? {
        None => Ok(()),
        Some(etag) => Err(Error::mismatch(etag)),
    }
}
