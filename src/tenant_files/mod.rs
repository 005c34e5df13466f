//! Files become tenants. Applying a file is idempotent: the keys it names are brought to what they say, whatever was
//! changed through the API meanwhile; keys and things it does not name, or no longer names, are left as they are; and
//! what is as it should be is not written. Defaults are for what is made.
//!
//! A thing is known again by its id if the file has one, else by its name: a client by its `client_id` or name, a connection
//! by its name, a grant by its client and API. A secret that the file names wins; one that was minted is kept.

pub mod model;
pub(crate) mod store;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use self::model::{ClientConfig, ConnectionConfig, Selection, TenantConfig};
use crate::auth::scopes;
use crate::base::error::{Error, Result, codes};
use crate::base::identifiers::Requirement;
use crate::base::ids;
use crate::base::vault::{Location, Vault};
use crate::db::{Db, Tx};
use crate::journal::Author;
use crate::resources::clients::model::{METADATA_KEYS, defaults};
use crate::resources::connections::{
    Active, Attribute, Attributes, Lengths, Options, PasswordComplexity, Range, Signup, Validation,
};
use crate::resources::users::erasure;
use crate::tenancy::Settings;
use crate::tenancy::keys::SigningKey;

/// What applying a file did, one line a thing that was made or changed: `created client Management`.
pub type Report = Vec<String>;

/// How long others may take to erase the users of a deleted connection that a file has.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who a command speaks for, and where it writes.
pub struct Provisioner<'a> {
    /// The database.
    pub db: &'a Db,
    /// Seals keys and secrets.
    pub vault: &'a Vault,
    /// The command, for the journal.
    pub author: Author,
}

/// The credentials of a client.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

