//! One server and one database for the whole run, one tenant for each test.
//!
//! The database is a throwaway PostgreSQL that ends with the process, or the one of `DATABASE_URL`, which
//! keeps the tenants of the tests. [`Tenant::new`] creates a tenant with a connection and a client with all
//! scopes. Its `get`, `post`, `patch` and `delete` send HTTP requests to the server and return a
//! [`Response`].

pub(crate) mod smtp;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use embedded_postgres::{EmbeddedPostgres, Options as EmbeddedOptions, Storage};
use roster::app::App;
use roster::auth::Tokens;
use roster::base::bodies::{self, Bodies};
use roster::base::liveness::Liveness;
use roster::base::load::Load;
use roster::base::passwords::Hasher;
use roster::base::rate_limits::Buckets;
use roster::base::unread::Unread;
use roster::base::vault::Vault;
use roster::db::{Db, Options, migrate};
use roster::journal::Author;
use roster::server::{self, Sockets};
use roster::tenancy::{self, Tenancy};
use roster::tenant_files::model::{TenantConfig, built_in_dev};
use roster::tenant_files::{Credentials, Provisioner};
use serde_json::Value;

/// A time limit that no machine reaches, however slow it is.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);
/// The time after which something that hangs fails its test.
const HANGING: Duration = Duration::from_secs(300);

/// The server and database of a run.
pub(crate) struct Server {
    pub app: Arc<App>,
    pub address: SocketAddr,
    pub database: Options,
    key: String,
    /// Runs the server and the tests' own connections.
    runtime: tokio::runtime::Runtime,
}

/// Started on its own thread, because the first test that uses it runs in a runtime.
static SERVER: LazyLock<Server> = LazyLock::new(|| std::thread::spawn(start).join().expect("the server"));

fn start() -> Server {
    let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| {
        let options = EmbeddedOptions { storage: Storage::Ephemeral, download: true };
        let embedded = EmbeddedPostgres::start(options).expect("an ephemeral PostgreSQL");
        let url = embedded.url();
        embedded.stop_at_exit();
        url
    });
    let database = Options {
        max_connections: 16,
        acquire_timeout: HANGING,
        statement_timeout: HANGING,
        lock_timeout: HANGING,
        search_timeout: HANGING,
        ..Options::new(url)
    };
    let key = std::env::var("ROSTER__SECRETS__KEY").unwrap_or_else(|_| Vault::generate_key());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (app, address) = runtime.block_on(async {
        migrate::run(&database).await.expect("the migrations");
        instance(&database, &key, Limits::default())
    });
    Server { app, address, database, key, runtime }
}

/// The lifetime of cached tenants, so that a changed tenant takes effect immediately.
const NO_CACHE: Duration = Duration::from_millis(1);

/// The limits of an instance.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub bodies: bodies::Limits,
    pub unread: usize,
    pub write_timeout: Duration,
    pub trust_forwarded_for: bool,
    pub liveness: Duration,
    pub keep_alive: Duration,
    pub header_timeout: Duration,
    /// The lifetime of cached tenants.
    pub cached: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let bodies = bodies::Limits {
            body: 1_048_576,
            memory: 64 << 20,
            memory_per_address: 64 << 20,
            min_rate: 1,
            timeout: Duration::from_secs(30),
        };
        Self {
            bodies,
            unread: 64 << 20,
            write_timeout: Duration::from_secs(60),
            trust_forwarded_for: false,
            liveness: Duration::from_secs(30),
            keep_alive: NEVER,
            header_timeout: NEVER,
            cached: NO_CACHE,
        }
    }
}

