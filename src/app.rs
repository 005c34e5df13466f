//! What every request shares ([`App`]), and what a request knows of itself ([`Context`]).

use std::sync::Arc;

use time::OffsetDateTime;

use crate::auth::{Claims, Tokens};
use crate::base::error::{Result, codes};
use crate::base::load::Load;
use crate::base::passwords::Hasher;
use crate::base::rate_limits::Buckets;
use crate::base::vault::Vault;
use crate::db::Db;
use crate::journal::Author;
use crate::tenancy::{Tenancy, Tenant};

/// What every request shares.
pub struct App {
    /// The database.
    pub db: Db,
    /// Opens secrets.
    pub vault: Arc<Vault>,
    /// Finds tenants.
    pub tenancy: Tenancy,
    /// Tokens verified lately.
    pub tokens: Tokens,
    /// How many requests callers have left, where that is limited.
    pub buckets: Buckets,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Counts the requests in work.
    pub load: Load,
    /// The largest body that is read, in bytes.
    pub body_limit: usize,
    /// Is the address in `X-Forwarded-For` believed? Only behind a proxy that sets it.
    pub trust_forwarded_for: bool,
}

/// The first argument of every verb: on whose behalf, in which tenant, by which request.
pub struct Context {
    /// What every request shares.
    pub app: Arc<App>,
    /// The tenant the request's host names.
    pub tenant: Arc<Tenant>,
    /// What the caller's token says.
    pub claims: Arc<Claims>,
    /// Who makes the changes of this request.
    pub author: Author,
    /// The scheme and host of the request, for links back: `https://HOST`.
    pub origin: String,
    /// When the request came.
    pub now: OffsetDateTime,
}

impl Context {
    /// The database.
    pub fn db(&self) -> &Db {
        &self.app.db
    }

    /// Does the token have this scope?
    pub fn has(&self, scope: &str) -> bool {
        self.claims.has_any(&[scope])
    }

    /// A `current_user` scope reaches only the token's own subject.
    pub fn must_be(&self, subject: &str) -> Result<()> {
        if self.claims.sub == subject { Ok(()) } else { Err(codes::NOT_OWN_SUBJECT.into()) }
    }
}
