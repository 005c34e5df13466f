//! Tokens for a person who tells a client their password (RFC 6749, 4.3): `POST /oauth/token` with the grant type
//! `password`, or Auth0's `password-realm`, which names the connection.
//!
//! Without an audience the access token is for `/userinfo` alone: 32 characters that say nothing, of which a digest is
//! kept. For the Management API it is a JWT in the user's own name, with those of the `current_user` scopes that were
//! asked for. `scope` is answered as granted; `openid`, or nothing at all, asks for all standard scopes, as recorded.
//!
//! Deviations and decisions:
//! - Without a realm people log in to the first connection, in the order they were made, that the client may use.
//! - ID tokens are signed with RS256, whatever the client's settings name; they live as long as these say.
//! - There are no refresh tokens: `offline_access` is not granted.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use time::Duration;

use super::{Audience, Claims, OAuthError, TokenAnswer, may_use, prove, scopes, store};
use crate::app::Context;
use crate::error::Error;
use crate::logins::{self, Credentials, Outcome, Token};
use crate::tenancy::Tenant;
use crate::users::model::User;
use crate::{connections, ids, userinfo};

/// The grant type of RFC 6749.
pub const PASSWORD: &str = "password";
/// The grant type that names a connection.
pub const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// Seconds that an access token for `/userinfo` lives.
const LIFETIME: i64 = 86_400;
/// Seconds that an ID token lives if the client does not say.
const ID_TOKEN_LIFETIME: i64 = 36_000;

const TOO_MANY_ATTEMPTS: &str = "Your account has been blocked after multiple consecutive login attempts. An administrator can unblock it.";

/// A request for a token by a person's password.
pub struct PasswordGrant {
    /// Who asks.
    pub client_id: String,
    /// Its secret, if it has one.
    pub client_secret: Option<String>,
    /// The name of a connection; the grant type is [`PASSWORD_REALM`] if there is one.
    pub realm: Option<String>,
    /// An e-mail address, a username or a phone number.
    pub username: String,
    /// In the clear.
    pub password: String,
    /// The API the token is to be for.
    pub audience: Option<String>,
    /// What is asked for, separated by spaces.
    pub scope: String,
}

/// What an access token is for.
enum Api {
    Userinfo,
    Management(String),
}

impl Api {
    fn of(tenant: &Tenant, audience: Option<String>) -> Result<Self, OAuthError> {
        match audience {
            None => Ok(Self::Userinfo),
            Some(audience) if tenant.is_userinfo(&audience) => Ok(Self::Userinfo),
            Some(audience) if tenant.is_management(&audience) => Ok(Self::Management(audience)),
            Some(_) => Err(OAuthError::new(
                400,
                "invalid_request",
                "invalid audience specified for password grant exchange",
            )),
        }
    }

    /// What of that which is asked for is granted.
    fn grant(&self, asked: &str) -> String {
        let asked: Vec<&str> = asked.split_whitespace().collect();
        if asked.is_empty() || asked == ["openid"] {
            return scopes::STANDARD.join(" ");
        }
        let own: &[&str] = if matches!(self, Self::Management(_)) { scopes::CURRENT_USER } else { &[] };
        let all = scopes::STANDARD.iter().chain(own);
        all.copied().filter(|scope| asked.contains(scope)).collect::<Vec<_>>().join(" ")
    }
}

/// Issues tokens to a client for a person who logs in with their password.
pub async fn password(ctx: &Context, host: &str, grant: PasswordGrant) -> Result<TokenAnswer, OAuthError> {
    let tenant = &*ctx.tenant;
    let client = store::client(ctx.db(), &tenant.id, &grant.client_id, &tenant.audience)
        .await?
        .ok_or_else(OAuthError::unauthorized)?;
    prove(&ctx.app.vault, tenant, &grant.client_id, &client, grant.client_secret.as_deref())?;
    may_use(&client, if grant.realm.is_some() { PASSWORD_REALM } else { PASSWORD })?;
    let api = Api::of(tenant, grant.audience)?;
    let connection = connections::for_client(ctx.db(), &tenant.id, &grant.client_id, grant.realm.as_deref())
        .await?
        .ok_or_else(|| no_connection(grant.realm.as_deref()))?;

    let scope = api.grant(&grant.scope);
    let opaque = ids::letters_and_digits(32);
    let kept = Token {
        digest: digest(&opaque),
        scope: scope.clone(),
        expires_at: ctx.now + Duration::seconds(LIFETIME),
    };
    let kept = matches!(api, Api::Userinfo).then_some(&kept);
    let credentials = Credentials { identifier: grant.username, password: grant.password };
    let user = match logins::log_in(ctx, &connection, credentials, kept).await? {
        Outcome::LoggedIn(user) => user,
        Outcome::Wrong => return Err(OAuthError::new(403, "invalid_grant", "Wrong email or password.")),
        Outcome::Blocked => return Err(OAuthError::new(403, "unauthorized", "user is blocked")),
        Outcome::TooManyAttempts => return Err(OAuthError::new(429, "too_many_attempts", TOO_MANY_ATTEMPTS)),
    };

    let now = ctx.now.unix_timestamp();
    let openid = scope.split(' ').any(|scope| scope == "openid");
    let (access_token, expires_in) = match api {
        Api::Userinfo => (opaque, LIFETIME),
        Api::Management(audience) => {
            let userinfo = openid.then(|| format!("https://{host}/userinfo"));
            let token = tenant.sign(&Claims {
                iss: format!("https://{host}/"),
                sub: user.user_id.clone(),
                aud: match userinfo {
                    Some(userinfo) => Audience::Several(vec![audience, userinfo]),
                    None => Audience::One(audience),
                },
                iat: now,
                exp: now + tenant.token_lifetime,
                scope: scope.clone(),
                gty: PASSWORD.into(),
                azp: grant.client_id.clone(),
            })?;
            (token, tenant.token_lifetime)
        }
    };
    let lifetime = client.lifetime.and_then(|text| text.parse().ok()).unwrap_or(ID_TOKEN_LIFETIME);
    let id_token =
        openid.then(|| id_token(tenant, host, &grant.client_id, &user, &scope, now, lifetime)).transpose()?;
    Ok(TokenAnswer { access_token, id_token, scope, expires_in, token_type: "Bearer" })
}

/// What is kept of an access token.
pub(crate) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn id_token(
    tenant: &Tenant,
    host: &str,
    client_id: &str,
    user: &User,
    scope: &str,
    now: i64,
    lifetime: i64,
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
    tenant.sign(&IdToken {
        claims: userinfo::claims(user, scope)?,
        iss: format!("https://{host}/"),
        aud: client_id,
        iat: now,
        exp: now.saturating_add(lifetime),
    })
}

fn no_connection(realm: Option<&str>) -> OAuthError {
    match realm {
        None => OAuthError::new(
            403,
            "server_error",
            "Authorization server not configured with default connection.",
        ),
        Some(_) => OAuthError::new(
            400,
            "invalid_request",
            "The realm is not the name of a connection that is enabled for the client.",
        ),
    }
}
