//! The data directory of a server, and the lock that reserves it for one process.
//!
//! ```text
//! lock            locked by the process that uses the directory; contains its id
//! postgres/       the cluster (PGDATA); postgres.new during initdb
//! postgres.log    the server log
//! socket/         the server's Unix socket
//! ```

use crate::{Error, process};
use nix::{
    sys::{signal::Signal, statvfs::statvfs},
    unistd::{AccessFlags, access, geteuid},
};
use std::{
    env,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

/// Free space that a memory file system must have for a cluster and the databases of a test run. Docker's
/// default for /dev/shm is 64 MB.
const MIN_FREE_MEMORY: u64 = 512 << 20;

/// Limit for the path of the socket's directory. Every system accepts socket paths of 103 bytes (Linux: 107).
const MAX_SOCKET_DIR_BYTES: usize = 103 - "/.s.PGSQL.5432".len();

/// A locked data directory. Dropping it unlocks the directory, and deletes an ephemeral one.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    socket_dir: PathBuf,
    ephemeral: bool,
    /// Open as long as the server runs, because closing the file releases the lock.
    _lock: File,
}

impl DataDir {
    /// Locks `dir` for a durable cluster.
    pub(crate) fn durable(dir: &Path) -> Result<DataDir, Error> {
        fs::create_dir_all(dir).map_err(Error::at("create", dir))?;
        let path = dir.canonicalize().map_err(Error::at("resolve", dir))?;
        let lock = lock(&path)?;
        let socket_dir = socket_dir(&path);
        Ok(DataDir { path, socket_dir, ephemeral: false, _lock: lock })
    }

    /// Creates a directory for an ephemeral cluster. Deletes those of killed processes first.
    pub(crate) fn ephemeral() -> Result<DataDir, Error> {
        let (memory, disk) = (Path::new("/dev/shm"), env::temp_dir());
        for base in [memory, &disk] {
            remove_abandoned(base);
        }
        let base = if free_bytes(memory).is_some_and(|n| n >= MIN_FREE_MEMORY) { memory } else { &disk };
        let base = base.canonicalize().map_err(Error::at("resolve", base))?;
        let (path, lock) = create_ephemeral(&base)?;
        let socket_dir = socket_dir(&path);
        Ok(DataDir { path, socket_dir, ephemeral: true, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn pgdata(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// Directory for `initdb`. The rename to [`Self::pgdata`] at its end marks the cluster as complete.
    pub(crate) fn incomplete_pgdata(&self) -> PathBuf {
        self.path.join("postgres.new")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    pub(crate) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Creates the socket's directory, private to the server's user, because the socket gives superuser
    /// access without a password. An existing directory is replaced: in /tmp it may belong to another user.
    pub(crate) fn create_socket_dir(&self) -> Result<(), Error> {
        // A directory that cannot be removed makes the creation fail.
        let _ = fs::remove_dir_all(&self.socket_dir);
        let created = DirBuilder::new().mode(0o700).create(&self.socket_dir);
        created.map_err(Error::at("create", &self.socket_dir))
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if !self.socket_dir.starts_with(&self.path) {
            let _ = fs::remove_dir_all(&self.socket_dir);
        }
        if self.ephemeral
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(dir = %self.path.display(), %error, "cannot delete ephemeral PostgreSQL data");
        }
    }
}

/// Removes a directory to which a stopping server may still write. A missing directory is no error.
pub(crate) fn remove(dir: &Path) -> io::Result<()> {
    for _ in 0..50 {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => return result,
        }
    }
    fs::remove_dir_all(dir)
}

/// Locks `dir` for this process. `flock` is used because the kernel releases it at any end of the process.
fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(Error::at("open", &path))?;
    // Between fork and exec a child of the previous holder shares the lock, for a moment.
    let mut retries = 10;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if retries > 0 => {
                retries -= 1;
                thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(in_use(dir)),
            Err(TryLockError::Error(source)) => return Err(Error::at("lock", &path)(source)),
        }
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(Error::at("write", &path))?;
    Ok(file)
}

/// The error that names the lock holder of `dir`.
fn in_use(dir: &Path) -> Error {
    // The holder writes its id after it has locked the file.
    let read = || fs::read_to_string(dir.join("lock")).ok()?.trim().parse().ok();
    let pid = (0..20).find_map(|_| {
        read().or_else(|| {
            thread::sleep(Duration::from_millis(5));
            None
        })
    });
    Error::DirectoryInUse { dir: dir.to_owned(), pid: pid.unwrap_or_default() }
}

/// Creates and locks a directory with a new name in `base`. A process with the same id may have taken a name:
/// in another container, or before a restart of this one.
fn create_ephemeral(base: &Path) -> Result<(PathBuf, File), Error> {
    loop {
        let name = ephemeral_name();
        // `remove_abandoned` ignores this name, so the directory is safe until it is locked.
        let unlocked = base.join(format!(".{name}"));
        match fs::create_dir(&unlocked) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            result => result.map_err(Error::at("create", &unlocked))?,
        }
        // Explicit, because a umask of 077 closes the directory to the server's user.
        let opened = fs::set_permissions(&unlocked, Permissions::from_mode(0o755));
        opened.map_err(Error::at("chmod", &unlocked))?;
        let lock = lock(&unlocked)?;
        let path = base.join(name);
        match fs::rename(&unlocked, &path) {
            Ok(()) => return Ok((path, lock)),
            Err(error) => {
                let _ = fs::remove_dir_all(&unlocked);
                if error.kind() != io::ErrorKind::DirectoryNotEmpty {
                    return Err(Error::at("create", &path)(error));
                }
            }
        }
    }
}

/// `roster-<process id>-<number>`.
fn ephemeral_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("roster-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn is_ephemeral_name(name: &OsStr) -> bool {
    let numbers = name.to_str().and_then(|name| name.strip_prefix("roster-")?.split_once('-'));
    numbers.is_some_and(|(pid, n)| pid.parse::<u32>().is_ok() && n.parse::<u32>().is_ok())
}

/// Deletes the ephemeral directories of this user in `base` that no process has locked.
fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        // Another user may put anything into /tmp, such as a pipe named `lock` that blocks its reader.
        let own = |meta: fs::Metadata| meta.is_dir() && meta.uid() == geteuid().as_raw();
        if !is_ephemeral_name(&entry.file_name()) || !entry.metadata().is_ok_and(own) {
            continue;
        }
        let dir = entry.path();
        match File::open(dir.join("lock")) {
            Ok(file) if file.try_lock().is_err() => continue,
            Err(error) if error.kind() != io::ErrorKind::NotFound => continue,
            _ => {}
        }
        process::stop_abandoned_server(&dir.join("postgres"), Signal::SIGQUIT);
        if let Err(error) = remove(&dir) {
            tracing::debug!(dir = %dir.display(), %error, "cannot delete abandoned PostgreSQL data");
        }
    }
}

