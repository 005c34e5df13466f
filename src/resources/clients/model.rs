//! What a client is, what it is when nothing is said of it, and what a request says about one.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::credentials::model::{Credential, NewCredential};
use super::fields::{CREATE, METADATA, UPDATE};
use crate::base::error::{Error, Result, codes};
use crate::base::fields::Fields;
use crate::base::json::Object;
use crate::base::metadata::{self, MetadataPatch};
use crate::base::schema::{Fault, Part, Schema, refusal, refuse};

/// How many keys `client_metadata` can have.
pub const METADATA_KEYS: usize = 10;

/// Where settings name credentials, as RFC 6901 has it.
pub const CREDENTIALS: [&str; 5] = [
    "/client_authentication_methods/private_key_jwt/credentials",
    "/client_authentication_methods/tls_client_auth/credentials",
    "/client_authentication_methods/self_signed_tls_client_auth/credentials",
    "/signed_request_object/credentials",
    "/token_vault_privileged_access/credentials",
];

/// What only those see who may read keys.
const SECRETS: [&str; 5] =
    ["client_secret", "encryption_key", "signing_key", "signing_keys", "client_authentication_methods"];

/// What of the add-ons only those see who may read keys: add-on and name.
const ADDON_SECRETS: [(&str, &str); 7] = [
    ("azure_blob", "storageAccessKey"),
    ("azure_sb", "sasKey"),
    ("firebase", "private_key"),
    ("firebase", "secret"),
    ("layer", "privateKey"),
    ("sap_api", "servicePassword"),
    ("wams", "masterkey"),
];

/// What a change of a property takes, where it is not `update:clients` alone: any of these.
const SCOPES: [(&str, &[&str]); 4] = [
    ("client_secret", &["update:client_keys"]),
    ("client_authentication_methods", &["update:clients", "update:client_credentials"]),
    ("signed_request_object", &["update:clients", "update:client_credentials"]),
    ("token_vault_privileged_access", &["update:clients", "update:client_token_vault_privileged_access"]),
];

/// The grant types of a confidential client.
const GRANT_TYPES: [&str; 4] = ["authorization_code", "implicit", "refresh_token", "client_credentials"];

/// The settings of a new client before what its creator sent is put over them. They follow the authentication method
/// as it was sent, not the type of application, as recorded answers show.
pub fn defaults(sent: &Map<String, Value>) -> Map<String, Value> {
    let text = |name: &str| sent.get(name).and_then(Value::as_str);
    let third_party = sent.get("is_first_party") == Some(&json!(false));
    let strict = third_party && text("third_party_security_mode") == Some("strict");
    let public = text("token_endpoint_auth_method") == Some("none");
    let (token_lifetime, idle_token_lifetime) = match text("token_endpoint_auth_method") {
        Some("client_secret_post") => (31_557_600, 2_592_000),
        _ => (2_592_000, 1_296_000),
    };
    let rotates = third_party && public;
    let expiration = sent.get("refresh_token").and_then(|token| token["expiration_type"].as_str());
    let expires = expiration.map_or(rotates || strict, |expiration| expiration == "expiring");
    let special = matches!(text("app_type"), Some("resource_server" | "express_configuration"));
    let grant_types: &[&str] = match text("app_type") {
        Some("resource_server") => &[],
        Some("express_configuration") => &["authorization_code", "client_credentials"],
        _ if strict => &["authorization_code"],
        _ if public => &GRANT_TYPES[..3],
        _ => &GRANT_TYPES,
    };
    let signs = sent.get("client_authentication_methods").is_some_and(|m| m.get("private_key_jwt").is_some());
    let jwt_configuration = if strict {
        json!({ "alg": "RS256", "lifetime_in_seconds": 3600, "secret_encoded": false })
    } else if special || signs {
        json!({ "alg": "RS256", "secret_encoded": false })
    } else {
        json!({ "lifetime_in_seconds": 36000, "secret_encoded": false })
    };
    let settings = json!({
        "global": false,
        "is_token_endpoint_ip_header_trusted": false,
        "is_first_party": true,
        "oidc_conformant": special,
        "sso_disabled": false,
        "cross_origin_auth": false,
        "cross_origin_authentication": false,
        "refresh_token": {
            "expiration_type": if expires { "expiring" } else { "non-expiring" },
            "leeway": 0,
            "infinite_token_lifetime": !expires,
            "infinite_idle_token_lifetime": !expires,
            "token_lifetime": token_lifetime,
            "idle_token_lifetime": idle_token_lifetime,
            "rotation_type": if rotates { "rotating" } else { "non-rotating" },
        },
        "callback_url_template": false,
        "jwt_configuration": jwt_configuration,
        "grant_types": grant_types,
        "custom_login_page_on": true,
    });
    let Value::Object(mut settings) = settings else { return Map::new() };
    if third_party {
        settings.insert("third_party_security_mode".into(), "permissive".into());
    }
    settings
}

