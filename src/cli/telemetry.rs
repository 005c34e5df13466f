//! The program's log on standard error: text on a terminal, JSON elsewhere.
//!
//! JSON lines of `info` and below are buffered for up to `FLUSH_INTERVAL`, so that a busy server writes
//! many lines at once: a write for each request costs about a tenth of the time of a user read. Warnings and
//! errors are written immediately, after the buffered lines.

use std::io::{self, IsTerminal, Write, stderr};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::LogFormat;

/// Starts the log, once for each process. `RUST_LOG` overrides `filter`. Times are in UTC.
///
/// # Errors
/// An invalid filter, or a second call.
pub(super) fn init(format: Option<LogFormat>, filter: &str) -> anyhow::Result<()> {
    let filter = std::env::var("RUST_LOG")
        .ok()
        .filter(|filter| !filter.is_empty())
        .unwrap_or_else(|| filter.to_owned());
    // actix logs an ERROR for each request that is not valid HTTP, which any client can send. Its response has a line.
    let filter = if filter.contains(DISPATCHER) { filter } else { format!("{filter},{DISPATCHER}=off") };
    let filter = EnvFilter::try_new(&filter).with_context(|| format!("invalid log filter {filter:?}"))?;
    let terminal = stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(terminal);
    match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => lines.with_writer(stderr).compact().try_init(),
        LogFormat::Json => {
            thread::Builder::new().name("log".into()).spawn(|| LINES.flush_periodically())?;
            lines.with_writer(&LINES).json().flatten_event(true).try_init()
        }
    }
    .map_err(|error| anyhow!(error).context("the log was started before"))
}

const DISPATCHER: &str = "actix_http";

/// Writes the buffered lines. To be called before the process ends.
pub(super) fn flush() {
    Lines::write(&mut LINES.lock());
}

/// Longest time that a line is buffered.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);

static LINES: Lines = Lines { buffer: Mutex::new(Vec::new()), is_filled: Condvar::new() };

/// Buffered lines.
struct Lines {
    buffer: Mutex<Vec<u8>>,
    /// Notified when an empty buffer gets its first line.
    is_filled: Condvar,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes under the lock, which keeps the order of the lines.
    fn write(buffer: &mut Vec<u8>) {
        // A failure of standard error cannot be reported anywhere.
        let _ = stderr().write_all(buffer);
        buffer.clear();
    }

    fn flush_periodically(&self) {
        loop {
            drop(self.is_filled.wait_while(self.lock(), |buffer| buffer.is_empty()));
            thread::sleep(FLUSH_INTERVAL);
            Self::write(&mut self.lock());
        }
    }
}

/// Writes one line.
struct Line {
    urgent: bool,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut buffer = LINES.lock();
        if buffer.is_empty() && !self.urgent {
            LINES.is_filled.notify_one();
        }
        buffer.extend_from_slice(line);
        if self.urgent {
            Lines::write(&mut buffer);
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
