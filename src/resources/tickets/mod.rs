//! Tickets: links that let whoever holds one set a new password, or prove that mail to an address arrives, once.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/tickets/password-change` | `create:user_tickets` |
//! | `POST /api/v2/tickets/email-verification` | `create:user_tickets` |
//! | `GET`, `POST /lo/reset` | none: the ticket is in the link |
//! | `GET`, `POST /u/email-verification` | none: the ticket is in the link |
//!
//! A ticket is 32 random bytes in a link; the database knows their digest only. It is used by the statement that makes
//! the change, so of two uses at once one wins. Looking at the page uses nothing: mail scanners follow links. A ticket
//! ends with its time, with a change of the address it was made for, and one for a password with any change of that.
//!
//! Deviations and decisions:
//! - The link's host is the one the request came to, under `https`; `http` only if the request came unencrypted to a
//!   host of this machine.
//! - `result_url` gets Auth0's parameters `success` and `message`, and `email` if `includeEmailInRedirect` is true
//!   (default false).
//! - `client_id` must exist and is kept; no client has a page to go on to, so the browser stays here after success.
//! - `organization_id` is refused: no user is a member of one.
//! - Only the address of the main identity can be verified; passwords of all.
//! - A used or expired link is answered with 410, one that never was with 400.

pub mod model;
pub mod pages;
pub mod routes;
pub(crate) mod store;

use time::{Duration, OffsetDateTime};

use crate::app::{App, Context};
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::resources::connections::{self, Connection};
use crate::tenancy::Tenant;
use model::{Identity, Issue, Kind, LIFETIME, State, Ticket, TicketRequest, Whose, digest};
use store::Target;

/// Makes a ticket for somebody; its link.
pub async fn create(ctx: &Context, kind: Kind, request: TicketRequest) -> Result<String> {
    let (db, tenant, client) = (ctx.db(), &*ctx.tenant.id, request.client_id.as_deref());
    let not_found = || codes::INEXISTENT_USER.because("User not found.");
    let target = match &request.whose {
        Whose::User(id, identity) => {
            of_user(ctx, id, identity.as_ref(), client).await?.ok_or_else(not_found)?
        }
        Whose::Address { connection_id, email } => {
            let connection = store::of_address(db, tenant, connection_id, email, client).await?;
            let inexistent = || {
                codes::INEXISTENT_CONNECTION
                    .because(format!("The connection with id {connection_id} does not exist."))
            };
            checked(connection.ok_or_else(inexistent)?.ok_or_else(not_found)?, None)?
        }
    };
    let identity = identity_with_address(kind, target)?;
    let issue = Issue::requested(kind, &ctx.origin, ctx.now, &request);
    if store::make(db, tenant, &identity, &issue, &ctx.author).await? {
        Ok(issue.link)
    } else {
        Err(not_found())
    }
}

/// A user's main identity, or the one that a request names, if all that it names is there.
pub(crate) async fn of_user(
    ctx: &Context,
    id: &UserId,
    identity: Option<&Identity>,
    client: Option<&str>,
) -> Result<Option<Target>> {
    let target = store::of_user(ctx.db(), &ctx.tenant.id, id.as_str(), identity, client).await?;
    target.map(|target| checked(target, identity)).transpose()
}

fn checked(target: Target, identity: Option<&Identity>) -> Result<Target> {
    if !target.client_exists {
        return Err(codes::INEXISTENT_CLIENT.into());
    }
    let named = identity.and_then(|identity| identity.connection_id.as_ref());
    match (&target.identity, &target.connection) {
        (None, _) => Err(codes::IDENTITY_NOT_OF_USER.into()),
        (_, Some(connection)) if named.is_none_or(|named| *named == connection.id) => Ok(target),
        _ => Err(codes::INEXISTENT_IDENTITY_CONNECTION.into()),
    }
}

