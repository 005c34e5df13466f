//! Invalid input to every route with a body and every route with an id in its path: a 4xx in the API's shape,
//! and no change.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use roster::server::endpoints;
use serde_json::{Value, json};

use crate::support::{CONNECTION, PASSWORD, Response, Tenant, path_of, send, sql, unique};

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

#[tokio::test]
async fn authorization_headers_that_are_odd_are_4xx_at_the_token_endpoint() {
    use base64::Engine;
    let tenant = Tenant::new().await;
    let encoded = |credentials: &[u8]| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials))
    };
    let id = tenant.client.client_id.as_bytes();
    for header in [
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "basic !!!".to_owned(),
        encoded(b""),
        encoded(b":"),
        encoded(id),
        encoded(&[id, b":"].concat()),
        encoded(&[id, b":\xff"].concat()),
        encoded(&[id, b":%ff"].concat()),
        encoded(&[id, b"%00:x"].concat()),
        encoded(&[id, b"\0:x"].concat()),
        encoded(&[id, b":", "%25".repeat(5_000).as_bytes()].concat()),
    ] {
        let body = json!({ "grant_type": "client_credentials", "audience": tenant.audience });
        let request = tenant.request("POST", "/oauth/token").header("authorization", &header).json(&body);
        let answer = send(request).await;
        assert_rejected(&answer, &header);
        assert_eq!(answer.status, 401, "{header}");
    }
}

/// Ids of users as a caller may send them: most are odd.
fn user_id() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just("\u{1}"),
        Just("\u{7f}"),
        Just("\u{85}"),
        Just("\u{200b}"),
        Just("|"),
        Just("/"),
        Just("%"),
        Just("%2F"),
        Just("."),
        Just(".."),
        Just("?"),
        Just("#"),
        Just("+"),
        Just("&"),
        Just(";"),
        Just("\\"),
        Just("\""),
        Just("'"),
        Just(","),
        Just("*"),
        Just("\u{e9}"),
        Just("\u{1f409}"),
        Just("auth0|"),
        Just(" "),
        Just("a"),
        Just("{id}"),
    ];
    prop_oneof![
        6 => proptest::collection::vec(odd, 1..6).prop_map(|parts| parts.concat()),
        2 => any::<String>().prop_map(|text| text.replace('\0', "")),
        1 => (480_usize..520).prop_map(|length| "x".repeat(length)),
        1 => (100_usize..130).prop_map(|length| "\u{1f409}".repeat(length)),
        1 => (240_usize..260).prop_map(|length| "\u{e9}".repeat(length)),
    ]
}

fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Uses every route and body that takes the id of a user.
async fn use_everywhere(tenant: &Tenant, id: &str, role: &str) {
    let (path, identity) = (format!("/api/v2/users/{}", segment(id)), id.split_once('|').unwrap().1);
    let assert_status = |answer: Response, status: u16, what: &str| {
        assert_eq!(answer.status, status, "{what} of {id:?}: {}", answer.text);
        answer.json
    };
    let read = assert_status(tenant.get(&path).await, 200, "GET");
    assert_eq!(read["user_id"], id);
    let patch = json!({ "user_metadata": { "a": 1 }, "username": null });
    assert_status(tenant.patch(&path, patch).await, 200, "PATCH");
    assert_status(tenant.post(&format!("{path}/roles"), json!({ "roles": [role] })).await, 204, "roles");
    let members = format!("/api/v2/roles/{role}/users");
    assert_status(tenant.post(&members, json!({ "users": [id] })).await, 200, "members");
    let listed = assert_status(tenant.get(&format!("{members}?take=100")).await, 200, "list of members");
    assert!(listed["users"].as_array().unwrap().iter().any(|member| member["user_id"] == id), "{id:?}");
    for route in ["roles", "permissions", "organizations", "enrollments"] {
        assert_status(tenant.get(&format!("{path}/{route}")).await, 200, route);
    }
    for method in ["GET", "DELETE"] {
        let blocks = tenant.authorized(method, &format!("/api/v2/user-blocks/{}", segment(id)));
        assert_status(send(blocks).await, if method == "GET" { 200 } else { 204 }, "user-blocks");
    }
    let named = json!({ "user_id": id, "identity": { "provider": "auth0", "user_id": identity } });
    for route in ["tickets/password-change", "tickets/email-verification", "jobs/verification-email"] {
        assert_status(tenant.post(&format!("/api/v2/{route}"), named.clone()).await, 201, route);
    }
    let primary = tenant.user(json!({})).await;
    let identities = format!("{}/identities", path_of(&primary));
    let secondary = json!({ "provider": "auth0", "user_id": id });
    assert_status(tenant.post(&identities, secondary).await, 201, "link");
    assert_status(tenant.get(&path).await, 404, "GET after linking");
    let unlink = format!("{identities}/auth0/{}", segment(identity));
    assert_status(tenant.delete(&unlink).await, 200, "unlink");
    assert_status(tenant.get(&path).await, 200, "GET after unlinking");
    let other = json!({ "provider": "auth0", "user_id": primary["user_id"] });
    assert_status(tenant.post(&format!("{path}/identities"), other).await, 201, "link to it");
    assert_status(tenant.delete(&path).await, 204, "DELETE");
    assert_status(tenant.get(&path).await, 404, "GET after deletion");
}

