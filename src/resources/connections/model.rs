//! Connections, and the requests that create, change and list them.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::fields::{CREATE, ENTERPRISE, MAX_METADATA_KEYS, MAX_METADATA_LENGTH, METADATA, UPDATE};
use super::options::{self, Lengths, Options, Range};
use crate::base::error::{Result, codes};
use crate::base::fields::Fields;
use crate::base::identifiers::{Identifier, Requirement, is_username};
use crate::base::json::{FromBody, Object, type_name};
use crate::base::passwords::Report;
use crate::base::schema::{Part, Schema, Violation, reject};

pub use super::fields::DATABASE;

/// A connection as its users meet it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `con_` and 16 letters and digits.
    pub connection_id: String,
    /// Unique in the tenant.
    pub name: String,
    pub strategy: String,
    /// Defaults for strategies other than [`DATABASE`].
    pub options: Options,
    /// Is it enabled for at least one client?
    pub is_enabled: bool,
}

impl Connection {
    /// Do its users have passwords in Roster?
    pub fn is_database(&self) -> bool {
        self.strategy == DATABASE
    }

    /// The identifier to which a passwordless connection sends its codes
    /// (<https://auth0.com/docs/authenticate/passwordless>).
    pub fn passwordless(&self) -> Option<Identifier> {
        match &*self.strategy {
            "email" => Some(Identifier::Email),
            "sms" => Some(Identifier::PhoneNumber),
            _ => None,
        }
    }

    /// Does a password meet the policy?
    pub fn allows_password(&self, password: &str) -> bool {
        self.report_on_password(password).verified
    }

    /// The rules of the password policy, and which of them a password meets.
    pub fn report_on_password(&self, password: &str) -> Report {
        self.options.password_policy.report(password, self.options.min_length())
    }

    /// Whether a new user must have an identifier.
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

    /// Do users log in by an identifier?
    pub fn identifies(&self, identifier: Identifier) -> bool {
        match &self.options.attributes {
            Some(attributes) => attributes.of(identifier).is_some_and(|a| a.identifier.active),
            None if self.passwordless().is_some() => self.passwordless() == Some(identifier),
            None => {
                identifier != Identifier::PhoneNumber && self.requirement(identifier) == Requirement::Required
            }
        }
    }

    /// Does a username have an allowed length and allowed characters only?
    pub fn allows_username(&self, username: &str) -> bool {
        let own = self.options.attributes.as_ref().and_then(|a| a.username.as_ref()?.validation);
        let own = own.map(|Lengths { min_length, max_length }| Range { min: min_length, max: max_length });
        let Range { min, max } = own.or(self.options.validation.and_then(|v| v.username)).unwrap_or_default();
        (min..=max).contains(&username.chars().count()) && is_username(username)
    }
}

/// A connection to create.
#[derive(Debug)]
pub struct NewConnection {
    pub name: String,
    pub strategy: String,
    /// With defaults and secrets.
    pub options: Value,
    /// The other members of the document.
    pub settings: Map<String, Value>,
    /// Client ids, which may repeat.
    pub enabled_clients: Vec<String>,
}

impl FromBody for NewConnection {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        check(&CREATE, body)?;
        let text = |name| body.value::<String>(name).unwrap_or_default();
        let (name, strategy) = (text("name"), text("strategy"));
        let sent = body.get("options").and_then(Object::of);
        let options = options::of_new(&strategy, sent.as_ref())?;
        let mut settings = settings(body);
        check_settings(&strategy, &settings)?;
        if ENTERPRISE.contains(&strategy.as_str()) {
            settings.entry("display_name").or_insert_with(|| json!(name));
            settings.entry("show_as_button").or_insert(json!(false));
        }
        let enabled_clients = body.value("enabled_clients").unwrap_or_default();
        Ok(Self { name, strategy, options, settings, enabled_clients })
    }
}

/// A change of a connection.
#[derive(Debug)]
pub struct ConnectionPatch<'a> {
    /// Replace all options. Not checked yet, because the rules depend on the strategy.
    pub options: Option<Object<'a>>,
    /// Other members of the document to replace.
    pub settings: Map<String, Value>,
    /// Replace all clients.
    pub enabled_clients: Option<Vec<String>>,
}

