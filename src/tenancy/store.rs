use std::sync::Arc;

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::{Settings, Tenant};
use crate::auth::keys::{Jwk, SigningKey};
use crate::db::{Db, Statement};
use crate::error::Error;
use crate::vault::Vault;

pub(crate) const STATEMENTS: &[&Statement] = &[&BY_HOST, &BY_ID, &ALL];

/// What makes a [`Tenant`], of `tenants t`.
macro_rules! tenant {
    () => {
        "select t.tenant_id,
            t.settings,
            array(select h.host from tenant_hosts h where h.tenant_id = t.tenant_id order by h.host) as hosts,
            array(select k.public_key from signing_keys k where k.tenant_id = t.tenant_id order by k.created_at desc, k.kid) as public_keys,
            array(select k.private_key from signing_keys k where k.tenant_id = t.tenant_id order by k.created_at desc, k.kid) as private_keys
"
    };
}

static BY_HOST: Statement = Statement::global(
    "tenancy.by_host",
    concat!(
        tenant!(),
        "       from tenant_hosts named
       join tenants t using (tenant_id)
      where named.host = $1"
    ),
);

pub(crate) async fn by_host(db: &Db, vault: &Vault, host: &str, loopback: Option<&str>) -> Result<Option<Tenant>, Error> {
    let row = BY_HOST.query().bind(host).fetch_optional(db.pool()).await?;
    row.map(|row| tenant(&row, vault, loopback)).transpose()
}

static BY_ID: Statement = Statement::new(
    "tenancy.by_id",
    concat!(
        tenant!(),
        "       from tenants t
      where t.tenant_id = $1"
    ),
);

pub(crate) async fn by_id(db: &Db, vault: &Vault, id: &str, loopback: bool) -> Result<Option<Tenant>, Error> {
    let row = BY_ID.query().bind(id).fetch_optional(db.pool()).await?;
    row.map(|row| tenant(&row, vault, loopback.then_some(id))).transpose()
}

fn tenant(row: &PgRow, vault: &Vault, loopback: Option<&str>) -> Result<Tenant, Error> {
    let id: String = row.try_get("tenant_id")?;
    let Json(settings): Json<Settings> = row.try_get("settings")?;
    let public: Vec<Json<Jwk>> = row.try_get("public_keys")?;
    let private: Vec<Vec<u8>> = row.try_get("private_keys")?;
    let keys = public.into_iter().zip(private).map(|(Json(jwk), sealed)| {
        let pkcs8 = vault.open(&[&id, "signing_keys", &jwk.kid], &sealed)?;
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
    })
}

static ALL: Statement = Statement::global(
    "tenancy.all",
    "select t.tenant_id,
            t.settings ->> 'domain' as domain,
            t.created_at
       from tenants t
      where t.tenant_id > $1
      order by t.tenant_id
      limit $2",
);

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
    let rows = ALL.query().bind(after).bind(limit).fetch_all(db.pool()).await?;
    rows.iter()
        .map(|row| Ok(Listed { name: row.try_get(0)?, domain: row.try_get(1)?, created_at: row.try_get(2)? }))
        .collect()
}
