//! Invalid input to every route with a body and every route with an id in its path: a 4xx in the API's shape, and no
//! change.

use roster::server::endpoints;
use serde_json::{Value, json};

use crate::support::{Response, Tenant, send, sql};

/// The response is a 4xx in the shape of the Management API, of OAuth, or of signup.
fn assert_rejected(answer: &Response, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text);
    let json = &answer.json;
    let management =
        json["statusCode"] == answer.status && json["error"].is_string() && json["message"].is_string();
    let oauth = json["error"].is_string() && json["error_description"].is_string();
    let signup = json["error"].is_string() || (json["name"].is_string() && json["code"].is_string());
    let page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    assert!(management || oauth || signup || page, "{what}: {}", answer.text);
    for leak in ["sqlx", "postgres", "jsonb", "serde", "panicked", "relation", "column"] {
        assert!(!answer.text.to_lowercase().contains(leak), "{what}: {}", answer.text);
    }
}

/// The users and the journal of a tenant.
async fn fingerprint(tenant: &Tenant) -> Vec<Vec<Value>> {
    let users = sql(
        "select user_id, version, profile, user_metadata, app_metadata from users where tenant_id = $1",
        &[&tenant.name],
    )
    .await;
    let mut all = sql("select kind, subject from journal where tenant_id = $1", &[&tenant.name]).await;
    all.extend(users);
    all.sort_by_key(|row| format!("{row:?}"));
    all
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| {
        format!(r#"{{"user_metadata":{{"a":{}{}}}}}"#, open.repeat(100_000), close.repeat(100_000))
    };
    vec![
        ("empty", b"".to_vec()),
        ("truncated", br#"{"user_metadata":{"a":1"#.to_vec()),
        ("not json", b"hello".to_vec()),
        ("an array", b"[1,2]".to_vec()),
        ("a string", b"\"x\"".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"5".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("wrong types", br#"{"connection":5,"email":{},"user_metadata":[],"password":true,"client_id":[],"grant_type":7,"name":1}"#.to_vec()),
        ("duplicate keys", br#"{"nickname":"a","nickname":"b"}"#.to_vec()),
        ("duplicate keys inside", br#"{"user_metadata":{"a":{"b":1,"b":2}}}"#.to_vec()),
        ("a NUL", br#"{"user_metadata":{"a":"x\u0000y"}}"#.to_vec()),
        ("a NUL in a name", br#"{"user_metadata":{"a\u0000":1}}"#.to_vec()),
        ("a raw NUL", b"{\"nickname\":\"\0\"}".to_vec()),
        ("a lone surrogate", br#"{"user_metadata":{"a":"\ud800"}}"#.to_vec()),
        ("a lone surrogate in a name", br#"{"user_metadata":{"\udc00":1}}"#.to_vec()),
        ("not utf-8", b"{\"nickname\":\"\xff\xfe\"}".to_vec()),
        ("too large a number", br#"{"user_metadata":{"a":1e400}}"#.to_vec()),
        ("too small a number", br#"{"user_metadata":{"a":1e-99999}}"#.to_vec()),
        ("too long a number", format!(r#"{{"user_metadata":{{"a":0.{}}}}}"#, "1".repeat(50_000)).into_bytes()),
        ("nested arrays", deep("[", "]").into_bytes()),
        ("nested objects", deep(r#"{"a":"#, "}").into_bytes()),
        ("unclosed nesting", "[".repeat(200_000).into_bytes()),
        ("a prototype", br#"{"__proto__":{"admin":true}}"#.to_vec()),
    ]
}

#[tokio::test]
async fn bodies_that_are_hostile_are_4xx_on_every_route() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "user_metadata": { "a": 1 } })).await;
    let id = user["user_id"].as_str().unwrap().replace('|', "%7C");
    let before = fingerprint(&tenant).await;
    for endpoint in endpoints().iter().filter(|e| e.takes_body) {
        let path = endpoint
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { id.as_str() } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for (what, body) in bodies() {
            let request = tenant
                .authorized(endpoint.method.as_str(), &path)
                .header("content-type", "application/json")
                .body(body);
            assert_rejected(&send(request).await, &format!("{} {path} with {what}", endpoint.method));
        }
        let large = format!(r#"{{"nickname":"{}"}}"#, "x".repeat(1_100_000));
        let request = tenant
            .authorized(endpoint.method.as_str(), &path)
            .header("content-type", "application/json")
            .body(large);
        let answer = send(request).await;
        assert_rejected(&answer, "a large body");
        // A page that accepts forms only rejects JSON before it checks the size.
        let page = endpoint.path.starts_with("/lo/") || endpoint.path.starts_with("/u/");
        let expected = if page { &[413, 415][..] } else { &[413] };
        assert!(expected.contains(&answer.status), "{path}: {}", answer.text);
        for kind in ["text/plain", "application/xml", "multipart/form-data", "nonsense"] {
            let request =
                tenant.authorized(endpoint.method.as_str(), &path).header("content-type", kind).body("{}");
            let answer = send(request).await;
            assert_rejected(&answer, kind);
            assert_eq!(answer.status, 415, "{path}: {}", answer.text);
        }
        for form in ["a=%ff", "nickname=%00", "%00=1", "user_metadata=x", "a=1&a=2"] {
            let request = tenant
                .authorized(endpoint.method.as_str(), &path)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
            assert_rejected(&send(request).await, &format!("{path} with the form {form}"));
        }
    }
    assert_eq!(fingerprint(&tenant).await, before);
}

#[tokio::test]
async fn ids_that_are_odd_are_4xx_on_every_route() {
    let tenant = Tenant::new().await;
    let before = fingerprint(&tenant).await;
    let ids = [
        "%00",
        "auth0%7C%00",
        "%ff%fe",
        "auth0%7C%ff",
        "%",
        "auth0%7C%zz",
        "auth0%7C%2e%2e%2f",
        "%7C",
        "auth0%7C",
        "%7Cx",
        "no-bar",
        "auth0%7C%0a",
        "..%2f..%2fetc",
    ];
    for endpoint in endpoints().iter().filter(|e| e.scopes.is_some() && e.path.contains('{')) {
        for id in ids.iter().map(|id| (*id).to_owned()).chain([format!("auth0%7C{}", "x".repeat(5000))]) {
            let path = endpoint
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { id.as_str() } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let request = tenant.authorized(endpoint.method.as_str(), &path);
            let request =
                if endpoint.takes_body { request.json(&json!({ "nickname": "x" })) } else { request };
            let answer = send(request).await;
            // Any word can be the name of a prompt.
            let is_name = endpoint.path.starts_with("/api/v2/prompts/") && id == "no-bar";
            let has_no_such_id = (endpoint.method == "DELETE" && answer.status == 204) || is_name;
            if !has_no_such_id {
                assert_rejected(&answer, &format!("{} {path}", endpoint.method));
            }
        }
    }
    assert_eq!(fingerprint(&tenant).await, before);
}

#[tokio::test]
async fn query_strings_that_are_odd_are_no_500() {
    let tenant = Tenant::new().await;
    for endpoint in endpoints().iter().filter(|e| e.method == "GET") {
        let path = endpoint
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "auth0%7Cx" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for query in [
            "fields=%ff",
            "fields=%00",
            "include_fields=maybe",
            "page=-1",
            "page=99999999999999999999",
            "per_page=x",
            "take=0",
            "from=%ff",
            "from=nonsense",
            "sort=;drop",
            "q=%00",
            "email=%00",
            "=&&=",
            "%",
        ] {
            let answer = send(tenant.authorized("GET", &format!("{path}?{query}"))).await;
            assert!(answer.status < 500, "{path}?{query}: {} {}", answer.status, answer.text);
        }
    }
}
