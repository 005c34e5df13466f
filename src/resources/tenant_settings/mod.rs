//! Tenant settings: one document of what an administrator can say about the tenant as a whole.
//!
//! | endpoint | scope |
//! | --- | --- |
//! | `GET /api/v2/tenants/settings` | `read:tenant_settings` |
//! | `PATCH /api/v2/tenants/settings` | `update:tenant_settings` |
//!
//! A PATCH is one statement that merges inside Postgres (`merge_settings`): every object among the settings merges at its
//! first level, where a `null` deletes its key; an object within it is replaced whole. `{}` clears it, but where the
//! schema demands a member `{}` is refused, as it is for a whole body. Arrays and plain values are replaced, `[]` stays
//! `[]`. `null` is for those settings and members alone that the schema lets be null, and removes them. It answers the whole document, as recorded with more of `flags` and `universal_login` than a GET has and
//! without `sandbox_versions_available`. Nothing is cached: the next request sees the change, whichever instance it asks.
//!
//! What has an effect here:
//! - `flags.enable_public_signup_user_exists_error`: whether a signup tells that the user exists. Not set means that it does.
//! - `default_audience`: the API that a token is for if the request for it does not say.
//! - `default_directory`: the connection of a password grant that names none.
//!
//! Deviations and decisions:
//! - Everything else is kept and answered: there are no hosted login pages, sessions, quotas or extensions to obey it.
//!   `remove_alg_from_jwks` is one of these: the keys are always answered with their `alg`.
//! - A tenant begins with what recorded documents have in common; see `default_tenant_settings` in `migrations/`.
//! - A lifetime in minutes is answered in hours, as a fraction if need be; hours and minutes together are refused.
//! - `session_cookie` may be `{}`, although Auth0's schema demands its `mode`: that is how it is cleared.
//! - `default_audience` is kept as it is sent, but for other names of the Management API, which are kept as its identifier.
//! - A PATCH that changes nothing writes nothing. Beyond Auth0: `ETag`, `If-Match`, `If-None-Match`.

pub mod model;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Error, Result};
use model::{SettingsPatch, TenantSettings};
use store::Updated;

/// The settings of the caller's tenant.
pub async fn fetch(ctx: &Context) -> Result<TenantSettings> {
    store::fetch(ctx.db(), &ctx.tenant.id).await
}

/// Changes the settings.
pub async fn update(
    ctx: &Context,
    patch: &SettingsPatch,
    if_match: Option<Vec<String>>,
) -> Result<TenantSettings> {
    match store::update(ctx.db(), &ctx.tenant.id, patch, if_match.as_deref(), &ctx.author).await? {
        Updated::Done(settings) => Ok(settings),
        Updated::Mismatch(etag) => Err(Error::mismatch(etag)),
    }
}

/// May a signup tell that there is such a user?
pub async fn tells_that_user_exists(ctx: &Context) -> Result<bool> {
    store::tells_that_user_exists(ctx.db(), &ctx.tenant.id).await
}
