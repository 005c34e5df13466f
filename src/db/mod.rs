//! PostgreSQL: pools, sessions, statements, batching, migrations. The only general code that knows sqlx; it knows no
//! resource.

pub(crate) mod batch;
pub(crate) mod connections;
mod error;
pub mod migrate;
mod nullable;
pub(crate) mod pool;
mod queue;
pub(crate) mod registry;
mod session;
mod statement;
pub(crate) mod wait;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
pub(crate) use sqlx::FromRow;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use self::batch::{Queues, RegisteredBatch};
use self::pool::{Failures, Pool};
use self::registry::{Component, Opening, Slot};
use crate::base::error::{Error, codes};

pub(crate) use error::{constraint_error, is_deadlock, is_disconnect};
pub use registry::Registration;

pub(crate) use nullable::Nullable;
pub(crate) use session::{Session, Tx};
pub use statement::Statement;
pub use wait::wait;

/// The largest number of server threads with connections of their own.
const THREADS: usize = 4;

/// The workers of a queue that all threads share: while one waits for its commit the other one works.
const WORKERS: usize = 2;

/// Connections for the workers that replace slow ones.
const EXTRA_CONNECTIONS: usize = 6;

/// The time beyond the statement timeout of PostgreSQL until a statement fails on this side.
const GRACE: Duration = Duration::from_secs(2);

/// The least time without progress after which a queue or a pool counts as stuck.
const LEAST_STUCK: Duration = Duration::from_mins(1);

/// Settings of sessions that run batches. Each statement gets one plan that reads every row by its key: by default
/// PostgreSQL plans anew for every short array, and may keep a plan that scans a table, made while it was nearly empty.
const BATCH_SETTINGS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// The database, as every store function takes it. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    batches: Pool,
    /// The deadline of a statement.
    deadline: Duration,
    components: Arc<[Box<dyn Component>]>,
}

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://user:password@host:port/database`, or with `?host=/socket/directory`.
    pub url: String,
    /// The password, in place of one in the URL.
    pub password: Option<SecretString>,
    /// The size of the general pool. Batches take up to 36 connections beside it, searches half as many and eleven.
    /// About twice the cores of the database.
    pub max_connections: u32,
    /// The longest wait for a connection.
    pub acquire_timeout: Duration,
    /// The time limit of a statement in PostgreSQL.
    pub statement_timeout: Duration,
    /// How long a request of a batch waits for a row that another transaction holds. Short, since each of them takes
    /// a worker.
    pub lock_timeout: Duration,
    /// The time limit of a search.
    pub search_timeout: Duration,
}

impl Options {
    /// Options with the defaults for a database on this machine.
    pub fn new(url: impl Into<String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            url: url.into(),
            password: None,
            max_connections: u32::try_from(cores * 2).unwrap_or(4).max(4),
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(2),
            // Auth0's.
            search_timeout: Duration::from_secs(2),
        }
    }

    /// The options of sqlx. An error never repeats the URL, which holds a password.
    pub fn connect_options(&self) -> anyhow::Result<PgConnectOptions> {
        let options: PgConnectOptions = self.url.parse().map_err(|_| {
            anyhow::anyhow!("the database URL is not of the form postgres://user:password@host:port/database")
        })?;
        let options = match &self.password {
            Some(password) => options.password(password.expose_secret()),
            None => options,
        };
        let timeout = self.statement_timeout.as_millis().to_string();
        // sqlx logs whole statements, and a search has hundreds of kilobytes.
        Ok(options.disable_statement_logging().application_name("roster").options([
            ("statement_timeout", timeout.as_str()),
            // JIT compilation takes longer than nearly all statements do.
            ("jit", "off"),
            // PostgreSQL ends sessions whose client went away, and releases their locks. Our side has deadlines.
            ("tcp_keepalives_idle", "30"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "60s"),
        ]))
    }
}

