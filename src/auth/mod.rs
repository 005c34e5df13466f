//! Tokens: who gets one, what it says, and whether a request's token is to be believed.
//!
//! Endpoints: `POST /oauth/token` (client credentials; a person's password, see [`password`]),
//! `/.well-known/jwks.json`, `/.well-known/openid-configuration`. Access tokens for an API are JWTs, those for the
//! Management API signed with RS256 by a key of the tenant; the algorithm is pinned, a token's own word for it is only
//! compared. What tokens for other APIs look like is told by [`api`].
//!
//! Deviations and decisions:
//! - The issuer is `https://HOST/` and the Management API's audience `https://HOST/api/v2/` for any host of the tenant,
//!   with or without a port: an SDK pointed at a host asks for exactly that.
//! - A client shows its secret or, if its `client_authentication_methods` say so, an [`assertion`]: then no secret
//!   counts any more. Mutual TLS is not there, so a client that is set to it gets no token.
//! - A `scope` in a client credentials request narrows the grant (RFC 6749, 3.3); it cannot widen it.
//! - `organization` is refused unless null or empty: no token is for an organization, and one that silently lacks the
//!   restriction would be a lie.

pub mod api;
pub mod assertion;
pub mod keys;
pub mod link;
pub mod password;
pub mod routes;
pub mod scopes;
pub(crate) mod store;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use self::api::Api;
use crate::db::Db;
use crate::error::{Error, codes};
use crate::tenancy::Tenant;
use crate::vault::Vault;

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
    fn any(&self, test: impl Fn(&str) -> bool) -> bool {
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
        let claims = self.believe(tenant, token, now)?;
        if claims.aud.any(is_audience) { Ok(claims) } else { Err(codes::INVALID_TOKEN.into()) }
    }

    /// The claims of a token that this tenant issued, for whomever.
    fn believe(&self, tenant: &Tenant, token: &str, now: i64) -> Result<Arc<Claims>, Error> {
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
const LEEWAY: i64 = 5;

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

/// A refusal of the token endpoint, in the shape of RFC 6749, 5.2.
#[derive(Debug)]
pub struct OAuthError {
    /// HTTP status.
    pub status: u16,
    /// The code of the RFC, or Auth0's.
    pub error: &'static str,
    /// What happened, for a developer.
    pub description: String,
    /// What the log reads.
    pub cause: Option<String>,
}

impl OAuthError {
    fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), cause: None }
    }

    fn missing(parameter: &str) -> Self {
        Self::new(400, "invalid_request", format!("Missing required parameter: {parameter}"))
    }

    fn unauthorized() -> Self {
        Self::new(401, "access_denied", "Unauthorized")
    }
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        let code = match error.meaning.status {
            429 => "too_many_requests",
            503 => "temporarily_unavailable",
            500.. => "server_error",
            _ => "invalid_request",
        };
        Self {
            status: error.meaning.status,
            error: code,
            description: error.message.into_owned(),
            cause: error.cause,
        }
    }
}

/// What a client shows to be who it says.
#[derive(Debug, Default)]
pub enum Proof {
    /// Nothing: it can keep no secret.
    #[default]
    Nothing,
    /// Its secret.
    Secret(String),
    /// A JWT that it signed.
    Assertion(String),
}

/// A client's request for a token by client credentials (RFC 6749, 4.4).
#[derive(Debug, Default)]
pub struct ClientCredentials {
    /// Who asks.
    pub client_id: String,
    /// What shows that it is who it says.
    pub proof: Proof,
    /// The API the token is to be for; the tenant's default if not said.
    pub audience: Option<String>,
    /// Scopes to narrow the grant to; empty for all that is granted.
    pub scope: String,
}

/// A token and what comes with it.
#[derive(Debug, Serialize)]
pub struct TokenAnswer {
    /// The token.
    pub access_token: String,
    /// Who logged in, for the client; only with the scope `openid` (OIDC Core 1.0, 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Granted scopes, left out when there are none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Seconds.
    pub expires_in: i64,
    /// `Bearer`.
    pub token_type: &'static str,
}

