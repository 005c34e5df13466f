use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use time::OffsetDateTime;

use super::{Common, health, service, tenant, tls};
use crate::app::App;
use crate::db::{self, migrate};
use crate::mail::Sender;
use crate::server::{self, Running, Sockets};
use crate::settings::{Flag, Settings};
use crate::tenant_files::model::{TenantConfig, read_directory};

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
    /// Directory of a local certificate authority, made on the first start, in place of
    /// server.tls_certificate: for development in containers. Its certificate is for localhost and the hosts
    /// of the tenant files
    #[arg(long, value_name = "DIR")]
    local_tls: Option<PathBuf>,
    /// Address for plain HTTP, in place of server.http
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Address for HTTPS, in place of server.https
    #[arg(long, value_name = "ADDR")]
    https: Option<SocketAddr>,
    /// File that gets the URL of the health check, for `roster health`, which does not know the flags of this
    /// command
    #[arg(long, value_name = "FILE", env = "ROSTER_HEALTH_FILE")]
    health_file: Option<PathBuf>,
}

/// The longest wait for a database that is starting or recovering.
const WAIT_FOR_DATABASE: Duration = Duration::from_mins(2);

impl Serve {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        // Before anything else: process 1 of a container ignores signals without a handler.
        let stop = service::stop_signal()?;
        tokio::pin!(stop);
        let (app, running, sender) = tokio::select! {
            started = self.start(common) => started?,
            () = &mut stop => {
                tracing::info!("stopped before it served");
                return Ok(());
            }
        };
        service::run(running, &app, sender, stop).await
    }

    async fn start(self, common: &Common) -> anyhow::Result<(Arc<App>, Running, Option<Sender>)> {
        let http = self.http.map(|address| Flag::new("--http", "server.http", address));
        let https = self.https.map(|address| Flag::new("--https", "server.https", address));
        let settings = common.settings_with(http.into_iter().chain(https).collect())?;
        self.check_tls(&settings)?;
        let server = &settings.server;
        if server.http.is_none() && server.https.is_none() {
            bail!("neither server.http nor server.https has an address");
        }
        let (database, vault) = (service::database(&settings)?, service::vault(&settings)?);
        let configs = if self.apply_tenants || self.local_tls.is_some() {
            read_directory(&settings.tenants.directory)?
        } else {
            Vec::new()
        };
        let https = self.https(&settings, &configs)?;
        db::wait(&database, WAIT_FOR_DATABASE).await?;
        if self.migrate {
            for step in migrate::run(&database).await? {
                tracing::info!(file = step.file, "migrated");
            }
        }
        service::check_schema(&database).await?;
        let app = service::app(&settings, &database, vault, self.loopback_tenant)?;
        if self.apply_tenants {
            tenant::apply(&app, &configs, "serve").await?;
        }
        let sender = service::mail_sender(&settings)?;
        if sender.is_none() {
            tracing::warn!(
                "no mail server is configured: mail stays in the queue. Set mail.smtp_url and mail.from"
            );
        }
        let sockets = Sockets {
            http: server.http,
            https,
            workers: server.workers,
            keep_alive: server.keep_alive,
            header_timeout: server.header_timeout,
            shutdown_timeout: server.shutdown_timeout,
            write_timeout: server.write_timeout,
        };
        let running = server::start(Arc::clone(&app), sockets)?;
        if let Some(file) = &self.health_file {
            health::write_url(file, running.http, running.https);
        }
        let shown = |address: Option<SocketAddr>| address.map(tracing::field::display);
        tracing::info!(http = shown(running.http), https = shown(running.https), key_id = %app.vault.key_id(), "serving");
        Ok((app, running, sender))
    }

    fn check_tls(&self, settings: &Settings) -> anyhow::Result<()> {
        if self.local_tls.is_none() {
            return Ok(settings.check_tls()?);
        }
        let server = &settings.server;
        if server.https.is_none() {
            bail!("--local-tls needs an address for HTTPS: set server.https, or --https");
        }
        if server.tls_certificate.is_some() || server.tls_private_key.is_some() {
            bail!("--local-tls and server.tls_certificate exclude each other: remove one of them");
        }
        Ok(())
    }

    /// The address of HTTPS with its certificate.
    fn https(
        &self,
        settings: &Settings,
        configs: &[TenantConfig],
    ) -> anyhow::Result<Option<(SocketAddr, rustls::ServerConfig)>> {
        let server = &settings.server;
        let Some(address) = server.https else { return Ok(None) };
        let config = match (&self.local_tls, &server.tls_certificate, &server.tls_private_key) {
            (Some(directory), ..) => {
                let hosts: Vec<String> = configs.iter().flat_map(|c| c.hosts.iter().cloned()).collect();
                let local = tls::Local::in_directory(directory, &hosts, OffsetDateTime::now_utc())
                    .with_context(|| format!("the certificate authority in {}", directory.display()))?;
                tracing::info!(ca = %local.ca.display(), "HTTPS has a certificate of the local authority");
                local.config()?
            }
            (None, Some(certificate), Some(key)) => tls::from_files(certificate, key)?,
            _ => return Ok(None),
        };
        Ok(Some((address, config)))
    }
}
