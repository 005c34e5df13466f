//! A database cluster: `initdb`, the server's settings, start and stop.

use crate::{
    Error, Options, Storage,
    account::Account,
    data_dir::{self, DataDir},
    download,
    installation::{self, Installation},
    process::{self, POLL_INTERVAL, wait_until},
};
use nix::sys::signal::Signal;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Settings of durable storage.
const DURABLE_SETTINGS: &[&str] = &["shared_buffers=128MB", "max_connections=100"];

/// Settings of ephemeral storage: few writes, no crash safety, and connections for parallel tests.
const EPHEMERAL_SETTINGS: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=2GB",
    "checkpoint_timeout=1h",
    "shared_buffers=32MB",
    "max_connections=200",
    "autovacuum=off",
    "jit=off",
];

/// Timeout of a start, which includes the replay of the write-ahead log after a crash.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Lines of the server log in the error of a failed start.
const LOG_TAIL_LINES: usize = 12;

/// A locale with the same sort order on every system and in every version, so that indexes stay valid.
const LOCALE: &str = if cfg!(target_os = "macos") { "C" } else { "C.UTF-8" };

/// An initialized cluster, its locked directory, and the programs that serve it.
#[derive(Debug)]
pub(crate) struct Cluster {
    data_dir: DataDir,
    installation: Installation,
    account: Option<Account>,
    durable: bool,
}

impl Cluster {
    /// Locks the directory, finds or downloads PostgreSQL, and creates the cluster if it does not exist.
    pub(crate) fn prepare(options: &Options) -> Result<Cluster, Error> {
        let (data_dir, durable) = match &options.storage {
            Storage::Durable { dir } => (DataDir::durable(dir)?, true),
            Storage::Ephemeral => (DataDir::ephemeral()?, false),
        };
        let pgdata = data_dir.pgdata();
        let account = Account::for_server(&pgdata)?;
        let data_version = read_version(&pgdata)?;
        let required = data_version.as_ref().and_then(|version| version.parse().ok());
        let cached = download::cached(account.as_ref());
        let installation = match installation::find(|name| std::env::var_os(name), cached, required)? {
            Some(installation) => installation,
            None => download::fetch(options.download, account.as_ref())?,
        };
        if let Some(account) = &account {
            account.ensure_reachable(&pgdata)?;
            account.ensure_reachable(&installation.program("postgres"))?;
        }
        let cluster = Cluster { data_dir, installation, account, durable };
        match data_version {
            None => cluster.init()?,
            Some(_) if required == Some(cluster.major_version()) => {}
            Some(data) => {
                let (dir, installed) = (cluster.dir().to_owned(), cluster.major_version());
                return Err(Error::VersionMismatch { dir, data, installed });
            }
        }
        // The server of a killed process may still be shutting down.
        process::stop_abandoned_server(&pgdata, Signal::SIGINT);
        // A log that is kept across starts grows without a limit.
        let log = cluster.data_dir.log();
        File::create(&log).map_err(Error::at("create", &log))?;
        cluster.data_dir.create_socket_dir()?;
        cluster.chown(cluster.data_dir.socket_dir())?;
        Ok(cluster)
    }

    /// Connection URL, the same for each start of this cluster.
    pub(crate) fn url(&self) -> String {
        let socket_dir = self.data_dir.socket_dir().to_string_lossy();
        let host = utf8_percent_encode(&socket_dir, NON_ALPHANUMERIC);
        // The user is a parameter because sqlx rejects a URL with a user and an empty host.
        format!("postgres:///postgres?host={host}&port=5432&user=postgres")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.data_dir.path()
    }

    pub(crate) fn pgdata(&self) -> PathBuf {
        self.data_dir.pgdata()
    }

    pub(crate) fn major_version(&self) -> u32 {
        self.installation.major_version
    }