/// Issues a token to a client that proves to be who it says, within what it was granted.
pub async fn client_credentials(
    db: &Db,
    vault: &Vault,
    tenant: &Tenant,
    host: &str,
    request: &ClientCredentials,
    now: i64,
) -> Result<TokenAnswer, OAuthError> {
    let asked = request.audience.as_deref();
    let management = asked.is_some_and(|asked| tenant.is_management(asked));
    let audience = if management { Some(tenant.audience.as_str()) } else { asked };
    let client = store::client(db, &tenant.id, &request.client_id, audience)
        .await?
        .ok_or_else(OAuthError::unauthorized)?;
    if client.is_public() {
        return Err(OAuthError::unauthorized());
    }
    prove(db, vault, tenant, &request.client_id, &client, &request.proof, now).await?;
    may_use(&client, "client_credentials")?;
    let audience = client.audience.ok_or_else(|| OAuthError::missing("audience"))?;
    let management = audience == tenant.audience;
    let api = if management { Some(Api::management(tenant)) } else { client.api };
    let api = api.ok_or_else(|| {
        OAuthError::new(403, "access_denied", format!("Service not enabled within domain: {audience}"))
    })?;
    if api.wants_more {
        let description =
            "The API wants tokens that are encrypted or bound to a key, which are not supported.";
        return Err(OAuthError::new(400, "invalid_request", description));
    }
    let asked = asked.unwrap_or(&audience);
    let Some(grant) = client.grant.filter(|_| api.allows_clients) else {
        return Err(OAuthError::new(
            403,
            "access_denied",
            format!(
                "Client is not authorized to access \"{asked}\". You need to create a \"client-grant\" associated to this API. See: https://auth0.com/docs/api/management/v2/client-grants/post-client-grants"
            ),
        ));
    };
    if grant.requires_organization {
        let description = "The client grant requires an organization, and organizations are not supported.";
        return Err(OAuthError::new(403, "access_denied", description));
    }
    let granted: Vec<&str> = if grant.allow_all_scopes && management {
        scopes::ALL.to_vec()
    } else {
        grant.scope.iter().map(String::as_str).collect()
    };
    let wanted: Vec<&str> = request.scope.split_whitespace().collect();
    let scope: Vec<&str> = granted.into_iter().filter(|s| wanted.is_empty() || wanted.contains(s)).collect();
    let claims = Claims {
        iss: format!("https://{host}/"),
        sub: format!("{}@clients", request.client_id),
        aud: Audience::One(asked.to_owned()),
        iat: now,
        exp: now + api.token_lifetime,
        scope: scope.join(" "),
        gty: "client-credentials".into(),
        azp: request.client_id.clone(),
    };
    Ok(TokenAnswer {
        access_token: api.sign(tenant, vault, &claims, &scope)?,
        id_token: None,
        scope: claims.scope,
        expires_in: api.token_lifetime,
        token_type: "Bearer",
    })
}

/// Is the client who it says? One that can keep no secret need not show one.
async fn prove(
    db: &Db,
    vault: &Vault,
    tenant: &Tenant,
    client_id: &str,
    client: &store::Client,
    proof: &Proof,
    now: i64,
) -> Result<(), OAuthError> {
    let shown = match proof {
        Proof::Assertion(text) => {
            return assertion::verify(db, tenant, client_id, &client.keys, text, now).await;
        }
        _ if client.has_methods => return Err(OAuthError::unauthorized()),
        _ if client.is_public() => return Ok(()),
        Proof::Secret(shown) => shown,
        Proof::Nothing => return Err(OAuthError::unauthorized()),
    };
    let sealed = client.secret.as_ref().ok_or_else(OAuthError::unauthorized)?;
    let secret = vault.open(&[&tenant.id, "clients", client_id], sealed)?;
    if bool::from(secret.ct_eq(shown.as_bytes())) { Ok(()) } else { Err(OAuthError::unauthorized()) }
}

fn may_use(client: &store::Client, grant_type: &str) -> Result<(), OAuthError> {
    if client.grant_types.iter().any(|g| g == grant_type) {
        return Ok(());
    }
    Err(OAuthError::new(
        403,
        "unauthorized_client",
        format!("Grant type '{grant_type}' not allowed for the client."),
    ))
}

/// A token for a tenant's Management API that no client asked for: for operators with access to the database.
pub fn mint(tenant: &Tenant, actor: &str, scope: &[&str], lifetime: i64, now: i64) -> Result<String, Error> {
    let domain = tenant.hosts.first().map_or("", String::as_str);
    tenant.sign(&Claims {
        iss: format!("https://{domain}/"),
        sub: format!("{actor}@clients"),
        aud: Audience::One(tenant.audience.clone()),
        iat: now,
        exp: now + lifetime,
        scope: scope.join(" "),
        gty: "client-credentials".into(),
        azp: actor.into(),
    })
}

/// Is this the form of a JWT: three parts of base64url? Of one that is not, Auth0 says that the header is malformed.
pub fn is_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let part = |p: Option<&str>| p.is_some_and(|p| URL_SAFE_NO_PAD.decode(p).is_ok_and(|b| !b.is_empty()));
    // The third part is empty in an unsigned token, which is a token all the same, only not one to be believed.
    part(parts.next()) && part(parts.next()) && parts.next().is_some() && parts.next().is_none()
}
