//! Requests for tickets.

use time::Duration;

use super::model::{Kind, LIFETIME};
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::base::json::{FromBody, Object};
use crate::base::schema::{Field, Format, Kind as Type, Schema, Text};

/// The longest lifetime that a request can set, in seconds: 68 years.
const MAX_LIFETIME: i64 = 2_147_483_647;

const CONNECTION_ID: Type = Type::Text(Text::ANY.pattern("^con_[A-Za-z0-9]{16}$", |text| {
    text.strip_prefix("con_")
        .is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}));
const URL: Type = Type::Text(Text::format(Format::Url));
const CLIENT_ID: Type = Type::Text(Text::format(Format::ClientId));
const USER_ID: Type = Type::Text(Text::format(Format::UserId));

/// The property `identity` of a request.
pub static IDENTITY: Schema = Schema::closed(&[
    Field::new("user_id", Type::Text(Text::at_least(1)), "user_id of the identity").required(),
    Field::new("provider", Type::Text(Text::at_least(1)), "Identity provider name of the identity")
        .required(),
    Field::new("connection_id", CONNECTION_ID, "connection_id of the identity"),
]);

static PASSWORD_CHANGE: Schema = Schema::closed(&[
    Field::new("result_url", URL, "URL the user will be redirected to once the ticket is used"),
    Field::new("user_id", USER_ID, "user_id of for whom the ticket should be created"),
    Field::new("client_id", CLIENT_ID, "ID of the client (application)"),
    Field::new("organization_id", Type::Text(Text::at_least(1)), "ID of the organization"),
    Field::new(
        "connection_id",
        CONNECTION_ID,
        "ID of the connection; allows the user to be specified using email instead of user_id",
    ),
    Field::new(
        "email",
        Type::Text(Text::format(Format::Email)),
        "Email address of the user; requires connection_id",
    ),
    Field::new("ttl_sec", Type::Integer(0, MAX_LIFETIME), "Number of seconds for which the ticket is valid"),
    Field::new("new_password", Type::Text(Text::at_least(1)), "Password of former versions of the API"),
    Field::new(
        "mark_email_as_verified",
        Type::Boolean,
        "Whether to set the email_verified attribute to true",
    ),
    Field::new(
        "includeEmailInRedirect",
        Type::Boolean,
        "Whether to include the email address in the redirect",
    ),
    Field::new("identity", Type::Object(&IDENTITY), "The identity of the user"),
]);

static EMAIL_VERIFICATION: Schema = Schema::closed(&[
    Field::new("result_url", URL, "URL the user will be redirected to once the ticket is used"),
    Field::new("user_id", USER_ID, "user_id of for whom the ticket should be created").required(),
    Field::new("client_id", CLIENT_ID, "ID of the client (application)"),
    Field::new("organization_id", Type::Text(Text::at_least(1)), "ID of the organization"),
    Field::new("ttl_sec", Type::Integer(0, MAX_LIFETIME), "Number of seconds for which the ticket is valid"),
    Field::new(
        "includeEmailInRedirect",
        Type::Boolean,
        "Whether to include the email address in the redirect",
    ),
    Field::new("identity", Type::Object(&IDENTITY), "The identity of the user"),
]);

/// The body of `POST /api/v2/tickets/password-change`.
#[derive(Debug)]
pub struct PasswordChange(pub TicketRequest);

impl FromBody for PasswordChange {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        PASSWORD_CHANGE.check(body)?;
        TicketRequest::read(Kind::PasswordChange, body).map(Self)
    }
}

/// The body of `POST /api/v2/tickets/email-verification`.
#[derive(Debug)]
pub struct EmailVerification(pub TicketRequest);

impl FromBody for EmailVerification {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        EMAIL_VERIFICATION.check(body)?;
        TicketRequest::read(Kind::EmailVerification, body).map(Self)
    }
}

/// A request for a ticket.
#[derive(Debug)]
pub struct TicketRequest {
    pub kind: Kind,
    pub subject: Subject,
    pub client_id: Option<String>,
    /// Where the browser goes after the ticket is used.
    pub result_url: Option<String>,
    pub lifetime: Duration,
    /// Does a new password also verify the address?
    pub mark_email_as_verified: bool,
    /// Does `result_url` get the address as a parameter?
    pub include_email_in_redirect: bool,
}

/// The identity that a ticket is requested for.
#[derive(Debug)]
pub enum Subject {
    /// A user's identity; without one the primary.
    User(UserId, Option<Identity>),
    /// The identity with an address in a connection.
    Email {
        /// `con_…`.
        connection_id: String,
        /// Lower case.
        email: String,
    },
}

/// An identity of a user as a request names it.
#[derive(Debug)]
pub struct Identity {
    /// `auth0` for a database.
    pub provider: String,
    /// The id of the identity, without the provider.
    pub user_id: String,
    /// The id of its connection, if the request names it.
    pub connection_id: Option<String>,
}

impl Identity {
    /// The property `identity` of a body that was checked against its schema.
    pub fn read(body: &Object<'_>) -> Option<Self> {
        let identity = Object::of(body.get("identity")?)?;
        Some(Self {
            provider: identity.value("provider")?,
            user_id: identity.value("user_id")?,
            connection_id: identity.value("connection_id"),
        })
    }
}

impl TicketRequest {
    fn read(kind: Kind, body: &Object<'_>) -> Result<Self> {
        let text = |name| body.value::<String>(name);
        if text("organization_id").is_some() {
            return Err(codes::INEXISTENT_ORGANIZATION.into());
        }
        if text("result_url").is_some() && text("client_id").is_some() {
            return invalid("Cannot specify result_url when using client_id");
        }
        // A schema's integer can be written as 60.0 too.
        let lifetime = body.value::<f64>("ttl_sec").filter(|ttl| *ttl >= 1.0).map(Duration::seconds_f64);
        Ok(Self {
            kind,
            subject: Subject::read(body)?,
            client_id: text("client_id"),
            result_url: text("result_url"),
            lifetime: lifetime.unwrap_or(LIFETIME),
            mark_email_as_verified: body.value("mark_email_as_verified").unwrap_or(false),
            include_email_in_redirect: body.value("includeEmailInRedirect").unwrap_or(false),
        })
    }
}

impl Subject {
    fn read(body: &Object<'_>) -> Result<Self> {
        let text = |name| body.value::<String>(name);
        let user_id = text("user_id").as_deref().and_then(UserId::parse);
        match (user_id, text("connection_id"), text("email")) {
            (Some(user_id), None, None) => Ok(Self::User(user_id, Identity::read(body))),
            (None, Some(connection_id), Some(email)) => {
                Ok(Self::Email { connection_id, email: email.to_lowercase() })
            }
            (None, None, None) => invalid("Missing required property: user_id"),
            (Some(_), ..) => invalid("Cannot specify connection_id or email when using user_id"),
            (None, None, _) => invalid("Missing required property: connection_id"),
            (None, Some(_), None) => invalid("Missing required property: email"),
        }
    }
}

fn invalid<T>(reason: &str) -> Result<T> {
    Err(codes::INVALID_BODY.with_message(format!("Payload validation error: '{reason}'.")))
}
