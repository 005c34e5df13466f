//! Statements over arrays, each run for many requests at once: what [`super::coalesce`] queues, on connections of its
//! own.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};
use tokio::time::timeout;

use super::coalesce::{Coalescer, Executor, Failure};
use super::connections::{Connection, Connections};
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
    /// How many are run at once at most.
    const CAP: usize = 64;

    /// The key of an item; `None` if it can be run beside any other.
    fn key(item: &Self::Item) -> Option<Self::Key>;
    /// Can the two be run at once?
    fn alike(_: &Self::Item, _: &Self::Item) -> bool {
        true
    }
    /// Runs the statement for all items: as many outputs, in the same order. `None` for one that has to be run alone.
    fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Vec<Option<Self::Output>>, sqlx::Error>> + Send;
    /// What a failure means.
    fn refusal(error: sqlx::Error) -> Error {
        error.into()
    }
}

/// Requests of one kind, coalesced.
pub(crate) type Batches<B> = Coalescer<Lines<B>>;

impl<B: Batch> Batches<B> {
    /// So many lanes are usually open at a time, see [`Coalescer::new`], and so many connections are kept. A batch without an
    /// answer for `patience` is given up with its connection: a database that went away without a word must not stop
    /// everybody behind it.
    pub(crate) fn over(pool: &PgPool, patience: Duration, lanes: usize, keeps: usize, stays: bool) -> Self {
        let connections = Connections::of(pool.clone(), keeps);
        Self::new(Lines { connections, patience, batch: std::marker::PhantomData }, lanes, stays)
    }

    /// Answers what was accepted, then gives its connections back.
    pub(crate) async fn close(&self) {
        self.drain().await;
        self.executor().connections.clear();
    }
}

/// A queue for each of the first threads that ask, which are the server's, and one for all others: a request stays on the
/// thread it came to. For requests without a key only, as no order holds between two queues.
pub(crate) struct PerThread<B: Batch> {
    own: Arc<[Batches<B>]>,
    shared: Batches<B>,
}

impl<B: Batch> Clone for PerThread<B> {
    fn clone(&self) -> Self {
        Self { own: Arc::clone(&self.own), shared: self.shared.clone() }
    }
}

impl<B: Batch> PerThread<B> {
    /// So many threads have a queue of their own, with one lane and one connection each.
    pub(crate) fn over(pool: &PgPool, patience: Duration, threads: usize) -> Self {
        let own = (0..threads).map(|_| Batches::over(pool, patience, 1, 1, true)).collect();
        Self { own, shared: Batches::over(pool, patience, 2, 2, false) }
    }

    /// As [`Coalescer::run`].
    pub(crate) async fn run(&self, item: B::Item) -> Result<B::Output, Error> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static PLACE: usize = THREADS.fetch_add(1, Ordering::Relaxed));
        self.own.get(PLACE.with(|place| *place)).unwrap_or(&self.shared).run(item).await
    }

    /// As [`Batches::close`].
    pub(crate) async fn close(&self) {
        for queue in self.own.iter().chain([&self.shared]) {
            queue.close().await;
        }
    }
}

/// Runs batches on connections that are kept.
pub(crate) struct Lines<B> {
    connections: Connections,
    patience: Duration,
    batch: std::marker::PhantomData<B>,
}

impl<B: Batch> Executor for Lines<B> {
    type Item = B::Item;
    type Output = B::Output;
    type Key = B::Key;
    const CAP: usize = B::CAP;

    fn key(item: &B::Item) -> Option<B::Key> {
        B::key(item)
    }

    fn alike(one: &B::Item, other: &B::Item) -> bool {
        B::alike(one, other)
    }

    async fn run(&self, items: &[&B::Item]) -> Result<Vec<Option<B::Output>>, Failure> {
        let kept = self.connections.idle();
        let may_be_stale = kept.is_some();
        let mut result = self.once(kept, items).await;
        if may_be_stale && B::IDEMPOTENT && result.as_ref().is_err_and(super::is_disconnect) {
            result = self.once(None, items).await;
        }
        result.map_err(|error| {
            let fails_all = super::is_disconnect(&error);
            let error = B::refusal(error);
            if fails_all { Failure::Common(error) } else { Failure::Member(error) }
        })
    }
}

impl<B: Batch> Lines<B> {
    async fn once(
        &self,
        kept: Option<Connection>,
        items: &[&B::Item],
    ) -> Result<Vec<Option<B::Output>>, sqlx::Error> {
        let mut connection = self.connections.alive(kept).await?;
        let silence = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        let result = timeout(self.patience, B::run(&mut connection, items)).await.unwrap_or_else(silence);
        if result.as_ref().is_err_and(super::is_disconnect) {
            connection.discard();
        } else {
            self.connections.keep(connection);
        }
        result
    }
}

/// The place of a row's request in its batch: the row's column `n`, from `with ordinality`.
pub(crate) fn place(row: &PgRow) -> Result<usize, sqlx::Error> {
    let n: i64 = row.try_get("n")?;
    usize::try_from(n - 1).map_err(|e| sqlx::Error::Decode(e.into()))
}
