use sqlx::Row;

use super::Token;
use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;
use crate::resources::users::model::User;
use crate::resources::users::store::user;

pub(crate) const STATEMENTS: &[&Statement] = &[&ATTEMPT, &LOG_IN, &REFUSE];

/// What a login is attempted with.
pub(crate) struct Attempt<'a> {
    pub tenant: &'a str,
    pub connection: &'a str,
    pub email: Option<&'a str>,
    pub username: Option<&'a str>,
    pub phone_number: Option<&'a str>,
    pub identifier: &'a str,
    pub ip: &'a str,
    /// Does the connection count attempts?
    pub counted: bool,
}

/// Who was found.
pub(crate) struct Person {
    pub user_id: String,
    pub provider: String,
    pub identity_id: String,
    pub hash: Option<String>,
}

pub(crate) struct Attempted {
    pub may_try: bool,
    pub person: Option<Person>,
}

// The row of the address is locked before that of all addresses, as in forget_attempts.
static ATTEMPT: Statement = Statement::new("logins.attempt", include_str!("sql/attempt.sql"));

pub(crate) async fn attempt(db: &Db, attempt: &Attempt<'_>) -> Result<Attempted, Error> {
    let row = ATTEMPT
        .raw()
        .bind(attempt.tenant)
        .bind(attempt.connection)
        .bind(attempt.email)
        .bind(attempt.phone_number)
        .bind(attempt.username)
        .bind(attempt.identifier)
        .bind(attempt.ip)
        .bind(attempt.counted)
        .fetch_one(db.pool())
        .await?;
    let person = match row.try_get::<Option<String>, _>("user_id")? {
        None => None,
        Some(user_id) => Some(Person {
            user_id,
            provider: row.try_get("provider")?,
            identity_id: row.try_get("identity_id")?,
            hash: row.try_get("hash")?,
        }),
    };
    Ok(Attempted { may_try: row.try_get("may_try")?, person })
}

/// A login with the right password.
pub(crate) struct Login<'a> {
    pub attempt: &'a Attempt<'a>,
    pub person: &'a Person,
    /// To take the place of the hash that was found.
    pub new_hash: Option<&'a str>,
    /// As the document shows it.
    pub at: &'a str,
    pub token: Option<&'a Token>,
    pub author: &'a Author,
}

/// What came of it.
pub(crate) enum LoggedIn {
    Done(Box<User>),
    /// The password was changed or hashed anew since it was verified: the hash there is now.
    OtherHash(String),
    Blocked,
    Gone,
}

static LOG_IN: Statement = Statement::new("logins.log_in", include_str!("sql/log_in.sql"));

pub(crate) async fn log_in(db: &Db, login: &Login<'_>) -> Result<LoggedIn, Error> {
    let row = LOG_IN
        .raw()
        .bind(login.attempt.tenant)
        .bind(&login.person.user_id)
        .bind(login.at)
        .bind(login.author.ip.as_deref())
        .bind(login.attempt.connection)
        .bind(login.attempt.ip)
        .bind(&login.person.provider)
        .bind(&login.person.identity_id)
        .bind(&login.person.hash)
        .bind(login.new_hash)
        .bind(login.token.map(|token| token.digest.as_slice()))
        .bind(login.author.client_id.as_deref())
        .bind(login.token.map(|token| token.scope.as_str()))
        .bind(login.token.map(|token| token.expires_at))
        .bind(login.author.literal())
        .fetch_optional(db.pool())
        .await?;
    let Some(row) = row else { return Ok(LoggedIn::Gone) };
    if let Some(hash) = row.try_get("other_hash")? {
        return Ok(LoggedIn::OtherHash(hash));
    }
    Ok(if row.try_get("blocked")? { LoggedIn::Blocked } else { LoggedIn::Done(Box::new(user(&row)?)) })
}

// Old counts go with the failures that come after them, so that the table does not grow for ever.
static REFUSE: Statement = Statement::new("logins.refuse", include_str!("sql/refuse.sql"));

pub(crate) async fn refuse(
    db: &Db,
    tenant: &str,
    subject: &str,
    connection: &str,
    reason: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = REFUSE.raw().bind(tenant).bind(subject).bind(connection).bind(reason);
    query.bind(author.literal()).execute(db.pool()).await?;
    Ok(())
}
