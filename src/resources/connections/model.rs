//! What a connection is, and what a request may say about one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fields::{
    CLIENT, CLIENTS, CREATE, ENTERPRISE, METADATA, METADATA_KEYS, METADATA_LENGTH, OPTIONS, UPDATE,
};
use crate::base::error::{Result, codes};
use crate::base::fields::Fields;
use crate::base::identifiers::{Identifier, Requirement, is_username};
use crate::base::json::Object;
use crate::base::passwords::{Policy, Report};
use crate::base::schema::{Fault, Part, Schema, refuse};

/// The strategy of a database of ours.
pub const DATABASE: &str = "auth0";

/// A connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `con_` and 16 letters and digits.
    pub connection_id: String,
    /// Its name, unique in the tenant.
    pub name: String,
    /// `auth0` for a database of ours.
    pub strategy: String,
    /// What is asked of its users.
    pub options: Options,
    /// Is it enabled for any client at all?
    pub is_enabled: bool,
}

impl Connection {
    /// Is it a database of ours, where people have passwords?
    pub fn is_database(&self) -> bool {
        self.strategy == DATABASE
    }

    /// What people are sent a code to, where they log in without a password
    /// (<https://auth0.com/docs/authenticate/passwordless>).
    pub fn passwordless(&self) -> Option<Identifier> {
        match &*self.strategy {
            "email" => Some(Identifier::Email),
            "sms" => Some(Identifier::PhoneNumber),
            _ => None,
        }
    }

    /// Is a password strong enough here?
    pub fn allows_password(&self, password: &str) -> bool {
        self.report_on_password(password).verified
    }

    /// What is asked of a password here, and whether this one is strong enough.
    pub fn report_on_password(&self, password: &str) -> Report {
        self.options.password_policy.report(password, self.options.min_length())
    }

    /// Does a new user need an identifier?
    pub fn requirement(&self, identifier: Identifier) -> Requirement {
        if let Some(only) = self.passwordless() {
            return match identifier {
                _ if identifier == only => Requirement::Required,
                Identifier::Username => Requirement::Inactive,
                _ => Requirement::Optional,
            };
        }
        match (&self.options.attributes, identifier) {
            (Some(attributes), _) => {
                attributes.of(identifier).map_or(Requirement::Inactive, |a| a.signup.status)
            }
            (None, Identifier::Email) => Requirement::Required,
            (None, Identifier::Username) if self.options.requires_username => Requirement::Required,
            (None, Identifier::Username) => Requirement::Inactive,
            (None, Identifier::PhoneNumber) => Requirement::Optional,
        }
    }

    /// The first identifier that a new user lacks and the connection requires. `requires_username` applies to
    /// signup alone.
    pub fn first_missing_identifier(&self, has: impl Fn(Identifier) -> bool) -> Option<Identifier> {
        let all = || Identifier::ALL.into_iter();
        let required = |identifier: &Identifier| {
            self.requirement(*identifier) == Requirement::Required
                && (self.options.attributes.is_some() || *identifier != Identifier::Username)
        };
        let identifies = |identifier: &Identifier| self.identifies(*identifier);
        let missing = all().find(|identifier| required(identifier) && !has(*identifier));
        let is_unnamed = !all().any(|identifier| identifies(&identifier) && has(identifier));
        missing.or_else(|| all().find(identifies).filter(|_| is_unnamed))
    }

    /// Can people log in by it?
    pub fn identifies(&self, identifier: Identifier) -> bool {
        match &self.options.attributes {
            Some(attributes) => attributes.of(identifier).is_some_and(|a| a.identifier.active),
            None if self.passwordless().is_some() => self.passwordless() == Some(identifier),
            None => {
                identifier != Identifier::PhoneNumber && self.requirement(identifier) == Requirement::Required
            }
        }
    }

    /// Is a username of a length that is allowed here, and made of what usernames are made of?
    pub fn allows_username(&self, username: &str) -> bool {
        let own = self.options.attributes.as_ref().and_then(|a| a.username.as_ref()?.validation);
        let own = own.map(|Lengths { min_length, max_length }| Range { min: min_length, max: max_length });
        let Range { min, max } = own.or(self.options.validation.and_then(|v| v.username)).unwrap_or_default();
        (min..=max).contains(&username.chars().count()) && is_username(username)
    }
}

