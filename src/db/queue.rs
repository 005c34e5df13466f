//! Concurrent requests of one kind run as one statement.
//!
//! Natural batching: a request that finds an idle worker runs immediately. Otherwise it is queued, and the next idle
//! worker executes all compatible queued requests, up to [`Executor::CAP`], as one batch. The contract, which the tests
//! hold:
//!
//! - No request waits for others to fill a batch. A request is queued after it arrived, so a read sees every change that was
//!   acknowledged before.
//! - Two changes of one row (one [`Executor::key`]) run one after the other, in the order of their arrival.
//! - A batch that fails runs again request by request, so that only the failing request is rejected.
//! - A batch that runs for longer than [`SLOW`] does not count as a worker any more: an extra worker starts in its place, up
//!   to [`EXTRA_WORKERS`] of them.
//! - The tenants of a slow batch share no batch with other tenants for [`ISOLATION`], or until a batch of one of them alone
//!   is not slow. Meanwhile each of them has at most [`SLOW_BATCHES`] batches running. No tenant has more than half of
//!   the queue.
//! - A request is answered within the deadline of a statement, waiting included.
//! - A request without company runs on its own runtime, so that it wakes no other thread. A batch runs on the runtime that
//!   the queue was made on, which outlives the server threads, unless the queue is pinned. If a runtime ends under a batch,
//!   its requests are rejected and the queued ones run elsewhere.
//! - A caller that goes away cancels its own request if it is still queued, and no other.
//! - The queue is bounded ([`QUEUE_LENGTH`]); a request beyond the bound is rejected with 503 immediately.
//! - [`Queue::is_stuck`] reports requests that no deadline ended: a lost wake-up or a blocked runtime.
//! - [`Queue::drain`] rejects new requests and returns after all accepted ones were answered.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};

use crate::base::error::{Error, codes};

/// Executes batches.
pub(crate) trait Executor: Send + Sync + 'static {
    /// One request.
    type Item: Send + Sync + 'static;
    /// Its answer.
    type Output: Send + 'static;
    /// Requests with equal keys run one after the other.
    type Key: Clone + Hash + Eq + Send + Sync + 'static;
    /// The largest number of requests in a batch.
    const CAP: usize;

    /// The key of a request; `None` if its order does not matter.
    fn key(item: &Self::Item) -> Option<Self::Key>;
    /// The tenant of a request.
    fn tenant(item: &Self::Item) -> &str;
    /// Can two requests be in the same batch?
    fn compatible(one: &Self::Item, other: &Self::Item) -> bool;
    /// Executes a batch within a deadline: an answer for each request, in the same order; `None` for a request that has to
    /// run alone, for which nothing was done.
    fn run(
        &self,
        items: &[&Self::Item],
        deadline: Duration,
    ) -> impl Future<Output = Result<Vec<Option<Self::Output>>, Failure>> + Send;
}

/// The failure of a batch.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Caused by one of its requests; nothing was done for any.
    Request(Error),
    /// Common to all of its requests, such as a lost connection.
    Common(Error),
}

/// The largest number of queued requests.
const QUEUE_LENGTH: usize = 4096;
/// A batch that runs for longer is slow.
const SLOW: Duration = Duration::from_millis(50);
/// The largest number of workers beyond the usual ones, in place of workers with slow batches.
const EXTRA_WORKERS: usize = 6;
/// How long the tenants of a slow batch share no batch with others.
const ISOLATION: Duration = Duration::from_secs(10);
/// The largest number of batches that run at a time for an isolated tenant.
const SLOW_BATCHES: usize = 2;
/// The least time that a batch gets after its requests waited.
const LEAST_DEADLINE: Duration = Duration::from_secs(1);

/// The queue of one kind of request, with its workers. Cheap to clone.
pub(crate) struct Queue<E: Executor>(Arc<Inner<E>>);

impl<E: Executor> Clone for Queue<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// How a queue works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The number of workers while no batch is slow.
    pub workers: usize,
    /// Whether batches run on the runtime of the request that starts the worker, which then must outlive the requests.
    pub pinned: bool,
    /// The time within which a request is answered.
    pub deadline: Duration,
}

struct Inner<E: Executor> {
    executor: E,
    options: Options,
    runtime: Handle,
    state: Mutex<State<E>>,
    worker_ended: Notify,
}

