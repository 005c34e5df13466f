//! The search for a PostgreSQL installation on this machine.

use crate::Error;
use std::{
    ffi::OsString,
    fs,
    path::{self, Path, PathBuf},
    process::Command,
};

/// Oldest supported major version of PostgreSQL: the oldest one that Roster's schema supports.
pub const MIN_MAJOR_VERSION: u32 = 14;

/// Directories of distributions, most of which keep the server out of `PATH`. `*` matches any end of a name.
const KNOWN_DIRS: &[&str] = &[
    "/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
    "/usr/pgsql-*/bin",                                   // Red Hat, from postgresql.org
    "/usr/lib64/pgsql/bin",                               // Red Hat, SUSE
    "/usr/libexec/postgresql*",                           // Alpine
    "/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
    "/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew on Linux
    "/usr/local/pgsql/bin",                               // built from source
    "/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
];

/// A usable installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installation {
    bin_dir: PathBuf,
    pub(crate) major_version: u32,
}

impl Installation {
    /// Checks the programs in `dir`. The error completes "ROSTER_PG_BIN is .., but ..".
    pub(crate) fn inspect(dir: &Path) -> Result<Installation, String> {
        // The programs run in another working directory, where a relative path means another file.
        let bin_dir = path::absolute(dir).map_err(|error| format!("it is not a path: {error}"))?;
        for program in ["initdb", "postgres"] {
            if !bin_dir.join(program).is_file() {
                return Err(format!("it contains no `{program}`"));
            }
        }
        let output = Command::new(bin_dir.join("postgres")).arg("--version").output();
        let output = output.map_err(|error| format!("its `postgres` does not run: {error}"))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-1.pgdg12+1)" or "postgres (PostgreSQL) 19beta1"
        let version = stdout.split_whitespace().nth(2).unwrap_or_default();
        let digits = version.find(|c: char| !c.is_ascii_digit()).map_or(version, |end| &version[..end]);
        match digits.parse() {
            Ok(major_version) if major_version >= MIN_MAJOR_VERSION => {
                Ok(Installation { bin_dir, major_version })
            }
            Ok(major) => Err(format!("its PostgreSQL {major} is older than {MIN_MAJOR_VERSION}")),
            Err(_) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                Err(format!("its `postgres --version` prints {:?}", format!("{stdout}{stderr}").trim()))
            }
        }
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// Finds the installation to use: the one of `ROSTER_PG_BIN` if it is set, else the newest one in `PATH`,
/// else the newest one in the known directories and `cached`, an earlier download.
///
/// With `required`, the major version of existing data, an installation of that version comes first. Without
/// one the result has another version, which the caller reports as an error.
pub(crate) fn find(
    env: impl Fn(&str) -> Option<OsString>,
    cached: Option<PathBuf>,
    required: Option<u32>,
) -> Result<Option<Installation>, Error> {
    if let Some(dir) = env("ROSTER_PG_BIN").filter(|dir| !dir.is_empty()) {
        let dir = path::absolute(&dir).unwrap_or_else(|_| dir.into());
        let installation = Installation::inspect(&dir);
        return installation.map(Some).map_err(|problem| Error::InvalidPgBin { dir, problem });
    }
    let path = env("PATH").unwrap_or_default();
    let in_path = newest(std::env::split_paths(&path).collect(), required);
    if in_path.as_ref().is_some_and(|found| required.is_none_or(|version| found.major_version == version)) {
        return Ok(in_path);
    }
    let known_dirs = KNOWN_DIRS.iter().flat_map(|pattern| expand(pattern)).chain(cached);
    let known = newest(known_dirs.collect(), required);
    Ok(match (in_path, known) {
        (Some(in_path), Some(known)) if Some(known.major_version) != required => Some(in_path),
        (in_path, known) => known.or(in_path),
    })
}

/// The installation of the required major version, else the newest one. The first of several equal ones, as
/// `PATH` is searched in order.
fn newest(dirs: Vec<PathBuf>, required: Option<u32>) -> Option<Installation> {
    let usable = dirs.iter().filter_map(|dir| Installation::inspect(dir).ok());
    usable.reduce(|best, next| {
        let rank = |found: &Installation| (Some(found.major_version) == required, found.major_version);
        if rank(&next) > rank(&best) { next } else { best }
    })
}

/// The directories that match `pattern`, which contains at most one `*`, at the end of a name.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let matching = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    matching.map(|entry| entry.path().join(after.trim_start_matches('/'))).collect()
}

