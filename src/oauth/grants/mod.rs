//! The grant types of `POST /oauth/token`: [`GRANT_TYPES`] is the one table of them, which discovery reads too.

pub mod client_credentials;
pub mod password;

use super::OAuthError;
use super::store::Client;

/// The grant types that the token endpoint takes.
pub const GRANT_TYPES: [&str; 3] =
    [client_credentials::CLIENT_CREDENTIALS, password::PASSWORD, password::PASSWORD_REALM];

/// Rejects a client that may not use a grant type.
fn ensure_grant_type(client: &Client, grant_type: &str) -> Result<(), OAuthError> {
    if client.grant_types.iter().any(|g| g == grant_type) {
        return Ok(());
    }
    Err(OAuthError::new(
        403,
        "unauthorized_client",
        format!("Grant type '{grant_type}' not allowed for the client."),
    ))
}
