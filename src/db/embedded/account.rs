//! Who runs the server. PostgreSQL refuses to run as root, which is what Roster is in many
//! containers, so there it runs as `postgres` or `nobody`.

use super::EmbeddedError;
use std::{
    ffi::CString,
    fs, io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// The user that `initdb` and the server run as.
#[derive(Clone, Debug)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    name: String,
}

impl Account {
    /// `None` when Roster is an ordinary user: then the server runs as that user too. As root, who
    /// already owns `data` is preferred, because PostgreSQL insists on owning its files.
    pub(super) fn choose(data: &Path) -> Result<Option<Account>, EmbeddedError> {
        // SAFETY: geteuid has no preconditions and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Ok(None);
        }
        if let Ok(owner) = fs::metadata(data)
            && owner.uid() != 0
        {
            return Ok(Some(Account { uid: owner.uid(), gid: owner.gid(), name: owner.uid().to_string() }));
        }
        let known = ["postgres", "nobody"].into_iter().find_map(Account::named);
        known.map(Some).ok_or(EmbeddedError::NoAccount)
    }

    fn named(name: &str) -> Option<Account> {
        let c_name = CString::new(name).ok()?;
        let mut buffer = vec![0; 16 * 1024];
        let mut found = std::ptr::null_mut();
        // SAFETY: an all-zero passwd is valid (integers and null pointers), getpwnam_r writes within
        // what it is given, and of `entry` only plain integers are read afterwards.
        let entry = unsafe {
            let mut entry = std::mem::zeroed();
            libc::getpwnam_r(c_name.as_ptr(), &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found);
            entry
        };
        (!found.is_null()).then(|| Account { uid: entry.pw_uid, gid: entry.pw_gid, name: name.to_owned() })
    }

    /// Makes `command` run as this user; std drops root's supplementary groups with it.
    pub(super) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Hands `path` to this user.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    /// The first directory on the way to `path` that this user may not enter.
    pub(super) fn blocked(&self, path: &Path) -> Option<PathBuf> {
        let mut way: Vec<_> = path.ancestors().skip(1).collect();
        way.reverse();
        let closed = way.into_iter().find(|dir| fs::metadata(dir).is_ok_and(|meta| !self.may_enter(&meta)));
        closed.map(Path::to_owned)
    }

    /// Fails unless this user can get to `path`.
    pub(super) fn check_reach(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self.blocked(path) {
            None => Ok(()),
            Some(closed) => {
                Err(EmbeddedError::Unreachable { path: path.to_owned(), closed, user: self.name.clone() })
            }
        }
    }

    fn may_enter(&self, dir: &fs::Metadata) -> bool {
        let search = match dir {
            _ if dir.uid() == self.uid => 0o100,
            _ if dir.gid() == self.gid => 0o010,
            _ => 0o001,
        };
        dir.mode() & search != 0
    }
}
