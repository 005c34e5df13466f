//! Access tokens of callers: verification, claims and scopes. [`crate::oauth`] issues them.
//!
//! Access tokens for the Management API are JWTs, signed with RS256 by a key of the tenant. The algorithm is pinned: the
//! `alg` of a token is only compared.

pub mod link;
pub mod scopes;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::base::error::{Error, codes};
use crate::tenancy::Tenant;

/// What an access token says (RFC 9068's subset that Auth0 uses).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// `https://HOST/`.
    pub iss: String,
    /// `CLIENT_ID@clients`, or a user's id.
    pub sub: String,
    /// The API it is for.
    pub aud: Audience,
    /// Issued at, seconds since 1970.
    pub iat: i64,
    /// Expires at, seconds since 1970.
    pub exp: i64,
    /// Granted scopes, separated by spaces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The grant type it was issued by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gty: String,
    /// The client it was issued to.
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
    /// Of a request that came without a token: they allow nothing.
    pub(crate) fn nobodys() -> Self {
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

    /// Does the token have any of these scopes?
    pub fn has_any(&self, scopes: &[&str]) -> bool {
        self.scope.split(' ').any(|granted| scopes.contains(&granted))
    }

    /// Does the token have all of these scopes?
    pub fn has_all(&self, scopes: &[&str]) -> bool {
        scopes.iter().all(|scope| self.has_any(&[scope]))
    }
}

/// Tokens that were verified lately, by the end of their signature, which no two tokens have in common.
///
/// What is found is compared whole: a text that only ends like a token that was verified is not one.
pub struct Tokens(Cache<[u8; 32], Arc<Known>>);

/// A token that was verified, the tenant that it is of, and what it says.
struct Known(Box<str>, Arc<str>, Arc<Claims>);

impl Default for Tokens {
    fn default() -> Self {
        // Bytes: a scope may be as long as the rest of the token.
        let weight =
            |_: &[u8; 32], known: &Arc<Known>| u32::try_from(2 * known.0.len() + 512).unwrap_or(u32::MAX);
        let cache = Cache::builder().weigher(weight).max_capacity(32 * 1024 * 1024);
        Self(cache.time_to_live(Duration::from_secs(300)).build())
    }
}

impl Tokens {
    /// The claims of a token for a tenant's Management API, if it is to be believed now.
    pub fn verify(&self, tenant: &Tenant, token: &str, now: i64) -> Result<Arc<Claims>, Error> {
        self.verify_for(|audience| tenant.is_management(audience), tenant, token, now)
    }

    /// The same of a token for `/userinfo`.
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

    /// The claims of a token that this tenant issued, for whomever.
    fn verify_cached(&self, tenant: &Tenant, token: &str, now: i64) -> Result<Arc<Claims>, Error> {
        // A shorter one has no signature that could be right, so it is never known.
        let end = token.as_bytes().last_chunk::<32>().copied().unwrap_or_default();
        if let Some(known) = self.0.get(&end)
            && *known.0 == *token
            && known.1 == tenant.id
        {
            let claims = &known.2;
            return if claims.exp > now { Ok(Arc::clone(claims)) } else { Err(codes::EXPIRED_TOKEN.into()) };
        }
        if !is_jwt(token) {
            return Err(codes::BAD_BEARER.into());
        }
        let claims = Arc::new(verify(tenant, token, now)?);
        self.0.insert(end, Arc::new(Known(token.into(), Arc::clone(&tenant.id), Arc::clone(&claims))));
        Ok(claims)
    }
}

/// Clocks of two machines are never the same: a token may be this many seconds early.
pub(crate) const LEEWAY: i64 = 5;

fn verify(tenant: &Tenant, token: &str, now: i64) -> Result<Claims, Error> {
    #[derive(Deserialize)]
    struct Whole {
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
    let mut signature_only = Validation::new(Algorithm::RS256);
    // The claims are judged below, by the request's clock and with a meaning for each fault.
    (signature_only.validate_exp, signature_only.validate_aud) = (false, false);
    signature_only.required_spec_claims.clear();
    let whole = jsonwebtoken::decode::<Whole>(token, &key.decoding, &signature_only)
        .map_err(|e| match e.kind() {
            ErrorKind::InvalidSignature => Error::from(codes::INVALID_SIGNATURE),
            _ => invalid(),
        })?
        .claims;
    let claims = whole.claims;
    if claims.exp <= now {
        return Err(codes::EXPIRED_TOKEN.into());
    }
    let early = whole.nbf.unwrap_or(claims.iat).max(claims.iat) > now + LEEWAY;
    if early || !tenant.is_issuer(&claims.iss) {
        return Err(invalid());
    }
    Ok(claims)
}

/// Is this the form of a JWT: three parts of base64url? Of one that is not, Auth0 says that the header is malformed.
pub fn is_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let part = |p: Option<&str>| p.is_some_and(|p| URL_SAFE_NO_PAD.decode(p).is_ok_and(|b| !b.is_empty()));
    // The third part is empty in an unsigned token, which is a token all the same, only not one to be believed.
    part(parts.next()) && part(parts.next()) && parts.next().is_some() && parts.next().is_none()
}