/// What properties are filled up with when they come into being, by a creation or later.
pub fn filled_up() -> Map<String, Value> {
    let session_transfer = json!({
        "can_create_session_transfer_token": false,
        "allowed_authentication_methods": [],
        "enforce_device_binding": "ip",
        "allow_refresh_token": false,
    });
    Map::from_iter([("session_transfer".to_owned(), session_transfer)])
}

/// A client to be made.
#[derive(Debug)]
pub struct NewClient {
    /// All settings, defaults included.
    pub settings: Map<String, Value>,
    /// What was sent, without nulls.
    pub client_metadata: Option<Map<String, Value>>,
    /// The credentials that the settings name.
    pub credentials: Vec<NewCredential>,
}

impl NewClient {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        check(&CREATE, body)?;
        let read = |(name, value): (&str, &RawValue)| {
            let value: Value =
                serde_json::from_str(value.get()).ok().filter(|value: &Value| !value.is_null())?;
            Some((name.to_owned(), without_nulls(value)))
        };
        let mut sent: Map<String, Value> = members(body).filter_map(read).collect();
        let client_metadata = match sent.remove("client_metadata") {
            Some(Value::Object(metadata)) => Some(metadata),
            _ => None,
        };
        let credentials = take_credentials(&mut sent)?;
        let (mut settings, mut filled_up) = (defaults(&sent), filled_up());
        for (name, value) in sent {
            let default = settings.remove(&name).or_else(|| filled_up.remove(&name));
            let value = match (default, value) {
                (Some(Value::Object(mut default)), Value::Object(value)) => {
                    default.extend(value);
                    Value::Object(default)
                }
                (_, value) => value,
            };
            settings.insert(name, value);
        }
        Ok(Self { settings, client_metadata, credentials })
    }
}

/// The members of a body, those with an older name under the present one, which goes before.
fn members<'a>(body: &'a Object<'_>) -> impl Iterator<Item = (&'a str, &'a RawValue)> {
    body.members().filter_map(|(name, value)| match name {
        "oidc_backchannel_logout" if body.get("oidc_logout").is_some() => None,
        "oidc_backchannel_logout" => Some(("oidc_logout", value)),
        _ => Some((name, value)),
    })
}

/// Leaves the ids of new credentials in place of the credentials.
fn take_credentials(settings: &mut Map<String, Value>) -> Result<Vec<NewCredential>> {
    let mut taken = Vec::new();
    for_each_credential(settings, |path, credential| {
        let text = to_raw_value(credential).map_err(Error::internal)?;
        let object =
            Object::of(&text).ok_or_else(|| Error::internal("a credential that is not an object"))?;
        let new = NewCredential::checked(path, &object)?;
        *credential = json!({ "id": new.id });
        taken.push(new);
        Ok(())
    })?;
    Ok(taken)
}

/// All credentials that settings name, with the path of each in a body.
fn for_each_credential(
    settings: &mut Map<String, Value>,
    mut visit: impl FnMut(&str, &mut Value) -> Result<()>,
) -> Result<()> {
    let mut whole = Value::Object(std::mem::take(settings));
    for pointer in CREDENTIALS {
        let found = whole.pointer_mut(pointer).and_then(Value::as_array_mut);
        for (n, credential) in found.into_iter().flatten().enumerate() {
            visit(&format!("{}.{n}", pointer[1..].replace('/', ".")), credential)?;
        }
    }
    if let Value::Object(whole) = whole {
        *settings = whole;
    }
    Ok(())
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(object) = &mut value {
        object.retain(|_, value| !value.is_null());
    }
    value
}