/// What is enforced of a database connection's options, with Auth0's names for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Options {
    /// Do users have usernames here?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub requires_username: bool,
    /// How strong a password has to be.
    #[serde(rename = "passwordPolicy")]
    pub password_policy: Policy,
    /// Exceptions from the policy.
    #[serde(rename = "password_complexity_options")]
    pub password_complexity: PasswordComplexity,
    /// The newer place of the same.
    #[serde(skip_serializing)]
    pub password_options: PasswordOptions,
    /// The lengths of usernames; not with attributes, which have their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Is signup refused?
    pub disable_signup: bool,
    /// Is an account blocked after too many wrong passwords?
    pub brute_force_protection: bool,
    /// What users are known by, where it is not an address and perhaps a username.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
}

impl Options {
    /// How long a password has to be, where the policy is not what says so.
    pub fn min_length(&self) -> Option<usize> {
        self.password_complexity.min_length.or(self.password_options.complexity.min_length)
    }
}

/// The identifiers of a connection (flexible identifiers:
/// <https://auth0.com/docs/authenticate/database-connections/flexible-identifiers-and-attributes>).
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Attributes {
    /// E-mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Attribute>,
    /// Usernames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Attribute>,
    /// Phone numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<Attribute>,
}

impl Attributes {
    fn of(&self, identifier: Identifier) -> Option<&Attribute> {
        match identifier {
            Identifier::Email => self.email.as_ref(),
            Identifier::Username => self.username.as_ref(),
            Identifier::PhoneNumber => self.phone_number.as_ref(),
        }
    }
}

/// One of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Attribute {
    /// Whether people log in by it.
    pub identifier: Active,
    /// Whether signup asks for it.
    pub signup: Signup,
    /// Lengths of usernames, in place of those of [`Validation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Lengths>,
}

/// A switch.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Active {
    /// Is it on?
    pub active: bool,
}

/// How signup treats an attribute.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Signup {
    /// Does it ask for it?
    pub status: Requirement,
}

/// Exceptions from the password policy.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct PasswordComplexity {
    /// Another length, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
}

/// The newer form of all that is asked of passwords.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PasswordOptions {
    /// What passwords are made of.
    pub complexity: PasswordComplexity,
}

/// What is asked of identifiers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Validation {
    /// Usernames.
    pub username: Option<Range>,
}

/// Lengths in characters, both included.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Range {
    /// At least.
    pub min: usize,
    /// At most.
    pub max: usize,
}

impl Default for Range {
    fn default() -> Self {
        Self { min: 1, max: 15 }
    }
}

/// The same in the words of attributes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Lengths {
    /// At least.
    pub min_length: usize,
    /// At most.
    pub max_length: usize,
}

impl Default for Lengths {
    fn default() -> Self {
        let Range { min, max } = Range::default();
        Self { min_length: min, max_length: max }
    }
}

/// What every database connection has, said or not: what a change leaves out comes back.
fn lasting() -> Value {
    json!({
        "authentication_methods": { "password": { "enabled": true }, "passkey": { "enabled": false } },
        "passkey_options": { "challenge_ui": "both", "progressive_enrollment_enabled": true, "local_enrollment_enabled": true },
        "brute_force_protection": true,
    })
}

/// What only a new one has: what a change leaves out is gone.
fn initial() -> Value {
    json!({
        "mfa": { "active": true, "return_enroll_settings": true },
        "passwordPolicy": "good",
        "strategy_version": 2,
    })
}

