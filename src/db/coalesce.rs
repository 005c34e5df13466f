//! Concurrent requests of one kind travel in one statement.
//!
//! Natural batching: a free worker takes all that is queued, up to a cap, at once; with nothing else queued a request
//! goes alone and waits for nobody. A request is queued after it arrived, so a read sees every write acknowledged
//! before. Two changes of one row never share a batch, because one statement can change a row only once. If a batch
//! fails, its members are run one by one, so that only the culprit is refused. A caller that goes away cancels nobody.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::error::{Error, codes};

/// A statement over arrays.
pub(crate) trait Batch: Send + Sync + 'static {
    /// What one request binds.
    type Item: Send + Sync + 'static;
    /// What one request gets.
    type Output: Send + 'static;
    /// Members with the same key do not share a batch. `None`: any can.
    type Key: Hash + Eq + Send;
    /// May the statement be run again when nobody knows whether it was run?
    const IDEMPOTENT: bool;

    /// The key of an item.
    fn key(item: &Self::Item) -> Option<Self::Key>;
    /// Runs the statement for all items; as many outputs, in the same order.
    fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Output>, sqlx::Error>> + Send;
    /// What an error of a single item means.
    fn refusal(error: sqlx::Error) -> Error;
}

/// How many requests travel together at most.
const CAP: usize = 64;
/// A connection that was idle for longer is asked whether it is still alive before a change goes out on it.
const IDLE: Duration = Duration::from_secs(1);

type Reply<B> = oneshot::Sender<Result<<B as Batch>::Output, Error>>;

struct Queue<B: Batch> {
    waiting: Mutex<VecDeque<(B::Item, Reply<B>)>>,
    arrived: Notify,
}

/// The queue of one kind of request, and its workers.
pub(crate) struct Coalescer<B: Batch>(Arc<Queue<B>>);

impl<B: Batch> Clone for Coalescer<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: Batch> Coalescer<B> {
    /// Starts the workers on the current runtime. They end with the pool.
    ///
    /// A batch without an answer for `patience` is given up with its connection: a database that went away without a
    /// word must not stop everybody behind it.
    pub(crate) fn start(pool: &PgPool, workers: usize, patience: Duration) -> Self {
        let queue = Arc::new(Queue { waiting: Mutex::new(VecDeque::new()), arrived: Notify::new() });
        for _ in 0..workers {
            tokio::spawn(work(Arc::clone(&queue), pool.clone(), patience));
        }
        Self(queue)
    }

    /// Runs one request together with whoever comes at the same time.
    pub(crate) async fn run(&self, item: B::Item) -> Result<B::Output, Error> {
        let (reply, answer) = oneshot::channel();
        self.0.lock().push_back((item, reply));
        self.0.arrived.notify_one();
        answer.await.unwrap_or_else(|_| Err(codes::UNAVAILABLE.into()))
    }
}

impl<B: Batch> Queue<B> {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(B::Item, Reply<B>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that can travel together now; whoever cannot stays, in order.
    fn take(&self) -> Vec<(B::Item, Reply<B>)> {
        let mut waiting = self.lock();
        let mut keys = HashSet::new();
        let mut batch = Vec::new();
        let mut left = VecDeque::new();
        while batch.len() < CAP
            && let Some((item, reply)) = waiting.pop_front()
        {
            let fits = B::key(&item).is_none_or(|key| keys.insert(key));
            if fits { batch.push((item, reply)) } else { left.push_back((item, reply)) }
        }
        while let Some(member) = left.pop_back() {
            waiting.push_front(member);
        }
        if !waiting.is_empty() {
            self.arrived.notify_one();
        }
        batch
    }
}

async fn work<B: Batch>(queue: Arc<Queue<B>>, pool: PgPool, patience: Duration) {
    let mut line = Line { pool, patience, connection: None };
    loop {
        tokio::select! {
            () = queue.arrived.notified() => {}
            () = line.pool.close_event() => return,
        }
        loop {
            let (items, replies): (Vec<B::Item>, Vec<Reply<B>>) = queue.take().into_iter().unzip();
            if items.is_empty() {
                break;
            }
            let items: Vec<&B::Item> = items.iter().collect();
            // A panic in one batch must not leave the queue without workers: its callers are told, the next are served.
            let Ok(answers) = AssertUnwindSafe(line.answer::<B>(&items)).catch_unwind().await else {
                continue;
            };
            for (reply, answer) in replies.into_iter().zip(answers) {
                // Nobody listens any more where a caller went away: its change was made all the same.
                let _ = reply.send(answer);
            }
        }
    }
}

/// A worker's connection, kept from batch to batch.
struct Line {
    pool: PgPool,
    patience: Duration,
    connection: Option<(PoolConnection<Postgres>, Instant)>,
}

impl Line {
    async fn answer<B: Batch>(&mut self, items: &[&B::Item]) -> Vec<Result<B::Output, Error>> {
        match self.attempt::<B>(items).await {
            Ok(outputs) => outputs.into_iter().map(Ok).collect(),
            Err(error) if items.len() == 1 => vec![Err(B::refusal(error))],
            Err(error) if super::is_disconnect(&error) => {
                items.iter().map(|_| Err(super::refusal(sqlx::Error::PoolTimedOut, &[]))).collect()
            }
            Err(_) => {
                let mut answers = Vec::with_capacity(items.len());
                for item in items {
                    answers.push(match self.attempt::<B>(&[item]).await {
                        Ok(mut outputs) => {
                            outputs.pop().ok_or_else(|| Error::internal("a batch of one had no answer"))
                        }
                        Err(error) => Err(B::refusal(error)),
                    });
                }
                answers
            }
        }
    }

    async fn attempt<B: Batch>(&mut self, items: &[&B::Item]) -> Result<Vec<B::Output>, sqlx::Error> {
        let (kept, mut result) = (self.connection.is_some(), self.once::<B>(items).await);
        if kept && B::IDEMPOTENT && result.as_ref().is_err_and(super::is_disconnect) {
            result = self.once::<B>(items).await;
        }
        if let Ok(outputs) = &result
            && outputs.len() != items.len()
        {
            return Err(sqlx::Error::Decode(
                format!("{} answers for {} requests", outputs.len(), items.len()).into(),
            ));
        }
        result
    }

    async fn once<B: Batch>(&mut self, items: &[&B::Item]) -> Result<Vec<B::Output>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some((connection, used)) if B::IDEMPOTENT || used.elapsed() < IDLE => connection,
            Some((mut connection, _)) => {
                if let Ok(Ok(())) = timeout(self.patience, connection.ping()).await {
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
            self.connection = Some((connection, Instant::now()));
        }
        result
    }
}
