//! The program's own log: lines on the standard error, for people on a terminal and as JSON everywhere else.

use std::io::{IsTerminal, stderr};

use anyhow::{Context, anyhow};
use tracing_subscriber::EnvFilter;

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
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(terminal);
    match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Text => lines.compact().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow!(error).context("logging was started before"))
}
