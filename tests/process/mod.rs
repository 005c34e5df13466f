//! Roster as a process, for the tests of the program.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

pub(crate) const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A command of Roster, without the settings of the environment except a key.
pub(crate) fn roster(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("ROSTER_") && name != "ROSTER_PG_BIN") {
            command.env_remove(name);
        }
    }
    command.args(args).env_remove("DATABASE_URL").env("ROSTER__SECRETS__KEY", KEY);
    // A client that pauses finds its connection open, however slow the machine is.
    command.env("ROSTER__SERVER__KEEP_ALIVE", "86400");
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

/// A command whose log is read; killed on drop.
pub(crate) struct Logged {
    pub child: Child,
    log: Receiver<String>,
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Logged {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (line, log) = channel();
        // Reads on after the test lost interest: a full pipe would stop the program.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|text| drop(line.send(text))));
        Self { child, log }
    }

    /// The next line of the log with a text.
    pub(crate) fn line_with(&self, text: &str) -> String {
        let mut before = Vec::new();
        while let Ok(line) = self.log.recv() {
            if line.contains(text) {
                return line;
            }
            before.push(line);
        }
        panic!("the program ended without a line with {text:?}:\n{}", before.join("\n"));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.child.id(), signal);
    }

    /// Waits for the end of the process; its exit status.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// A running `roster serve`.
pub(crate) struct Serving {
    pub process: Logged,
    /// The URL of HTTP, on this machine.
    pub url: String,
    /// The port of HTTPS, or 0.
    pub https_port: u16,
}

impl Serving {
    /// Starts a command and waits until it serves. It logs JSON, and listens on free ports by port 0.
    pub(crate) fn start(command: &mut Command) -> Self {
        let process = Logged::start(command);
        let line: Value = serde_json::from_str(&process.line_with("\"serving\"")).unwrap();
        let port = |key: &str| line[key].as_str().and_then(|a| a.rsplit(':').next()?.parse().ok());
        let url = port("http").map_or_else(String::new, |port: u16| format!("http://127.0.0.1:{port}"));
        Self { process, url, https_port: port("https").unwrap_or_default() }
    }
}
