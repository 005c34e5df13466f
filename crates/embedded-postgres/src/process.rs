//! Signals, and the server processes that an ended launcher process left behind.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Interval of checks for a change of a process.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Sends `signal`, or checks for the process with `None`. False if the process does not exist or belongs to
/// another user.
pub(crate) fn send_signal(pid: u32, signal: impl Into<Option<Signal>>) -> bool {
    // `kill` addresses a process group for ids of zero and below.
    i32::try_from(pid).is_ok_and(|pid| pid > 0 && kill(Pid::from_raw(pid), signal).is_ok())
}

/// Polls `condition`; false after `timeout`.
pub(crate) fn wait_until(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > timeout {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
    true
}

/// Makes the kernel send `signal` to the child when the spawning thread ends, even by a `kill -9`.
#[cfg(target_os = "linux")]
pub(crate) fn signal_on_parent_death(command: &mut Command, signal: Signal) {
    use nix::{errno::Errno, sys::prctl::set_pdeathsig, unistd::getppid};
    use std::os::unix::process::CommandExt;

    let parent = Pid::from_raw(std::process::id().cast_signed());
    #[expect(unsafe_code, reason = "a parent-death signal can only be set in the child")]
    // SAFETY: `prctl` and `getppid` are async-signal-safe, and the closure does not allocate. It runs after
    // the change of user, which resets the parent-death signal.
    unsafe {
        command.pre_exec(move || {
            set_pdeathsig(signal)?;
            // The parent may have ended before the call.
            if getppid() == parent { Ok(()) } else { Err(Errno::EPIPE.into()) }
        });
    }
}

/// Only Linux has a parent-death signal. Elsewhere the next start stops the server that was left behind.
#[cfg(not(target_os = "linux"))]
pub(crate) fn signal_on_parent_death(_: &mut Command, _: Signal) {}

/// Stops the postmaster that an earlier process left on `pgdata`: with `signal`, then with stronger ones.
/// The caller holds the lock of the directory, so the postmaster has no owner.
pub(crate) fn stop_abandoned_server(pgdata: &Path, signal: Signal) {
    let path = pgdata.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&path) else { return };
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse().ok()) else { return };
    for signal in [signal, Signal::SIGQUIT, Signal::SIGKILL] {
        let stopped = || !is_server_of(pid, pgdata);
        if stopped() {
            break;
        }
        send_signal(pid, signal);
        if wait_until(Duration::from_secs(10), stopped) {
            return;
        }
    }
    // After a reboot or in a new container the id may belong to an unrelated process, which PostgreSQL would
    // mistake for a running server.
    if send_signal(pid, None) && !is_server_of(pid, pgdata) {
        let _ = fs::remove_file(&path);
    }
}

/// Kills the server processes that a killed postmaster left on `pgdata`. A busy backend does not notice the
/// death of its postmaster and blocks the next start.
pub(crate) fn kill_orphans(pgdata: &Path) {
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok())
            && is_server_of(pid, pgdata)
        {
            send_signal(pid, Signal::SIGKILL);
        }
    }
}

/// Whether process `pid` is a server process of the cluster in `pgdata`.
fn is_server_of(pid: u32, pgdata: &Path) -> bool {
    if cfg!(target_os = "linux") {
        // All server processes work in that directory, but so may a developer's shell. The name of the
        // executable is not compared in full, since some distributions wrap it (`.postgres-wrapped`).
        let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        return cwd.is_ok_and(|cwd| cwd == pgdata) && name.is_ok_and(|name| name.contains("postgres"));
    }
    let ps = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    ps.is_ok_and(|ps| String::from_utf8_lossy(&ps.stdout).contains(&*pgdata.to_string_lossy()))
}
