//! Tenants: what one is, how a request finds its own, and how files become tenants.
//!
//! A tenant is an identity store of its own with its hosts, keys, connections, clients and users. The `Host` header
//! names it. Nothing of a tenant stays in memory beyond a bounded cache, so many thousands cost nothing.

pub mod keys;
pub mod settings;
pub(crate) mod store;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use serde::Serialize;

use self::keys::{Jwk, SigningKey};
pub use self::settings::Settings;
use self::settings::{Compat, Limits, Search};
pub use self::store::Listed;
use crate::base::error::{Error, codes};
use crate::base::rate_limits::RateLimits;
use crate::base::vault::Vault;
use crate::db::Db;

/// A tenant as a request needs it.
#[derive(Debug)]
pub struct Tenant {
    /// Its id, which is its name.
    pub id: Arc<str>,
    /// Where it answers, without ports.
    pub hosts: Vec<String>,
    /// Does it answer on loopback hosts too?
    pub loopback: bool,
    /// The identifier of its Management API.
    pub audience: String,
    /// Seconds a Management API token lives.
    pub token_lifetime: i64,
    /// What it may use.
    pub limits: Limits,
    /// Where it follows Auth0 and where it need not.
    pub compat: Compat,
    /// How many requests it takes.
    pub rate_limits: RateLimits,
    /// How its users are searched.
    pub search: Search,
    keys: Vec<SigningKey>,
}

impl Tenant {
    /// The key with this id.
    pub fn key(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.jwk.kid == kid)
    }

    /// The public halves of its keys, newest first.
    pub fn jwks(&self) -> Vec<&Jwk> {
        self.keys.iter().map(|key| &key.jwk).collect()
    }

    /// Signs with the newest key.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        self.signing_key()?.sign(claims)
    }

    /// The newest key.
    pub fn signing_key(&self) -> Result<&SigningKey, Error> {
        self.keys.first().ok_or_else(|| Error::internal(format!("tenant {} has no signing key", self.id)))
    }

    /// Is this the identifier of its Management API, for any of its hosts and with any port?
    pub fn is_management(&self, audience: &str) -> bool {
        audience == self.audience || self.is_of_own_host(audience, "/api/v2/")
    }

    /// Is this its `/userinfo` as an audience of tokens?
    pub fn is_userinfo(&self, audience: &str) -> bool {
        self.is_of_own_host(audience, "/userinfo")
    }

    /// Is this its token endpoint?
    pub fn is_token_endpoint(&self, url: &str) -> bool {
        self.is_of_own_host(url, "/oauth/token")
    }

    /// Is this its name as an issuer of tokens?
    pub fn is_issuer(&self, issuer: &str) -> bool {
        self.is_of_own_host(issuer, "/")
    }

    fn is_of_own_host(&self, url: &str, path: &str) -> bool {
        let authority = url.strip_prefix("https://").and_then(|rest| rest.strip_suffix(path));
        authority
            .and_then(host_of)
            .is_some_and(|host| self.hosts.contains(&host) || (self.loopback && is_loopback(&host)))
    }
}

/// The host of an authority (`HOST` or `HOST:PORT`) in lower case, without the port; `None` if it is not one.
pub fn host_of(authority: &str) -> Option<String> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    let port_is_fine = port.is_none_or(|p| p.parse::<u16>().is_ok());
    (port_is_fine && !host.is_empty() && host.len() <= 255 && host.chars().all(fine))
        .then(|| host.to_ascii_lowercase())
}

/// Does a host name this machine itself?
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Does a request to this authority stay on this machine? Browsers take `*.localhost` for it too (RFC 6761, 6.3).
pub fn is_of_this_machine(authority: &str) -> bool {
    host_of(authority).is_some_and(|host| stays_on_this_machine(&host))
}

/// The same of a host, as [`host_of`] makes it.
pub fn stays_on_this_machine(host: &str) -> bool {
    is_loopback(host) || host.ends_with(".localhost")
}

/// Finds tenants, keeping those that were asked for lately.
pub struct Tenancy {
    by_host: Cache<String, Option<Arc<Tenant>>>,
    /// The tenant that answers on loopback hosts: in `roster dev` only.
    loopback: Option<String>,
}

impl Tenancy {
    /// Keeps at most so many tenants, each for so long: a change of a tenant is seen by all instances after that.
    pub fn new(size: u64, keep: Duration, loopback: Option<String>) -> Self {
        Self { by_host: Cache::builder().max_capacity(size).time_to_live(keep).build(), loopback }
    }

    /// The tenant of a request by its authority (`HOST` or `HOST:PORT`).
    pub async fn find(&self, db: &Db, vault: &Vault, authority: &str) -> Result<Arc<Tenant>, Error> {
        let host = host_of(authority).ok_or(codes::UNKNOWN_HOST)?;
        if let Some(known) = self.by_host.get(&host).await {
            return known.ok_or_else(|| unknown(&host));
        }
        let found = match &self.loopback {
            Some(id) if is_loopback(&host) => store::by_id(db, vault, id, true).await?,
            loopback => store::by_host(db, vault, &host, loopback.as_deref()).await?,
        };
        let found = found.map(Arc::new);
        self.by_host.insert(host.clone(), found.clone()).await;
        found.ok_or_else(|| unknown(&host))
    }
}

/// A tenant by its name, for commands.
pub async fn by_name(db: &Db, vault: &Vault, name: &str) -> Result<Option<Tenant>, Error> {
    store::by_id(db, vault, name, false).await
}

/// Up to a thousand tenants behind a name, in the order of their names.
pub async fn list(db: &Db, after: &str) -> Result<Vec<Listed>, Error> {
    store::list(db, after, 1000).await
}

/// All that an operator wants to see of a tenant; no secret in it.
pub async fn show(db: &Db, name: &str) -> Result<Option<serde_json::Value>, Error> {
    store::show(db, name).await
}

fn unknown(host: &str) -> Error {
    codes::UNKNOWN_HOST.because(format!(
        "No tenant answers on the host {host}. Add it to the hosts of a tenant file and apply that with: roster tenant apply FILE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_their_port_and_case() {
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
