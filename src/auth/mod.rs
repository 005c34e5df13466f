//! Access tokens of callers: verification, claims and scopes. [`crate::oauth`] issues them.
//!
//! Access tokens for the Management API are JWTs, signed with RS256 by a key of the tenant. The algorithm is
//! fixed: a token with another `alg` is rejected.
//!
//! A user's own token, whose access rests on a `current_user` scope or on `openid` at `/userinfo`, is valid while the
//! user is not blocked. It ends when the user is deleted, even if a user with the same id is created again, and when a
//! password of the user is replaced or removed. The statement that reads or changes the user decides
//! (`token_is_valid` in `migrations/`), so no request succeeds after such a change is committed.
//!
//! `iat` is in whole seconds. A JWT counts as issued at the end of its second (`end_of_second`): a token of the second
//! in which the user was created or the password changed is valid, even one issued before the change. Opaque tokens are
//! compared by the microsecond. A login issues no token before the creation or the last password of its user, however
//! the clocks of instances and database differ.

pub mod link;
pub mod published_scopes;
pub mod scopes;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::base::error::{Error, codes};
use crate::tenancy::Tenant;

/// The claims of an access token (the subset of RFC 9068 that Auth0 uses).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// `https://HOST/`.
    pub iss: String,
    /// `CLIENT_ID@clients`, or a user's id.
    pub sub: String,
    /// The APIs that accept it.
    pub aud: Audience,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Expires at, seconds since 1970.
    pub exp: i64,
    /// Granted scopes, separated by spaces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The grant type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gty: String,
    /// The client that requested it.
    #[serde(default)]
    pub azp: String,
}

/// One audience or several.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// The usual case.
    One(String),
    /// An API and `/userinfo`.
    Several(Vec<String>),
}

impl Audience {
    pub(crate) fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(one) => test(one),
            Self::Several(all) => all.iter().any(|one| test(one)),
        }
    }
}

impl Claims {
    /// The claims of a request without a token. They contain no scope.
    pub(crate) fn anonymous() -> Self {
        Self {
            iss: String::new(),
            sub: String::new(),
            aud: Audience::Several(Vec::new()),
            iat: 0,
            exp: 0,
            scope: String::new(),
            gty: String::new(),
            azp: String::new(),
        }
    }

    /// The latest time at which the token can have been issued.
    pub(crate) fn issued_at(&self) -> OffsetDateTime {
        end_of_second(self.iat)
    }

    /// Whether the token has any of these scopes.
    pub fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| has_scope(&self.scope, scope))
    }

    /// Whether the token has all of these scopes.
    pub fn has_all(&self, scopes: &[&str]) -> bool {
        scopes.iter().all(|scope| has_scope(&self.scope, scope))
    }
}

/// The last microsecond of a second since 1970.
pub(crate) fn end_of_second(second: i64) -> OffsetDateTime {
    let start = OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    start.replace_microsecond(999_999).unwrap_or(start)
}

/// Whether a `scope`, a list separated by spaces, contains a scope.
pub(crate) fn has_scope(scope: &str, wanted: &str) -> bool {
    scope.split(' ').any(|scope| scope == wanted)
}

/// Cache of recently verified tokens. The key is the end of the token's signature, which differs between any
/// two tokens.
///
/// A hit requires the full token to be equal, so a forged token with the end of a verified one is verified
/// itself.
pub struct Tokens(Cache<[u8; 32], Arc<VerifiedToken>>);

struct VerifiedToken {
    text: Box<str>,
    tenant: Arc<str>,
    claims: Arc<Claims>,
}

/// Capacity of the token cache, in bytes.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

impl Default for Tokens {
    fn default() -> Self {
        // A token is counted twice for its claims: `scope` can be as long as the rest.
        let weight = |_: &[u8; 32], token: &Arc<VerifiedToken>| {
            u32::try_from(2 * token.text.len() + 512).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().weigher(weight).max_capacity(CACHE_BYTES);
        Self(cache.time_to_live(Duration::from_secs(300)).build())
    }
}

impl Tokens {
    /// The claims of a valid token for a tenant's Management API. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// 400 for a text that is not a JWT, 401 for a token that is not valid.
    pub fn verify(&self, tenant: &Tenant, token: &str, now: i64) -> Result<Arc<Claims>, Error> {
        self.verify_for(|audience| tenant.is_management(audience), tenant, token, now)
    }