/// Free bytes on the file system of `dir`; `None` if this process cannot write to `dir`.
fn free_bytes(dir: &Path) -> Option<u64> {
    access(dir, AccessFlags::W_OK | AccessFlags::X_OK).ok()?;
    let stat = statvfs(dir).ok()?;
    #[cfg_attr(target_os = "linux", expect(clippy::useless_conversion, reason = "u32 on macOS"))]
    let blocks = u64::from(stat.blocks_available());
    Some(blocks * stat.fragment_size())
}

/// Directory of the socket: in the data directory, or in /tmp if the socket's path becomes too long.
fn socket_dir(dir: &Path) -> PathBuf {
    let inside = dir.join("socket");
    if inside.as_os_str().len() <= MAX_SOCKET_DIR_BYTES {
        return inside;
    }
    let mut hash = DefaultHasher::new();
    dir.hash(&mut hash);
    PathBuf::from(format!("/tmp/roster-socket-{}-{:016x}", geteuid(), hash.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::{
        sys::stat::{Mode, umask},
        unistd::Pid,
    };
    use std::os::unix::fs::chown;

    #[test]
    fn ephemeral_directory_is_open_under_any_umask() {
        umask(Mode::S_IRWXG | Mode::S_IRWXO);
        let base = tempfile::tempdir().unwrap();
        let (path, _lock) = create_ephemeral(base.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o755);
    }

    #[test]
    fn ephemeral_directory_skips_names_that_are_taken() {
        let base = tempfile::tempdir().unwrap();
        let pid = Pid::this();
        for n in 0..10 {
            let prefix = if n % 2 == 0 { "" } else { "." };
            fs::create_dir_all(base.path().join(format!("{prefix}roster-{pid}-{n}/postgres"))).unwrap();
        }
        for _ in 0..11 {
            let (path, _lock) = create_ephemeral(base.path()).unwrap();
            assert!(!path.join("postgres").exists());
        }
    }

    #[test]
    fn abandoned_directory_is_removed_unless_locked() {
        let base = tempfile::tempdir().unwrap();
        let (locked, _lock) = create_ephemeral(base.path()).unwrap();
        let abandoned = base.path().join("roster-1-0");
        let other_name = base.path().join("roster-data");
        for dir in [&abandoned, &other_name] {
            fs::create_dir(dir).unwrap();
        }
        remove_abandoned(base.path());
        assert!(locked.is_dir() && other_name.is_dir());
        assert!(!abandoned.exists());
    }

    #[test]
    fn abandoned_directory_of_another_user_is_kept() {
        if !geteuid().is_root() {
            eprintln!("SKIPPED: only root can create a directory of another user");
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let foreign = base.path().join("roster-1-0");
        fs::create_dir(&foreign).unwrap();
        chown(&foreign, Some(12345), None).unwrap();
        remove_abandoned(base.path());
        assert!(foreign.is_dir());
    }
}
