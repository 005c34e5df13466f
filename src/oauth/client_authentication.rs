//! Client authentication at the token endpoint (RFC 6749, 2.3): a secret, a signed assertion, or none for a
//! public client.
//!
//! A request uses one method: a secret in the body or an assertion beside an `Authorization: Basic` header is
//! rejected, as is a `client_id` that is not the header's. Clients send id and secret in that header encoded as a form
//! (RFC 6749, 2.3.1), or as they are. A secret that the two readings of a header differ in is compared with both.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use subtle::{Choice, ConstantTimeEq};

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
    /// The readings of the client's secret: usually one.
    Secret(Vec<String>),
    /// A JWT signed by the client.
    Assertion(String),
}

impl ClaimedClient {
    /// Reads the client from the parameters, from the `Authorization` header (RFC 6749, 2.3.1) or from an
    /// assertion (RFC 7523, 2.2).
    ///
    /// # Errors
    /// 400 without a client, with two clients or credentials, or with an organization; 401 if the header is not
    /// well-formed.
    pub(super) fn read(parameters: &Parameters<'_>, authorization: Option<&str>) -> Result<Self, OAuthError> {
        if parameters.text("organization")?.is_some_and(|organization| !organization.is_empty()) {
            return Err(OAuthError::invalid_request(
                "Organizations are not supported. Leave the parameter organization out.",
            ));
        }
        let missing = || OAuthError::missing("client_id");
        let id = parameters.optional("client_id")?;
        let (secret, assertion) =
            (parameters.optional("client_secret")?, parameters.optional("client_assertion")?);
        match (basic(authorization)?, secret, assertion) {
            (Some(basic), None, None) => {
                if id.is_some_and(|id| id != basic.id) {
                    return Err(OAuthError::invalid_request(
                        "The client_id is not that of the Authorization header",
                    ));
                }
                Ok(basic)
            }
            (None, secret, None) => {
                let credential = secret.map_or(Credential::None, |secret| Credential::Secret(vec![secret]));
                Ok(Self { id: id.ok_or_else(missing)?, credential })
            }
            (None, None, Some(assertion)) => {
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

/// The client of a `Basic` header; `None` for another scheme.
fn basic(authorization: Option<&str>) -> Result<Option<ClaimedClient>, OAuthError> {
    let Some(value) = authorization else { return Ok(None) };
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decode = || {
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        // An id has no character of which the encoding is ambiguous.
        let id = form_decoded(id).filter(|id| !id.contains('\0'))?;
        let mut readings = vec![secret.to_owned()];
        readings.extend(form_decoded(secret).filter(|decoded| decoded != secret));
        Some(ClaimedClient { id, credential: Credential::Secret(readings) })
    };
    decode().map(Some).ok_or_else(OAuthError::unauthorized)
}

/// A text that was encoded as in a form; `None` if it is not UTF-8.
fn form_decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
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
    let readings = match &claimed.credential {
        Credential::Assertion(text) => {
            assertion::verify(ctx, &claimed.id, &client.public_keys, text).await?;
            return Ok(client);
        }
        _ if client.has_authentication_methods => return Err(OAuthError::unauthorized()),
        _ if client.is_public() => return Ok(client),
        Credential::Secret(readings) => readings,
        Credential::None => return Err(OAuthError::unauthorized()),
    };
    let sealed = client.secret.as_ref().ok_or_else(OAuthError::unauthorized)?;
    let stored = ctx.app.vault.open(&Location::Clients.row(&ctx.tenant.id, &claimed.id), sealed)?;
    let is_equal = readings.iter().fold(Choice::from(0), |any, secret| any | stored.ct_eq(secret.as_bytes()));
    if is_equal.into() { Ok(client) } else { Err(OAuthError::unauthorized()) }
}
