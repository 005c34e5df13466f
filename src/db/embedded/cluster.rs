//! A cluster: made by `initdb`, started with its settings, stopped.

use super::{
    EmbeddedError, Kind, Options,
    account::Account,
    download,
    find::{self, Binaries},
    place::{self, Place},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// For data that must last.
const DURABLE: &[&str] = &["shared_buffers=128MB", "max_connections=100"];

/// For data that nobody will miss: as little writing as there can be, and many connections.
const THROWAWAY: &[&str] = &[
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

/// How long a server may take to get ready; one that recovers from a crash reads its log first.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often the wait for the server looks again.
const STEP: Duration = Duration::from_millis(2);

/// The locale that sorts alike on every system and never changes under an index.
const LOCALE: &str = if cfg!(target_os = "macos") { "C" } else { "C.UTF-8" };

/// A cluster that is there and ready to be started.
#[derive(Debug)]
pub(super) struct Cluster {
    place: Place,
    binaries: Binaries,
    account: Option<Account>,
    durable: bool,
}

impl Cluster {
    /// Locks the directory, finds or fetches PostgreSQL, and makes the cluster unless there is one.
    pub(super) fn prepare(options: &Options) -> Result<Cluster, EmbeddedError> {
        let (place, durable) = match &options.kind {
            Kind::Durable { dir } => (Place::durable(dir)?, true),
            Kind::Throwaway => (Place::throwaway()?, false),
        };
        let data = place.data();
        let account = Account::choose(&data)?;
        let version = version_of(&data)?;
        let wanted = version.as_ref().and_then(|version| version.parse().ok());
        let kept = download::kept(account.as_ref());
        let binaries = match find::find(|name| std::env::var_os(name), kept, wanted)? {
            Some(binaries) => binaries,
            None => download::fetch(options.download, account.as_ref())?,
        };
        if let Some(account) = &account {
            account.check_reach(&data)?;
            account.check_reach(&binaries.dir.join("postgres"))?;
        }
        let cluster = Cluster { place, binaries, account, durable };
        match version {
            None => cluster.init()?,
            Some(_) if wanted == Some(cluster.binaries.major) => {}
            Some(data) => {
                let (dir, binaries) = (cluster.place.dir().to_owned(), cluster.binaries.major);
                return Err(EmbeddedError::Version { dir, data, binaries });
            }
        }
        // The server of a Roster that was killed may still be shutting down.
        retire(&data, libc::SIGINT);
        // Each Roster begins the log anew, or it would grow for as long as the data is kept.
        let log = cluster.place.log();
        File::create(&log).map_err(EmbeddedError::at("create", &log))?;
        cluster.place.make_socket_dir()?;
        cluster.hand_over(cluster.place.socket())?;
        Ok(cluster)
    }

    /// The same for every start of this cluster.
    pub(super) fn url(&self) -> String {
        let socket = self.place.socket().to_string_lossy();
        let host = utf8_percent_encode(&socket, NON_ALPHANUMERIC);
        // The user is named at the end because a user before an empty host is no URL to sqlx.
        format!("postgres:///postgres?host={host}&port=5432&user=postgres")
    }

    pub(super) fn dir(&self) -> &Path {
        self.place.dir()
    }

    pub(super) fn major(&self) -> u32 {
        self.binaries.major
    }

    fn init(&self) -> Result<(), EmbeddedError> {
        let dir = self.place.unfinished();
        place::remove(&dir).map_err(EmbeddedError::at("remove", &dir))?;
        fs::create_dir(&dir).map_err(EmbeddedError::at("create", &dir))?;
        let private = fs::set_permissions(&dir, Permissions::from_mode(0o700));
        private.map_err(EmbeddedError::at("protect", &dir))?;
        self.hand_over(&dir)?;
        let mut initdb = self.command("initdb", &dir, libc::SIGKILL);
        initdb.args(["-U", "postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]);
        initdb.args([&format!("--locale={LOCALE}"), "--no-instructions"]);
        if self.durable {
            initdb.arg("--data-checksums")
        } else {
            initdb.args(["--no-sync", "--wal-segsize=1"])
        };
        if !self.durable && self.binaries.major >= 18 {
            initdb.arg("--no-data-checksums");
        }
        let output = initdb.output().map_err(|source| EmbeddedError::io("run initdb", source))?;
        if !output.status.success() {
            let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(EmbeddedError::Init { dir, output });
        }
        let data = self.place.data();
        fs::rename(&dir, &data).map_err(EmbeddedError::at("create", &data))?;
        if self.durable {
            let dir = self.place.dir();
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(EmbeddedError::at("sync", dir))?;
        }
        Ok(())
    }

    /// Starts the server and waits until it accepts connections. The thread that calls this must
    /// outlive the server, which is told to stop when that thread ends.
    pub(super) fn launch(&self) -> Result<Child, EmbeddedError> {
        let (data, log) = (self.place.data(), self.place.log());
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.map_err(EmbeddedError::at("open", &log))?;
        let copy = file.try_clone().map_err(EmbeddedError::at("open", &log))?;
        let mut postgres = self.command("postgres", &data, self.stop_signal());
        postgres.stdout(copy).stderr(file).arg("-k").arg(self.place.socket());
        postgres.args(["-p", "5432", "-c", "listen_addresses="]);
        for setting in if self.durable { DURABLE } else { THROWAWAY } {
            postgres.args(["-c", setting]);
        }
        if !self.durable && self.binaries.major >= 18 {
            // Saves three processes whose help nothing in memory needs.
            postgres.args(["-c", "io_method=sync"]);
        }
        let mut child = postgres.spawn().map_err(|source| EmbeddedError::io("run postgres", source))?;
        match self.wait_ready(&mut child) {
            None => Ok(child),
            Some(problem) => {
                let text = fs::read_to_string(&log).unwrap_or_default();
                let lines: Vec<_> = text.lines().collect();
                let tail = lines[lines.len().saturating_sub(12)..].join("\n");
                Err(EmbeddedError::Start { problem, log, tail })
            }
        }
    }

    /// `None` once the server is ready, or what happened instead. The server itself says so in
    /// `postmaster.pid`, which is quicker to ask than a connection.
    fn wait_ready(&self, child: &mut Child) -> Option<String> {
        let (path, pid) = (self.place.data().join("postmaster.pid"), child.id().to_string());
        let begun = Instant::now();
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let line = |n| text.lines().nth(n).map(str::trim);
            if line(0) == Some(&pid) && line(7) == Some("ready") {
                return None;
            }
            match child.try_wait() {
                Ok(Some(status)) => return Some(format!("ended instead of starting ({status})")),
                Ok(None) if begun.elapsed() < READY_WITHIN => thread::sleep(STEP),
                Ok(None) => {
                    self.halt(child);
                    return Some(format!("was not ready after {} s", READY_WITHIN.as_secs()));
                }
                Err(error) => return Some(format!("cannot be waited for: {error}")),
            }
        }
    }

    /// Stops the server, the gentle way first, and waits until it is gone.
    pub(super) fn halt(&self, child: &mut Child) {
        let patience = [
            (self.stop_signal(), Duration::from_secs(30)),
            (libc::SIGQUIT, Duration::from_secs(5)),
            (libc::SIGKILL, Duration::from_secs(5)),
        ];
        for (signal, limit) in patience {
            send(child.id(), signal);
            let gone = || !matches!(child.try_wait(), Ok(None));
            if wait_until(limit, gone) {
                return;
            }
        }
    }

    /// Ends what a killed postmaster left behind: a backend that is busy does not notice, and keeps
    /// the cluster from being started again.
    pub(super) fn clear_remains(&self) {
        let data = self.place.data();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok())
                && serves(pid, &data)
            {
                send(pid, libc::SIGKILL);
            }
        }
    }

    /// Fast shutdown for what shall last; immediate for what goes anyway.
    fn stop_signal(&self) -> libc::c_int {
        if self.durable { libc::SIGINT } else { libc::SIGQUIT }
    }

    fn hand_over(&self, path: &Path) -> Result<(), EmbeddedError> {
        let done = self.account.as_ref().map_or(Ok(()), |account| account.own(path));
        done.map_err(EmbeddedError::at("change the owner of", path))
    }

    /// One of PostgreSQL's programs on the cluster in `data`, which gets `signal` if Roster dies.
    fn command(&self, program: &str, data: &Path, signal: libc::c_int) -> Command {
        let mut command = Command::new(self.binaries.dir.join(program));
        command.arg("-D").arg(data).current_dir(data).stdin(Stdio::null());
        // In UTC initdb need not search the time zones; in C the log reads the same everywhere.
        command.env("TZ", "UTC").env("LC_ALL", "C");
        for name in ["PGDATA", "PGHOST", "PGPORT", "PGOPTIONS", "PGUSER", "PGDATABASE", "LANG"] {
            command.env_remove(name);
        }
        if let Some(account) = &self.account {
            account.run(&mut command);
        }
        // Ctrl-C in a terminal goes to Roster alone, which stops the server when it is ready to.
        command.process_group(0);
        die_with_us(&mut command, signal);
        command
    }
}

/// Has the kernel send `signal` when the spawning thread ends, however it does.
#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command, signal: libc::c_int) {
    let us = std::process::id();
    // SAFETY: prctl and getppid are async-signal-safe, and the closure allocates nothing. It runs
    // after the change of user, which would undo it.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // We may have died before the kernel was told.
            if libc::getppid().cast_unsigned() != us {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        });
    }
}

