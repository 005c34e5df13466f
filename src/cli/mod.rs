//! The command line: one file a subcommand.

mod config;
mod dev;
mod health;
mod keys;
mod migrate;
mod search;
mod serve;
mod service;
mod telemetry;
mod tenant;
mod tls;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::{Flag, Settings};

/// A self-hosted identity store that speaks Auth0's API.
///
/// For local development: `roster dev`.
/// In production: `roster migrate`, `roster tenant apply`, `roster serve`.
#[derive(Debug, Parser)]
#[command(name = "roster", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// The options of all subcommands.
#[derive(Debug, Args)]
struct Common {
    /// Directory of the configuration files
    #[arg(long, global = true, env = "ROSTER_CONFIG_DIR", default_value = "config", value_name = "DIR")]
    config_dir: PathBuf,
    /// Environment: the file of the configuration directory that overrides default.toml
    #[arg(long, global = true, env = "ROSTER_ENV", default_value = "development", value_name = "NAME")]
    env: String,
    /// Format of log lines; by default text on a terminal and JSON elsewhere
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<Format>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Common {
    /// Loads the settings and starts the log.
    fn settings(&self) -> anyhow::Result<Settings> {
        self.settings_with(Vec::new())
    }

    /// The same with flags of the subcommand.
    fn settings_with(&self, mut flags: Vec<Flag>) -> anyhow::Result<Settings> {
        let format = self.log_format.map(|format| match format {
            Format::Text => "text",
            Format::Json => "json",
        });
        flags.extend(format.map(|format| Flag::new("--log-format", "log.format", format)));
        let vars: Vec<_> = std::env::vars_os().collect();
        let settings = Settings::load(&self.config_dir, &self.env, &vars, &flags)?;
        telemetry::init(settings.log.format, &settings.log.filter)?;
        Ok(settings)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Dev),
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Keys(keys::Keys),
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    #[command(subcommand)]
    Search(search::Search),
    Token(token::Token),
    Health(health::Health),
}

/// Parses the command line, runs the subcommand and prints its error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Dev(dev) => dev.run(&cli.common).await,
            Command::Serve(serve) => serve.run(&cli.common).await,
            Command::Migrate(migrate) => migrate.run(&cli.common).await,
            Command::Config(config) => config.run(&cli.common),
            Command::Keys(keys) => keys.run(&cli.common).await,
            Command::Tenant(tenant) => tenant.run(&cli.common).await,
            Command::Search(search) => search.run(&cli.common).await,
            Command::Token(token) => token.run(&cli.common).await,
            Command::Health(health) => health.run(&cli.common).await,
        }
    });
    // Does not wait for password hashes whose callers are gone.
    runtime.shutdown_background();
    telemetry::flush();
    result.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("roster: {error:#}");
    ExitCode::FAILURE
}