impl Provisioner<'_> {
    /// Applies a file, all of it or nothing.
    ///
    /// # Errors
    /// A host that belongs to another tenant; a deleted connection whose users somebody else still erases after a minute;
    /// the database.
    pub async fn apply(&self, config: &TenantConfig) -> Result<Report> {
        let mut end = Instant::now() + PATIENCE;
        loop {
            match self.attempt(config).await {
                // Its predecessor's users are in the way, and perhaps nobody else is there to erase them.
                Err(error) if error.meaning == codes::CONNECTION_BEING_DELETED && Instant::now() < end => {
                    if erasure::erase_due(self.db, OffsetDateTime::now_utc(), Some(&config.name)).await? {
                        end = Instant::now() + PATIENCE;
                    } else {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
                done => return done,
            }
        }
    }

    async fn attempt(&self, config: &TenantConfig) -> Result<Report> {
        let tenant = config.name.as_str();
        let mut tx = self.db.begin().await?;
        store::lock(&mut tx, tenant).await?;
        let settings = Settings {
            domain: config.hosts.first().cloned().unwrap_or_default(),
            audience: config.management_audience(),
            token_lifetime: i64::from(config.token_lifetime),
            limits: config.limits.clone(),
            compat: config.compat.clone(),
            rate_limits: config.rate_limits.clone(),
            search: config.search.clone(),
        };
        let mut report = Report::new();
        let mut note = |what: Option<bool>, name: String| {
            report.extend(
                what.map(|created| format!("{} {name}", if created { "created" } else { "changed" })),
            );
        };
        let whole = serde_json::to_value(&settings).map_err(Error::internal)?;
        let mut named = part(&whole, &config.named, TENANT);
        for name in ONLY_IN_FILES {
            if let Some(value) = whole.get(name) {
                named[name] = value.clone();
            }
        }
        let flags = json!({ "flags": { "enable_public_signup_user_exists_error": config.compat.signup_user_exists_error } });
        let flags = part(&flags, &config.named, FLAGS);
        let (what, audience) =
            store::put_tenant(&mut tx, tenant, &whole, &named, &flags, &self.author).await?;
        note(what, format!("tenant {tenant}"));
        if store::put_hosts(&mut tx, tenant, &config.hosts, &self.author).await? {
            note(Some(false), format!("hosts of {tenant}: {}", config.hosts.join(", ")));
        }
        // After the change: whoever wanted the same host at the same time has been waited for.
        if let Some((host, owner)) = store::foreign_host(&mut tx, tenant, &config.hosts).await? {
            return Err(
                codes::INVALID_BODY.because(format!("the host {host} belongs to the tenant {owner} already"))
            );
        }
        if !store::has_signing_key(&mut tx, tenant).await? {
            self.make_signing_key(&mut tx, tenant, &settings.domain).await?;
            note(Some(true), format!("signing key of {tenant}"));
        }
        store::put_global_client(&mut tx, tenant, &ids::client(), &self.author).await?;
        let mut ids = Vec::new();
        for client in &config.clients {
            let (id, what) = self.put_client(&mut tx, tenant, client).await?;
            note(what, format!("client {}", client.name));
            for grant in &client.grants {
                let management = grant.audience == "management" || grant.audience == audience;
                let scope: Vec<&str> = match &grant.scope {
                    Selection::All if management => scopes::ALL.to_vec(),
                    // A file that says so has been refused: there is nothing that "*" could stand for.
                    Selection::All => vec![],
                    Selection::List(scope) => scope.iter().map(String::as_str).collect(),
                };
                let api = if management { &audience } else { &grant.audience };
                let what =
                    store::put_grant(&mut tx, tenant, &ids::prefixed("cgr"), &id, api, &scope, &self.author)
                        .await?;
                note(what, format!("grant of {} for {api}", client.name));
            }
            ids.push((client.name.as_str(), id));
        }
        for connection in &config.connections {
            let enabled: Option<Vec<&str>> = match &connection.enabled_clients {
                Selection::All => None,
                Selection::List(names) => Some(
                    ids.iter()
                        .filter(|(name, _)| names.iter().any(|n| n == name))
                        .map(|(_, id)| id.as_str())
                        .collect(),
                ),
            };
            let whole = serde_json::to_value(options(connection)).map_err(Error::internal)?;
            // Attributes exclude requires_username and validation: whichever the file has ends the other.
            let ended: &[&str] = match connection.attributes {
                Some(_) => &["requires_username", "validation"],
                None if connection.requires_username => &["attributes"],
                // What is not required is not in the document.
                None if connection.named.contains("requires_username") => &["requires_username"],
                None => &[],
            };
            let named = part(&whole, &connection.named, CONNECTION);
            let what = store::put_connection(
                &mut tx,
                tenant,
                connection,
                (&whole, ended, &named),
                enabled.as_deref(),
                &self.author,
            )
            .await?;
            note(what, format!("connection {}", connection.name));
        }
        tx.commit().await.map_err(Error::from)?;
        Ok(report)
    }

    async fn make_signing_key(&self, tx: &mut Tx, tenant: &str, domain: &str) -> Result<()> {
        let domain = domain.to_owned();
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(&domain))
            .await
            .map_err(Error::internal)?;
        let (jwk, pkcs8) = made.map_err(Error::internal)?;
        let sealed = self.vault.seal(&Location::SigningKeys.row(tenant, &jwk.kid), &pkcs8)?;
        store::add_signing_key(tx, tenant, &jwk, &sealed, &self.author).await
    }

    /// The client's id, and whether it was made, changed or left as it was.
    async fn put_client(
        &self,
        tx: &mut Tx,
        tenant: &str,
        client: &ClientConfig,
    ) -> Result<(String, Option<bool>)> {
        use secrecy::ExposeSecret;
        let known = store::find_client(tx, tenant, client.client_id.as_deref(), &client.name).await?;
        let mut settings = Map::new();
        settings.insert("name".into(), json!(client.name));
        settings.insert("app_type".into(), json!(client.app_type));
        if let Some(method) = &client.token_endpoint_auth_method {
            settings.insert("token_endpoint_auth_method".into(), json!(method));
        }
        if let Some(grant_types) = &client.grant_types {
            settings.insert("grant_types".into(), json!(grant_types));
        }
        let metadata = (!client.client_metadata.is_empty()).then(|| json!(client.client_metadata));
        let wanted = client.client_secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let (id, secret, settings) = match known {
            None => {
                let id = client.client_id.clone().unwrap_or_else(ids::client);
                let mut whole = defaults(&settings);
                whole.append(&mut settings);
                (id, Some(wanted.unwrap_or_else(ids::client_secret)), Value::Object(whole))
            }
            Some((id, sealed)) => {
                let location = Location::Clients.row(tenant, &id);
                let present = sealed.map(|sealed| self.vault.open(&location, &sealed)).transpose()?;
                let secret = wanted
                    .filter(|wanted| present.as_ref().is_none_or(|present| **present != wanted.as_bytes()));
                (id, secret, Value::Object(settings))
            }
        };
        let sealed = secret
            .map(|secret| self.vault.seal(&Location::Clients.row(tenant, &id), secret.as_bytes()))
            .transpose()?;
        let (what, keys) =
            store::put_client(tx, tenant, &id, &settings, metadata.as_ref(), sealed.as_deref(), &self.author)
                .await?;
        if keys > METADATA_KEYS {
            return Err(crate::base::error::codes::INVALID_BODY.because(format!(
                "the client {} would have {keys} keys of client_metadata, at most {METADATA_KEYS} are allowed",
                client.name
            )));
        }
        Ok((id, what))
    }

    /// The client that a tenant's operators use: the oldest with a grant for the Management API.
    pub async fn management_client(&self, tenant: &str) -> Result<Option<Credentials>> {
        let Some((client_id, sealed)) = store::management_client(self.db, tenant).await? else {
            return Ok(None);
        };
        let secret = self.vault.open(&Location::Clients.row(tenant, &client_id), &sealed)?;
        Ok(Some(Credentials { client_id, client_secret: String::from_utf8_lossy(&secret).into_owned() }))
    }
}

