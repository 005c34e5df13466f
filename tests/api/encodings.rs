//! `Content-Encoding` of requests and responses.

use roster::base::encoding::Encoding;
use roster::server::endpoints;
use serde_json::json;

use crate::support::{CONNECTION, PASSWORD, Tenant, path_of, send, unique};

const ALL: [Encoding; 4] = [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];

#[tokio::test]
async fn encoded_bodies_are_decoded() {
    let tenant = Tenant::new().await;
    for encoding in ALL {
        let email = format!("{}@example.com", unique("e"));
        let body = json!({ "connection": CONNECTION, "email": email, "password": PASSWORD }).to_string();
        let request = tenant
            .authorized("POST", "/api/v2/users")
            .header("content-type", "application/json")
            .header("content-encoding", encoding.name())
            .body(encoding.encode(body.as_bytes()).unwrap());
        let made = send(request).await;
        assert_eq!(
            (made.status, made.json["email"].as_str()),
            (201, Some(&*email)),
            "{encoding:?} {}",
            made.text
        );
    }
}

#[tokio::test]
async fn encodings_are_bounded_on_every_route_with_a_body() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let id = user["user_id"].as_str().unwrap().replace('|', "%7C");
    let bomb = format!("{{\"nickname\":\"{}\"}}", "x".repeat(16 << 20));
    let bombs = ALL.map(|encoding| (encoding, encoding.encode(bomb.as_bytes()).unwrap()));
    for endpoint in endpoints().iter().filter(|endpoint| endpoint.takes_body) {
        let parts =
            endpoint.path.split('/').map(|part| if part.starts_with('{') { id.as_str() } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let kind = if endpoint.is_page { "application/x-www-form-urlencoded" } else { "application/json" };
        let request = |encoding: &str, body: Vec<u8>| {
            tenant
                .authorized(endpoint.method.as_str(), &path)
                .header("content-type", kind)
                .header("content-encoding", encoding)
                .body(body)
        };
        for (encoding, bomb) in &bombs {
            let answer = send(request(encoding.name(), bomb.clone())).await;
            assert_eq!(answer.status, 413, "{path} {encoding:?}: {}", answer.text);
            let answer = send(request(encoding.name(), bomb[..bomb.len() / 2].to_vec())).await;
            assert!([400, 413].contains(&answer.status), "{path} {encoding:?}: {}", answer.text);
            let answer = send(request(encoding.name(), b"{}".to_vec())).await;
            assert_eq!(answer.status, 400, "{path} {encoding:?}: {}", answer.text);
        }
        for unknown in ["compress", "gzip, gzip", "x", "é"] {
            let answer = send(request(unknown, b"{}".to_vec())).await;
            assert_eq!(answer.status, 415, "{path} {unknown}: {}", answer.text);
            assert_eq!(answer.header("accept-encoding"), Some("gzip, deflate, br, zstd"), "{path} {unknown}");
        }
    }
}

