//! The requests that create and change a client, and the defaults of a new one.

use std::collections::BTreeSet;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::credentials::model::NewCredential;
use super::fields::{CREATE, METADATA, UPDATE};
use crate::base::error::{Error, Result, codes};
use crate::base::json::{FromBody, Object};
use crate::base::metadata::{self, MetadataPatch};
use crate::base::schema::{Part, Schema, Violation, reject, validation_error};
use crate::base::secrets::{self, Secrets};

/// The maximum number of keys of `client_metadata`.
pub const METADATA_KEYS: usize = 10;

/// The lists of credentials in the settings, as JSON pointers (RFC 6901).
pub const CREDENTIALS: [&str; 5] = [
    "/client_authentication_methods/private_key_jwt/credentials",
    "/client_authentication_methods/tls_client_auth/credentials",
    "/client_authentication_methods/self_signed_tls_client_auth/credentials",
    "/signed_request_object/credentials",
    "/token_vault_privileged_access/credentials",
];

/// The settings that can hold secrets, under names that their schemas do not list. Both merge, so each of their
/// members is replaced as a whole.
const WITH_SECRETS: [&str; 2] = ["addons", "encryption_key"];

/// Takes the secrets out of settings.
pub(super) fn take_secrets(settings: &mut Map<String, Value>) -> Secrets {
    let mut taken = Secrets::new();
    for setting in WITH_SECRETS {
        if let Some(Value::Object(members)) = settings.get_mut(setting) {
            for (name, value) in members {
                let pointer = secrets::member(&secrets::member("", setting), name);
                secrets::mask(&pointer, name, value, &mut taken);
            }
        }
    }
    taken
}

/// The settings whose secrets differ.
pub(super) fn settings_with_changed_secrets(old: &Secrets, new: &Secrets) -> Vec<&'static str> {
    let differs = |setting: &&str| {
        let start = format!("/{setting}/");
        let is_below = |(pointer, _): &(&String, &Value)| pointer.starts_with(&start);
        !old.iter().filter(is_below).eq(new.iter().filter(is_below))
    };
    WITH_SECRETS.into_iter().filter(differs).collect()
}

/// The scopes of which one is required to change a property. `update:clients` is required for any other
/// property.
const SCOPES: [(&str, &[&str]); 4] = [
    ("client_secret", &["update:client_keys"]),
    ("client_authentication_methods", &["update:clients", "update:client_credentials"]),
    ("signed_request_object", &["update:clients", "update:client_credentials"]),
    ("token_vault_privileged_access", &["update:clients", "update:client_token_vault_privileged_access"]),
];

/// The grant types that Auth0 takes: those of specifications, its extensions, and its legacy ones
/// (<https://auth0.com/docs/get-started/applications/application-grant-types>).
pub const GRANT_TYPES: &[&str] = &[
    "authorization_code",
    "implicit",
    "refresh_token",
    "client_credentials",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba",
    "urn:okta:params:oauth:grant-type:webauthn",
    "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token",
    "http://auth0.com/oauth/grant-type/password-realm",
    "http://auth0.com/oauth/grant-type/passwordless/otp",
    "http://auth0.com/oauth/grant-type/mfa-oob",
    "http://auth0.com/oauth/grant-type/mfa-otp",
    "http://auth0.com/oauth/grant-type/mfa-recovery-code",
    "http://auth0.com/oauth/legacy/grant-type/ro",
    "http://auth0.com/oauth/legacy/grant-type/ro/jwt-bearer",
    "http://auth0.com/oauth/legacy/grant-type/delegation/refresh_token",
    "http://auth0.com/oauth/legacy/grant-type/delegation/id_token",
    "http://auth0.com/oauth/legacy/grant-type/access_token",
];

/// Members of bodies under a former name: former name, present name, which wins if both are sent. Only the
/// present name is stored; an answer has both.
pub const FORMER_NAMES: [(&str, &str); 2] =
    [("oidc_backchannel_logout", "oidc_logout"), ("cross_origin_auth", "cross_origin_authentication")];

