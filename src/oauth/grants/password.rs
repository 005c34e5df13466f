//! Tokens for a user who gives a client their password (RFC 6749, 4.3): the grant type `password`, and
//! Auth0's `password-realm`, which names the connection.
//!
//! Access tokens by audience:
//! - none, and no `default_audience` of the tenant: an opaque token of 32 characters for `/userinfo`, stored
//!   as a digest;
//! - the Management API: a JWT for the user, with the requested `current_user` scopes;
//! - another API: a token in that API's form, with its requested scopes. An API that enforces policies grants
//!   only the user's permissions; an API that requires a client grant grants only the scopes of that grant.
//!
//! `scope` in the response names the granted scopes. `openid` alone, or no scope, requests all standard
//! scopes, as recorded from Auth0.
//!
//! Deviations and decisions:
//! - Without a realm the connection is the tenant's `default_directory`, or else the oldest connection that
//!   the client may use.
//! - ID tokens are signed with RS256 whatever the client's settings name. Their lifetime is that of the
//!   settings.
//! - Refresh tokens are not issued: `offline_access` is not granted.

use serde::Serialize;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::TokenRequest;
use crate::app::Context;
use crate::auth::{Audience, Claims, has_scope, scopes};
use crate::base::error::Error;
use crate::base::ids;
use crate::oauth::api::Api;
use crate::oauth::client_authentication::authenticate_client;
use crate::oauth::{OAuthError, TokenResponse, opaque_token_digest, userinfo};
use crate::resources::logins::{self, Credentials, Outcome, Token};
use crate::resources::users::model::User;
use crate::resources::{connections, permissions};
use crate::tenancy::Tenant;

/// The grant type of RFC 6749.
pub const PASSWORD: &str = "password";
/// The grant type that names a connection.
pub const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// Lifetime of an opaque access token, in seconds.
const OPAQUE_TOKEN_LIFETIME: i64 = 86_400;
const OPAQUE_TOKEN_LENGTH: usize = 32;
/// Lifetime of an ID token without one in the client's settings, in seconds.
const ID_TOKEN_LIFETIME: i64 = 36_000;

const TOO_MANY_ATTEMPTS: &str = "Your account has been blocked after multiple consecutive login attempts. An administrator can unblock it.";

/// The target of an access token.
enum Target {
    Userinfo,
    Management(String),
    Api(String, Api),
}

impl Target {
    fn of(tenant: &Tenant, audience: Option<String>, api: Option<Api>) -> Result<Self, OAuthError> {
        let Some(audience) = audience else { return Ok(Self::Userinfo) };
        if tenant.is_userinfo(&audience) {
            return Ok(Self::Userinfo);
        }
        if tenant.is_management(&audience) {
            return Ok(Self::Management(audience));
        }
        let unknown =
            || OAuthError::invalid_request("invalid audience specified for password grant exchange");
        let api = api.ok_or_else(unknown)?;
        api.ensure_plain_tokens()?;
        if !api.allows_users {
            let description = format!("Client is not authorized to access \"{audience}\" for a user.");
            return Err(OAuthError::new(403, "access_denied", description));
        }
        Ok(Self::Api(audience, api))
    }
}

/// The granted scopes: those requested of the standard scopes and of the API's scopes.
fn granted_scope<'a>(requested: &str, api_scopes: impl IntoIterator<Item = &'a str>) -> String {
    let requested: Vec<&str> = requested.split_whitespace().collect();
    if requested.is_empty() || requested == ["openid"] {
        return scopes::STANDARD.join(" ");
    }
    let supported = scopes::STANDARD.iter().copied().chain(api_scopes);
    supported.filter(|scope| requested.contains(scope)).collect::<Vec<_>>().join(" ")
}