/// Starts an instance. To be called on the server's runtime.
fn instance(database: &Options, key: &str, limits: Limits) -> (Arc<App>, SocketAddr) {
    let app = Arc::new(App {
        db: Db::open(database, roster::server::COMPONENTS).unwrap(),
        vault: Arc::new(Vault::new(key).unwrap()),
        tenancy: Tenancy::new(1000, limits.cached, None),
        tokens: Tokens::default(),
        buckets: Buckets::default(),
        hasher: Hasher::new(2),
        load: Load::default(),
        bodies: Bodies::new(limits.bodies),
        unread: Unread::new(limits.unread),
        liveness: Liveness::new(limits.liveness),
        trust_forwarded_for: limits.trust_forwarded_for,
    });
    let sockets = Sockets {
        http: Some("127.0.0.1:0".parse().unwrap()),
        https: None,
        workers: Some(2),
        keep_alive: limits.keep_alive,
        header_timeout: limits.header_timeout,
        shutdown_timeout: Duration::ZERO,
        write_timeout: limits.write_timeout,
    };
    let running = server::start(Arc::clone(&app), sockets).unwrap();
    let address = running.http.unwrap();
    tokio::spawn(running.server);
    (app, address)
}

/// Starts another instance on the same database.
pub(crate) async fn another_instance() -> SocketAddr {
    instance_with(Limits::default()).await.1
}

/// The same with other options of the database.
pub(crate) async fn instance_on(database: Options) -> SocketAddr {
    on_server(async move { instance(&database, &server().key, Limits::default()).1 }).await
}

/// The same with tenants that it caches as long as a test runs.
pub(crate) async fn caching_instance() -> SocketAddr {
    instance_with(Limits { cached: Duration::from_secs(3600), ..Limits::default() }).await.1
}

/// Starts another instance with its own limits.
pub(crate) async fn instance_with(limits: Limits) -> (Arc<App>, SocketAddr) {
    on_server(async move { instance(&server().database, &server().key, limits) }).await
}

/// The server of this run.
pub(crate) fn server() -> &'static Server {
    &SERVER
}

/// The tenant of one test.
pub(crate) struct Tenant {
    pub name: String,
    pub host: String,
    pub audience: String,
    pub client: Credentials,
    /// A token with all scopes.
    pub token: String,
    http: reqwest::Client,
}

/// The connection of every test tenant: optional usernames, password policy `good`.
pub(crate) const CONNECTION: &str = "Username-Password-Authentication";
/// A password that every policy accepts.
pub(crate) const PASSWORD: &str = "Correct-Horse-1";

impl Tenant {
    /// A tenant from the shipped `dev.toml`, with a unique name and host.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with a change of the file.
    pub(crate) async fn with(change: impl FnOnce(&mut TenantConfig)) -> Self {
        let name = unique("t");
        let mut config = built_in_dev();
        (config.name, config.hosts, config.loopback) = (name.clone(), vec![format!("{name}.test")], false);
        change(&mut config);
        apply(&config).await;
        let (name, audience, host) =
            (config.name.clone(), config.management_audience(), config.hosts[0].clone());
        let server = server();
        let (client, token) = on_server({
            let name = name.clone();
            async move {
                let client = provisioner(&server.app).management_client(&name).await.unwrap().unwrap();
                let tenant =
                    tenancy::by_name(&server.app.db, &server.app.vault, &name).await.unwrap().unwrap();
                let token =
                    roster::oauth::mint(&tenant, "test", roster::auth::scopes::ALL, 3600, now()).unwrap();
                (client, token)
            }
        })
        .await;
        Self { name, host, audience, client, token, http: reqwest::Client::new() }
    }

    /// A token with these scopes only.
    pub(crate) async fn token_with(&self, scopes: &[&str]) -> String {
        self.token_for("test", scopes, 3600).await
    }