/// The callback of a client of type `express_configuration`.
const EXPRESS_CONFIGURATION_CALLBACK: &str =
    "https://system-admin.okta.com/admin/app/generic/oauth20redirect";

/// The default grant types of a confidential client.
const DEFAULT_GRANT_TYPES: [&str; 4] =
    ["authorization_code", "implicit", "refresh_token", "client_credentials"];

/// The default settings of a new client. Most depend on the authentication method that was sent, not on the
/// type of application, as recorded answers show.
pub fn defaults(sent: &Map<String, Value>) -> Map<String, Value> {
    let text = |name: &str| sent.get(name).and_then(Value::as_str);
    let is_third_party = sent.get("is_first_party") == Some(&json!(false));
    let is_strict = is_strict(sent);
    let is_public = text("token_endpoint_auth_method") == Some("none");
    let is_express = is_express_configuration(sent);
    let is_special = is_express || text("app_type") == Some("resource_server");
    let grant_types: &[&str] = match text("app_type") {
        Some("resource_server") => &[],
        Some("express_configuration") => &["authorization_code", "client_credentials"],
        _ if is_strict => &["authorization_code"],
        _ if is_public => &DEFAULT_GRANT_TYPES[..3],
        _ => &DEFAULT_GRANT_TYPES,
    };
    let has_key =
        sent.get("client_authentication_methods").is_some_and(|m| m.get("private_key_jwt").is_some());
    let jwt_configuration = if is_strict {
        json!({ "alg": "RS256", "lifetime_in_seconds": 3600, "secret_encoded": false })
    } else if is_special || has_key {
        json!({ "alg": "RS256", "secret_encoded": false })
    } else {
        json!({ "lifetime_in_seconds": 36000, "secret_encoded": false })
    };
    let settings = json!({
        "global": false,
        "is_token_endpoint_ip_header_trusted": false,
        "is_first_party": true,
        "oidc_conformant": is_special || is_third_party,
        "sso_disabled": false,
        "cross_origin_authentication": false,
        "refresh_token": default_refresh_token(sent, is_third_party && is_public, is_strict),
        "callback_url_template": false,
        "jwt_configuration": jwt_configuration,
        "grant_types": grant_types,
        "custom_login_page_on": true,
    });
    let Value::Object(mut settings) = settings else { return Map::new() };
    if is_third_party {
        settings.insert("third_party_security_mode".into(), "permissive".into());
    }
    if is_express {
        settings.extend([
            ("callbacks".to_owned(), json!([EXPRESS_CONFIGURATION_CALLBACK])),
            ("organization_usage".to_owned(), json!("require")),
            ("organization_require_behavior".to_owned(), json!("pre_login_prompt")),
            ("client_authentication_methods".to_owned(), json!({ "private_key_jwt": { "credentials": [] } })),
        ]);
    }
    settings
}

/// Whether Okta's integration network configures connections with a client. It has no secret and no grants.
pub fn is_express_configuration(settings: &Map<String, Value>) -> bool {
    settings.get("app_type").is_some_and(|app_type| app_type == "express_configuration")
}

/// Whether a client is a third party under the strict mode. Its id has another form.
pub fn is_strict(settings: &Map<String, Value>) -> bool {
    settings.get("is_first_party") == Some(&json!(false))
        && settings.get("third_party_security_mode").is_some_and(|mode| mode == "strict")
}

fn default_refresh_token(sent: &Map<String, Value>, rotates: bool, is_strict: bool) -> Value {
    let (token_lifetime, idle_token_lifetime) =
        match sent.get("token_endpoint_auth_method").and_then(Value::as_str) {
            Some("client_secret_post") => (31_557_600, 2_592_000),
            _ => (2_592_000, 1_296_000),
        };
    let expiration = sent.get("refresh_token").and_then(|token| token["expiration_type"].as_str());
    let expires = expiration.map_or(rotates || is_strict, |expiration| expiration == "expiring");
    json!({
        "expiration_type": if expires { "expiring" } else { "non-expiring" },
        "leeway": 0,
        "infinite_token_lifetime": !expires || is_strict,
        "infinite_idle_token_lifetime": !expires,
        "token_lifetime": token_lifetime,
        "idle_token_lifetime": idle_token_lifetime,
        "rotation_type": if rotates { "rotating" } else { "non-rotating" },
    })
}

