//! The identity that a PATCH addresses: the one in the named connection, else the primary.

use super::model::{IdentityChange, UserPatch};
use super::{hash_if_strong, missing, store};
use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::identifiers::Identifier;
use crate::base::ids::UserId;
use crate::base::patch::Patch;
use crate::resources::connections;

/// Finds the identity that a patch addresses, checks the patch against its connection, and splits off what
/// changes the identity and not the user.
pub(super) async fn resolve(ctx: &Context, id: &UserId, patch: &mut UserPatch) -> Result<IdentityChange> {
    let (db, tenant) = (ctx.db(), &*ctx.tenant.id);
    if let Some(name) = &patch.connection {
        connections::by_name(db, tenant, name).await?.ok_or(codes::PATCH_CONNECTION_UNKNOWN)?;
    }
    let identity = match store::resolve_identity(db, tenant, id.as_str(), patch.connection.as_deref()).await?
    {
        Some(identity) => identity,
        None if store::fetch(db, tenant, id.as_str(), None).await?.is_some() => {
            return Err(codes::PATCH_CONNECTION_UNSUITABLE.into());
        }
        None => return Err(codes::INEXISTENT_USER.into()),
    };
    let connection = connections::by_name(db, tenant, &identity.connection)
        .await?
        .ok_or(codes::PATCH_CONNECTION_UNKNOWN)?;
    if patch.changes_identity() && !connection.is_enabled {
        return Err(codes::CONNECTION_DISABLED_ON_UPDATE.into());
    }
    if !connection.is_database() {
        if !patch.password.is_absent() {
            return Err(codes::PASSWORD_NOT_SUPPORTED.into());
        }
        patch.verify_email = false;
    }
    let is_kept = |identifier: Identifier| !patch.unset.contains(&identifier.name());
    if let Some(identifier) = connection.first_missing_identifier(is_kept) {
        return Err(missing(identifier.name()));
    }
    let identifiers = || Identifier::ALL.into_iter().filter(|identifier| connection.identifies(*identifier));
    let removes_one = !identifiers().all(is_kept);
    if let Patch::Set(username) = &patch.username {
        if identity.username.is_none() {
            return Err(codes::USERNAME_NEVER_SET.into());
        }
        if !connection.allows_username(username) {
            return Err(codes::INVALID_USERNAME.into());
        }
    }
    let identifiers = removes_one.then(|| identifiers().map(Identifier::name).collect());
    let is_primary = UserId::new(&identity.provider, &identity.identity_id).as_ref() == Some(id);
    Ok(IdentityChange {
        profile_data: if is_primary { None } else { Some(patch.split_off_identity()?) },
        password_hash: hash_if_strong(ctx, &connection, patch.password.set()).await?,
        remove_password: patch.password == Patch::Null,
        identifiers,
        provider: identity.provider,
        identity_id: identity.identity_id,
    })
}
