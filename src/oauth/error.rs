//! Error responses of the token endpoint.

use crate::base::error::Error;

/// An error response of the token endpoint (RFC 6749, 5.2).
#[derive(Debug)]
pub struct OAuthError {
    /// HTTP status.
    pub status: u16,
    /// The code of the RFC, or Auth0's.
    pub error: &'static str,
    /// The description for a developer.
    pub description: String,
    /// The cause for the log.
    pub cause: Option<String>,
}

impl OAuthError {
    pub(crate) fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), cause: None }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", description)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::invalid_request(format!("Missing required parameter: {parameter}"))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "access_denied", "Unauthorized")
    }
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        let code = match error.kind.status {
            429 => "too_many_requests",
            503 => "temporarily_unavailable",
            500.. => "server_error",
            _ => "invalid_request",
        };
        Self {
            status: error.kind.status,
            error: code,
            description: error.message.into_owned(),
            cause: error.cause,
        }
    }
}

impl std::fmt::Display for OAuthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description)
    }
}
