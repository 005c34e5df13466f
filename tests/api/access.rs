//! Authentication and authorization of all routes of the registration table, including future ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roster::server::endpoints;
use serde_json::{Value, json};

use crate::support::{Response, Tenant, now, path_of, send};

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
        (signed(&tenant, &claims, |c| c["nbf"] = json!(now() + 600)).await, "Invalid token"),
        (signed(&tenant, &claims, |c| c["iat"] = json!(now() + 600)).await, "Invalid token"),
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
    let mut claims = claims.clone();
    change(&mut claims);
    tenant.sign(claims).await
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

/// The routes that accept a `current_user` scope, as method, path and that scope.
fn own_routes() -> Vec<(String, &'static str, &'static str)> {
    let mut routes = Vec::new();
    for endpoint in endpoints() {
        let scopes =
            endpoint.scopes.unwrap_or_default().iter().filter(|scope| scope.contains(":current_user"));
        routes.extend(scopes.map(|scope| (endpoint.method.to_string(), endpoint.path, *scope)));
    }
    assert!(routes.len() >= 6, "{routes:?}");
    routes
}

/// Calls a route on a user with the user's own token.
async fn call_own(tenant: &Tenant, route: &(String, &str, &str), user: &Value, token: &str) -> Response {
    let (method, path, _) = route;
    let segments = path.split('/').map(|part| match part {
        "{id}" => user["user_id"].as_str().unwrap().replace('|', "%7C"),
        "{provider}" => "auth0".to_owned(),
        part => part.replace("{user_id}", "unknown"),
    });
    let request = tenant.request(method, &segments.collect::<Vec<_>>().join("/")).bearer_auth(token);
    let body = match (method.as_str(), *path) {
        ("PATCH", _) => json!({ "user_metadata": { "seen": 1 } }),
        ("POST", "/api/v2/users/{id}/identities") => {
            let other = tenant.user(json!({})).await;
            let claims = json!({
                "iss": format!("https://{}/", tenant.host), "sub": other["user_id"], "aud": "app", "iat": now(),
                "exp": now() + 600,
            });
            json!({ "link_with": tenant.sign(claims).await })
        }
        _ => return send(request).await,
    };
    send(request.json(&body)).await
}

const NEW_PASSWORD: &str = "Another-Horse-2";

/// Ends the tokens of a user; the user afterwards.
async fn end_tokens(tenant: &Tenant, user: &Value, end: &str) -> Option<Value> {
    let path = path_of(user);
    let patch = match end {
        "block" => json!({ "blocked": true }),
        "new password" => json!({ "password": NEW_PASSWORD }),
        "removed password" => json!({ "password": null }),
        "ticket" => {
            let link = crate::tickets::ticket(tenant, "password-change", user, json!({})).await;
            assert_eq!(crate::tickets::set_password(tenant, &link, NEW_PASSWORD).await.status, 200);
            return Some(tenant.get(&path).await.json);
        }
        _ => {
            assert_eq!(tenant.delete(&path).await.status, 204);
            if end == "deletion" {
                return None;
            }
            return Some(tenant.user(json!({ "user_id": user["user_id"], "email": user["email"] })).await);
        }
    };
    let answer = tenant.patch(&path, patch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    Some(answer.json)
}

#[tokio::test]
async fn own_token_ends_with_its_user_on_every_route() {
    let tenant = Tenant::new().await;
    for route in own_routes() {
        let user = tenant.user(json!({})).await;
        tenant.age_users().await;
        let token = tenant.own_token(&user, route.2, now() - 60).await;
        let answer = call_own(&tenant, &route, &user, &token).await;
        assert!(![401, 403].contains(&answer.status) && answer.status < 500, "{route:?}: {}", answer.text);
        for end in ["block", "deletion", "new creation", "new password", "removed password", "ticket"] {
            let user = tenant.user(json!({})).await;
            tenant.age_users().await;
            let token = tenant.own_token(&user, route.2, now() - 60).await;
            let after = end_tokens(&tenant, &user, end).await;
            let answer = call_own(&tenant, &route, &user, &token).await;
            assert_eq!(answer.error(), (401, None, "Invalid token"), "{route:?} after {end}");
            if let Some(after) = after {
                assert_eq!(tenant.get(&path_of(&user)).await.json, after, "{route:?} after {end}");
                let token = tenant.own_token(&user, route.2, now()).await;
                let answer = call_own(&tenant, &route, &user, &token).await;
                assert_eq!(answer.status == 401, end == "block", "{route:?} after {end}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn own_token_is_compared_by_the_second() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let path = path_of(&user);
    let seconds = async |column: &str| {
        let query = format!(
            "select floor(date_part('epoch',{column}))::bigint as seconds from users where tenant_id = $1"
        );
        crate::support::sql(&query, &[&tenant.name]).await[0][0].as_i64().unwrap()
    };
    let status = async |issued_at: i64| {
        let token = tenant.own_token(&user, "read:current_user", issued_at).await;
        send(tenant.request("GET", &path).bearer_auth(token)).await.status
    };
    let created = seconds("created_at").await;
    assert_eq!((status(created).await, status(created - 1).await), (200, 401));
    tenant.age_users().await;
    assert_eq!(status(created - 1).await, 200);
    assert_eq!(tenant.patch(&path, json!({ "password": NEW_PASSWORD })).await.status, 200);
    let changed = seconds("password_changed_at").await;
    assert_eq!((status(changed).await, status(changed - 1).await), (200, 401));
    assert_eq!((status(-1).await, status(i64::MIN).await), (401, 401));
}

#[tokio::test]
async fn own_token_is_compared_after_the_lock_of_the_user() {
    let tenant = Tenant::new().await;
    let block =
        ["update users set profile = profile || '{\"blocked\": true}' where tenant_id = $1 and user_id = $2"];
    for route in own_routes().into_iter().filter(|(method, ..)| method != "GET") {
        let user = tenant.user(json!({})).await;
        let id = user["user_id"].as_str().unwrap();
        let token = tenant.own_token(&user, route.2, now()).await;
        let request = Box::pin(call_own(&tenant, &route, &user, &token));
        let answer = crate::support::overtaken(&block, [&tenant.name, id], request).await;
        assert_eq!(answer.error(), (401, None, "Invalid token"), "{route:?}");
        assert_eq!(tenant.get(&path_of(&user)).await.json["blocked"], true);
    }
}

#[tokio::test]
async fn own_tokens_are_compared_one_by_one_in_a_batch() {
    let tenant = Tenant::new().await;
    let (free, blocked) = (tenant.user(json!({})).await, tenant.user(json!({ "blocked": true })).await);
    let scope = "read:current_user update:current_user_metadata";
    let tokens =
        [tenant.own_token(&free, scope, now()).await, tenant.own_token(&blocked, scope, now()).await];
    let calls = (0..60).map(|n| {
        let (user, token) = ([&free, &blocked][n % 2], [&*tokens[n % 2], &*tenant.token][n / 2 % 2]);
        let method = ["GET", "PATCH"][n / 4 % 2];
        let request = tenant.request(method, &path_of(user)).bearer_auth(token);
        let request =
            if method == "PATCH" { request.json(&json!({ "user_metadata": { "n": n } })) } else { request };
        async move { (n % 2 == 1 && n / 2 % 2 == 0, send(request).await) }
    });
    for (is_rejected, answer) in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, if is_rejected { 401 } else { 200 }, "{}", answer.text);
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