#[tokio::test]
async fn ids_that_a_creation_accepts_work_everywhere_and_others_are_400() {
    let tenant = Tenant::new().await;
    let role =
        tenant.post("/api/v2/roles", json!({ "name": "r" })).await.json["id"].as_str().unwrap().to_owned();
    let mut runner = TestRunner::default();
    let (mut accepted, mut rejected) = (0, 0);
    while accepted < 25 || rejected < 25 {
        let sent = user_id().new_tree(&mut runner).unwrap().current();
        let body = json!({
            "connection": CONNECTION, "password": PASSWORD, "user_id": sent, "email": format!("{}@example.com", unique("i")),
        });
        let before = fingerprint(&tenant).await;
        let answer = tenant.post("/api/v2/users", body).await;
        if answer.status == 201 {
            accepted += 1;
            use_everywhere(&tenant, answer.json["user_id"].as_str().unwrap(), &role).await;
        } else {
            rejected += 1;
            let (status, code, message) = answer.error();
            assert_eq!((status, code), (400, Some("invalid_body")), "{sent:?}: {message}");
            assert!(message.contains("on property user_id ("), "{sent:?}: {message}");
            assert_eq!(fingerprint(&tenant).await, before);
        }
    }
}

#[tokio::test]
async fn ids_that_no_user_can_have_are_400_in_every_body_and_path() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let role =
        tenant.post("/api/v2/roles", json!({ "name": "r" })).await.json["id"].as_str().unwrap().to_owned();
    let before = fingerprint(&tenant).await;
    let long = "x".repeat(507);
    for bare in ["\u{1}", "\u{7f}", "a\nb", ".", "..", &long] {
        let id = format!("auth0|{bare}");
        for (path, body) in [
            (
                "/api/v2/users".to_owned(),
                json!({ "connection": CONNECTION, "email": "i@example.com", "password": PASSWORD, "user_id": bare }),
            ),
            (
                "/api/v2/users".to_owned(),
                json!({ "connection": CONNECTION, "email": "i@example.com", "password": PASSWORD, "user_id": id }),
            ),
            (format!("{}/identities", path_of(&user)), json!({ "provider": "auth0", "user_id": bare })),
            (format!("{}/identities", path_of(&user)), json!({ "provider": "auth0", "user_id": id })),
            (format!("/api/v2/roles/{role}/users"), json!({ "users": [user["user_id"], id] })),
            ("/api/v2/tickets/password-change".to_owned(), json!({ "user_id": id })),
            ("/api/v2/tickets/email-verification".to_owned(), json!({ "user_id": id })),
            ("/api/v2/jobs/verification-email".to_owned(), json!({ "user_id": id })),
        ] {
            let answer = tenant.post(&path, body).await;
            let (status, code, message) = answer.error();
            assert_eq!((status, code), (400, Some("invalid_body")), "{path} {bare:?}: {message}");
            assert!(message.contains(" on property user"), "{path} {bare:?}: {message}");
        }
        let paths = endpoints().into_iter().filter(|e| e.scopes.is_some() && e.path.contains("/users/{id}"));
        for endpoint in paths.filter(|e| !e.takes_body && !bare.starts_with('.')) {
            let path = endpoint.path.replace("{id}", &segment(&id)).replace("{provider}", "auth0");
            let answer = send(tenant.authorized(endpoint.method.as_str(), &path)).await;
            assert_eq!(answer.error().0, 400, "{} {path}: {}", endpoint.method, answer.text);
        }
    }
    assert_eq!(fingerprint(&tenant).await, before);
}
