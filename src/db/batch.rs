//! Statements over arrays, each run for many requests at once: what [`super::coalesce`] queues, on connections of its
//! own.

use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Row};
use tokio::runtime::{self, Handle};
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
    /// So many lanes are usually open at a time. A batch without an answer for `patience` is given up with its connection:
    /// a database that went away without a word must not stop everybody behind it.
    pub(crate) fn over(pool: &PgPool, patience: Duration, lanes: usize) -> Self {
        let (pool, idle, batch) = (pool.clone(), Mutex::default(), std::marker::PhantomData);
        Self::new(Lines { pool, patience, keeps: 2 * lanes, idle, batch }, lanes)
    }

    /// Answers what was accepted, then gives its connections back.
    pub(crate) async fn close(&self) {
        self.drain().await;
        self.executor().idle().clear();
    }
}

/// A queue for each server thread, as long as there are not too many: a request stays on the thread it came to. For requests
/// without a key only, as no order holds between two queues.
pub(crate) struct PerThread<B: Batch>(Arc<[Batches<B>]>);

impl<B: Batch> Clone for PerThread<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: Batch> PerThread<B> {
    /// So many queues at most: each keeps connections.
    pub(crate) const MOST: usize = 4;

    /// Queues for `threads`, of which one lane each is usually open.
    pub(crate) fn over(pool: &PgPool, patience: Duration, threads: usize) -> Self {
        Self((0..threads.clamp(1, Self::MOST)).map(|_| Batches::over(pool, patience, 1)).collect())
    }

    /// As [`Coalescer::run`].
    pub(crate) async fn run(&self, item: B::Item) -> Result<B::Output, Error> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static PLACE: usize = THREADS.fetch_add(1, Ordering::Relaxed));
        self.0[PLACE.with(|place| place % self.0.len())].run(item).await
    }

    /// As [`Batches::close`].
    pub(crate) async fn close(&self) {
        for queue in &*self.0 {
            queue.close().await;
        }
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
    keeps: usize,
    idle: Mutex<Vec<Kept>>,
    batch: std::marker::PhantomData<B>,
}

struct Kept {
    connection: PoolConnection<Postgres>,
    used: Instant,
    /// The runtime that waits for what comes on it: elsewhere it costs a detour through another thread.
    home: runtime::Id,
}

impl<B: Batch> Executor for Lines<B> {
    type Item = B::Item;
    type Output = B::Output;
    type Key = B::Key;

    fn key(item: &B::Item) -> Option<B::Key> {
        B::key(item)
    }

    async fn run(&self, items: &[&B::Item]) -> Result<Vec<Option<B::Output>>, Failure> {
        let kept = self.take();
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
    fn idle(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of the current runtime; one of another if there are enough.
    fn take(&self) -> Option<Kept> {
        let (home, mut idle) = (Handle::current().id(), self.idle());
        let of_home = idle.iter().rposition(|kept| kept.home == home);
        of_home.or((idle.len() >= self.keeps).then_some(0)).map(|n| idle.remove(n))
    }

    async fn once(
        &self,
        kept: Option<Kept>,
        items: &[&B::Item],
    ) -> Result<Vec<Option<B::Output>>, sqlx::Error> {
        // Boxed: it is rare, and forty times as large as all the rest of a lane.
        let fresh =
            async || Ok::<_, sqlx::Error>((Box::pin(self.pool.acquire()).await?, Handle::current().id()));
        let (mut connection, home) = match kept {
            Some(Kept { connection, used, home }) if used.elapsed() < IDLE => (connection, home),
            Some(Kept { mut connection, used, home }) => {
                if used.elapsed() < STALE && matches!(timeout(PING, connection.ping()).await, Ok(Ok(()))) {
                    (connection, home)
                } else {
                    drop(connection.detach());
                    fresh().await?
                }
            }
            None => fresh().await?,
        };
        let silence = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        let result = timeout(self.patience, B::run(&mut connection, items)).await.unwrap_or_else(silence);
        if result.as_ref().is_err_and(super::is_disconnect) {
            // Not back into the pool: it is broken, and its place is needed for a fresh one.
            drop(connection.detach());
        } else {
            let mut idle = self.idle();
            // What spare lanes used goes back.
            if idle.len() < self.keeps {
                idle.push(Kept { connection, used: Instant::now(), home });
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
