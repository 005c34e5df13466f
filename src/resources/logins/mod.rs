//! Logging in with a password: whether somebody is who they say, and what is remembered of it.
//!
//! Two statements. The first counts the attempt and finds the account; it comes before the password is verified, so
//! that guesses made at the same time cannot be more than the limit. The second, after a right password, writes
//! `last_login`, `last_ip` and `logins_count`, forgets the count, keeps the access token, replaces a hash that came
//! with an import, and writes the journal's `user.logged_in`. A refusal leaves a `user.login_failed` with its reason:
//! the subject is the user, or the connection where nobody has the identifier.
//!
//! Rules, for connections with `brute_force_protection`: ten attempts in a row that fail block an account for the
//! address they came from, for thirty days or until an administrator lifts it (`/api/v2/user-blocks`) or changes the
//! password; a hundred, from whatever addresses, block it for all of them for a day. A login that succeeds begins the
//! count anew. What nobody has
//! is counted and verified like what somebody has: no answer tells which accounts exist.
//!
//! Deviations and decisions:
//! - An identifier is matched against what the connection says that people log in by, e-mail address before phone
//!   number before username.
//! - An attempt in flight counts as failed until it succeeds: more than ten logins into one account from one address at
//!   the very same moment are too many, even with the right password.
//! - That a user is blocked by an administrator is only told to who knows the password.

pub(crate) mod store;

use time::OffsetDateTime;

use crate::app::Context;
use crate::base::error::Result;
use crate::base::identifiers::Identifier;
use crate::base::passwords::Verdict;
use crate::base::timestamp::timestamp;
use crate::resources::connections::Connection;
use crate::resources::users::model::User;

/// What somebody typed, in the clear.
pub struct Credentials {
    /// An e-mail address, a username or a phone number.
    pub identifier: String,
    /// The password.
    pub password: String,
}

/// An access token to keep for whoever logs in.
pub struct Token {
    /// What is kept of it: its SHA-256.
    pub digest: [u8; 32],
    /// What it allows.
    pub scope: String,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// What came of a login.
#[derive(Debug)]
pub enum Outcome {
    /// Here is the user, as the login left them.
    LoggedIn(Box<User>),
    /// No such user, or another password.
    Wrong,
    /// The password is right, but an administrator blocked the user.
    Blocked,
    /// There were too many attempts; the password was not looked at.
    TooManyAttempts,
}

/// The longest identifier there can be, in characters: that of an e-mail address.
const LONGEST_IDENTIFIER: usize = 254;

/// How often a password is verified that others keep changing meanwhile.
const ROUNDS: usize = 3;

/// Logs somebody in to a connection.
pub async fn log_in(
    ctx: &Context,
    connection: &Connection,
    credentials: Credentials,
    token: Option<&Token>,
) -> Result<Outcome> {
    let typed: String = credentials.identifier.chars().take(LONGEST_IDENTIFIER + 1).collect();
    let identifier = typed.trim().to_lowercase();
    let sought = |kind| connection.identifies(kind).then_some(identifier.as_str());
    let attempt = store::Attempt {
        tenant: &ctx.tenant.id,
        connection: &connection.name,
        email: sought(Identifier::Email),
        username: sought(Identifier::Username),
        phone_number: sought(Identifier::PhoneNumber),
        identifier: &identifier,
        ip: ctx.author.ip.as_deref().unwrap_or("unknown"),
        counted: connection.options.brute_force_protection,
    };
    let store::Attempted { may_try, person } = store::attempt(ctx.db(), &attempt).await?;
    let subject = person.as_ref().map_or(&*connection.name, |p| &p.user_id).to_owned();
    let refuse = async |reason: &str, outcome: Outcome| {
        store::refuse(ctx.db(), &ctx.tenant.id, &subject, &connection.name, reason, &ctx.author).await?;
        Ok(outcome)
    };
    if !may_try {
        return refuse("too_many_attempts", Outcome::TooManyAttempts).await;
    }
    let hasher = &ctx.app.hasher;
    let Some(mut person) = person else {
        hasher.verify(credentials.password, None).await?;
        return refuse("unknown_user", Outcome::Wrong).await;
    };
    let mut author = ctx.author.clone();
    author.actor.clone_from(&person.user_id);
    let at = timestamp(ctx.now);
    // A password that changes while it is verified is verified again: the old one ends with the change.
    for _ in 0..ROUNDS {
        let new_hash = match hasher.verify(credentials.password.clone(), person.hash.clone()).await? {
            Verdict::Wrong => return refuse("wrong_password", Outcome::Wrong).await,
            Verdict::Right => None,
            Verdict::Outdated => Some(hasher.hash(credentials.password.clone()).await?),
        };
        let login = store::Login {
            attempt: &attempt,
            person: &person,
            new_hash: new_hash.as_deref(),
            at: &at,
            token,
            author: &author,
        };
        match store::log_in(ctx.db(), &login).await? {
            store::LoggedIn::Done(user) => return Ok(Outcome::LoggedIn(user)),
            store::LoggedIn::Blocked => return refuse("blocked", Outcome::Blocked).await,
            store::LoggedIn::Gone => return refuse("unknown_user", Outcome::Wrong).await,
            store::LoggedIn::OtherHash(hash) => person.hash = Some(hash),
        }
    }
    refuse("password_changed", Outcome::Wrong).await
}
