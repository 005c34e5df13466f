//! The only general code that knows sqlx: the pool, what its errors mean, migrations, coalescing.

pub(crate) mod batch;
mod coalesce;
pub(crate) mod connections;
pub mod migrate;
mod statement;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use self::batch::{Batches, PerThread};
use crate::auth::store as auth;
use crate::error::{Error, Meaning, codes};
use crate::search::run::Searches;
use crate::users::store as users;

pub use statement::Statement;
pub(crate) use statement::etag;

/// Server threads that have connections of their own, at most: one for reads by id, and one of each kind of those that are
/// kept for requests that are alone.
const THREADS: usize = 4;

/// Lanes of a queue that all threads share: while one waits for its commit another one works.
const LANES: usize = 2;

/// Connections for batches that take long.
const SPARE: usize = 6;

/// One plan for each statement over arrays, made once: every row by its key. Left alone, Postgres plans anew for every
/// short array, and may keep a plan that reads a whole table, made when the table was nearly empty.
/// Somebody who holds a row keeps those who want it waiting for two seconds only: each of them takes a lane.
const PINNED: [(&str, &str); 5] = [
    ("lock_timeout", "2s"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// The database, as every store function takes it. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    /// Of those below.
    batches: PgPool,
    searchers: PgPool,
    few_searchers: PgPool,
    pub(crate) searches: Arc<Searches>,
    pub(crate) user_fetches: PerThread<users::Fetch>,
    pub(crate) user_changes: Batches<users::Update>,
    pub(crate) token_clients: Batches<auth::Clients>,
}

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://user:password@host:port/database`, or with `?host=/socket/directory`.
    pub url: String,
    /// Connections at most, beside up to 24 for the hot statements and half as many and nine for searches; about twice
    /// the cores of the database.
    pub max_connections: u32,
    /// How long a request waits for a connection before it is told that the database cannot be reached.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
}

impl Options {
    /// Options with the defaults for a database on this machine.
    pub fn new(url: impl Into<String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            url: url.into(),
            max_connections: u32::try_from(cores * 2).unwrap_or(4).max(4),
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
        }
    }

    /// sqlx's form of the URL. An error never repeats the URL: it holds a password.
    pub fn connect_options(&self) -> anyhow::Result<PgConnectOptions> {
        let options: PgConnectOptions = self.url.parse().map_err(|_| {
            anyhow::anyhow!("the database URL is not of the form postgres://user:password@host:port/database")
        })?;
        // Compiling a plan takes longer than all but the longest of our statements do.
        let timeout = self.statement_timeout.as_millis().to_string();
        // A line with the whole statement: a search has hundreds of kilobytes.
        Ok(options
            .disable_statement_logging()
            .application_name("roster")
            .options([("statement_timeout", timeout.as_str()), ("jit", "off")]))
    }
}

