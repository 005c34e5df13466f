//! Connections of strategy `auth0`: where users are kept, and what is asked of them there.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `GET /api/v2/connections` | `read:connections` |
//!
//! They are listed in the order of their names. `fields` always leaves `is_domain_connection` in, as recorded. Of a
//! connection that is enabled for every client, `enabled_clients` shows all there are.
//!
//! Users are known by identifiers: an e-mail address and, with `requires_username`, a username; or, where a connection
//! has `attributes`, by those that these name ([`Connection::demand`], [`Connection::identifies`]).
//!
//! Decisions:
//! - `requires_username` allows usernames and makes signup ask for one; the Management API makes a user without one all
//!   the same, as the recorded imports do. What `attributes` require is required everywhere.
//! - A phone number is a plain attribute unless `attributes` make it an identifier.

pub mod routes;
pub(crate) mod store;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::Context;
use crate::db::Db;
use crate::error::Result;
use crate::json::Object;
use crate::passwords::{Policy, Report};
use crate::users::model::{Fields, NewUser};

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
    /// The clients that may use it; `None` for all.
    pub enabled_clients: Option<Vec<String>>,
}

impl Connection {
    /// Is it enabled for any client at all?
    pub fn is_enabled(&self) -> bool {
        self.enabled_clients.as_ref().is_none_or(|clients| !clients.is_empty())
    }

    /// Is a password strong enough here?
    pub fn allows_password(&self, password: &str) -> bool {
        self.report_on_password(password).verified
    }

    /// What is asked of a password here, and whether this one is strong enough.
    pub fn report_on_password(&self, password: &str) -> Report {
        self.options.password_policy.report(password, self.options.password_options.min_length)
    }

    /// Does signup ask for an identifier?
    pub fn demand(&self, identifier: Identifier) -> Demand {
        match (&self.options.attributes, identifier) {
            (Some(attributes), _) => attributes.of(identifier).map_or(Demand::Inactive, |a| a.signup.status),
            (None, Identifier::Email) => Demand::Required,
            (None, Identifier::Username) if self.options.requires_username => Demand::Required,
            (None, Identifier::Username) => Demand::Inactive,
            (None, Identifier::PhoneNumber) => Demand::Optional,
        }
    }

    /// An identifier that a new user has to have and does not. A username that `requires_username` asks for is
    /// signup's business alone.
    pub fn missing(&self, new: &NewUser) -> Option<Identifier> {
        let has = |identifier: &Identifier| new.identifier(*identifier).is_some();
        let required = |identifier: &Identifier| {
            self.demand(*identifier) == Demand::Required
                && (self.options.attributes.is_some() || *identifier != Identifier::Username)
        };
        let identifies = |identifier: &Identifier| self.identifies(*identifier);
        let missing = Identifier::ALL.into_iter().find(|i| required(i) && !has(i));
        let nameless = !Identifier::ALL.iter().any(|i| identifies(i) && has(i));
        missing.or_else(|| Identifier::ALL.into_iter().find(identifies).filter(|_| nameless))
    }

    /// Can people log in by it?
    pub fn identifies(&self, identifier: Identifier) -> bool {
        match &self.options.attributes {
            Some(attributes) => attributes.of(identifier).is_some_and(|a| a.identifier.active),
            None => identifier != Identifier::PhoneNumber && self.demand(identifier) == Demand::Required,
        }
    }

    /// Is a username of a length that is allowed here, and made of what usernames are made of?
    pub fn allows_username(&self, username: &str) -> bool {
        let own = self.options.attributes.as_ref().and_then(|a| a.username.as_ref()?.validation.as_ref());
        let Range { min, max } = *own.unwrap_or(&self.options.validation.username);
        (min..=max).contains(&username.chars().count()) && crate::users::model::is_username(username)
    }
}

/// The options of a database connection, with Auth0's names for them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Options {
    /// Do users have usernames here?
    pub requires_username: bool,
    /// How strong a password has to be.
    #[serde(rename = "passwordPolicy")]
    pub password_policy: Policy,
    /// Exceptions from the policy.
    #[serde(rename = "password_complexity_options")]
    pub password_options: PasswordOptions,
    /// The lengths of usernames.
    pub validation: Validation,
    /// Is signup refused?
    pub disable_signup: bool,
    /// Is an account blocked after too many wrong passwords?
    pub brute_force_protection: bool,
    /// What users are known by, where it is not an address and perhaps a username.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
}

/// What a user can be known by within a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// An e-mail address, in lower case.
    Email,
    /// A username, in lower case.
    Username,
    /// A phone number (E.164).
    PhoneNumber,
}

impl Identifier {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Email, Self::Username, Self::PhoneNumber];

    /// The attribute that holds it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
        }
    }
}

/// Whether signup asks for an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// It has to be given.
    Required,
    /// It may be given.
    Optional,
    /// It is not asked for.
    #[default]
    Inactive,
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
    pub validation: Option<Range>,
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
    pub status: Demand,
}

/// Exceptions from the password policy.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct PasswordOptions {
    /// Another length, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
}

/// What is asked of identifiers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Validation {
    /// Usernames.
    pub username: Range,
}

/// Lengths in characters, both included.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Range {
    /// At least.
    #[serde(alias = "min_length")]
    pub min: usize,
    /// At most.
    #[serde(alias = "max_length")]
    pub max: usize,
}

impl Default for Range {
    fn default() -> Self {
        Self { min: 1, max: 15 }
    }
}

/// Which connections are asked for.
#[derive(Debug)]
pub struct List {
    /// With this name.
    pub name: Option<String>,
    /// With any of these strategies; all if there is none.
    pub strategies: Vec<String>,
    /// How many are skipped.
    pub start: i64,
    /// How many are answered at most.
    pub limit: i64,
}

/// Connections as JSON documents of the fields that are wanted, and how many there are in all.
pub async fn list(ctx: &Context, list: &List, fields: &Fields) -> Result<(Vec<String>, i64)> {
    let (documents, total) = store::list(ctx.db(), &ctx.tenant.id, list).await?;
    Ok((documents.iter().map(|document| shortened(document, fields)).collect(), total))
}

fn shortened(document: &RawValue, fields: &Fields) -> String {
    let object = Object::of(document).unwrap_or_default();
    let wanted = object.members().filter(|(name, _)| fields.wants(name) || *name == "is_domain_connection");
    let members: Vec<String> = wanted.map(|(name, value)| format!("\"{name}\":{}", value.get())).collect();
    format!("{{{}}}", members.join(","))
}

/// A connection by its name.
pub async fn by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>> {
    store::by_name(db, tenant, name).await
}

/// A connection that a client of the tenant may use: by its name, or the first one there is for this client.
pub async fn for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    name: Option<&str>,
) -> Result<Option<Connection>> {
    match name {
        Some(name) => store::by_name_for_client(db, tenant, client_id, name).await,
        None => store::first_for_client(db, tenant, client_id).await,
    }
}
