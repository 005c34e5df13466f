//! What a GET answers can be sent back: a PATCH of it, without what Auth0's reference calls read-only, is accepted
//! and changes nothing.

use serde_json::{Value, json};

use crate::support::{CONNECTION, Tenant, path_of as path_of_user};

/// Sends back what a GET answers.
async fn send_back(tenant: &Tenant, path: &str, read_only: &[&str]) {
    let before = tenant.get(path).await;
    assert_eq!(before.status, 200, "{path}: {}", before.text);
    let mut body = before.json.clone();
    body.as_object_mut().unwrap().retain(|name, _| !read_only.contains(&name.as_str()));
    let answer = tenant.patch(path, body.clone()).await;
    assert_eq!(answer.status, 200, "{path}: {body}: {}", answer.text);
    let without_time = |mut document: Value| {
        document.as_object_mut().unwrap().remove("updated_at");
        document
    };
    assert_eq!(without_time(tenant.get(path).await.json), without_time(before.json), "{path}");
}

async fn created(tenant: &Tenant, path: &str, body: Value) -> Value {
    let answer = tenant.post(path, body).await;
    assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text);
    answer.json
}

/// Creates an entity and sends back what its GET answers.
async fn round_trip(tenant: &Tenant, path: &str, body: Value, read_only: &[&str]) {
    let created = created(tenant, path, body).await;
    let id = created["id"].as_str().or(created["client_id"].as_str()).unwrap();
    send_back(tenant, &format!("{path}/{id}"), read_only).await;
}

#[tokio::test]
async fn user_can_be_sent_back() {
    let tenant = Tenant::new().await;
    let read_only = ["user_id", "created_at", "updated_at", "identities"];
    for more in [
        json!({}),
        json!({
            "name": "Jane Doe", "nickname": "jane", "given_name": "Jane", "family_name": "Doe", "blocked": false,
            "picture": "https://example.com/j.png", "email_verified": true, "phone_number": "+15551234567",
            "user_metadata": { "a": { "b": null }, "c": [1] }, "app_metadata": { "plan": "gold" },
        }),
        json!({ "user_metadata": {}, "app_metadata": {} }),
    ] {
        send_back(&tenant, &path_of_user(&tenant.user(more).await), &read_only).await;
    }
    // Auth0 rejects a username together with an e-mail address.
    let named = path_of_user(&tenant.user(json!({ "username": "jane" })).await);
    send_back(&tenant, &named, &[&read_only[..], &["username"]].concat()).await;
    send_back(&tenant, &named, &[&read_only[..], &["email", "email_verified"]].concat()).await;
}