/// The defaults of settings that a client has only once a request sends them: a creation or a later change
/// merges what it sends into them.
pub fn default_objects() -> Map<String, Value> {
    let session_transfer = json!({
        "can_create_session_transfer_token": false,
        "allowed_authentication_methods": [],
        "enforce_device_binding": "ip",
        "allow_refresh_token": false,
        "enforce_online_refresh_tokens": true,
        "enforce_cascade_revocation": true,
    });
    Map::from_iter([("session_transfer".to_owned(), session_transfer)])
}

/// What a creation makes of an empty `oidc_logout`, as recorded.
fn default_oidc_logout() -> Value {
    json!({ "backchannel_logout_initiators": { "mode": "custom", "selected_initiators": ["rp-logout", "idp-logout"] } })
}

/// The identifiers of the APIs that `refresh_token.policies` name, each once.
fn policy_audiences(settings: &Map<String, Value>) -> Vec<String> {
    let policies = settings.get("refresh_token").and_then(|token| token["policies"].as_array());
    let audiences = policies.into_iter().flatten().filter_map(|policy| policy["audience"].as_str());
    audiences.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The body of `POST /api/v2/clients`.
#[derive(Debug)]
pub struct NewClient {
    /// All settings, defaults included.
    pub settings: Map<String, Value>,
    /// As sent, without the keys that are null.
    pub client_metadata: Option<Map<String, Value>>,
    /// The credentials that the settings name by id.
    pub credentials: Vec<NewCredential>,
    /// The APIs that the settings name.
    pub policy_audiences: Vec<String>,
}

impl FromBody for NewClient {
    fn from_body(body: &Object<'_>) -> Result<Self> {
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
        let (mut settings, mut default_objects) = (defaults(&sent), default_objects());
        for (name, value) in sent {
            let default = settings.remove(&name).or_else(|| default_objects.remove(&name));
            let value = match (default, value) {
                (Some(Value::Object(mut default)), Value::Object(value)) => {
                    default.extend(value);
                    Value::Object(default)
                }
                (_, value) => value,
            };
            settings.insert(name, value);
        }
        if settings.get("oidc_logout") == Some(&json!({})) {
            settings.insert("oidc_logout".into(), default_oidc_logout());
        }
        let policy_audiences = policy_audiences(&settings);
        Ok(Self { settings, client_metadata, credentials, policy_audiences })
    }
}

/// The members of a body under their present names.
fn members<'a>(body: &'a Object<'_>) -> impl Iterator<Item = (&'a str, &'a RawValue)> {
    body.members().filter_map(|(name, value)| {
        match FORMER_NAMES.into_iter().find(|(former, _)| *former == name) {
            Some((_, present)) if body.get(present).is_some() => None,
            Some((_, present)) => Some((present, value)),
            None => Some((name, value)),
        }
    })
}

/// Takes the new credentials out of the settings and leaves their ids.
fn take_credentials(settings: &mut Map<String, Value>) -> Result<Vec<NewCredential>> {
    let mut taken = Vec::new();
    for_each_credential(settings, |path, credential| {
        let text = to_raw_value(credential).map_err(Error::internal)?;
        let object =
            Object::of(&text).ok_or_else(|| Error::internal("a credential that is not an object"))?;
        let new = NewCredential::from_checked(path, &object)?;
        *credential = json!({ "id": new.id });
        taken.push(new);
        Ok(())
    })?;
    Ok(taken)
}

/// Visits all credentials in the settings, each with its path in a body.
pub(super) fn for_each_credential(
    settings: &mut Map<String, Value>,
    mut visit: impl FnMut(&str, &mut Value) -> Result<()>,
) -> Result<()> {
    let mut root = Value::Object(std::mem::take(settings));
    for pointer in CREDENTIALS {
        let list = root.pointer_mut(pointer).and_then(Value::as_array_mut);
        for (n, credential) in list.into_iter().flatten().enumerate() {
            visit(&format!("{}.{n}", pointer[1..].replace('/', ".")), credential)?;
        }
    }
    if let Value::Object(root) = root {
        *settings = root;
    }
    Ok(())
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(object) = &mut value {
        object.retain(|_, value| !value.is_null());
    }
    value
}

