//! The API of an access token: lifetime, dialect and signature.
//!
//! A token is signed with its API's algorithm; HS256 uses the API's own secret. The dialects `rfc9068_profile*` (RFC
//! 9068) have `typ` `at+jwt`, `client_id` and `jti` where Auth0's own dialects have `azp` and `gty`. The dialects that
//! end in `_authz` add `permissions` if the API enforces policies
//! (<https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles>).
//!
//! RS512 and PS256 use the same key as RS256. `/.well-known/jwks.json` names RS256 for it, so a verifier that compares
//! the algorithm with the key's has to be configured with the API's algorithm.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::OAuthError;
use crate::app::Context;
use crate::auth::Claims;
use crate::base::error::{Error, Result};
use crate::base::vault::Location;
use crate::tenancy::Tenant;
use crate::tenancy::keys;

/// An API, with the client's access to it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Api {
    pub id: String,
    pub signing_alg: String,
    /// Sealed; for HS256 only.
    #[serde(skip)]
    pub signing_secret: Option<Vec<u8>>,
    /// Seconds.
    pub token_lifetime: i64,
    pub token_dialect: Option<String>,
    pub enforce_policies: bool,
    /// Whether the API's policy allows tokens for clients themselves.
    pub allows_clients: bool,
    /// Whether the API's policy and the client's grant allow tokens for users.
    pub allows_users: bool,
    /// The scopes of the client's grant for users, if the API's policy requires a grant.
    pub user_scope_limit: Option<Vec<String>>,
    /// Whether the API requires tokens that are encrypted or bound to a key of the client. Roster issues neither.
    pub requires_protected_tokens: bool,
}

impl Api {
    /// The Management API of a tenant.
    pub(crate) fn management(tenant: &Tenant) -> Self {
        Self { token_lifetime: tenant.token_lifetime, allows_clients: true, ..Self::default() }
    }

    /// Rejects an API that requires encrypted or bound tokens.
    pub(super) fn ensure_plain_tokens(&self) -> std::result::Result<(), OAuthError> {
        if self.requires_protected_tokens {
            return Err(OAuthError::invalid_request(
                "The API requires tokens that are encrypted or bound to a key, which are not supported.",
            ));
        }
        Ok(())
    }

    /// Signs a token for this API. `permissions` are those of its subject; some dialects contain them.
    pub(crate) fn sign(&self, ctx: &Context, claims: &Claims, permissions: &[&str]) -> Result<String> {
        let dialect = self.token_dialect.as_deref().unwrap_or("access_token");
        let mut typ = "JWT";
        let Value::Object(mut claims) = serde_json::to_value(claims).map_err(Error::internal)? else {
            return Err(Error::internal("claims that are not an object"));
        };
        if dialect.starts_with("rfc9068") {
            typ = "at+jwt";
            let client_id = claims.remove("azp").unwrap_or_default();
            claims.remove("gty");
            claims.extend([
                ("client_id".to_owned(), client_id),
                ("jti".to_owned(), json!(Uuid::now_v7().to_string())),
            ]);
        }
        if dialect.ends_with("_authz") && self.enforce_policies {
            claims.insert("permissions".into(), json!(permissions));
        }
        self.sign_claims(ctx, typ, &claims)
    }

    fn sign_claims(&self, ctx: &Context, typ: &'static str, claims: &Map<String, Value>) -> Result<String> {
        let tenant = &ctx.tenant;
        match (self.signing_alg.as_str(), &self.signing_secret) {
            ("HS256", Some(sealed)) => {
                let location = Location::ResourceServers.row(&tenant.id, &self.id);
                let secret = ctx.app.vault.open(&location, sealed)?;
                keys::sign_with_secret(&secret, typ, claims)
            }
            ("HS256", None) => Err(Error::internal(format!("API {} has no signing secret", self.id))),
            (algorithm, _) => tenant.signing_key()?.sign_as(algorithm, typ, claims),
        }
    }
}