/// A change of a client.
#[derive(Debug)]
pub struct ClientPatch {
    /// Settings to replace or to merge.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
    /// JSON text to merge.
    pub client_metadata: MetadataPatch,
    /// In the clear until it is sealed.
    pub client_secret: Option<String>,
    /// The ids of credentials that are to be there.
    pub credentials: Vec<String>,
    names: Vec<String>,
}

impl ClientPatch {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        check(&UPDATE, body)?;
        let (mut set, mut unset) = (Map::new(), Vec::new());
        let apart = ["client_metadata", "client_secret"];
        for (name, value) in members(body).filter(|(name, _)| !apart.contains(name)) {
            match serde_json::from_str(value.get()).map_err(Error::internal)? {
                Value::Null => unset.push(name.to_owned()),
                value => drop(set.insert(name.to_owned(), value)),
            }
        }
        let mut credentials = Vec::new();
        for_each_credential(&mut set, |_, credential| {
            credentials.extend(credential["id"].as_str().map(str::to_owned));
            Ok(())
        })?;
        credentials.sort_unstable();
        credentials.dedup();
        Ok(Self {
            set,
            unset,
            client_metadata: metadata::patch(body, "client_metadata"),
            client_secret: body.value("client_secret"),
            credentials,
            names: body.members().map(|(name, _)| name.to_owned()).collect(),
        })
    }

    /// Is a caller allowed to change all of this?
    pub fn is_allowed(&self, has: impl Fn(&str) -> bool) -> bool {
        self.names.iter().all(|name| {
            let special = SCOPES.iter().find(|(property, _)| property == name);
            special.map_or(&["update:clients"][..], |(_, scopes)| scopes).iter().any(|scope| has(scope))
        })
    }
}

fn check(schema: &Schema, body: &Object<'_>) -> Result<()> {
    let mut faults = schema.faults(body);
    faults.extend(metadata_faults(body));
    refuse(Part::Payload, &faults)
}

/// The limits of `client_metadata` (<https://auth0.com/docs/get-started/applications/configure-application-metadata>).
fn metadata_faults(body: &Object<'_>) -> Vec<Fault> {
    let Some(object) = body.get("client_metadata").and_then(Object::of) else { return Vec::new() };
    let mut faults = Vec::new();
    let count = object.members().count();
    if count > METADATA_KEYS {
        faults.push(too_many(count));
    }
    let special = |c: char| c.is_ascii_alphanumeric() || ":,-+=_*?\"/\\()<>@\t ".contains(c);
    faults.extend(metadata::text_faults(body, "client_metadata", METADATA, special));
    faults
}

fn too_many(count: usize) -> Fault {
    let reason = format!("Too many properties defined ({count}), maximum {METADATA_KEYS}");
    Fault::of("client_metadata", METADATA, reason)
}

/// The refusal of a merge that would leave too many keys.
pub fn too_many_keys(count: usize) -> Error {
    refusal(Part::Payload, &[too_many(count)])
}

/// Which clients a list is asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of these types only.
    pub app_types: Option<Vec<String>>,
    /// The global one alone?
    pub is_global: bool,
    /// First parties or third parties.
    pub is_first_party: Option<bool>,
    /// The one that is registered under this id elsewhere.
    pub external_client_id: Option<String>,
    /// Those with such a grant.
    pub granted: Option<Granted>,
}

/// What one of a client's grants has to do with organizations.
#[derive(Debug, PartialEq, Eq)]
pub enum Granted {
    /// It is associated with this one.
    Organization(String),
    /// It allows any.
    AnyOrganization,
}

