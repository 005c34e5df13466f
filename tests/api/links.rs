//! Attributes that the browser of a person shows or follows: no link runs code.

use serde_json::{Value, json};

use crate::support::{CONNECTION, PASSWORD, Tenant, path_of, send, unique};

/// Links that a browser runs instead of following them, with the disguises that parsers of URLs remove.
const RUN: [&str; 8] = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://example.com/%0aalert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox",
    "blob:https://x.test/1",
];
/// Links that are no web addresses.
const NOT_WEB: [&str; 5] = [
    "ftp://x.test/a",
    "file:///etc/passwd",
    "com.example.app://callback",
    "mailto:a@x.test",
    "https://a;b.test/c",
];

/// Requests that set an attribute: what it is, method, path and body.
fn web_addresses(
    user: &str,
    client: &str,
    connection: &str,
    organization: &str,
    link: &str,
) -> Vec<(String, &'static str, String, Value)> {
    let signup = json!({ "client_id": "x", "connection": CONNECTION, "email": "s@example.com", "password": PASSWORD, "picture": link });
    let new_user = json!({ "connection": CONNECTION, "email": format!("{}@example.com", unique("l")), "password": PASSWORD, "picture": link });
    let settings = "/api/v2/tenants/settings";
    let mut requests = vec![
        ("picture of a new user".into(), "POST", "/api/v2/users".into(), new_user),
        ("picture".into(), "PATCH", user.into(), json!({ "picture": link })),
        ("picture of a signup".into(), "POST", "/dbconnections/signup".into(), signup),
        (
            "logo_uri of a new client".into(),
            "POST",
            "/api/v2/clients".into(),
            json!({ "name": "L", "logo_uri": link }),
        ),
        ("logo_uri".into(), "PATCH", client.into(), json!({ "logo_uri": link })),
        ("initiate_login_uri".into(), "PATCH", client.into(), json!({ "initiate_login_uri": link })),
        ("cross_origin_loc".into(), "PATCH", client.into(), json!({ "cross_origin_loc": link })),
        ("picture_url".into(), "PATCH", settings.into(), json!({ "picture_url": link })),
        ("support_url".into(), "PATCH", settings.into(), json!({ "support_url": link })),
        ("error_page.url".into(), "PATCH", settings.into(), json!({ "error_page": { "url": link } })),
        (
            "default_redirection_uri".into(),
            "PATCH",
            settings.into(),
            json!({ "default_redirection_uri": link }),
        ),
        (
            "branding.logo_url".into(),
            "PATCH",
            organization.into(),
            json!({ "branding": { "logo_url": link } }),
        ),
        (
            "result_url".into(),
            "POST",
            "/api/v2/tickets/email-verification".into(),
            json!({ "user_id": user.rsplit('/').next().unwrap().replace("%7C", "|"), "result_url": link }),
        ),
    ];
    for option in
        ["icon_url", "signInEndpoint", "signOutEndpoint", "authorization_endpoint", "authorizationURL"]
    {
        requests.push((option.into(), "PATCH", connection.into(), json!({ "options": { option: link } })));
    }
    requests
}

/// The same for attributes that apps with schemes of their own need.
fn app_addresses(client: &str, link: &str) -> Vec<(&'static str, String, Value)> {
    let of_client = ["callbacks", "allowed_logout_urls", "allowed_origins", "web_origins"];
    let mut requests: Vec<_> =
        of_client.map(|name| (name, client.to_owned(), json!({ name: [link] }))).into();
    let settings = "/api/v2/tenants/settings".to_owned();
    requests.push(("allowed_logout_urls of the tenant", settings, json!({ "allowed_logout_urls": [link] })));
    requests
}

#[tokio::test]
async fn links_that_run_code_are_rejected_and_change_nothing() {
    let tenant = Tenant::new().await;
    let user = path_of(&tenant.user(json!({})).await);
    let created = tenant.post("/api/v2/clients", json!({ "name": "L" })).await.json;
    let client = format!("/api/v2/clients/{}", created["client_id"].as_str().unwrap());
    let created =
        tenant.post("/api/v2/connections", json!({ "name": "oidc", "strategy": "oidc" })).await.json;
    let connection = format!("/api/v2/connections/{}", created["id"].as_str().unwrap());
    let created = tenant.post("/api/v2/organizations", json!({ "name": "o" })).await.json;
    let organization = format!("/api/v2/organizations/{}", created["id"].as_str().unwrap());
    let paths = [&user, &client, &connection, &organization, "/api/v2/tenants/settings"];
    let state = async || {
        let mut state = Vec::new();
        for path in paths {
            state.push(tenant.get(path).await.json);
        }
        state
    };
    let before = state().await;
    for link in RUN.into_iter().chain(NOT_WEB) {
        for (what, method, path, body) in web_addresses(&user, &client, &connection, &organization, link) {
            let answer = send(tenant.authorized(method, &path).json(&body)).await;
            assert_eq!(answer.status, 400, "{what} {link:?}: {}", answer.text);
            if path.starts_with("/api/") {
                let (_, code, message) = answer.error();
                assert_eq!(code, Some("invalid_body"), "{what} {link:?}");
                assert!(message.contains("didn't pass validation for format "), "{what} {link:?}: {message}");
            }
        }
    }
    for link in RUN {
        for (what, path, body) in app_addresses(&client, link) {
            let answer = tenant.patch(&path, body).await;
            assert_eq!((answer.status, answer.error().1), (400, Some("invalid_body")), "{what} {link:?}");
        }
    }
    assert_eq!(state().await, before);

    for link in ["https://x.test/a?b=c#d", "https://xn--mnchen-3ya.test:8443/"] {
        for (what, method, path, body) in web_addresses(&user, &client, &connection, &organization, link) {
            let answer = send(tenant.authorized(method, &path).json(&body)).await;
            // The client of the signup does not exist.
            let is_taken = answer.status < 300 || path == "/dbconnections/signup";
            assert!(is_taken, "{what} {link}: {}", answer.text);
        }
    }
    for link in
        ["com.example.app://callback", "http://localhost:3000", "https://*.x.test", "capacitor://localhost"]
    {
        for (what, path, body) in app_addresses(&client, link) {
            let answer = tenant.patch(&path, body).await;
            assert_eq!(answer.status, 200, "{what} {link}: {}", answer.text);
        }
    }
}
