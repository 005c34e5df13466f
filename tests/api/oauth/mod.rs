//! `POST /oauth/token`. Users log in through a client with known credentials.

mod client_credentials;
mod discovery;
mod password;
mod private_key_jwt;

use serde_json::{Value, json};

use crate::support::{Response, Tenant, send};
use roster::tenant_files::model::TenantConfig;

pub(crate) const CLIENT_ID: &str = "application";
pub(crate) const CLIENT_SECRET: &str = "hush-hush";

/// Gives the client for logins a known id and secret.
pub(crate) fn known_client(config: &mut TenantConfig) {
    let client = &mut config.clients[1];
    (client.client_id, client.client_secret) = (Some(CLIENT_ID.into()), Some(CLIENT_SECRET.into()));
}

pub(crate) async fn tenant() -> Tenant {
    Tenant::with(known_client).await
}

/// The body of a login, with the members of `more`; null removes a parameter.
pub(crate) fn login(username: &str, password: &str, more: &Value) -> Value {
    let mut body = json!({
        "grant_type": "password", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "username": username, "password": password,
    });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    body
}

pub(crate) async fn log_in(tenant: &Tenant, username: &str, password: &str, more: Value) -> Response {
    send(tenant.request("POST", "/oauth/token").json(&login(username, password, &more))).await
}

/// The claims of a JWT, not verified.
pub(crate) fn claims(token: &Value) -> Value {
    use base64::Engine;
    let part = token.as_str().expect("a token").split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