/// The options of a database connection as they are kept, from those that were sent; refused where they exclude each
/// other.
fn of_database(sent: &Object<'_>, mut defaults: Map<String, Value>) -> Result<Value> {
    let faults: Vec<Fault> = OPTIONS.faults_at("options", sent);
    refuse(Part::Payload, &faults)?;
    let mut options = Map::new();
    for (name, value) in sent.members() {
        options.insert(name.to_owned(), serde_json::from_str(value.get()).unwrap_or_default());
    }
    let refused = |message: &'static str| Err(codes::INVALID_BODY.because(message));
    let lengths =
        [("validation", "username", "min", "max"), ("attributes", "username", "min_length", "max_length")];
    for (field, attribute, min, max) in lengths {
        let of = &options.get(field).unwrap_or_default()[attribute];
        let of = if field == "attributes" { &of["validation"] } else { of };
        if let (Some(min), Some(max)) = (of[min].as_f64(), of[max].as_f64())
            && min > max
        {
            return refused("The least length of a username cannot be more than the most");
        }
    }
    if let Some(Value::Object(attributes)) = options.get_mut("attributes") {
        for (name, attribute) in &*attributes {
            if attribute["profile_required"] == true && attribute["signup"]["status"] != "required" {
                return Err(
                    codes::INVALID_BODY.because(format!("attribute {name} must also be required on signup"))
                );
            }
        }
        if !attributes.values().any(|attribute| attribute["identifier"]["active"] == true) {
            return refused("attributes must contain one active identifier");
        }
        if let Some(Value::Object(email)) = attributes.get_mut("email") {
            email.entry("verification_method").or_insert(json!("link"));
        }
        if options.get("requires_username") == Some(&json!(true)) {
            return refused("Cannot set both options.attributes and options.requires_username");
        }
        if options.get("validation").is_some_and(|validation| !validation.is_null()) {
            return refused("Cannot set both options.attributes and options.validation");
        }
    }
    if options.contains_key("password_options") {
        defaults.remove("passwordPolicy");
    }
    options.retain(|name, value| !(value.is_null() && defaults.contains_key(name)));
    defaults.extend(options);
    Ok(Value::Object(defaults))
}

fn map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// The options of a connection as they are kept. `is_new`: before it is made.
pub fn options(strategy: &str, sent: &Object<'_>, is_new: bool) -> Result<Value> {
    if strategy != DATABASE {
        let read = |(name, value): (&str, &serde_json::value::RawValue)| {
            (name.to_owned(), serde_json::from_str(value.get()).unwrap_or_default())
        };
        return Ok(Value::Object(sent.members().map(read).collect()));
    }
    let mut defaults = map(lasting());
    if is_new {
        defaults.extend(map(initial()));
    }
    of_database(sent, defaults)
}

/// The members of a database's options that are secrets where they are texts.
const SECRETS: &[&str] = &[
    "api_key",
    "apiKey",
    "api_secret",
    "app_secret",
    "client_secret",
    "consumerSecret",
    "consumer_secret",
    "decryptionKey",
    "decryption_key",
    "key",
    "password",
    "privateKey",
    "private_key",
    "secret",
    "signingKey",
    "signing_key",
    "token",
    "twilio_token",
];
/// Members of which everything is one, whatever the strategy.
const SECRET_OBJECTS: &[&str] = &["configuration", "customHeaders"];
/// What stands where a secret is.
const HIDDEN: &str = "*****";

/// Is everything under a name a secret where nobody says what options there are?
fn tells_of_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let has = |part: &&str| name.contains(*part);
    !["public", "endpoint"].iter().any(has)
        && (["secret", "token", "password"].iter().any(has) || name.ends_with("key"))
}

/// Takes the secrets out of options: each by its place, as a JSON pointer (RFC 6901). Whether something is on or off and
/// what is not there are none.
pub fn hide(strategy: &str, options: &mut Value) -> BTreeMap<String, Value> {
    fn walk(
        is_database: bool,
        value: &mut Value,
        place: &str,
        hidden: bool,
        found: &mut BTreeMap<String, Value>,
    ) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let hidden = hidden
                        || SECRET_OBJECTS.contains(&name.as_str())
                        || if is_database {
                            value.is_string() && SECRETS.contains(&name.as_str())
                        } else {
                            tells_of_secret(name)
                        };
                    walk(is_database, value, &place, hidden, found);
                }
            }
            Value::Array(list) => {
                for (n, value) in list.iter_mut().enumerate() {
                    walk(is_database, value, &format!("{place}/{n}"), hidden, found);
                }
            }
            Value::String(_) | Value::Number(_) if hidden => {
                found.insert(place.to_owned(), std::mem::replace(value, HIDDEN.into()));
            }
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    walk(strategy == DATABASE, options, "", false, &mut found);
    found
}

