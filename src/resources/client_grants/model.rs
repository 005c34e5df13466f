//! A client grant, and the requests that create and change one.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::base::error::{Error, Result};
use crate::base::json::{FromBody, Object};
use crate::base::patch::Patch;
use crate::base::schema::{Field, Kind, Part, Schema, Text, Violation, reject};
use crate::db::FromRow;

const SCOPE: Kind = Kind::Array(0, &Kind::Text(Text::between(1, 280)));
pub(super) const SUBJECT_TYPE: &str = "The type of application access the client grant allows";

/// The subjects of the tokens that a grant allows: the client itself, or its users.
pub const SUBJECT_TYPES: &[&str] = &["client", "user"];

/// The members of a document that are columns, not settings.
const COLUMNS: &[&str] = &["client_id", "audience", "subject_type", "scope"];

/// `$own` are the properties of a creation alone. `$may` is `nullable` for the properties that only a change
/// can set to null.
macro_rules! schema {
    ([$($own:expr),*] $($may:ident)?) => {
        Schema::closed(&[
            $($own,)*
            Field::new("scope", SCOPE, "Scopes allowed for this client grant")$(.$may())?,
            Field::new(
                "organization_usage",
                Kind::OneOf(&["deny", "allow", "require"]),
                "Defines whether organizations can be used with client credentials exchanges for this grant",
            )$(.$may())?,
            Field::new(
                "allow_any_organization",
                Kind::Boolean,
                "If enabled, any organization can be used with this grant",
            )$(.$may())?,
            Field::new(
                "authorization_details_types",
                Kind::Array(0, &Kind::Text(Text::between(1, 255))),
                "Types of authorization_details allowed for this client grant",
            ),
            Field::new(
                "allow_all_scopes",
                Kind::Boolean,
                "If enabled, all scopes configured on the resource server are allowed for this grant",
            )$(.$may())?,
        ])
    };
}

/// The body of `POST /api/v2/client-grants`.
pub static CREATE: Schema = schema!([
    Field::new("client_id", Kind::Text(Text::at_least(1)), "ID of the client"),
    Field::new(
        "default_for",
        Kind::OneOf(&["third_party_clients"]),
        "Clients that have the grant by default"
    ),
    Field::new(
        "audience",
        Kind::Text(Text::at_least(1)),
        "The audience (API identifier) of this client grant"
    )
    .required(),
    Field::new("subject_type", Kind::OneOf(SUBJECT_TYPES), SUBJECT_TYPE)
]);

/// The body of `PATCH /api/v2/client-grants/{id}`.
pub static UPDATE: Schema = schema!([] nullable).at_least(1);

/// A new grant.
#[derive(Debug)]
pub struct NewClientGrant {
    /// `None` for a default grant.
    pub client_id: Option<String>,
    /// The identifier of an API.
    pub audience: String,
    /// One of [`SUBJECT_TYPES`].
    pub subject_type: String,
    /// Each scope once.
    pub scope: Vec<String>,
    /// The other members of the body.
    pub settings: Map<String, Value>,
}

impl FromBody for NewClientGrant {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        let mut violations = CREATE.violations(body);
        match (body.get("client_id"), body.get("default_for")) {
            (None, None) => violations.insert(0, Violation::of_root("Missing required property: client_id")),
            (Some(_), Some(_)) => {
                violations.push(Violation::of_root("Cannot set both client_id and default_for"));
            }
            _ => {}
        }
        reject(Part::Payload, &violations)?;
        Ok(Self {
            client_id: body.value("client_id"),
            audience: body.value("audience").unwrap_or_default(),
            subject_type: body.value("subject_type").unwrap_or_else(|| "client".to_owned()),
            scope: unique_scopes(body).set().cloned().unwrap_or_default(),
            settings: body.set_and_unset(COLUMNS).0,
        })
    }
}

/// A change of a grant.
#[derive(Debug)]
pub struct ClientGrantPatch {
    /// `None` to keep the present scope.
    pub scope: Option<Vec<String>>,
    /// Settings to replace.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
}

impl FromBody for ClientGrantPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        UPDATE.check(body)?;
        let scope = match unique_scopes(body) {
            Patch::Absent => None,
            Patch::Null => Some(Vec::new()),
            Patch::Set(scope) => Some(scope),
        };
        let (set, unset) = body.set_and_unset(COLUMNS);
        Ok(Self { scope, set, unset })
    }
}

fn unique_scopes(body: &Object<'_>) -> Patch<Vec<String>> {
    body.field("scope").map(|mut scope: Vec<String>| {
        let mut seen = HashSet::new();
        scope.retain(|scope| seen.insert(scope.clone()));
        scope
    })
}

/// The filters of a list of grants.
#[derive(Debug, Default)]
pub struct Filter {
    /// The identifier of an API.
    pub audience: Option<String>,
    pub client_id: Option<String>,
    /// One of [`SUBJECT_TYPES`].
    pub subject_type: Option<String>,
    pub allow_any_organization: Option<bool>,
}

/// A stored grant.
#[derive(Debug, FromRow)]
pub struct ClientGrant {
    /// `cgr_` and 16 letters and digits.
    #[sqlx(rename = "grant_id")]
    pub id: String,
    /// `None` for a default grant.
    pub client_id: Option<String>,
    /// The identifier of the API.
    pub audience: String,
    /// One of [`SUBJECT_TYPES`].
    pub subject_type: String,
    pub scope: Vec<String>,
    /// The other members of the document.
    #[sqlx(json)]
    pub settings: Map<String, Value>,
}

impl ClientGrant {
    /// The grant as JSON.
    pub fn document(self) -> Result<String> {
        serde_json::to_string(&self.members()).map_err(Error::internal)
    }

    /// The members of the document.
    pub fn members(mut self) -> Map<String, Value> {
        let has_all_scopes = self.settings.get("allow_all_scopes") == Some(&json!(true));
        let columns = [
            ("id", Some(json!(self.id))),
            ("client_id", self.client_id.map(Value::from)),
            ("audience", Some(json!(self.audience))),
            ("scope", (!has_all_scopes).then(|| json!(self.scope))),
            ("subject_type", Some(json!(self.subject_type))),
        ];
        self.settings.extend(columns.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        self.settings
    }
}
