//! What a grant is, and what a request may say about one.

use serde_json::json;

use crate::error::Result;
use crate::json::Object;
use crate::schema::{Field, Kind, Schema, Text};

const SCOPE: Kind = Kind::Array(0, &Kind::Text(Text::between(1, 280)));

/// The body of `POST /api/v2/client-grants`.
pub static CREATE: Schema = Schema::closed(&[
    Field::new("client_id", Kind::Text(Text::at_least(1)), "ID of the client").required(),
    Field::new(
        "audience",
        Kind::Text(Text::at_least(1)),
        "The audience (API identifier) of this client grant",
    )
    .required(),
    Field::new("scope", SCOPE, "Scopes allowed for this client grant"),
    Field::new(
        "subject_type",
        Kind::OneOf(&["client"]),
        "The type of application access the client grant allows",
    ),
]);

/// The body of `PATCH /api/v2/client-grants/{id}`.
pub static UPDATE: Schema =
    Schema::closed(&[Field::new("scope", SCOPE, "Scopes allowed for this client grant").nullable()])
        .at_least(1);

/// A grant to be made.
#[derive(Debug)]
pub struct NewClientGrant {
    /// Whom it is for.
    pub client_id: String,
    /// The identifier of an API.
    pub audience: String,
    /// What it gives.
    pub scope: Vec<String>,
}

impl NewClientGrant {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        CREATE.check(body)?;
        Ok(Self {
            client_id: body.value("client_id").unwrap_or_default(),
            audience: body.value("audience").unwrap_or_default(),
            scope: scope(body),
        })
    }
}

/// Reads the scopes that a grant is to give from then on.
pub fn read_scope(body: &Object<'_>) -> Result<Vec<String>> {
    UPDATE.check(body)?;
    Ok(scope(body))
}

/// Each scope once.
fn scope(body: &Object<'_>) -> Vec<String> {
    let mut scope: Vec<String> = body.value("scope").unwrap_or_default();
    let mut seen = std::collections::HashSet::new();
    scope.retain(|scope| seen.insert(scope.clone()));
    scope
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
    /// What it gives.
    pub scope: Vec<String>,
}

impl ClientGrant {
    /// The document as the API answers it.
    pub fn document(&self) -> String {
        json!({
            "id": self.id,
            "client_id": self.client_id,
            "audience": self.audience,
            "scope": self.scope,
            "subject_type": "client",
        })
        .to_string()
    }
}