/// Puts them back.
pub fn reveal(options: &mut Value, secrets: BTreeMap<String, Value>) {
    for (place, secret) in secrets {
        if let Some(value) = options.pointer_mut(&place) {
            *value = secret;
        }
    }
}

/// A connection to be made.
#[derive(Debug)]
pub struct NewConnection {
    /// Its name.
    pub name: String,
    /// Its strategy.
    pub strategy: String,
    /// Its options, defaults included, secrets too.
    pub options: Value,
    /// The rest of its document.
    pub settings: Map<String, Value>,
    /// The clients that may use it.
    pub enabled_clients: Vec<String>,
}

impl NewConnection {
    /// Reads a body. Every fault it has is told at once; then what excludes each other.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        check(&CREATE, body)?;
        let text = |name| body.value::<String>(name).unwrap_or_default();
        let (name, strategy) = (text("name"), text("strategy"));
        let sent = body.get("options").and_then(Object::of).unwrap_or_default();
        let options = options(&strategy, &sent, true)?;
        let mut new = settings(body);
        if ENTERPRISE.contains(&strategy.as_str()) {
            new.entry("display_name").or_insert_with(|| json!(name));
            new.entry("show_as_button").or_insert(json!(false));
        }
        let enabled_clients = body.value("enabled_clients").unwrap_or_default();
        Ok(Self { name, strategy, options, settings: new, enabled_clients })
    }
}

/// What a body says beside name, strategy, options and clients.
fn settings(body: &Object<'_>) -> Map<String, Value> {
    let apart = ["name", "strategy", "options", "enabled_clients"];
    let others = body.members().filter(|(name, _)| !apart.contains(name));
    others
        .map(|(name, value)| (name.to_owned(), serde_json::from_str(value.get()).unwrap_or_default()))
        .collect()
}

/// A change of a connection.
#[derive(Debug)]
pub struct ConnectionPatch<'a> {
    /// In place of all options there are; not judged yet, for that takes the strategy.
    pub options: Option<Object<'a>>,
    /// What to put in place of the rest of the document, member by member.
    pub settings: Map<String, Value>,
    /// In place of all clients that may use it.
    pub enabled_clients: Option<Vec<String>>,
}

impl<'a> ConnectionPatch<'a> {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'a>) -> Result<Self> {
        check(&UPDATE, body)?;
        let options = body.get("options").map(|options| Object::of(options).unwrap_or_default());
        let enabled_clients =
            body.get("enabled_clients").map(|_| body.value("enabled_clients").unwrap_or_default());
        Ok(Self { options, settings: settings(body), enabled_clients })
    }
}

fn check(schema: &Schema, body: &Object<'_>) -> Result<()> {
    let mut faults = schema.faults(body);
    let metadata = body.get("metadata").and_then(Object::of).unwrap_or_default();
    let count = metadata.members().count();
    if count > METADATA_KEYS {
        let reason = format!("Too many properties defined ({count}), maximum {METADATA_KEYS}");
        faults.push(Fault::of("metadata", METADATA, reason));
    }
    for (name, value) in metadata.members() {
        let length = |text: &str| text.chars().count();
        let reason = match serde_json::from_str::<String>(value.get()) {
            Err(_) => format!("Expected type string but found type {}", crate::base::json::type_name(value)),
            Ok(text) if length(&text) > METADATA_LENGTH => {
                format!("String is too long ({} chars), maximum {METADATA_LENGTH}", length(&text))
            }
            Ok(_) if length(name) > METADATA_LENGTH => {
                format!("Property name is too long, maximum {METADATA_LENGTH}")
            }
            Ok(_) => continue,
        };
        faults.push(Fault::of(format!("metadata.{name}"), METADATA, reason));
    }
    refuse(Part::Payload, &faults)
}

/// Which clients to enable a connection for and for which not any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClientsPatch {
    /// For these it is enabled.
    pub enable: Vec<String>,
    /// For these it is not.
    pub disable: Vec<String>,
}

