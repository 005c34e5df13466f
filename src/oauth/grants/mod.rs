//! The grant types of `POST /oauth/token`. [`GRANT_TYPES`] is their only table: the endpoint and discovery read it.

pub mod client_credentials;
pub mod password;

use std::pin::Pin;

use super::client_authentication::ClaimedClient;
use super::parameters::Parameters;
use super::store::Client;
use super::{OAuthError, TokenResponse};
use crate::app::Context;

/// A grant type.
pub struct GrantType {
    /// Its name in requests and in discovery.
    pub name: &'static str,
    /// Issues the tokens of a request.
    pub(super) issue: for<'a> fn(&'a Context, &'a TokenRequest<'a>) -> Issued<'a>,
}

type Issued<'a> = Pin<Box<dyn Future<Output = Result<TokenResponse, OAuthError>> + 'a>>;

/// The supported grant types.
pub static GRANT_TYPES: [GrantType; 3] = [
    GrantType {
        name: client_credentials::CLIENT_CREDENTIALS,
        issue: |ctx, request| Box::pin(client_credentials::issue(ctx, request)),
    },
    GrantType { name: password::PASSWORD, issue: |ctx, request| Box::pin(password::issue(ctx, request)) },
    GrantType {
        name: password::PASSWORD_REALM,
        issue: |ctx, request| Box::pin(password::issue(ctx, request)),
    },
];

impl GrantType {
    /// The grant type of a name.
    ///
    /// # Errors
    /// 403 `unsupported_grant_type`.
    pub(super) fn find(name: &str) -> Result<&'static Self, OAuthError> {
        GRANT_TYPES.iter().find(|grant_type| grant_type.name == name).ok_or_else(|| {
            let shown: String = name.chars().take(100).collect();
            OAuthError::new(403, "unsupported_grant_type", format!("Unsupported grant type: {shown}"))
        })
    }
}

/// A token request, before its client is authenticated.
pub struct TokenRequest<'a> {
    pub(super) grant_type: &'static GrantType,
    pub(super) client: ClaimedClient,
    pub(super) parameters: Parameters<'a>,
}

impl TokenRequest<'_> {
    /// Rejects a client that is not allowed to use the grant type.
    fn ensure_grant_type(&self, client: &Client) -> Result<(), OAuthError> {
        let name = self.grant_type.name;
        if client.grant_types.iter().any(|allowed| allowed == name) {
            return Ok(());
        }
        let description = format!("Grant type '{name}' not allowed for the client.");
        Err(OAuthError::new(403, "unauthorized_client", description))
    }
}
