//! The program as processes: `roster dev`, `roster serve` and the commands, which the tests start, query,
//! kill and restart.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should show where")]

mod process;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use embedded_postgres::{EmbeddedPostgres, Options as EmbeddedOptions, Storage};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use process::{KEY, Logged, Serving, kill, roster};
use roster::base::vault::Vault;
use roster::db::Options;
use serde_json::{Value, json};

/// The time after which something that hangs fails its test.
const HANGING: Duration = Duration::from_secs(300);

/// A running `roster dev`; killed on drop.
struct Running {
    child: Child,
    /// The output of `dev --json`.
    ready: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn dev(args: &[&str]) -> Self {
        let mut command =
            roster(&[&["dev", "--json", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("not ready: {errors}")
        });
        // A full pipe would stop the program.
        let mut log = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, ready }
    }

    fn ready(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.ready))
    }

    fn signal(&self, signal: Signal) {
        kill(self.child.id(), signal);
    }

    /// Waits for the end of the process; its exit status.
    fn end(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// The keys of a process: `secrets.key` and `secrets.previous_keys`.
type Keyring<'a> = (&'a str, &'a [&'a str]);

/// Sets the keys and the database of a command, with few enough connections for several instances.
fn with_keys<'a>(command: &'a mut Command, url: &str, (key, previous): Keyring<'_>) -> &'a mut Command {
    command
        .env("DATABASE_URL", url)
        .env("ROSTER__DATABASE__MAX_CONNECTIONS", "4")
        // No request meets a limit, however slow the machine is.
        .env("ROSTER__DATABASE__ACQUIRE_TIMEOUT", "600")
        .env("ROSTER__DATABASE__STATEMENT_TIMEOUT", "600")
        .env("ROSTER__SECRETS__KEY", key)
        .env("ROSTER__SECRETS__PREVIOUS_KEYS", previous.join(","))
}

const SERVE: &[&str] = &["serve", "--http", "127.0.0.1:0", "--log-format", "json"];

/// Starts `roster serve`; the process and its URL.
fn serve(url: &str, ring: Keyring<'_>) -> (Serving, String) {
    let serving = Serving::start(with_keys(&mut roster(SERVE), url, ring));
    let url = serving.url.clone();
    (serving, url)
}

fn is_alive(pid: u32) -> bool {
    nix::sys::signal::kill(Pid::from_raw(i32::try_from(pid).unwrap()), None).is_ok()
}

/// A directory that the user of PostgreSQL can enter even if root runs the tests.
fn directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn send(request: reqwest::RequestBuilder) -> Result<(u16, Value), reqwest::Error> {
    let response = request.timeout(HANGING).send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

async fn new_user(http: &reqwest::Client, ready: &Value) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let email = format!("u{}-{}@example.com", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let body = json!({ "connection": "Username-Password-Authentication", "email": email, "password": "Correct-Horse-1" });
    let url = format!("{}/api/v2/users", ready["url"].as_str().unwrap());
    let (status, made) =
        send(http.post(url).bearer_auth(ready["token"].as_str().unwrap()).json(&body)).await.unwrap();
    assert_eq!(status, 201, "{made}");
    made["user_id"].as_str().unwrap().to_owned()
}

fn url_of(ready: &Value, user: &str) -> String {
    format!("{}/api/v2/users/{}", ready["url"].as_str().unwrap(), user.replace('|', "%7C"))
}

#[tokio::test]
async fn dev_keeps_its_data_and_locks_its_directory() {
    let dir = directory();
    let args = ["--data-dir", text(dir.path())];
    let mut first = Running::dev(&args);
    for key in [
        "url",
        "https_url",
        "ca_file",
        "tenant",
        "audience",
        "client_id",
        "client_secret",
        "token",
        "database_url",
        "data_dir",
    ] {
        assert!(!first.ready(key).is_empty());
    }
    assert_eq!(first.ready["pid"], first.child.id());
    assert!(first.ready["postgres_pid"].is_u64());
    let http = reqwest::Client::new();
    let user = new_user(&http, &first.ready).await;

    let second =
        roster(&["dev", "--data-dir", text(dir.path()), "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"])
            .output()
            .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        !second.status.success()
            && said.contains("is in use by process")
            && said.contains(&first.child.id().to_string()),
        "{said}"
    );

    first.signal(Signal::SIGINT);
    assert_eq!(first.end(), Some(0));
    assert!(!is_alive(u32::try_from(first.ready["postgres_pid"].as_u64().unwrap()).unwrap()));
    let again = Running::dev(&args);
    assert_eq!(
        (again.ready("client_id"), again.ready("client_secret")),
        (first.ready("client_id"), first.ready("client_secret"))
    );
    let (status, _) =
        send(http.get(url_of(&again.ready, &user)).bearer_auth(first.ready("token"))).await.unwrap();
    assert_eq!(status, 200, "user and signing key are kept");
}

