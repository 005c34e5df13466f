//! Tokens for a client itself (RFC 6749, 4.4): the grant type `client_credentials`.

use super::TokenRequest;
use crate::app::Context;
use crate::auth::{Audience, Claims, scopes};
use crate::oauth::api::Api;
use crate::oauth::client_authentication::authenticate_client;
use crate::oauth::{OAuthError, TokenResponse};

/// The grant type of RFC 6749.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

const MISSING_GRANT: &str = "You need to create a \"client-grant\" associated to this API. See: https://auth0.com/docs/api/management/v2/client-grants/post-client-grants";

/// Issues a token to a client, with the scopes that its grant for the API and the request have in common.
pub(super) async fn issue(ctx: &Context, request: &TokenRequest<'_>) -> Result<TokenResponse, OAuthError> {
    let tenant = &ctx.tenant;
    let requested = request.parameters.optional("audience")?;
    let requested_scope = request.parameters.scope()?;
    let requested = requested.as_deref();
    let is_management = requested.is_some_and(|audience| tenant.is_management(audience));
    // Grants for the Management API name its identifier; a request can name it by any host of the tenant.
    let audience = if is_management { Some(tenant.audience.as_str()) } else { requested };
    let client = authenticate_client(ctx, &request.client, audience).await?;
    if client.is_public() {
        return Err(OAuthError::unauthorized());
    }
    request.ensure_grant_type(&client)?;
    let audience = client.audience.ok_or_else(|| OAuthError::missing("audience"))?;
    let is_management = audience == tenant.audience;
    let api = if is_management { Some(Api::management(tenant)) } else { client.api };
    let denied = |description: String| OAuthError::new(403, "access_denied", description);
    let api = api.ok_or_else(|| denied(format!("Service not enabled within domain: {audience}")))?;
    api.ensure_plain_tokens()?;
    let audience = match requested {
        Some(requested) => requested.to_owned(),
        None if is_management => ctx.management_audience(),
        None => audience,
    };
    let Some(grant) = client.grant.filter(|_| api.allows_clients) else {
        return Err(denied(format!("Client is not authorized to access \"{audience}\". {MISSING_GRANT}")));
    };
    if grant.requires_organization {
        let description = "The client grant requires an organization, and organizations are not supported.";
        return Err(denied(description.into()));
    }
    let granted: Vec<&str> = if grant.allow_all_scopes && is_management {
        scopes::ALL.to_vec()
    } else {
        grant.scope.iter().map(String::as_str).collect()
    };
    let filter: Vec<&str> = requested_scope.split_whitespace().collect();
    let scope: Vec<&str> =
        granted.into_iter().filter(|scope| filter.is_empty() || filter.contains(scope)).collect();
    let now = ctx.now.unix_timestamp();
    let claims = Claims {
        iss: ctx.issuer(),
        sub: format!("{}@clients", request.client.id),
        aud: Audience::One(audience),
        iat: now,
        exp: now + api.token_lifetime,
        scope: scope.join(" "),
        gty: "client-credentials".into(),
        azp: request.client.id.clone(),
    };
    Ok(TokenResponse {
        access_token: api.sign(ctx, &claims, &scope)?,
        id_token: None,
        scope: claims.scope,
        expires_in: api.token_lifetime,
        token_type: "Bearer",
    })
}
