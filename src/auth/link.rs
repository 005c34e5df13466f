//! The `link_with` token: an ID token of another account, by which a user shows that the account is theirs.

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{Audience, Claims, LEEWAY, end_of_second, signature_only};
use crate::base::error::{Error, Result, codes};
use crate::base::ids::UserId;
use crate::tenancy::Tenant;

#[derive(Deserialize)]
struct IdToken {
    iss: Option<String>,
    sub: Option<Value>,
    aud: Option<Value>,
    iat: i64,
    exp: i64,
}

/// The subject of a valid ID token that was issued to the client of the calling token, and the latest time at which it
/// can have been issued. `now` is in seconds since 1970.
///
/// # Errors
/// 400 in the words of Auth0's API document for `link_with`.
pub fn subject(tenant: &Tenant, calling: &Claims, token: &str, now: i64) -> Result<(UserId, OffsetDateTime)> {
    let violation =
        |reason: &str| codes::INVALID_LINK_TOKEN.with_message(format!("JWT (link_with) {reason}"));
    let invalid = || Error::from(codes::INVALID_LINK_TOKEN);
    let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
    if header.alg != Algorithm::RS256 {
        return Err(violation("must have an alg of RS256."));
    }
    let key = header.kid.as_deref().and_then(|kid| tenant.key(kid)).ok_or_else(invalid)?;
    let validation = signature_only(Algorithm::RS256);
    let token =
        jsonwebtoken::decode::<IdToken>(token, &key.decoding, &validation).map_err(|_| invalid())?.claims;
    if token.exp <= now || token.iat > now + LEEWAY {
        return Err(invalid());
    }
    if !token.iss.is_some_and(|iss| tenant.is_issuer(&iss)) {
        return Err(violation("must have the same issuer as the calling user."));
    }
    let audience = token.aud.and_then(|aud| serde_json::from_value::<Audience>(aud).ok());
    let audience = audience.ok_or_else(|| violation("contains an invalid aud claim."))?;
    if calling.azp.is_empty() || !audience.any(|aud| aud == calling.azp) {
        return Err(violation("must have an aud claim that matches that of the calling token's azp."));
    }
    let sub = token.sub.ok_or_else(|| violation("must contains sub claim."))?;
    let id = sub.as_str().and_then(UserId::parse);
    Ok((id.ok_or_else(|| violation("contains an invalid sub claim."))?, end_of_second(token.iat)))
}