impl ClientsPatch {
    /// Reads a body. Of a client that is named twice the last word counts.
    pub fn read(body: &[&serde_json::value::RawValue]) -> Result<Self> {
        let mut faults = CLIENT.faults_of_list(body);
        if body.is_empty() {
            faults.push(Fault::of_root("Array is too short (0), minimum 1"));
        } else if body.len() > CLIENTS {
            faults.push(Fault::of_root(format!("Array is too long ({}), maximum {CLIENTS}", body.len())));
        }
        refuse(Part::Payload, &faults)?;
        let named = body.iter().filter_map(|element| {
            let client = Object::of(element)?;
            Some((client.value::<String>("client_id")?, client.value::<bool>("status")?))
        });
        let (enable, disable): (Vec<_>, Vec<_>) =
            named.collect::<BTreeMap<_, _>>().into_iter().partition(|(_, status)| *status);
        let ids = |clients: Vec<(String, bool)>| clients.into_iter().map(|(id, _)| id).collect();
        Ok(Self { enable: ids(enable), disable: ids(disable) })
    }
}

/// Which connections are asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// With this name.
    pub name: Option<String>,
    /// With any of these strategies; all if there is none.
    pub strategies: Vec<String>,
    /// Enabled for this client.
    pub client_id: Option<String>,
}

/// A connection as it is answered.
#[derive(Debug)]
pub struct Document {
    /// `con_` and 16 letters and digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its strategy.
    pub strategy: String,
    /// With their secrets.
    pub options: Value,
    /// The rest.
    pub settings: Map<String, Value>,
    /// The clients that may use it, in the order of their ids; `None` where that was not asked.
    pub enabled_clients: Option<Vec<String>>,
    /// The tag of this state of it.
    pub etag: String,
}

impl Document {
    /// As JSON text, of the fields that are wanted. `is_domain_connection` always is, as recorded.
    pub fn text(self, fields: &Fields) -> String {
        let mut document = self.settings;
        let realms = json!([self.name]);
        document.insert("id".into(), self.id.into());
        document.insert("name".into(), self.name.into());
        document.insert("strategy".into(), self.strategy.into());
        document.insert("options".into(), self.options);
        document.entry("is_domain_connection").or_insert(json!(false));
        document.entry("realms").or_insert(realms);
        document.extend(self.enabled_clients.map(|clients| ("enabled_clients".to_owned(), json!(clients))));
        document.retain(|name, _| name == "is_domain_connection" || fields.wants(name));
        Value::Object(document).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_put_back() {
        let whole = json!({
            "client_secret": "a", "client_id": "b", "authentication_methods": { "password": { "enabled": true } },
            "configuration": { "x/y": "c", "n": { "deep": "d" } }, "signing": [{ "key": "e", "cert": "f" }], "token": null,
        });
        let mut hidden = whole.clone();
        let secrets = hide(DATABASE, &mut hidden);
        assert_eq!(secrets.values().collect::<Vec<_>>(), ["a", "d", "c", "e"]);
        assert_eq!(hidden["configuration"], json!({ "x/y": HIDDEN, "n": { "deep": HIDDEN } }));
        assert_eq!((&hidden["client_id"], &hidden["signing"][0]["cert"]), (&json!("b"), &json!("f")));
        reveal(&mut hidden, secrets);
        assert_eq!(hidden, whole);
    }

    #[test]
    fn of_other_strategies_whatever_is_called_a_secret_is_taken_out() {
        let whole = json!({
            "clientSecret": "a", "Access_Tokens": ["b", { "deep": 7 }], "freeform": { "customHeaders": { "Authorization": "c" } },
            "api_key": { "id": "d" }, "signing_cert": "e", "public_key": "f", "token_endpoint": "g", "password_on": true,
        });
        let mut hidden = whole.clone();
        let secrets = hide("oauth2", &mut hidden);
        assert_eq!(
            hidden,
            json!({
                "clientSecret": HIDDEN, "Access_Tokens": [HIDDEN, { "deep": HIDDEN }],
                "freeform": { "customHeaders": { "Authorization": HIDDEN } },
                "api_key": { "id": HIDDEN }, "signing_cert": "e", "public_key": "f", "token_endpoint": "g", "password_on": true,
            })
        );
        reveal(&mut hidden, secrets);
        assert_eq!(hidden, whole);
    }
}
