//! Tickets, the identities they are for, and the mail that carries a link.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use url::Url;

use super::request::TicketRequest;
use crate::base::error::{Result, codes};
use crate::base::html::escape;
use crate::base::ids;
use crate::base::timestamp::timestamp;
use crate::base::vault::Vault;
use crate::mail::model::Content;

/// The lifetime of a ticket unless a request sets it: five days, as at Auth0.
pub const LIFETIME: Duration = Duration::seconds(432_000);

/// What a ticket allows its holder to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Set a new password.
    PasswordChange,
    /// Verify the e-mail address.
    EmailVerification,
}

impl Kind {
    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PasswordChange => "password_change",
            Self::EmailVerification => "email_verification",
        }
    }

    /// The path of the page that the link leads to.
    pub fn path(self) -> &'static str {
        match self {
            Self::PasswordChange => "/lo/reset",
            Self::EmailVerification => "/u/email-verification",
        }
    }
}

/// The digest under which a ticket is stored.
pub fn digest(ticket: &str) -> Vec<u8> {
    Sha256::digest(ticket.as_bytes()).to_vec()
}

/// The key of an identity in a tenant.
#[derive(Debug)]
pub struct IdentityKey {
    pub provider: String,
    pub identity_id: String,
}

/// The identity that a ticket is requested for.
#[derive(Debug)]
pub struct Target {
    /// `None`: the user has no such identity.
    pub identity: Option<IdentityKey>,
    pub is_primary: bool,
    /// `None`: the connection of the identity no longer exists.
    pub connection: Option<TargetConnection>,
    pub email: Option<String>,
    /// Of the user, and so of the primary identity.
    pub email_verified: bool,
    /// Does the client of the request exist? True without one.
    pub client_exists: bool,
}

/// The connection of a [`Target`].
#[derive(Debug)]
pub struct TargetConnection {
    pub id: String,
    pub strategy: String,
    pub is_enabled: bool,
}

impl Target {
    /// The identity, if a ticket of this kind can be created for it.
    pub fn identity_for(self, kind: Kind) -> Result<IdentityKey> {
        let identity = self.identity.ok_or(codes::IDENTITY_NOT_OF_USER)?;
        let connection = self.connection.ok_or(codes::INEXISTENT_IDENTITY_CONNECTION)?;
        if connection.strategy != "auth0" || (kind == Kind::EmailVerification && !self.is_primary) {
            return Err(codes::CONNECTION_WITHOUT_TICKETS.into());
        }
        if self.email.is_none() {
            return Err(codes::USER_WITHOUT_EMAIL.into());
        }
        Ok(identity)
    }
}

/// A ticket to create, with its mail if the link is sent by mail. The secret is in [`Issue::link`] alone.
pub struct Issue {
    pub kind: Kind,
    /// The URL of the page, with the ticket.
    pub link: String,
    digest: Vec<u8>,
    now: OffsetDateTime,
    lifetime: Duration,
    more: Value,
}

impl Issue {
    /// A new ticket whose link begins with `origin`.
    pub fn new(kind: Kind, origin: &str, now: OffsetDateTime, lifetime: Duration) -> Self {
        let ticket = URL_SAFE_NO_PAD.encode(ids::random::<32>());
        let link = format!("{origin}{}?ticket={ticket}#", kind.path());
        Self { kind, link, digest: digest(&ticket), now, lifetime, more: json!({}) }
    }

    /// The ticket of a request, without a mail.
    pub fn requested(request: &TicketRequest, origin: &str, now: OffsetDateTime) -> Self {
        let more = json!({
            "client_id": request.client_id,
            "result_url": request.result_url,
            "mark_email_as_verified": request.mark_email_as_verified,
            "include_email_in_redirect": request.include_email_in_redirect,
        });
        Self { more, ..Self::new(request.kind, origin, now, request.lifetime) }
    }

    /// Adds the mail that carries the link.
    pub fn by_mail(mut self, vault: &Vault, tenant: &str, host: &str) -> Result<Self> {
        let mail_id = ids::prefixed("mail");
        let (subject, content) = compose(self.kind, &self.link, host, self.now + self.lifetime);
        self.more["content"] = json!(STANDARD.encode(content.seal(vault, tenant, &mail_id)?));
        self.more["mail_id"] = json!(mail_id);
        self.more["subject"] = json!(subject);
        Ok(self)
    }

    /// Makes the mail the work of a job.
    pub fn for_job(mut self, job_id: &str) -> Self {
        self.more["job_id"] = json!(job_id);
        self
    }

    /// The parameter of statements that create a ticket; it does not contain the link. Bytes are base64.
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
fn compose(kind: Kind, link: &str, host: &str, expires_at: OffsetDateTime) -> (&'static str, Content) {
    let (subject, reason, action) = match kind {
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
    let until = format!("{} {:02}:{:02} UTC", expires_at.date(), expires_at.hour(), expires_at.minute());
    let end = format!("The link works once, until {until}. If you did not expect this mail, do nothing.");
    let text = format!("{reason}\n\n{action}:\n{link}\n\n{end}\n");
    let html = format!(
        "<!doctype html><html lang=\"en\"><title>{subject}</title><p>{}</p><p><a href=\"{}\">{action}</a></p><p>{end}</p></html>",
        escape(&reason),
        escape(link)
    );
    (subject, Content { text, html, link: link.to_owned() })
}

/// A stored ticket.
#[derive(Debug)]
pub struct Ticket {
    pub state: State,
    /// The name of the connection of its identity.
    pub connection: String,
    /// The address at the time the ticket was created.
    pub email: String,
    /// Where the browser goes after the ticket is used.
    pub result_url: Option<Url>,
    pub include_email_in_redirect: bool,
}

/// Whether a ticket can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Usable,
    Used,
    Expired,
    /// The address or the password has changed since the ticket was created.
    Outdated,
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
