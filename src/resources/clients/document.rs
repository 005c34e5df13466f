//! A client as JSON, and the part of it that a caller can see.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::credentials::model::{Credential, NewCredential};
use super::model::{FORMER_NAMES, for_each_credential};
use crate::base::error::{Error, Result, codes};
use crate::base::fields::Fields;
use crate::base::secrets::looks_secret;

/// The properties that only callers with a scope for keys see.
const SECRETS: [&str; 5] =
    ["client_secret", "encryption_key", "signing_key", "signing_keys", "client_authentication_methods"];

/// The part of a client that a caller can see.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// All properties, or the summary alone.
    pub all: bool,
    /// Secrets too.
    pub secrets: bool,
    /// `tenant` even if `fields` excludes it.
    pub keep_tenant: bool,
}

impl View {
    /// The properties that `read:client_summary` shows.
    const SUMMARY: [&str; 5] = ["tenant", "client_id", "name", "description", "app_type"];

    /// 403 if the `fields` parameter names a secret that the caller cannot see.
    pub fn check(self, fields: &Fields, parameter: Option<&str>) -> Result<()> {
        let mut names = parameter.unwrap_or_default().split(',').map(str::trim);
        if !self.secrets && names.any(|name| SECRETS.contains(&name) && fields.wants(name)) {
            return Err(codes::INSUFFICIENT_SCOPE.with_message(
                "Insufficient scope, expected any of: read:client_keys,read:client_credentials",
            ));
        }
        Ok(())
    }

    /// The view of the creator, who sees everything.
    pub fn of_creator(self) -> Self {
        Self { all: true, secrets: true, ..self }
    }

    /// A `client_secret` is in the document only if the caller can see it.
    fn shows(self, name: &str) -> bool {
        (self.all || Self::SUMMARY.contains(&name))
            && (self.secrets || name == "client_secret" || !SECRETS.contains(&name))
    }
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// The name of its tenant.
    pub tenant: String,
    /// 32 letters and digits.
    pub client_id: String,
    /// All properties without a field of their own here.
    pub settings: Map<String, Value>,
    /// An object of texts.
    pub client_metadata: Option<Value>,
    /// In the clear; `None` for a caller who cannot see it.
    pub client_secret: Option<String>,
    /// The entity tag, in quotes.
    pub etag: String,
    /// The creation of the client.
    pub created_at: OffsetDateTime,
}

/// Removes the members that look like secrets.
fn remove_secrets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !looks_secret(name));
            members.values_mut().for_each(remove_secrets);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_secrets),
        _ => {}
    }
}

impl Client {
    /// The answer to the creation, which has the credentials in full.
    pub fn with_credentials(mut self, new: Vec<NewCredential>) -> Result<Self> {
        let at = self.created_at;
        let mut documents: Map<String, Value> = new
            .into_iter()
            .map(|NewCredential { id, document, expires_at, .. }| {
                let credential =
                    Credential { id: id.clone(), document, created_at: at, updated_at: at, expires_at };
                (id, credential.document())
            })
            .collect();
        for_each_credential(&mut self.settings, |_, credential| {
            let full = credential["id"].as_str().and_then(|id| documents.remove(id));
            *credential = full.unwrap_or_default();
            Ok(())
        })?;
        self.settings.insert("encrypted".into(), true.into());
        Ok(self)
    }

    /// The client as JSON; `signing_keys` are those of its tenant.
    pub fn document(mut self, view: View, fields: &Fields, signing_keys: &Value) -> Result<String> {
        let mut insert = |name: &str, value: Option<Value>| {
            self.settings.extend(value.map(|value| (name.to_owned(), value)));
        };
        insert("client_metadata", self.client_metadata);
        insert("client_secret", self.client_secret.map(Value::String));
        insert("tenant", Some(self.tenant.into()));
        insert("client_id", Some(self.client_id.into()));
        insert("signing_keys", Some(signing_keys.clone()));
        for (former, present) in FORMER_NAMES {
            // Clients of earlier versions have both stored.
            self.settings.remove(former);
            let value = self.settings.get(present).cloned();
            self.settings.extend(value.map(|value| (former.to_owned(), value)));
        }
        if let Some(addons) = self.settings.get_mut("addons").filter(|_| !view.secrets) {
            remove_secrets(addons);
        }
        let keeps = |name: &str| view.keep_tenant && name == "tenant";
        self.settings.retain(|name, _| view.shows(name) && (fields.wants(name) || keeps(name)));
        serde_json::to_string(&self.settings).map_err(Error::internal)
    }
}
