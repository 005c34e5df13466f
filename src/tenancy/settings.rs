//! The settings of a tenant that its file declares and the API does not answer.

use serde::{Deserialize, Serialize};

use crate::base::rate_limits::RateLimits;
use crate::search::indexed::Indexed;

/// What of a tenant is kept as its settings document.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Settings {
    /// The identifier of its Management API: `https://HOST/api/v2/`.
    pub audience: String,
    /// Its first host.
    pub domain: String,
    /// How long its Management API tokens live, in seconds.
    pub token_lifetime: i64,
    /// What it may use.
    pub limits: Limits,
    /// Where it follows Auth0 and where it need not.
    pub compat: Compat,
    /// How many requests it takes.
    #[serde(default, skip_serializing_if = "RateLimits::is_off")]
    pub rate_limits: RateLimits,
    /// How its users are searched; tenants of the time before search have nothing of it.
    #[serde(default)]
    pub search: Search,
}

/// What a tenant may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest value a request may give to a metadata field, in bytes of JSON. Default 1,000,000.
    pub metadata_bytes: usize,
}

/// Where a tenant follows Auth0 and where it need not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compat {
    /// How far into a list `page` and `per_page` reach. Default 1,000, as Auth0 has it; none when set to 0.
    pub offset_cap: Option<u32>,
    /// Whether a signup says that the user exists. Default true. What holds is the flag of the tenant's settings
    /// ([`crate::resources::tenant_settings`]) that a file sets by this.
    pub signup_user_exists_error: bool,
    /// Whether documents of clients have `tenant` whatever `fields` says. Default true, as recorded.
    #[serde(default = "yes")]
    pub clients_keep_tenant: bool,
}

/// For tenants that were stored before there was the setting.
fn yes() -> bool {
    true
}

/// How users are searched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Whether queries that Auth0 refuses are refused. Default false.
    pub auth0_strict: bool,
    /// The paths of metadata that have an index of their own (`roster search index`), such as `app_metadata.plan`.
    /// Default none.
    #[serde(default)]
    pub indexed: Vec<Indexed>,
}
