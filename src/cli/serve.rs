use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::{Common, service, tenant, tls};
use crate::db::{self, migrate};
use crate::server::{self, Sockets};
use crate::settings::Flag;

/// Serve the API over a PostgreSQL database.
///
/// Needs `ROSTER__DATABASE__URL` (or `DATABASE_URL`) and `ROSTER__SECRETS__KEY`. On SIGTERM it finishes the
/// open requests and ends.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  export DATABASE_URL=postgres://roster:secret@db/roster ROSTER__SECRETS__KEY=\"$(openssl rand -base64 32)\"\n  roster serve --migrate --apply-tenants --http 0.0.0.0:8080"
)]
pub(super) struct Serve {
    /// Migrate the database first
    #[arg(long)]
    migrate: bool,
    /// Apply all files of the tenants directory first
    #[arg(long)]
    apply_tenants: bool,
    /// Use this tenant for loopback hosts (localhost, 127.0.0.1), too: for development in containers
    #[arg(long, value_name = "TENANT")]
    loopback_tenant: Option<String>,
    /// Address for plain HTTP, in place of server.http
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Address for HTTPS, in place of server.https
    #[arg(long, value_name = "ADDR")]
    https: Option<SocketAddr>,
}

/// The longest wait for a database that is starting or recovering.
const WAIT_FOR_DATABASE: Duration = Duration::from_mins(2);

impl Serve {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let http = self.http.map(|address| Flag::new("--http", "server.http", address));
        let https = self.https.map(|address| Flag::new("--https", "server.https", address));
        let settings = common.settings_with(http.into_iter().chain(https).collect())?;
        settings.check_tls()?;
        let server = &settings.server;
        if server.http.is_none() && server.https.is_none() {
            bail!("neither server.http nor server.https has an address");
        }
        let (database, vault) = (service::database(&settings)?, service::vault(&settings)?);
        db::wait(&database, WAIT_FOR_DATABASE).await?;
        if self.migrate {
            for step in migrate::run(&database).await? {
                tracing::info!(file = step.file, "migrated");
            }
        }
        service::check_schema(&database).await?;
        let https = match (server.https, &server.tls_certificate, &server.tls_private_key) {
            (Some(address), Some(certificate), Some(key)) => {
                Some((address, tls::from_files(certificate, key)?))
            }
            _ => None,
        };
        let app = service::app(&settings, &database, vault, self.loopback_tenant)?;
        if self.apply_tenants {
            tenant::apply_directory(&app, &settings.tenants.directory, "serve").await?;
        }
        let sender = service::mail_sender(&settings)?;
        if sender.is_none() {
            tracing::warn!(
                "no mail server is configured: mail stays in the queue. Set mail.smtp_url and mail.from"
            );
        }
        let stop = service::stop_signal()?;
        let sockets = Sockets {
            http: server.http,
            https,
            workers: server.workers,
            shutdown_timeout: server.shutdown_timeout,
            write_timeout: server.write_timeout,
        };
        let running = server::start(std::sync::Arc::clone(&app), sockets)?;
        let shown = |address: Option<SocketAddr>| address.map(tracing::field::display);
        tracing::info!(http = shown(running.http), https = shown(running.https), key_id = %app.vault.key_id(), "serving");
        service::run(running, &app, sender, stop).await
    }
}
