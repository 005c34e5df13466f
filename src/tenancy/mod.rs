//! Tenants, and the tenant of a request. [`crate::tenant_files`] creates tenants from files.
//!
//! A tenant is an independent identity store with its own hosts, signing keys, connections, clients and
//! users. The `Host` header of a request selects the tenant. Only a bounded cache holds tenants in memory, so
//! the number of tenants is limited by the database alone.

pub mod keys;
pub mod origins;
pub mod settings;
pub(crate) mod store;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use serde::Serialize;

use self::keys::{Jwk, SigningKey};
use self::origins::Origins;
pub use self::settings::Settings;
use self::settings::{Compat, Limits, Search};
pub use self::store::Listed;
use crate::base::error::{Error, codes};
use crate::base::rate_limits::RateLimits;
use crate::base::vault::Vault;
use crate::db::Db;

/// A tenant, as a request uses it.
#[derive(Debug)]
pub struct Tenant {
    /// The id, which is the name.
    pub id: Arc<str>,
    /// The hosts, in lower case and without ports.
    pub hosts: Vec<String>,
    /// Whether loopback hosts select it, too.
    pub loopback: bool,
    /// The identifier of the Management API.
    pub audience: String,
    /// Lifetime of Management API tokens, in seconds.
    pub token_lifetime: i64,
    pub limits: Limits,
    pub compat: Compat,
    pub rate_limits: RateLimits,
    pub search: Search,
    /// The newest key first.
    keys: Vec<SigningKey>,
}

impl Tenant {
    /// The signing key with an id.
    pub fn key(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.jwk.kid == kid)
    }

    /// The public keys, the newest first.
    pub fn jwks(&self) -> Vec<&Jwk> {
        self.keys.iter().map(|key| &key.jwk).collect()
    }

    /// Signs a JWT with the newest key.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        self.signing_key()?.sign(claims)
    }

    /// The newest signing key.
    pub fn signing_key(&self) -> Result<&SigningKey, Error> {
        self.keys.first().ok_or_else(|| Error::internal(format!("tenant {} has no signing key", self.id)))
    }

    /// Whether an audience is the Management API: its identifier, or `/api/v2/` at any host of the tenant
    /// with any port.
    pub fn is_management(&self, audience: &str) -> bool {
        audience == self.audience || self.is_at_own_host(audience, "/api/v2/")
    }

    /// The identifier of the Management API for callers of a host: `/api/v2/` at that host, which tools derive
    /// from it. An identifier at none of the tenant's hosts was chosen by the operator and is the only one.
    pub fn management_audience_at(&self, host: &str) -> String {
        let at_host = format!("https://{host}/api/v2/");
        let is_chosen = !self.is_at_own_host(&self.audience, "/api/v2/");
        if is_chosen || !self.is_management(&at_host) { self.audience.clone() } else { at_host }
    }

    /// Whether an identifier is the API for users' own accounts, at a host of the tenant.
    pub fn is_my_account(&self, identifier: &str) -> bool {
        self.is_at_own_host(identifier, "/me/")
    }

    /// Whether an audience is `/userinfo` at a host of the tenant.
    pub fn is_userinfo(&self, audience: &str) -> bool {
        self.is_at_own_host(audience, "/userinfo")
    }

    /// Whether a URL is the token endpoint at a host of the tenant.
    pub fn is_token_endpoint(&self, url: &str) -> bool {
        self.is_at_own_host(url, "/oauth/token")
    }

    /// Whether an issuer is a host of the tenant.
    pub fn is_issuer(&self, issuer: &str) -> bool {
        self.is_at_own_host(issuer, "/")
    }

    fn is_at_own_host(&self, url: &str, path: &str) -> bool {
        let authority = url.strip_prefix("https://").and_then(|rest| rest.strip_suffix(path));
        authority
            .and_then(host_of)
            .is_some_and(|host| self.hosts.contains(&host) || (self.loopback && is_loopback(&host)))
    }
}

/// The host of an authority (`HOST` or `HOST:PORT`) in lower case, without the port; `None` for an invalid
/// authority.
pub fn host_of(authority: &str) -> Option<String> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_valid = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    let is_port_valid = port.is_none_or(|p| p.parse::<u16>().is_ok());
    (is_port_valid && !host.is_empty() && host.len() <= 255 && host.chars().all(is_valid))
        .then(|| host.to_ascii_lowercase())
}

/// Whether a host is a loopback host.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether an authority leads to this machine: loopback hosts, and `*.localhost` in browsers (RFC 6761, 6.3).
pub fn is_of_this_machine(authority: &str) -> bool {
    host_of(authority).is_some_and(|host| stays_on_this_machine(&host))
}

