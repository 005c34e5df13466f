//! `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, RFC 8414).

use serde_json::{Value, json};

use super::grants::GRANT_TYPES;
use super::userinfo;
use crate::auth::scopes;

/// The configuration of the tenant at a host.
pub fn configuration(host: &str) -> Value {
    let issuer = format!("https://{host}/");
    let at = |path: &str| format!("{issuer}{path}");
    let mut claims = vec!["aud", "exp", "iat", "iss", "sub"];
    claims.extend(userinfo::CLAIMS.iter().map(|(_, claim, _)| claim));
    json!({
        "issuer": issuer,
        "token_endpoint": at("oauth/token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at(".well-known/jwks.json"),
        "scopes_supported": scopes::STANDARD,
        "response_types_supported": [],
        "grant_types_supported": GRANT_TYPES.each_ref().map(|grant_type| grant_type.name),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "PS256"],
        "claims_supported": claims,
    })
}
