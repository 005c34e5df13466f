//! The clients of a tenant and their grants.

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::model::{ClientConfig, GrantConfig, MANAGEMENT, Selection};
use super::{Application, Change, store};
use crate::auth::scopes;
use crate::base::error::{Result, codes};
use crate::base::ids;
use crate::base::vault::Location;
use crate::resources::clients::model::{METADATA_KEYS, defaults};

impl Application<'_> {
    /// Writes the clients and their grants; name and id of each client. `audience` is the identifier of the Management
    /// API.
    pub(super) async fn put_clients<'c>(
        &mut self,
        clients: &'c [ClientConfig],
        audience: &str,
    ) -> Result<Vec<(&'c str, String)>> {
        let mut client_ids = Vec::new();
        for client in clients {
            let (id, change) = self.put_client(client).await?;
            self.note(change, &format!("client {}", client.name));
            for grant in &client.grants {
                self.put_grant(client, &id, grant, audience).await?;
            }
            client_ids.push((client.name.as_str(), id));
        }
        Ok(client_ids)
    }

    async fn put_client(&mut self, client: &ClientConfig) -> Result<(String, Change)> {
        let (vault, tenant, author) = (self.vault, self.tenant, self.author);
        let stored =
            store::find_client(&mut self.tx, tenant, client.client_id.as_deref(), &client.name).await?;
        let declared = client.client_secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let mut settings = named_settings(client);
        let (id, secret) = match stored {
            None => {
                let id = client.client_id.clone().unwrap_or_else(ids::client);
                let mut complete = defaults(&settings);
                complete.append(&mut settings);
                settings = complete;
                (id, Some(declared.unwrap_or_else(ids::client_secret)))
            }
            Some((id, sealed)) => {
                let location = Location::Clients.row(tenant, &id);
                let present = sealed.map(|sealed| vault.open(&location, &sealed)).transpose()?;
                let is_new =
                    |secret: &String| present.as_ref().is_none_or(|present| **present != secret.as_bytes());
                (id, declared.filter(is_new))
            }
        };
        let location = Location::Clients.row(tenant, &id);
        let sealed = secret.map(|secret| vault.seal(&location, secret.as_bytes())).transpose()?;
        let metadata = (!client.client_metadata.is_empty()).then(|| json!(client.client_metadata));
        let (change, keys) = store::put_client(
            &mut self.tx,
            tenant,
            &id,
            &Value::Object(settings),
            metadata.as_ref(),
            sealed.as_deref(),
            author,
        )
        .await?;
        if keys > METADATA_KEYS {
            return Err(codes::INVALID_BODY.with_message(format!(
                "the client {} would have {keys} keys of client_metadata, at most {METADATA_KEYS} are allowed",
                client.name
            )));
        }
        Ok((id, change))
    }

    async fn put_grant(
        &mut self,
        client: &ClientConfig,
        client_id: &str,
        grant: &GrantConfig,
        management_audience: &str,
    ) -> Result<()> {
        let is_management = grant.audience == MANAGEMENT || grant.audience == management_audience;
        let audience = if is_management { management_audience } else { &grant.audience };
        let scope: Vec<&str> = match &grant.scope {
            Selection::All if is_management => scopes::ALL.to_vec(),
            // The reader of the file rejects this: only the Management API has a list of all scopes.
            Selection::All => vec![],
            Selection::List(scope) => scope.iter().map(String::as_str).collect(),
        };
        let change =
            store::put_grant(&mut self.tx, self.tenant, client_id, audience, &scope, self.author).await?;
        self.note(change, &format!("grant of {} for {audience}", client.name));
        Ok(())
    }
}

/// The settings that a file names.
fn named_settings(client: &ClientConfig) -> Map<String, Value> {
    let mut settings = Map::new();
    settings.insert("name".into(), json!(client.name));
    settings.insert("app_type".into(), json!(client.app_type));
    if let Some(method) = &client.token_endpoint_auth_method {
        settings.insert("token_endpoint_auth_method".into(), json!(method));
    }
    if let Some(grant_types) = &client.grant_types {
        settings.insert("grant_types".into(), json!(grant_types));
    }
    settings
}