/// The same for a host from [`host_of`].
pub fn stays_on_this_machine(host: &str) -> bool {
    is_loopback(host) || host.ends_with(".localhost")
}

/// The number of different origins of a tenant that CORS considers.
const MAX_ORIGINS: usize = 10_000;

/// The number of cached origins of all tenants.
const MAX_CACHED_ORIGINS: u64 = 1_000_000;

/// Finds the tenants of hosts, and caches them.
pub struct Tenancy {
    by_host: Cache<String, Option<Arc<Tenant>>>,
    /// The origins of a tenant's clients, for those tenants that web pages call.
    origins: Cache<Arc<str>, Arc<Origins>>,
    /// The tenant of loopback hosts: only in `roster dev` and with `serve --loopback-tenant`.
    loopback: Option<String>,
}

impl Tenancy {
    /// A cache of at most `size` hosts. A change of a tenant takes effect on every instance within
    /// `time_to_live`.
    pub fn new(size: u64, time_to_live: Duration, loopback: Option<String>) -> Self {
        let by_host = Cache::builder().max_capacity(size).time_to_live(time_to_live).build();
        let origins = Cache::builder()
            .max_capacity(MAX_CACHED_ORIGINS)
            .weigher(|_, origins: &Arc<Origins>| u32::try_from(origins.len() + 1).unwrap_or(u32::MAX))
            .time_to_live(time_to_live)
            .build();
        Self { by_host, origins, loopback }
    }

    /// The origins that the clients of a tenant list, at most `MAX_ORIGINS`. Requests that miss the cache at the same
    /// time share one query.
    pub async fn origins(&self, db: &Db, tenant: &str) -> Result<Arc<Origins>, Error> {
        let read = async {
            let listed = store::list_origins(db, tenant, MAX_ORIGINS + 1).await?;
            if listed.len() > MAX_ORIGINS {
                tracing::warn!(
                    tenant,
                    "the clients list more than {MAX_ORIGINS} origins; CORS ignores the rest"
                );
            }
            Ok::<_, Error>(Arc::new(Origins::new(listed.into_iter().take(MAX_ORIGINS))))
        };
        self.origins.try_get_with(Arc::from(tenant), read).await.map_err(|error| Error::clone(&error))
    }

    /// The tenant of an authority (`HOST` or `HOST:PORT`).
    ///
    /// # Errors
    /// 404 for an unknown host.
    pub async fn find(&self, db: &Db, vault: &Vault, authority: &str) -> Result<Arc<Tenant>, Error> {
        let host = host_of(authority).ok_or(codes::UNKNOWN_HOST)?;
        if let Some(cached) = self.by_host.get(&host).await {
            return cached.ok_or_else(|| unknown(&host));
        }
        let lookup = async {
            let found = match &self.loopback {
                Some(id) if is_loopback(&host) => store::by_id(db, vault, id, true).await?,
                loopback => store::by_host(db, vault, &host, loopback.as_deref()).await?,
            };
            Ok(found.map(Arc::new))
        };
        // Concurrent lookups of one host are one statement.
        let found = self.by_host.try_get_with_by_ref(&host, lookup).await;
        found.map_err(|error: Arc<Error>| Error::clone(&error))?.ok_or_else(|| unknown(&host))
    }
}

/// A tenant by its name.
pub async fn by_name(db: &Db, vault: &Vault, name: &str) -> Result<Option<Tenant>, Error> {
    store::by_id(db, vault, name, false).await
}

/// Tenants in a page of [`list`].
const PAGE: i64 = 1000;

/// A page of tenants in the order of their names, from the one after `after`; empty at the end.
pub async fn list(db: &Db, after: &str) -> Result<Vec<Listed>, Error> {
    store::list(db, after, PAGE).await
}

/// A tenant as a document for operators, without secrets.
pub async fn show(db: &Db, name: &str) -> Result<Option<serde_json::Value>, Error> {
    store::show(db, name).await
}

fn unknown(host: &str) -> Error {
    codes::UNKNOWN_HOST.with_message(format!(
        "No tenant answers on the host {host}. Add it to the hosts of a tenant file and apply that with: roster tenant apply FILE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_of_drops_port_and_case() {
        for (authority, host) in
            [("LocalHost:80", "localhost"), ("[::1]:8443", "[::1]"), ("[::1]", "[::1]"), ("a.b", "a.b")]
        {
            assert_eq!(host_of(authority).as_deref(), Some(host));
        }
        for bad in ["", "a b", "a:99999", "x\u{0}", ":80", "a/b"] {
            assert_eq!(host_of(bad), None, "{bad:?}");
        }
        assert!(["localhost", "127.0.0.1", "[::1]", "127.8.8.8"].into_iter().all(is_loopback));
        assert!(!is_loopback("localhost.example.com"));
    }
}
