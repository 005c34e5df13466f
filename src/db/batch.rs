//! Statements over arrays, each run for many requests at once: what [`super::coalesce`] queues, on connections of its
//! own.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};
use tokio::time::timeout;

use super::WORKERS;
use super::coalesce::{Coalescer, Executor, Failure};
use super::connections::{Connection, Connections};
use super::registry::{Component, Opening, Registration, Slot};
use crate::base::error::Error;

/// A statement over arrays.
pub(crate) trait Batch: Sized + Send + Sync + 'static {
    /// What one request binds.
    type Item: Send + Sync + 'static;
    /// What one request gets.
    type Output: Send + 'static;
    /// Two requests with the same key are run one after the other.
    type Key: Clone + Hash + Eq + Send + 'static;
    /// Does every server thread have a queue of its own? For batches without keys only: no order holds between queues.
    const PER_THREAD: bool = false;
    /// May the statement be run again when nobody knows whether it was run?
    const IDEMPOTENT: bool;
    /// How many are run at once at most.
    const CAP: usize = 64;

    /// Its line of the registration table.
    const REGISTRATION: Registration = Registration::batch::<Self>();

    /// The batch's index in the registration table.
    fn slot() -> &'static Slot;
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

/// The queues of one batched statement: one for each server thread where [`Batch::PER_THREAD`], and one for all other
/// requests. A request stays on the thread that received it.
pub(crate) struct Queues<B: Batch> {
    own: Vec<Coalescer<Lines<B>>>,
    shared: Coalescer<Lines<B>>,
}

impl<B: Batch> Queues<B> {
    pub(crate) fn open(opening: &Opening<'_>) -> Self {
        Self::over(&opening.batches, opening.timeout, opening.threads)
    }

    /// Queues on the connections of a pool. A batch without an answer within `timeout` fails with its connection, so
    /// that a silent database does not stop the queue.
    pub(crate) fn over(pool: &PgPool, timeout: Duration, threads: usize) -> Self {
        let queue = |workers, kept, pinned| {
            let connections = Connections::of(pool.clone(), kept);
            let lines = Lines { connections, patience: timeout, batch: std::marker::PhantomData };
            Coalescer::new(lines, workers, pinned)
        };
        if B::PER_THREAD {
            let own = (0..threads).map(|_| queue(1, 1, true)).collect();
            Self { own, shared: queue(WORKERS, WORKERS, false) }
        } else {
            Self { own: Vec::new(), shared: queue(WORKERS, WORKERS + threads, false) }
        }
    }

    /// As [`Coalescer::run`].
    pub(crate) async fn run(&self, item: B::Item) -> Result<B::Output, Error> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static INDEX: usize = THREADS.fetch_add(1, Ordering::Relaxed));
        self.own.get(INDEX.with(|index| *index)).unwrap_or(&self.shared).run(item).await
    }

    /// Answers accepted requests, then returns the connections to the pool.
    pub(crate) async fn drain(&self) {
        for queue in self.own.iter().chain([&self.shared]) {
            queue.drain().await;
            queue.executor().connections.clear();
        }
    }
}

impl<B: Batch> Component for Queues<B> {
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.drain())
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
