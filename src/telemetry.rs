//! The program's own log: lines on the standard error, for people on a terminal and as JSON everywhere else.
//!
//! JSON lines of `info` and below wait for up to [`TICK`], so that a busy server writes many of them at once: a write for
//! each request costs about a tenth of what a read of a user costs in all. Warnings and errors are written at once, with
//! all that waits before them.

use std::io::{self, IsTerminal, Write, stderr};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::LogFormat;

/// Starts logging, once a process. `RUST_LOG` goes before `filter`; times are in UTC.
///
/// # Errors
/// A filter that cannot be read, or a second call.
pub fn init(format: Option<LogFormat>, filter: &str) -> anyhow::Result<()> {
    let filter =
        std::env::var("RUST_LOG").ok().filter(|own| !own.is_empty()).unwrap_or_else(|| filter.to_owned());
    let filter =
        EnvFilter::try_new(&filter).with_context(|| format!("the log filter {filter:?} cannot be read"))?;
    let terminal = stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(terminal);
    match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => lines.with_writer(stderr).compact().try_init(),
        LogFormat::Json => {
            thread::Builder::new().name("log".into()).spawn(|| LINES.write_in_turn())?;
            lines.with_writer(&LINES).json().flatten_event(true).try_init()
        }
    }
    .map_err(|error| anyhow!(error).context("logging was started before"))
}

/// Writes what still waits; to be called before the process ends.
pub fn flush() {
    Lines::write(&mut LINES.waiting());
}

/// How long a line may wait.
const TICK: Duration = Duration::from_millis(20);

static LINES: Lines = Lines { waiting: Mutex::new(Vec::new()), came: Condvar::new() };

/// Lines that wait to be written together.
struct Lines {
    waiting: Mutex<Vec<u8>>,
    came: Condvar,
}

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock, so that lines stay in their order.
    fn write(waiting: &mut Vec<u8>) {
        // Nobody is left to be told if the standard error is gone.
        let _ = stderr().write_all(waiting);
        waiting.clear();
    }

    fn write_in_turn(&self) {
        loop {
            drop(self.came.wait_while(self.waiting(), |waiting| waiting.is_empty()));
            thread::sleep(TICK);
            Self::write(&mut self.waiting());
        }
    }
}

/// One line on its way.
struct Line {
    urgent: bool,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = LINES.waiting();
        if waiting.is_empty() && !self.urgent {
            LINES.came.notify_one();
        }
        waiting.extend_from_slice(line);
        if self.urgent {
            Lines::write(&mut waiting);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for &Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { urgent: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { urgent: *meta.level() <= Level::WARN }
    }
}
