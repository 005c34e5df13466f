use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use embedded_postgres::{EmbeddedPostgres, Options as EmbeddedOptions, Storage};
use serde::Serialize;
use time::OffsetDateTime;

use super::{Common, service, tenant, tls};
use crate::auth;
use crate::base::vault::Vault;
use crate::db::{self, migrate};
use crate::mail::Sender;
use crate::oauth;
use crate::server::{self, Running, Sockets};
use crate::settings::Settings;
use crate::tenancy;
use crate::tenant_files::model::{TenantConfig, built_in_dev, read_directory};

/// Run everything on this machine: a private PostgreSQL, the tenants of config/tenants, HTTP and HTTPS.
///
/// Data survives restarts unless --ephemeral is given. Ctrl-C stops everything.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  roster dev\n  roster dev --ephemeral --http 127.0.0.1:0 --https 127.0.0.1:0 --json   # for the tests of an application"
)]
pub(super) struct Dev {
    /// Keep no data: a throwaway database in memory, ready in well under a second
    #[arg(long, conflicts_with = "data_dir")]
    ephemeral: bool,
    /// Directory of the data [default: ~/.local/share/roster; /var/lib/roster for root]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address for HTTP; port 0 for any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Address for HTTPS; port 0 for any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    https: SocketAddr,
    /// Print one line of JSON when ready, for scripts
    #[arg(long)]
    json: bool,
    /// Do not download PostgreSQL if this machine has none
    #[arg(long)]
    no_download: bool,
}

/// The output of `roster dev`.
#[derive(Serialize)]
struct Ready {
    url: String,
    https_url: String,
    ca_file: PathBuf,
    tenant: String,
    audience: String,
    client_id: String,
    client_secret: String,
    token: String,
    database_url: String,
    data_dir: Option<PathBuf>,
    pid: u32,
    postgres_pid: u32,
}

