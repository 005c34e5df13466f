//! The headers of all responses, over all routes of the registration table.

use roster::server::endpoints;
use serde_json::json;

use crate::support::{CONNECTION, PASSWORD, Response, Tenant, path_of, send, server};

const NOT_CACHED: &str = "private, no-store, no-cache, must-revalidate, post-check=0, pre-check=0";

fn assert_not_cached(answer: &Response, what: &str) {
    assert_eq!(answer.header("cache-control"), Some(NOT_CACHED), "{what}: {}", answer.status);
}

#[tokio::test]
async fn responses_are_not_cached_unless_their_route_is_public() {
    let tenant = Tenant::new().await;
    let mut public = 0;
    for endpoint in endpoints() {
        let path = endpoint.path.replace(['{', '}'], "");
        let (method, what) = (endpoint.method.as_str(), format!("{} {}", endpoint.method, endpoint.path));
        let mut answers = vec![send(tenant.request(method, &path)).await];
        answers.push(send(tenant.authorized(method, &path)).await);
        if endpoint.takes_body {
            answers.push(send(tenant.authorized(method, &path).json(&json!({ "nonsense": true }))).await);
        }
        for answer in answers {
            if path.starts_with("/.well-known/") {
                public += 1;
                let cache = answer.header("cache-control").unwrap();
                assert!(cache.starts_with("public, max-age=15,"), "{what}: {cache}");
                assert_eq!(answer.header("vary"), None, "{what}");
            } else {
                assert_not_cached(&answer, &what);
            }
            if path.starts_with("/api/v2/") {
                assert_eq!(answer.header("vary"), Some("origin,accept-encoding"), "{what}");
            }
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
            assert_eq!(answer.header("strict-transport-security"), None, "{what}: plain HTTP");
        }
    }
    assert!(public >= 4);
    for (method, path) in [("GET", "/nowhere"), ("GET", "/api/v2/nowhere"), ("PUT", "/api/v2/users")] {
        assert_not_cached(&send(tenant.authorized(method, path)).await, path);
    }
    let url = format!("http://{}/.well-known/jwks.json", server().address);
    let unknown = reqwest::Client::new().get(url).header("host", "nobody.test");
    assert_not_cached(&send(unknown).await, "JWKS of an unknown host");
}

#[tokio::test]
async fn successful_responses_with_personal_data_are_not_cached() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let found = tenant.get(&path_of(&user)).await;
    assert_not_cached(&found, "a user");
    let known =
        tenant.authorized("GET", &path_of(&user)).header("if-none-match", found.header("etag").unwrap());
    let known = send(known).await;
    assert_eq!((known.status, known.header("etag")), (304, found.header("etag")));
    assert_not_cached(&known, "a known user");

    let ticket = tenant.post("/api/v2/tickets/password-change", json!({ "user_id": user["user_id"] })).await;
    let link = ticket.json["ticket"].as_str().unwrap();
    let (_, page) = link.split_at(link.find("/lo/").unwrap());
    let page = send(tenant.request("GET", page)).await;
    assert_eq!(page.status, 200);
    assert_not_cached(&page, "the page of a ticket");

    let realm = "http://auth0.com/oauth/grant-type/password-realm";
    let client = json!({ "name": "A", "token_endpoint_auth_method": "none", "grant_types": [realm] });
    let client = tenant.post("/api/v2/clients", client).await.json;
    let login = json!({
        "grant_type": realm, "realm": CONNECTION, "scope": "openid email", "client_id": client["client_id"],
        "username": user["email"], "password": PASSWORD,
    });
    let tokens = send(tenant.request("POST", "/oauth/token").json(&login)).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    assert_eq!(
        (tokens.header("cache-control"), tokens.header("pragma")),
        (Some("no-store"), Some("no-cache"))
    );
    let token = tokens.json["access_token"].as_str().unwrap();
    let claims = send(tenant.request("GET", "/userinfo").bearer_auth(token)).await;
    assert_eq!((claims.status, &claims.json["email"]), (200, &user["email"]));
    assert_not_cached(&claims, "/userinfo");
}
