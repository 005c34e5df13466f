#![doc = include_str!("../README.md")]
#![warn(missing_docs, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

use std::{
    convert::Infallible,
    io, mem,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

// In the order in which `EmbeddedPostgres::start` uses them.
mod supervisor;

mod cluster;

mod data_dir;

mod account;

mod installation;

mod download;

mod process;

mod error;

pub use error::Error;
pub use installation::MIN_MAJOR_VERSION;

/// Lifetime of the data.
#[derive(Clone, Debug)]
pub enum Storage {
    /// Stored in `dir` with `fsync` and data checksums. The data survives restarts and a `kill -9` of the
    /// server or of this process.
    Durable {
        /// Directory of the cluster, the server log, the socket and the lock. Created if missing.
        dir: PathBuf,
    },
    /// Deleted when the server stops. Stored in memory if memory has room, without crash safety.
    Ephemeral,
}

/// Options of [`EmbeddedPostgres::start`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Lifetime of the data.
    pub storage: Storage,
    /// Permits the download of PostgreSQL if this machine has no installation.
    pub download: bool,
}

/// A running PostgreSQL server. Dropping it stops the server and deletes ephemeral data.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    url: String,
    dir: PathBuf,
    pid: Arc<AtomicU32>,
    /// Carries no messages: dropping the sender makes the supervisor stop the server.
    stop: Option<mpsc::Sender<Infallible>>,
    supervisor: Option<JoinHandle<()>>,
}

impl EmbeddedPostgres {
    /// Starts a server and returns when it accepts connections.
    ///
    /// Blocks for about half a second to create a cluster, and for some 50 milliseconds to start an existing
    /// one. In async code, call it in `spawn_blocking`.
    ///
    /// # Errors
    /// PostgreSQL is missing or too old, the directory is in use or closed to the server's user, or the
    /// server does not start. Each message includes the remedy.
    pub fn start(options: Options) -> Result<EmbeddedPostgres, Error> {
        let pid = Arc::new(AtomicU32::new(0));
        let (stop, stopped) = mpsc::channel();
        let (report, started) = mpsc::channel();
        let supervisor = thread::Builder::new()
            .name("postgres".to_owned())
            .spawn({
                let pid = Arc::clone(&pid);
                move || supervisor::run(&options, &pid, &report, &stopped)
            })
            .map_err(|source| Error::io("start the supervisor thread of PostgreSQL", source))?;
        let started = started.recv().unwrap_or_else(|closed| {
            Err(Error::io("start PostgreSQL: its supervisor thread panicked", io::Error::other(closed)))
        })?;
        let (url, dir) = (started.url, started.dir);
        Ok(EmbeddedPostgres { url, dir, pid, stop: Some(stop), supervisor: Some(supervisor) })
    }

    /// Connection URL of the superuser `postgres`, for sqlx and libpq. A restart of the server keeps it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Directory of the cluster, the server log, the socket and the lock. The caller may add files, which
    /// are deleted with ephemeral data.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Process id of the postmaster. It changes when the supervisor restarts a crashed server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Acquire)
    }

    /// Stops the server and returns when its process has ended. Open connections are closed. A durable
    /// cluster shuts down cleanly.
    pub fn stop(self) {
        drop(self);
    }

    /// Stops the server when this process exits, by `exit` or by a return from `main`.
    ///
    /// For a server in a `static`, which Rust never drops, such as the one server of a test binary.
    pub fn stop_at_exit(self) {
        let mut servers = AT_EXIT.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.is_empty() {
            #[expect(unsafe_code, reason = "std and nix have no exit handler")]
            // SAFETY: `stop_all` takes no arguments and does not unwind. The result is ignored: if the table
            // of handlers is full, the parent-death signal stops the server.
            unsafe {
                nix::libc::atexit(stop_all)
            };
        }
        servers.push(self);
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(supervisor) = self.supervisor.take() {
            // The parent-death signal has stopped the server of a supervisor that panicked.
            let _ = supervisor.join();
        }
    }
}

/// Servers of [`EmbeddedPostgres::stop_at_exit`].
static AT_EXIT: Mutex<Vec<EmbeddedPostgres>> = Mutex::new(Vec::new());

extern "C" fn stop_all() {
    let servers = mem::take(&mut *AT_EXIT.lock().unwrap_or_else(PoisonError::into_inner));
    drop(servers);
}
