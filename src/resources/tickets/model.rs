//! What a ticket is, what a request for one may say, and the mail that carries one.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use url::Url;

use super::pages::escape;
use crate::base::error::{Result, codes};
use crate::base::ids::{self, UserId};
use crate::base::json::Object;
use crate::base::schema::{Field, Format, Kind as Type, Schema, Text};
use crate::base::timestamp::timestamp;
use crate::base::vault::Vault;
use crate::mail::model::Content;

/// How long a ticket is good for unless its maker says otherwise, in seconds: five days, as Auth0 has it.
pub const LIFETIME: i64 = 432_000;
/// The longest lifetime that is taken, in seconds: 68 years.
const LONGEST_LIFETIME: i64 = 2_147_483_647;

/// What a ticket lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Set a new password.
    PasswordChange,
    /// Prove that mail to the address arrives.
    EmailVerification,
}

impl Kind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PasswordChange => "password_change",
            Self::EmailVerification => "email_verification",
        }
    }

    /// The page behind the link.
    pub fn path(self) -> &'static str {
        match self {
            Self::PasswordChange => "/lo/reset",
            Self::EmailVerification => "/u/email-verification",
        }
    }
}

/// The digest by which a ticket is found.
pub fn digest(ticket: &str) -> Vec<u8> {
    Sha256::digest(ticket.as_bytes()).to_vec()
}

/// A connection's id.
const CONNECTION_ID: Type = Type::Text(Text::ANY.pattern("^con_[A-Za-z0-9]{16}$", |text| {
    text.strip_prefix("con_")
        .is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}));
const URL: Type = Type::Text(Text::format(Format::Url));
const CLIENT_ID: Type = Type::Text(Text::format(Format::ClientId));
const USER_ID: Type = Type::Text(Text::format(Format::UserId));

/// One of a user's identities, named in a request.
pub static IDENTITY: Schema = Schema::closed(&[
    Field::new("user_id", Type::Text(Text::at_least(1)), "user_id of the identity").required(),
    Field::new("provider", Type::Text(Text::at_least(1)), "Identity provider name of the identity")
        .required(),
    Field::new("connection_id", CONNECTION_ID, "connection_id of the identity"),
]);

