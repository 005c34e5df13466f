//! Connections of strategy `auth0`: where users are kept, and what is asked of them there.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `GET /api/v2/connections` | `read:connections` |
//!
//! They are listed in the order of their names. `fields` always leaves `is_domain_connection` in, as recorded. Of a
//! connection that is enabled for every client, `enabled_clients` shows all there are.
//!
//! Decision: `requires_username` allows usernames and makes signup ask for one; the Management API makes a user
//! without one all the same, as the recorded imports do.

pub mod routes;
pub(crate) mod store;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::Context;
use crate::db::Db;
use crate::error::Result;
use crate::json::Object;
use crate::passwords::Policy;
use crate::users::model::Fields;

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
        self.options.password_policy.allows(password, self.options.password_options.min_length)
    }

    /// Is a username of a length that is allowed here, and made of what usernames are made of?
    pub fn allows_username(&self, username: &str) -> bool {
        let Range { min, max } = self.options.validation.username;
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
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
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
