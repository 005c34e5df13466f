//! Tenants from files. Applying a file is idempotent: it sets the keys that the file names, whatever the API
//! changed before, and leaves everything else. A row that already has its values is not written. Defaults
//! apply to new rows only.
//!
//! A file identifies a client by `client_id` or else by name, a connection by name, and a grant by client and
//! API. A secret in the file replaces the stored one; a generated secret stays.
//!
//! One transaction applies a file, subject by subject: `tenant`, `clients`, `connections`.

mod clients;
mod connections;
pub mod model;
pub(crate) mod store;
mod tenant;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use time::OffsetDateTime;

use self::model::TenantConfig;
use crate::base::error::{Result, codes};
use crate::base::vault::{Location, Vault};
use crate::db::{Db, Tx};
use crate::journal::Author;
use crate::resources::users::erasure;

/// The changes by a file, a line each: `created client Management`.
pub type Report = Vec<String>;

/// Time limit for progress of the erasure of a deleted connection's users, when the file declares a
/// connection of that name.
const ERASURE_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause between attempts while another process erases the users.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Applies tenant files.
pub struct Provisioner<'a> {
    pub db: &'a Db,
    /// Seals signing keys and client secrets.
    pub vault: &'a Vault,
    /// The command, for the journal.
    pub author: Author,
}

/// The credentials of a client.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub client_id: String,
    pub client_secret: String,
}

impl Provisioner<'_> {
    /// Applies a file completely or not at all.
    ///
    /// # Errors
    /// A host of another tenant; a connection whose deleted predecessor still has users, without progress for
    /// a minute; more than the maximum of client metadata; the database.
    pub async fn apply(&self, config: &TenantConfig) -> Result<Report> {
        let mut deadline = Instant::now() + ERASURE_TIMEOUT;
        loop {
            match self.try_apply(config).await {
                // No instance may be running, so this process erases the predecessor's users, too.
                Err(error) if error.kind == codes::CONNECTION_BEING_DELETED && Instant::now() < deadline => {
                    if erasure::erase_due(self.db, OffsetDateTime::now_utc(), Some(&config.name)).await? {
                        deadline = Instant::now() + ERASURE_TIMEOUT;
                    } else {
                        tokio::time::sleep(RETRY_INTERVAL).await;
                    }
                }
                result => return result,
            }
        }
    }

    async fn try_apply(&self, config: &TenantConfig) -> Result<Report> {
        let mut tx = self.db.begin().await?;
        store::lock(&mut tx, &config.name).await?;
        let mut application = Application {
            tx,
            vault: self.vault,
            author: &self.author,
            tenant: &config.name,
            report: Report::new(),
        };
        let audience = application.put_tenant(config).await?;
        let client_ids = application.put_clients(&config.clients, &audience).await?;
        application.put_connections(&config.connections, &client_ids).await?;
        application.tx.commit().await?;
        Ok(application.report)
    }

    /// The oldest client with a grant for the tenant's Management API: the client of the tenant's operators.
    pub async fn management_client(&self, tenant: &str) -> Result<Option<Credentials>> {
        let Some((client_id, sealed)) = store::fetch_management_client(self.db, tenant).await? else {
            return Ok(None);
        };
        let secret = self.vault.open(&Location::Clients.row(tenant, &client_id), &sealed)?;
        Ok(Some(Credentials { client_id, client_secret: String::from_utf8_lossy(&secret).into_owned() }))
    }
}

/// The transaction that applies a file.
struct Application<'a> {
    tx: Tx,
    vault: &'a Vault,
    author: &'a Author,
    tenant: &'a str,
    report: Report,
}

impl Application<'_> {
    fn note(&mut self, change: Change, name: &str) {
        match change {
            Change::Created => self.report.push(format!("created {name}")),
            Change::Changed => self.report.push(format!("changed {name}")),
            Change::None => {}
        }
    }
}

/// The effect of a file on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Created,
    Changed,
    None,
}

impl Change {
    /// From a statement's `is_new`; `None` if it did not write the row.
    fn of(is_new: Option<bool>) -> Self {
        match is_new {
            Some(true) => Self::Created,
            Some(false) => Self::Changed,
            None => Self::None,
        }
    }
}

/// The part of a document that a file names. A key of the file is a path in the document, unless `pointers`
/// contains another JSON Pointer for it. A key that the document does not have is left out.
fn named_part(document: &Value, named: &BTreeSet<String>, pointers: &[(&str, &str)]) -> Value {
    let mut part = json!({});
    for name in named {
        let pointer = match pointers.iter().find(|(key, _)| key == name) {
            Some((_, pointer)) => (*pointer).to_owned(),
            None => format!("/{}", name.replace('.', "/")),
        };
        if let Some(value) = document.pointer(&pointer) {
            let member = pointer.split('/').skip(1).fold(&mut part, |member, key| &mut member[key]);
            *member = value.clone();
        }
    }
    part
}
