//! The connections of a tenant.

use serde_json::Value;

use super::model::{ConnectionConfig, Selection};
use super::store::ConnectionOptions;
use super::{Application, named_part, store};
use crate::base::error::{Error, Result};
use crate::base::identifiers::Requirement;
use crate::resources::connections::{
    Active, Attribute, Attributes, Lengths, Options, PasswordComplexity, Range, Signup, Validation,
    database_defaults,
};

/// Keys of a file at another path in a connection's options.
const OPTIONS_POINTERS: &[(&str, &str)] = &[
    ("username_min", "/validation/username/min"),
    ("username_max", "/validation/username/max"),
    ("password_policy", "/passwordPolicy"),
    ("password_min_length", "/password_complexity_options/min_length"),
];

impl Application<'_> {
    /// Writes the connections. `client_ids` are the names and ids of the file's clients.
    pub(super) async fn put_connections(
        &mut self,
        connections: &[ConnectionConfig],
        client_ids: &[(&str, String)],
    ) -> Result<()> {
        for connection in connections {
            let enabled_clients: Option<Vec<&str>> = match &connection.enabled_clients {
                Selection::All => None,
                Selection::List(names) => {
                    let enabled = client_ids.iter().filter(|(name, _)| names.iter().any(|n| n == name));
                    Some(enabled.map(|(_, id)| id.as_str()).collect())
                }
            };
            let change = store::put_connection(
                &mut self.tx,
                self.tenant,
                connection,
                &connection_options(connection)?,
                enabled_clients.as_deref(),
                self.author,
            )
            .await?;
            self.note(change, &format!("connection {}", connection.name));
        }
        Ok(())
    }
}

fn connection_options(config: &ConnectionConfig) -> Result<ConnectionOptions> {
    let mut options = Value::Object(database_defaults());
    let own = serde_json::to_value(self::options(config)).map_err(Error::internal)?;
    if let (Value::Object(options), Value::Object(own)) = (&mut options, own) {
        options.extend(own);
    }
    // `attributes` excludes `requires_username` and `validation`, so naming one side removes the other.
    let removed: &[&str] = match config.attributes {
        Some(_) => &["requires_username", "validation"],
        None if config.requires_username => &["attributes"],
        // The document has no `requires_username` when it is false.
        None if config.named.contains("requires_username") => &["requires_username"],
        None => &[],
    };
    Ok(ConnectionOptions { named: named_part(&options, &config.named, OPTIONS_POINTERS), options, removed })
}

fn options(config: &ConnectionConfig) -> Options {
    let length = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let (min, max) = (length(config.username_min), length(config.username_max));
    let attribute = |requirement: Option<Requirement>, validation: Option<Lengths>| {
        requirement.map(|status| Attribute {
            identifier: Active { active: true },
            signup: Signup { status },
            validation,
        })
    };
    Options {
        requires_username: config.requires_username,
        password_policy: config.password_policy,
        password_complexity: PasswordComplexity { min_length: config.password_min_length.map(length) },
        validation: config.attributes.is_none().then_some(Validation { username: Some(Range { min, max }) }),
        disable_signup: config.disable_signup,
        brute_force_protection: config.brute_force_protection,
        attributes: config.attributes.as_ref().map(|attributes| Attributes {
            email: attribute(attributes.email, None),
            username: attribute(attributes.username, Some(Lengths { min_length: min, max_length: max })),
            phone_number: attribute(attributes.phone_number, None),
        }),
        ..Options::default()
    }
}
