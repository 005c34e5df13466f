use clap::Subcommand;

use super::Common;
use crate::tenant_files::model::read_directory;

/// Check the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Check all files and environment variables and report every mistake at once
    #[command(
        after_help = "Example:\n  roster config check\n  roster --config-dir /etc/roster --env production config check"
    )]
    Check,
}

impl Config {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<()> {
        let Self::Check = self;
        let settings = common.settings();
        let directory = settings
            .as_ref()
            .map_or_else(|_| common.config_dir.join("tenants"), |s| s.tenants.directory.clone());
        let tenants = read_directory(&directory);
        // Reports the mistakes of both.
        let (settings, tenants) = match (settings, tenants) {
            (Ok(settings), Ok(tenants)) => (settings, tenants),
            (Err(one), Err(other)) => anyhow::bail!("{one:#}\n{other}"),
            (Err(error), Ok(_)) => return Err(error),
            (Ok(_), Err(error)) => return Err(error.into()),
        };
        settings.check_tls()?;
        println!(
            "the configuration is valid: environment {}, {} tenant files in {}",
            common.env,
            tenants.len(),
            directory.display()
        );
        Ok(())
    }
}