/// Command that installs PostgreSQL on this system, for error messages.
pub(crate) fn install_command() -> String {
    if cfg!(target_os = "macos") {
        return "brew install postgresql".to_owned();
    }
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    install_command_of(&os_release).to_owned()
}

/// The command by `ID` and `ID_LIKE` of an os-release file.
fn install_command_of(os_release: &str) -> &'static str {
    let fields =
        os_release.lines().filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")));
    let ids: Vec<_> = fields.flat_map(|field| field.trim_matches(['"', '\'']).split(' ')).collect();
    let commands = [
        (&["debian", "ubuntu"][..], "apt-get install -y postgresql"),
        (&["fedora", "rhel", "centos", "amzn"], "dnf install -y postgresql-server"),
        (&["alpine"], "apk add postgresql"),
        (&["arch"], "pacman -S postgresql"),
        (&["suse", "opensuse"], "zypper install postgresql-server"),
    ];
    let command = commands.into_iter().find(|(names, _)| names.iter().any(|name| ids.contains(name)));
    command.map_or("<your package manager> install postgresql", |(_, command)| command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;

    /// Serializes the tests that write programs and run them. A child forked by another thread during the
    /// write inherits the open file, and the system does not execute a file that is open for writing.
    static WRITES_PROGRAMS: Mutex<()> = Mutex::new(());

    /// A directory with an `initdb` and a `postgres` that print `version`.
    fn installation(version: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for program in ["initdb", "postgres"] {
            let file = dir.path().join(program);
            fs::write(&file, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Test)'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    }

    /// The result of `find` with one environment variable.
    fn find_with(
        name: &str,
        value: impl Into<OsString>,
        required: Option<u32>,
    ) -> Result<Option<Installation>, Error> {
        let value = value.into();
        find(|asked| (asked == name).then(|| value.clone()), None, required)
    }

    #[test]
    fn newest_version_in_path_is_found_unless_data_requires_another() {
        let _guard = WRITES_PROGRAMS.lock().unwrap();
        let [old, mid, new] = ["9.6.24", "15.18", "98beta1"].map(installation);
        let path = std::env::join_paths([old.path(), mid.path(), new.path()]).unwrap();
        let found = |required| find_with("PATH", path.clone(), required).unwrap().unwrap();
        assert_eq!(found(None), Installation { bin_dir: new.path().to_owned(), major_version: 98 });
        assert_eq!(found(Some(15)), Installation { bin_dir: mid.path().to_owned(), major_version: 15 });
        assert_eq!(found(Some(97)).major_version, 98);
    }

    #[test]
    fn invalid_roster_pg_bin_is_reported_with_the_problem() {
        let _guard = WRITES_PROGRAMS.lock().unwrap();
        let error = |dir: &Path| find_with("ROSTER_PG_BIN", dir, None).unwrap_err().to_string();
        let empty = tempfile::tempdir().unwrap();
        assert!(error(empty.path()).contains("it contains no `initdb`"));
        assert!(error(installation("13.4").path()).contains("its PostgreSQL 13 is older than 14"));
        assert!(error(installation("").path()).contains("its `postgres --version` prints"));
    }

    #[test]
    fn relative_roster_pg_bin_is_made_absolute() {
        let _guard = WRITES_PROGRAMS.lock().unwrap();
        let dir = installation("15.18");
        let working_dir = std::env::current_dir().unwrap();
        let root: PathBuf = working_dir.components().skip(1).map(|_| "..").collect();
        let relative = root.join(dir.path().strip_prefix("/").unwrap());
        let found = find_with("ROSTER_PG_BIN", &relative, None).unwrap().unwrap();
        assert_eq!(found.program("initdb"), working_dir.join(&relative).join("initdb"));
    }

    #[test]
    fn empty_roster_pg_bin_is_ignored() {
        let with_empty = find_with("ROSTER_PG_BIN", "", None).unwrap();
        assert_eq!(with_empty, find_with("UNRELATED", "", None).unwrap());
    }

    #[test]
    fn install_command_is_that_of_the_distribution() {
        assert_eq!(install_command_of("NAME=x\nID=ubuntu\nID_LIKE=debian"), "apt-get install -y postgresql");
        assert_eq!(
            install_command_of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\""),
            "dnf install -y postgresql-server"
        );
        assert_eq!(install_command_of("ID=alpine"), "apk add postgresql");
    }
}
