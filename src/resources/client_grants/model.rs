//! What a grant is, and what a request may say about one.

use serde_json::{Map, Value, json};

use crate::base::error::{Error, Result};
use crate::base::json::Object;
use crate::base::patch::Patch;
use crate::base::schema::{Field, Kind, Schema, Text};

const SCOPE: Kind = Kind::Array(0, &Kind::Text(Text::between(1, 280)));
const SUBJECT_TYPE: &str = "The type of application access the client grant allows";

/// What a grant can be for: the client itself, or people who use it.
pub const SUBJECT_TYPES: &[&str] = &["client", "user"];

/// What is kept apart from the settings.
const COLUMNS: &[&str] = &["client_id", "audience", "subject_type", "scope"];

/// `$own` is what creations have for themselves; `$may` is what a change may set to null and a creation may not.
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
    Field::new("client_id", Kind::Text(Text::at_least(1)), "ID of the client").required(),
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

/// A grant to be made.
#[derive(Debug)]
pub struct NewClientGrant {
    /// Whom it is for.
    pub client_id: String,
    /// The identifier of an API.
    pub audience: String,
    /// One of [`SUBJECT_TYPES`].
    pub subject_type: String,
    /// What it gives.
    pub scope: Vec<String>,
    /// What else was sent.
    pub settings: Map<String, Value>,
}

impl NewClientGrant {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        CREATE.check(body)?;
        Ok(Self {
            client_id: body.value("client_id").unwrap_or_default(),
            audience: body.value("audience").unwrap_or_default(),
            subject_type: body.value("subject_type").unwrap_or_else(|| "client".to_owned()),
            scope: scope(body).set().cloned().unwrap_or_default(),
            settings: body.set_and_unset(COLUMNS).0,
        })
    }
}

/// A change of a grant.
#[derive(Debug)]
pub struct ClientGrantPatch {
    /// What it is to give from then on, if that is said; null is nothing.
    pub scope: Option<Vec<String>>,
    /// Settings to replace.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
}

impl ClientGrantPatch {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        UPDATE.check(body)?;
        let scope = match scope(body) {
            Patch::Absent => None,
            Patch::Null => Some(Vec::new()),
            Patch::Set(scope) => Some(scope),
        };
        let (set, unset) = body.set_and_unset(COLUMNS);
        Ok(Self { scope, set, unset })
    }
}

/// Each scope once.
fn scope(body: &Object<'_>) -> Patch<Vec<String>> {
    body.field("scope").map(|mut scope: Vec<String>| {
        let mut seen = std::collections::HashSet::new();
        scope.retain(|scope| seen.insert(scope.clone()));
        scope
    })
}

/// Which grants a list is asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// For this API only, by the name it is stored under.
    pub audience: Option<String>,
    /// Of this client only.
    pub client_id: Option<String>,
    /// One of [`SUBJECT_TYPES`].
    pub subject_type: Option<String>,
    /// For any organization.
    pub allow_any_organization: Option<bool>,
}

/// A grant.
#[derive(Debug)]
pub struct ClientGrant {
    /// `cgr_` and 16 letters and digits.
    pub id: String,
    /// Whom it is for.
    pub client_id: String,
    /// The identifier of the API.
    pub audience: String,
    /// One of [`SUBJECT_TYPES`].
    pub subject_type: String,
    /// What it gives.
    pub scope: Vec<String>,
    /// All else.
    pub settings: Map<String, Value>,
}

impl ClientGrant {
    /// The document as the API answers it.
    pub fn document(self) -> Result<String> {
        serde_json::to_string(&self.members()).map_err(Error::internal)
    }

    /// The members of the document.
    pub fn members(mut self) -> Map<String, Value> {
        let columns = [
            ("id", json!(self.id)),
            ("client_id", json!(self.client_id)),
            ("audience", json!(self.audience)),
            ("scope", json!(self.scope)),
            ("subject_type", json!(self.subject_type)),
        ];
        self.settings.extend(columns.map(|(name, value)| (name.to_owned(), value)));
        self.settings
    }
}
