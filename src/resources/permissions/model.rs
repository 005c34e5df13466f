//! What a request may say about permissions.

use crate::base::error::Result;
use crate::base::json::Object;
use crate::base::schema::{Field, Kind, Schema, Text};
use serde::Deserialize;

static PERMISSION: Schema = Schema::closed(&[
    Field::new("resource_server_identifier", Kind::Text(Text::ANY), "Resource server's identifier")
        .required(),
    Field::new("permission_name", Kind::Text(Text::ANY), "Name of this permission").required(),
]);

/// The body of `POST` and `DELETE` of the permissions of a role or user.
pub static PERMISSIONS: Schema = Schema::closed(&[Field::new(
    "permissions",
    Kind::Array(1, &Kind::Object(&PERMISSION)),
    "List of resource_server_identifier, permission_name pairs",
)
.required()]);

/// What an API allows to those who have it.
#[derive(Debug, Deserialize)]
pub struct Permission {
    /// The API.
    pub resource_server_identifier: String,
    /// One of its scopes.
    pub permission_name: String,
}

impl Permission {
    /// Reads a body of several.
    pub fn read(body: &Object<'_>) -> Result<Vec<Self>> {
        PERMISSIONS.check(body)?;
        Ok(body.value("permissions").unwrap_or_default())
    }
}

/// Who has permissions of their own.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// A role, by its id.
    Role(&'a str),
    /// A user, by id.
    User(&'a str),
}
