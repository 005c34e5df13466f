//! What a client is when nothing is said of it.

use serde_json::{Value, json};

/// The grant types of a confidential client.
const GRANT_TYPES: [&str; 4] = ["authorization_code", "implicit", "refresh_token", "client_credentials"];

/// The settings of a new client before what its creator sent is put over them. They follow the authentication method
/// as it was sent, not the type of application, as recorded answers show.
pub fn defaults(token_endpoint_auth_method: Option<&str>) -> Value {
    let public = token_endpoint_auth_method == Some("none");
    let (lifetime, idle) = match token_endpoint_auth_method {
        Some("client_secret_post") => (31_557_600, 2_592_000),
        _ => (2_592_000, 1_296_000),
    };
    json!({
        "global": false,
        "is_token_endpoint_ip_header_trusted": false,
        "is_first_party": true,
        "oidc_conformant": false,
        "sso_disabled": false,
        "cross_origin_auth": false,
        "cross_origin_authentication": false,
        "refresh_token": {
            "expiration_type": "non-expiring",
            "leeway": 0,
            "infinite_token_lifetime": true,
            "infinite_idle_token_lifetime": true,
            "token_lifetime": lifetime,
            "idle_token_lifetime": idle,
            "rotation_type": "non-rotating",
        },
        "callback_url_template": false,
        "jwt_configuration": { "lifetime_in_seconds": 36000, "secret_encoded": false },
        "grant_types": if public { &GRANT_TYPES[..3] } else { &GRANT_TYPES[..] },
        "custom_login_page_on": true,
    })
}
