//! The options of a connection: how they are stored, and which of them are enforced.
//!
//! Options of a database are checked, completed with defaults and stored; [`Options`] is the part that Roster
//! enforces. Options of other strategies are stored as they are sent, if those that are links are web addresses.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::fields::{DATABASE, OPTIONS};
use crate::base::error::{Result, codes};
use crate::base::identifiers::{Identifier, Requirement};
use crate::base::json::Object;
use crate::base::passwords::Policy;
use crate::base::schema::{Format, Part, Text, Violation, reject};

/// The options of a database that are enforced, under Auth0's names.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Options {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub requires_username: bool,
    #[serde(rename = "passwordPolicy")]
    pub password_policy: Policy,
    #[serde(rename = "password_complexity_options")]
    pub password_complexity: PasswordComplexity,
    /// The newer form of the password's options.
    #[serde(skip_serializing)]
    pub password_options: PasswordOptions,
    /// Applies without `attributes`, which have lengths of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    pub disable_signup: bool,
    pub brute_force_protection: bool,
    /// The identifiers of users. Without it: the e-mail address, and the username with `requires_username`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
}

impl Options {
    /// The minimum length of a password in characters; `None` leaves it to the policy.
    pub fn min_length(&self) -> Option<usize> {
        self.password_complexity.min_length.or(self.password_options.complexity.min_length)
    }
}

/// The identifiers of a connection (flexible identifiers:
/// <https://auth0.com/docs/authenticate/database-connections/flexible-identifiers-and-attributes>).
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Attributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<Attribute>,
}

impl Attributes {
    pub(super) fn of(&self, identifier: Identifier) -> Option<&Attribute> {
        match identifier {
            Identifier::Email => self.email.as_ref(),
            Identifier::Username => self.username.as_ref(),
            Identifier::PhoneNumber => self.phone_number.as_ref(),
        }
    }
}

/// A member of [`Attributes`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Attribute {
    /// Whether users log in by it.
    pub identifier: Active,
    pub signup: Signup,
    /// Lengths of usernames, in place of those of [`Validation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Lengths>,
}

/// A switch.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Active {
    pub active: bool,
}

/// How signup treats an attribute.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Signup {
    pub status: Requirement,
}

/// Exceptions from the password policy.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct PasswordComplexity {
    /// In characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
}

/// The newer form of the password's options, as far as it is enforced.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PasswordOptions {
    pub complexity: PasswordComplexity,
}

/// The rules of identifiers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Validation {
    pub username: Option<Range>,
}

/// Lengths in characters, both included.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Range {
    pub min: usize,
    pub max: usize,
}

impl Default for Range {
    fn default() -> Self {
        Self { min: 1, max: 15 }
    }
}

/// A [`Range`] under the names that attributes have for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Lengths {
    pub min_length: usize,
    pub max_length: usize,
}

impl Default for Lengths {
    fn default() -> Self {
        let Range { min, max } = Range::default();
        Self { min_length: min, max_length: max }
    }
}

/// The options of a new connection as they are stored; 400 if they violate the schema or exclude each other.
pub(super) fn of_new(strategy: &str, sent: Option<&Object<'_>>) -> Result<Value> {
    match sent {
        None if strategy == DATABASE => Ok(Value::Object(database_defaults())),
        Some(sent) if strategy == DATABASE => of_database(sent, &Value::Null, initial_defaults()),
        Some(sent) => of_other(sent),
        None => Ok(Value::Object(Map::new())),
    }
}

/// The same for options that replace those of a connection.
pub(super) fn of_replacement(strategy: &str, sent: &Object<'_>, present: &Value) -> Result<Value> {
    if strategy == DATABASE {
        let is_unique = |email: &Value| email["unique"] != false;
        let options = of_database(sent, present, Map::new())?;
        if !is_unique(&options["attributes"]["email"]) && is_unique(&present["attributes"]["email"]) {
            return Err(codes::NON_UNIQUE_EMAIL.into());
        }
        Ok(options)
    } else {
        of_other(sent)
    }
}

/// Options that the browser of a person shows or follows.
const LINKS: [&str; 5] =
    ["authorizationURL", "authorization_endpoint", "icon_url", "signInEndpoint", "signOutEndpoint"];

fn of_other(sent: &Object<'_>) -> Result<Value> {
    let options = values(sent);
    check_links(&options)?;
    Ok(Value::Object(options))
}

fn check_links(options: &Map<String, Value>) -> Result<()> {
    let violation = |name: &&str| {
        let link = options.get(*name)?.as_str().filter(|link| !link.is_empty())?;
        let reason = Text::format(Format::StrictUri).violation(link)?;
        Some(Violation::of(format!("options.{name}"), "", reason))
    };
    reject(Part::Payload, &LINKS.iter().filter_map(violation).collect::<Vec<_>>())
}

