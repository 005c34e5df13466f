//! Jobs, and the bodies of requests for one.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::base::json::{FromBody, Object};
use crate::base::schema::{Field, Format, Kind, Schema, Text};
use crate::base::timestamp::timestamp;
use crate::resources::tickets::request::{IDENTITY, Identity};

static VERIFICATION_EMAIL: Schema = Schema::closed(&[
    Field::new(
        "user_id",
        Kind::Text(Text::format(Format::UserId)),
        "user_id of the user to send the verification email to",
    )
    .required(),
    Field::new(
        "client_id",
        Kind::Text(Text::format(Format::ClientId)),
        "client_id of the client (application). If no value provided, the global Client ID will be used",
    ),
    Field::new("identity", Kind::Object(&IDENTITY), "The identity of the user"),
    Field::new("organization_id", Kind::Text(Text::at_least(1)), "ID of the organization"),
]);

/// The body of `POST /api/v2/jobs/verification-email`.
#[derive(Debug)]
pub struct VerificationEmail {
    pub user_id: UserId,
    /// The identity to verify; without it the primary one.
    pub identity: Option<Identity>,
    pub client_id: Option<String>,
}

impl FromBody for VerificationEmail {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        VERIFICATION_EMAIL.check(body)?;
        if body.get("organization_id").is_some() {
            return Err(codes::INEXISTENT_ORGANIZATION.into());
        }
        let user_id = body.value::<String>("user_id").as_deref().and_then(UserId::parse);
        Ok(Self {
            user_id: user_id.ok_or(codes::INVALID_BODY)?,
            identity: Identity::read(body),
            client_id: body.value("client_id"),
        })
    }
}

#[derive(Debug)]
pub struct Job {
    /// `job_` and 16 letters and digits.
    pub job_id: String,
    /// `verification_email`.
    pub r#type: String,
    /// `pending`, `processing`, `completed` or `failed`.
    pub status: String,
    /// Further attributes of the document.
    pub details: Map<String, Value>,
    pub created_at: OffsetDateTime,
}

impl Job {
    /// A pending job.
    pub fn new(kind: &str, job_id: String, now: OffsetDateTime) -> Self {
        Self { job_id, r#type: kind.into(), status: "pending".into(), details: Map::new(), created_at: now }
    }

    /// The document of the API.
    pub fn document(&self) -> Value {
        let mut document = self.details.clone();
        for (name, value) in [
            ("type", json!(self.r#type)),
            ("status", json!(self.status)),
            ("created_at", json!(timestamp(self.created_at))),
            ("id", json!(self.job_id)),
        ] {
            document.insert(name.into(), value);
        }
        Value::Object(document)
    }
}
