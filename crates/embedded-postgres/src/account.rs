//! The operating system user that the server runs as. PostgreSQL does not run as root, and many containers
//! run as root; there it runs as `postgres` or `nobody`.

use crate::Error;
use nix::unistd::{User, geteuid};
use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// User of `initdb` and the server, if this process is root.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
    name: String,
}

impl Account {
    /// `None` if this process is not root: the server then runs as the same user. For root, the owner of an
    /// existing `pgdata` comes first, because PostgreSQL requires that it owns its files.
    pub(crate) fn for_server(pgdata: &Path) -> Result<Option<Account>, Error> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(owner) = fs::metadata(pgdata)
            && owner.uid() != 0
        {
            return Ok(Some(Account { uid: owner.uid(), gid: owner.gid(), name: owner.uid().to_string() }));
        }
        let account = ["postgres", "nobody"].into_iter().find_map(Account::by_name);
        account.map(Some).ok_or(Error::NoServerUser)
    }

    fn by_name(name: &str) -> Option<Account> {
        let user = User::from_name(name).ok().flatten()?;
        Some(Account { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name })
    }

    /// Makes `command` run as this user. `Command` also drops the supplementary groups of root.
    pub(crate) fn apply_to(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Makes this user the owner of `path`.
    pub(crate) fn chown(&self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    /// The first parent directory of `path` that denies search permission to this user.
    pub(crate) fn closed_parent(&self, path: &Path) -> Option<PathBuf> {
        let mut parents: Vec<_> = path.ancestors().skip(1).collect();
        parents.reverse();
        let closed =
            parents.into_iter().find(|dir| fs::metadata(dir).is_ok_and(|meta| !self.may_search(&meta)));
        closed.map(Path::to_owned)
    }

    /// Fails if a parent directory of `path` is closed to this user.
    pub(crate) fn ensure_reachable(&self, path: &Path) -> Result<(), Error> {
        match self.closed_parent(path) {
            None => Ok(()),
            Some(closed) => {
                Err(Error::Unreachable { path: path.to_owned(), closed, user: self.name.clone() })
            }
        }
    }

    fn may_search(&self, dir: &fs::Metadata) -> bool {
        let search = match dir {
            _ if dir.uid() == self.uid => 0o100,
            _ if dir.gid() == self.gid => 0o010,
            _ => 0o001,
        };
        dir.mode() & search != 0
    }
}
