//! The settings of a tenant that exist in its file only, not in the API.

use serde::{Deserialize, Serialize};

use crate::base::rate_limits::RateLimits;
use crate::search::indexed::IndexedPath;

/// The document `tenants.settings`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Settings {
    /// The identifier of the Management API: `https://HOST/api/v2/`.
    pub audience: String,
    /// The first host.
    pub domain: String,
    /// Lifetime of Management API tokens, in seconds.
    pub token_lifetime: i64,
    pub limits: Limits,
    pub compat: Compat,
    #[serde(default, skip_serializing_if = "RateLimits::is_off")]
    pub rate_limits: RateLimits,
    /// Absent in tenants that were stored before search existed.
    #[serde(default)]
    pub search: Search,
}

/// Limits of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest `user_metadata` and `app_metadata` of a user, in bytes of JSON as it is answered. Default 1,000,000.
    pub metadata_bytes: i64,
}

/// Behaviour of Auth0 that a tenant can turn off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compat {
    /// The last item of a list that `page` and `per_page` reach. Default 1,000, as in Auth0; unlimited when
    /// set to 0.
    pub offset_cap: Option<u32>,
    /// Whether a signup reports that the user exists. Default true. A file sets the flag of the tenant's
    /// settings ([`crate::resources::tenant_settings`]) by this key; the flag takes effect.
    pub signup_user_exists_error: bool,
    /// Whether documents of clients contain `tenant` whatever `fields` selects. Default true, as recorded
    /// from Auth0.
    #[serde(default = "default_true")]
    pub clients_keep_tenant: bool,
}

/// For tenants that were stored before the setting existed.
fn default_true() -> bool {
    true
}

/// The search of users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Whether queries that Auth0 rejects are rejected. Default false.
    pub auth0_strict: bool,
    /// The metadata paths with an index (`roster search index`), such as `app_metadata.plan`. Default none.
    #[serde(default)]
    pub indexed: Vec<IndexedPath>,
}
