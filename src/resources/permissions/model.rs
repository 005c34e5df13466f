//! Permissions and their owners.

use serde::Deserialize;

use crate::base::error::Result;
use crate::base::json::{FromBody, Object};
use crate::base::schema::{Field, Kind, Schema, Text};

static PERMISSION: Schema = Schema::closed(&[
    Field::new("resource_server_identifier", Kind::Text(Text::ANY), "Resource server's identifier")
        .required(),
    Field::new("permission_name", Kind::Text(Text::ANY), "Name of this permission").required(),
]);

static PERMISSIONS: Schema = Schema::closed(&[Field::new(
    "permissions",
    Kind::Array(1, &Kind::Object(&PERMISSION)),
    "List of resource_server_identifier, permission_name pairs",
)
.required()]);

/// A permission of an API: one of its scopes.
#[derive(Debug, Deserialize)]
pub struct Permission {
    pub resource_server_identifier: String,
    pub permission_name: String,
}

/// The body of `POST` and `DELETE` of the permissions of a role or user.
#[derive(Debug)]
pub struct Permissions(pub Vec<Permission>);

impl FromBody for Permissions {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        PERMISSIONS.check(body)?;
        Ok(Self(body.value("permissions").unwrap_or_default()))
    }
}

/// The role or user that permissions are assigned to, by its id.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    Role(&'a str),
    User(&'a str),
}
