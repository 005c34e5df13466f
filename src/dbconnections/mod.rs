//! What people do with database connections themselves, without a token.
//!
//! | endpoint | scopes |
//! | --- | --- |
//! | `POST /dbconnections/change_password` | none |
//!
//! `change_password` sends a link to the address and changes nothing. It answers the same, after the same time, whether
//! the address is somebody's or not.
//!
//! Decisions: `client_id` and `organization` are checked for their form only, because nothing depends on them. One
//! identity gets ten mails an hour at most.

pub mod routes;

use std::time::Duration;

use crate::connections;
use crate::error::Error;
use crate::http::Visitor;
use crate::json::{Object, type_name};
use crate::schema::{Format, is_email};
use crate::tickets;

/// How long the request for a link takes at least: far longer than the work, whose amount tells whether there is such a
/// user.
const AT_LEAST: Duration = Duration::from_millis(50);

/// A refusal in the shape of these endpoints, which is not the Management API's.
#[derive(Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// A stable code.
    pub code: &'static str,
    /// What happened, for a developer.
    pub description: String,
    /// What the log reads.
    pub cause: Option<String>,
}

impl Refusal {
    fn new(code: &'static str, description: impl Into<String>) -> Self {
        Self { status: 400, code, description: description.into(), cause: None }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            status: error.meaning.status,
            code: if error.meaning.status < 500 { "invalid_request" } else { "server_error" },
            description: error.message.into_owned(),
            cause: error.cause,
        }
    }
}

/// A request for a link to set a new password with.
#[derive(Debug)]
pub struct PasswordChange {
    /// Lower case.
    pub email: String,
    /// The connection's name.
    pub connection: String,
}

impl PasswordChange {
    /// Reads a body.
    pub fn read(body: &Object<'_>) -> Result<Self, Refusal> {
        let text = |name: &str| match body.get(name).map(|value| (type_name(value), value)) {
            None | Some(("null", _)) => Ok(None),
            Some(("string", value)) => Ok(serde_json::from_str::<String>(value.get()).ok()),
            Some(_) => Err(Refusal::new("invalid_request", format!("{name} must be a string"))),
        };
        let needed = |name: &str| {
            let given = text(name)?.filter(|text| !text.is_empty());
            given.ok_or_else(|| Refusal::new("invalid_request", format!("{name} is required")))
        };
        text("organization")?;
        if text("client_id")?.is_some_and(|id| !Format::ClientId.matches(&id)) {
            return Err(Refusal::new("invalid_request", "client_id is not the id of a client"));
        }
        let (email, connection) = (needed("email")?.to_lowercase(), needed("connection")?);
        if !is_email(&email) {
            return Err(Refusal::new("invalid_request", "email is not an email address"));
        }
        Ok(Self { email, connection })
    }
}

/// Sends a link for a new password to an address, if it is somebody's.
pub async fn change_password(visitor: &Visitor, request: &PasswordChange) -> Result<(), Refusal> {
    let connection = connections::by_name(&visitor.app.db, &visitor.tenant.id, &request.connection).await?;
    if connection.is_none_or(|connection| connection.strategy != "auth0") {
        return Err(Refusal::new("invalid_connection", "The connection does not exist."));
    }
    let work = tickets::request_password_change(visitor, &request.email, &request.connection);
    let (done, ()) = tokio::join!(work, tokio::time::sleep(AT_LEAST));
    Ok(done?)
}
