//! The thread that owns the server: starts it, brings it back when it dies, and stops it.

use super::{EmbeddedError, Options, cluster::Cluster};
use std::{
    convert::Infallible,
    path::PathBuf,
    process::Child,
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

/// How soon a server's death is noticed.
const GLANCE: Duration = Duration::from_millis(50);

/// How long the wait between two attempts grows.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long the first start keeps trying where remains of a killed server are in the way.
const REMAINS: Duration = Duration::from_secs(10);

/// Runs a server until the other end of `stopped` is dropped. `report` gets its URL and directory,
/// or why there is none. The server is tied to this thread's life, so this thread lives as long as the server.
pub(super) fn run(
    options: &Options,
    pid: &AtomicU32,
    report: &Sender<Result<(String, PathBuf), EmbeddedError>>,
    stopped: &Receiver<Infallible>,
) {
    let begun = Instant::now();
    let started = Cluster::prepare(options).and_then(|cluster| Ok((first_launch(&cluster)?, cluster)));
    let (mut child, cluster) = match started {
        Ok(started) => started,
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    pid.store(child.id(), Ordering::Release);
    let (version, ms) = (cluster.major(), begun.elapsed().as_millis());
    tracing::debug!(pid = child.id(), "PostgreSQL {version} is ready after {ms} ms");
    let _ = report.send(Ok((cluster.url(), cluster.dir().to_owned())));

    while !pause(stopped, GLANCE) {
        let Ok(Some(status)) = child.try_wait() else { continue };
        tracing::warn!(pid = child.id(), %status, "PostgreSQL died and is started again");
        match bring_back(&cluster, stopped) {
            Some(next) => child = next,
            None => return,
        }
        pid.store(child.id(), Ordering::Release);
        tracing::info!(pid = child.id(), "PostgreSQL is back");
    }
    cluster.halt(&mut child);
}

/// Starts a server whose predecessor, killed together with its Roster, may have left processes.
fn first_launch(cluster: &Cluster) -> Result<Child, EmbeddedError> {
    let begun = Instant::now();
    loop {
        match cluster.launch() {
            Err(EmbeddedError::Start { tail, .. })
                if tail.contains(IN_THE_WAY) && begun.elapsed() < REMAINS =>
            {
                cluster.clear_remains();
                std::thread::sleep(GLANCE);
            }
            result => return result,
        }
    }
}

/// What the server says while processes of its predecessor hold the shared memory.
const IN_THE_WAY: &str = "pre-existing shared memory block";

/// Tries until the server is there again; `None` when it is no longer wanted.
fn bring_back(cluster: &Cluster, stopped: &Receiver<Infallible>) -> Option<Child> {
    let mut wait = GLANCE;
    loop {
        cluster.clear_remains();
        match cluster.launch() {
            Ok(child) => return Some(child),
            Err(error) => tracing::warn!(%error, "PostgreSQL could not be started again yet"),
        }
        if pause(stopped, wait) {
            return None;
        }
        wait = (wait * 2).min(LONGEST_PAUSE);
    }
}

/// Waits for `time`; true when the server is to stop, which ends the wait at once.
fn pause(stopped: &Receiver<Infallible>, time: Duration) -> bool {
    !matches!(stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}
