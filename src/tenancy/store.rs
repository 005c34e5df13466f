//! `tenants`, `tenant_hosts` and `signing_keys`, read only and without locks. `tenant_files` writes them;
//! `resources/tenant_settings` writes the part of `tenants` that the API has. `client_origins` follows the clients
//! by a trigger.

use std::sync::Arc;

use serde_json::Value;
use sqlx::types::Json;

use super::keys::{Jwk, SigningKey};
use super::{Settings, Tenant};
use crate::base::error::Error;
use crate::base::vault::{Location, Vault};
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&BY_HOST, &BY_ID, &LIST, &SHOW, &LIST_ORIGINS];

#[derive(sqlx::FromRow)]
struct TenantRow {
    tenant_id: String,
    #[sqlx(json)]
    settings: Settings,
    hosts: Vec<String>,
    public_keys: Vec<Json<Jwk>>,
    private_keys: Vec<Vec<u8>>,
}

impl TenantRow {
    /// Opens the signing keys. `loopback` is the tenant of loopback hosts.
    fn open(self, vault: &Vault, loopback: Option<&str>) -> Result<Tenant, Error> {
        let Self { tenant_id, settings, hosts, public_keys, private_keys } = self;
        let keys = public_keys.into_iter().zip(private_keys).map(|(Json(jwk), sealed)| {
            let pkcs8 = vault.open(&Location::SigningKeys.row(&tenant_id, &jwk.kid), &sealed)?;
            SigningKey::new(jwk, &pkcs8)
        });
        Ok(Tenant {
            keys: keys.collect::<Result<_, Error>>()?,
            hosts,
            loopback: loopback == Some(tenant_id.as_str()),
            id: Arc::from(tenant_id),
            audience: settings.audience,
            token_lifetime: settings.token_lifetime,
            limits: settings.limits,
            compat: settings.compat,
            rate_limits: settings.rate_limits,
            search: settings.search,
        })
    }
}

static BY_HOST: Statement = Statement::global("tenancy.by_host", include_str!("sql/by_host.sql"));

pub(crate) async fn by_host(
    db: &Db,
    vault: &Vault,
    host: &str,
    loopback: Option<&str>,
) -> Result<Option<Tenant>, Error> {
    let row: Option<TenantRow> = BY_HOST.bind("host", host).fetch_optional(db).await?;
    row.map(|row| row.open(vault, loopback)).transpose()
}

static BY_ID: Statement = Statement::new("tenancy.by_id", include_str!("sql/by_id.sql"));

pub(crate) async fn by_id(db: &Db, vault: &Vault, id: &str, loopback: bool) -> Result<Option<Tenant>, Error> {
    let row: Option<TenantRow> = BY_ID.bind("tenant_id", id).fetch_optional(db).await?;
    row.map(|row| row.open(vault, loopback.then_some(id))).transpose()
}

static LIST: Statement = Statement::global("tenancy.list", include_str!("sql/list.sql"));

/// A line of `roster tenant list`.
#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub struct Listed {
    /// The name, which is the id.
    pub name: String,
    /// The first host.
    pub domain: String,
    /// The time of creation.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: time::OffsetDateTime,
}

pub(crate) async fn list(db: &Db, after: &str, limit: i64) -> Result<Vec<Listed>, Error> {
    Ok(LIST.bind("after", after).bind("limit", limit).fetch_all(db).await?)
}

static SHOW: Statement = Statement::new("tenancy.show", include_str!("sql/show.sql"));

pub(crate) async fn show(db: &Db, tenant: &str) -> Result<Option<Value>, Error> {
    let row: Option<(Value,)> = SHOW.bind("tenant_id", tenant).fetch_optional(db).await?;
    Ok(row.map(|(document,)| document))
}

static LIST_ORIGINS: Statement = Statement::new("tenancy.list_origins", include_str!("sql/list_origins.sql"));

pub(crate) async fn list_origins(db: &Db, tenant: &str, limit: usize) -> Result<Vec<String>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<(String,)> =
        LIST_ORIGINS.bind("tenant_id", tenant).bind("limit", limit).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(origin,)| origin).collect())
}
