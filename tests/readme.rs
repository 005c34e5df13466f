//! The commands of README.md, as they are written. `cargo`, `roster` and `curl` are scripts in front of the programs:
//! they choose free ports, a directory of data and the database, where README.md has fixed ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should show where")]

mod process;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use embedded_postgres::{EmbeddedPostgres, Options, Storage};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use process::{Serving, roster};
use serde_json::{Value, json};

/// The beginnings of the blocks.
const DEV: &str = "cargo run -- dev";
const PATCH: &str = "curl -X PATCH";
const CONTAINERS: &str = "docker compose up";
const SDK: &str = "import { ManagementClient }";
const EPHEMERAL: &str = "roster dev --ephemeral";
const SEARCH: &str = "search() {";
const PRODUCTION: &str = "cat > acme.toml";

/// A fenced block: its info string and its text.
struct Block {
    info: String,
    text: String,
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn blocks() -> Vec<Block> {
    let readme = readme();
    let fenced = readme.split("\n```").skip(1).step_by(2);
    let block = |text: &str| {
        let (info, text) = text.split_once('\n').unwrap();
        Block { info: info.to_owned(), text: text.to_owned() }
    };
    fenced.map(block).collect()
}

fn block(start: &str) -> String {
    let found: Vec<Block> = blocks().into_iter().filter(|block| block.text.starts_with(start)).collect();
    assert_eq!(found.len(), 1, "one block starts with {start}");
    found[0].text.clone()
}

#[expect(clippy::explicit_write, reason = "the macro's output is captured, and shown for failed tests only")]
fn skip(what: &str) {
    writeln!(std::io::stderr(), "\n!! SKIPPED: {what}").unwrap();
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[test]
fn every_block_is_run_by_a_test() {
    let known = [
        (DEV, "sh"),
        (PATCH, "sh"),
        (CONTAINERS, "sh engine"),
        (SDK, "js npm"),
        (EPHEMERAL, "sh"),
        (SEARCH, "sh"),
        (PRODUCTION, "sh"),
    ];
    for Block { info, text } in blocks() {
        let block = known.iter().find(|(start, _)| text.starts_with(start));
        assert_eq!(block.map(|(_, info)| *info), Some(&*info), "no test runs this block: {text}");
    }
    skip("the block of README.md that needs a container engine: .ci/compose runs it");
}

/// A directory in which commands of README.md run.
struct Shell {
    dir: tempfile::TempDir,
    /// The database in place of the one that README.md names.
    database: String,
    /// The port in place of 8080.
    port: String,
}

impl Shell {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The user of PostgreSQL enters it, also if root runs the tests.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let shell = Self { dir, database: String::new(), port: "8080".to_owned() };
        std::os::unix::fs::symlink(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("config"),
            shell.path("config"),
        )
        .unwrap();
        fs::create_dir(shell.path("bin")).unwrap();
        shell.script("cargo", r#"[ "$1 $2" = "run --" ] && shift 2 && exec roster "$@""#);
        shell.script(
            "roster",
            r#"[ "$ROSTER__DATABASE__URL" = postgres://roster:PASSWORD@HOST/roster ] && export ROSTER__DATABASE__URL="$DATABASE"
               case "$*" in
                   dev) set -- dev --data-dir "$DATA" --http 127.0.0.1:0 --https 127.0.0.1:0 ;;
                   serve) set -- serve --http 127.0.0.1:0 ;;
               esac
               exec "$ROSTER" "$@""#,
        );
        shell.script(
            "curl",
            r#"PATH=${PATH#*:} exec curl --connect-to "127.0.0.1:8080:127.0.0.1:$PORT" "$@""#,
        );
        shell
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, text: &str) -> Command {
        // The settings of this process are removed as for other commands.
        let settings = roster(&[]);
        let mut command = Command::new("bash");
        for (name, _) in settings.get_envs().filter(|(_, value)| value.is_none()) {
            command.env_remove(name);
        }
        let path = std::env::var("PATH").unwrap();
        command.args(["-e", "-u", "-o", "pipefail", "-c", text]).current_dir(self.dir.path());
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("ROSTER", env!("CARGO_BIN_EXE_roster")).env("DATA", self.path("data"));
        command.env("PORT", &self.port).env("DATABASE", &self.database);
        command
    }

