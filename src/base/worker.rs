//! Background workers, which every instance runs until it stops. The work is in PostgreSQL, so that any
//! number of instances share it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::base::error::Result;

/// The pause of an idle worker between two runs.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause after an error of the database.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(5);
/// The time in which a stopping worker may complete its run.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// The work of a worker, in runs.
pub trait Worker: Send + 'static {
    /// The name of the work for the log.
    const NAME: &'static str;
    /// Does a bounded amount of due work; `true` if more is probably due.
    fn run(&mut self) -> impl Future<Output = Result<bool>> + Send;
}

/// A running worker.
pub struct WorkerHandle {
    stop: Arc<Notify>,
    task: JoinHandle<()>,
}

impl WorkerHandle {
    pub fn start(worker: impl Worker) -> Self {
        let stop = Arc::new(Notify::new());
        let task = tokio::spawn(run(worker, Arc::clone(&stop)));
        Self { stop, task }
    }

    /// Stops the worker after its current run, or after the shutdown grace.
    pub async fn stop(self) {
        self.stop.notify_one();
        // An interrupted run is repeated by the next worker.
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, self.task).await;
    }
}

async fn run<W: Worker>(mut worker: W, stop: Arc<Notify>) {
    loop {
        let pause = match worker.run().await {
            Ok(true) => Duration::ZERO,
            Ok(false) => PAUSE,
            Err(error) => {
                tracing::warn!(error = %error, "{} failed and will be retried", W::NAME);
                PAUSE_AFTER_ERROR
            }
        };
        tokio::select! {
            () = stop.notified() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
