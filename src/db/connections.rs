//! Connections of batches and searches that stay outside of their pool between statements, so that a request finds one
//! of its own runtime.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use super::pool::{Connection, Pool};

/// A pool of which some connections are kept.
pub(crate) struct Connections {
    pool: Pool,
    capacity: usize,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    /// Keeps up to `capacity` connections.
    pub(crate) fn of(pool: Pool, capacity: usize) -> Self {
        Self { pool, capacity, idle: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kept connection: of the current runtime, else of another one if no more can be established.
    pub(crate) fn idle(&self) -> Option<Connection> {
        let (home, mut idle) = (Handle::current().id(), self.lock());
        let at_home = idle.iter().rposition(|connection| connection.home == home);
        let is_full = || idle.len() >= self.capacity || self.pool.is_full();
        at_home.or_else(|| (is_full() && !idle.is_empty()).then_some(0)).map(|index| idle.remove(index))
    }

    /// A connection of the pool.
    pub(crate) async fn fresh(&self) -> Result<Connection, sqlx::Error> {
        self.pool.acquire().await
    }

    /// The kept connection if it still answers, else one of the pool.
    pub(crate) async fn alive(&self, kept: Option<Connection>) -> Result<Connection, sqlx::Error> {
        if let Some(mut connection) = kept {
            if connection.is_alive().await {
                return Ok(connection);
            }
            connection.discard();
        }
        self.fresh().await
    }

    /// Keeps a connection for the next statement; beyond the capacity it returns to the pool.
    pub(crate) fn keep(&self, connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < self.capacity && !self.pool.is_closed() && connection.is_ready() {
            idle.push(connection);
        }
    }

    /// Returns the kept connections to the pool.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}
