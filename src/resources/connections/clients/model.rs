//! The body of a change of a connection's clients.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::base::error::Result;
use crate::base::json::Object;
use crate::base::schema::{Field, Format, Kind, Part, Schema, Text, Violation, reject};

/// The maximum number of clients in a request.
const MAX_CLIENTS: usize = 50;

/// An element of the body of `PATCH /api/v2/connections/{id}/clients`.
static CLIENT: Schema = Schema::closed(&[
    Field::new("client_id", Kind::Text(Text::format(Format::ClientId)), "The client_id of the client")
        .required(),
    Field::new("status", Kind::Boolean, "Whether the connection is enabled for the client").required(),
]);

/// The clients to enable a connection for, and those to disable it for, by their ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClientsPatch {
    pub enable: Vec<String>,
    pub disable: Vec<String>,
}

impl ClientsPatch {
    /// Reads a body. The last element for a client counts.
    pub fn read(body: &[&RawValue]) -> Result<Self> {
        let mut violations = CLIENT.violations_of_list(body);
        if body.is_empty() {
            violations.push(Violation::of_root("Array is too short (0), minimum 1"));
        } else if body.len() > MAX_CLIENTS {
            let reason = format!("Array is too long ({}), maximum {MAX_CLIENTS}", body.len());
            violations.push(Violation::of_root(reason));
        }
        reject(Part::Payload, &violations)?;
        let statuses: BTreeMap<String, bool> = body
            .iter()
            .filter_map(|element| {
                let client = Object::of(element)?;
                Some((client.value("client_id")?, client.value("status")?))
            })
            .collect();
        let (enable, disable): (Vec<_>, Vec<_>) = statuses.into_iter().partition(|(_, status)| *status);
        let ids = |clients: Vec<(String, bool)>| clients.into_iter().map(|(id, _)| id).collect();
        Ok(Self { enable: ids(enable), disable: ids(disable) })
    }
}
