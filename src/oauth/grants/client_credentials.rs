//! Tokens for a client itself (RFC 6749, 4.4): `POST /oauth/token` with the grant type `client_credentials`.

use crate::auth::{Audience, Claims, scopes};
use crate::base::vault::Vault;
use crate::db::Db;
use crate::oauth::api::Api;
use crate::oauth::client_authentication::{ClientProof, authenticate_client};
use crate::oauth::{OAuthError, TokenResponse, store};
use crate::tenancy::Tenant;

/// The grant type of RFC 6749.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// A client's request for a token by client credentials (RFC 6749, 4.4).
#[derive(Debug, Default)]
pub struct ClientCredentials {
    /// Who asks.
    pub client_id: String,
    /// What shows that it is who it says.
    pub proof: ClientProof,
    /// The API the token is to be for; the tenant's default if not said.
    pub audience: Option<String>,
    /// Scopes to narrow the grant to; empty for all that is granted.
    pub scope: String,
}

/// Issues a token to a client that proves to be who it says, within what it was granted.
pub async fn client_credentials(
    db: &Db,
    vault: &Vault,
    tenant: &Tenant,
    host: &str,
    request: &ClientCredentials,
    now: i64,
) -> Result<TokenResponse, OAuthError> {
    let asked = request.audience.as_deref();
    let management = asked.is_some_and(|asked| tenant.is_management(asked));
    let audience = if management { Some(tenant.audience.as_str()) } else { asked };
    let client = store::client(db, &tenant.id, &request.client_id, audience)
        .await?
        .ok_or_else(OAuthError::unauthorized)?;
    if client.is_public() {
        return Err(OAuthError::unauthorized());
    }
    authenticate_client(db, vault, tenant, &request.client_id, &client, &request.proof, now).await?;
    super::ensure_grant_type(&client, CLIENT_CREDENTIALS)?;
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
    Ok(TokenResponse {
        access_token: api.sign(tenant, vault, &claims, &scope)?,
        id_token: None,
        scope: claims.scope,
        expires_in: api.token_lifetime,
        token_type: "Bearer",
    })
}
