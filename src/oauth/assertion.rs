//! Clients that show a JWT signed by a key of their own instead of a secret: `private_key_jwt` (RFC 7523, 2.2).
//!
//! The key is a credential that the client's `client_authentication_methods` name, with the algorithm it is for. The
//! assertion says who (`iss`, `sub`), to whom (`aud`: this tenant as an issuer, or its token endpoint), until when (`exp`,
//! at most five minutes from now) and has an id (`jti`): it is good for one time
//! (<https://auth0.com/docs/get-started/authentication-and-authorization-flow/authenticate-with-private-key-jwt>).

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{OAuthError, store};
use crate::auth::{Audience, LEEWAY};
use crate::db::Db;
use crate::tenancy::Tenant;

/// The one `client_assertion_type` there is.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds that an assertion lives at most.
const LONGEST: i64 = 300;

/// A public key of a client.
#[derive(Debug, Deserialize)]
pub(crate) struct Key {
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

/// Is the assertion this client's, for this tenant, now and for the first time?
pub(super) async fn verify(
    db: &Db,
    tenant: &Tenant,
    client_id: &str,
    keys: &[Key],
    assertion: &str,
    now: i64,
) -> Result<(), OAuthError> {
    let claims = keys.iter().find_map(|key| signed(key, assertion)).ok_or_else(OAuthError::unauthorized)?;
    let is_own = claims.iss == client_id && claims.sub == client_id;
    let is_here = claims.aud.any(|audience| tenant.is_issuer(audience) || tenant.is_token_endpoint(audience));
    let is_late = claims.exp <= now || claims.exp > now + LONGEST + LEEWAY;
    let is_early = claims.iat.max(claims.nbf).is_some_and(|at| at > now + LEEWAY);
    if !is_own || !is_here || is_late || is_early || claims.jti.is_empty() {
        return Err(OAuthError::unauthorized());
    }
    let digest: [u8; 32] = Sha256::digest(claims.jti.as_bytes()).into();
    let is_first = store::use_assertion(db, &tenant.id, client_id, &digest, claims.exp).await?;
    if is_first { Ok(()) } else { Err(OAuthError::unauthorized()) }
}

/// What an assertion says, if this key signed it with its algorithm.
fn signed(key: &Key, assertion: &str) -> Option<Claims> {
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
    let mut signature_only = Validation::new(algorithm);
    // The claims are judged by the request's clock.
    (signature_only.validate_exp, signature_only.validate_aud) = (false, false);
    signature_only.required_spec_claims.clear();
    let key = DecodingKey::from_rsa_components(&key.jwk.n, &key.jwk.e).ok()?;
    jsonwebtoken::decode(assertion, &key, &signature_only).ok().map(|whole| whole.claims)
}

/// Whom an assertion is said to be of, before anything of it is believed.
pub(super) fn subject(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let whole = jsonwebtoken::dangerous::insecure_decode::<Subject>(assertion).ok()?;
    Some(whole.claims.sub).filter(|sub| !sub.contains('\0'))
}
