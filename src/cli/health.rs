use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::Common;

/// Check whether a running Roster is ready; exit status 0 if it is. For health checks of containers.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  roster health\n  roster health --url http://127.0.0.1:8080")]
pub(super) struct Health {
    /// Its URL for HTTP [default: the port of server.http on this machine]
    #[arg(long)]
    url: Option<String>,
}

impl Health {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let base = if let Some(url) = self.url {
            url
        } else {
            let http = common.settings()?.server.http;
            format!("http://127.0.0.1:{}", http.context("server.http is off: set the URL with --url")?.port())
        };
        let url = format!("{}/health/ready", base.trim_end_matches('/'));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        let response = client.get(&url).send().await.with_context(|| format!("no response from {url}"))?;
        if !response.status().is_success() {
            bail!("not ready: {url} responds with {}", response.status());
        }
        println!("ready");
        Ok(())
    }
}
