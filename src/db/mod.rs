//! The only general code that knows sqlx: the pool, what its errors mean, migrations, coalescing, and a Postgres of
//! our own for development and tests.

pub(crate) mod batch;
mod coalesce;
pub(crate) mod connections;
pub mod embedded;
pub mod migrate;
pub(crate) mod registry;
mod session;
mod statement;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use sqlx::FromRow;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use self::batch::{Batch, Queues};
use self::registry::{Component, Opening, Slot, pool};
use crate::base::error::{Error, Meaning, codes};

pub use registry::Registration;

pub(crate) use session::Tx;
pub use statement::Statement;

/// Server threads that have connections of their own, at most: one for reads by id, and one of each kind of those that are
/// kept for requests that are alone.
const THREADS: usize = 4;

/// Lanes of a queue that all threads share: while one waits for its commit another one works.
const WORKERS: usize = 2;

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
    batches: PgPool,
    components: Arc<[Box<dyn Component>]>,
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

impl Db {
    /// Opens the pools and the registered components. Connections are established on first use, so the database may
    /// be unreachable here.
    pub fn open(options: &Options, registrations: &[Registration]) -> anyhow::Result<Self> {
        let connect = options.connect_options()?;
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(THREADS);
        let connections = registrations.iter().map(|r| r.batch_connections(threads)).sum::<usize>() + SPARE;
        let batches =
            pool(options, u32::try_from(connections).unwrap_or(u32::MAX), connect.clone().options(PINNED));
        let opening = Opening {
            options,
            connect: connect.clone(),
            batches: batches.clone(),
            threads,
            timeout: options.statement_timeout + Duration::from_secs(5),
        };
        let components = registrations.iter().enumerate().map(|(index, r)| r.open(index, &opening)).collect();
        Ok(Self { pool: pool(options, options.max_connections, connect), batches, components })
    }

    /// Runs one request of a batched statement, together with concurrent ones.
    pub(crate) async fn run<B: Batch>(&self, item: B::Item) -> Result<B::Output, Error> {
        self.component::<Queues<B>>(B::slot())?.run(item).await
    }

    /// A registered component.
    pub(crate) fn component<C: Component>(&self, slot: &Slot) -> Result<&C, Error> {
        let component = slot.index().and_then(|index| self.components.get(index));
        let component = component.and_then(|component| (&**component as &dyn std::any::Any).downcast_ref());
        component.ok_or_else(|| Error::internal(format!("{} is not registered", std::any::type_name::<C>())))
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

    /// Closes all connections after the running statements and all accepted batches.
    pub async fn close(&self) {
        futures_util::future::join_all(self.components.iter().map(|component| component.close())).await;
        tokio::join!(self.batches.close(), self.pool.close());
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

impl Db {
    /// Begins a transaction; it is rolled back unless it is committed.
    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx::begin(self).await?)
    }
}

/// Postgres's text form of a `text[]`.
pub(crate) fn array_literal<'a>(elements: impl Iterator<Item = Option<&'a str>>) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let elements: Vec<String> = elements.map(|e| e.map_or_else(|| "NULL".to_owned(), quoted)).collect();
    format!("{{{}}}", elements.join(","))
}
