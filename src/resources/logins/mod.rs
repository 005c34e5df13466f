//! Logins with a password, and the limit of failed attempts.
//!
//! A login is two statements. The first counts the attempt and finds the identity. It precedes the
//! verification of the password, so concurrent guesses cannot exceed the limit. The second follows a right
//! password: it sets `last_login`, `last_ip` and `logins_count`, deletes the failed attempts, stores the
//! access token, replaces an imported hash, and writes the journal entry `user.logged_in`. A failed login
//! writes `user.login_failed` with its reason; the subject is the user, or the connection if no user has the
//! identifier.
//!
//! Rules, for connections with `brute_force_protection`: ten consecutive failed attempts from one IP address
//! block the account for that address, for thirty days or until an administrator deletes the block
//! (`/api/v2/user-blocks`) or the password changes. A hundred from any addresses block the account for all
//! addresses for a day. A successful login resets the count. Attempts with an unknown identifier are counted,
//! and cost the time of a verification, like all others: the answer does not show which accounts exist.
//!
//! Deviations and decisions:
//! - An identifier is compared with the attributes that identify users of the connection: the e-mail address
//!   first, then the phone number, then the username.
//! - A running attempt counts as failed until it succeeds, so more than ten concurrent logins to one account
//!   from one address exceed the limit, even with the right password.
//! - Only a login with the right password learns that an administrator has blocked the user.

pub(crate) mod store;

use time::OffsetDateTime;

use crate::app::Context;
use crate::base::error::Result;
use crate::base::identifiers::Identifier;
use crate::base::passwords::Verification;
use crate::base::timestamp::timestamp;
use crate::resources::connections::Connection;
use crate::resources::users::model::User;

/// The credentials of a login, in the clear.
pub struct Credentials {
    /// An e-mail address, a username or a phone number.
    pub identifier: String,
    pub password: String,
}

/// An access token to store with a login.
pub struct Token {
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    pub scope: String,
    pub expires_at: OffsetDateTime,
}

/// The outcome of a login.
#[derive(Debug)]
pub enum Outcome {
    /// The user after the login, and the earliest time of a token of the login.
    LoggedIn(Box<User>, OffsetDateTime),
    /// The user does not exist or has another password.
    Wrong,
    /// The password is right, but an administrator has blocked the user.
    Blocked,
    /// The account is blocked after too many attempts; the password was not verified.
    TooManyAttempts,
}

/// The longest identifier, in characters: that of an e-mail address.
const LONGEST_IDENTIFIER: usize = 254;

/// How many times a password is verified while other requests change it.
const VERIFICATIONS: usize = 3;

/// Logs a user in to a connection, and stores the access token.
pub async fn log_in(
    ctx: &Context,
    connection: &Connection,
    credentials: Credentials,
    token: Option<&Token>,
) -> Result<Outcome> {
    let (db, tenant) = (ctx.db(), &*ctx.tenant.id);
    // One character more than an identifier can have, so that a longer one matches no user.
    let identifier: String = credentials.identifier.chars().take(LONGEST_IDENTIFIER + 1).collect();
    let identifier = identifier.trim().to_lowercase();
    let candidate = |kind| connection.identifies(kind).then_some(identifier.as_str());
    let attempt = store::Attempt {
        connection: &connection.name,
        email: candidate(Identifier::Email),
        username: candidate(Identifier::Username),
        phone_number: candidate(Identifier::PhoneNumber),
        identifier: &identifier,
        ip: ctx.author.ip.as_deref().unwrap_or("unknown"),
        is_counted: connection.options.brute_force_protection,
    };
    let store::Attempted { is_allowed, identity } = store::attempt(db, tenant, &attempt).await?;
    let subject = identity.as_ref().map_or(&*connection.name, |i| &i.user_id).to_owned();
    let fail = async |reason: &str, outcome: Outcome| {
        store::record_failure(db, tenant, &subject, &connection.name, reason, &ctx.author).await?;
        Ok(outcome)
    };
    if !is_allowed {
        return fail("too_many_attempts", Outcome::TooManyAttempts).await;
    }
    let hasher = &ctx.app.hasher;
    let Some(mut identity) = identity else {
        hasher.verify(tenant, credentials.password, None).await?;
        return fail("unknown_user", Outcome::Wrong).await;
    };
    let mut author = ctx.author.clone();
    author.actor.clone_from(&identity.user_id);
    let at = timestamp(ctx.now);
    // A password that changes during its verification is verified again: the change invalidates the old one.
    for _ in 0..VERIFICATIONS {
        let new_hash =
            match hasher.verify(tenant, credentials.password.clone(), identity.hash.clone()).await? {
                Verification::Failed => return fail("wrong_password", Outcome::Wrong).await,
                Verification::Passed => None,
                Verification::Outdated => Some(hasher.hash(tenant, credentials.password.clone()).await?),
            };
        let login = store::Login {
            attempt: &attempt,
            identity: &identity,
            new_hash: new_hash.as_deref(),
            at: &at,
            token,
            author: &author,
        };
        match store::log_in(db, tenant, &login).await? {
            None => return fail("unknown_user", Outcome::Wrong).await,
            Some(store::LoggedIn::Done(user, valid_from)) => return Ok(Outcome::LoggedIn(user, valid_from)),
            Some(store::LoggedIn::Blocked) => return fail("blocked", Outcome::Blocked).await,
            Some(store::LoggedIn::OtherHash(hash)) => identity.hash = Some(hash),
        }
    }
    fail("password_changed", Outcome::Wrong).await
}
