//! Batched statements: one statement over arrays for many requests, queued by [`super::queue`], on connections of their
//! own.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{Instant, timeout_at};

use super::WORKERS;
use super::connections::Connections;
use super::pool::{Connection, Pool};
use super::queue::{self, Executor, Failure, Queue};
use super::registry::{Component, Opening, Registration, Slot};
use crate::base::error::Error;

/// A statement over arrays.
pub(crate) trait Batch: Sized + Send + Sync + 'static {
    /// The values of one request.
    type Item: Send + Sync + 'static;
    /// The answer of one request.
    type Output: Send + 'static;
    /// Requests with equal keys run one after the other.
    type Key: Clone + Hash + Eq + Send + Sync + 'static;
    /// Whether every server thread has a queue of its own. For batches without keys only: no order holds between queues.
    const PER_THREAD: bool = false;
    /// Whether the statement may run again when it is unknown whether it ran.
    const IDEMPOTENT: bool;
    /// The largest number of requests in a batch.
    const CAP: usize = 64;

    /// The tenant of a request.
    fn tenant(item: &Self::Item) -> &str;
    /// The key of a request; `None` if its order does not matter.
    fn key(item: &Self::Item) -> Option<Self::Key>;
    /// Can two requests be in the same batch?
    fn compatible(_: &Self::Item, _: &Self::Item) -> bool {
        true
    }
    /// Runs the statement for all requests: an answer for each, in the same order; `None` for a request that has to run
    /// alone.
    fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Vec<Option<Self::Output>>, sqlx::Error>> + Send;
    /// The error response for a failed statement.
    fn map_error(error: sqlx::Error) -> Error {
        error.into()
    }
}

/// A batched statement with a line of the registration table.
pub(crate) trait RegisteredBatch: Batch {
    /// The line of the table.
    const REGISTRATION: Registration = Registration::batch::<Self>();

    /// The index in the table.
    fn slot() -> &'static Slot;
}

/// The queues of one batched statement: one for each server thread where [`Batch::PER_THREAD`], and one for all other
/// requests. A request stays on the thread that received it.
pub(crate) struct Queues<B: Batch> {
    own: Vec<Queue<Statements<B>>>,
    shared: Queue<Statements<B>>,
}

impl<B: Batch> Queues<B> {
    pub(crate) fn open(opening: &Opening<'_>) -> Self {
        Self::over(&opening.batches, opening.deadline, opening.threads)
    }

    /// Queues on the connections of a pool. A batch without an answer within `deadline` fails with its connection, so
    /// that a silent database does not stop the queue.
    pub(crate) fn over(pool: &Pool, deadline: Duration, threads: usize) -> Self {
        let queue = |workers, kept, pinned| {
            let connections = Connections::of(pool.clone(), kept);
            let statements = Statements { connections, batch: std::marker::PhantomData };
            Queue::new(statements, queue::Options { workers, pinned, deadline })
        };
        if B::PER_THREAD {
            let own = (0..threads).map(|_| queue(1, 1, true)).collect();
            Self { own, shared: queue(WORKERS, WORKERS, false) }
        } else {
            Self { own: Vec::new(), shared: queue(WORKERS, WORKERS + threads, false) }
        }
    }

    /// As [`Queue::run`].
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
    fn stuck(&self, limit: Duration) -> Option<String> {
        let mut queues = self.own.iter().chain([&self.shared]);
        queues.any(|queue| queue.is_stuck(limit)).then(|| {
            format!("no batch of {} has ended for {} s", std::any::type_name::<B>(), limit.as_secs())
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.drain())
    }
}

/// Executes batches on kept connections.
pub(crate) struct Statements<B> {
    connections: Connections,
    batch: std::marker::PhantomData<B>,
}

impl<B: Batch> Executor for Statements<B> {
    type Item = B::Item;
    type Output = B::Output;
    type Key = B::Key;
    const CAP: usize = B::CAP;

    fn key(item: &B::Item) -> Option<B::Key> {
        B::key(item)
    }

    fn tenant(item: &B::Item) -> &str {
        B::tenant(item)
    }

    fn compatible(one: &B::Item, other: &B::Item) -> bool {
        B::compatible(one, other)
    }

    async fn run(&self, items: &[&B::Item], deadline: Duration) -> Result<Vec<Option<B::Output>>, Failure> {
        let until = Instant::now() + deadline;
        let kept = self.connections.idle();
        let may_be_stale = kept.is_some();
        let mut result = self.once(kept, items, until).await;
        if may_be_stale && B::IDEMPOTENT && result.as_ref().is_err_and(super::is_disconnect) {
            result = self.once(None, items, until).await;
        }
        result.map_err(|error| {
            let is_common = super::is_disconnect(&error);
            let error = B::map_error(error);
            if is_common { Failure::Common(error) } else { Failure::Request(error) }
        })
    }
}

impl<B: Batch> Statements<B> {
    async fn once(
        &self,
        kept: Option<Connection>,
        items: &[&B::Item],
        until: Instant,
    ) -> Result<Vec<Option<B::Output>>, sqlx::Error> {
        let mut connection = timeout_at(until, self.connections.alive(kept))
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        let deadline = until.saturating_duration_since(Instant::now());
        let run = async |connection: &mut PgConnection| B::run(connection, items).await;
        let result = connection.run(deadline, run).await;
        self.connections.keep(connection);
        result
    }
}

/// The index in its batch of the request that a row answers. `n` is a column `with ordinality`, which counts from 1.
pub(crate) fn batch_index(n: i64) -> Result<usize, sqlx::Error> {
    usize::try_from(n - 1).map_err(|e| sqlx::Error::Decode(e.into()))
}