/// The identity a ticket can be made for, as provider and id.
pub(crate) fn identity_with_address(kind: Kind, target: Target) -> Result<(String, String)> {
    let identity = target.identity.ok_or(codes::IDENTITY_NOT_OF_USER)?;
    let connection = target.connection.ok_or(codes::INEXISTENT_IDENTITY_CONNECTION)?;
    let is_main = target.user_id == format!("{}|{}", identity.0, identity.1);
    if connection.strategy != "auth0" || (kind == Kind::EmailVerification && !is_main) {
        return Err(codes::CONNECTION_WITHOUT_TICKETS.into());
    }
    if target.email.is_none() {
        return Err(codes::USER_WITHOUT_EMAIL.into());
    }
    Ok(identity)
}

/// The mail by which a user proves that the address is theirs, for the statement that makes its cause.
pub(crate) fn verification_mail(ctx: &Context) -> Result<Issue> {
    Issue::new(Kind::EmailVerification, &ctx.origin, ctx.now, Duration::seconds(LIFETIME)).by_mail(
        &ctx.app.vault,
        &ctx.tenant.id,
        host(&ctx.origin),
    )
}

/// Sends a link for a new password to an address, if it is somebody's. Nobody learns from this whether it is.
pub async fn request_password_change(ctx: &Context, email: &str, connection: &str) -> Result<()> {
    let Context { app, tenant, origin, now, author, .. } = ctx;
    let issue = Issue::new(Kind::PasswordChange, origin, *now, Duration::seconds(LIFETIME)).by_mail(
        &app.vault,
        &tenant.id,
        host(origin),
    )?;
    store::request(&app.db, &tenant.id, email, connection, *now, &issue, author).await
}

fn host(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// A ticket that can be used, with the connection of its identity; otherwise why it cannot.
pub(crate) async fn look_at(
    app: &App,
    tenant: &Tenant,
    kind: Kind,
    token: &str,
    now: OffsetDateTime,
) -> Result<std::result::Result<(Ticket, Connection), Option<State>>> {
    let Some(ticket) = store::fetch(&app.db, &tenant.id, kind, &digest(token), now).await? else {
        return Ok(Err(None));
    };
    if ticket.state != State::Good {
        return Ok(Err(Some(ticket.state)));
    }
    let connection = connections::by_name(&app.db, &tenant.id, &ticket.connection).await?;
    Ok(connection.map(|connection| (ticket, connection)).ok_or(Some(State::Overtaken)))
}

/// What using a ticket came to.
pub(crate) enum Outcome {
    /// It was used.
    Done(Ticket),
    /// What was sent with it has a fault; the ticket is as good as before.
    Fault(Ticket, Box<Connection>, &'static str),
    /// It cannot be used.
    Refused(Option<State>),
}

/// Uses a ticket, with a new password twice if it is for one.
pub(crate) async fn redeem(
    ctx: &Context,
    kind: Kind,
    token: &str,
    password: &str,
    confirmation: &str,
) -> Result<Outcome> {
    let Context { app, tenant, now, author, .. } = ctx;
    let (ticket, connection) = match look_at(app, tenant, kind, token, *now).await? {
        Ok(good) => good,
        Err(state) => return Ok(Outcome::Refused(state)),
    };
    let digest = digest(token);
    let used = match kind {
        Kind::EmailVerification => store::verify_email(&app.db, &tenant.id, &digest, *now, author).await?,
        Kind::PasswordChange => {
            if !connection.allows_password(password) {
                return Ok(Outcome::Fault(
                    ticket,
                    Box::new(connection),
                    "The password is too weak. See what it needs below.",
                ));
            }
            if password != confirmation {
                return Ok(Outcome::Fault(
                    ticket,
                    Box::new(connection),
                    "The two passwords are not the same.",
                ));
            }
            let hash = app.hasher.hash(password.to_owned()).await?;
            store::change_password(&app.db, &tenant.id, &digest, &hash, *now, author).await?
        }
    };
    Ok(if used { Outcome::Done(ticket) } else { Outcome::Refused(Some(State::Used)) })
}
