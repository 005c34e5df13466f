//! The state that all requests share ([`App`]), and the state of one request ([`Context`]).

use std::sync::Arc;

use time::OffsetDateTime;

use crate::auth::{Claims, Tokens};
use crate::base::bodies::Bodies;
use crate::base::error::{Error, Result, codes};
use crate::base::ids::UserId;
use crate::base::liveness::Liveness;
use crate::base::load::Load;
use crate::base::passwords::Hasher;
use crate::base::rate_limits::Buckets;
use crate::base::unread::Unread;
use crate::base::vault::Vault;
use crate::db::Db;
use crate::journal::Author;
use crate::tenancy::{Tenancy, Tenant};

/// The state that all requests share.
pub struct App {
    pub db: Db,
    /// Seals and opens secrets.
    pub vault: Arc<Vault>,
    pub tenancy: Tenancy,
    pub tokens: Tokens,
    /// The rate limits' state.
    pub buckets: Buckets,
    pub hasher: Hasher,
    /// Limits the concurrent requests.
    pub load: Load,
    /// Limits the bodies of requests.
    pub bodies: Bodies,
    /// Limits the responses that clients do not read.
    pub unread: Unread,
    /// The threads and runtimes that run.
    pub liveness: Liveness,
    /// Whether a caller's address is taken from `X-Forwarded-For`. Only safe behind a proxy that sets it.
    pub trust_forwarded_for: bool,
}

impl App {
    /// Checks that the instance can still work.
    ///
    /// # Errors
    /// 503 for a state that only a restart cures. A database that cannot be reached is none.
    pub fn ensure_live(&self) -> Result<()> {
        match self.liveness.silent().or_else(|| self.db.stuck()) {
            None => Ok(()),
            Some(cause) => Err(Error { cause: Some(cause), ..codes::STUCK.into() }),
        }
    }
}

/// The tenant, caller and time of a request: the first argument of every service function.
pub struct Context {
    pub app: Arc<App>,
    /// The tenant of the request's host.
    pub tenant: Arc<Tenant>,
    /// The claims of the caller's token.
    pub claims: Arc<Claims>,
    /// The author of this request's changes.
    pub author: Author,
    /// The host of the request, with its port if it has one.
    pub host: String,
    /// Scheme and host of the request, for links to this server: `https://HOST`.
    pub origin: String,
    /// The time of the request.
    pub now: OffsetDateTime,
}

impl Context {
    pub fn db(&self) -> &Db {
        &self.app.db
    }

    /// The issuer of tokens at the request's host: `https://HOST/`.
    pub fn issuer(&self) -> String {
        format!("https://{}/", self.host)
    }

    /// The identifier of the Management API at the request's host.
    pub fn management_audience(&self) -> String {
        self.tenant.management_audience_at(&self.host)
    }

    /// Whether the token has a scope.
    pub fn has(&self, scope: &str) -> bool {
        self.claims.has_any(&[scope])
    }

    /// Access to a user by a token with any of these scopes, else by the user's own token: a `current_user` scope gives
    /// access to the token's subject only.
    ///
    /// The time of issue of the user's own token; `None` for any other token. The statement that reads or changes the
    /// user compares it, because the token ends with a block of the user, for example.
    pub fn own_token(&self, scopes: &[&str], user_id: &UserId) -> Result<Option<OffsetDateTime>> {
        if self.claims.has_any(scopes) {
            Ok(None)
        } else if self.claims.sub == user_id.as_str() {
            Ok(Some(self.claims.issued_at()))
        } else {
            Err(codes::NOT_OWN_SUBJECT.into())
        }
    }
}
