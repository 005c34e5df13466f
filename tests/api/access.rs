//! Authentication and authorization of all routes of the registration table, including future ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roster::server::endpoints;
use serde_json::{Value, json};

use crate::support::{Response, Tenant, path_of, send};

/// A path of the table with ids that do not exist.
fn concrete(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { "auth0%7Cunknown" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

/// The routes that require a token, as method, path and scopes.
fn guarded() -> Vec<(String, String, &'static [&'static str])> {
    let routes: Vec<_> = endpoints()
        .into_iter()
        .filter_map(|e| Some((e.method.to_string(), concrete(e.path), e.scopes?)))
        .collect();
    assert!(routes.len() >= 4);
    routes
}

async fn call(tenant: &Tenant, method: &str, path: &str, token: Option<&str>) -> Response {
    let request = tenant.request(method, path);
    // A body that no schema allows, because authorization precedes validation.
    let request = if method == "GET" { request } else { request.json(&json!({ "nonsense": true })) };
    send(match token {
        Some(token) => request.header("authorization", token),
        None => request,
    })
    .await
}

#[tokio::test]
async fn management_api_requires_scopes_on_every_route() {
    for endpoint in endpoints().iter().filter(|e| e.path.starts_with("/api/v2/")) {
        assert!(
            endpoint.scopes.is_some_and(|scopes| !scopes.is_empty()),
            "{} {}",
            endpoint.method,
            endpoint.path
        );
    }
}

#[tokio::test]
async fn routes_without_a_token_are_401() {
    let tenant = Tenant::new().await;
    for (method, path, _) in guarded() {
        let answer = call(&tenant, &method, &path, None).await;
        assert_eq!(answer.error(), (401, None, "Missing authentication"), "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn header_without_a_bearer_token_is_400() {
    let tenant = Tenant::new().await;
    for (method, path, _) in guarded() {
        for header in ["Bearer opaque", "Basic YTpi", "nonsense", "Bearer", "Bearer a.b", "Bearer a.b.c.d"] {
            let answer = call(&tenant, &method, &path, Some(header)).await;
            assert_eq!(
                answer.error(),
                (400, Some("Bearer"), "Bad HTTP authentication header format"),
                "{method} {path} {header}"
            );
        }
    }
}

#[tokio::test]
async fn token_that_is_not_valid_is_401() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let parts: Vec<&str> = tenant.token.split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let widened = {
        let mut c = claims.clone();
        c["scope"] = json!("read:everything");
        encoded(&c)
    };
    let mut signature = parts[2].to_owned();
    signature.replace_range(9..10, if &signature[9..10] == "A" { "B" } else { "A" });
    let hs256 = jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &claims,
        &jsonwebtoken::EncodingKey::from_secret(b"x"),
    )
    .unwrap();
    let invalid_signature = "Invalid signature received for JSON Web Token validation";
    let cases = [
        (format!("{}.{}.{signature}", parts[0], parts[1]), invalid_signature),
        (format!("{}.{widened}.{}", parts[0], parts[2]), invalid_signature),
        (format!("{}.{}.", encoded(&json!({ "alg": "none", "typ": "JWT" })), parts[1]), "Invalid token"),
        (hs256, "Invalid token"),
        (other.token.clone(), invalid_signature),
        (
            tenant.token_for("test", &["read:users"], -1).await,
            "Expired token received for JSON Web Token validation",
        ),
        (signed(&tenant, &claims, |c| c["aud"] = json!("https://elsewhere.example/")).await, "Invalid token"),
        (signed(&tenant, &claims, |c| c["iss"] = json!("https://elsewhere.example/")).await, "Invalid token"),
        (signed(&tenant, &claims, |c| c["nbf"] = json!(crate::support::now() + 600)).await, "Invalid token"),
        (signed(&tenant, &claims, |c| c["iat"] = json!(crate::support::now() + 600)).await, "Invalid token"),
    ];
    for (method, path, _) in guarded() {
        for (token, message) in &cases {
            let answer = call(&tenant, &method, &path, Some(&format!("Bearer {token}"))).await;
            assert_eq!(answer.error(), (401, None, *message), "{method} {path} {token}");
            assert_eq!(answer.json["attributes"], json!({ "error": message }));
        }
    }
}

/// A token with changed claims and a valid signature of the tenant.
async fn signed(tenant: &Tenant, claims: &Value, change: impl FnOnce(&mut Value)) -> String {
    let (mut claims, name) = (claims.clone(), tenant.name.clone());
    change(&mut claims);
    crate::support::on_server(async move {
        let tenant = roster::tenancy::by_name(
            &crate::support::server().app.db,
            &crate::support::server().app.vault,
            &name,
        )
        .await
        .unwrap()
        .unwrap();
        tenant.sign(&claims).unwrap()
    })
    .await
}

#[tokio::test]
async fn missing_scope_is_403_with_the_required_scopes() {
    let tenant = Tenant::new().await;
    let token = tenant.token_with(&["read:nothing"]).await;
    for (method, path, scopes) in guarded() {
        let answer = call(&tenant, &method, &path, Some(&format!("Bearer {token}"))).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (403, Some("insufficient_scope")), "{method} {path}");
        assert!(
            message.starts_with("Insufficient scope, expected ") && message.ends_with(&scopes.join(",")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn id_of_another_tenant_is_unknown() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let theirs = other.user(json!({ "user_metadata": { "secret": 1 } })).await;
    let encoded = theirs["user_id"].as_str().unwrap().replace('|', "%7C");
    for endpoint in endpoints().iter().filter(|e| e.scopes.is_some() && e.path.contains('{')) {
        let path = endpoint
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { encoded.as_str() } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let request = tenant.authorized(endpoint.method.as_str(), &path);
        let answer =
            send(if endpoint.takes_body { request.json(&json!({ "nickname": "mine" })) } else { request })
                .await;
        let nothing = answer.status == 404
            || answer.status == 400
            || (endpoint.method == "DELETE" && answer.status == 204);
        assert!(nothing, "{} {}: {} {}", endpoint.method, endpoint.path, answer.status, answer.text);
        assert!(!answer.text.contains("secret"));
    }
    assert_eq!(other.get(&path_of(&theirs)).await.json, theirs);
}

#[tokio::test]
async fn unknown_methods_are_405_and_unknown_paths_404() {
    let tenant = Tenant::new().await;
    let put = send(tenant.authorized("PUT", "/api/v2/users/auth0%7Cx")).await;
    assert_eq!(put.error(), (405, None, "Method Not Allowed"));
    assert_eq!(put.header("allow"), Some("GET, HEAD, PATCH, DELETE"));
    assert_eq!(tenant.get("/api/v2/nowhere").await.error(), (404, None, "Not Found"));
}

#[tokio::test]
async fn request_id_is_taken_or_generated() {
    let tenant = Tenant::new().await;
    let given = send(tenant.request("GET", "/health/live").header("x-request-id", "mine-1")).await;
    assert_eq!((given.status, given.header("x-request-id")), (200, Some("mine-1")));
    let odd = send(tenant.request("GET", "/health/live").header("x-request-id", "a b\"c")).await;
    assert!(odd.header("x-request-id").unwrap().parse::<uuid::Uuid>().is_ok());
    assert_eq!(send(tenant.request("GET", "/health/ready")).await.json, json!({ "status": "ready" }));
}

#[tokio::test]
async fn head_answers_like_get_without_a_body_on_every_route() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let id = user["user_id"].as_str().unwrap().replace('|', "%7C");
    let mut paths: Vec<String> =
        endpoints().iter().filter(|e| e.method == "GET").map(|e| concrete(e.path)).collect();
    paths.push(format!("/api/v2/users/{id}"));
    for path in paths {
        let (get, head) =
            (send(tenant.authorized("GET", &path)).await, send(tenant.authorized("HEAD", &path)).await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.text, "", "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control", "location"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}