struct State<E: Executor> {
    /// Requests that may run: at most one of each key.
    ready: VecDeque<Pending<E>>,
    /// The keys of ready and running requests, with the requests behind them.
    keys: HashMap<E::Key, VecDeque<Pending<E>>>,
    /// The number of requests in both.
    queued: usize,
    /// The number of workers, and of those with a slow batch.
    workers: usize,
    slow_workers: usize,
    /// The tenants of recent slow batches.
    isolated: HashMap<String, Isolated>,
    is_closed: bool,
    /// When a batch last ended, failed or not, or a request last found the queue idle.
    progress: Instant,
}

struct Isolated {
    until: Instant,
    running: usize,
}

struct Pending<E: Executor> {
    item: E::Item,
    key: Option<E::Key>,
    reply: oneshot::Sender<Result<E::Output, Error>>,
    queued_at: Instant,
    /// Whether it runs alone, because its batch failed or the executor requires it.
    alone: bool,
}

impl<E: Executor> Queue<E> {
    /// A queue on the current runtime.
    pub(crate) fn new(executor: E, options: Options) -> Self {
        let state = State {
            ready: VecDeque::new(),
            keys: HashMap::new(),
            queued: 0,
            workers: 0,
            slow_workers: 0,
            isolated: HashMap::new(),
            is_closed: false,
            progress: Instant::now(),
        };
        let (runtime, worker_ended) = (Handle::current(), Notify::new());
        Self(Arc::new(Inner { executor, options, runtime, state: Mutex::new(state), worker_ended }))
    }

    /// Runs one request, together with concurrent ones.
    pub(crate) async fn run(&self, item: E::Item) -> Result<E::Output, Error> {
        let (reply, answer) = oneshot::channel();
        let key = E::key(&item);
        self.0.enqueue(Pending { item, key, reply, queued_at: Instant::now(), alone: false })?;
        answer.await.unwrap_or_else(|_| Err(codes::UNAVAILABLE.into()))
    }

    /// Rejects new requests; returns when all accepted ones are answered.
    pub(crate) async fn drain(&self) {
        loop {
            let worker_ended = self.0.worker_ended.notified();
            {
                let mut state = self.0.lock();
                state.is_closed = true;
                if state.workers == 0 {
                    return;
                }
            }
            worker_ended.await;
        }
    }

    /// Whether requests have been waiting for `limit` during which no batch ended. A batch that fails ends too, and
    /// every batch has a deadline, so a database that is down does not make a queue stuck.
    pub(crate) fn is_stuck(&self, limit: Duration) -> bool {
        let state = self.0.lock();
        (state.queued > 0 || state.workers > 0) && state.progress.elapsed() > limit
    }

    pub(crate) fn executor(&self) -> &E {
        &self.0.executor
    }
}

