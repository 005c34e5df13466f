//! Connections to PostgreSQL. Every statement has a deadline on this side, after which its connection is discarded:
//! an established connection may go silent (failover, NAT that forgets it) while new connections work.

use std::ops::AsyncFnOnce;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::runtime::{self, Handle};
use tokio::time::timeout;

/// A connection that was idle for longer is pinged before its next statement, which may not be safe to repeat.
const IDLE: Duration = Duration::from_secs(1);
/// The time limit of a ping.
const PING: Duration = Duration::from_secs(1);
/// A connection that was idle for longer is discarded without a ping.
const STALE: Duration = Duration::from_mins(2);

/// When a statement last ran into its deadline, for all pools of a database: other connections of that time may be
/// silent too, so they are discarded instead of being pinged one after the other.
#[derive(Clone)]
pub(crate) struct Silence {
    origin: Instant,
    /// Microseconds since `origin`; 0 if there was none.
    at: Arc<AtomicU64>,
}

impl Silence {
    pub(super) fn new() -> Self {
        Self { origin: Instant::now(), at: Arc::default() }
    }

    fn note(&self) {
        let micros = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.at.fetch_max(micros, Ordering::Relaxed);
    }

    fn is_before(&self, used: Instant) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at == 0 || self.origin + Duration::from_micros(at) < used
    }
}

/// A pool of connections with the same options. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(managed::Pool<Manager>);

struct Manager {
    options: PgConnectOptions,
    silence: Silence,
}

struct Pooled {
    connection: PgConnection,
    used: Instant,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Pooled, sqlx::Error> {
        Ok(Pooled { connection: PgConnection::connect_with(&self.options).await?, used: Instant::now() })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if is_alive(&mut pooled.connection, pooled.used, &self.silence).await {
            Ok(())
        } else {
            Err(RecycleError::message("the connection does not answer"))
        }
    }
}

async fn is_alive(connection: &mut PgConnection, used: Instant, silence: &Silence) -> bool {
    let idle = used.elapsed();
    silence.is_before(used)
        && (idle < IDLE || idle < STALE && matches!(timeout(PING, connection.ping()).await, Ok(Ok(()))))
}

impl Pool {
    /// A pool of at most `size` connections, which are established on first use. `wait` limits the time until a
    /// connection is free or established.
    pub(super) fn new(options: PgConnectOptions, size: usize, wait: Duration, silence: Silence) -> Self {
        let builder =
            managed::Pool::builder(Manager { options, silence }).max_size(size).runtime(Runtime::Tokio1);
        let pool = builder.wait_timeout(Some(wait)).create_timeout(Some(wait)).build();
        #[expect(clippy::expect_used, reason = "fails only without the runtime that is given here")]
        Self(pool.expect("a pool with a runtime"))
    }

    /// A connection that is not used elsewhere.
    pub(crate) async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        // Boxed: establishing a connection makes a future many times larger than a statement does.
        let object = Box::pin(self.0.get()).await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Closed => sqlx::Error::PoolClosed,
            _ => sqlx::Error::PoolTimedOut,
        })?;
        Ok(Connection { object: Some(object), home: Handle::current().id(), is_uncertain: false })
    }

    /// Can no more connections be established?
    pub(super) fn is_full(&self) -> bool {
        let status = self.0.status();
        status.size >= status.max_size
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Closes idle connections now and others when they return.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

/// A connection of a pool. Dropped, it returns to the pool, unless a statement on it did not end.
pub(crate) struct Connection {
    /// `None` after it was discarded.
    object: Option<Object<Manager>>,
    /// The runtime that polls its socket; any other runtime pays for waking that one.
    pub(super) home: runtime::Id,
    /// Whether a statement was started whose end is not known.
    is_uncertain: bool,
}

impl Connection {
    /// Runs statements within a deadline. After the deadline, after a lost connection, and if the future is dropped,
    /// the connection is discarded.
    pub(crate) async fn run<T>(
        &mut self,
        deadline: Duration,
        statements: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let Some(object) = &mut self.object else { return Err(sqlx::Error::WorkerCrashed) };
        self.is_uncertain = true;
        let result = if let Ok(result) = timeout(deadline, statements(&mut object.connection)).await {
            result
        } else {
            if let Some(pool) = Object::pool(object) {
                pool.manager().silence.note();
            }
            Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
        };
        object.used = Instant::now();
        self.is_uncertain = result.as_ref().is_err_and(super::is_disconnect);
        result
    }

    /// Does it still answer? Pings it only if it was idle.
    pub(super) async fn is_alive(&mut self) -> bool {
        let Some(object) = &mut self.object else { return false };
        let Some(pool) = Object::pool(object) else { return false };
        let used = object.used;
        is_alive(&mut object.connection, used, &pool.manager().silence).await
    }

    pub(super) fn is_uncertain(&self) -> bool {
        self.is_uncertain
    }

    /// Closes it instead of returning it to the pool.
    pub(super) fn discard(mut self) {
        self.is_uncertain = true;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_uncertain
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}
