//! Tokens for a person who tells a client their password (RFC 6749, 4.3): `POST /oauth/token` with the grant type
//! `password`, or Auth0's `password-realm`, which names the connection.
//!
//! Without an audience, and without a `default_audience` of the tenant, the access token is for `/userinfo` alone: 32
//! characters that say nothing, of which a digest is kept. For the Management API it is a JWT in the user's own name, with
//! those of the `current_user` scopes that were asked for. For another API it is what that API wants, with those of its
//! scopes that were asked for; where the API enforces policies, only with those the user has as permissions, and where it
//! takes a client grant, only with those of it. `scope` is answered as granted; `openid`, or nothing at all, asks for all
//! standard scopes, as recorded.
//!
//! Deviations and decisions:
//! - Without a realm people log in to the tenant's `default_directory`; if there is none, to the first connection, in the
//!   order they were made, that the client may use.
//! - ID tokens are signed with RS256, whatever the client's settings name; they live as long as these say.
//! - There are no refresh tokens: `offline_access` is not granted.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use time::Duration;

use super::ensure_grant_type;
use crate::app::Context;
use crate::auth::{Audience, Claims, scopes};
use crate::base::error::Error;
use crate::base::ids;
use crate::oauth::api::Api;
use crate::oauth::client_authentication::{ClientProof, authenticate_client};
use crate::oauth::{OAuthError, TokenResponse, store, userinfo};
use crate::resources::logins::{self, Credentials, Outcome, Token};
use crate::resources::users::model::User;
use crate::resources::{connections, permissions};
use crate::tenancy::Tenant;

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
    /// What shows that it is who it says.
    pub proof: ClientProof,
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
enum For {
    Userinfo,
    Management(String),
    Api(String, Api),
}

impl For {
    fn of(tenant: &Tenant, audience: Option<String>, stored: Option<Api>) -> Result<Self, OAuthError> {
        let refused = |description| Err(OAuthError::new(400, "invalid_request", description));
        match (audience, stored) {
            (None, _) => Ok(Self::Userinfo),
            (Some(audience), _) if tenant.is_userinfo(&audience) => Ok(Self::Userinfo),
            (Some(audience), _) if tenant.is_management(&audience) => Ok(Self::Management(audience)),
            (Some(_), None) => refused("invalid audience specified for password grant exchange"),
            (Some(_), Some(api)) if api.wants_more => {
                refused("The API wants tokens that are encrypted or bound to a key, which are not supported.")
            }
            (Some(audience), Some(api)) if !api.allows_people => Err(OAuthError::new(
                403,
                "access_denied",
                format!("Client is not authorized to access \"{audience}\" for a user."),
            )),
            (Some(audience), Some(api)) => Ok(Self::Api(audience, api)),
        }
    }
}

/// What of that which is asked for is granted: standard scopes, and those of the API.
fn grant<'a>(asked: &str, of_api: impl IntoIterator<Item = &'a str>) -> String {
    let asked: Vec<&str> = asked.split_whitespace().collect();
    if asked.is_empty() || asked == ["openid"] {
        return scopes::STANDARD.join(" ");
    }
    let all = scopes::STANDARD.iter().copied().chain(of_api);
    all.filter(|scope| asked.contains(scope)).collect::<Vec<_>>().join(" ")
}

/// Issues tokens to a client for a person who logs in with their password.
pub async fn password(
    ctx: &Context,
    host: &str,
    request: PasswordGrant,
) -> Result<TokenResponse, OAuthError> {
    let tenant = &*ctx.tenant;
    let client = store::client(ctx.db(), &tenant.id, &request.client_id, request.audience.as_deref())
        .await?
        .ok_or_else(OAuthError::unauthorized)?;
    let now = ctx.now.unix_timestamp();
    authenticate_client(ctx.db(), &ctx.app.vault, tenant, &request.client_id, &client, &request.proof, now)
        .await?;
    ensure_grant_type(&client, if request.realm.is_some() { PASSWORD_REALM } else { PASSWORD })?;
    let purpose = For::of(tenant, client.audience, client.api)?;
    let named = request.realm.as_deref().or(client.default_directory.as_deref());
    let connection = connections::for_client(ctx.db(), &tenant.id, &request.client_id, named)
        .await?
        .ok_or_else(|| no_connection(request.realm.as_deref()))?;

    let own: &[&str] = if matches!(purpose, For::Management(_)) { scopes::CURRENT_USER } else { &[] };
    let mut scope = grant(&request.scope, own.iter().copied());
    let opaque = ids::letters_and_digits(32);
    let kept = Token {
        digest: digest(&opaque),
        scope: scope.clone(),
        expires_at: ctx.now + Duration::seconds(LIFETIME),
    };
    let kept = matches!(purpose, For::Userinfo).then_some(&kept);
    let credentials = Credentials { identifier: request.username, password: request.password };
    let user = match logins::log_in(ctx, &connection, credentials, kept).await? {
        Outcome::LoggedIn(user) => user,
        Outcome::Wrong => return Err(OAuthError::new(403, "invalid_grant", "Wrong email or password.")),
        Outcome::Blocked => return Err(OAuthError::new(403, "unauthorized", "user is blocked")),
        Outcome::TooManyAttempts => return Err(OAuthError::new(429, "too_many_attempts", TOO_MANY_ATTEMPTS)),
    };

    let (access_token, expires_in) = match purpose {
        For::Userinfo => (opaque, LIFETIME),
        For::Management(audience) => {
            let lifetime = tenant.token_lifetime;
            let claims = claims(host, &user, &request.client_id, audience, &scope, (now, lifetime));
            (tenant.sign(&claims)?, lifetime)
        }
        For::Api(audience, api) => {
            let permitted = permissions::of_user(ctx, &user.user_id, &api.id).await?;
            let names = if api.enforce_policies { &permitted.of_user } else { &permitted.all };
            let most = |name: &&String| api.scope_for_people.as_ref().is_none_or(|most| most.contains(name));
            scope = self::grant(&request.scope, names.iter().filter(most).map(String::as_str));
            let lifetime = api.token_lifetime;
            let claims = claims(host, &user, &request.client_id, audience, &scope, (now, lifetime));
            let of_user: Vec<&str> = permitted.of_user.iter().map(String::as_str).collect();
            (api.sign(tenant, &ctx.app.vault, &claims, &of_user)?, lifetime)
        }
    };
    let lifetime = client.lifetime.and_then(|text| text.parse().ok()).unwrap_or(ID_TOKEN_LIFETIME);
    let id_token = is_openid(&scope)
        .then(|| id_token(tenant, host, &request.client_id, &user, &scope, now, lifetime))
        .transpose()?;
    Ok(TokenResponse { access_token, id_token, scope, expires_in, token_type: "Bearer" })
}

fn is_openid(scope: &str) -> bool {
    scope.split(' ').any(|scope| scope == "openid")
}

/// The claims of an access token in the user's own name; with `openid` it is for `/userinfo` too.
fn claims(
    host: &str,
    user: &User,
    client_id: &str,
    audience: String,
    scope: &str,
    (now, lifetime): (i64, i64),
) -> Claims {
    Claims {
        iss: format!("https://{host}/"),
        sub: user.user_id.clone(),
        aud: if is_openid(scope) {
            Audience::Several(vec![audience, format!("https://{host}/userinfo")])
        } else {
            Audience::One(audience)
        },
        iat: now,
        exp: now + lifetime,
        scope: scope.to_owned(),
        gty: PASSWORD.into(),
        azp: client_id.to_owned(),
    }
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
