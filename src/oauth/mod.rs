//! Tokens for clients and users.
//!
//! Endpoints: `POST /oauth/token` ([`grants`]), `/userinfo` ([`userinfo`]), `/.well-known/jwks.json`,
//! `/.well-known/openid-configuration` ([`discovery`]). The form of a token for an API other than the
//! Management API is in [`api`].
//!
//! Deviations and decisions:
//! - The issuer is `https://HOST/` and the Management API's audience `https://HOST/api/v2/` for any host of
//!   the tenant, with or without a port: an SDK pointed at a host requests exactly that. The lists of APIs and
//!   of grants show that identifier, too.
//! - A client sends its secret or, if its `client_authentication_methods` say so, an [`assertion`]; its
//!   secret is not valid then. Mutual TLS is not supported: a client that requires it gets no token.
//! - A `scope` in a client credentials request narrows the grant (RFC 6749, 3.3); it cannot widen it.
//! - `organization` is rejected unless null or empty, since no token is issued for an organization.

pub mod api;
pub mod assertion;
pub mod client_authentication;
pub mod discovery;
pub mod error;
pub mod grants;
pub mod parameters;
pub mod routes;
pub(crate) mod store;
pub mod userinfo;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::auth::{Audience, Claims};
use crate::base::error::Error;
use crate::tenancy::Tenant;

pub use error::OAuthError;

/// A successful response of the token endpoint (RFC 6749, 5.1).
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    /// A JWT, or an opaque token for `/userinfo`.
    pub access_token: String,
    /// The user's ID token, with the scope `openid` (OIDC Core 1.0, 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Granted scopes, separated by spaces; absent without any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Lifetime of the access token, in seconds.
    pub expires_in: i64,
    /// `Bearer`.
    pub token_type: &'static str,
}

/// Mints a token for a tenant's Management API without a client: for operators with access to the database.
/// `lifetime` is in seconds, `now` in seconds since 1970.
pub fn mint(tenant: &Tenant, actor: &str, scope: &[&str], lifetime: i64, now: i64) -> Result<String, Error> {
    let domain = tenant.hosts.first().map_or("", String::as_str);
    tenant.sign(&Claims {
        iss: format!("https://{domain}/"),
        sub: format!("{actor}@clients"),
        aud: Audience::One(tenant.audience.clone()),
        iat: now,
        exp: now + lifetime,
        scope: scope.join(" "),
        gty: "client-credentials".into(),
        azp: actor.into(),
    })
}

/// The form in which an opaque access token is stored.
fn opaque_token_digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