    /// A token of an actor with a lifetime in seconds.
    pub(crate) async fn token_for(&self, actor: &str, scopes: &[&str], lifetime: i64) -> String {
        let (name, actor, scopes) =
            (self.name.clone(), actor.to_owned(), scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        on_server(async move {
            let tenant =
                tenancy::by_name(&server().app.db, &server().app.vault, &name).await.unwrap().unwrap();
            roster::oauth::mint(
                &tenant,
                &actor,
                &scopes.iter().map(String::as_str).collect::<Vec<_>>(),
                lifetime,
                now(),
            )
            .unwrap()
        })
        .await
    }

    /// A JWT with these claims, signed by the tenant's key.
    pub(crate) async fn sign(&self, claims: Value) -> String {
        let name = self.name.clone();
        on_server(async move {
            let tenant = tenancy::by_name(&server().app.db, &server().app.vault, &name).await.unwrap();
            tenant.unwrap().sign(&claims).unwrap()
        })
        .await
    }

    /// A user's own access token, issued to the client `app` at a time in seconds since 1970.
    pub(crate) async fn own_token(&self, user: &Value, scope: &str, issued_at: i64) -> String {
        let audience = [self.audience.clone(), format!("https://{}/userinfo", self.host)];
        self.sign(serde_json::json!({
            "iss": format!("https://{}/", self.host), "sub": user["user_id"], "aud": audience, "azp": "app",
            "iat": issued_at, "exp": now() + 3600, "scope": scope, "gty": "password",
        }))
        .await
    }

    /// Moves the creation of all users an hour back.
    pub(crate) async fn age_users(&self) {
        let update = "update users set created_at = created_at - interval '1 hour' where tenant_id = $1";
        execute(update, &[&self.name]).await;
    }

    /// A request to this tenant without a token.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.request_to(server().address, method, path)
    }

    /// The same to another instance.
    pub(crate) fn request_to(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
    ) -> reqwest::RequestBuilder {
        let url = format!("http://{address}{path}");
        self.http.request(method.parse().unwrap(), url).header("host", &self.host)
    }

