//! Components that run statements on connections of their own: batched statements and searches. They are registered
//! in `server.rs` like routes, so that [`Db`](super::Db) knows no resource.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::batch::{Queues, RegisteredBatch};
use super::pool::{Failures, Pool};
use super::{Options, WORKERS};

/// The index of a component in the registration table, known once a database was opened.
#[derive(Debug, Default)]
pub(crate) struct Slot(OnceLock<usize>);

impl Slot {
    /// A slot for a `static`.
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(super) fn index(&self) -> Option<usize> {
        self.0.get().copied()
    }
}

/// An open component of a database.
pub(crate) trait Component: Any + Send + Sync {
    /// Rejects new requests, answers accepted ones and closes the connections.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
    /// What has not moved for `limit` although requests wait.
    fn stuck(&self, limit: Duration) -> Option<String>;
}

/// One line of the registration table.
pub struct Registration {
    slot: fn() -> &'static Slot,
    /// Whether it runs on the pool of batches.
    is_batch: bool,
    open: fn(&Opening<'_>) -> Box<dyn Component>,
}

impl Registration {
    /// A batched statement.
    pub(crate) const fn batch<B: RegisteredBatch>() -> Self {
        Self { slot: B::slot, is_batch: true, open: |opening| Box::new(Queues::<B>::open(opening)) }
    }

    /// Any other component.
    pub(crate) const fn component(
        slot: fn() -> &'static Slot,
        open: fn(&Opening<'_>) -> Box<dyn Component>,
    ) -> Self {
        Self { slot, is_batch: false, open }
    }

    /// The connections it takes of the pool of batches, for a number of server threads.
    pub(super) fn batch_connections(&self, threads: usize) -> usize {
        if self.is_batch { WORKERS + threads } else { 0 }
    }

    pub(super) fn open(&self, index: usize, opening: &Opening<'_>) -> Box<dyn Component> {
        (self.slot)().0.get_or_init(|| index);
        (self.open)(opening)
    }
}

/// What a component is opened with.
pub(crate) struct Opening<'a> {
    pub options: &'a Options,
    pub connect: PgConnectOptions,
    /// The pool that all batched statements share.
    pub batches: Pool,
    /// Server threads with queues of their own.
    pub threads: usize,
    /// The deadline of a statement.
    pub deadline: Duration,
    pub failures: Failures,
}

impl Opening<'_> {
    /// A pool whose sessions have some settings.
    pub(crate) fn pool(&self, size: usize, settings: &[(&str, &str)]) -> Pool {
        let options = self.connect.clone().options(settings.iter().copied());
        Pool::new(options, size, self.options.acquire_timeout, self.failures.clone())
    }
}
