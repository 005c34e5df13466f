use serde_json::Value;
use sqlx::Row;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{Identity, Issue, Kind, State, Ticket};
use crate::base::error::Error;
use crate::base::timestamp::timestamp;
use crate::db::{Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&OF_USER, &OF_ADDRESS, &ISSUE, &REQUEST, &FETCH, &CHANGE_PASSWORD, &VERIFY_EMAIL];

/// An identity that a ticket is asked for.
#[derive(Debug)]
pub(crate) struct Target {
    pub user_id: String,
    /// `None` if the user has no such identity.
    pub identity: Option<(String, String)>,
    /// `None` if the connection of the identity is not there any more.
    pub connection: Option<Connection>,
    pub email: Option<String>,
    pub email_verified: bool,
    /// Is there the client that was named, if one was?
    pub client_exists: bool,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub id: String,
    pub strategy: String,
    pub is_enabled: bool,
}

fn found(row: &sqlx::postgres::PgRow) -> Result<Option<Target>, sqlx::Error> {
    let Some(user_id) = row.try_get("user_id")? else { return Ok(None) };
    let identity: Option<String> = row.try_get("provider")?;
    let connection: Option<String> = row.try_get("connection_id")?;
    Ok(Some(Target {
        user_id,
        identity: match identity {
            Some(provider) => Some((provider, row.try_get("identity_id")?)),
            None => None,
        },
        connection: match connection {
            Some(id) => Some(Connection {
                id,
                strategy: row.try_get("strategy")?,
                is_enabled: row.try_get("is_enabled")?,
            }),
            None => None,
        },
        email: row.try_get("email")?,
        email_verified: row.try_get("email_verified")?,
        client_exists: row.try_get("client_exists")?,
    }))
}

static OF_USER: Statement = Statement::new("tickets.of_user", include_str!("sql/of_user.sql"));

/// A user's main identity, or the one that is named.
pub(crate) async fn of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    identity: Option<&Identity>,
    client: Option<&str>,
) -> Result<Option<Target>, Error> {
    let row = OF_USER
        .raw()
        .bind(tenant)
        .bind(user_id)
        .bind(identity.map(|i| &i.provider))
        .bind(identity.map(|i| &i.user_id))
        .bind(client)
        .fetch_optional(db.pool())
        .await?;
    Ok(row.as_ref().map(found).transpose()?.flatten())
}

static OF_ADDRESS: Statement = Statement::new("tickets.of_address", include_str!("sql/of_address.sql"));

/// Whoever has an address in a connection; the outer `None` if there is no such connection.
pub(crate) async fn of_address(
    db: &Db,
    tenant: &str,
    connection_id: &str,
    email: &str,
    client: Option<&str>,
) -> Result<Option<Option<Target>>, Error> {
    let row = OF_ADDRESS
        .raw()
        .bind(tenant)
        .bind(connection_id)
        .bind(email)
        .bind(client)
        .fetch_optional(db.pool())
        .await?;
    Ok(row.as_ref().map(found).transpose()?)
}

static ISSUE: Statement = Statement::new("tickets.issue", include_str!("sql/issue.sql"));

/// Makes a ticket for an identity; false if that is gone.
pub(crate) async fn make(
    db: &Db,
    tenant: &str,
    (provider, identity_id): &(String, String),
    issue: &Issue,
    author: &Author,
) -> Result<bool, Error> {
    let made = ISSUE
        .raw()
        .bind(tenant)
        .bind(provider)
        .bind(identity_id)
        .bind(Json(issue.parameter()))
        .bind(author.literal())
        .fetch_optional(db.pool())
        .await?;
    Ok(made.is_some())
}

/// Asked for by anybody, so a limit: ten an hour for one identity. The journal has a row for each request, whether there
/// is such a user or not: an operator sees both, and both take a write.
static REQUEST: Statement = Statement::new("tickets.request", include_str!("sql/request.sql"));

/// Makes a ticket for whoever has an address in a connection, if anybody has.
pub(crate) async fn request(
    db: &Db,
    tenant: &str,
    email: &str,
    connection: &str,
    now: OffsetDateTime,
    issue: &Issue,
    author: &Author,
) -> Result<(), Error> {
    REQUEST
        .raw()
        .bind(tenant)
        .bind(email)
        .bind(connection)
        .bind(now)
        .bind(Json(issue.parameter()))
        .bind(author.literal())
        .execute(db.pool())
        .await?;
    Ok(())
}

static FETCH: Statement = Statement::new("tickets.fetch", include_str!("sql/fetch.sql"));

/// A ticket by its digest.
pub(crate) async fn fetch(
    db: &Db,
    tenant: &str,
    kind: Kind,
    digest: &[u8],
    now: OffsetDateTime,
) -> Result<Option<Ticket>, Error> {
    let row =
        FETCH.raw().bind(tenant).bind(digest).bind(kind.as_str()).bind(now).fetch_optional(db.pool()).await?;
    let Some(row) = row else { return Ok(None) };
    let state = if row.try_get("used")? {
        State::Used
    } else if row.try_get("expired")? {
        State::Expired
    } else if row.try_get("current")? {
        State::Good
    } else {
        State::Overtaken
    };
    let result_url: Option<&str> = row.try_get("result_url")?;
    Ok(Some(Ticket {
        state,
        connection: row.try_get("connection")?,
        email: row.try_get("email")?,
        result_url: result_url.and_then(|url| url.parse().ok()),
        include_email_in_redirect: row.try_get("include_email_in_redirect")?,
    }))
}

static CHANGE_PASSWORD: Statement =
    Statement::new("tickets.change_password", include_str!("sql/change_password.sql"));

/// Uses a ticket to set a password; false if it is not good any more.
pub(crate) async fn change_password(
    db: &Db,
    tenant: &str,
    digest: &[u8],
    password_hash: &str,
    now: OffsetDateTime,
    author: &Author,
) -> Result<bool, Error> {
    let reset: Value = serde_json::json!({ "last_password_reset": timestamp(now) });
    let changed = CHANGE_PASSWORD
        .raw()
        .bind(tenant)
        .bind(digest)
        .bind(now)
        .bind(password_hash)
        .bind(Json(reset))
        .bind(author.literal())
        .fetch_optional(db.pool())
        .await?;
    Ok(changed.is_some())
}

static VERIFY_EMAIL: Statement = Statement::new("tickets.verify_email", include_str!("sql/verify_email.sql"));

/// Uses a ticket to mark an address as verified; false if it is not good any more.
pub(crate) async fn verify_email(
    db: &Db,
    tenant: &str,
    digest: &[u8],
    now: OffsetDateTime,
    author: &Author,
) -> Result<bool, Error> {
    let used = VERIFY_EMAIL
        .raw()
        .bind(tenant)
        .bind(digest)
        .bind(now)
        .bind(author.literal())
        .fetch_optional(db.pool())
        .await?;
    Ok(used.is_some())
}
