use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::redirect::Policy;

use super::Common;

/// Check whether a running Roster is ready; exit status 0 if it is. For health checks of containers.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  roster health   # server.http on this machine, or else server.https\n  roster health --url http://127.0.0.1:8080"
)]
pub(super) struct Health {
    /// Its URL [default: the one in --file, or else that of server.http or server.https on this machine]
    #[arg(long)]
    url: Option<String>,
    /// The --health-file of `roster serve`
    #[arg(long, value_name = "FILE", env = "ROSTER_HEALTH_FILE")]
    file: Option<PathBuf>,
}

/// Shorter than the time limit of the image's health check, so that the reason is in its log.
const TIMEOUT: Duration = Duration::from_secs(4);

impl Health {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let written = || std::fs::read_to_string(self.file.as_ref()?).ok();
        let (base, is_own) = match (&self.url, written()) {
            (Some(url), _) => (url.clone(), false),
            (None, Some(url)) => (url.trim().to_owned(), true),
            (None, None) => {
                let server = common.settings()?.server;
                let url = own_url(server.http, server.https);
                (url.context("neither server.http nor server.https has an address")?, true)
            }
        };
        let url = format!("{}/health/ready", base.trim_end_matches('/'));
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(Policy::none())
            // This machine's own certificate is for the hosts of its tenants, not for the address asked here, and
            // the request has no secret. Without verification the client needs no root certificates either.
            .tls_danger_accept_invalid_certs(is_own || !url.starts_with("https:"))
            .build()?;
        let response = client.get(&url).send().await.with_context(|| format!("no response from {url}"))?;
        if !response.status().is_success() {
            bail!("not ready: {url} responds with {}", response.status());
        }
        println!("ready");
        Ok(())
    }
}

/// The URL by which this machine reaches the addresses of its server.
fn own_url(http: Option<SocketAddr>, https: Option<SocketAddr>) -> Option<String> {
    let (scheme, address) = http.map(|a| ("http", a)).or(https.map(|a| ("https", a)))?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(format!("{scheme}://{}", SocketAddr::new(ip, address.port())))
}

/// Writes the URL for the health check. A file system that cannot be written leaves it to the settings.
pub(super) fn write_url(file: &Path, http: Option<SocketAddr>, https: Option<SocketAddr>) {
    let url = own_url(http, https).unwrap_or_default();
    if let Err(error) = std::fs::write(file, url) {
        tracing::info!(file = %file.display(), %error, "the URL of the health check is not written");
    }
}
