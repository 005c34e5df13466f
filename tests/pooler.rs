//! pgbouncer between Roster and PostgreSQL. `serve` starts only where a session is its own, with the settings of its
//! start; otherwise it ends with a sentence that says what to change.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use embedded_postgres::{EmbeddedPostgres, Options, Storage};

struct Pgbouncer {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pgbouncer {
    fn start(program: &str, socket: &str, pool_mode: &str, ignored: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\npostgres = host={socket} dbname=postgres user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {pool_mode}\nignore_startup_parameters = extra_float_digits{ignored}\n"
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        // pgbouncer refuses to run as root.
        if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
            assert!(
                Command::new("chmod").args(["-R", "a+rX"]).arg(directory.path()).status().unwrap().success()
            );
            // The owner of PostgreSQL's socket may connect to it.
            let owner = Command::new("stat").args(["--format", "%U", socket]).output().unwrap().stdout;
            command.args(["-u", String::from_utf8(owner).unwrap().trim()]);
        }
        let child = command.arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, _directory: directory }
    }
}

fn roster(args: &[&str], database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
    command.args(args).env("ROSTER__DATABASE__URL", database).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("ROSTER__SECRETS__KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    command
}

#[test]
fn serve_refuses_sessions_that_are_not_its_own() {
    let Some(program) = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
        .into_iter()
        .find(|p| Path::new(p).exists())
    else {
        eprintln!("!! SKIPPED: pgbouncer is not installed (apt install pgbouncer)");
        return;
    };
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }).unwrap();
    let direct = postgres.url();
    assert!(roster(&["migrate"], &direct).output().unwrap().status.success());
    let socket = direct.split_once("host=").unwrap().1.split('&').next().unwrap();
    let socket = percent_encoding::percent_decode_str(socket).decode_utf8().unwrap();
    for (pool_mode, ignored, reason) in [
        ("transaction", ",options", "shares sessions between clients"),
        ("session", ",options", "do not have the settings of their start"),
        ("session", "", "unsupported startup parameter: options"),
    ] {
        let pgbouncer = Pgbouncer::start(program, &socket, pool_mode, ignored);
        let database = format!("postgres://postgres@127.0.0.1:{}/postgres", pgbouncer.port);
        let ended = roster(&["serve", "--http", "127.0.0.1:0"], &database).output().unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success());
        assert!(
            error.contains(reason) && error.contains("connect to PostgreSQL directly"),
            "{pool_mode}: {error}"
        );
    }
}