/// Reads the queries that a list of clients knows.
pub fn read_query(text: &str) -> Result<Granted> {
    let is_organization =
        |id: &str| id.starts_with("org_") && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match text.trim().split_once(':') {
        Some(("client_grant.organization_id", id)) if is_organization(id.trim_matches('"')) => {
            Ok(Granted::Organization(id.trim_matches('"').to_owned()))
        }
        Some(("client_grant.allow_any_organization", "true")) => Ok(Granted::AnyOrganization),
        _ => {
            let reason = "Only client_grant.organization_id:{organization_id} and client_grant.allow_any_organization:true can be asked for";
            Err(refusal(Part::Query, &[Fault::of("q", "Advanced Query in Lucene syntax", reason)]))
        }
    }
}

/// What a caller may see of a client.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// More than what it is called?
    pub all: bool,
    /// Its secrets?
    pub secrets: bool,
    /// Its tenant, whatever is asked for?
    pub keep_tenant: bool,
}

impl View {
    /// What `read:client_summary` lets see.
    const SUMMARY: [&str; 5] = ["tenant", "client_id", "name", "description", "app_type"];

    /// Refuses to be asked for a secret that the caller may not see.
    pub fn check(self, fields: &Fields, asked: Option<&str>) -> Result<()> {
        let mut named = asked.unwrap_or_default().split(',').map(str::trim);
        if !self.secrets && named.any(|name| SECRETS.contains(&name) && fields.wants(name)) {
            return Err(codes::INSUFFICIENT_SCOPE
                .because("Insufficient scope, expected any of: read:client_keys,read:client_credentials"));
        }
        Ok(())
    }

    /// The same for who makes what there is to see.
    pub fn of_maker(self) -> Self {
        Self { all: true, secrets: true, ..self }
    }

    fn shows(self, name: &str) -> bool {
        (self.all || Self::SUMMARY.contains(&name))
            && (self.secrets || name == "client_secret" || !SECRETS.contains(&name))
    }
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Whose it is.
    pub tenant: String,
    /// 32 letters and digits.
    pub client_id: String,
    /// All else.
    pub settings: Map<String, Value>,
    /// What its owner keeps with it.
    pub client_metadata: Option<Value>,
    /// In the clear, for a caller who may see it.
    pub client_secret: Option<String>,
    /// The tag of this state of it.
    pub etag: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl Client {
    /// As the answer to its creation: with its credentials in full.
    pub fn with_credentials(mut self, new: Vec<NewCredential>) -> Result<Self> {
        let at = self.created_at;
        let mut documents: Map<String, Value> = new
            .into_iter()
            .map(|NewCredential { id, document, expires_at, .. }| {
                let made =
                    Credential { id: id.clone(), document, created_at: at, updated_at: at, expires_at };
                (id, made.document(true))
            })
            .collect();
        for_each_credential(&mut self.settings, |_, credential| {
            let whole = credential["id"].as_str().and_then(|id| documents.remove(id));
            *credential = whole.unwrap_or_default();
            Ok(())
        })?;
        self.settings.insert("encrypted".into(), true.into());
        Ok(self)
    }

    /// The document as the API answers it; `signing_keys` are the tenant's.
    pub fn document(mut self, view: View, fields: &Fields, signing_keys: &Value) -> Result<String> {
        let mut put = |name: &str, value: Option<Value>| {
            self.settings.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("client_metadata", self.client_metadata);
        put("client_secret", self.client_secret.map(Value::String));
        put("tenant", Some(self.tenant.into()));
        put("client_id", Some(self.client_id.into()));
        put("signing_keys", Some(signing_keys.clone()));
        let oidc_logout = self.settings.get("oidc_logout").cloned();
        self.settings.extend(oidc_logout.map(|value| ("oidc_backchannel_logout".to_owned(), value)));
        if let Some(addons) = self.settings.get_mut("addons").filter(|_| !view.secrets) {
            for (addon, name) in ADDON_SECRETS {
                addons.get_mut(addon).and_then(Value::as_object_mut).map(|addon| addon.remove(name));
            }
        }
        let keeps = |name: &str| view.keep_tenant && name == "tenant";
        self.settings.retain(|name, _| view.shows(name) && (fields.wants(name) || keeps(name)));
        serde_json::to_string(&self.settings).map_err(Error::internal)
    }
}