/// A search may take as long as Auth0's. An index has to be used where there is one, and an order too, whoever the values
/// stand for: a tenant of a million users and one of ten share the plan.
const SEARCHES: [(&str, &str); 5] = [
    ("statement_timeout", "2s"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_sort", "off"),
    ("enable_incremental_sort", "off"),
];

impl Db {
    /// Opens the pool. Connections are made when they are first needed, so the database may be away right now.
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let pool = |connections, connect: PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(options.acquire_timeout)
                .test_before_acquire(false)
                .before_acquire(|connection, meta| {
                    let lately = meta.idle_for < connections::IDLE;
                    Box::pin(async move { Ok(lately || connection.ping().await.is_ok()) })
                })
                .connect_lazy_with(connect)
        };
        let connect = options.connect_options()?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(THREADS);
        let keeps = LANES + threads;
        // Of three kinds: reads of threads and of all others, changes, clients.
        let kept = u32::try_from(threads + LANES + 2 * keeps + SPARE).unwrap_or(u32::MAX);
        let batches = pool(kept, connect.clone().options(PINNED));
        let at_once = (options.max_connections / 2).max(2);
        let patience = options.statement_timeout + Duration::from_secs(5);
        // One more than are used: whoever finds all kept ones taken must not wait for what is not given back.
        let searchers = pool(at_once + 1, connect.clone().options(SEARCHES));
        let together = u32::try_from(threads + LANES + SPARE / 2).unwrap_or(u32::MAX);
        let few_searchers = pool(together, connect.clone().options(SEARCHES));
        let few = PerThread::over(&few_searchers, patience, threads);
        Ok(Self {
            user_fetches: PerThread::over(&batches, patience, threads),
            user_changes: Batches::over(&batches, patience, LANES, keeps, false),
            token_clients: Batches::over(&batches, patience, LANES, keeps, false),
            searches: Arc::new(Searches::over(&searchers, at_once, options.acquire_timeout, few)),
            searchers,
            few_searchers,
            pool: pool(options.max_connections, connect),
            batches,
        })
    }

    /// The pool, for the statements of a store.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Does the database answer, and does it have the schema this binary was built for?
    pub async fn ready(&self) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await.map_err(unavailable)?;
        let version = migrate::applied(&mut connection).await.map_err(unavailable)?;
        if version >= Some(migrate::newest()) {
            Ok(())
        } else {
            Err(codes::UNAVAILABLE
                .because("The database's schema is not the one this version of Roster needs."))
        }
    }

    /// Closes all connections, after what is running on them and all that waits for its batch.
    pub async fn close(&self) {
        tokio::join!(
            self.user_fetches.close(),
            self.user_changes.close(),
            self.token_clients.close(),
            self.searches.drain(),
        );
        // Closed from now on, so that none is kept any more.
        let searchers = self.searchers.close();
        self.searches.close();
        tokio::join!(self.batches.close(), searchers, self.few_searchers.close(), self.pool.close());
    }
}

fn unavailable(error: sqlx::Error) -> Error {
    Error { cause: Some(error.to_string()), ..Error::from(codes::UNAVAILABLE) }
}

/// Could the statement not be run at all, or did the connection break under it?
pub(crate) fn is_disconnect(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Tls(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => true,
        // 57P01..57P03: shut down, crashed, starting up. 53300: too many connections. 08: connection exceptions.
        sqlx::Error::Database(e) => {
            e.code().is_some_and(|c| c.starts_with("57P0") || c == "53300" || c.starts_with("08"))
        }
        _ => false,
    }
}

const DEADLOCK: &str = "40P01";
const LOCK_TIMEOUT: &str = "55P03";

/// Was the statement, which changed nothing, the one of two waiting for each other that had to give way?
pub(crate) fn is_deadlock(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.code().as_deref() == Some(DEADLOCK))
}

/// What a failed statement means. `conflicts` tells, by the name of the constraint, what a duplicate means here.
pub(crate) fn refusal(error: sqlx::Error, conflicts: &[(&str, Meaning)]) -> Error {
    if is_disconnect(&error) {
        return unavailable(error);
    }
    if let Some(database) = error.as_database_error() {
        let meant = conflicts.iter().find(|(constraint, _)| Some(*constraint) == database.constraint());
        if let Some((_, meaning)) = meant {
            return (*meaning).into();
        }
        let reason = match database.code().as_deref() {
            Some("57014") => Some("The query exceeded the timeout."),
            Some(DEADLOCK | LOCK_TIMEOUT) => Some("Other changes got in the way. Please try again."),
            _ => None,
        };
        if let Some(reason) = reason {
            return Error { cause: Some(error.to_string()), ..codes::UNAVAILABLE.because(reason) };
        }
    }
    Error::internal(error)
}

/// The same where nothing can conflict.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        refusal(error, &[])
    }
}

/// One connection outside of the pool, for commands.
pub async fn connect(options: &Options) -> anyhow::Result<PgConnection> {
    let options = options.connect_options()?;
    PgConnection::connect_with(&options).await.map_err(|e| {
        anyhow::anyhow!("cannot reach the database at {}:{}: {e}", options.get_host(), options.get_port())
    })
}

/// A transaction of several statements.
pub(crate) type Tx = sqlx::Transaction<'static, sqlx::Postgres>;

impl Db {
    /// Begins a transaction; it is rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(self.pool.begin().await?)
    }
}
