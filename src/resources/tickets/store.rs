//! Table `tickets`. Other writers: `users` and `jobs` create tickets with the user or job that they are for
//! (and with a mail in `mails`), `mail` deletes expired ones, and a deletion of the identity deletes its
//! tickets by foreign key.
//!
//! The statements that use a ticket also write `users`, `passwords` and, like a login, `login_attempts`
//! (`user_blocks`). They lock the user first, then the ticket, then the attempts.

use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{IdentityKey, Issue, Kind, State, Target, TargetConnection, Ticket};
use super::request::Identity;
use crate::base::error::Error;
use crate::base::timestamp::timestamp;
use crate::db::{Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &FIND_TARGET_BY_USER,
    &FIND_TARGET_BY_EMAIL,
    &CREATE,
    &REQUEST_PASSWORD_CHANGE,
    &FETCH,
    &CHANGE_PASSWORD,
    &VERIFY_EMAIL,
];

/// Columns of an identity or connection are null together, if it does not exist.
#[derive(FromRow)]
struct TargetRow {
    user_id: Option<String>,
    provider: Option<String>,
    identity_id: Option<String>,
    is_primary: bool,
    email: Option<String>,
    email_verified: bool,
    connection_id: Option<String>,
    strategy: Option<String>,
    is_enabled: Option<bool>,
    client_exists: bool,
}

impl TargetRow {
    /// `None`: no user was found.
    fn target(self) -> Option<Target> {
        self.user_id?;
        let connection = self.connection_id.zip(self.strategy);
        Some(Target {
            identity: self
                .provider
                .zip(self.identity_id)
                .map(|(provider, identity_id)| IdentityKey { provider, identity_id }),
            is_primary: self.is_primary,
            connection: connection.map(|(id, strategy)| TargetConnection {
                id,
                strategy,
                is_enabled: self.is_enabled.unwrap_or(false),
            }),
            email: self.email,
            email_verified: self.email_verified,
            client_exists: self.client_exists,
        })
    }
}

static FIND_TARGET_BY_USER: Statement =
    Statement::new("tickets.find_target_by_user", include_str!("sql/find_target_by_user.sql"));

/// The identity of a user that a request names, else the primary one. `None`: the user does not exist.
pub(crate) async fn find_target_by_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    identity: Option<&Identity>,
    client: Option<&str>,
) -> Result<Option<Target>, Error> {
    let row: Option<TargetRow> = FIND_TARGET_BY_USER
        .bind("tenant_id", tenant)
        .bind("user_id", user_id)
        .bind("provider", identity.map(|i| &i.provider))
        .bind("identity_id", identity.map(|i| &i.user_id))
        .bind("client_id", client)
        .fetch_optional(db)
        .await?;
    Ok(row.and_then(TargetRow::target))
}

static FIND_TARGET_BY_EMAIL: Statement =
    Statement::new("tickets.find_target_by_email", include_str!("sql/find_target_by_email.sql"));

/// The identity with an address in a connection, or `None`; the outer `None`: the connection does not exist.
pub(crate) async fn find_target_by_email(
    db: &Db,
    tenant: &str,
    connection_id: &str,
    email: &str,
    client: Option<&str>,
) -> Result<Option<Option<Target>>, Error> {
    let row: Option<TargetRow> = FIND_TARGET_BY_EMAIL
        .bind("tenant_id", tenant)
        .bind("connection_id", connection_id)
        .bind("email", email)
        .bind("client_id", client)
        .fetch_optional(db)
        .await?;
    Ok(row.map(TargetRow::target))
}

static CREATE: Statement = Statement::new("tickets.create", include_str!("sql/create.sql"));

/// Creates a ticket; false if the identity does not exist.
pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    identity: &IdentityKey,
    issue: &Issue,
    author: &Author,
) -> Result<bool, Error> {
    let created: Option<(String,)> = CREATE
        .bind("tenant_id", tenant)
        .bind("provider", &identity.provider)
        .bind("identity_id", &identity.identity_id)
        .bind("issue", Json(issue.parameter()))
        .bind("author", author.literal())
        .fetch_optional(db)
        .await?;
    Ok(created.is_some())
}

static REQUEST_PASSWORD_CHANGE: Statement =
    Statement::new("tickets.request_password_change", include_str!("sql/request_password_change.sql"));

/// Creates a ticket and its mail, if an identity of the connection has the address.
pub(crate) async fn request_password_change(
    db: &Db,
    tenant: &str,
    email: &str,
    connection: &str,
    now: OffsetDateTime,
    issue: &Issue,
    author: &Author,
) -> Result<(), Error> {
    REQUEST_PASSWORD_CHANGE
        .bind("tenant_id", tenant)
        .bind("email", email)
        .bind("connection", connection)
        .bind("now", now)
        .bind("issue", Json(issue.parameter()))
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(())
}

#[derive(FromRow)]
struct TicketRow {
    is_used: bool,
    is_expired: bool,
    is_current: bool,
    connection: String,
    email: String,
    result_url: Option<String>,
    include_email_in_redirect: bool,
}

impl From<TicketRow> for Ticket {
    fn from(row: TicketRow) -> Self {
        Self {
            state: match row {
                TicketRow { is_used: true, .. } => State::Used,
                TicketRow { is_expired: true, .. } => State::Expired,
                TicketRow { is_current: true, .. } => State::Usable,
                _ => State::Outdated,
            },
            connection: row.connection,
            email: row.email,
            result_url: row.result_url.and_then(|url| url.parse().ok()),
            include_email_in_redirect: row.include_email_in_redirect,
        }
    }
}

static FETCH: Statement = Statement::new("tickets.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(
    db: &Db,
    tenant: &str,
    kind: Kind,
    digest: &[u8],
    now: OffsetDateTime,
) -> Result<Option<Ticket>, Error> {
    let row: Option<TicketRow> = FETCH
        .bind("tenant_id", tenant)
        .bind("digest", digest)
        .bind("kind", kind.as_str())
        .bind("now", now)
        .fetch_optional(db)
        .await?;
    Ok(row.map(Ticket::from))
}

static CHANGE_PASSWORD: Statement =
    Statement::new("tickets.change_password", include_str!("sql/change_password.sql"));

/// Uses a ticket to set a password; false if it cannot be used.
pub(crate) async fn change_password(
    db: &Db,
    tenant: &str,
    digest: &[u8],
    password_hash: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<bool, Error> {
    let changed: Option<(String,)> = CHANGE_PASSWORD
        .bind("tenant_id", tenant)
        .bind("digest", digest)
        .bind("now", now)
        .bind("password_hash", password_hash)
        .bind("profile", Json(serde_json::json!({ "last_password_reset": timestamp(now) })))
        .bind("author", author.literal())
        .fetch_optional(db)
        .await?;
    Ok(changed.is_some())
}

static VERIFY_EMAIL: Statement = Statement::new("tickets.verify_email", include_str!("sql/verify_email.sql"));

/// Uses a ticket to mark an address as verified; false if it cannot be used.
pub(crate) async fn verify_email(
    db: &Db,
    tenant: &str,
    digest: &[u8],
    now: OffsetDateTime,
    author: &Author,
) -> Result<bool, Error> {
    let used: Option<(String,)> = VERIFY_EMAIL
        .bind("tenant_id", tenant)
        .bind("digest", digest)
        .bind("now", now)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await?;
    Ok(used.is_some())
}
