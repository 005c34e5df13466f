//! The request that links an identity.

use crate::base::error::Result;
use crate::base::ids::UserId;
use crate::base::json::{FromBody, Object};
use crate::base::schema::{
    Field, Kind, Part, Schema, Text, Violation, invalid_user_id, reject, validation_error,
};

const ABOUT_USER_ID: &str = "user_id of the secondary user account being linked";

/// The body of `POST /api/v2/users/{id}/identities`.
pub static LINK: Schema = Schema::closed(&[
    Field::new(
        "provider",
        Kind::Text(Text::at_least(1).pattern("^[a-z0-9-]+$", |text| {
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })),
        "Identity provider of the secondary user account being linked",
    ),
    Field::new(
        "connection_id",
        Kind::Text(Text::ANY.pattern("^con_[A-Za-z0-9]{16}$", |text| {
            text.strip_prefix("con_")
                .is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
        })),
        "connection_id of the secondary user account being linked when more than one connection exists for the provider",
    ),
    Field::new("user_id", Kind::TextOrInteger, ABOUT_USER_ID),
    Field::new("link_with", Kind::Text(Text::at_least(1)), "JWT for the secondary account being linked"),
])
.at_least(1);

/// The account to link.
#[derive(Debug, PartialEq, Eq)]
pub enum Secondary {
    /// By its id.
    Named {
        /// The id of its user.
        id: UserId,
        /// The connection it has to be in.
        connection_id: Option<String>,
    },
    /// By a token that was issued to it.
    Proven(String),
}

impl FromBody for Secondary {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        LINK.check(body)?;
        if let Some(token) = body.value("link_with") {
            let others = body.members().map(|(name, _)| name).filter(|name| *name != "link_with");
            let excluded = |name| Violation::of_root(format!("link_with and {name} exclude each other"));
            reject(Part::Payload, &others.map(excluded).collect::<Vec<_>>())?;
            return Ok(Self::Proven(token));
        }
        let missing = ["provider", "user_id"].into_iter().filter(|name| body.get(name).is_none());
        let violations = missing.map(|name| Violation::of_root(format!("Missing required property: {name}")));
        reject(Part::Payload, &violations.collect::<Vec<_>>())?;
        let provider = body.value::<String>("provider").unwrap_or_default();
        // A number means the text of its digits.
        let user_id = body.get("user_id").map(|number| number.get().to_owned()).unwrap_or_default();
        let user_id = body.value("user_id").unwrap_or(user_id);
        let id = UserId::with_or_without(&provider, &user_id).ok_or_else(|| {
            validation_error(Part::Payload, &[invalid_user_id("user_id", ABOUT_USER_ID, &user_id)])
        })?;
        Ok(Self::Named { id, connection_id: body.value("connection_id") })
    }
}
