use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Subcommand;

use super::{Common, service};
use crate::app::App;
use crate::journal::Author;
use crate::tenancy;
use crate::tenant_files::Provisioner;
use crate::tenant_files::model::{TenantConfig, read_file};

/// List, show and apply tenants.
#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// List all tenants, one on each line: name, domain, time of creation
    #[command(after_help = "Example:\n  roster tenant list")]
    List,
    /// Show a tenant as JSON, without its secrets
    #[command(after_help = "Example:\n  roster tenant show dev")]
    Show {
        /// The tenant's name
        name: String,
    },
    /// Create a tenant from its file, or set the keys that the file names
    ///
    /// Applying a file twice changes nothing. Keys that the file does not name are left as they are.
    #[command(
        after_help = "Example:\n  roster tenant apply config/tenants/dev.toml\n  eval \"$(roster tenant apply acme.toml --show-credentials)\"   # sets client_id and client_secret"
    )]
    Apply {
        /// A tenant file, see config/tenants/dev.toml
        file: PathBuf,
        /// Print the id and secret of the client that manages the tenant, as assignments of a shell
        #[arg(long)]
        show_credentials: bool,
    },
}

impl Tenant {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let settings = common.settings()?;
        let database = service::database(&settings)?;
        service::check_schema(&database).await?;
        match self {
            Self::List => {
                let db = crate::db::Db::open(&database, crate::server::COMPONENTS)?;
                let mut after = String::new();
                loop {
                    let page = tenancy::list(&db, &after).await.context("cannot list the tenants")?;
                    for tenant in &page {
                        println!(
                            "{}\t{}\t{}",
                            tenant.name,
                            tenant.domain,
                            crate::base::timestamp::timestamp(tenant.created_at)
                        );
                    }
                    match page.last() {
                        Some(last) => after.clone_from(&last.name),
                        None => return Ok(()),
                    }
                }
            }
            Self::Show { name } => {
                let db = crate::db::Db::open(&database, crate::server::COMPONENTS)?;
                let shown = tenancy::show(&db, &name).await?.ok_or_else(|| unknown(&name))?;
                println!("{}", serde_json::to_string_pretty(&shown)?);
            }
            Self::Apply { file, show_credentials } => {
                let config = read_file(&file)?;
                let app = service::app(&settings, &database, service::vault(&settings)?, None)?;
                let provisioner = provisioner(&app, "tenant apply");
                print_report(&config, &provisioner.apply(&config).await?);
                if show_credentials && let Some(client) = provisioner.management_client(&config.name).await? {
                    println!("client_id={}", quoted(&client.client_id));
                    println!("client_secret={}", quoted(&client.client_secret));
                }
            }
        }
        Ok(())
    }
}

/// The error for an unknown tenant.
pub(super) fn unknown(name: &str) -> anyhow::Error {
    anyhow!(
        "no tenant {name}. List the tenants with: roster tenant list. Create one with: roster tenant apply FILE"
    )
}

/// A provisioner whose author is a command.
pub(super) fn provisioner<'a>(app: &'a App, command: &str) -> Provisioner<'a> {
    Provisioner { db: &app.db, vault: &app.vault, author: Author::command(command) }
}

/// Prints the changes on standard error: standard output has the credentials alone.
fn print_report(config: &TenantConfig, report: &[String]) {
    if report.is_empty() {
        eprintln!("tenant {}: nothing to change", config.name);
    }
    for line in report {
        eprintln!("{line}");
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Applies tenant files and logs the changes.
pub(super) async fn apply(app: &App, configs: &[TenantConfig], command: &str) -> anyhow::Result<()> {
    for config in configs {
        let report = provisioner(app, command)
            .apply(config)
            .await
            .with_context(|| format!("tenant {}", config.name))?;
        for line in report {
            tracing::debug!(tenant = config.name, "{line}");
        }
    }
    Ok(())
}
