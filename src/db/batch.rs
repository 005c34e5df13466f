//! Statements over arrays, each run for many requests at once: what [`super::coalesce`] queues, on connections of its
//! own.

use std::future::Future;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Row};
use tokio::time::timeout;

use super::coalesce::{Coalescer, Executor, Failure};
use crate::error::Error;

/// A statement over arrays.
pub(crate) trait Batch: Send + Sync + 'static {
    /// What one request binds.
    type Item: Send + Sync + 'static;
    /// What one request gets.
    type Output: Send + 'static;
    /// Two requests with the same key are run one after the other.
    type Key: Clone + Hash + Eq + Send + 'static;
    /// May the statement be run again when nobody knows whether it was run?
    const IDEMPOTENT: bool;

    /// The key of an item; `None` if it can be run beside any other.
    fn key(item: &Self::Item) -> Option<Self::Key>;
    /// Runs the statement for all items: as many outputs, in the same order. `None` for one that has to be run alone.
    fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Vec<Option<Self::Output>>, sqlx::Error>> + Send;
}

/// Requests of one kind, coalesced.
pub(crate) type Batches<B> = Coalescer<Lines<B>>;

impl<B: Batch> Batches<B> {
    /// Lanes usually open at a time, and so connections kept: while one waits for its commit another one works.
    pub(crate) const LANES: usize = 2;

    /// A batch without an answer for `patience` is given up with its connection: a database that went away without a
    /// word must not stop everybody behind it.
    pub(crate) fn over(pool: &PgPool, patience: Duration) -> Self {
        let lines =
            Lines { pool: pool.clone(), patience, idle: Mutex::default(), batch: std::marker::PhantomData };
        Self::new(lines, Self::LANES)
    }

    /// Answers what was accepted, then gives its connections back.
    pub(crate) async fn close(&self) {
        self.drain().await;
        self.executor().idle().clear();
    }
}

/// A connection that was idle for longer is asked whether it is alive before anything goes out on it: it may be gone
/// without a word, and nothing that cannot be sent twice may be lost with it.
pub(super) const IDLE: Duration = Duration::from_secs(1);
/// One that does not answer within this time is not alive.
const PING: Duration = Duration::from_secs(1);
/// One that was idle for longer is not asked any more: what stands between may have forgotten it.
const STALE: Duration = Duration::from_mins(2);

/// Runs batches on connections that are kept: the pool tests each connection that comes back to it by a round trip.
pub(crate) struct Lines<B> {
    pool: PgPool,
    patience: Duration,
    idle: Mutex<Vec<(PoolConnection<Postgres>, Instant)>>,
    batch: std::marker::PhantomData<B>,
}

impl<B: Batch> Executor for Lines<B> {
    type Item = B::Item;
    type Output = B::Output;
    type Key = B::Key;

    fn key(item: &B::Item) -> Option<B::Key> {
        B::key(item)
    }

    async fn run(&self, items: &[&B::Item]) -> Result<Vec<Option<B::Output>>, Failure> {
        let kept = self.idle().pop();
        let may_be_stale = kept.is_some();
        let mut result = self.once(kept, items).await;
        if may_be_stale && B::IDEMPOTENT && result.as_ref().is_err_and(super::is_disconnect) {
            result = self.once(None, items).await;
        }
        result.map_err(|error| {
            let fails_all = super::is_disconnect(&error);
            let error = Error::from(error);
            if fails_all { Failure::Common(error) } else { Failure::Member(error) }
        })
    }
}

impl<B: Batch> Lines<B> {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(PoolConnection<Postgres>, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn once(
        &self,
        kept: Option<(PoolConnection<Postgres>, Instant)>,
        items: &[&B::Item],
    ) -> Result<Vec<Option<B::Output>>, sqlx::Error> {
        let mut connection = match kept {
            Some((connection, used)) if used.elapsed() < IDLE => connection,
            Some((mut connection, used)) => {
                if used.elapsed() < STALE && matches!(timeout(PING, connection.ping()).await, Ok(Ok(()))) {
                    connection
                } else {
                    drop(connection.detach());
                    self.pool.acquire().await?
                }
            }
            None => self.pool.acquire().await?,
        };
        let silence = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        let result = timeout(self.patience, B::run(&mut connection, items)).await.unwrap_or_else(silence);
        if result.as_ref().is_err_and(super::is_disconnect) {
            // Not back into the pool: it is broken, and its place is needed for a fresh one.
            drop(connection.detach());
        } else {
            let mut idle = self.idle();
            // What spare lanes used goes back.
            if idle.len() < Batches::<B>::LANES {
                idle.push((connection, Instant::now()));
            }
        }
        result
    }
}

/// The place of a row's request in its batch: the row's column `n`, from `with ordinality`.
pub(crate) fn place(row: &PgRow) -> Result<usize, sqlx::Error> {
    let n: i64 = row.try_get("n")?;
    usize::try_from(n - 1).map_err(|e| sqlx::Error::Decode(e.into()))
}