/// The body of `POST /api/v2/tickets/password-change`.
pub static PASSWORD_CHANGE: Schema = Schema::closed(&[
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
    Field::new(
        "ttl_sec",
        Type::Integer(0, LONGEST_LIFETIME),
        "Number of seconds for which the ticket is valid",
    ),
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

/// The body of `POST /api/v2/tickets/email-verification`.
pub static EMAIL_VERIFICATION: Schema = Schema::closed(&[
    Field::new("result_url", URL, "URL the user will be redirected to once the ticket is used"),
    Field::new("user_id", USER_ID, "user_id of for whom the ticket should be created").required(),
    Field::new("client_id", CLIENT_ID, "ID of the client (application)"),
    Field::new("organization_id", Type::Text(Text::at_least(1)), "ID of the organization"),
    Field::new(
        "ttl_sec",
        Type::Integer(0, LONGEST_LIFETIME),
        "Number of seconds for which the ticket is valid",
    ),
    Field::new(
        "includeEmailInRedirect",
        Type::Boolean,
        "Whether to include the email address in the redirect",
    ),
    Field::new("identity", Type::Object(&IDENTITY), "The identity of the user"),
]);

/// For whom a ticket is to be.
#[derive(Debug)]
pub enum Whose {
    /// A user, and one of its identities if it is not the main one.
    User(UserId, Option<Identity>),
    /// Whoever has this address in this connection, which is named by its id.
    Address {
        /// `con_…`.
        connection_id: String,
        /// Lower case.
        email: String,
    },
}

/// One of a user's identities.
#[derive(Debug)]
pub struct Identity {
    /// `auth0` for a database.
    pub provider: String,
    /// Its id there.
    pub user_id: String,
    /// The id of its connection, if the caller named that too.
    pub connection_id: Option<String>,
}

impl Identity {
    /// Reads `identity` out of a body that its schema has checked.
    pub fn read(body: &Object<'_>) -> Option<Self> {
        let identity = Object::of(body.get("identity")?)?;
        Some(Self {
            provider: identity.value("provider")?,
            user_id: identity.value("user_id")?,
            connection_id: identity.value("connection_id"),
        })
    }
}

/// A request for a ticket.
#[derive(Debug)]
pub struct TicketRequest {
    /// For whom.
    pub whose: Whose,
    /// The client it is made for.
    pub client_id: Option<String>,
    /// Where the browser goes once it was used.
    pub result_url: Option<String>,
    /// How long it is good for.
    pub lifetime: Duration,
    /// Does using it prove the address as well?
    pub mark_email_as_verified: bool,
    /// Is the address told to `result_url`?
    pub include_email_in_redirect: bool,
}

impl TicketRequest {
    /// Reads a body.
    pub fn read(kind: Kind, body: &Object<'_>) -> Result<Self> {
        match kind {
            Kind::PasswordChange => PASSWORD_CHANGE.check(body)?,
            Kind::EmailVerification => EMAIL_VERIFICATION.check(body)?,
        }
        let refused =
            |why: &str| Err(codes::INVALID_BODY.because(format!("Payload validation error: '{why}'.")));
        let text = |name| body.value::<String>(name);
        if text("organization_id").is_some() {
            return Err(codes::INEXISTENT_ORGANIZATION.into());
        }
        if text("result_url").is_some() && text("client_id").is_some() {
            return refused("Cannot specify result_url when using client_id");
        }
        // A whole number can be written as 60.0 too.
        let lifetime = body.value::<f64>("ttl_sec").filter(|ttl| *ttl >= 1.0).map(Duration::seconds_f64);
        let user_id = text("user_id").as_deref().and_then(UserId::parse);
        let whose = match (user_id, text("connection_id"), text("email")) {
            (Some(user_id), None, None) => Whose::User(user_id, Identity::read(body)),
            (None, Some(connection_id), Some(email)) => {
                Whose::Address { connection_id, email: email.to_lowercase() }
            }
            (None, None, None) => return refused("Missing required property: user_id"),
            (Some(_), ..) => return refused("Cannot specify connection_id or email when using user_id"),
            (None, None, _) => return refused("Missing required property: connection_id"),
            (None, Some(_), None) => return refused("Missing required property: email"),
        };
        Ok(Self {
            whose,
            client_id: text("client_id"),
            result_url: text("result_url"),
            lifetime: lifetime.unwrap_or(Duration::seconds(LIFETIME)),
            mark_email_as_verified: body.value("mark_email_as_verified").unwrap_or(false),
            include_email_in_redirect: body.value("includeEmailInRedirect").unwrap_or(false),
        })
    }
}

/// A ticket to be made, with its mail if it goes out by mail. What it lets do is in [`Issue::link`] alone.
pub struct Issue {
    /// What it is for.
    pub kind: Kind,
    /// The whole link.
    pub link: String,
    digest: Vec<u8>,
    now: OffsetDateTime,
    lifetime: Duration,
    more: Value,
}

impl Issue {
    /// A ticket for whoever gets the link, which begins with `origin`.
    pub fn new(kind: Kind, origin: &str, now: OffsetDateTime, lifetime: Duration) -> Self {
        let ticket = URL_SAFE_NO_PAD.encode(ids::random::<32>());
        let link = format!("{origin}{}?ticket={ticket}#", kind.path());
        Self { kind, link, digest: digest(&ticket), now, lifetime, more: json!({}) }
    }

    /// What a request asks for, without a mail.
    pub fn requested(kind: Kind, origin: &str, now: OffsetDateTime, request: &TicketRequest) -> Self {
        let more = json!({
            "client_id": request.client_id,
            "result_url": request.result_url,
            "mark_email_as_verified": request.mark_email_as_verified,
            "include_email_in_redirect": request.include_email_in_redirect,
        });
        Self { more, ..Self::new(kind, origin, now, request.lifetime) }
    }

    /// The same, to be sent by mail.
    pub fn by_mail(mut self, vault: &Vault, tenant: &str, host: &str) -> Result<Self> {
        let mail_id = ids::prefixed("mail");
        let (subject, content) = letter(self.kind, &self.link, host, self.now + self.lifetime);
        self.more["content"] = json!(STANDARD.encode(content.seal(vault, tenant, &mail_id)?));
        self.more["mail_id"] = json!(mail_id);
        self.more["subject"] = json!(subject);
        Ok(self)
    }

    /// As the work of a job.
    pub fn for_job(mut self, job_id: &str) -> Self {
        self.more["job_id"] = json!(job_id);
        self
    }

    /// As the statements take it; the link is not in it.
    pub(crate) fn parameter(&self) -> Value {
        let mut value = self.more.clone();
        value["kind"] = json!(self.kind.as_str());
        value["digest"] = json!(STANDARD.encode(&self.digest));
        value["created_at"] = json!(timestamp(self.now));
        value["expires_at"] = json!(timestamp(self.now + self.lifetime));
        value
    }
}

/// The subject and content of the mail that carries a link.
fn letter(kind: Kind, link: &str, host: &str, until: OffsetDateTime) -> (&'static str, Content) {
    let (subject, why, what) = match kind {
        Kind::PasswordChange => (
            "Reset your password",
            format!("Somebody, probably you, asked for a new password for your account at {host}."),
            "Choose a new password",
        ),
        Kind::EmailVerification => (
            "Verify your email address",
            format!("This address was given for an account at {host}."),
            "Confirm that it is yours",
        ),
    };
    let until = format!("{} {:02}:{:02} UTC", until.date(), until.hour(), until.minute());
    let end = format!("The link works once, until {until}. If you did not expect this mail, do nothing.");
    let text = format!("{why}\n\n{what}:\n{link}\n\n{end}\n");
    let html = format!(
        "<!doctype html><html lang=\"en\"><title>{subject}</title><p>{}</p><p><a href=\"{}\">{what}</a></p><p>{end}</p></html>",
        escape(&why),
        escape(link)
    );
    (subject, Content { text, html, link: link.to_owned() })
}

/// A ticket as it stands.
#[derive(Debug)]
pub struct Ticket {
    /// What can be done with it.
    pub state: State,
    /// The connection of its identity, by name.
    pub connection: String,
    /// The address it speaks of.
    pub email: String,
    /// Where the browser goes afterwards.
    pub result_url: Option<Url>,
    /// Is the address told there?
    pub include_email_in_redirect: bool,
}

/// What can be done with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Good,
    /// It was used.
    Used,
    /// Its time is over.
    Expired,
    /// The address or the password was changed since.
    Overtaken,
}

impl Ticket {
    /// Where the browser goes after success, with Auth0's parameters.
    pub fn destination(&self, message: &str) -> Option<String> {
        let mut url = self.result_url.clone()?;
        let mut query = url.query_pairs_mut();
        if self.include_email_in_redirect {
            query.append_pair("email", &self.email);
        }
        query.append_pair("success", "true").append_pair("message", message);
        drop(query);
        Some(url.into())
    }
}
