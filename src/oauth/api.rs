//! The API a token is for: how long a token for it lives, what it looks like and how it is signed.
//!
//! A token is signed with the algorithm of its API, HS256 with the API's own secret. The dialect `rfc9068_profile` (RFC
//! 9068) has `typ` `at+jwt`, `client_id` and `jti` where Auth0's own has `azp` and `gty`; the dialects that end in
//! `_authz` tell the `permissions` if the API enforces policies
//! (<https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles>).
//!
//! RS512 and PS256 are made with the same key as RS256, which is what `/.well-known/jwks.json` says of it: a verifier that
//! insists on that word has to be told the algorithm.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::auth::Claims;
use crate::base::error::{Error, Result};
use crate::base::vault::{Location, Vault};
use crate::tenancy::Tenant;
use crate::tenancy::keys;

/// An API as the token endpoint sees it.
#[derive(Debug, Default)]
pub(crate) struct Api {
    pub id: String,
    pub signing_alg: String,
    /// Sealed.
    pub signing_secret: Option<Vec<u8>>,
    /// Seconds.
    pub token_lifetime: i64,
    pub token_dialect: Option<String>,
    pub enforce_policies: bool,
    /// May clients have tokens of their own at all?
    pub allows_clients: bool,
    /// May this client have tokens for people?
    pub allows_people: bool,
    /// The scopes they can have at most, if it takes a grant to have any.
    pub scope_for_people: Option<Vec<String>>,
    /// Does it want its tokens encrypted or bound to a key of the client's? There is no such token here.
    pub wants_more: bool,
}

impl Api {
    /// The Management API of a tenant.
    pub(crate) fn management(tenant: &Tenant) -> Self {
        Self { token_lifetime: tenant.token_lifetime, allows_clients: true, ..Self::default() }
    }

    /// A token for this API. `permissions` are what its subject may do there, which some dialects tell beside the scope.
    pub(crate) fn sign(
        &self,
        tenant: &Tenant,
        vault: &Vault,
        claims: &Claims,
        permissions: &[&str],
    ) -> Result<String> {
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
        self.sign_claims(tenant, vault, typ, &claims)
    }

    fn sign_claims(
        &self,
        tenant: &Tenant,
        vault: &Vault,
        typ: &'static str,
        claims: &Map<String, Value>,
    ) -> Result<String> {
        match (self.signing_alg.as_str(), &self.signing_secret) {
            ("HS256", Some(sealed)) => {
                let secret = vault.open(&Location::ResourceServers.row(&tenant.id, &self.id), sealed)?;
                keys::sign_with_secret(&secret, typ, claims)
            }
            ("HS256", None) => Err(Error::internal(format!("API {} has no signing secret", self.id))),
            (algorithm, _) => tenant.signing_key()?.sign_as(algorithm, typ, claims),
        }
    }
}