/// Issues tokens to a client for the user who logs in.
pub(super) async fn issue(ctx: &Context, request: &TokenRequest<'_>) -> Result<TokenResponse, OAuthError> {
    let (tenant, client_id, parameters) = (&*ctx.tenant, request.client.id.as_str(), &request.parameters);
    let is_realm_required = request.grant_type.name == PASSWORD_REALM;
    let realm = is_realm_required.then(|| parameters.required("realm")).transpose()?;
    let credentials = Credentials {
        identifier: parameters.required("username")?,
        password: parameters.required("password")?,
    };
    let audience = parameters.optional("audience")?;
    let requested_scope = parameters.scope()?;
    let client = authenticate_client(ctx, &request.client, audience.as_deref()).await?;
    request.ensure_grant_type(&client)?;
    let target = match Target::of(tenant, client.audience, client.api)? {
        // The tenant's default.
        Target::Management(_) if audience.is_none() => Target::Management(ctx.management_audience()),
        target => target,
    };
    let name = realm.as_deref().or(client.default_directory.as_deref());
    let connection = connections::for_client(ctx.db(), &tenant.id, client_id, name)
        .await?
        .ok_or_else(|| no_connection(realm.as_deref()))?;

    let own_scopes = if matches!(target, Target::Management(_)) { scopes::CURRENT_USER } else { &[] };
    let mut scope = granted_scope(&requested_scope, own_scopes.iter().copied());
    let opaque = ids::letters_and_digits(OPAQUE_TOKEN_LENGTH);
    let stored = matches!(target, Target::Userinfo).then(|| Token {
        digest: opaque_token_digest(&opaque),
        scope: scope.clone(),
        expires_at: ctx.now + Duration::seconds(OPAQUE_TOKEN_LIFETIME),
    });
    let login = logins::log_in(ctx, &connection, credentials, stored.as_ref()).await?;
    let (user, issued_at) = match login {
        Outcome::LoggedIn(user, valid_from) => (user, ctx.now.max(valid_from)),
        Outcome::Wrong => return Err(OAuthError::new(403, "invalid_grant", "Wrong email or password.")),
        Outcome::Blocked => return Err(OAuthError::new(403, "unauthorized", "user is blocked")),
        Outcome::TooManyAttempts => return Err(OAuthError::new(429, "too_many_attempts", TOO_MANY_ATTEMPTS)),
    };

    let (access_token, expires_in) = match target {
        Target::Userinfo => (opaque, OPAQUE_TOKEN_LIFETIME),
        Target::Management(audience) => {
            let lifetime = tenant.token_lifetime;
            let claims = access_token_claims(ctx, client_id, &user, audience, &scope, (issued_at, lifetime));
            (tenant.sign(&claims)?, lifetime)
        }
        Target::Api(audience, api) => {
            let permitted = permissions::of_user(ctx, &user.user_id, &api.id).await?;
            let api_scopes = if api.enforce_policies { &permitted.of_user } else { &permitted.all };
            let is_in_limit =
                |scope: &&String| api.user_scope_limit.as_ref().is_none_or(|limit| limit.contains(scope));
            let api_scopes = api_scopes.iter().filter(is_in_limit).map(String::as_str);
            scope = granted_scope(&requested_scope, api_scopes);
            let times = (issued_at, api.token_lifetime);
            let claims = access_token_claims(ctx, client_id, &user, audience, &scope, times);
            let permissions: Vec<&str> = permitted.of_user.iter().map(String::as_str).collect();
            (api.sign(ctx, &claims, &permissions)?, api.token_lifetime)
        }
    };
    let lifetime = client.id_token_lifetime.and_then(|text| text.parse().ok()).unwrap_or(ID_TOKEN_LIFETIME);
    let id_token =
        has_scope(&scope, "openid").then(|| id_token(ctx, client_id, &user, &scope, (issued_at, lifetime)));
    let id_token = id_token.transpose()?;
    Ok(TokenResponse { access_token, id_token, scope, expires_in, token_type: "Bearer" })
}

/// The claims of an access token for a user; one with `openid` is for `/userinfo` too.
fn access_token_claims(
    ctx: &Context,
    client_id: &str,
    user: &User,
    audience: String,
    scope: &str,
    (issued_at, lifetime): (OffsetDateTime, i64),
) -> Claims {
    let iat = issued_at.unix_timestamp();
    let audience = if has_scope(scope, "openid") {
        Audience::Several(vec![audience, format!("{}userinfo", ctx.issuer())])
    } else {
        Audience::One(audience)
    };
    Claims {
        iss: ctx.issuer(),
        sub: user.user_id.clone(),
        aud: audience,
        iat,
        exp: iat + lifetime,
        scope: scope.to_owned(),
        gty: PASSWORD.into(),
        azp: client_id.to_owned(),
    }
}

fn id_token(
    ctx: &Context,
    client_id: &str,
    user: &User,
    scope: &str,
    (issued_at, lifetime): (OffsetDateTime, i64),
) -> Result<String, Error> {
    #[derive(Serialize)]
    struct IdToken<'a> {
        #[serde(flatten)]
        claims: Map<String, Value>,
        iss: String,
        aud: &'a str,
        iat: i64,
        exp: i64,
    }
    let iat = issued_at.unix_timestamp();
    ctx.tenant.sign(&IdToken {
        claims: userinfo::claims(user, scope)?,
        iss: ctx.issuer(),
        aud: client_id,
        iat,
        exp: iat.saturating_add(lifetime),
    })
}

fn no_connection(realm: Option<&str>) -> OAuthError {
    match realm {
        None => OAuthError::new(
            403,
            "server_error",
            "Authorization server not configured with default connection.",
        ),
        Some(_) => OAuthError::invalid_request(
            "The realm is not the name of a connection that is enabled for the client.",
        ),
    }
}
