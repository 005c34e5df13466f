//! A database that does not answer: established connections that go silent while new ones work, as after a failover or
//! behind a NAT that forgets them, and a PostgreSQL whose processes stand still. No request waits for longer than the
//! deadline of a statement and a few seconds, and the instance recovers by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod process;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use embedded_postgres::{EmbeddedPostgres, Options, Storage};
use process::Serving;
use serde_json::json;
use sqlx::Executor;

/// The server's `database.statement_timeout`, in seconds.
const STATEMENT_TIMEOUT: u64 = 2;
/// A limit far beyond the statement timeout and a wait for a connection, also on a busy machine. TCP itself gives up
/// after many minutes.
const LONGEST: Duration = Duration::from_secs(STATEMENT_TIMEOUT + 120);
const RECOVERED: Duration = Duration::from_secs(300);

/// Forwards TCP connections to the Unix socket of PostgreSQL.
struct Proxy {
    port: u16,
    /// Connections accepted before this generation forward nothing any more, and stay open.
    generation: Arc<AtomicU64>,
}

impl Proxy {
    fn start(socket: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let generation = Arc::new(AtomicU64::new(0));
        let current = Arc::clone(&generation);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
                let own = current.load(Ordering::SeqCst);
                let is_silent = |current: &Arc<AtomicU64>| {
                    let current = Arc::clone(current);
                    move || current.load(Ordering::SeqCst) > own
                };
                forward(client.try_clone().unwrap(), server.try_clone().unwrap(), is_silent(&current));
                forward(server, client, is_silent(&current));
            }
        });
        Self { port, generation }
    }

    fn silence(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

fn forward(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    is_silent: impl Fn() -> bool + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if is_silent() {
                // Both ends stay open for longer than the test runs.
                std::thread::sleep(Duration::from_secs(3600));
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
    });
}

struct Instance {
    serving: Serving,
    token: String,
    http: reqwest::Client,
}

fn roster(args: &[&str], database: &str) -> Command {
    let mut command = process::roster(args);
    command.env("ROSTER__DATABASE__URL", database);
    command.env("ROSTER__DATABASE__STATEMENT_TIMEOUT", STATEMENT_TIMEOUT.to_string());
    command
}

