use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::Common;

/// Ask a running Roster whether it is ready; exit status 0 if it is. For health checks of containers.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  roster health\n  roster health --url http://127.0.0.1:8080")]
pub(super) struct Health {
    /// Where it serves HTTP [default: the port of server.http on this machine]
    #[arg(long)]
    url: Option<String>,
}

impl Health {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let base = if let Some(url) = self.url {
            url
        } else {
            let http = common.settings()?.server.http;
            format!(
                "http://127.0.0.1:{}",
                http.context("server.http is off: say where to ask with --url")?.port()
            )
        };
        let url = format!("{}/health/ready", base.trim_end_matches('/'));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        let answer = client.get(&url).send().await.with_context(|| format!("nobody answers at {url}"))?;
        if !answer.status().is_success() {
            bail!("not ready: {url} answers {}", answer.status());
        }
        println!("ready");
        Ok(())
    }
}
