//! The thread that owns the server: it starts the server, restarts it after a crash, and stops it.

use crate::{Error, Options, cluster::Cluster, process};
use std::{
    convert::Infallible,
    path::PathBuf,
    process::Child,
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// Interval of checks whether the server is alive, and first delay between two attempts to start it.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Limit of the delay between two attempts to restart the server, which doubles with each attempt.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// Time for the first start to remove orphaned processes of an earlier server.
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(10);

/// Log text of a server that finds processes of its predecessor on the shared memory of the cluster.
const SHARED_MEMORY_IN_USE: &str = "pre-existing shared memory block";

/// Result of a successful start.
pub(crate) struct Started {
    pub(crate) url: String,
    pub(crate) dir: PathBuf,
}

/// Runs a server until the sender of `stopped` is dropped. Sends the result of the start to `report`.
///
/// The kernel stops the server when this thread ends, so the thread runs as long as the server.
pub(crate) fn run(
    options: &Options,
    pid: &AtomicU32,
    report: &Sender<Result<Started, Error>>,
    stopped: &Receiver<Infallible>,
) {
    let start = Instant::now();
    let launched = Cluster::prepare(options).and_then(|cluster| Ok((first_launch(&cluster)?, cluster)));
    let (mut child, cluster) = match launched {
        Ok(launched) => launched,
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    pid.store(child.id(), Ordering::Release);
    let (version, ms) = (cluster.major_version(), start.elapsed().as_millis());
    tracing::debug!(pid = child.id(), "PostgreSQL {version} accepts connections after {ms} ms");
    let _ = report.send(Ok(Started { url: cluster.url(), dir: cluster.dir().to_owned() }));

    while !stopped_within(stopped, CHECK_INTERVAL) {
        let Ok(Some(status)) = child.try_wait() else { continue };
        tracing::warn!(pid = child.id(), %status, "PostgreSQL exited unexpectedly; restarting it");
        match restart(&cluster, stopped) {
            Some(restarted) => child = restarted,
            None => return,
        }
        pid.store(child.id(), Ordering::Release);
        tracing::info!(pid = child.id(), "PostgreSQL restarted");
    }
    cluster.stop(&mut child);
}

/// Starts the server. A predecessor that was killed with its launcher may have left processes.
fn first_launch(cluster: &Cluster) -> Result<Child, Error> {
    let start = Instant::now();
    loop {
        match cluster.launch() {
            Err(Error::Start { tail, .. })
                if tail.contains(SHARED_MEMORY_IN_USE) && start.elapsed() < ORPHAN_TIMEOUT =>
            {
                process::kill_orphans(&cluster.pgdata());
                thread::sleep(CHECK_INTERVAL);
            }
            result => return result,
        }
    }
}

/// Tries to start the server until it succeeds; `None` if the owner stops the server meanwhile.
fn restart(cluster: &Cluster, stopped: &Receiver<Infallible>) -> Option<Child> {
    let mut delay = CHECK_INTERVAL;
    loop {
        process::kill_orphans(&cluster.pgdata());
        match cluster.launch() {
            Ok(child) => return Some(child),
            Err(error) => tracing::warn!(%error, "cannot restart PostgreSQL; retrying"),
        }
        if stopped_within(stopped, delay) {
            return None;
        }
        delay = (delay * 2).min(MAX_RETRY_DELAY);
    }
}

/// Waits for `time` and returns false, or returns true as soon as the owner stops the server.
fn stopped_within(stopped: &Receiver<Infallible>, time: Duration) -> bool {
    !matches!(stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}