    /// A request with the token that has all scopes.
    pub(crate) fn authorized(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.request(method, path).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        send(self.authorized("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        send(self.authorized("POST", path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Response {
        send(self.authorized("PATCH", path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        send(self.authorized("DELETE", path)).await
    }

    /// Creates a user with a unique e-mail address and the members of `more`; the response body.
    pub(crate) async fn user(&self, more: Value) -> Value {
        let mut body = serde_json::json!({ "connection": CONNECTION, "email": format!("{}@example.com", unique("u")), "password": PASSWORD });
        for (key, value) in more.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let made = self.post("/api/v2/users", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json
    }

    /// Kind and changes of the journal rows of a subject, the oldest first.
    pub(crate) async fn journal(&self, subject: &str) -> Vec<(String, Value)> {
        let rows = sql("select kind, changes from journal where tenant_id = $1 and subject = $2 order by transaction_id, entry_id", &[&self.name, subject]).await;
        rows.into_iter().map(|row| (row[0].as_str().unwrap().to_owned(), row[1].clone())).collect()
    }
}

/// The path of a user, with the encoded id.
pub(crate) fn path_of(user: &Value) -> String {
    format!("/api/v2/users/{}", user["user_id"].as_str().expect("a user_id").replace('|', "%7C"))
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// Null if the body is not JSON.
    pub json: Value,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status, error code and message of an error response; fails if it has not the Management API's shape.
    pub(crate) fn error(&self) -> (u16, Option<&str>, &str) {
        assert_eq!(self.json["statusCode"], self.status, "{}", self.text);
        assert!(self.json["error"].is_string(), "{}", self.text);
        (self.status, self.json["errorCode"].as_str(), self.json["message"].as_str().expect("a message"))
    }
}

/// Sends a request and reads the response.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Response {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Response { status, headers, text, json }
}

/// Adds a form body, encoded as browsers do.
pub(crate) fn form(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = serde_urlencoded::to_string(fields).expect("texts");
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// A unique name, also among the runs on the same database.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{prefix}{}-{}",
        roster::base::ids::identity(time::OffsetDateTime::now_utc()).split_off(8),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

pub(crate) fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

fn provisioner(app: &App) -> Provisioner<'_> {
    Provisioner { db: &app.db, vault: &app.vault, author: Author::command("test") }
}

/// Applies a tenant file.
pub(crate) async fn apply(config: &TenantConfig) -> Vec<String> {
    try_apply(config).await.expect("a tenant")
}

pub(crate) async fn try_apply(config: &TenantConfig) -> Result<Vec<String>, roster::base::error::Error> {
    let config = config.clone();
    on_server(async move { provisioner(&server().app).apply(&config).await }).await
}

/// Runs a future on the server's runtime. A connection belongs to the runtime that opened it, and the runtime
/// of a test ends with the test.
pub(crate) async fn on_server<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    server().runtime.spawn(work).await.expect("no panic")
}

/// Runs a query on the tables: every row as JSON values.
pub(crate) async fn sql(query: &str, parameters: &[&str]) -> Vec<Vec<Value>> {
    use sqlx::{Connection, Row};
    let wrapped = format!("select to_jsonb(q) from ({query}) q");
    let database = server().database.clone();
    let parameters: Vec<String> = parameters.iter().map(|p| (*p).to_owned()).collect();
    let columns: Vec<String> = columns(query);
    on_server(async move {
        let mut connection =
            sqlx::PgConnection::connect_with(&database.connect_options().unwrap()).await.unwrap();
        let mut query = sqlx::query(sqlx::AssertSqlSafe(wrapped));
        for parameter in parameters {
            query = query.bind(parameter);
        }
        let rows = query.fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows.iter()
            .map(|row| {
                let object: Value = row.get(0);
                columns.iter().map(|c| object[c].clone()).collect()
            })
            .collect()
    })
    .await
}

/// Runs a statement on the tables: the number of changed rows, or the database's error.
pub(crate) async fn try_execute(statement: &str, parameters: &[&str]) -> Result<u64, String> {
    use sqlx::Connection;
    let database = server().database.clone();
    let (statement, parameters) =
        (statement.to_owned(), parameters.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
    on_server(async move {
        let mut connection =
            sqlx::PgConnection::connect_with(&database.connect_options().unwrap()).await.unwrap();
        let query = parameters
            .into_iter()
            .fold(sqlx::query(sqlx::AssertSqlSafe(statement)), sqlx::query::Query::bind);
        let done =
            query.execute(&mut connection).await.map(|done| done.rows_affected()).map_err(|e| e.to_string());
        connection.close().await.unwrap();
        done
    })
    .await
}

/// Runs a statement that succeeds, for a state that no endpoint creates.
pub(crate) async fn execute(statement: &str, parameters: &[&str]) -> u64 {
    try_execute(statement, parameters).await.unwrap()
}

/// Runs a request while a transaction holds changed rows, and commits when the request waits for them.
/// `parameters` are `$1` and `$2` of the statements.
pub(crate) async fn overtaken<T>(
    statements: &[&str],
    parameters: [&str; 2],
    request: impl Future<Output = T>,
) -> T {
    use sqlx::Connection;
    let database = server().database.clone();
    let statements: Vec<String> = statements.iter().map(|s| (*s).to_owned()).collect();
    let parameters = parameters.map(str::to_owned);
    let (locked, rows_locked) = tokio::sync::oneshot::channel();
    let transaction = on_server(async move {
        let mut connection =
            sqlx::PgConnection::connect_with(&database.connect_options().unwrap()).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        for statement in statements {
            let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(&parameters[0]).bind(&parameters[1]);
            query.execute(&mut *transaction).await.unwrap();
        }
        locked.send(()).unwrap();
        let blocks_another = "select exists (select from pg_locks
                                             where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))";
        while !sqlx::query_scalar::<_, bool>(blocks_another).fetch_one(&mut *transaction).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        transaction.commit().await.unwrap();
    });
    let request = async {
        rows_locked.await.unwrap();
        tokio::time::timeout(HANGING, request).await.expect("an answer")
    };
    tokio::select! {
        biased;
        (answer, ()) = async { tokio::join!(request, transaction) } => answer,
        () = tokio::time::sleep(2 * HANGING) => panic!("the request did not wait"),
    }
}

/// The names of a simple query's columns.
fn columns(query: &str) -> Vec<String> {
    let list = query
        .trim_start()
        .strip_prefix("select ")
        .and_then(|q| q.split(" from ").next())
        .expect("select ... from");
    list.split(", ").map(|c| c.rsplit([' ', '.']).next().unwrap().to_owned()).collect()
}