impl Dev {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let mut settings = common.settings()?;
        settings.server.shutdown_timeout = settings.server.shutdown_timeout.min(Duration::from_secs(5));
        let sender = service::mail_sender(&settings)?.unwrap_or(Sender::Log);
        let stop = service::stop_signal()?;
        tokio::pin!(stop);
        let configs = configs(&settings.tenants.directory)?;
        let embedded = tokio::select! {
            embedded = self.postgres() => embedded?,
            // Unfinished work ends with the process; the next start cleans up.
            () = &mut stop => return Ok(()),
        };
        // Ctrl-C during the start stops the database, too.
        let served = tokio::select! {
            served = self.serve(&settings, &configs, &embedded) => served,
            () = &mut stop => {
                tokio::task::spawn_blocking(move || embedded.stop()).await?;
                return Ok(());
            }
        };
        let (app, running, ready) = match served {
            Ok(served) => served,
            Err(error) => {
                tokio::task::spawn_blocking(move || embedded.stop()).await?;
                return Err(error);
            }
        };
        if self.json {
            println!("{}", serde_json::to_string(&ready)?);
        } else {
            Self::banner(&ready);
        }
        let result = service::run(running, &app, Some(sender), stop).await;
        tokio::task::spawn_blocking(move || embedded.stop()).await?;
        result
    }

    async fn postgres(&self) -> anyhow::Result<EmbeddedPostgres> {
        let storage = if self.ephemeral {
            Storage::Ephemeral
        } else {
            Storage::Durable { dir: self.data_dir.clone().map_or_else(default_data_dir, Ok)? }
        };
        let options = EmbeddedOptions { storage, download: !self.no_download };
        Ok(tokio::task::spawn_blocking(move || EmbeddedPostgres::start(options)).await??)
    }

    async fn serve(
        &self,
        settings: &Settings,
        configs: &[TenantConfig],
        embedded: &EmbeddedPostgres,
    ) -> anyhow::Result<(Arc<crate::app::App>, Running, Ready)> {
        let directory = embedded.dir();
        let now = OffsetDateTime::now_utc();
        let database = db::Options {
            max_connections: settings.database.pool_size(),
            acquire_timeout: settings.database.acquire_timeout,
            statement_timeout: settings.database.statement_timeout,
            ..db::Options::new(embedded.url())
        };
        migrate::run(&database).await?;
        let chosen = configs
            .iter()
            .find(|c| c.loopback)
            .or(configs.first())
            .ok_or_else(|| anyhow!("no tenant file"))?;
        let app = service::app(settings, &database, vault(directory)?, Some(chosen.name.clone()))?;
        tenant::apply(&app, configs, "dev").await?;
        let hosts: Vec<String> = configs.iter().flat_map(|c| c.hosts.iter().cloned()).collect();
        let local = tls::Local::in_directory(&directory.join("tls"), &hosts, now)?;
        let sockets = Sockets {
            http: Some(self.http),
            https: Some((self.https, local.config()?)),
            workers: settings.server.workers,
            keep_alive: settings.server.keep_alive,
            header_timeout: settings.server.header_timeout,
            shutdown_timeout: settings.server.shutdown_timeout,
            write_timeout: settings.server.write_timeout,
        };
        let running = server::start(Arc::clone(&app), sockets)?;
        let client = tenant::provisioner(&app, "dev").management_client(&chosen.name).await?;
        let (client_id, client_secret) = client.map(|c| (c.client_id, c.client_secret)).unwrap_or_default();
        let found = tenancy::by_name(&app.db, &app.vault, &chosen.name)
            .await?
            .ok_or_else(|| tenant::unknown(&chosen.name))?;
        let token =
            oauth::mint(&found, "roster-dev", auth::scopes::ALL, found.token_lifetime, now.unix_timestamp())?;
        let at = |scheme: &str, address: Option<SocketAddr>| {
            let authority = |a: SocketAddr| {
                if a.ip().is_unspecified() { format!("localhost:{}", a.port()) } else { a.to_string() }
            };
            address.map(|a| format!("{scheme}://{}", authority(a))).unwrap_or_default()
        };
        let https_url = at("https", running.https);
        let ready = Ready {
            url: at("http", running.http),
            audience: format!("{https_url}/api/v2/"),
            https_url,
            ca_file: local.ca,
            tenant: chosen.name.clone(),
            client_id,
            client_secret,
            token,
            database_url: embedded.url(),
            data_dir: (!self.ephemeral).then(|| directory.to_owned()),
            pid: std::process::id(),
            postgres_pid: embedded.pid(),
        };
        Ok((app, running, ready))
    }

    fn banner(ready: &Ready) {
        let Ready {
            url,
            https_url,
            ca_file,
            tenant,
            audience,
            client_id,
            client_secret,
            database_url,
            data_dir,
            ..
        } = ready;
        let data = data_dir
            .as_ref()
            .map_or_else(|| "in memory, until this process ends".to_owned(), |d| d.display().to_string());
        let ca = ca_file.display();
        println!(
            r#"
Roster is ready.

  HTTP            {url}
  HTTPS           {https_url}
  tenant          {tenant}
  audience        {audience}
  client_id       {client_id}
  client_secret   {client_secret}
  data            {data}
  database        {database_url}
  CA certificate  {ca}
                  trust it: export NODE_EXTRA_CA_CERTS={ca} SSL_CERT_FILE={ca} REQUESTS_CA_BUNDLE={ca}

Try it in another terminal: a token, Jane Doe, her home address.

  TOKEN=$(curl -s {url}/oauth/token -H 'content-type: application/json' -d '{{"grant_type":"client_credentials","client_id":"{client_id}","client_secret":"{client_secret}","audience":"{audience}"}}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  JANE=$(curl -s {url}/api/v2/users -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{{"connection":"Username-Password-Authentication","email":"jane.doe+'$(date +%s)'@example.com","name":"Jane Doe","password":"Correct-Horse-1","user_metadata":{{"hobby":"surfing"}},"app_metadata":{{"plan":"full"}}}}' | sed 's/.*"user_id":"\(auth0|[^"]*\)".*/\1/')
  curl -s -X PATCH {url}/api/v2/users/$JANE -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{{"user_metadata":{{"addresses":{{"home":"123 Main Street, Anytown, ST 12345"}}}}}}'

Ctrl-C stops it.
"#
        );
    }
}

/// The tenant files of the directory, or else the built-in one.
fn configs(directory: &Path) -> anyhow::Result<Vec<TenantConfig>> {
    let configs = read_directory(directory)?;
    Ok(if configs.is_empty() { vec![built_in_dev()] } else { configs })
}

/// The vault of this directory's database. Its key is generated once.
fn vault(directory: &Path) -> anyhow::Result<Vault> {
    let path = directory.join("secrets.key");
    if !path.exists() {
        tls::write_private(&path, &Vault::generate_key())?;
    }
    Vault::new(&fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?)
}

fn default_data_dir() -> anyhow::Result<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        // The user that PostgreSQL runs as cannot enter root's home.
        return Ok(PathBuf::from("/var/lib/roster"));
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    base.map(|base| base.join("roster")).ok_or_else(|| {
        anyhow!("neither HOME nor XDG_DATA_HOME is set: set the directory of the data with --data-dir")
    })
}