impl<E: Executor> Inner<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(self: &Arc<Self>, pending: Pending<E>) -> Result<(), Error> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(codes::UNAVAILABLE.into());
        }
        if state.queued >= QUEUE_LENGTH
            || state.queued >= QUEUE_LENGTH / 2
                && state.queued_of(E::tenant(&pending.item)) >= QUEUE_LENGTH / 2
        {
            return Err(codes::OVERLOADED.into());
        }
        if state.queued == 0 && state.workers == 0 {
            state.progress = pending.queued_at;
        }
        state.queued += 1;
        if let Some(behind) = pending.key.as_ref().and_then(|key| state.keys.get_mut(key)) {
            behind.push_back(pending);
            return Ok(());
        }
        if let Some(key) = &pending.key {
            state.keys.insert(key.clone(), VecDeque::new());
        }
        state.ready.push_back(pending);
        self.start_worker(state);
        Ok(())
    }

    fn start_worker(self: &Arc<Self>, mut state: MutexGuard<'_, State<E>>) {
        let Options { workers, pinned, .. } = self.options;
        if state.workers - state.slow_workers < workers
            && state.workers < workers + EXTRA_WORKERS
            && state.next().is_some()
        {
            let is_alone = state.workers == 0 && state.ready.len() == 1;
            state.workers += 1;
            let first = (is_alone && !pinned).then(|| self.next_batch(&mut state));
            // A runtime that ends drops the worker immediately, which locks the state.
            drop(state);
            if pinned || first.is_some() {
                let worker =
                    Worker { queue: Arc::clone(self), first, is_away: true, counts: true, is_slow: false };
                tokio::spawn(worker.run());
            } else {
                self.start_worker_here();
            }
        }
    }

    /// Starts a worker that is already counted on the queue's own runtime.
    fn start_worker_here(self: &Arc<Self>) {
        let worker =
            Worker { queue: Arc::clone(self), first: None, is_away: false, counts: true, is_slow: false };
        self.runtime.spawn(worker.run());
    }

    /// Takes the next batch: the first request that may run, and the compatible ones behind it.
    fn next_batch(self: &Arc<Self>, state: &mut State<E>) -> Batch<E> {
        let mut requests: Vec<Pending<E>> = Vec::with_capacity(state.ready.len().min(E::CAP));
        let mut index = state.next().unwrap_or(state.ready.len());
        let mut isolated = false;
        while requests.len() < E::CAP
            && let Some(next) = state.ready.get(index)
        {
            match requests.first() {
                Some(first) if first.alone || next.alone => break,
                Some(first) if !state.may_join(first, next, isolated) => {
                    index += 1;
                    continue;
                }
                _ => {}
            }
            let Some(request) = state.ready.remove(index) else { break };
            state.queued -= 1;
            if request.reply.is_closed() {
                state.release(request.key.as_ref());
                index = if requests.is_empty() { state.next().unwrap_or(state.ready.len()) } else { index };
                continue;
            }
            if requests.is_empty()
                && let Some(tenant) = state.isolated.get_mut(E::tenant(&request.item))
            {
                tenant.running += 1;
                isolated = true;
            }
            requests.push(request);
        }
        let counted = requests.first().filter(|_| isolated).map(|first| E::tenant(&first.item).to_owned());
        Batch { queue: Arc::clone(self), requests, counted: Mutex::new(counted.into_iter().collect()) }
    }

    async fn execute(&self, batch: &Batch<E>) -> Result<Vec<Option<E::Output>>, Failure> {
        let items: Vec<&E::Item> = batch.requests.iter().map(|request| &request.item).collect();
        let waited =
            batch.requests.iter().map(|request| request.queued_at.elapsed()).max().unwrap_or_default();
        let deadline = self.options.deadline.saturating_sub(waited).max(LEAST_DEADLINE);
        // A panic must not end the worker: the requests of the batch are rejected, the next batch runs.
        let executed = AssertUnwindSafe(self.executor.run(&items, deadline)).catch_unwind().await;
        executed.unwrap_or_else(|_| Err(Failure::Common(codes::INTERNAL.into())))
    }

    fn answer(&self, mut batch: Batch<E>, result: Result<Vec<Option<E::Output>>, Failure>) {
        let requests = std::mem::take(&mut batch.requests);
        let (mut answers, failure) = match result {
            Ok(answers) => (answers, None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        answers.resize_with(requests.len(), || None);
        let is_alone = requests.len() == 1;
        let mut replies = Vec::with_capacity(requests.len());
        {
            let mut state = self.lock();
            state.progress = Instant::now();
            for (mut request, answer) in requests.into_iter().zip(answers) {
                let answer = match (answer, &failure) {
                    (Some(answer), _) => Ok(answer),
                    (None, Some(Failure::Common(error))) => Err(error.clone()),
                    (None, Some(Failure::Request(error))) if is_alone => Err(error.clone()),
                    (None, None) if is_alone => Err(Error::internal("a batch of one had no answer")),
                    (None, _) => {
                        request.alone = true;
                        state.queued += 1;
                        state.ready.push_back(request);
                        continue;
                    }
                };
                state.release(request.key.as_ref());
                replies.push((request.reply, answer));
            }
        }
        for (reply, answer) in replies {
            // The caller may have gone away.
            let _ = reply.send(answer);
        }
    }
}

/// The requests that a worker executes. Dropped before the end, it rejects them and releases the requests behind them.
struct Batch<E: Executor> {
    queue: Arc<Inner<E>>,
    requests: Vec<Pending<E>>,
    /// The isolated tenants among whose running batches it counts.
    counted: Mutex<Vec<String>>,
}

impl<E: Executor> Batch<E> {
    fn counted(&self) -> MutexGuard<'_, Vec<String>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Isolates the tenants of a slow batch.
    fn isolate(&self) {
        let (mut state, mut counted) = (self.queue.lock(), self.counted());
        let until = Instant::now() + ISOLATION;
        for tenant in self.requests.iter().map(|request| E::tenant(&request.item)) {
            let is_new = !counted.iter().any(|counted| counted == tenant);
            let isolated = state.isolated.entry(tenant.to_owned()).or_insert(Isolated { until, running: 0 });
            isolated.until = until;
            isolated.running += usize::from(is_new);
            if is_new {
                counted.push(tenant.to_owned());
            }
        }
    }

    /// Ends the isolation of a tenant whose own batch was not slow.
    fn end_isolation(&self) {
        if let [tenant] = &**self.counted()
            && let Some(isolated) = self.queue.lock().isolated.get_mut(tenant)
        {
            isolated.until = Instant::now();
        }
    }
}

impl<E: Executor> Drop for Batch<E> {
    fn drop(&mut self) {
        let counted = std::mem::take(&mut *self.counted());
        if self.requests.is_empty() && counted.is_empty() {
            return;
        }
        let mut state = self.queue.lock();
        self.requests.iter().for_each(|request| state.release(request.key.as_ref()));
        for tenant in &counted {
            if let Some(isolated) = state.isolated.get_mut(tenant) {
                isolated.running -= 1;
            }
        }
        let now = Instant::now();
        state.isolated.retain(|_, isolated| isolated.running > 0 || isolated.until > now);
    }
}

struct Worker<E: Executor> {
    queue: Arc<Inner<E>>,
    first: Option<Batch<E>>,
    /// Whether it is on another runtime than the queue's own.
    is_away: bool,
    /// Whether it counts among the workers.
    counts: bool,
    is_slow: bool,
}

impl<E: Executor> Worker<E> {
    /// Executes batches until no request may run.
    async fn run(mut self) {
        let queue = Arc::clone(&self.queue);
        while let Some(batch) = self.first.take().or_else(|| self.next_batch()) {
            let result = {
                let mut executed = pin!(queue.execute(&batch));
                if let Ok(result) = timeout(SLOW, &mut executed).await {
                    batch.end_isolation();
                    result
                } else {
                    batch.isolate();
                    queue.lock().slow_workers += 1;
                    self.is_slow = true;
                    queue.start_worker(queue.lock());
                    let result = executed.await;
                    queue.lock().slow_workers -= 1;
                    self.is_slow = false;
                    result
                }
            };
            queue.answer(batch, result);
        }
    }

    /// The next batch. Without one, or when an extra worker is in its place, the worker ends.
    fn next_batch(&mut self) -> Option<Batch<E>> {
        let mut state = self.queue.lock();
        let Options { workers, pinned, .. } = self.queue.options;
        let continues = state.workers - state.slow_workers <= workers && state.next().is_some();
        if continues && self.is_away && !pinned {
            self.counts = false;
            drop(state);
            self.queue.start_worker_here();
            return None;
        }
        let batch = continues.then(|| self.queue.next_batch(&mut state));
        let is_empty = batch.as_ref().is_none_or(|batch| batch.requests.is_empty());
        if is_empty {
            state.workers -= 1;
            self.counts = false;
        }
        // A batch without requests locks the state when it is dropped.
        drop(state);
        batch.filter(|_| !is_empty)
    }
}

impl<E: Executor> Drop for Worker<E> {
    fn drop(&mut self) {
        if self.counts {
            // Its batch locks the state too.
            drop(self.first.take());
            let mut state = self.queue.lock();
            state.workers -= 1;
            state.slow_workers -= usize::from(self.is_slow);
            if self.is_away && !state.ready.is_empty() {
                state.workers += 1;
                drop(state);
                self.queue.start_worker_here();
            } else if state.workers == 0 {
                // No worker is left for the queued requests.
                state.ready.clear();
                state.keys.clear();
                state.queued = 0;
            }
        }
        self.queue.worker_ended.notify_waiters();
    }
}

impl<E: Executor> State<E> {
    /// The index of the first ready request whose tenant has not too many batches running.
    fn next(&self) -> Option<usize> {
        if self.isolated.is_empty() {
            return (!self.ready.is_empty()).then_some(0);
        }
        self.ready.iter().position(|request| {
            let isolated = self.isolated.get(E::tenant(&request.item));
            isolated.is_none_or(|isolated| isolated.running < SLOW_BATCHES)
        })
    }

    /// May a request join the batch of another one?
    fn may_join(&self, first: &Pending<E>, next: &Pending<E>, is_isolated: bool) -> bool {
        let tenant = E::tenant(&next.item);
        let shares_tenant = E::tenant(&first.item) == tenant;
        let may_share = !is_isolated && (self.isolated.is_empty() || !self.isolated.contains_key(tenant));
        (shares_tenant || may_share) && E::compatible(&first.item, &next.item)
    }

    /// The number of queued requests of a tenant.
    fn queued_of(&self, tenant: &str) -> usize {
        let waiting = self.ready.iter().chain(self.keys.values().flatten());
        waiting.filter(|request| E::tenant(&request.item) == tenant).count()
    }

    /// Lets the next request of a key run.
    fn release(&mut self, key: Option<&E::Key>) {
        let Some(key) = key else { return };
        match self.keys.get_mut(key).and_then(VecDeque::pop_front) {
            Some(next) => self.ready.push_back(next),
            None => drop(self.keys.remove(key)),
        }
    }
}