/// The tables that no API can change: what a file leaves out of them has its default, however often it is applied.
const ONLY_IN_FILES: [&str; 2] = ["rate_limits", "search"];

/// Where a tenant's settings have what its file has under another name; as JSON Pointers.
const TENANT: &[(&str, &str)] = &[("hosts", "/domain")];

/// The same of the settings that the API answers.
const FLAGS: &[(&str, &str)] =
    &[("compat.signup_user_exists_error", "/flags/enable_public_signup_user_exists_error")];

/// The same of a connection's options.
const CONNECTION: &[(&str, &str)] = &[
    ("username_min", "/validation/username/min"),
    ("username_max", "/validation/username/max"),
    ("password_policy", "/passwordPolicy"),
    ("password_min_length", "/password_complexity_options/min_length"),
];

/// The part of a document that a file names. What the table does not tell stands there as it does in the file, or not at all.
fn part(whole: &Value, named: &BTreeSet<String>, elsewhere: &[(&str, &str)]) -> Value {
    let mut part = json!({});
    for name in named {
        let known = elsewhere.iter().find(|(key, _)| key == name);
        let pointer =
            known.map_or_else(|| format!("/{}", name.replace('.', "/")), |(_, at)| (*at).to_owned());
        if let Some(value) = whole.pointer(&pointer) {
            let place = pointer.split('/').skip(1).fold(&mut part, |place, step| &mut place[step]);
            *place = value.clone();
        }
    }
    part
}

fn options(config: &ConnectionConfig) -> Options {
    let length = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let (min, max) = (length(config.username_min), length(config.username_max));
    let identifier = |demand: Option<Requirement>, validation: Option<Lengths>| {
        demand.map(|status| Attribute {
            identifier: Active { active: true },
            signup: Signup { status },
            validation,
        })
    };
    Options {
        requires_username: config.requires_username,
        password_policy: config.password_policy,
        password_complexity: PasswordComplexity { min_length: config.password_min_length.map(length) },
        validation: config.attributes.is_none().then_some(Validation { username: Some(Range { min, max }) }),
        disable_signup: config.disable_signup,
        brute_force_protection: config.brute_force_protection,
        attributes: config.attributes.as_ref().map(|attributes| Attributes {
            email: identifier(attributes.email, None),
            username: identifier(attributes.username, Some(Lengths { min_length: min, max_length: max })),
            phone_number: identifier(attributes.phone_number, None),
        }),
        ..Options::default()
    }
}
