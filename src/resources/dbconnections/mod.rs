//! Signup and the request for a new password, which users of database connections make without a token.
//!
//! | endpoint | authentication |
//! | --- | --- |
//! | `POST /dbconnections/signup` | none: a `client_id` that is enabled for the connection |
//! | `POST /dbconnections/change_password` | none |
//!
//! `change_password` sends a link to the address and changes nothing. The answer and its time are the same
//! whether or not a user has the address. An identity gets at most ten mails an hour, and a tenant can limit
//! the requests of an IP address ([`crate::base::rate_limits`]). Of `client_id` and `organization` only the
//! form is checked, because nothing depends on them.
//!
//! `signup` creates a user. The answer has the user's id without the provider as `_id` (the user is
//! `auth0|_id`) and the stored attributes. Error responses are 400 and not in the Management API's shape:
//! `{"name", "code", "description", "statusCode"}`, with the password policy for `invalid_password`; those
//! about `user_metadata` have an `error` alone.
//!
//! Rules: identifiers as the connection requires them; `user_metadata` of at most ten strings, names of at
//! most 100 characters and values of at most 500. Unknown properties of a body (`app_metadata`, `user_id`,
//! `email_verified` ...) are ignored.
//!
//! Deviations and decisions, where nothing is documented or recorded:
//! - An unknown connection, one that the client may not use and one with signup disabled are the same error,
//!   `invalid_signup`. Missing or malformed properties are `invalid_request`.
//! - Without the flag `enable_public_signup_user_exists_error` a taken username is `invalid_signup` as well.
//! - An identifier that the connection does not use is rejected, so that no given value is lost.

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

/// Creates a user.
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
        Err(error) if error.kind == codes::INEXISTENT_CONNECTION => Err(SignupError::invalid_signup()),
        Err(error)
            if [codes::USER_EXISTS, codes::USERNAME_IN_USE].contains(&error.kind)
                && !tenant_settings::signup_reports_existing_users(ctx).await? =>
        {
            Err(SignupError::invalid_signup())
        }
        done => Ok(done?),
    }
}

/// The least time of a request for a link. It exceeds the time of the work, which depends on whether the user
/// exists.
const MIN_DURATION: Duration = Duration::from_millis(50);

/// Sends a link for a new password to an address, if a user of the connection has it.
pub async fn change_password(ctx: &Context, request: &PasswordChange) -> Result<(), SignupError> {
    let connection = connections::by_name(ctx.db(), &ctx.tenant.id, &request.connection).await?;
    if !connection.is_some_and(|connection| connection.is_database()) {
        return Err(SignupError::invalid_connection());
    }
    let work = tickets::request_password_change(ctx, &request.email, &request.connection);
    let (done, ()) = tokio::join!(work, tokio::time::sleep(MIN_DURATION));
    Ok(done?)
}
