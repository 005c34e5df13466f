//! What a job is, and what a request for one may say.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::base::json::Object;
use crate::base::schema::{Field, Format, Kind, Schema, Text};
use crate::base::timestamp::timestamp;
use crate::resources::tickets::model::{IDENTITY, Identity};

/// The body of `POST /api/v2/jobs/verification-email`.
pub static VERIFICATION_EMAIL: Schema = Schema::closed(&[
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

/// A request for a verification mail.
#[derive(Debug)]
pub struct VerificationEmail {
    /// Who gets it.
    pub user_id: UserId,
    /// Which of the user's identities; the main one if it is not said.
    pub identity: Option<Identity>,
    /// The client it is sent for.
    pub client_id: Option<String>,
}

impl VerificationEmail {
    /// Reads a body.
    pub fn read(body: &Object<'_>) -> Result<Self> {
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

/// A job.
#[derive(Debug)]
pub struct Job {
    /// `job_` and 16 letters and digits.
    pub job_id: String,
    /// What is done: `verification_email`.
    pub r#type: String,
    /// `pending`, `processing`, `completed` or `failed`.
    pub status: String,
    /// What its document tells besides.
    pub details: Map<String, Value>,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
}

impl Job {
    /// A job that waits to be done.
    pub fn new(kind: &str, job_id: String, now: OffsetDateTime) -> Self {
        Self { job_id, r#type: kind.into(), status: "pending".into(), details: Map::new(), created_at: now }
    }

    /// The document as the API answers it.
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
