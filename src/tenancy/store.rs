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

pub(crate) async fn by_host(
    db: &Db,
    vault: &Vault,
    host: &str,
    loopback: Option<&str>,
) -> Result<Option<Tenant>, Error> {
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

static SHOW: Statement = Statement::new(
    "tenancy.show",
    "select jsonb_build_object(
            'name', t.tenant_id,
            'created_at', t.created_at,
            'updated_at', t.updated_at,
            'settings', t.settings,
            'hosts', (select coalesce(jsonb_agg(h.host order by h.host), '[]') from tenant_hosts h where h.tenant_id = t.tenant_id),
            'signing_keys', (select coalesce(jsonb_agg(k.kid order by k.created_at), '[]') from signing_keys k where k.tenant_id = t.tenant_id),
            'connections', (select coalesce(jsonb_agg(jsonb_build_object('id', c.connection_id, 'name', c.name, 'options', c.options, 'enabled_clients', case when not c.for_all_clients then (
                                     select coalesce(jsonb_agg(k.client_id order by k.client_id), '[]') from connection_clients k
                                      where k.tenant_id = c.tenant_id and k.connection_id = c.connection_id) end) order by c.name), '[]')
                              from connections c where c.tenant_id = t.tenant_id),
            'clients', (select coalesce(jsonb_agg(jsonb_build_object('client_id', c.client_id, 'name', c.settings -> 'name', 'app_type', c.settings -> 'app_type') order by c.created_at, c.client_id), '[]')
                          from (select * from clients c where c.tenant_id = t.tenant_id and c.settings -> 'global' is distinct from 'true' order by c.created_at, c.client_id limit 100) c))
       from tenants t
      where t.tenant_id = $1",
);

/// All that an operator wants to see of a tenant; no secret in it.
pub(crate) async fn show(db: &Db, tenant: &str) -> Result<Option<Value>, Error> {
    let row = SHOW.query().bind(tenant).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