impl Db {
    /// Opens the pools and the registered components. Connections are established on first use, so the database may
    /// be unreachable here.
    pub fn open(options: &Options, registrations: &[Registration]) -> anyhow::Result<Self> {
        let connect = options.connect_options()?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(THREADS);
        let connections =
            registrations.iter().map(|r| r.batch_connections(threads)).sum::<usize>() + EXTRA_CONNECTIONS;
        let (failures, wait) = (Failures::new(), options.acquire_timeout);
        let lock_timeout = options.lock_timeout.as_millis().to_string();
        let batched = connect.clone().options(BATCH_SETTINGS).options([("lock_timeout", &lock_timeout)]);
        let batches = Pool::new(batched, connections, wait, failures.clone());
        let deadline = options.statement_timeout + GRACE;
        let opening = Opening {
            options,
            connect: connect.clone(),
            batches: batches.clone(),
            threads,
            deadline,
            failures: failures.clone(),
        };
        let components = registrations.iter().enumerate().map(|(index, r)| r.open(index, &opening)).collect();
        let pool = Pool::new(connect, options.max_connections as usize, wait, failures);
        Ok(Self { pool, batches, deadline, components })
    }

    /// Runs one request of a batched statement, together with concurrent ones.
    pub(crate) async fn run<B: RegisteredBatch>(&self, item: B::Item) -> Result<B::Output, Error> {
        self.component::<Queues<B>>(B::slot())?.run(item).await
    }

    /// Begins a transaction; it is rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx::begin(self).await?)
    }

    /// A registered component.
    pub(crate) fn component<C: Component>(&self, slot: &Slot) -> Result<&C, Error> {
        let component = slot.index().and_then(|index| self.components.get(index));
        let component = component.and_then(|component| (&**component as &dyn std::any::Any).downcast_ref());
        component.ok_or_else(|| Error::internal(format!("{} is not registered", std::any::type_name::<C>())))
    }

    /// Checks that the database answers and has the schema of this binary.
    ///
    /// # Errors
    /// 503 if it does not answer, if migrations are missing, or if a table is missing.
    pub async fn ready(&self) -> Result<(), Error> {
        let missing = migrate::missing_tables(self).await.map_err(error::unavailable)?;
        if !missing.is_empty() {
            let cause = format!("tables are missing: {}", missing.join(", "));
            let error = codes::UNAVAILABLE.with_message("The database lacks tables of Roster.");
            return Err(Error { cause: Some(cause), ..error });
        }
        let version = migrate::applied(self.into()).await.map_err(error::unavailable)?;
        if version < Some(migrate::newest()) {
            let reason =
                "The database's schema is older than this version of Roster. Migrate it with: roster migrate";
            return Err(codes::UNAVAILABLE.with_message(reason));
        }
        Ok(())
    }

    /// What has not moved for much longer than a deadline although requests wait. A database that is down or silent
    /// is none: statements fail at their deadlines. Only a restart cures it.
    pub fn stuck(&self) -> Option<String> {
        let limit = (5 * self.deadline).max(LEAST_STUCK);
        let pool = |(pool, name): (&Pool, &str)| {
            let seconds = limit.as_secs();
            pool.is_stuck(limit).then(|| format!("no statement of the {name} pool has ended for {seconds} s"))
        };
        let mut pools = [(&self.pool, "general"), (&self.batches, "batch")].into_iter();
        pools.find_map(pool).or_else(|| self.components.iter().find_map(|component| component.stuck(limit)))
    }

    /// Closes all connections after the running statements and all accepted batches.
    pub async fn close(&self) {
        futures_util::future::join_all(self.components.iter().map(|component| component.close())).await;
        self.batches.close();
        self.pool.close();
    }
}

/// A connection outside of the pools, for commands.
pub async fn connect(options: &Options) -> anyhow::Result<PgConnection> {
    let options = options.connect_options()?;
    PgConnection::connect_with(&options)
        .await
        .map_err(|e| anyhow::anyhow!("cannot reach the database at {}: {e}", address(&options)))
}

fn address(options: &PgConnectOptions) -> String {
    format!("{}:{}", options.get_host(), options.get_port())
}

/// The text of a `text[]`, for statements over arrays of arrays.
pub(crate) fn array_literal<'a>(elements: impl Iterator<Item = Option<&'a str>>) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let elements: Vec<String> = elements.map(|e| e.map_or_else(|| "NULL".to_owned(), quoted)).collect();
    format!("{{{}}}", elements.join(","))
}