    /// The claims of a valid token for a tenant's `/userinfo`.
    pub fn verify_for_userinfo(&self, tenant: &Tenant, token: &str, now: i64) -> Result<Arc<Claims>, Error> {
        self.verify_for(|audience| tenant.is_userinfo(audience), tenant, token, now)
    }

    fn verify_for(
        &self,
        is_audience: impl Fn(&str) -> bool,
        tenant: &Tenant,
        token: &str,
        now: i64,
    ) -> Result<Arc<Claims>, Error> {
        let claims = self.verify_cached(tenant, token, now)?;
        if claims.aud.any(is_audience) { Ok(claims) } else { Err(codes::INVALID_TOKEN.into()) }
    }

    /// The claims of a valid token of this tenant, for any audience.
    fn verify_cached(&self, tenant: &Tenant, token: &str, now: i64) -> Result<Arc<Claims>, Error> {
        // A shorter token has no complete signature, so the cache never contains it.
        let end = token.as_bytes().last_chunk::<32>().copied().unwrap_or_default();
        if let Some(cached) = self.0.get(&end)
            && *cached.text == *token
            && cached.tenant == tenant.id
        {
            let claims = &cached.claims;
            return if claims.exp > now { Ok(Arc::clone(claims)) } else { Err(codes::EXPIRED_TOKEN.into()) };
        }
        if !is_jwt(token) {
            return Err(codes::BAD_BEARER.into());
        }
        let claims = Arc::new(verify(tenant, token, now)?);
        let verified =
            VerifiedToken { text: token.into(), tenant: Arc::clone(&tenant.id), claims: Arc::clone(&claims) };
        self.0.insert(end, Arc::new(verified));
        Ok(claims)
    }
}

/// Tolerated clock difference between two machines, in seconds.
pub(crate) const LEEWAY: i64 = 5;

/// Validation of the signature alone. The callers validate the claims: by the request's clock, and with
/// Auth0's message for each violation.
pub(crate) fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    validation
}

fn verify(tenant: &Tenant, token: &str, now: i64) -> Result<Claims, Error> {
    #[derive(Deserialize)]
    struct AllClaims {
        #[serde(flatten)]
        claims: Claims,
        nbf: Option<i64>,
    }
    let invalid = || Error::from(codes::INVALID_TOKEN);
    let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
    if header.alg != Algorithm::RS256 {
        return Err(invalid());
    }
    let key = header.kid.as_deref().and_then(|kid| tenant.key(kid)).ok_or(codes::INVALID_SIGNATURE)?;
    let decoded = jsonwebtoken::decode(token, &key.decoding, &signature_only(Algorithm::RS256));
    let AllClaims { claims, nbf } = decoded
        .map_err(|e| match e.kind() {
            ErrorKind::InvalidSignature => Error::from(codes::INVALID_SIGNATURE),
            _ => invalid(),
        })?
        .claims;
    if claims.exp <= now {
        return Err(codes::EXPIRED_TOKEN.into());
    }
    let is_early = nbf.unwrap_or(claims.iat).max(claims.iat) > now + LEEWAY;
    if is_early || !tenant.is_issuer(&claims.iss) {
        return Err(invalid());
    }
    Ok(claims)
}

/// Whether a text has the form of a JWT: three parts in base64url. For any other text Auth0 reports a
/// malformed header.
pub fn is_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let part = |p: Option<&str>| p.is_some_and(|p| URL_SAFE_NO_PAD.decode(p).is_ok_and(|b| !b.is_empty()));
    // An unsigned token has an empty third part. It has the form of a JWT, but no valid signature.
    part(parts.next()) && part(parts.next()) && parts.next().is_some() && parts.next().is_none()
}