#[tokio::test]
async fn large_responses_are_encoded_on_demand() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "user_metadata": { "text": "x".repeat(5000) } })).await;
    let path = path_of(&user);
    let get = |method: &str, accept: &str| tenant.authorized(method, &path).header("accept-encoding", accept);
    let plain = tenant.get(&path).await;
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        (None, Some("origin,accept-encoding"))
    );
    for (accept, encoding) in [
        ("gzip, deflate, br, zstd", Some(Encoding::Brotli)),
        ("gzip;q=0.5, br", Some(Encoding::Brotli)),
        ("zstd", Some(Encoding::Zstd)),
        ("deflate", None),
        ("gzip;q=0", None),
        ("identity", None),
        ("nonsense;;;", None),
    ] {
        let response = get("GET", accept).send().await.unwrap();
        let headers = response.headers().clone();
        let body = response.bytes().await.unwrap();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-encoding"), encoding.map(Encoding::name), "{accept}");
        assert_eq!(header("vary"), Some("origin,accept-encoding"), "{accept}");
        assert_eq!(header("etag"), plain.header("etag"), "the tag names the version");
        let decoded = match encoding {
            None => body.to_vec(),
            Some(encoding) => {
                assert!(body.len() < 1500, "{accept}: {}", body.len());
                encoding.decode(&body, 1 << 20, |_| Ok::<_, ()>(())).unwrap()
            }
        };
        assert_eq!(String::from_utf8(decoded).unwrap(), plain.text, "{accept}");
        let head = send(get("HEAD", accept)).await;
        for name in ["content-encoding", "content-length", "vary", "etag"] {
            assert_eq!(head.header(name), header(name), "{name} of HEAD with {accept}");
        }
        let etag = plain.header("etag").unwrap();
        let known = send(get("GET", accept).header("if-none-match", etag)).await;
        assert_eq!(
            (known.status, known.header("etag"), known.header("vary")),
            (304, Some(etag), Some("origin,accept-encoding"))
        );
        assert_eq!((known.header("content-encoding"), &*known.text), (None, ""));
    }
    let small = send(tenant.authorized("GET", "/api/v2/roles").header("accept-encoding", "gzip")).await;
    assert_eq!(
        (small.status, small.header("content-encoding"), small.header("vary")),
        (200, None, Some("origin,accept-encoding"))
    );
}

#[tokio::test]
async fn list_of_a_megabyte_is_encoded() {
    let tenant = Tenant::new().await;
    for n in 0..4 {
        tenant.user(json!({ "user_metadata": { "n": n, "text": "x".repeat(200_000) } })).await;
    }
    let plain = tenant.get("/api/v2/users").await;
    assert!(plain.text.len() > 800_000);
    let request = tenant.authorized("GET", "/api/v2/users").header("accept-encoding", "zstd");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "zstd");
    let body = response.bytes().await.unwrap();
    let decoded = Encoding::Zstd.decode(&body, 1 << 24, |_| Ok::<_, ()>(())).unwrap();
    assert_eq!(String::from_utf8(decoded).unwrap(), plain.text);
}

#[tokio::test]
async fn errors_of_pages_are_pages_in_a_browser() {
    let tenant = Tenant::new().await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let form = "application/x-www-form-urlencoded";
    for path in endpoints().iter().filter(|endpoint| endpoint.is_page).map(|endpoint| endpoint.path) {
        let request = |method: &str, kind: &str, body: Vec<u8>, encoding: &str| {
            let path = if method == "GET" { format!("{path}?ticket=%00") } else { path.to_owned() };
            let request = tenant.request(method, &path).header("content-type", kind).body(body);
            request.header("content-encoding", encoding)
        };
        let refused = [
            (405, request("DELETE", form, Vec::new(), "identity")),
            (413, request("POST", form, vec![b'x'; 1_100_000], "identity")),
            (415, request("POST", "application/json", b"{}".to_vec(), "identity")),
            (415, request("POST", form, b"a=1".to_vec(), "unknown")),
            (400, request("POST", form, b"a=%ff".to_vec(), "identity")),
            (400, request("GET", form, Vec::new(), "identity")),
        ];
        for (status, request) in refused {
            let json = send(request.try_clone().unwrap()).await;
            assert_eq!(json.error().0, status, "{path}");
            let page = send(request.header("accept", browser)).await;
            assert_eq!(page.status, status, "{path}");
            assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path} {status}");
            assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
            assert!(
                page.text.starts_with("<!doctype html>") && page.text.contains("role=\"alert\""),
                "{}",
                page.text
            );
            assert_eq!(page.header("allow"), json.header("allow"));
            assert_eq!(page.header("accept-encoding"), json.header("accept-encoding"));
            assert!(page.header("x-request-id").is_some());
        }
    }
    let api = send(tenant.request("GET", "/api/v2/users").header("accept", browser)).await;
    assert_eq!(api.error().0, 401, "the API is no page");
}