/// Only Linux can do it; elsewhere the next start retires the server that was left behind.
#[cfg(not(target_os = "linux"))]
fn die_with_us(_: &mut Command, _: libc::c_int) {}

/// The major version that made the cluster in `data`; `None` if there is none.
fn version_of(data: &Path) -> Result<Option<String>, EmbeddedError> {
    let path = data.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(version) => Ok(Some(version.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::at("read", &path)(error)),
    }
}

/// Makes sure that no postmaster of an earlier process serves `data`, to be called by who holds the
/// lock. One that is alive is asked with `signal`, then less politely.
pub(super) fn retire(data: &Path, signal: libc::c_int) {
    let path = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&path) else { return };
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse().ok()) else { return };
    for signal in [signal, libc::SIGQUIT, libc::SIGKILL] {
        let gone = || !serves(pid, data);
        if gone() {
            break;
        }
        send(pid, signal);
        if wait_until(Duration::from_secs(10), gone) {
            return;
        }
    }
    // After a reboot or in a new container the number may be another process's by now, which
    // PostgreSQL could take for a running server.
    if alive(pid) && !serves(pid, data) {
        let _ = fs::remove_file(&path);
    }
}

/// Whether process `pid` is a server of the cluster in `data`: they all work from that directory.
fn serves(pid: u32, data: &Path) -> bool {
    if cfg!(target_os = "linux") {
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data);
    }
    let ps = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    ps.is_ok_and(|ps| String::from_utf8_lossy(&ps.stdout).contains(&*data.to_string_lossy()))
}

fn alive(pid: u32) -> bool {
    send(pid, 0)
}

/// Sends `signal`; false when there is no such process or it is none of ours.
fn send(pid: u32, signal: libc::c_int) -> bool {
    // Zero and below would address whole groups.
    let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0);
    // SAFETY: kill has no preconditions.
    pid.is_some_and(|pid| unsafe { libc::kill(pid, signal) } == 0)
}

fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > limit {
            return false;
        }
        thread::sleep(STEP);
    }
    true
}
