//! Client authentication at the token endpoint (RFC 6749, 2.3): a secret, a signed assertion, or none for a public client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq;

use super::parameters::Parameters;
use super::store::{self, Client};
use super::{OAuthError, assertion};
use crate::app::Context;
use crate::base::vault::Location;

/// The client of a token request, before it is authenticated.
#[derive(Debug)]
pub struct ClaimedClient {
    /// The id in the request.
    pub id: String,
    /// The credential in the request.
    pub credential: Credential,
}

/// A credential by which a client authenticates.
#[derive(Debug)]
pub enum Credential {
    /// None, as of a public client.
    None,
    /// The client's secret.
    Secret(String),
    /// A JWT signed by the client.
    Assertion(String),
}

impl ClaimedClient {
    /// Reads the client from the parameters, from the `Authorization` header (RFC 6749, 2.3.1) or from an assertion
    /// (RFC 7523, 2.2).
    ///
    /// # Errors
    /// 400 without a client, with two credentials, or with an organization; 401 if the header is not well-formed.
    pub(super) fn read(parameters: &Parameters<'_>, authorization: Option<&str>) -> Result<Self, OAuthError> {
        if parameters.text("organization")?.is_some_and(|organization| !organization.is_empty()) {
            return Err(OAuthError::invalid_request(
                "Organizations are not supported. Leave the parameter organization out.",
            ));
        }
        let missing = || OAuthError::missing("client_id");
        let (id, secret) = (parameters.text("client_id")?, parameters.text("client_secret")?);
        match (basic(authorization)?, parameters.text("client_assertion")?) {
            (Some((id, secret)), None) => Ok(Self { id, credential: Credential::Secret(secret) }),
            (None, None) => {
                let credential = secret.map_or(Credential::None, Credential::Secret);
                Ok(Self { id: id.ok_or_else(missing)?, credential })
            }
            (None, Some(assertion)) if secret.is_none() => {
                if parameters.text("client_assertion_type")?.as_deref() != Some(assertion::TYPE) {
                    let description = format!("client_assertion_type must be {}", assertion::TYPE);
                    return Err(OAuthError::invalid_request(description));
                }
                let id = id.or_else(|| assertion::unverified_subject(&assertion)).ok_or_else(missing)?;
                Ok(Self { id, credential: Credential::Assertion(assertion) })
            }
            _ => Err(OAuthError::invalid_request("A client can authenticate in one way only")),
        }
    }
}

/// Id and secret of a `Basic` header, both decoded; `None` for another scheme.
fn basic(authorization: Option<&str>) -> Result<Option<(String, String)>, OAuthError> {
    let Some((scheme, encoded)) = authorization.and_then(|value| value.split_once(' ')) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decode = || {
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let part = |text: &str| {
            let text = percent_decode_str(text).decode_utf8().ok()?;
            (!text.contains('\0')).then(|| text.into_owned())
        };
        Some((part(id)?, part(secret)?))
    };
    decode().map(Some).ok_or_else(OAuthError::unauthorized)
}

/// Fetches and authenticates a client. A public client needs no credential.
///
/// # Errors
/// 401 for an unknown client or a wrong credential.
pub(super) async fn authenticate_client(
    ctx: &Context,
    claimed: &ClaimedClient,
    audience: Option<&str>,
) -> Result<Client, OAuthError> {
    let client = store::fetch_client(ctx.db(), &ctx.tenant.id, &claimed.id, audience)
        .await?
        .ok_or_else(OAuthError::unauthorized)?;
    let secret = match &claimed.credential {
        Credential::Assertion(text) => {
            assertion::verify(ctx, &claimed.id, &client.public_keys, text).await?;
            return Ok(client);
        }
        _ if client.has_authentication_methods => return Err(OAuthError::unauthorized()),
        _ if client.is_public() => return Ok(client),
        Credential::Secret(secret) => secret,
        Credential::None => return Err(OAuthError::unauthorized()),
    };
    let sealed = client.secret.as_ref().ok_or_else(OAuthError::unauthorized)?;
    let stored = ctx.app.vault.open(&Location::Clients.row(&ctx.tenant.id, &claimed.id), sealed)?;
    if bool::from(stored.ct_eq(secret.as_bytes())) { Ok(client) } else { Err(OAuthError::unauthorized()) }
}
