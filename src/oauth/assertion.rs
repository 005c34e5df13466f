//! Client assertions: JWTs signed by a client's own key, `private_key_jwt` (RFC 7523, 2.2).
//!
//! The key is a credential that the client's `client_authentication_methods` name, with its algorithm. The claims of an
//! assertion are the client (`iss`, `sub`), this tenant's issuer or token endpoint (`aud`), an expiry at most five
//! minutes ahead (`exp`) and an id (`jti`). An assertion is valid once
//! (<https://auth0.com/docs/get-started/authentication-and-authorization-flow/authenticate-with-private-key-jwt>).

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{OAuthError, store};
use crate::app::Context;
use crate::auth::{Audience, LEEWAY, signature_only};

/// The only supported `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest lifetime of an assertion, in seconds.
const MAX_LIFETIME: i64 = 300;

/// A public key of a client.
#[derive(Debug, Deserialize)]
pub(crate) struct PublicKey {
    kid: String,
    alg: String,
    jwk: Jwk,
}

#[derive(Debug, Deserialize)]
struct Jwk {
    n: String,
    e: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
    jti: String,
}

/// Verifies an assertion of a client and marks it as used.
///
/// # Errors
/// 401 without a reason.
pub(super) async fn verify(
    ctx: &Context,
    client_id: &str,
    keys: &[PublicKey],
    assertion: &str,
) -> Result<(), OAuthError> {
    let (tenant, now) = (&ctx.tenant, ctx.now.unix_timestamp());
    let claims = keys.iter().find_map(|key| decode(key, assertion)).ok_or_else(OAuthError::unauthorized)?;
    let is_of_client = claims.iss == client_id && claims.sub == client_id;
    let is_for_tenant =
        claims.aud.any(|audience| tenant.is_issuer(audience) || tenant.is_token_endpoint(audience));
    let has_valid_expiry = claims.exp > now && claims.exp <= now + MAX_LIFETIME + LEEWAY;
    let is_early = claims.iat.max(claims.nbf).is_some_and(|at| at > now + LEEWAY);
    if !is_of_client || !is_for_tenant || !has_valid_expiry || is_early || claims.jti.is_empty() {
        return Err(OAuthError::unauthorized());
    }
    let digest: [u8; 32] = Sha256::digest(claims.jti.as_bytes()).into();
    let is_unused = store::use_assertion(ctx.db(), &tenant.id, client_id, &digest, claims.exp).await?;
    if is_unused { Ok(()) } else { Err(OAuthError::unauthorized()) }
}

/// The claims of an assertion, if this key signed it with its algorithm.
fn decode(key: &PublicKey, assertion: &str) -> Option<Claims> {
    let algorithm = match key.alg.as_str() {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "PS256" => Algorithm::PS256,
        _ => return None,
    };
    let header = jsonwebtoken::decode_header(assertion).ok()?;
    if header.alg != algorithm || header.kid.is_some_and(|kid| kid != key.kid) {
        return None;
    }
    let key = DecodingKey::from_rsa_components(&key.jwk.n, &key.jwk.e).ok()?;
    jsonwebtoken::decode(assertion, &key, &signature_only(algorithm)).ok().map(|token| token.claims)
}

/// The `sub` of an assertion that is not verified: the client whose keys verify it.
pub(super) fn unverified_subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let token = jsonwebtoken::dangerous::insecure_decode::<Subject>(assertion).ok()?;
    Some(token.claims.sub).filter(|sub| !sub.contains('\0'))
}
