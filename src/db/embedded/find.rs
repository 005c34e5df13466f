//! Which of the PostgreSQL installations on this machine to use.

use super::EmbeddedError;
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The oldest major version that Roster's schema works on.
pub const OLDEST_MAJOR: u32 = 14;

/// Where distributions put the server, as most of them keep it off the PATH. A `*` stands for any
/// ending of a name.
const USUAL: &[&str] = &[
    "/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
    "/usr/pgsql-*/bin",                                   // PostgreSQL's own packages for Red Hat
    "/usr/lib64/pgsql/bin",                               // Red Hat, SUSE
    "/usr/libexec/postgresql*",                           // Alpine
    "/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon,
    "/usr/local/opt/postgresql*/bin",                     // on Intel,
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // and on Linux
    "/usr/local/pgsql/bin",                               // built from source
    "/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
];

/// A usable PostgreSQL: the directory of `initdb` and `postgres`, and its major version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// Takes a look at `dir`; the error completes "but ..".
    pub(super) fn inspect(dir: &Path) -> Result<Binaries, String> {
        for program in ["initdb", "postgres"] {
            if !dir.join(program).is_file() {
                return Err(format!("there is no `{program}` in it"));
            }
        }
        let output = Command::new(dir.join("postgres")).arg("--version").output();
        let output = output.map_err(|error| format!("its `postgres` does not run: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        // postgres (PostgreSQL) 15.18 (Debian 15.18-1.pgdg12+1), or 19beta1
        let version = said.split_whitespace().nth(2).unwrap_or_default();
        let digits = version.find(|c: char| !c.is_ascii_digit()).map_or(version, |end| &version[..end]);
        match digits.parse() {
            Ok(major) if major >= OLDEST_MAJOR => Ok(Binaries { dir: dir.to_owned(), major }),
            Ok(major) => {
                Err(format!("its PostgreSQL {major} is too old: {OLDEST_MAJOR} is the oldest that will do"))
            }
            Err(_) => {
                let complaint = String::from_utf8_lossy(&output.stderr);
                Err(format!("its `postgres --version` says {:?}", format!("{said}{complaint}").trim()))
            }
        }
    }
}

/// The best installation: `ROSTER_PG_BIN` and nothing else if it is set, else the PATH, else the
/// usual directories and `kept`, a download; the newest within each of the two. Existing data that
/// wants a certain major version gets it if it is anywhere, and otherwise whatever there is, for the
/// caller to refuse.
pub(super) fn find(
    env: impl Fn(&str) -> Option<OsString>,
    kept: Option<PathBuf>,
    wanted: Option<u32>,
) -> Result<Option<Binaries>, EmbeddedError> {
    if let Some(dir) = env("ROSTER_PG_BIN").map(PathBuf::from) {
        return match Binaries::inspect(&dir) {
            Ok(binaries) => Ok(Some(binaries)),
            Err(problem) => Err(EmbeddedError::Binaries { dir, problem }),
        };
    }
    let path = env("PATH").unwrap_or_default();
    let on_path = newest(std::env::split_paths(&path).collect(), wanted);
    if on_path.as_ref().is_some_and(|binaries| wanted.is_none_or(|major| binaries.major == major)) {
        return Ok(on_path);
    }
    let usual = USUAL.iter().flat_map(|pattern| expand(pattern)).chain(kept);
    let usual = newest(usual.collect(), wanted);
    Ok(match (on_path, usual) {
        (Some(path), Some(usual)) if Some(usual.major) != wanted => Some(path),
        (path, usual) => usual.or(path),
    })
}

/// The newest installation in `dirs`, or the one of the wanted major version.
fn newest(dirs: Vec<PathBuf>, wanted: Option<u32>) -> Option<Binaries> {
    let usable = dirs.iter().filter_map(|dir| Binaries::inspect(dir).ok());
    // The first of equals, so that the PATH's order counts for something.
    usable.reduce(|best, next| {
        let rank = |binaries: &Binaries| (Some(binaries.major) == wanted, binaries.major);
        if rank(&next) > rank(&best) { next } else { best }
    })
}

/// The directories that match `pattern`, which may hold one `*` at the end of a name.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let matching = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    matching.map(|entry| entry.path().join(after.trim_start_matches('/'))).collect()
}

/// The one command that brings PostgreSQL to this system.
pub(super) fn remedy() -> String {
    if cfg!(target_os = "macos") {
        return "brew install postgresql".to_owned();
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    remedy_for(&release).to_owned()
}

/// By `ID` and `ID_LIKE` of an os-release file.
fn remedy_for(release: &str) -> &'static str {
    let fields =
        release.lines().filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")));
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

    /// Held by a test that writes programs and runs them: a child forked by the other one meanwhile would have the
    /// program open for writing, and the system runs no such file.
    static ALONE: Mutex<()> = Mutex::new(());

    /// A directory with an `initdb` and a `postgres` that claims to be of `version`.
    fn installation(version: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for program in ["initdb", "postgres"] {
            let file = dir.path().join(program);
            fs::write(&file, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Test)'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    }

    fn find_with(
        name: &str,
        value: OsString,
        wanted: Option<u32>,
    ) -> Result<Option<Binaries>, EmbeddedError> {
        find(|asked| (asked == name).then(|| value.clone()), None, wanted)
    }

    #[test]
    fn the_newest_on_the_path_wins_unless_data_wants_another() {
        let _alone = ALONE.lock().unwrap();
        let [old, mid, new] = ["9.6.24", "15.18", "98beta1"].map(installation);
        let path = std::env::join_paths([old.path(), mid.path(), new.path()]).unwrap();
        let found = |wanted| find_with("PATH", path.clone(), wanted).unwrap().unwrap();
        assert_eq!(found(None), Binaries { dir: new.path().to_owned(), major: 98 });
        assert_eq!(found(Some(15)), Binaries { dir: mid.path().to_owned(), major: 15 });
        assert_eq!(found(Some(97)).major, 98);
    }

    #[test]
    fn a_wrong_roster_pg_bin_says_what_is_missing() {
        let _alone = ALONE.lock().unwrap();
        let refusal = |dir: &Path| find_with("ROSTER_PG_BIN", dir.into(), None).unwrap_err().to_string();
        let empty = tempfile::tempdir().unwrap();
        assert!(refusal(empty.path()).contains("there is no `initdb` in it"));
        assert!(refusal(installation("13.4").path()).contains("PostgreSQL 13 is too old"));
        assert!(refusal(installation("").path()).contains("--version"));
    }

    #[test]
    fn the_remedy_is_the_systems_own_command() {
        assert_eq!(remedy_for("NAME=x\nID=ubuntu\nID_LIKE=debian"), "apt-get install -y postgresql");
        assert_eq!(
            remedy_for("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\""),
            "dnf install -y postgresql-server"
        );
        assert_eq!(remedy_for("ID=alpine"), "apk add postgresql");
    }
}
