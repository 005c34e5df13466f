use std::sync::Arc;

use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::keys::{Jwk, SigningKey};
use super::{Settings, Tenant};
use crate::base::error::Error;
use crate::base::vault::{Location, Vault};
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&BY_HOST, &BY_ID, &ALL, &SHOW];

static BY_HOST: Statement = Statement::global("tenancy.by_host", include_str!("sql/by_host.sql"));

pub(crate) async fn by_host(
    db: &Db,
    vault: &Vault,
    host: &str,
    loopback: Option<&str>,
) -> Result<Option<Tenant>, Error> {
    let row = BY_HOST.raw().bind(host).fetch_optional(db.pool()).await?;
    row.map(|row| tenant(&row, vault, loopback)).transpose()
}

static BY_ID: Statement = Statement::new("tenancy.by_id", include_str!("sql/by_id.sql"));

pub(crate) async fn by_id(db: &Db, vault: &Vault, id: &str, loopback: bool) -> Result<Option<Tenant>, Error> {
    let row = BY_ID.raw().bind(id).fetch_optional(db.pool()).await?;
    row.map(|row| tenant(&row, vault, loopback.then_some(id))).transpose()
}

fn tenant(row: &PgRow, vault: &Vault, loopback: Option<&str>) -> Result<Tenant, Error> {
    let id: String = row.try_get("tenant_id")?;
    let Json(settings): Json<Settings> = row.try_get("settings")?;
    let public: Vec<Json<Jwk>> = row.try_get("public_keys")?;
    let private: Vec<Vec<u8>> = row.try_get("private_keys")?;
    let keys = public.into_iter().zip(private).map(|(Json(jwk), sealed)| {
        let pkcs8 = vault.open(&Location::SigningKeys.row(&id, &jwk.kid), &sealed)?;
        SigningKey::new(jwk, &pkcs8)
    });
    Ok(Tenant {
        keys: keys.collect::<Result<_, Error>>()?,
        hosts: row.try_get("hosts")?,
        loopback: loopback == Some(id.as_str()),
        id: Arc::from(id),
        audience: settings.audience,
        token_lifetime: settings.token_lifetime,
        limits: settings.limits,
        compat: settings.compat,
        rate_limits: settings.rate_limits,
        search: settings.search,
    })
}

static ALL: Statement = Statement::global("tenancy.all", include_str!("sql/all.sql"));

/// A line of `roster tenant list`.
#[derive(Debug, serde::Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its first host.
    pub domain: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: time::OffsetDateTime,
}

pub(crate) async fn list(db: &Db, after: &str, limit: i64) -> Result<Vec<Listed>, Error> {
    let rows = ALL.raw().bind(after).bind(limit).fetch_all(db.pool()).await?;
    rows.iter()
        .map(|row| Ok(Listed { name: row.try_get(0)?, domain: row.try_get(1)?, created_at: row.try_get(2)? }))
        .collect()
}

static SHOW: Statement = Statement::new("tenancy.show", include_str!("sql/show.sql"));

/// All that an operator wants to see of a tenant; no secret in it.
pub(crate) async fn show(db: &Db, tenant: &str) -> Result<Option<Value>, Error> {
    let row = SHOW.raw().bind(tenant).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