#[tokio::test]
async fn https_works_with_the_ca_and_an_sdks_default_audience() {
    let dev = Running::dev(&["--ephemeral"]);
    let ca = reqwest::Certificate::from_pem(&std::fs::read(dev.ready("ca_file")).unwrap()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    for base in [dev.ready("https_url").to_owned(), dev.ready("https_url").replace("127.0.0.1", "localhost")]
    {
        let body = json!({ "grant_type": "client_credentials", "client_id": dev.ready("client_id"), "client_secret": dev.ready("client_secret"), "audience": format!("{base}/api/v2/") });
        let (status, answer) = send(http.post(format!("{base}/oauth/token")).json(&body)).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        let token = answer["access_token"].as_str().unwrap();
        let (status, _) =
            send(http.get(format!("{base}/api/v2/users/auth0%7Cx")).bearer_auth(token)).await.unwrap();
        assert_eq!(status, 404);
    }
    let untrusting = reqwest::Client::new().get(dev.ready("https_url")).send().await;
    assert!(untrusting.is_err());
}

#[tokio::test]
async fn strict_transport_security_is_for_https_and_hosts_elsewhere() {
    let dev = Running::dev(&["--ephemeral"]);
    let ca = reqwest::Certificate::from_pem(&std::fs::read(dev.ready("ca_file")).unwrap()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([ca]).http1_only().build().unwrap();
    let header = async |base: &str, host: &str| {
        let request = http.get(format!("{base}/.well-known/jwks.json")).header("host", host);
        let response = request.send().await.unwrap();
        response.headers().get("strict-transport-security").map(|value| value.to_str().unwrap().to_owned())
    };
    let (plain, https) = (dev.ready("url"), dev.ready("https_url"));
    assert_eq!(header(https, "id.example.com").await.as_deref(), Some("max-age=31536000"));
    assert_eq!(header(plain, "id.example.com").await, None);
    // A browser would apply it to every other server on the machine of the developer.
    for host in ["localhost:8443", "dev.localhost", "127.0.0.1", "[::1]:1"] {
        assert_eq!(header(https, host).await, None, "{host}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let dev = Running::dev(&["--ephemeral"]);
    let mut connection = TcpStream::connect(dev.ready("url").trim_start_matches("http://")).unwrap();
    let request = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
    let all = [
        request("/health/ready", ""),
        request("/nothing", ""),
        request("/health/live", "connection: close\r\n"),
    ];
    connection.write_all(all.concat().as_bytes()).unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).unwrap();
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200"], "{answers}");
    assert!(answers.find("\"ready\"") < answers.find("\"live\""));
}

#[test]
fn requests_that_are_not_http_log_no_error() {
    let mut command =
        roster(&["dev", "--ephemeral", "--json", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
    command.args(["--log-format", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let mut log = child.stderr.take().unwrap();
    let dev = Running { child, ready: serde_json::from_str(&line).unwrap() };
    let large = format!("GET / HTTP/1.1\r\na: {}", "x".repeat(200_000));
    for address in [dev.ready("url"), dev.ready("https_url")] {
        let address = address.split("//").nth(1).unwrap();
        for request in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", &large] {
            let mut connection = TcpStream::connect(address).unwrap();
            // Roster closes the connection before it has read everything.
            let _ = connection.write_all(request.as_bytes());
            let _ = connection.read_to_end(&mut Vec::new());
        }
    }
    dev.signal(Signal::SIGTERM);
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    let of_status = |status: u16| text.matches(&format!("\"status\":{status},")).count();
    assert_eq!((of_status(400), of_status(431)), (2, 1), "{text}");
    assert!(!text.contains("\"ERROR\"") && !text.contains("\"WARN\""), "{text}");
}

#[tokio::test]
async fn search_over_the_time_limit_is_503_and_the_next_works() {
    use sqlx::Connection;
    let dev = Running::dev(&["--ephemeral"]);
    let http = reqwest::Client::new();
    let user = new_user(&http, &dev.ready).await;
    let (_, user) = send(http.get(url_of(&dev.ready, &user)).bearer_auth(dev.ready("token"))).await.unwrap();
    let found = json!([user]);
    let search = async || {
        let url = format!("{}/api/v2/users?q=email:{}", dev.ready("url"), user["email"].as_str().unwrap());
        send(http.get(url).bearer_auth(dev.ready("token"))).await.unwrap()
    };
    // A busy machine may exceed the time limit, too.
    let within_the_limit = async || loop {
        match search().await {
            (503, _) => {}
            answer => return answer,
        }
    };
    // Searches of this form have found few users, so the statement for few users runs first, then the full
    // one.
    for _ in 0..6 {
        assert_eq!(within_the_limit().await, (200, found.clone()));
    }
    let mut database = connect(dev.ready("database_url")).await;
    let mut transaction = database.begin().await.unwrap();
    sqlx::query("lock table user_terms in access exclusive mode").execute(&mut *transaction).await.unwrap();
    for (status, answer) in futures_util::future::join_all((0..3).map(|_| search())).await {
        assert_eq!(status, 503, "{answer}");
        assert!(
            answer["message"].as_str().unwrap().starts_with("The query exceeded the timeout."),
            "{answer}"
        );
    }
    transaction.rollback().await.unwrap();
    for _ in 0..6 {
        assert_eq!(within_the_limit().await, (200, found.clone()));
    }
}

#[tokio::test]
async fn ephemeral_dev_leaves_no_files_or_processes() {
    let mut dev = Running::dev(&["--ephemeral"]);
    let ca = PathBuf::from(dev.ready("ca_file"));
    assert!(ca.exists() && dev.ready["data_dir"].is_null());
    new_user(&reqwest::Client::new(), &dev.ready).await;
    dev.signal(Signal::SIGTERM);
    assert_eq!(dev.end(), Some(0));
    assert!(!ca.parent().unwrap().parent().unwrap().exists());
    assert!(!is_alive(u32::try_from(dev.ready["postgres_pid"].as_u64().unwrap()).unwrap()));
}

/// Writers that count acknowledged changes. Each adds keys to the two metadata fields of its own user; a
/// change sets both or none.
struct Load {
    stop: Arc<AtomicBool>,
    /// The acknowledged changes of each writer.
    counts: Vec<Arc<AtomicU64>>,
    writers: Vec<tokio::task::JoinHandle<Writer>>,
}

/// The state of a writer when it stops.
struct Writer {
    user: String,
    /// The last acknowledged number; all numbers below are acknowledged.
    acknowledged: u64,
    /// The last number that was sent; its change may be stored or not.
    in_doubt: u64,
}

impl Load {
    fn start(ready: &Value, users: Vec<String>, survive: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let counts: Vec<Arc<AtomicU64>> = users.iter().map(|_| Arc::default()).collect();
        let writers = users.into_iter().zip(&counts).map(|(user, count)| {
            let (stop, ready, count) = (Arc::clone(&stop), ready.clone(), Arc::clone(count));
            tokio::spawn(async move {
                let http = reqwest::Client::new();
                let mut writer = Writer { user, acknowledged: 0, in_doubt: 0 };
                let mut next = 1;
                while !stop.load(Ordering::Relaxed) {
                    writer.in_doubt = next;
                    let value = json!({ format!("k{next}"): next });
                    let body = json!({ "user_metadata": value, "app_metadata": value });
                    let request = http
                        .patch(url_of(&ready, &writer.user))
                        .bearer_auth(ready["token"].as_str().unwrap())
                        .json(&body);
                    match send(request).await {
                        Ok((200, _)) => {
                            count.fetch_add(1, Ordering::Relaxed);
                            (writer.acknowledged, next) = (next, next + 1);
                        }
                        Ok((503, _)) if survive => {
                            // The change may be stored. Repeating it has no effect.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Ok((status, answer)) => panic!("{status} {answer}"),
                        Err(_) => break,
                    }
                }
                writer
            })
        });
        Self { writers: writers.collect(), counts, stop }
    }

    /// Waits until each writer has a number of further changes acknowledged.
    async fn progress(&self, changes: u64) {
        let until: Vec<u64> =
            self.counts.iter().map(|count| count.load(Ordering::Relaxed) + changes).collect();
        let is_behind = |(count, until): (&Arc<AtomicU64>, &u64)| count.load(Ordering::Relaxed) < *until;
        while self.counts.iter().zip(&until).any(is_behind) {
            assert!(!self.writers.iter().any(tokio::task::JoinHandle::is_finished), "a writer has ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> Vec<Writer> {
        self.stop.store(true, Ordering::Relaxed);
        futures_util::future::join_all(self.writers).await.into_iter().map(Result::unwrap).collect()
    }
}

/// Every acknowledged change is stored completely and in the journal.
async fn check(ready: &Value, writers: &[Writer]) {
    let http = reqwest::Client::new();
    for writer in writers {
        let request = http.get(url_of(ready, &writer.user)).bearer_auth(ready["token"].as_str().unwrap());
        let (status, user) = send(request).await.unwrap();
        assert_eq!(status, 200);
        assert!(writer.acknowledged > 0, "nothing was written before the crash");
        assert_eq!(user.get("user_metadata"), user.get("app_metadata"), "half a change");
        let keys = user["user_metadata"].as_object().unwrap();
        for n in 1..=writer.acknowledged {
            assert_eq!(keys.get(&format!("k{n}")), Some(&json!(n)), "lost an acknowledged write");
        }
        let stored = u64::try_from(keys.len()).unwrap();
        assert!(
            stored == writer.acknowledged || stored == writer.in_doubt,
            "{stored} {} {}",
            writer.acknowledged,
            writer.in_doubt
        );
        let journal = journal_keys(ready, &writer.user).await;
        assert_eq!(journal, stored, "the journal has every key");
    }
}

/// The number of keys of `user_metadata` in the journal.
async fn journal_keys(ready: &Value, user: &str) -> u64 {
    use sqlx::{Connection, Row};
    let options = Options::new(ready["database_url"].as_str().unwrap()).connect_options().unwrap();
    let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
    let query = "select count(distinct key) from journal, jsonb_object_keys(changes -> 'user_metadata') key where tenant_id = $1 and subject = $2 and kind = 'user.updated'";
    let count: i64 = sqlx::query(query)
        .bind(ready["tenant"].as_str().unwrap())
        .bind(user)
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
    connection.close().await.unwrap();
    u64::try_from(count).unwrap()
}

async fn users(ready: &Value) -> Vec<String> {
    let http = reqwest::Client::new();
    let mut users = Vec::new();
    for _ in 0..4 {
        users.push(new_user(&http, ready).await);
    }
    users
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_changes_survive_kill_9_of_roster() {
    let dir = directory();
    let args = ["--data-dir", text(dir.path())];
    let mut dev = Running::dev(&args);
    let load = Load::start(&dev.ready, users(&dev.ready).await, false);
    load.progress(20).await;
    dev.signal(Signal::SIGKILL);
    dev.end();
    let writers = load.end().await;
    // An orphaned PostgreSQL does not prevent the next start.
    let again = Running::dev(&args);
    check(&again.ready, &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_changes_survive_kill_9_of_postgres() {
    let dir = directory();
    let dev = Running::dev(&["--data-dir", text(dir.path())]);
    let load = Load::start(&dev.ready, users(&dev.ready).await, true);
    load.progress(20).await;
    let started = postgres_start(&dev.ready).await.unwrap();
    kill(u32::try_from(dev.ready["postgres_pid"].as_u64().unwrap()).unwrap(), Signal::SIGKILL);
    // Roster restarts PostgreSQL and serves again.
    let began = Instant::now();
    while postgres_start(&dev.ready).await.is_none_or(|again| again == started) {
        assert!(began.elapsed() < HANGING, "PostgreSQL did not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    load.progress(20).await;
    let writers = load.end().await;
    check(&dev.ready, &writers).await;
}

/// The time at which PostgreSQL started; `None` while it does not answer.
async fn postgres_start(ready: &Value) -> Option<String> {
    use sqlx::Connection;
    let options = Options::new(ready["database_url"].as_str().unwrap()).connect_options().unwrap();
    let mut connection = sqlx::PgConnection::connect_with(&options).await.ok()?;
    sqlx::query_scalar("select pg_postmaster_start_time()::text").fetch_one(&mut connection).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erasure_of_a_connections_users_survives_kill_9() {
    use sqlx::{Connection, Row};
    const USERS: i64 = 6000;
    let dir = directory();
    let args = ["--data-dir", text(dir.path())];
    let mut dev = Running::dev(&args);
    let http = reqwest::Client::new();
    let connections = format!("{}/api/v2/connections", dev.ready("url"));
    let body = json!({ "name": "Doomed", "strategy": "auth0" });
    let (status, made) =
        send(http.post(&connections).bearer_auth(dev.ready("token")).json(&body)).await.unwrap();
    assert_eq!(status, 201, "{made}");
    let connect = async |ready: &Value| {
        let options = Options::new(ready["database_url"].as_str().unwrap()).connect_options().unwrap();
        sqlx::PgConnection::connect_with(&options).await.unwrap()
    };
    let left = async |database: &mut sqlx::PgConnection| {
        let query = sqlx::query("select count(*) from identities where connection = 'Doomed'");
        query.fetch_one(database).await.unwrap().get::<i64, _>(0)
    };
    let mut database = connect(&dev.ready).await;
    let fill = "with made as (
                    insert into users (tenant_id, user_id, profile, identities, created_at, updated_at)
                    select $1, 'auth0|' || n, '{}', jsonb_build_array(jsonb_build_object('connection', 'Doomed', 'provider', 'auth0', 'user_id', n::text)), now(), now()
                      from generate_series(1, $2) n
                 returning *)
                insert into identities (tenant_id, provider, identity_id, user_id, connection)
                select tenant_id, 'auth0', split_part(user_id, '|', 2), user_id, 'Doomed' from made";
    sqlx::query(fill).bind(dev.ready("tenant")).bind(USERS).execute(&mut database).await.unwrap();
    let doomed = format!("{connections}/{}", made["id"].as_str().unwrap());
    assert_eq!(send(http.delete(&doomed).bearer_auth(dev.ready("token"))).await.unwrap().0, 202);
    let began = Instant::now();
    while left(&mut database).await == USERS {
        assert!(began.elapsed() < HANGING, "no user was erased");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    dev.signal(Signal::SIGKILL);
    dev.end();
    let again = Running::dev(&args);
    let mut database = connect(&again.ready).await;
    while left(&mut database).await > 0 {
        assert!(began.elapsed() < 2 * HANGING, "not all were erased");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let query = "select count(*), count(distinct subject) from journal where kind = 'user.deleted'";
    let entries = sqlx::query(query).fetch_one(&mut database).await.unwrap();
    assert_eq!((entries.get::<i64, _>(0), entries.get::<i64, _>(1)), (USERS, USERS));
    database.close().await.unwrap();
}

/// Runs a command until it ends.
fn run(args: &[&str], url: &str) -> Output {
    roster(args).env("DATABASE_URL", url).output().unwrap()
}

fn output_of(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn error_of(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn commands_migrate_apply_serve_and_stop() {
    // Durable: it is killed below, and a throwaway database loses recent commits then.
    let dir = directory();
    let storage = Storage::Durable { dir: dir.path().to_owned() };
    let postgres = EmbeddedPostgres::start(EmbeddedOptions { storage, download: true }).unwrap();
    let url = postgres.url();
    assert!(
        error_of(&roster(&["serve"]).output().unwrap()).contains("ROSTER__DATABASE__URL or DATABASE_URL")
    );
    assert!(error_of(&run(&["serve"], &url)).contains("roster migrate"));
    assert!(error_of(&run(&["migrate", "--check"], &url)).contains("migrations are missing"));
    assert!(output_of(&run(&["migrate"], &url)).contains("applied migrations/V0001__create_tenants.sql"));
    output_of(&run(&["migrate", "--check"], &url));
    let applied = run(&["tenant", "apply", "config/tenants/dev.toml", "--show-credentials"], &url);
    let credentials = output_of(&applied);
    let names: Vec<&str> = credentials.lines().map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["client_id", "client_secret"], "standard output is an assignment of a shell");
    let report = String::from_utf8_lossy(&applied.stderr);
    assert!(report.contains("created tenant dev"), "{report}");
    let again = run(&["tenant", "apply", "config/tenants/dev.toml"], &url);
    assert_eq!((output_of(&again), &*again.stderr), (String::new(), &b"tenant dev: nothing to change\n"[..]));
    assert!(output_of(&run(&["tenant", "list"], &url)).starts_with("dev\tdev.localhost\t"));
    let shown = output_of(&run(&["tenant", "show", "dev"], &url));
    assert!(shown.contains("Username-Password-Authentication") && !shown.contains("client_secret"));
    assert!(error_of(&run(&["tenant", "show", "unknown"], &url)).contains("no tenant unknown"));
    assert!(
        error_of(&run(&["token", "--tenant", "dev", "--scope", "read:everything"], &url))
            .contains("no scope read:everything")
    );
    let token = output_of(&run(&["token", "--tenant", "dev", "--scope", "read:users"], &url));

    let mut serve =
        Serving::start(roster(SERVE).env("DATABASE_URL", &url).env(SHUTDOWN_TIMEOUT.0, SHUTDOWN_TIMEOUT.1));
    let address = serve.url.clone();
    let http = reqwest::Client::new();
    let fetch = |host: &str| {
        send(
            http.get(format!("{address}/api/v2/users/auth0%7Cx"))
                .header("host", host)
                .bearer_auth(token.trim()),
        )
    };
    assert_eq!(fetch("dev.localhost").await.unwrap().0, 404);
    let (status, answer) = fetch("127.0.0.1").await.unwrap();
    assert_eq!(status, 404);
    assert!(
        answer["message"].as_str().unwrap().contains("No tenant answers on the host 127.0.0.1"),
        "loopback hosts are for dev only"
    );
    let line: Value = serde_json::from_str(&serve.process.line_with("\"request\"")).unwrap();
    assert_eq!(
        (&line["method"], &line["route"], &line["status"], &line["tenant"]),
        (&json!("GET"), &json!("/api/v2/users/{id}"), &json!(404), &json!("dev"))
    );
    assert!(
        line["request_id"].is_string()
            && line["duration_ms"].is_number()
            && !line.to_string().contains(token.trim())
    );

    // Without the database: 503 with Retry-After. Roster recovers without a restart.
    kill(postgres.pid(), Signal::SIGKILL);
    let began = Instant::now();
    let mut unavailable = 0;
    loop {
        let request = http
            .get(format!("{address}/api/v2/users/auth0%7Cx"))
            .header("host", "dev.localhost")
            .bearer_auth(token.trim());
        let response = request.timeout(HANGING).send().await.unwrap();
        match response.status().as_u16() {
            503 => {
                assert_eq!(response.headers()["retry-after"], "1");
                unavailable += 1;
            }
            404 if unavailable > 0 || began.elapsed() > Duration::from_secs(3) => break,
            404 => {}
            other => panic!("{other}"),
        }
        assert!(began.elapsed() < HANGING, "{unavailable} requests failed, and none succeeded again");
    }

    // SIGTERM: an open request finishes, then exit status 0.
    let mint = output_of(&run(&["token", "--tenant", "dev"], &url));
    let mut database = connect(&url).await;
    sqlx::query("begin").execute(&mut database).await.unwrap();
    sqlx::query("lock table roles in access exclusive mode").execute(&mut database).await.unwrap();
    let slow = tokio::spawn({
        let request = http.post(format!("{address}/api/v2/roles")).header("host", "dev.localhost");
        send(request.bearer_auth(mint.trim()).json(&json!({ "name": "slow" })))
    });
    until_a_lock_is_awaited(&url).await;
    serve.process.signal(Signal::SIGTERM);
    serve.process.line_with("stopping after the open requests");
    sqlx::query("commit").execute(&mut database).await.unwrap();
    let code = tokio::task::spawn_blocking(move || serve.process.end()).await.unwrap();
    assert_eq!(code, Some(0));
    let (status, answer) = slow.await.unwrap().unwrap();
    assert_eq!(status, 200, "{answer}");
}

/// A time limit that no machine reaches.
const SHUTDOWN_TIMEOUT: (&str, &str) = ("ROSTER__SERVER__SHUTDOWN_TIMEOUT", "600");

/// Waits until a session waits for a lock of another one.
async fn until_a_lock_is_awaited(url: &str) {
    let mut watcher = connect(url).await;
    let query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(query).fetch_one(&mut watcher).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn ephemeral() -> EmbeddedPostgres {
    EmbeddedPostgres::start(EmbeddedOptions { storage: Storage::Ephemeral, download: true }).unwrap()
}

#[test]
fn stop_signal_ends_serve_while_it_waits_for_the_database() {
    // A port that listens without accepting connections: the database never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://roster@{}/roster", silent.local_addr().unwrap());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut command = roster(SERVE);
        command.env("DATABASE_URL", &url).env("ROSTER__DATABASE__ACQUIRE_TIMEOUT", "1");
        let mut serve = Logged::start(&mut command);
        serve.line_with("waiting for the database");
        serve.signal(signal);
        assert_eq!(serve.end(), Some(0), "{signal}");
        serve.line_with("stopped before it served");
    }
}

#[test]
fn settings_come_from_files() {
    let postgres = ephemeral();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    let with_files = |args: &[&str]| {
        let mut command = roster(args);
        command.env_remove("ROSTER__SECRETS__KEY");
        command.env("ROSTER__DATABASE__URL_FILE", file("url", &format!("{}\n", postgres.url())));
        command.env("ROSTER__SECRETS__KEY_FILE", file("key", &format!("{KEY}\n")));
        command.output().unwrap()
    };
    output_of(&with_files(&["migrate"]));
    output_of(&with_files(&["tenant", "apply", "config/tenants/dev.toml"]));
    assert_eq!(output_of(&with_files(&["token", "--tenant", "dev"])).split('.').count(), 3);
}

#[test]
fn database_password_replaces_the_one_of_the_url() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://roster:old@{}/roster?sslmode=disable", listener.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let password = r"p@ss/w%rd:?'";
    std::fs::write(dir.path().join("password"), format!("{password}\n")).unwrap();
    let mut command = roster(&["migrate"]);
    command.env("DATABASE_URL", url).env("ROSTER__DATABASE__PASSWORD_FILE", dir.path().join("password"));
    let mut migrate = command.stderr(Stdio::null()).spawn().unwrap();
    let mut session = listener.accept().unwrap().0;
    let mut message = |prefix: usize| {
        let mut head = vec![0; prefix + 4];
        session.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes(head[prefix..].try_into().unwrap());
        let mut body = vec![0; length as usize - 4];
        session.read_exact(&mut body).unwrap();
        // The demand for a password in clear text.
        session.write_all(b"R\0\0\0\x08\0\0\0\x03").unwrap();
        body
    };
    message(0);
    assert_eq!(String::from_utf8(message(1)).unwrap().trim_end_matches('\0'), password);
    migrate.kill().unwrap();
    migrate.wait().unwrap();
}

#[test]
fn credentials_of_tenant_apply_are_words_of_a_shell() {
    let postgres = ephemeral();
    output_of(&run(&["migrate"], &postgres.url()));
    let dir = tempfile::tempdir().unwrap();
    let secret = "it's $HOME; `x` \\";
    let file = dir.path().join("a.toml");
    let config = format!(
        "name = 'a'\nhosts = ['a.example']\n[[clients]]\nname = 'M'\nclient_id = 'm'\n\
         client_secret = {secret:?}\napp_type = 'non_interactive'\n[[clients.grants]]\n\
         audience = 'management'\nscope = '*'\n"
    );
    std::fs::write(&file, config).unwrap();
    let script = r#"eval "$("$0" tenant apply "$1" --show-credentials)" && printf '%s|%s' "$client_id" "$client_secret""#;
    let program = env!("CARGO_BIN_EXE_roster");
    let mut shell = Command::new("sh");
    shell.args(["-c", script, program, text(&file)]).env("DATABASE_URL", postgres.url());
    shell.env("ROSTER__SECRETS__KEY", KEY).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(output_of(&shell.output().unwrap()), format!("m|{secret}"));
}

#[tokio::test]
async fn health_needs_neither_flags_nor_root_certificates_nor_a_proxy() {
    let postgres = ephemeral();
    let url = postgres.url();
    output_of(&run(&["migrate"], &url));
    let dir = tempfile::tempdir().unwrap();
    let (file, tls) = (dir.path().join("health"), dir.path().join("tls"));
    let health = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = roster(&[&["health"], args].concat());
        command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
        command.env("http_proxy", "http://127.0.0.1:1").env("https_proxy", "http://127.0.0.1:1");
        command.envs(variables.iter().copied()).output().unwrap()
    };
    let https = ["--https", "127.0.0.1:0", "--local-tls", text(&tls)];
    for args in [
        &["--http", "127.0.0.1:0"][..],
        &["--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--local-tls", text(&tls)],
        &https,
    ] {
        let mut command =
            roster(&[&["serve", "--log-format", "json", "--health-file", text(&file)], args].concat());
        command.env("DATABASE_URL", &url);
        if !args.contains(&"--http") {
            command.env("ROSTER__SERVER__HTTP", "false");
        }
        let serve = Serving::start(&mut command);
        assert_eq!(output_of(&health(&["--file", text(&file)], &[])), "ready\n", "{args:?}");
        // Log lines of health checks are for debugging only.
        let line = serve.process.line_with("/health/ready");
        assert!(line.contains("\"DEBUG\""), "{line}");
        let by_settings = match (&*serve.url, serve.https_port) {
            ("", port) => vec![
                ("ROSTER__SERVER__HTTP", "false".to_owned()),
                ("ROSTER__SERVER__HTTPS", format!("0.0.0.0:{port}")),
            ],
            (url, _) => vec![("ROSTER__SERVER__HTTP", url.replace("http://127.0.0.1", "0.0.0.0"))],
        };
        let by_settings: Vec<_> = by_settings.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(output_of(&health(&[], &by_settings)), "ready\n", "{args:?}");
        if !serve.url.is_empty() {
            assert_eq!(output_of(&health(&["--url", &serve.url], &[])), "ready\n");
        }
    }
    assert!(error_of(&health(&["--url", "http://127.0.0.1:1"], &[])).contains("no response from"));
    let off = [("ROSTER__SERVER__HTTP", "false")];
    assert!(error_of(&health(&[], &off)).contains("neither server.http nor server.https has an address"));
}

#[tokio::test]
async fn local_certificate_authority_of_serve_is_kept() {
    let postgres = ephemeral();
    let url = postgres.url();
    let dir = tempfile::tempdir().unwrap();
    let tls = dir.path().join("tls");
    let args = ["serve", "--migrate", "--apply-tenants", "--local-tls", text(&tls), "--log-format", "json"];
    let command = |more: &[&str]| {
        let mut command = roster(&[&args, more].concat());
        command.env("DATABASE_URL", &url);
        command
    };
    let refused = |more: &[&str]| error_of(&command(more).output().unwrap());
    assert!(refused(&[]).contains("--local-tls needs an address for HTTPS"));
    let both = command(&["--https", "127.0.0.1:0"]).env("ROSTER__SERVER__TLS_CERTIFICATE", "a.pem").output();
    assert!(error_of(&both.unwrap()).contains("exclude each other"));

    let flags = ["--http", "127.0.0.1:0", "--https", "127.0.0.1:0"];
    let mut authority = None;
    for _ in 0..2 {
        let serve = Serving::start(&mut command(&flags));
        let pem = std::fs::read(tls.join("ca.pem")).unwrap();
        assert_eq!(*authority.get_or_insert_with(|| pem.clone()), pem, "made once");
        let address = ([127, 0, 0, 1], serve.https_port).into();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .resolve("roster", address)
            .resolve("dev.localhost", address)
            .build()
            .unwrap();
        for host in ["roster", "dev.localhost"] {
            let url = format!("https://{host}:{}/.well-known/jwks.json", serve.https_port);
            assert_eq!(send(http.get(&url)).await.unwrap().0, 200, "{url}");
        }
    }
}

#[test]
fn connections_end_at_the_configured_limits() {
    let postgres = ephemeral();
    output_of(&run(&["migrate"], &postgres.url()));
    let serve = |keep_alive: &str, header_timeout: &str| {
        let mut command = roster(SERVE);
        command.env("DATABASE_URL", postgres.url()).env("ROSTER__SERVER__KEEP_ALIVE", keep_alive);
        Serving::start(command.env("ROSTER__SERVER__HEADER_TIMEOUT", header_timeout))
    };
    let send = |serve: &Serving, text: &str| {
        let mut connection = TcpStream::connect(serve.url.trim_start_matches("http://")).unwrap();
        connection.write_all(text.as_bytes()).unwrap();
        connection
    };
    // Until the server closes the connection.
    let rest = |mut connection: TcpStream| {
        let mut answers = String::new();
        connection.read_to_string(&mut answers).unwrap();
        answers
    };
    let request = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert!(rest(send(&serve("1", "86400"), request)).starts_with("HTTP/1.1 200"));
    let impatient = serve("86400", "1");
    assert!(rest(send(&impatient, "GET /health/live HTTP/1.1\r\nhost:")).starts_with("HTTP/1.1 408"));
}

#[test]
fn url_of_dev_on_all_addresses_is_localhost() {
    let mut command =
        roster(&["dev", "--ephemeral", "--json", "--http", "0.0.0.0:0", "--https", "0.0.0.0:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let dev = Running { child, ready: serde_json::from_str(&line).unwrap() };
    for (key, start) in [
        ("url", "http://localhost:"),
        ("https_url", "https://localhost:"),
        ("audience", "https://localhost:"),
    ] {
        assert!(dev.ready(key).starts_with(start), "{}", dev.ready(key));
    }
}

const OLD: &str = KEY;
const NEW: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";
const THIRD: &str = "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=";

/// Runs `roster keys` until it ends.
fn keys(args: &[&str], url: &str, ring: Keyring<'_>) -> Output {
    with_keys(&mut roster(&[&["keys"], args].concat()), url, ring).output().unwrap()
}

/// The sum of the numbers before a text, one on each line.
fn numbers(text: &str, what: &str) -> u64 {
    let before = |line: &str| line.split(what).next()?.split_whitespace().last()?.parse::<u64>().ok();
    text.lines().filter(|line| line.contains(what)).map(|line| before(line).unwrap()).sum()
}

/// The number of values under a key in the output of `roster keys list`.
fn values_under(list: &str, key: &str) -> u64 {
    let id = roster::base::vault::KeyId::of(key).unwrap().to_string();
    let line = list.lines().find(|line| line.starts_with(&id)).unwrap_or_else(|| panic!("{id} in {list}"));
    line.split('\t').nth(2).unwrap().parse().unwrap()
}

/// Clients that use secrets of all kinds on the current instances until they are stopped.
struct Secrets {
    instances: Arc<Mutex<Vec<String>>>,
    runs: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    users: Vec<tokio::task::JoinHandle<Vec<(String, String)>>>,
}

async fn call(base: &str, path: &str, token: Option<&str>, body: Value) -> Value {
    let request = reqwest::Client::new().post(format!("{base}{path}")).header("host", "dev.localhost");
    let request = token.map_or(request.try_clone().unwrap(), |token| request.bearer_auth(token));
    let (status, answer) = send(request.json(&body)).await.unwrap();
    assert!(matches!(status, 200 | 201), "{path} at {base}: {status} {answer}");
    answer
}

async fn token_of(base: &str, (client_id, client_secret): &(String, String)) {
    let body = json!({ "grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret, "audience": "https://sealed.example" });
    call(base, "/oauth/token", None, body).await;
}

impl Secrets {
    /// `token` is for the Management API. The API `https://sealed.example` signs with HS256.
    fn start(instances: &[&str], token: &str, count: usize) -> Self {
        let instances = instances.iter().map(|base| (*base).to_owned()).collect();
        let mut secrets = Self {
            instances: Arc::new(Mutex::new(instances)),
            runs: Arc::default(),
            stop: Arc::default(),
            users: Vec::new(),
        };
        for n in 0..count {
            let (instances, runs, stop) =
                (Arc::clone(&secrets.instances), Arc::clone(&secrets.runs), Arc::clone(&secrets.stop));
            let token = token.to_owned();
            secrets.users.push(tokio::spawn(async move {
                let mut clients = Vec::new();
                let mut turn = n;
                let mut next = || {
                    turn += 1;
                    let instances = instances.lock().unwrap();
                    instances[turn % instances.len()].clone()
                };
                while !stop.load(Ordering::Relaxed) {
                    let body = json!({ "name": "Sealed", "app_type": "non_interactive", "addons": { "firebase": { "secret": "sealed" } } });
                    let client = call(&next(), "/api/v2/clients", Some(&token), body).await;
                    let id = client["client_id"].as_str().unwrap().to_owned();
                    let grant = json!({ "client_id": id, "audience": "https://sealed.example", "scope": [] });
                    call(&next(), "/api/v2/client-grants", Some(&token), grant).await;
                    let mut client = (id, client["client_secret"].as_str().unwrap().to_owned());
                    token_of(&next(), &client).await;
                    let path = format!("/api/v2/clients/{}/rotate-secret", client.0);
                    let rotated = call(&next(), &path, Some(&token), json!({})).await;
                    rotated["client_secret"].as_str().unwrap().clone_into(&mut client.1);
                    token_of(&next(), &client).await;
                    let ticket = json!({ "email": "jane@example.com", "connection": "Username-Password-Authentication" });
                    call(&next(), "/dbconnections/change_password", None, ticket).await;
                    let connection = json!({ "name": client.0, "strategy": "google-oauth2", "options": { "client_id": "sealed", "client_secret": client.1 } });
                    let connection = call(&next(), "/api/v2/connections", Some(&token), connection).await;
                    assert_eq!(connection["options"]["client_secret"], client.1);
                    assert_eq!(rotated["addons"]["firebase"]["secret"], "sealed");
                    clients.push(client);
                    runs.fetch_add(1, Ordering::Relaxed);
                }
                clients
            }));
        }
        secrets
    }

    /// Waits until each client has run completely with the current instances.
    async fn settle(&self) {
        let until = self.runs.load(Ordering::Relaxed) + 3 * u32::try_from(self.users.len()).unwrap();
        while self.runs.load(Ordering::Relaxed) < until {
            assert!(
                !self.users.iter().any(tokio::task::JoinHandle::is_finished),
                "a client has failed: see its panic"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn move_to(&self, instances: &[&str]) {
        *self.instances.lock().unwrap() = instances.iter().map(|base| (*base).to_owned()).collect();
        self.settle().await;
    }

    async fn end(self) -> Vec<(String, String)> {
        self.stop.store(true, Ordering::Relaxed);
        futures_util::future::join_all(self.users).await.into_iter().flat_map(Result::unwrap).collect()
    }
}

/// The procedure of `docs/operations.md`, step by step, while clients use every kind of secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_key_is_replaced_while_instances_serve() {
    let postgres =
        EmbeddedPostgres::start(EmbeddedOptions { storage: Storage::Ephemeral, download: true }).unwrap();
    let url = &postgres.url();
    output_of(&run(&["migrate"], url));
    output_of(&run(&["tenant", "apply", "config/tenants/dev.toml"], url));
    let token = output_of(&run(&["token", "--tenant", "dev"], url));
    let token = token.trim();

    // 1 and 2: one instance still seals with the old key while another seals with the new one already.
    let (one, at_one) = serve(url, (OLD, &[NEW]));
    let (two, at_two) = serve(url, (NEW, &[OLD]));
    let api = json!({ "identifier": "https://sealed.example", "signing_alg": "HS256" });
    call(&at_one, "/api/v2/resource-servers", Some(token), api).await;
    let jane = json!({ "connection": "Username-Password-Authentication", "email": "jane@example.com", "password": "Correct-Horse-1" });
    call(&at_one, "/api/v2/users", Some(token), jane).await;
    let secrets = Secrets::start(&[&at_one, &at_two], token, 4);
    secrets.settle().await;
    let mut resealed = 0;
    for _ in 0..3 {
        // Values that the first instance seals concurrently may be left.
        let rotated = keys(&["rotate"], url, (NEW, &[OLD]));
        let errors = String::from_utf8_lossy(&rotated.stderr);
        assert!(
            rotated.status.success() || errors.contains("does an instance still seal with it?"),
            "{errors}"
        );
        resealed += numbers(&String::from_utf8_lossy(&rotated.stdout), " sealed again");
    }
    secrets.move_to(&[&at_two]).await;
    drop(one);
    let (three, at_three) = serve(url, (NEW, &[OLD]));
    secrets.move_to(&[&at_two, &at_three]).await;

    // 3: no value is left.
    let rotated = output_of(&keys(&["rotate"], url, (NEW, &[OLD])));
    resealed += numbers(&rotated, " sealed again");
    let list = output_of(&keys(&["list"], url, (NEW, &[OLD])));
    assert_eq!(values_under(&list, OLD), 0, "{list}");
    for column in roster::keys::columns() {
        assert!(list.contains(&column), "{column} was not tested: {list}");
    }
    assert_eq!(numbers(&output_of(&keys(&["rotate"], url, (NEW, &[OLD]))), " sealed again"), 0);

    // 4: the old key is not needed.
    let (four, at_four) = serve(url, (NEW, &[]));
    secrets.move_to(&[&at_four]).await;
    drop((two, three));
    let clients = secrets.end().await;
    for client in &clients {
        token_of(&at_four, client).await;
    }
    drop(four);
    let list = output_of(&keys(&["list"], url, (NEW, &[])));
    let opened = output_of(&keys(&["rotate", "--dry-run"], url, (THIRD, &[NEW])));
    assert_eq!(numbers(&opened, " would be sealed again"), values_under(&list, NEW), "every value opens");
    assert_eq!(
        values_under(&output_of(&keys(&["list"], url, (THIRD, &[NEW]))), THIRD),
        0,
        "a dry run writes nothing"
    );

    let mut database = connect(url).await;
    let query = "select coalesce(sum((changes #>> '{count,after}')::bigint), 0)::bigint from journal where tenant_id = 'dev' and kind = 'tenant.secrets_resealed'";
    let logged: i64 = sqlx::query_scalar(query).fetch_one(&mut database).await.unwrap();
    assert_eq!(u64::try_from(logged).unwrap(), resealed, "the journal has every value");
}

async fn connect(url: &str) -> sqlx::PgConnection {
    use sqlx::Connection;
    sqlx::PgConnection::connect_with(&Options::new(url).connect_options().unwrap()).await.unwrap()
}

#[tokio::test]
async fn rotation_resumes_after_a_kill_and_keeps_changes() {
    const CLIENTS: u64 = 1000;
    let postgres =
        EmbeddedPostgres::start(EmbeddedOptions { storage: Storage::Ephemeral, download: true }).unwrap();
    let url = &postgres.url();
    output_of(&run(&["migrate"], url));
    let mut database = connect(url).await;
    let (old, ring) = (Vault::new(OLD).unwrap(), Vault::new(NEW).unwrap().with_previous(OLD).unwrap());
    let id = |n: u64| format!("c{n:04}");
    let location = |id: &str| ["t".to_owned(), "clients".to_owned(), id.to_owned()];
    let seal = |id: &str, secret: &str| {
        old.seal(&location(id).each_ref().map(String::as_str), secret.as_bytes()).unwrap()
    };
    let ids: Vec<String> = (0..CLIENTS).map(id).collect();
    // Half of them in the form before keys had ids: without the header of eight bytes.
    let sealed =
        ids.iter().enumerate().map(|(n, id)| seal(id, id)[if n % 2 == 0 { 0 } else { 8 }..].to_vec());
    let sealed: Vec<Vec<u8>> = sealed.collect();
    sqlx::query("insert into tenants (tenant_id, settings) values ('t', '{}')")
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::query("insert into clients (tenant_id, client_id, settings, client_secret) select 't', id, '{}', sealed from unnest($1::text[], $2::bytea[]) as c(id, sealed)")
        .bind(&ids)
        .bind(&sealed)
        .execute(&mut database)
        .await
        .unwrap();
    let list = output_of(&keys(&["list"], url, (NEW, &[OLD])));
    assert_eq!(values_under(&list, OLD), CLIENTS / 2);
    assert!(list.contains("-\tno key id\t500\tclients.client_secret 500"), "{list}");

    // The rotation waits for a transaction that has changed the last one.
    let last = &ids[ids.len() - 1];
    let change = async |database: &mut sqlx::PgConnection, secret: &str| {
        sqlx::query("begin").execute(&mut *database).await.unwrap();
        let statement = "update clients set client_secret = $1 where tenant_id = 't' and client_id = $2";
        sqlx::query(statement).bind(seal(last, secret)).bind(last).execute(database).await.unwrap();
    };
    let until_waiting = async || {
        let mut watcher = connect(url).await;
        let query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%resealed%'";
        while sqlx::query_scalar::<_, i64>(query).fetch_one(&mut watcher).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let rotate = || {
        let mut command = roster(&["keys", "rotate"]);
        with_keys(&mut command, url, (NEW, &[OLD]))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    change(&mut database, "first").await;
    let mut killed = rotate();
    until_waiting().await;
    killed.kill().unwrap();
    assert_eq!(killed.wait().unwrap().code(), None);
    sqlx::query("rollback").execute(&mut database).await.unwrap();
    let list = output_of(&keys(&["list"], url, (NEW, &[OLD])));
    assert!((CLIENTS * 4 / 5..=CLIENTS).contains(&values_under(&list, NEW)), "complete batches: {list}");

    // PostgreSQL may have completed the last batch after the kill.
    sqlx::query("update clients set client_secret = $1 where client_id = $2")
        .bind(seal(last, last))
        .bind(last)
        .execute(&mut database)
        .await
        .unwrap();
    change(&mut database, "second").await;
    let waiting = rotate();
    until_waiting().await;
    sqlx::query("commit").execute(&mut database).await.unwrap();
    assert!(waiting.wait_with_output().unwrap().status.success());
    let list = output_of(&keys(&["list"], url, (NEW, &[OLD])));
    assert_eq!((values_under(&list, NEW), values_under(&list, OLD)), (CLIENTS, 0), "{list}");
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as("select client_id, client_secret from clients")
        .fetch_all(&mut database)
        .await
        .unwrap();
    for (id, sealed) in rows {
        let secret = ring.open(&location(&id).each_ref().map(String::as_str), &sealed).unwrap();
        assert_eq!(*secret, if id == *last { b"second" as &[u8] } else { id.as_bytes() });
    }

    // Without the key that sealed it: an error with the location, and no change.
    let lost = error_of(&keys(&["rotate"], url, (THIRD, &[])));
    assert!(lost.contains("t/clients/c0000") && lost.contains("1000 values do not open"), "{lost}");
    assert_eq!(values_under(&output_of(&keys(&["list"], url, (NEW, &[]))), NEW), CLIENTS);
}

#[test]
fn commands_have_help_with_an_example() {
    for args in [
        &["dev"][..],
        &["serve"],
        &["migrate"],
        &["config", "check"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["tenant", "list"],
        &["tenant", "show"],
        &["tenant", "apply"],
        &["token"],
        &["health"],
    ] {
        let help = output_of(&roster(&[args, &["--help"]].concat()).output().unwrap());
        assert!(help.contains("Example"), "{args:?}: {help}");
    }
}

#[test]
fn config_check_reports_all_mistakes_at_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("tenants")).unwrap();
    std::fs::write(dir.path().join("development.toml"), "[server]\nhttp = 5\nhtpps = \"x\"\n").unwrap();
    std::fs::write(dir.path().join("tenants/a.toml"), "name = \"A b\"\nhosts = []\n").unwrap();
    let errors = error_of(&roster(&["--config-dir", text(dir.path()), "config", "check"]).output().unwrap());
    for part in ["server.http", "server.htpps", "tenants/a.toml:1", "name", "hosts"] {
        assert!(errors.contains(part), "{part} in {errors}");
    }
    assert!(
        output_of(&roster(&["config", "check"]).output().unwrap()).contains("the configuration is valid")
    );
}
