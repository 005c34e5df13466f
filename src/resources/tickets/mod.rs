//! Tickets: links with which their holder sets a new password or verifies an e-mail address, once.
//!
//! | endpoint | scopes (any of) |
//! | --- | --- |
//! | `POST /api/v2/tickets/password-change` | `create:user_tickets` |
//! | `POST /api/v2/tickets/email-verification` | `create:user_tickets` |
//! | `GET`, `POST /lo/reset` | none: the ticket is in the link |
//! | `GET`, `POST /u/email-verification` | none: the ticket is in the link |
//!
//! A ticket is 32 random bytes in a link; the database stores its digest only. The statement that makes the
//! change uses the ticket, so of two concurrent uses one succeeds. To open the page does not use the ticket,
//! because mail scanners follow links. A ticket expires after its lifetime. It becomes outdated when the
//! address of its identity changes, and one for a new password when the password changes.
//!
//! Deviations and decisions:
//! - The link leads to the host of the request, by `https`; by `http` only if the request came unencrypted to
//!   a host of the local machine.
//! - `result_url` gets Auth0's parameters `success` and `message`, and `email` if `includeEmailInRedirect` is
//!   true (default false).
//! - `client_id` must exist and is stored; clients have no page to continue to, so the browser stays on the
//!   page after success.
//! - `new_password`, which clients of former versions send, is taken without effect: the holder of the link
//!   enters the password.
//! - `organization_id` is rejected: no user is a member of an organization.
//! - Only the address of the primary identity can be verified; passwords of all identities can be set.
//! - A used, expired or outdated link is answered with 410, an unknown one with 400.

pub mod model;
pub mod pages;
pub mod request;
pub mod routes;
pub(crate) mod store;

use crate::app::Context;
use crate::base::error::{Result, codes};
use crate::base::ids::UserId;
use crate::resources::connections::{self, Connection};
use model::{Issue, Kind, LIFETIME, State, Target, Ticket, digest};
use request::{Identity, Subject, TicketRequest};

/// Creates a ticket; its link.
pub async fn create(ctx: &Context, request: &TicketRequest) -> Result<String> {
    let (db, tenant, client) = (ctx.db(), &*ctx.tenant.id, request.client_id.as_deref());
    let not_found = || codes::INEXISTENT_USER.with_message("User not found.");
    let target = match &request.subject {
        Subject::User(id, identity) => {
            target_of_user(ctx, id, identity.as_ref(), client).await?.ok_or_else(not_found)?
        }
        Subject::Email { connection_id, email } => {
            let found = store::find_target_by_email(db, tenant, connection_id, email, client).await?;
            let inexistent = || {
                codes::INEXISTENT_CONNECTION
                    .with_message(format!("The connection with id {connection_id} does not exist."))
            };
            checked(found.ok_or_else(inexistent)?.ok_or_else(not_found)?, None)?
        }
    };
    let identity = target.identity_for(request.kind)?;
    let issue = Issue::requested(request, &ctx.origin, ctx.now);
    if store::create(db, tenant, &identity, &issue, &ctx.author).await? {
        Ok(issue.link)
    } else {
        Err(not_found())
    }
}

/// The identity of a user that a request names, else the primary one; 400 if the identity, its connection or
/// the client does not exist. `None`: the user does not exist.
pub(crate) async fn target_of_user(
    ctx: &Context,
    id: &UserId,
    identity: Option<&Identity>,
    client: Option<&str>,
) -> Result<Option<Target>> {
    let target = store::find_target_by_user(ctx.db(), &ctx.tenant.id, id.as_str(), identity, client).await?;
    target.map(|target| checked(target, identity)).transpose()
}

fn checked(target: Target, identity: Option<&Identity>) -> Result<Target> {
    if !target.client_exists {
        return Err(codes::INEXISTENT_CLIENT.into());
    }
    let requested = identity.and_then(|identity| identity.connection_id.as_ref());
    match (&target.identity, &target.connection) {
        (None, _) => Err(codes::IDENTITY_NOT_OF_USER.into()),
        (_, Some(connection)) if requested.is_none_or(|id| *id == connection.id) => Ok(target),
        _ => Err(codes::INEXISTENT_IDENTITY_CONNECTION.into()),
    }
}

/// A ticket and its mail that verify a user's address, for the statement that creates or changes the user.
pub(crate) fn verification_mail(ctx: &Context) -> Result<Issue> {
    mail(ctx, Kind::EmailVerification)
}

/// Sends a link for a new password to an address, if an identity of the connection has it. The answer does
/// not show whether one has.
pub async fn request_password_change(ctx: &Context, email: &str, connection: &str) -> Result<()> {
    let issue = mail(ctx, Kind::PasswordChange)?;
    let (db, tenant) = (ctx.db(), &ctx.tenant.id);
    store::request_password_change(db, tenant, email, connection, ctx.now, &issue, &ctx.author).await
}

fn mail(ctx: &Context, kind: Kind) -> Result<Issue> {
    let host = ctx.origin.split_once("://").map_or(ctx.origin.as_str(), |(_, host)| host);
    Issue::new(kind, &ctx.origin, ctx.now, LIFETIME).by_mail(&ctx.app.vault, &ctx.tenant.id, host)
}

/// A ticket that can be used, with the connection of its identity; otherwise the reason, `None` if it is
/// unknown.
pub(crate) async fn find_usable(
    ctx: &Context,
    kind: Kind,
    token: &str,
) -> Result<std::result::Result<(Ticket, Connection), Option<State>>> {
    let ticket = store::fetch(ctx.db(), &ctx.tenant.id, kind, &digest(token), ctx.now).await?;
    let Some(ticket) = ticket else { return Ok(Err(None)) };
    if ticket.state != State::Usable {
        return Ok(Err(Some(ticket.state)));
    }
    let connection = connections::by_name(ctx.db(), &ctx.tenant.id, &ticket.connection).await?;
    Ok(connection.map(|connection| (ticket, connection)).ok_or(Some(State::Outdated)))
}

/// The outcome of an attempt to use a ticket.
pub(crate) enum Outcome {
    Used(Ticket),
    /// The password is not accepted; the ticket can still be used.
    InvalidPassword(Ticket, Box<Connection>, &'static str),
    /// The ticket cannot be used; `None` if it is unknown.
    Unusable(Option<State>),
}

/// Uses a ticket, with a new password and its confirmation if it is for one.
pub(crate) async fn redeem(
    ctx: &Context,
    kind: Kind,
    token: &str,
    password: &str,
    confirmation: &str,
) -> Result<Outcome> {
    let (ticket, connection) = match find_usable(ctx, kind, token).await? {
        Ok(found) => found,
        Err(state) => return Ok(Outcome::Unusable(state)),
    };
    let (db, tenant, digest) = (ctx.db(), &ctx.tenant.id, digest(token));
    let is_used = match kind {
        Kind::EmailVerification => store::verify_email(db, tenant, &digest, ctx.now, &ctx.author).await?,
        Kind::PasswordChange => {
            let reason = if !connection.allows_password(password) {
                Some("The password is too weak. See what it needs below.")
            } else if password != confirmation {
                Some("The two passwords are not the same.")
            } else {
                None
            };
            if let Some(reason) = reason {
                return Ok(Outcome::InvalidPassword(ticket, Box::new(connection), reason));
            }
            let hash = ctx.app.hasher.hash(tenant, password.to_owned()).await?;
            store::change_password(db, tenant, &digest, &hash, ctx.now, &ctx.author).await?
        }
    };
    Ok(if is_used { Outcome::Used(ticket) } else { Outcome::Unusable(Some(State::Used)) })
}