    fn run(&self, text: &str) -> Output {
        let output = self.command(text).output().unwrap();
        assert!(output.status.success(), "{text}:\n{}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

/// Commands in a process group of their own, which a signal stops as Ctrl-C does.
struct Group(Child);

impl Group {
    fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    fn stop(mut self, signal: Signal) {
        killpg(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
        assert_eq!(self.0.wait().unwrap().code(), Some(0), "{signal}");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Without an effect after a stop.
        let _ = killpg(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM);
    }
}

/// The lines up to one that contains a text.
fn lines_until(output: impl std::io::Read, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        lines.push(line.unwrap());
        if lines[lines.len() - 1].contains(text) {
            return lines;
        }
    }
    panic!("no line with {text:?}: {}", lines.join("\n"));
}

#[test]
fn quick_start_and_searches_work_in_the_order_of_the_page() {
    if !is_installed("curl") {
        return skip("the quick start of README.md: curl is not installed");
    }
    let mut shell = Shell::new();
    let mut dev = Group::start(shell.command(&block(DEV)).stdout(Stdio::piped()).stderr(Stdio::null()));
    let printed = lines_until(dev.0.stdout.take().unwrap(), "Ctrl-C stops it");
    let url = printed.iter().find_map(|line| line.trim().strip_prefix("HTTP ")).unwrap();
    shell.port = url.rsplit(':').next().unwrap().to_owned();
    let is_command =
        |line: &&String| ["  TOKEN=", "  JANE=", "  curl "].iter().any(|start| line.starts_with(start));
    let commands: Vec<&str> = printed.iter().filter(is_command).map(String::as_str).collect();
    assert_eq!(commands.len(), 3, "{printed:#?}");

    let text = format!("{}\n{}\n{}", commands.join("\n"), block(PATCH), block(SEARCH));
    let output = shell.run(&text);
    let answers: Vec<Value> =
        serde_json::Deserializer::from_slice(&output.stdout).into_iter().map(Result::unwrap).collect();
    let searches = block(SEARCH).lines().filter(|line| line.starts_with("search '")).count();
    assert_eq!(answers.len(), 2 + searches, "an answer of each command: {answers:#?}");
    let jane = answers[0]["user_id"].as_str().unwrap_or_else(|| panic!("{}", answers[0]));
    let home = json!({ "home": "123 Main Street, Anytown, ST 12345" });
    assert_eq!(answers[0]["user_metadata"], json!({ "hobby": "surfing", "addresses": home }));
    assert_eq!(answers[1]["user_metadata"], json!({ "color": "blue", "addresses": home }));
    for (search, answer) in
        block(SEARCH).lines().filter(|line| line.starts_with("search '")).zip(&answers[2..])
    {
        let users =
            answer.as_array().or(answer["users"].as_array()).unwrap_or_else(|| panic!("{search}: {answer}"));
        assert!(users.iter().any(|user| user["user_id"] == jane), "{search} does not find Jane: {answer}");
    }
    dev.stop(Signal::SIGINT);
}

#[test]
fn ephemeral_dev_prints_the_keys_that_the_page_lists() {
    let shell = Shell::new();
    let mut dev = Group::start(shell.command(&block(EPHEMERAL)).stdout(Stdio::piped()).stderr(Stdio::null()));
    let line = lines_until(dev.0.stdout.take().unwrap(), "{").remove(0);
    let ready: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
    let readme = readme();
    let list = readme.split("when it is ready:").nth(1).and_then(|rest| rest.split('.').next()).unwrap();
    let mut listed: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    listed.sort_unstable();
    let mut keys: Vec<&str> = ready.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, listed);
    dev.stop(Signal::SIGTERM);
}

#[tokio::test]
async fn production_commands_make_a_tenant_that_is_served() {
    if !is_installed("openssl") {
        return skip("the production commands of README.md: openssl is not installed");
    }
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }).unwrap();
    let mut shell = Shell::new();
    shell.database = postgres.url();
    let credentials = shell.path("credentials");
    let mut command = shell.command(&block(PRODUCTION));
    let mut serving =
        Serving::start(command.stdout(fs::File::create(&credentials).unwrap()).process_group(0));
    let printed = fs::read_to_string(&credentials).unwrap();
    let value = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name} in {printed}")).to_owned()
    };
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": value("client_id"),
        "client_secret": value("client_secret"),
        "audience": "https://auth.acme.example/api/v2/",
    });
    let request = reqwest::Client::new().post(format!("{}/oauth/token", serving.url));
    let answer = request.header("host", "auth.acme.example").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    killpg(Pid::from_raw(i32::try_from(serving.process.child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(serving.process.end(), Some(0));
}

#[test]
fn example_for_node_creates_a_user() {
    let shell = Shell::new();
    let npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "auth0"])
        .current_dir(shell.dir.path())
        .output();
    if !npm.as_ref().is_ok_and(|npm| npm.status.success()) || !is_installed("node") {
        return skip("the example of README.md for Node.js: npm cannot install the SDK");
    }
    let mut dev = Group::start(shell.command(&block(EPHEMERAL)).stdout(Stdio::piped()).stderr(Stdio::null()));
    let line = lines_until(dev.0.stdout.take().unwrap(), "{").remove(0);
    let ready: Value = serde_json::from_str(&line).unwrap();
    let ready = |key: &str| ready[key].as_str().unwrap();
    let host = ready("https_url").trim_start_matches("https://");
    fs::write(shell.path("app.mjs"), block(SDK).replace("127.0.0.1:8443", host)).unwrap();
    let mut node = shell.command("node app.mjs");
    node.env("CLIENT_ID", ready("client_id")).env("CLIENT_SECRET", ready("client_secret"));
    let output = node.env("NODE_EXTRA_CA_CERTS", ready("ca_file")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("plan: 'full'"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    dev.stop(Signal::SIGTERM);
}
