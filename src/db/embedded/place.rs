//! The directory a cluster lives in, and the lock that keeps it for one process.
//!
//! ```text
//! lock            held by the process that uses the directory, with its id inside
//! postgres/       the cluster; postgres.new while it is being made
//! postgres.log    what the server says
//! socket/         where it listens
//! ```

use super::{EmbeddedError, cluster};
use std::{
    env,
    ffi::{CString, OsStr},
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, fs::DirBuilderExt},
    },
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// Below this, a memory file system has no room for a cluster and the databases of a test run
/// (Docker gives /dev/shm 64 MB).
const ROOM: u64 = 512 << 20;

/// The longest path of a socket that every system takes is 103 bytes (Linux: 107); this leaves room
/// for the name PostgreSQL gives it.
const LONGEST_SOCKET_DIR: usize = 103 - "/.s.PGSQL.5432".len();

/// A locked directory. Dropping it unlocks it, and removes a throwaway.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    socket: PathBuf,
    throwaway: bool,
    /// Closing the file is what unlocks it, so it has to live as long as the server.
    _lock: File,
}

impl Place {
    /// The directory of a durable cluster.
    pub(super) fn durable(dir: &Path) -> Result<Place, EmbeddedError> {
        fs::create_dir_all(dir).map_err(EmbeddedError::at("create", dir))?;
        let dir = dir.canonicalize().map_err(EmbeddedError::at("find", dir))?;
        let lock = lock(&dir)?.ok_or_else(|| holder(&dir))?;
        let socket = socket_dir(&dir);
        Ok(Place { dir, socket, throwaway: false, _lock: lock })
    }

    /// A fresh directory for a throwaway cluster. What killed processes left is removed first.
    pub(super) fn throwaway() -> Result<Place, EmbeddedError> {
        let (memory, disk) = (Path::new("/dev/shm"), env::temp_dir());
        for base in [memory, &disk] {
            sweep(base);
        }
        let base = if free(memory).is_some_and(|bytes| bytes >= ROOM) { memory } else { &disk };
        let base = base.canonicalize().map_err(EmbeddedError::at("find", base))?;
        let unique = unique_name();
        // Under a name that no sweep looks at until the lock is held.
        let unlocked = base.join(format!(".{unique}"));
        let mut builder = DirBuilder::new();
        builder.mode(0o755).create(&unlocked).map_err(EmbeddedError::at("create", &unlocked))?;
        let lock = lock(&unlocked)?.ok_or_else(|| holder(&unlocked))?;
        let dir = base.join(unique);
        fs::rename(&unlocked, &dir).map_err(EmbeddedError::at("create", &dir))?;
        let socket = socket_dir(&dir);
        Ok(Place { dir, socket, throwaway: true, _lock: lock })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    /// Where a cluster is made, so that one killed halfway is never mistaken for a whole one.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.dir.join("postgres.new")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Makes the socket's directory anew, for the server's user alone: who gets to the socket is
    /// superuser. /tmp is open to everyone, so one that is already there is not trusted.
    pub(super) fn make_socket_dir(&self) -> Result<(), EmbeddedError> {
        // What cannot be removed makes the next step fail, and nothing else does.
        let _ = fs::remove_dir_all(&self.socket);
        let made = DirBuilder::new().mode(0o700).create(&self.socket);
        made.map_err(EmbeddedError::at("create", &self.socket))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.socket.starts_with(&self.dir) {
            let _ = fs::remove_dir_all(&self.socket);
        }
        if self.throwaway
            && let Err(error) = remove(&self.dir)
        {
            tracing::warn!(dir = %self.dir.display(), %error, "could not remove a throwaway PostgreSQL");
        }
    }
}

/// Removes a directory that a dying server may still be writing to.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    for _ in 0..50 {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            done => return done,
        }
    }
    fs::remove_dir_all(dir)
}

/// Takes `dir` for this process; `None` if another has it.
fn lock(dir: &Path) -> Result<Option<File>, EmbeddedError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(EmbeddedError::at("open", &path))?;
    // flock and not a file that exists: the system takes it away however the process ends. A child that was just
    // forked holds it too until it becomes another program, so it is asked for a few times.
    let mut taken = try_lock(&file);
    for _ in 0..10 {
        if taken.is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
        taken = try_lock(&file);
    }
    match taken {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        other => other.map_err(EmbeddedError::at("lock", &path))?,
    }
    let note = file.set_len(0).and_then(|()| writeln!(file, "{}", process::id()));
    note.map_err(EmbeddedError::at("write", &path))?;
    Ok(Some(file))
}

fn try_lock(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed.
    let failed = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The refusal that names who has `dir`.
fn holder(dir: &Path) -> EmbeddedError {
    // The holder locks first and writes its id a moment later.
    let read = || fs::read_to_string(dir.join("lock")).ok()?.trim().parse().ok();
    let pid = (0..20).find_map(|_| {
        read().or_else(|| {
            thread::sleep(Duration::from_millis(5));
            None
        })
    });
    EmbeddedError::AlreadyRunning { dir: dir.to_owned(), pid: pid.unwrap_or_default() }
}

/// A name for a throwaway of this process: the id tells a person whose it is, the number keeps the
/// process's own apart.
fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("roster-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Removes the throwaways in `base` that no living process has locked.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if !is_throwaway(&entry.file_name()) {
            continue;
        }
        let dir = entry.path();
        match File::open(dir.join("lock")) {
            Ok(file) if try_lock(&file).is_err() => continue,
            Err(error) if error.kind() != io::ErrorKind::NotFound => continue,
            _ => {}
        }
        cluster::retire(&dir.join("postgres"), libc::SIGQUIT);
        if let Err(error) = remove(&dir) {
            tracing::debug!(dir = %dir.display(), %error, "could not sweep up a throwaway PostgreSQL");
        }
    }
}

/// `roster-`, a process id, `-`, a number.
fn is_throwaway(name: &OsStr) -> bool {
    let numbers = name.to_str().and_then(|name| name.strip_prefix("roster-")?.split_once('-'));
    numbers.is_some_and(|(pid, n)| pid.parse::<u32>().is_ok() && n.parse::<u32>().is_ok())
}

/// Free bytes for this process on the file system that holds `dir`.
fn free(dir: &Path) -> Option<u64> {
    let path = CString::new(dir.as_os_str().as_bytes()).ok()?;
    // SAFETY: an all-zero statvfs is valid, `path` ends in NUL and both live through the calls.
    unsafe {
        let mut stat = std::mem::zeroed::<libc::statvfs>();
        let usable = libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) == 0
            && libc::statvfs(path.as_ptr(), &mut stat) == 0;
        #[allow(clippy::unnecessary_cast, reason = "the fields are narrower on macOS")]
        usable.then(|| stat.f_bavail as u64 * stat.f_frsize as u64)
    }
}

/// Where the server of `dir` listens: in it, unless that makes the socket's path too long.
fn socket_dir(dir: &Path) -> PathBuf {
    let inside = dir.join("socket");
    if inside.as_os_str().len() <= LONGEST_SOCKET_DIR {
        return inside;
    }
    let mut hash = DefaultHasher::new();
    dir.hash(&mut hash);
    // SAFETY: geteuid has no preconditions and cannot fail.
    let user = unsafe { libc::geteuid() };
    PathBuf::from(format!("/tmp/roster-socket-{user}-{:016x}", hash.finish()))
}