impl Instance {
    fn start(direct: &str, database: &str) -> Self {
        for args in [&["migrate"][..], &["tenant", "apply", "config/tenants/dev.toml"]] {
            assert!(roster(args, direct).output().unwrap().status.success());
        }
        let token = roster(&["token", "--tenant", "dev"], direct).output().unwrap();
        let args = ["serve", "--http", "127.0.0.1:0", "--log-format", "json"];
        Self {
            serving: Serving::start(&mut roster(&args, database)),
            token: String::from_utf8(token.stdout).unwrap().trim().to_owned(),
            http: reqwest::Client::new(),
        }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.serving.url));
        request.header("host", "dev.localhost").bearer_auth(&self.token).timeout(LONGEST)
    }

    async fn user(&self) -> String {
        let body = json!({ "connection": "Username-Password-Authentication", "email": "jane@example.com", "password": "Correct-Horse-1" });
        let made = self.request("POST", "/api/v2/users").json(&body).send().await.unwrap();
        let made: serde_json::Value = made.json().await.unwrap();
        made["user_id"].as_str().unwrap_or_else(|| panic!("{made}")).replace('|', "%7C")
    }

    /// Sends a request of each kind at once: their statuses.
    async fn statuses(&self, user: &str) -> Vec<u16> {
        let user = format!("/api/v2/users/{user}");
        let role = format!("role {:?}", std::time::SystemTime::now());
        let requests = [
            self.request("POST", "/api/v2/roles").json(&json!({ "name": role })),
            self.request("GET", "/api/v2/users?search_engine=v3&q=app_metadata.plan:full"),
            self.request("PATCH", &user).json(&json!({ "user_metadata": { "seen": role } })),
            self.request("GET", &user),
            self.request("GET", "/api/v2/clients"),
            self.request("GET", "/health/ready"),
        ];
        let answers = requests.map(|request| async move {
            // A request that runs into its time limit fails here.
            request.send().await.unwrap().status().as_u16()
        });
        futures_util::future::join_all(answers).await
    }

    async fn recovers(&self, user: &str, began: Instant) {
        loop {
            let statuses = self.statuses(user).await;
            if statuses.iter().all(|status| [200, 201].contains(status)) {
                return;
            }
            assert!(statuses.iter().all(|status| [200, 201, 503].contains(status)), "{statuses:?}");
            assert!(began.elapsed() < RECOVERED, "still {statuses:?} after {:?}", began.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_are_discarded_and_replaced() {
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }).unwrap();
    let (direct, socket) = (postgres.url(), socket_of(&postgres.url()));
    let proxy = Proxy::start(socket);
    let database = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port);
    let instance = Instance::start(&direct, &database);
    let user = instance.user().await;
    instance.recovers(&user, Instant::now()).await;
    for _ in 0..2 {
        proxy.silence();
        instance.recovers(&user, Instant::now()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standing_postgres_makes_no_answer_late() {
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }).unwrap();
    let url = postgres.url();
    let instance = Instance::start(&url, &url);
    let user = instance.user().await;
    instance.recovers(&user, Instant::now()).await;
    let stopped = Stopped::new(postgres.pid());
    // The first requests meet the deadlines, the others the failures of the first.
    for _ in 0..4 {
        let statuses = instance.statuses(&user).await;
        assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    }
    drop(stopped);
    instance.recovers(&user, Instant::now()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_requests_give_their_connections_back() {
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }).unwrap();
    let url = postgres.url();
    let instance = Instance::start(&url, &url);
    let user = instance.user().await;
    instance.recovers(&user, Instant::now()).await;
    let mut holder = roster::db::connect(&roster::db::Options::new(&url)).await.unwrap();
    holder.execute("begin").await.unwrap();
    holder.execute("lock table roles in access exclusive mode").await.unwrap();
    let aborted = (0..40).map(|n| {
        let request =
            instance.request("POST", "/api/v2/roles").json(&json!({ "name": format!("aborted {n}") }));
        request.timeout(Duration::from_millis(300)).send()
    });
    assert!(futures_util::future::join_all(aborted).await.iter().all(Result::is_err));
    holder.execute("commit").await.unwrap();
    instance.recovers(&user, Instant::now()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_table_makes_the_instance_not_ready() {
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }).unwrap();
    let url = postgres.url();
    let instance = Instance::start(&url, &url);
    let mut connection = roster::db::connect(&roster::db::Options::new(&url)).await.unwrap();
    for (statement, status) in [
        ("select 1", 200),
        ("alter table roles rename to away", 503),
        ("alter table away rename to roles", 200),
    ] {
        connection.execute(statement).await.unwrap();
        let response = instance.request("GET", "/health/ready").send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{statement}");
    }
}

/// The Unix socket in the URL of an embedded PostgreSQL.
fn socket_of(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    let value = |name| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    format!("{}/.s.PGSQL.{}", value("host").unwrap(), url.port().unwrap_or(5432))
}

/// A PostgreSQL that stands still until this is dropped.
struct Stopped(u32);

impl Stopped {
    fn new(postmaster: u32) -> Self {
        signal(postmaster, "STOP");
        Self(postmaster)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}

/// Sends a signal to PostgreSQL and all of its processes.
fn signal(postmaster: u32, name: &str) {
    let pid = postmaster.to_string();
    for args in [vec![format!("-{name}"), pid.clone()], vec![format!("-{name}"), "-P".into(), pid]] {
        let program = if args.len() == 2 { "kill" } else { "pkill" };
        assert!(Command::new(program).args(&args).status().unwrap().success(), "{program} {args:?}");
    }
}