impl<'a> ConnectionPatch<'a> {
    /// Reads a body; 400 with all violations but those of the options.
    pub fn read(body: &Object<'a>) -> Result<Self> {
        check(&UPDATE, body)?;
        let options = body.get("options").map(|options| Object::of(options).unwrap_or_default());
        let enabled_clients =
            body.get("enabled_clients").map(|_| body.value("enabled_clients").unwrap_or_default());
        Ok(Self { options, settings: settings(body), enabled_clients })
    }
}

/// 400 for settings that a strategy does not have.
pub(super) fn check_settings(strategy: &str, settings: &Map<String, Value>) -> Result<()> {
    let requesting_app = settings.get("cross_app_access_requesting_app");
    if strategy == DATABASE && requesting_app.is_some_and(|app| app["active"] == true) {
        return Err(codes::DATABASE_AS_REQUESTING_APP.into());
    }
    Ok(())
}

/// The members of a body that have no column.
fn settings(body: &Object<'_>) -> Map<String, Value> {
    let columns = ["name", "strategy", "options", "enabled_clients"];
    let value = |value: &RawValue| serde_json::from_str(value.get()).unwrap_or_default();
    let settings = body.members().filter(|(name, _)| !columns.contains(name));
    settings.map(|(name, text)| (name.to_owned(), value(text))).collect()
}

fn check(schema: &Schema, body: &Object<'_>) -> Result<()> {
    let mut violations = schema.violations(body);
    let metadata = body.get("metadata").and_then(Object::of).unwrap_or_default();
    let count = metadata.members().count();
    if count > MAX_METADATA_KEYS {
        let reason = format!("Too many properties defined ({count}), maximum {MAX_METADATA_KEYS}");
        violations.push(Violation::of("metadata", METADATA, reason));
    }
    for (name, value) in metadata.members() {
        let length = |text: &str| text.chars().count();
        let reason = match serde_json::from_str::<String>(value.get()) {
            Err(_) => format!("Expected type string but found type {}", type_name(value)),
            Ok(text) if length(&text) > MAX_METADATA_LENGTH => {
                format!("String is too long ({} chars), maximum {MAX_METADATA_LENGTH}", length(&text))
            }
            Ok(_) if length(name) > MAX_METADATA_LENGTH => {
                format!("Property name is too long, maximum {MAX_METADATA_LENGTH}")
            }
            Ok(_) => continue,
        };
        violations.push(Violation::of(format!("metadata.{name}"), METADATA, reason));
    }
    reject(Part::Payload, &violations)
}

/// The members of an answer that `fields` does not leave out, as recorded; `include_fields=false` leaves out
/// the id.
const ALWAYS: [&str; 4] = ["id", "is_domain_connection", "authentication", "connected_accounts"];

/// The filter of a list.
#[derive(Debug, Default)]
pub struct Filter {
    pub name: Option<String>,
    /// Any of these; all without any.
    pub strategies: Vec<String>,
}

/// A connection as the API answers it.
#[derive(Debug)]
pub struct Document {
    /// `con_` and 16 letters and digits.
    pub id: String,
    pub name: String,
    pub strategy: String,
    /// With secrets.
    pub options: Value,
    /// The other members.
    pub settings: Map<String, Value>,
    /// In the order of the ids; `None` where the answer has no such member.
    pub enabled_clients: Option<Vec<String>>,
    /// With quotes (RFC 9110, 8.8.3).
    pub etag: String,
}

impl Document {
    /// The JSON of the requested fields, which always include `ALWAYS`.
    pub fn text(self, fields: &Fields) -> String {
        let mut document = self.settings;
        let realms = json!([self.name]);
        document.insert("id".into(), self.id.into());
        document.insert("name".into(), self.name.into());
        document.insert("strategy".into(), self.strategy.into());
        document.insert("options".into(), self.options);
        document.entry("is_domain_connection").or_insert(json!(false));
        document.entry("realms").or_insert(realms);
        if document["strategy"] == DATABASE {
            document.entry("authentication").or_insert_with(|| json!({ "active": true }));
            document.entry("connected_accounts").or_insert_with(|| json!({ "active": false }));
        }
        document.extend(self.enabled_clients.map(|clients| ("enabled_clients".to_owned(), json!(clients))));
        let is_always = |name: &str| ALWAYS.contains(&name) && !(fields.exclude() && name == "id");
        document.retain(|name, _| fields.wants(name) || is_always(name));
        Value::Object(document).to_string()
    }
}