/// The body of `PATCH /api/v2/clients/{id}`.
#[derive(Debug)]
pub struct ClientPatch {
    /// Settings to replace or to merge.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
    /// JSON text to merge.
    pub client_metadata: MetadataPatch,
    /// In the clear.
    pub client_secret: Option<String>,
    /// The ids of the credentials that the settings name, each once.
    pub credentials: Vec<String>,
    /// The APIs that the settings name.
    pub policy_audiences: Vec<String>,
    names: Vec<String>,
}

impl FromBody for ClientPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
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
            client_metadata: metadata::patch(body, "client_metadata"),
            client_secret: body.value("client_secret"),
            credentials,
            policy_audiences: policy_audiences(&set),
            set,
            unset,
            names: body.members().map(|(name, _)| name.to_owned()).collect(),
        })
    }
}

impl ClientPatch {
    /// Whether the change replaces or removes secrets.
    pub(super) fn changes_secrets(&self) -> bool {
        let is_changed = |name: &&str| self.set.contains_key(*name) || self.unset.iter().any(|n| n == name);
        WITH_SECRETS.iter().any(is_changed)
    }

    /// Whether a stored secret stays, as its place does in the merge of the settings.
    pub(super) fn keeps_secret(&self, pointer: &str) -> bool {
        let mut names = pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~"));
        let (setting, member) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        !self.unset.contains(&setting)
            && match self.set.get(&setting) {
                Some(Value::Object(members)) => !members.is_empty() && !members.contains_key(&member),
                Some(_) => false,
                None => true,
            }
    }

    /// True if a caller with these scopes can change every property that the body names.
    pub fn is_allowed(&self, has: impl Fn(&str) -> bool) -> bool {
        self.names.iter().all(|name| {
            let own = SCOPES.iter().find(|(property, _)| property == name);
            own.map_or(&["update:clients"][..], |(_, scopes)| scopes).iter().any(|scope| has(scope))
        })
    }
}

fn check(schema: &Schema, body: &Object<'_>) -> Result<()> {
    let mut violations = schema.violations(body);
    violations.extend(metadata_violations(body));
    reject(Part::Payload, &violations)?;
    check_grant_types(&body.value::<Vec<String>>("grant_types").unwrap_or_default())
}

/// 400 if a grant type is none of [`GRANT_TYPES`].
fn check_grant_types(sent: &[String]) -> Result<()> {
    let shown = |name: &String| name.chars().take(200).collect::<String>();
    let unknown = sent.iter().filter(|name| !GRANT_TYPES.contains(&name.as_str()));
    let unknown: Vec<String> = unknown.take(10).map(shown).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(codes::INVALID_BODY.with_message(format!("Invalid grant types: {}", unknown.join(", "))))
}

/// The limits of `client_metadata`
/// (<https://auth0.com/docs/get-started/applications/configure-application-metadata>).
fn metadata_violations(body: &Object<'_>) -> Vec<Violation> {
    let Some(object) = body.get("client_metadata").and_then(Object::of) else { return Vec::new() };
    let count = object.members().count();
    let mut violations = Vec::new();
    if count > METADATA_KEYS {
        violations.push(too_many_keys(count));
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ":,-+=_*?\"/\\()<>@\t ".contains(c);
    violations.extend(metadata::text_violations(body, "client_metadata", METADATA, is_allowed));
    violations
}

fn too_many_keys(count: usize) -> Violation {
    let reason = format!("Too many properties defined ({count}), maximum {METADATA_KEYS}");
    Violation::of("client_metadata", METADATA, reason)
}

/// The error for `client_metadata` that would have too many keys after the merge.
pub fn too_many_merged_keys(count: usize) -> Error {
    validation_error(Part::Payload, &[too_many_keys(count)])
}
