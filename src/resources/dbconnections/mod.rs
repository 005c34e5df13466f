//! What people do with database connections themselves, without a token: signing up, and asking for a new password.
//!
//! `POST /dbconnections/change_password` sends a link to the address and changes nothing. It answers the same, after the
//! same time, whether the address is somebody's or not; one identity gets ten mails an hour at most, and a
//! tenant can limit what one IP address asks for ([`crate::base::rate_limits`]). `client_id` and
//! `organization` are checked for their form only, because nothing depends on them.
//!
//! `POST /dbconnections/signup` makes a user through one of the clients that may use the connection. The answer has the user's bare id as `_id` (the user is
//! `auth0|_id`) and what was kept. Refusals are 400 and not in the Management API's shape:
//! `{"name", "code", "description", "statusCode"}`, with the whole password policy for `invalid_password`; those of
//! `user_metadata` have an `error` alone.
//!
//! Rules: identifiers as the connection asks for them; `user_metadata` of at most ten texts, names of at most 100
//! characters and values of at most 500. What a body has beyond the known fields (`app_metadata`, `user_id`,
//! `email_verified` ...) is ignored.
//!
//! Deviations and decisions, where nothing is documented or recorded:
//! - A connection that does not exist and one that the client may not use are the same refusal, `invalid_signup`; so is
//!   a disabled signup. Fields that are missing or of a wrong form are `invalid_request`.
//! - Where the flag `enable_public_signup_user_exists_error` is off, a taken username is `invalid_signup` as well.
//! - An identifier that the connection does not ask for is refused: what was given should not vanish.

pub mod model;
pub mod routes;

use std::time::Duration;

use crate::app::Context;
use crate::base::error::codes;
use crate::base::identifiers::{Identifier, Requirement};
use crate::resources::connections;
use crate::resources::tenant_settings;
use crate::resources::tickets;
use crate::resources::users;
use crate::resources::users::model::User;
use model::{PasswordChange, Signup, SignupError};

/// Makes a user.
pub async fn signup(ctx: &Context, signup: Signup) -> Result<User, SignupError> {
    let new = signup.new;
    let connection =
        connections::for_client(ctx.db(), &ctx.tenant.id, &signup.client_id, Some(&new.connection))
            .await?
            .filter(|connection| !connection.options.disable_signup)
            .ok_or_else(SignupError::invalid_signup)?;
    for identifier in Identifier::ALL {
        match (connection.requirement(identifier), new.identifier(identifier)) {
            (Requirement::Required, None) => return Err(SignupError::missing(identifier.name())),
            (Requirement::Inactive, Some(_)) => {
                let name = identifier.name();
                return Err(SignupError::invalid(format!("The connection does not take the field {name}")));
            }
            _ => {}
        }
    }
    let report = connection.report_on_password(new.password.as_deref().unwrap_or_default());
    if !report.verified {
        return Err(SignupError::weak_password(&report));
    }
    match users::create_in(ctx, &connection, new).await {
        Err(error) if error.meaning == codes::INEXISTENT_CONNECTION => Err(SignupError::invalid_signup()),
        Err(error)
            if [codes::USER_EXISTS, codes::USERNAME_IN_USE].contains(&error.meaning)
                && !tenant_settings::signup_reports_existing_users(ctx).await? =>
        {
            Err(SignupError::invalid_signup())
        }
        done => Ok(done?),
    }
}

/// How long the request for a link takes at least: far longer than the work, whose amount tells whether there is such a
/// user.
const AT_LEAST: Duration = Duration::from_millis(50);

/// Sends a link for a new password to an address, if it is somebody's.
pub async fn change_password(ctx: &Context, request: &PasswordChange) -> Result<(), SignupError> {
    let connection = connections::by_name(ctx.db(), &ctx.tenant.id, &request.connection).await?;
    if !connection.is_some_and(|connection| connection.is_database()) {
        return Err(SignupError::invalid_connection());
    }
    let work = tickets::request_password_change(ctx, &request.email, &request.connection);
    let (done, ()) = tokio::join!(work, tokio::time::sleep(AT_LEAST));
    Ok(done?)
}