/// The options of a new database for which none are sent.
pub fn database_defaults() -> Map<String, Value> {
    let mut defaults = permanent_defaults();
    defaults.extend(initial_defaults());
    defaults
}

/// Defaults that return when a replacement leaves them out.
fn permanent_defaults() -> Map<String, Value> {
    object(json!({
        "authentication_methods": {
            "password": { "enabled": true, "api_behavior": "required" },
            "passkey": { "enabled": false },
        },
        "passkey_options": {
            "challenge_ui": "both",
            "progressive_enrollment_enabled": true,
            "local_enrollment_enabled": true,
        },
        "brute_force_protection": true,
    }))
}

/// Defaults of a new database alone.
fn initial_defaults() -> Map<String, Value> {
    object(json!({
        "mfa": { "active": true, "return_enroll_settings": true },
        "passwordPolicy": "good",
        "strategy_version": 2,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn values(sent: &Object<'_>) -> Map<String, Value> {
    let value = |value: &RawValue| serde_json::from_str(value.get()).unwrap_or_default();
    sent.members().map(|(name, text)| (name.to_owned(), value(text))).collect()
}

/// Completes the options of a database. `initial` are the defaults of a new one.
fn of_database(sent: &Object<'_>, present: &Value, mut initial: Map<String, Value>) -> Result<Value> {
    reject(Part::Payload, &OPTIONS.violations_at("options", sent))?;
    let mut options = values(sent);
    check_links(&options)?;
    check_combination(&options)?;
    if options.contains_key("password_options") {
        initial.remove("passwordPolicy");
    }
    // A null in place of a permanent default restores the default. Other nulls are stored as they are sent.
    let permanent = permanent_defaults();
    options.retain(|name, value| !(value.is_null() && permanent.contains_key(name)));
    let are_methods_sent = options.contains_key("authentication_methods");
    let mut complete = permanent;
    complete.extend(initial);
    complete.extend(options);
    let is_new = |option: &Value, pointer: &str| present.pointer(pointer) != Some(option);
    if let Some(email) = complete.get_mut("attributes").and_then(|attributes| attributes.get_mut("email"))
        && is_new(email, "/attributes/email")
    {
        fill(email, json!({ "verification_method": "link", "unique": true }));
    }
    if let Some(methods) = complete.get_mut("authentication_methods")
        && is_new(methods, "/authentication_methods")
    {
        if are_methods_sent {
            let disabled = || json!({ "enabled": false });
            fill(methods, json!({ "password": { "enabled": true } }));
            fill(methods, json!({ "email_otp": disabled(), "phone_otp": disabled(), "passkey": disabled() }));
        }
        fill(&mut methods["password"], json!({ "api_behavior": "required", "signup_behavior": "allow" }));
    }
    Ok(Value::Object(complete))
}

/// Adds the members that an object lacks.
fn fill(object: &mut Value, members: Value) {
    if let (Value::Object(object), Value::Object(members)) = (object, members) {
        for (name, value) in members {
            object.entry(name).or_insert(value);
        }
    }
}

/// Rejects options that contradict each other.
fn check_combination(options: &Map<String, Value>) -> Result<()> {
    let rejected = |message: &'static str| Err(codes::INVALID_BODY.with_message(message));
    let option = |name: &str| options.get(name).unwrap_or_default();
    let (attributes, validation) = (option("attributes"), option("validation"));
    let lengths = [
        (&validation["username"], "min", "max"),
        (&attributes["username"]["validation"], "min_length", "max_length"),
    ];
    for (lengths, min, max) in lengths {
        if let (Some(min), Some(max)) = (lengths[min].as_f64(), lengths[max].as_f64())
            && min > max
        {
            return rejected("The minimum length of a username is greater than the maximum length");
        }
    }
    let Value::Object(attributes) = attributes else { return Ok(()) };
    for (name, attribute) in attributes {
        if attribute["profile_required"] == true && attribute["signup"]["status"] != "required" {
            return Err(
                codes::INVALID_BODY.with_message(format!("attribute {name} must also be required on signup"))
            );
        }
    }
    if !attributes.values().any(|attribute| attribute["identifier"]["active"] == true) {
        return rejected("attributes must contain one active identifier");
    }
    if *option("requires_username") == true {
        return rejected("Cannot set both options.attributes and options.requires_username");
    }
    if !validation.is_null() {
        return rejected("Cannot set both options.attributes and options.validation");
    }
    Ok(())
}