#[tokio::test]
async fn client_can_be_sent_back() {
    let tenant = Tenant::new().await;
    let read_only = [
        "client_id",
        "tenant",
        "global",
        "signing_keys",
        "callback_url_template",
        "owners",
        "resource_server_identifier",
    ];
    let api = json!({ "identifier": "https://api.example.com/", "name": "API" });
    created(&tenant, "/api/v2/resource-servers", api).await;
    for more in [
        json!({}),
        json!({ "app_type": "spa", "token_endpoint_auth_method": "none", "client_metadata": { "a": "b" } }),
        json!({ "is_first_party": false }),
        json!({ "is_first_party": false, "third_party_security_mode": "strict" }),
        json!({ "app_type": "express_configuration" }),
        json!({ "app_type": "resource_server", "resource_server_identifier": "https://api.example.com/" }),
        json!({ "oidc_logout": {}, "session_transfer": {}, "mobile": {}, "addons": { "samlp": {} } }),
        json!({
            "callbacks": ["http://localhost:*", "app://back"], "cross_origin_auth": true,
            "oidc_backchannel_logout": { "backchannel_logout_urls": ["https://a.example/"] },
            "native_social_login": { "apple": { "enabled": true } }, "organization_usage": "allow",
            "refresh_token": { "policies": [{ "audience": "https://api.example.com/", "scope": ["read"] }] },
            "identity_assertion_authorization_grant": { "active": true },
            "token_vault_privileged_access": { "credentials": [], "grants": [{ "connection": "c", "scopes": ["s"] }] },
            "client_authentication_methods": { "private_key_jwt": { "credentials": [] } },
        }),
    ] {
        let mut body = json!({ "name": "App" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        round_trip(&tenant, "/api/v2/clients", body, &read_only).await;
    }
    for query in ["is_global=true", "per_page=100"] {
        for client in tenant.get(&format!("/api/v2/clients?{query}")).await.json.as_array().unwrap() {
            let path = format!("/api/v2/clients/{}", client["client_id"].as_str().unwrap());
            send_back(&tenant, &path, &read_only).await;
        }
    }
}

#[tokio::test]
async fn connection_can_be_sent_back() {
    let tenant = Tenant::new().await;
    let read_only = ["id", "name", "strategy"];
    let email = json!({ "identifier": { "active": true }, "signup": { "status": "required" } });
    for (n, more) in [
        json!({ "strategy": "auth0" }),
        json!({ "strategy": "auth0", "options": {} }),
        json!({ "strategy": "auth0", "options": { "passwordPolicy": null, "validation": null } }),
        json!({ "strategy": "auth0", "options": { "authentication_methods": { "passkey": { "enabled": true } } } }),
        json!({ "strategy": "auth0", "options": { "attributes": { "email": email } }, "metadata": { "a": "b" } }),
        json!({ "strategy": "auth0", "options": { "attributes": { "email": {
            "identifier": { "active": true }, "unique": false, "signup": { "status": "required" } } } } }),
        json!({ "strategy": "auth0", "authentication": { "active": false } }),
        json!({ "strategy": "oidc", "options": { "client_secret": "hush", "type": "back_channel" } }),
        json!({ "strategy": "email" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({ "name": format!("c{n}"), "enabled_clients": [tenant.client.client_id] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        round_trip(&tenant, "/api/v2/connections", body, &read_only).await;
    }
    // The connection of the tenant file.
    let listed = tenant.get(&format!("/api/v2/connections?name={CONNECTION}")).await.json;
    let path = format!("/api/v2/connections/{}", listed[0]["id"].as_str().unwrap());
    send_back(&tenant, &path, &read_only).await;
}

#[tokio::test]
async fn role_and_organization_can_be_sent_back() {
    let tenant = Tenant::new().await;
    let branding = json!({ "logo_url": "https://a.example/", "colors": { "primary": "#fff", "page_background": "#000" } });
    for body in [
        json!({ "name": "one" }),
        json!({
            "name": "two", "display_name": "Two", "branding": branding, "metadata": { "a": "b" },
            "third_party_client_access": "allow", "is_app_entitlement_active": true,
            "token_quota": { "client_credentials": { "per_day": 5 } },
        }),
    ] {
        round_trip(&tenant, "/api/v2/organizations", body, &["id"]).await;
    }
    let organization = tenant.get("/api/v2/organizations").await.json[0]["id"].clone();
    for body in [
        json!({ "name": "one" }),
        json!({ "name": "two", "description": "Second" }),
        json!({ "name": "three", "type": "organization", "owner_id": organization }),
    ] {
        round_trip(&tenant, "/api/v2/roles", body, &["id", "type", "owner_id"]).await;
    }
}

#[tokio::test]
async fn api_and_grant_can_be_sent_back() {
    let tenant = Tenant::new().await;
    let path = "/api/v2/resource-servers";
    let read_only = ["id", "identifier", "is_system", "client_id"];
    let key = json!({ "name": "k", "alg": "RSA-OAEP-256", "pem": "-----BEGIN PUBLIC KEY-----" });
    for (n, more) in [
        json!({}),
        json!({ "signing_alg": "HS256", "scopes": [{ "value": "read" }], "enforce_policies": true }),
        json!({ "token_encryption": { "format": "compact-nested-jwe", "encryption_key": key } }),
        json!({ "subject_type_authorization": { "user": { "policy": "deny_all" } }, "token_lifetime_for_web": 60 }),
        json!({ "authorization_details": [{ "type": "payment" }], "token_dialect": "rfc9068_profile" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({ "name": "API", "identifier": format!("urn:api:{n}") });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        round_trip(&tenant, path, body, &read_only).await;
    }
    let stored = crate::support::sql(
        "select settings #>> '{token_encryption,encryption_key,pem}' as pem from resource_servers
          where tenant_id = $1 and settings ? 'token_encryption'",
        &[&tenant.name],
    )
    .await;
    assert_eq!(stored[0][0], "-----BEGIN PUBLIC KEY-----", "an answer does not have the key");

    let client = created(&tenant, "/api/v2/clients", json!({ "name": "App" })).await["client_id"].clone();
    let read_only = ["id", "client_id", "audience", "subject_type", "default_for"];
    for body in [
        json!({ "client_id": client, "audience": "urn:api:0", "scope": ["read"], "organization_usage": "allow" }),
        json!({ "client_id": client, "audience": "urn:api:1", "allow_all_scopes": true }),
        json!({ "client_id": client, "audience": tenant.audience, "scope": ["read:users", "read:agents"] }),
        json!({ "default_for": "third_party_clients", "audience": "urn:api:0", "scope": [] }),
    ] {
        round_trip(&tenant, "/api/v2/client-grants", body, &read_only).await;
    }
}

#[tokio::test]
async fn tenant_settings_can_be_sent_back() {
    let tenant = Tenant::new().await;
    let path = "/api/v2/tenants/settings";
    for patch in [
        json!({ "friendly_name": "Acme" }),
        json!({ "session_lifetime_in_minutes": 90, "idle_session_lifetime_in_minutes": 20 }),
        json!({ "universal_login": { "colors": { "primary": "#2A2E35", "page_background": "#FF4F40" } } }),
        json!({ "flags": { "use_scope_descriptions_for_consent": true }, "default_audience": tenant.audience }),
        json!({ "universal_login": {}, "flags": {}, "error_page": {}, "session_cookie": {}, "mtls": null }),
        json!({ "default_redirection_uri": "", "allowed_logout_urls": ["http://localhost:*"] }),
    ] {
        let answer = tenant.patch(path, patch.clone()).await;
        assert_eq!(answer.status, 200, "{patch}: {}", answer.text);
        send_back(&tenant, path, &["sandbox_versions_available"]).await;
        // What a PATCH answers has more members, and they change nothing either.
        let before = tenant.get(path).await.json;
        let mut body = answer.json;
        body["flags"].as_object_mut().unwrap().remove("enforce_client_authentication_on_passwordless_start");
        assert_eq!(tenant.patch(path, body).await.status, 200);
        assert_eq!(tenant.get(path).await.json, before, "{patch}");
    }
}
