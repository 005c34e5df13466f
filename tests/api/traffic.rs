//! Slow senders, clients that do not read, and requests that are not HTTP: bounded time, bounded memory, and an error
//! in the shape of the API. The limits of the instances are set by the tests.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use roster::server::endpoints;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Limits, Tenant, instance_with, path_of, send, server};

/// A response as bytes of HTTP/1.1.
#[derive(Debug)]
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Raw {
    /// Reads until the server closes the connection.
    async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the response, because bytes of the request are unread, is no failure.
        let _ = stream.read_to_end(&mut bytes).await;
        Self::parse(&String::from_utf8(bytes).unwrap())
    }

    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse().unwrap(), value.parse().unwrap())
        });
        Self { status, headers: headers.collect(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

async fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may respond and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    stream
}

fn signup(tenant: &Tenant, from: &str, length: usize) -> Vec<u8> {
    let head = format!(
        "POST /dbconnections/signup HTTP/1.1\r\nhost: {}\r\nx-forwarded-for: {from}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        tenant.host
    );
    [head.as_bytes(), &vec![b'x'; length - 1]].concat()
}

#[tokio::test]
async fn stalled_body_is_408_on_every_route_with_a_body() {
    let tenant = Tenant::new().await;
    let mut limits = Limits::default();
    limits.bodies.timeout = Duration::from_secs(1);
    let (_, address) = instance_with(limits).await;
    let endpoints = endpoints();
    let stalled = endpoints.iter().filter(|endpoint| endpoint.takes_body).map(async |endpoint| {
        let path = endpoint.path.replace('{', "auth0%7C").replace('}', "");
        let kind = if endpoint.is_page { "x-www-form-urlencoded" } else { "json" };
        let head = format!(
            "{} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/{kind}\r\n\
             content-length: 1000\r\n\r\n{{",
            endpoint.method, tenant.host, tenant.token
        );
        let answer = Raw::read(&mut connect(address, head.as_bytes()).await).await;
        assert_eq!(answer.status, 408, "{} {path}: {answer:?}", endpoint.method);
        assert!(answer.headers.contains_key("x-request-id"), "{answer:?}");
        let json = answer.json();
        assert!(json["statusCode"] == 408 || json["error"].is_string(), "{path}: {json}");
        true
    });
    let answers = futures_util::future::join_all(stalled).await;
    assert!(answers.len() > 20 && answers.iter().all(|stalled| *stalled));
}

#[tokio::test]
async fn trickling_body_is_408() {
    let tenant = Tenant::new().await;
    let mut limits = Limits::default();
    (limits.bodies.timeout, limits.bodies.min_rate) = (Duration::from_secs(1), 1 << 20);
    let (_, address) = instance_with(limits).await;
    let body = signup(&tenant, "-", 100_000);
    let head = body.len() - 99_999;
    let (mut read, mut write) = connect(address, &body[..head]).await.into_split();
    let trickle = async {
        for byte in body[head..].chunks(1) {
            let _ = write.write_all(byte).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a trickle of 30 minutes was accepted");
    };
    let answer = async {
        let mut bytes = Vec::new();
        let _ = read.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    };
    let answer = tokio::select! {
        answer = answer => Raw::parse(&answer),
        () = trickle => unreachable!(),
    };
    assert_eq!((answer.status, answer.json()["statusCode"].as_u64()), (408, Some(408)), "{answer:?}");
}

#[tokio::test]
async fn bodies_are_bounded_over_all_and_per_address() {
    let tenant = Tenant::new().await;
    let mut limits = Limits { trust_forwarded_for: true, ..Limits::default() };
    (limits.bodies.memory, limits.bodies.memory_per_address) = (150_000, 100_000);
    let (app, address) = instance_with(limits).await;
    // Each of them reserves its bytes beyond the first 8 KiB.
    let received = async |bodies: usize| {
        let bytes = bodies * (60_000 - 1 - 8192);
        while app.bodies.reserved() < bytes || bytes == 0 && app.bodies.reserved() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let body = |from| signup(&tenant, from, 60_000);
    let first = connect(address, &body("192.0.2.1")).await;
    received(1).await;
    let second = Raw::read(&mut connect(address, &body("192.0.2.1")).await).await;
    assert_eq!(
        (second.status, second.json()["code"].as_str()),
        (429, Some("too_many_requests")),
        "{second:?}"
    );
    assert_eq!(second.headers["retry-after"], "1");
    let other = connect(address, &body("192.0.2.2")).await;
    received(2).await;
    let third = Raw::read(&mut connect(address, &body("192.0.2.3")).await).await;
    assert_eq!((third.status, third.json()["statusCode"].as_u64()), (503, Some(503)), "{third:?}");
    assert_eq!(third.headers["retry-after"], "1");
    let small = send(
        tenant
            .request_to(address, "POST", "/api/v2/users")
            .bearer_auth(&tenant.token)
            .header("x-forwarded-for", "192.0.2.1")
            .json(&json!({})),
    )
    .await;
    assert_eq!(small.status, 400, "small bodies pass: {}", small.text);
    drop((first, other));
    received(0).await;
    let mut again = connect(address, &body("192.0.2.3")).await;
    received(1).await;
    again.write_all(b"x").await.unwrap();
    again.shutdown().await.unwrap();
    assert_eq!(Raw::read(&mut again).await.status, 400, "not JSON");
    received(0).await;
}

/// The response to bytes, after which the server closes the connection.
async fn refused(bytes: Vec<u8>) -> Raw {
    let answer = Raw::read(&mut connect(server().address, &bytes).await).await;
    let json = answer.json();
    assert_eq!(json["statusCode"], answer.status, "{answer:?}");
    assert!(json["error"].is_string() && json["message"].is_string(), "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(answer.headers["content-length"].to_str().unwrap(), answer.body.len().to_string());
    assert!(answer.headers.contains_key("x-request-id") && answer.headers.contains_key("date"), "{answer:?}");
    answer
}

#[tokio::test]
async fn requests_that_are_not_http_have_errors_in_the_shape_of_the_api() {
    for (bytes, status) in [
        ("hello\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_owned(), 400),
        (
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"
                .to_owned(),
            400,
        ),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200)), 431),
        (format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "x".repeat(200_000)), 431),
        (format!("GET /?q={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000)), 414),
        (format!("GET /?q={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(200_000)), 414),
    ] {
        let close =
            if status == 414 { bytes.replace("host: x", "host: x\r\nconnection: close") } else { bytes };
        let shown: String = close.chars().take(60).collect();
        assert_eq!(refused(close.into_bytes()).await.status, status, "{shown}");
    }
}

#[tokio::test]
async fn malformed_request_behind_another_one_does_not_change_its_response() {
    let requests = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n";
    let mut stream = connect(server().address, requests.as_bytes()).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let second = text.rfind("HTTP/1.1 ").unwrap();
    let (first, second) = (Raw::parse(&text[..second]), Raw::parse(&text[second..]));
    assert_eq!((first.status, first.json()), (200, json!({ "status": "live" })));
    assert_eq!((second.status, second.json()["statusCode"].as_u64()), (400, Some(400)));
}

#[tokio::test]
async fn head_of_a_request_arrives_in_time_or_is_408() {
    let limit = Duration::from_secs(2);
    let limits = Limits { keep_alive: limit, header_timeout: limit, ..Limits::default() };
    let (_, address) = instance_with(limits).await;
    let first = async {
        let mut stream = connect(address, b"GET / HTTP/1.1\r\nhost: x\r\n").await;
        Raw::read(&mut stream).await.status
    };
    let second = async {
        let mut stream = connect(address, b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut text = [0; 4096];
        let read = stream.read(&mut text).await.unwrap();
        assert!(text[..read].starts_with(b"HTTP/1.1 200"));
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        Raw::read(&mut stream).await.status
    };
    let pipelined = async {
        let bytes = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n";
        let mut stream = connect(address, bytes).await;
        Raw::read(&mut stream).await.status
    };
    // Each of them ends, since the server closes the connection.
    assert_eq!(futures_util::join!(first, second, pipelined), (408, 408, 200));
}

/// A connection that sent a request and reads nothing.
async fn non_reader(tenant: &Tenant, address: SocketAddr, path: &str) -> TcpStream {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
        tenant.host, tenant.token
    );
    connect(address, request.as_bytes()).await
}

/// Waits until the server resets a connection.
async fn reset(stream: &TcpStream) {
    while stream.take_error().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn user_with_a_large_document(tenant: &Tenant) -> String {
    let user = tenant.user(json!({})).await;
    let path = path_of(&user);
    let mut size = 0;
    // More than the buffers of both sockets take.
    for n in 0..8 {
        let answer =
            tenant.patch(&path, json!({ "app_metadata": { format!("a{n}"): "x".repeat(200_000) } })).await;
        size = if answer.status == 200 { answer.text.len() } else { break };
    }
    assert!(size > 700_000, "{size}");
    path
}

#[tokio::test]
async fn client_that_reads_nothing_is_disconnected() {
    let tenant = Tenant::new().await;
    let path = user_with_a_large_document(&tenant).await;
    let limits = Limits { write_timeout: Duration::from_secs(1), ..Limits::default() };
    let (_, address) = instance_with(limits).await;
    reset(&non_reader(&tenant, address, &path).await).await;
    let read = send(tenant.request_to(address, "GET", &path).bearer_auth(&tenant.token)).await;
    assert_eq!(read.status, 200);
    assert!(read.text.len() > 700_000);
}

#[tokio::test]
async fn longest_unread_response_is_dropped_beyond_the_memory() {
    let tenant = Tenant::new().await;
    let path = user_with_a_large_document(&tenant).await;
    let (_, address) = instance_with(Limits { unread: 600_000, ..Limits::default() }).await;
    let first = non_reader(&tenant, address, &path).await;
    let blocked = async |stream: &TcpStream| {
        // The response has begun, so it is counted.
        stream.readable().await.unwrap();
    };
    blocked(&first).await;
    let second = non_reader(&tenant, address, &path).await;
    reset(&first).await;
    assert!(second.take_error().unwrap().is_none(), "the newest response is kept");
    let read = send(tenant.request_to(address, "GET", &path).bearer_auth(&tenant.token)).await;
    assert_eq!(read.status, 200, "other callers are served");
    assert!(read.text.len() > 700_000);
}

#[tokio::test]
async fn instance_that_does_not_move_is_not_live() {
    let tenant = Tenant::new().await;
    let limits = Limits { liveness: Duration::from_secs(3), ..Limits::default() };
    let (app, address) = instance_with(limits).await;
    let live = async || send(tenant.request_to(address, "GET", "/health/live")).await;
    let until = async |status: u16| {
        loop {
            let answer = live().await;
            if answer.status == status {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(200).await;
    // A thread that never runs.
    let thread = app.liveness.add("a server thread");
    let answer = until(503).await;
    assert_eq!(answer.error(), (503, None, "The server does not work any more. Restart it."));
    drop(thread);
    until(200).await;
}
