//! Work in the background: what every instance does beside answering requests, again and again until it is told to stop.
//! What there is to do stands in Postgres, so any number of instances may share it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::base::error::Result;

/// How long an idle worker waits before it looks again.
const PAUSE: Duration = Duration::from_secs(1);
/// The same after an error of the database.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(5);
/// How long a worker that is told to stop may go on with what it has begun.
const FAREWELL: Duration = Duration::from_secs(10);

/// Work that is done in rounds.
pub trait Rounds: Send + 'static {
    /// What has to wait when there is an error.
    const NAME: &'static str;
    /// One look at what is due: whether there is probably more to do at once.
    fn round(&mut self) -> impl Future<Output = Result<bool>> + Send;
}

/// A worker that runs.
pub struct Worker {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker.
    pub fn start(rounds: impl Rounds) -> Self {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(work(rounds, Arc::clone(&stop)));
        Self { stop, task }
    }

    /// Lets it end what it has begun, for a while.
    pub async fn stop(self) {
        self.stop.notify_one();
        // What is cut off here is done again, by whoever comes next.
        let _ = tokio::time::timeout(FAREWELL, self.task).await;
    }
}

async fn work<R: Rounds>(mut rounds: R, stop: Arc<Notify>) {
    loop {
        let pause = match rounds.round().await {
            Ok(true) => Duration::ZERO,
            Ok(false) => PAUSE,
            Err(error) => {
                tracing::warn!(error = %error, "{} had to wait", R::NAME);
                PAUSE_AFTER_ERROR
            }
        };
        tokio::select! {
            () = stop.notified() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