    fn init(&self) -> Result<(), Error> {
        let dir = self.data_dir.incomplete_pgdata();
        data_dir::remove(&dir).map_err(Error::at("remove", &dir))?;
        fs::create_dir(&dir).map_err(Error::at("create", &dir))?;
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).map_err(Error::at("chmod", &dir))?;
        self.chown(&dir)?;
        let mut initdb = self.command("initdb", &dir, Signal::SIGKILL);
        initdb.args(["-U", "postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]);
        initdb.args([&format!("--locale={LOCALE}"), "--no-instructions"]);
        if self.durable {
            initdb.arg("--data-checksums");
        } else {
            initdb.args(["--no-sync", "--wal-segsize=1"]);
            if self.major_version() >= 18 {
                // Version 18 enables them by default.
                initdb.arg("--no-data-checksums");
            }
        }
        let output = initdb.output().map_err(|source| Error::io("run initdb", source))?;
        if !output.status.success() {
            let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::Initdb { dir, output });
        }
        let pgdata = self.pgdata();
        fs::rename(&dir, &pgdata).map_err(Error::at("create", &pgdata))?;
        if self.durable {
            let dir = self.dir();
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::at("sync", dir))?;
        }
        Ok(())
    }

    /// Starts the server and returns when it accepts connections. The calling thread must outlive the server:
    /// the kernel stops the server when the thread ends.
    pub(crate) fn launch(&self) -> Result<Child, Error> {
        let log = self.data_dir.log();
        let stderr =
            OpenOptions::new().create(true).append(true).open(&log).map_err(Error::at("open", &log))?;
        let stdout = stderr.try_clone().map_err(Error::at("open", &log))?;
        let mut postgres = self.command("postgres", &self.pgdata(), self.stop_signal());
        postgres.stdout(stdout).stderr(stderr).arg("-k").arg(self.data_dir.socket_dir());
        postgres.args(["-p", "5432", "-c", "listen_addresses="]);
        for setting in if self.durable { DURABLE_SETTINGS } else { EPHEMERAL_SETTINGS } {
            postgres.args(["-c", setting]);
        }
        if !self.durable && self.major_version() >= 18 {
            // Data in memory gains nothing from the three I/O worker processes of the default method.
            postgres.args(["-c", "io_method=sync"]);
        }
        let mut child = postgres.spawn().map_err(|source| Error::io("run postgres", source))?;
        self.wait_ready(&mut child).map_err(|problem| {
            let text = fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n");
            Error::Start { problem, log, tail }
        })?;
        Ok(child)
    }

    /// Waits until the server accepts connections. The error is a predicate for [`Error::Start`]. The status
    /// in `postmaster.pid` is cheaper to check than a connection.
    fn wait_ready(&self, child: &mut Child) -> Result<(), String> {
        const PID_LINE: usize = 0;
        const STATUS_LINE: usize = 7;
        let (path, pid) = (self.pgdata().join("postmaster.pid"), child.id().to_string());
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let line = |n| text.lines().nth(n).map(str::trim);
            if line(PID_LINE) == Some(&pid) && line(STATUS_LINE) == Some("ready") {
                return Ok(());
            }
            match child.try_wait() {
                Ok(Some(status)) => return Err(format!("exited during its start ({status})")),
                Ok(None) if start.elapsed() < START_TIMEOUT => thread::sleep(POLL_INTERVAL),
                Ok(None) => {
                    self.stop(child);
                    return Err(format!("did not accept connections within {} s", START_TIMEOUT.as_secs()));
                }
                Err(error) => return Err(format!("has an unknown status: {error}")),
            }
        }
    }

    /// Stops the server, with stronger signals after each timeout, and waits for the end of the process.
    pub(crate) fn stop(&self, child: &mut Child) {
        let attempts = [
            (self.stop_signal(), Duration::from_secs(30)),
            (Signal::SIGQUIT, Duration::from_secs(5)),
            (Signal::SIGKILL, Duration::from_secs(5)),
        ];
        for (signal, timeout) in attempts {
            process::send_signal(child.id(), signal);
            if wait_until(timeout, || !matches!(child.try_wait(), Ok(None))) {
                return;
            }
        }
    }

    /// PostgreSQL's fast shutdown for durable data, its immediate shutdown for ephemeral data.
    fn stop_signal(&self) -> Signal {
        if self.durable { Signal::SIGINT } else { Signal::SIGQUIT }
    }

    /// Makes the server's user the owner of `path`.
    fn chown(&self, path: &Path) -> Result<(), Error> {
        let result = self.account.as_ref().map_or(Ok(()), |account| account.chown(path));
        result.map_err(Error::at("change the owner of", path))
    }

    /// A program of the installation on `pgdata`, which receives `signal` when this process dies.
    fn command(&self, program: &str, pgdata: &Path, signal: Signal) -> Command {
        let mut command = Command::new(self.installation.program(program));
        command.arg("-D").arg(pgdata).current_dir(pgdata).stdin(Stdio::null());
        // UTC saves initdb the search for the system's time zone. C makes messages the same on every system.
        command.env("TZ", "UTC").env("LC_ALL", "C");
        for name in ["PGDATA", "PGHOST", "PGPORT", "PGOPTIONS", "PGUSER", "PGDATABASE", "LANG"] {
            command.env_remove(name);
        }
        if let Some(account) = &self.account {
            account.apply_to(&mut command);
        }
        // Ctrl-C in a terminal signals the whole process group. The server must not stop before its clients.
        command.process_group(0);
        process::signal_on_parent_death(&mut command, signal);
        command
    }
}

/// The major version of the cluster in `pgdata`; `None` if it does not exist.
fn read_version(pgdata: &Path) -> Result<Option<String>, Error> {
    let path = pgdata.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(version) => Ok(Some(version.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::at("read", &path)(error)),
    }
}
