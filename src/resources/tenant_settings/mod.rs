//! Tenant settings: one document of an administrator's settings for the whole tenant.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `GET /api/v2/tenants/settings` | `read:tenant_settings` |
//! | `PATCH /api/v2/tenants/settings` | `update:tenant_settings` |
//!
//! A PATCH is one statement that merges inside PostgreSQL (`merge_settings`). A setting that is an object
//! merges at its first level, where a `null` deletes its key; an object below that level is replaced as a
//! whole. `{}` clears the setting, unless the schema requires a member: then `{}` is rejected, as it is for
//! the whole body. Arrays and plain values are replaced; `[]` stays `[]`. `null` removes a setting or member
//! that the schema lets be null, and is rejected for others. The answer is the whole document, as recorded
//! with more of `flags` and `universal_login` than a GET has and without `sandbox_versions_available`.
//! Settings are not cached: the next request on any instance sees a change.
//!
//! Settings with an effect:
//! - `flags.enable_public_signup_user_exists_error`: whether a signup reports an existing user. The default
//!   is that it does.
//! - `default_audience`: the API of a token request that names none.
//! - `default_directory`: the connection of a password grant that names none.
//!
//! Deviations and decisions:
//! - All other settings are stored and answered without effect: hosted login pages, sessions, quotas and
//!   extensions do not exist. `remove_alg_from_jwks` is one of them: keys always have their `alg`.
//! - A new tenant has the settings that recorded documents have in common (`default_tenant_settings` in
//!   `migrations/`).
//! - A lifetime in minutes is answered in hours, as a fraction if necessary, and can be sent as it is answered.
//!   Hours and minutes together are rejected.
//! - `universal_login` and flags that only answers have in Auth0's reference are taken, since tools send back
//!   what they read.
//! - `session_cookie` may be `{}`, which clears it, although Auth0's schema requires its `mode`.
//! - `default_audience` is stored as it is sent, except that other names of the Management API become its
//!   identifier. It is answered under the identifier at the host of the request.
//! - A PATCH that changes nothing writes nothing. Beyond Auth0: `ETag`, `If-Match`, `If-None-Match`.

pub mod model;
pub mod routes;
pub(crate) mod store;

use serde_json::Value;

use crate::app::Context;
use crate::base::error::{Error, Result};
use model::{SettingsPatch, TenantSettings};

/// The settings of the caller's tenant.
pub async fn fetch(ctx: &Context) -> Result<TenantSettings> {
    Ok(with_caller_audience(ctx, store::fetch(ctx.db(), &ctx.tenant.id).await?))
}

/// Changes the settings.
pub async fn update(
    ctx: &Context,
    mut patch: SettingsPatch,
    if_match: Option<Vec<String>>,
) -> Result<TenantSettings> {
    if let Some(Value::String(audience)) = patch.set.get_mut("default_audience")
        && ctx.tenant.is_management(audience)
    {
        audience.clone_from(&ctx.tenant.audience);
    }
    let updated = store::update(ctx.db(), &ctx.tenant.id, &patch, if_match.as_deref(), &ctx.author).await?;
    updated.map(|settings| with_caller_audience(ctx, settings)).map_err(Error::precondition_failed)
}

fn with_caller_audience(ctx: &Context, mut settings: TenantSettings) -> TenantSettings {
    let audience = settings.settings.get_mut("default_audience");
    if let Some(audience) = audience.filter(|audience| **audience == ctx.tenant.audience) {
        *audience = ctx.management_audience().into();
    }
    settings
}

/// Does a signup report that the user exists?
pub async fn signup_reports_existing_users(ctx: &Context) -> Result<bool> {
    store::signup_reports_existing_users(ctx.db(), &ctx.tenant.id).await
}
