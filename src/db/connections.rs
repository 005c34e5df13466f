//! Connections that are kept beside their pool, which tests each one that comes back to it by a round trip.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres};
use tokio::runtime::{self, Handle};
use tokio::time::timeout;

/// A connection that was idle for longer is asked whether it is alive before anything goes out on it: it may be gone
/// without a word, and nothing that cannot be sent twice may be lost with it.
pub(super) const IDLE: Duration = Duration::from_secs(1);
/// One that does not answer within this time is not alive.
const PING: Duration = Duration::from_secs(1);
/// One that was idle for longer is not asked any more: what stands between may have forgotten it.
const STALE: Duration = Duration::from_mins(2);

/// Connections of a pool, of which some are kept.
pub(crate) struct Connections {
    pool: PgPool,
    keeps: usize,
    idle: Mutex<Vec<Connection>>,
}

/// A connection. One that is dropped goes back to the pool, which tests it.
pub(crate) struct Connection {
    inner: PoolConnection<Postgres>,
    used: Instant,
    /// The runtime that waits for what comes on it: elsewhere it costs a detour through another thread.
    home: runtime::Id,
}

impl Deref for Connection {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

impl Connection {
    /// Not back to the pool: it is broken, and its place is needed for a fresh one.
    pub(crate) fn discard(self) {
        drop(self.inner.detach());
    }
}

impl Connections {
    /// Keeps so many.
    pub(crate) fn of(pool: PgPool, keeps: usize) -> Self {
        Self { pool, keeps, idle: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is kept, of the current runtime if possible, else of another if there can be no more.
    pub(crate) fn idle(&self) -> Option<Connection> {
        let (home, mut idle) = (Handle::current().id(), self.lock());
        let of_home = idle.iter().rposition(|kept| kept.home == home);
        let enough =
            || idle.len() >= self.keeps || self.pool.size() >= self.pool.options().get_max_connections();
        of_home.or_else(|| (enough() && !idle.is_empty()).then_some(0)).map(|n| idle.remove(n))
    }

    /// One of the pool.
    pub(crate) async fn fresh(&self) -> Result<Connection, sqlx::Error> {
        // Boxed: it is rare, and forty times as large as all the rest of a lane.
        let inner = Box::pin(self.pool.acquire()).await?;
        Ok(Connection { inner, used: Instant::now(), home: Handle::current().id() })
    }

    /// The same one if it is alive, else one of the pool.
    pub(crate) async fn alive(&self, kept: Option<Connection>) -> Result<Connection, sqlx::Error> {
        let Some(mut connection) = kept else { return self.fresh().await };
        let idle_for = connection.used.elapsed();
        if idle_for < IDLE || idle_for < STALE && matches!(timeout(PING, connection.ping()).await, Ok(Ok(())))
        {
            return Ok(connection);
        }
        connection.discard();
        self.fresh().await
    }

    /// Keeps one that is to be used again; what is too much goes back to the pool.
    pub(crate) fn keep(&self, mut connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < self.keeps && !self.pool.is_closed() {
            connection.used = Instant::now();
            idle.push(connection);
        }
    }

    /// Gives all of them back.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}
