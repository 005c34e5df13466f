//! The tenant itself: settings, hosts, signing key and global client.

use serde_json::json;

use super::model::TenantConfig;
use super::store::TenantDocuments;
use super::{Application, Change, named_part, store};
use crate::base::error::{Error, Result, codes};
use crate::base::ids;
use crate::base::vault::Location;
use crate::tenancy::Settings;
use crate::tenancy::keys::SigningKey;

/// Settings that exist in files only. A key of them that a file leaves out returns to its default.
const ONLY_IN_FILES: [&str; 2] = ["rate_limits", "search"];

/// Keys of a file with another place in the tenant's settings.
const SETTINGS_POINTERS: &[(&str, &str)] = &[("hosts", "/domain")];

/// Keys of a file with another place in the API's tenant settings.
const TENANT_SETTINGS_POINTERS: &[(&str, &str)] =
    &[("compat.signup_user_exists_error", "/flags/enable_public_signup_user_exists_error")];

impl Application<'_> {
    /// Writes the tenant; the identifier of its Management API.
    pub(super) async fn put_tenant(&mut self, config: &TenantConfig) -> Result<String> {
        let tenant = self.tenant;
        let (change, audience) =
            store::put_tenant(&mut self.tx, tenant, &documents(config)?, self.author).await?;
        self.note(change, &format!("tenant {tenant}"));
        if store::put_hosts(&mut self.tx, tenant, &config.hosts, self.author).await? {
            self.note(Change::Changed, &format!("hosts of {tenant}: {}", config.hosts.join(", ")));
        }
        // After the insert, which waits for a concurrent transaction with the same host.
        if let Some((host, owner)) = store::fetch_foreign_host(&mut self.tx, tenant, &config.hosts).await? {
            let message = format!("the host {host} already belongs to the tenant {owner}");
            return Err(codes::INVALID_BODY.with_message(message));
        }
        if !store::has_signing_key(&mut self.tx, tenant).await? {
            self.create_signing_key(config).await?;
            self.note(Change::Created, &format!("signing key of {tenant}"));
        }
        store::put_global_client(&mut self.tx, tenant, &ids::client(), self.author).await?;
        Ok(audience)
    }

    async fn create_signing_key(&mut self, config: &TenantConfig) -> Result<()> {
        let domain = config.domain().to_owned();
        let generated = tokio::task::spawn_blocking(move || SigningKey::generate(&domain)).await;
        let (jwk, pkcs8) = generated.map_err(Error::internal)?.map_err(Error::internal)?;
        let sealed = self.vault.seal(&Location::SigningKeys.row(self.tenant, &jwk.kid), &pkcs8)?;
        store::add_signing_key(&mut self.tx, self.tenant, &jwk, &sealed, self.author).await
    }
}

fn documents(config: &TenantConfig) -> Result<TenantDocuments> {
    let settings = Settings {
        domain: config.domain().to_owned(),
        audience: config.management_audience(),
        token_lifetime: i64::from(config.token_lifetime),
        limits: config.limits.clone(),
        compat: config.compat.clone(),
        rate_limits: config.rate_limits.clone(),
        search: config.search.clone(),
    };
    let settings = serde_json::to_value(&settings).map_err(Error::internal)?;
    let mut named_settings = named_part(&settings, &config.named, SETTINGS_POINTERS);
    for name in ONLY_IN_FILES {
        if let Some(value) = settings.get(name) {
            named_settings[name] = value.clone();
        }
    }
    let tenant_settings = json!({
        "flags": { "enable_public_signup_user_exists_error": config.compat.signup_user_exists_error },
    });
    let named_tenant_settings = named_part(&tenant_settings, &config.named, TENANT_SETTINGS_POINTERS);
    Ok(TenantDocuments { settings, named_settings, named_tenant_settings })
}
