//! Writes `login_attempts`, which `user_blocks` owns, `access_tokens` (read by `/userinfo`), and the login
//! attributes and password of a user (`users`, `passwords`). Deletions of users delete their access tokens by
//! foreign key.
//!
//! Locks: `attempt` locks the row of the IP address, then the row of all addresses; `log_in` locks the user
//! and the password, then the attempts in the same order.

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;

use super::Token;
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;
use crate::resources::users::model::User;

pub(crate) const STATEMENTS: &[&Statement] = &[&ATTEMPT, &LOG_IN, &RECORD_FAILURE];

/// An attempt to log in.
pub(crate) struct Attempt<'a> {
    pub connection: &'a str,
    /// The identifier, if it identifies users of the connection as an e-mail address.
    pub email: Option<&'a str>,
    pub username: Option<&'a str>,
    pub phone_number: Option<&'a str>,
    pub identifier: &'a str,
    pub ip: &'a str,
    pub is_counted: bool,
}

/// The identity that an attempt identifies.
pub(crate) struct FoundIdentity {
    pub user_id: String,
    pub provider: String,
    pub identity_id: String,
    pub hash: Option<String>,
}

pub(crate) struct Attempted {
    pub is_allowed: bool,
    pub identity: Option<FoundIdentity>,
}

#[derive(FromRow)]
struct AttemptedRow {
    is_allowed: bool,
    user_id: Option<String>,
    provider: Option<String>,
    identity_id: Option<String>,
    hash: Option<String>,
}

impl AttemptedRow {
    fn identity(self) -> Option<FoundIdentity> {
        Some(FoundIdentity {
            user_id: self.user_id?,
            provider: self.provider?,
            identity_id: self.identity_id?,
            hash: self.hash,
        })
    }
}

static ATTEMPT: Statement = Statement::new("logins.attempt", include_str!("sql/attempt.sql"));

pub(crate) async fn attempt(db: &Db, tenant: &str, attempt: &Attempt<'_>) -> Result<Attempted, Error> {
    let row: AttemptedRow = ATTEMPT
        .bind("tenant_id", tenant)
        .bind("connection", attempt.connection)
        .bind("email", attempt.email)
        .bind("phone_number", attempt.phone_number)
        .bind("username", attempt.username)
        .bind("identifier", attempt.identifier)
        .bind("ip", attempt.ip)
        .bind("is_counted", attempt.is_counted)
        .fetch_one(db)
        .await?;
    Ok(Attempted { is_allowed: row.is_allowed, identity: row.identity() })
}

/// A login with the right password.
pub(crate) struct Login<'a> {
    pub attempt: &'a Attempt<'a>,
    pub identity: &'a FoundIdentity,
    /// Replaces the hash that was verified.
    pub new_hash: Option<&'a str>,
    /// The time, as `last_login` has it.
    pub at: &'a str,
    pub token: Option<&'a Token>,
    pub author: &'a Author,
}

/// The outcome of a login with the right password.
pub(crate) enum LoggedIn {
    /// The user, and the earliest time of a token that is valid.
    Done(Box<User>, OffsetDateTime),
    /// The hash has changed since it was verified: the present one.
    OtherHash(String),
    Blocked,
}

impl FromRow<'_, PgRow> for LoggedIn {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        use sqlx::Row;
        if let Some(hash) = row.try_get("other_hash")? {
            return Ok(Self::OtherHash(hash));
        }
        if row.try_get("is_blocked")? {
            return Ok(Self::Blocked);
        }
        Ok(Self::Done(Box::new(User::from_row(row)?), row.try_get("valid_from")?))
    }
}

static LOG_IN: Statement = Statement::new("logins.log_in", include_str!("sql/log_in.sql"));

/// `None`: the user no longer has the identity.
pub(crate) async fn log_in(db: &Db, tenant: &str, login: &Login<'_>) -> Result<Option<LoggedIn>, Error> {
    let Login { attempt, identity, token, author, .. } = login;
    let logged_in = LOG_IN
        .bind("tenant_id", tenant)
        .bind("user_id", &identity.user_id)
        .bind("last_login", login.at)
        .bind("last_ip", author.ip.as_deref())
        .bind("connection", attempt.connection)
        .bind("attempt_ip", attempt.ip)
        .bind("provider", &identity.provider)
        .bind("identity_id", &identity.identity_id)
        .bind("hash", &identity.hash)
        .bind("new_hash", login.new_hash)
        .bind("token_digest", token.map(|token| token.digest.as_slice()))
        .bind("client_id", author.client_id.as_deref())
        .bind("scope", token.map(|token| token.scope.as_str()))
        .bind("expires_at", token.map(|token| token.expires_at))
        .bind("author", author.literal())
        .fetch_optional(db)
        .await?;
    Ok(logged_in)
}

static RECORD_FAILURE: Statement =
    Statement::new("logins.record_failure", include_str!("sql/record_failure.sql"));

pub(crate) async fn record_failure(
    db: &Db,
    tenant: &str,
    subject: &str,
    connection: &str,
    reason: &str,
    author: &Author,
) -> Result<(), Error> {
    RECORD_FAILURE
        .bind("tenant_id", tenant)
        .bind("subject", subject)
        .bind("connection", connection)
        .bind("reason", reason)
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(())
}
