//! Which web pages may read responses, over all routes of the registration table.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use roster::http::cors::Sharing;
use roster::server::endpoints;
use serde_json::{Value, json};

use crate::support::{Response, Tenant, caching_instance, execute, send, server};

const LISTED: &str = "https://app.example.com";
const OTHER: &str = "https://evil.example";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// The shared paths with their methods.
fn shared() -> BTreeMap<&'static str, (Sharing, Vec<String>)> {
    let mut paths = BTreeMap::new();
    for endpoint in endpoints() {
        if let Some(sharing) = endpoint.sharing {
            paths.entry(endpoint.path).or_insert((sharing, Vec::new())).1.push(endpoint.method.to_string());
        }
    }
    paths
}

fn concrete(path: &str) -> String {
    let part =
        |part: &str| if part.starts_with('{') { "auth0%7Cunknown".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

async fn client(tenant: &Tenant, body: Value) -> String {
    let mut whole = json!({ "name": "Page" });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let created = tenant.post("/api/v2/clients", whole).await;
    assert_eq!(created.status, 201, "{}", created.text);
    format!("/api/v2/clients/{}", created.json["client_id"].as_str().unwrap())
}

async fn preflight_at(
    address: SocketAddr,
    tenant: &Tenant,
    path: &str,
    method: &str,
    origin: &str,
) -> Response {
    let request = tenant.request_to(address, "OPTIONS", &concrete(path)).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    send(request.header("access-control-request-headers", "authorization,auth0-client,content-type")).await
}

async fn preflight(tenant: &Tenant, path: &str, method: &str, origin: &str) -> Response {
    preflight_at(server().address, tenant, path, method, origin).await
}

/// Whether a page of an origin may request a token.
async fn is_allowed(tenant: &Tenant, origin: &str) -> bool {
    preflight(tenant, "/oauth/token", "POST", origin).await.header(ALLOW_ORIGIN) == Some(origin)
}

#[tokio::test]
async fn shared_paths_are_those_of_users_and_their_pages() {
    let listed: Vec<&str> =
        shared().into_iter().filter(|(_, (s, _))| *s == Sharing::Listed).map(|(path, _)| path).collect();
    let expected = ["/dbconnections/change_password", "/dbconnections/signup", "/oauth/token", "/userinfo"];
    assert_eq!(listed, expected);
    for endpoint in endpoints().iter().filter(|endpoint| endpoint.path.starts_with("/api/v2/")) {
        let is_of_user = endpoint.scopes.unwrap().iter().any(|scope| scope.contains("current_user"));
        let sharing = is_of_user.then_some(Sharing::ListedForUsers);
        assert_eq!(endpoint.sharing, sharing, "{} {}", endpoint.method, endpoint.path);
    }
}

#[tokio::test]
async fn preflight_allows_the_methods_of_shared_paths_to_listed_origins() {
    let tenant = Tenant::new().await;
    client(&tenant, json!({ "allowed_origins": [LISTED] })).await;
    for endpoint in endpoints() {
        let (path, method) = (endpoint.path, endpoint.method.as_str());
        let what = format!("{method} {path}");
        let answer = preflight(&tenant, path, method, LISTED).await;
        let Some((sharing, methods)) = shared().remove(path) else {
            assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (405, None), "{what}");
            continue;
        };
        let origin = if sharing == Sharing::Public { "*" } else { LISTED };
        assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (204, Some(origin)), "{what}");
        let allowed = answer.header("access-control-allow-methods").unwrap();
        assert!(methods.iter().all(|m| allowed.split(", ").any(|a| a == m)), "{what}: {allowed}");
        assert_eq!(
            answer.header("access-control-allow-headers"),
            Some("authorization,auth0-client,content-type"),
            "{what}"
        );
        assert_eq!(answer.header("access-control-max-age"), Some("3600"), "{what}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("false"), "{what}");
        if sharing != Sharing::Public {
            assert!(answer.header("vary").unwrap().contains("origin"), "{what}");
            let other = preflight(&tenant, path, method, OTHER).await;
            assert_eq!(other.status, 204, "{what}");
            for name in other.headers.keys() {
                assert!(!name.as_str().starts_with("access-control-"), "{what}: {name}");
            }
        }
    }
    // Without the headers of a preflight it is an unknown method.
    for (name, value) in [("x-a", "b"), ("origin", LISTED), ("access-control-request-method", "POST")] {
        let answer = send(tenant.request("OPTIONS", "/oauth/token").header(name, value)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{name}");
    }
    let odd = tenant.request("OPTIONS", "/oauth/token").header("origin", LISTED);
    let odd = odd.header("access-control-request-method", "POST");
    let odd = send(odd.header("access-control-request-headers", "a;b")).await;
    assert_eq!((odd.header(ALLOW_ORIGIN), odd.header("access-control-allow-headers")), (Some(LISTED), None));
}

#[tokio::test]
async fn responses_of_shared_routes_are_readable_for_listed_origins() {
    let tenant = Tenant::new().await;
    client(&tenant, json!({ "web_origins": [LISTED] })).await;
    let of_user = tenant.token_with(&["read:current_user", "update:current_user_metadata"]).await;
    for endpoint in endpoints() {
        let (method, path) = (endpoint.method.as_str(), concrete(endpoint.path));
        let what = format!("{method} {path}");
        let call = async |origin: &str, token: Option<&str>| {
            let request = tenant.request(method, &path).header("origin", origin);
            let request =
                if endpoint.takes_body { request.json(&json!({ "nonsense": true })) } else { request };
            send(match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            })
            .await
        };
        let answer = call(LISTED, Some(&of_user)).await;
        let origin = match endpoint.sharing {
            None => None,
            Some(Sharing::Public) => Some("*"),
            Some(Sharing::Listed | Sharing::ListedForUsers) => Some(LISTED),
        };
        assert_eq!(answer.header(ALLOW_ORIGIN), origin, "{what}: {}", answer.status);
        if origin.is_some() {
            let exposed = answer.header("access-control-expose-headers").unwrap();
            assert!(
                exposed.contains("X-RateLimit-Remaining") && exposed.contains("ETag"),
                "{what}: {exposed}"
            );
            assert_eq!(answer.header("access-control-allow-credentials"), Some("false"), "{what}");
        }
        if origin == Some(LISTED) {
            assert!(answer.header("vary").unwrap().contains("origin"), "{what}");
            assert_eq!(call(OTHER, Some(&of_user)).await.header(ALLOW_ORIGIN), None, "{what}");
        }
        if endpoint.sharing == Some(Sharing::ListedForUsers) {
            // A page can read that its token has expired. A token of a server is no token of a page.
            assert_eq!(call(LISTED, None).await.header(ALLOW_ORIGIN), Some(LISTED), "{what}");
            let of_server = tenant.token_with(&["read:users", "update:users", "delete:users"]).await;
            assert_eq!(call(LISTED, Some(&of_server)).await.header(ALLOW_ORIGIN), None, "{what}");
        }
    }
    let plain = send(tenant.request("GET", "/userinfo")).await;
    assert_eq!(plain.header(ALLOW_ORIGIN), None, "no page");
    let cached = send(tenant.request("GET", "/.well-known/jwks.json")).await;
    assert_eq!(cached.header(ALLOW_ORIGIN), Some("*"), "the copy of a cache is for all pages");
}

#[tokio::test]
async fn origins_follow_the_clients_of_the_tenant() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let lists = json!({
        "allowed_origins": [LISTED, "https://*.pages.example.com", "capacitor://localhost"],
        "web_origins": ["http://localhost:3000"],
        "callbacks": ["https://Callback.example.com:443/path?query#x", "com.example.app:/callback", "https://a@user.example/"],
    });
    let path = client(&tenant, lists).await;
    for origin in [
        LISTED,
        "https://a.pages.example.com",
        "capacitor://localhost",
        "http://localhost:3000",
        "https://callback.example.com",
    ] {
        assert!(is_allowed(&tenant, origin).await, "{origin}");
        assert!(!is_allowed(&other, origin).await, "{origin} of another tenant");
    }
    for origin in ["https://a.b.pages.example.com", "https://user.example", "http://localhost", "null", ""] {
        assert!(!is_allowed(&tenant, origin).await, "{origin:?}");
    }

    let second = client(&tenant, json!({ "callbacks": [format!("{LISTED}/callback")] })).await;
    assert_eq!(tenant.patch(&path, json!({ "allowed_origins": [] })).await.status, 200);
    assert!(is_allowed(&tenant, LISTED).await, "the second client lists it");
    assert!(!is_allowed(&tenant, "https://a.pages.example.com").await);
    assert!(is_allowed(&tenant, "http://localhost:3000").await);
    assert_eq!(tenant.delete(&second).await.status, 204);
    assert!(!is_allowed(&tenant, LISTED).await);
    assert_eq!(tenant.patch(&path, json!({ "web_origins": ["https://new.example"] })).await.status, 200);
    assert!(is_allowed(&tenant, "https://new.example").await);
    assert!(!is_allowed(&tenant, "http://localhost:3000").await);
}

#[tokio::test]
async fn preflights_of_random_origins_cause_no_query() {
    let tenant = Tenant::new().await;
    let path = client(&tenant, json!({ "allowed_origins": [LISTED] })).await;
    let address = caching_instance().await;
    let answer = preflight_at(address, &tenant, "/oauth/token", "POST", LISTED).await;
    assert_eq!(answer.header(ALLOW_ORIGIN), Some(LISTED));
    // From here on the table says otherwise, so a query would be seen.
    let client_id = path.rsplit('/').next().unwrap();
    execute("delete from client_origins where tenant_id = $1", &[&tenant.name]).await;
    for n in 0..20 {
        let origin = format!("https://random-{n}.example");
        execute("insert into client_origins values ($1, $2, $3)", &[&tenant.name, &origin, client_id]).await;
        let answer = preflight_at(address, &tenant, "/oauth/token", "POST", &origin).await;
        assert_eq!(answer.header(ALLOW_ORIGIN), None, "{origin}");
    }
    let answer = preflight_at(address, &tenant, "/oauth/token", "POST", LISTED).await;
    assert_eq!(answer.header(ALLOW_ORIGIN), Some(LISTED));
}
