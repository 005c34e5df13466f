use serde_json::Value;
use sqlx::Row;
use sqlx::types::Json;

use super::model::ConnectionConfig;
use crate::base::error::Error;
use crate::base::ids;
use crate::db::{self, Db, Statement, Tx};
use crate::journal::Author;
use crate::resources::connections::store::NAME_IN_DELETION;
use crate::tenancy::keys::Jwk;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &LOCK,
    &FOREIGN_HOST,
    &PUT_TENANT,
    &PUT_HOSTS,
    &HAS_SIGNING_KEY,
    &ADD_SIGNING_KEY,
    &PUT_GLOBAL_CLIENT,
    &FIND_CLIENT,
    &PUT_CLIENT,
    &PUT_GRANT,
    &LOCK_CONNECTION,
    &PUT_CONNECTION,
    &MANAGEMENT_CLIENT,
];

static LOCK: Statement = Statement::new("tenancy.lock", include_str!("sql/lock.sql"));

/// One provisioning of a tenant at a time.
pub(crate) async fn lock(tx: &mut Tx, tenant: &str) -> Result<(), Error> {
    LOCK.raw().bind(tenant).execute(&mut **tx).await?;
    Ok(())
}

static FOREIGN_HOST: Statement = Statement::new("tenancy.foreign_host", include_str!("sql/foreign_host.sql"));

/// A host that is another tenant's already, and whose.
pub(crate) async fn foreign_host(
    tx: &mut Tx,
    tenant: &str,
    hosts: &[String],
) -> Result<Option<(String, String)>, Error> {
    let row = FOREIGN_HOST.raw().bind(tenant).bind(hosts).fetch_optional(&mut **tx).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

// Here and below: what is written over is locked and looked at first, and then written.
static PUT_TENANT: Statement = Statement::new("tenancy.put_tenant", include_str!("sql/put_tenant.sql"));

/// Was it made (`true`), changed (`false`) or left as it was? And the identifier of its Management API. `whole` is what a new
/// tenant is, `named` what one that is there is to be, `flags` the same of its answered settings.
pub(crate) async fn put_tenant(
    tx: &mut Tx,
    tenant: &str,
    whole: &Value,
    named: &Value,
    flags: &Value,
    author: &Author,
) -> Result<(Option<bool>, String), Error> {
    let query = PUT_TENANT.raw().bind(tenant).bind(whole).bind(named).bind(flags).bind(author.literal());
    let row = query.fetch_one(&mut **tx).await?;
    Ok((row.try_get("is_new")?, row.try_get("audience")?))
}

static PUT_HOSTS: Statement = Statement::new("tenancy.put_hosts", include_str!("sql/put_hosts.sql"));

/// Were any of them not there, or others too many?
pub(crate) async fn put_hosts(
    tx: &mut Tx,
    tenant: &str,
    hosts: &[String],
    author: &Author,
) -> Result<bool, Error> {
    Ok(PUT_HOSTS
        .raw()
        .bind(tenant)
        .bind(hosts)
        .bind(author.literal())
        .fetch_one(&mut **tx)
        .await?
        .try_get(0)?)
}

static HAS_SIGNING_KEY: Statement =
    Statement::new("tenancy.has_signing_key", include_str!("sql/has_signing_key.sql"));

pub(crate) async fn has_signing_key(tx: &mut Tx, tenant: &str) -> Result<bool, Error> {
    Ok(HAS_SIGNING_KEY.raw().bind(tenant).fetch_one(&mut **tx).await?.try_get(0)?)
}

static ADD_SIGNING_KEY: Statement =
    Statement::new("tenancy.add_signing_key", include_str!("sql/add_signing_key.sql"));

pub(crate) async fn add_signing_key(
    tx: &mut Tx,
    tenant: &str,
    jwk: &Jwk,
    sealed: &[u8],
    author: &Author,
) -> Result<(), Error> {
    let query = ADD_SIGNING_KEY.raw().bind(tenant).bind(&jwk.kid).bind(sealed).bind(Json(jwk));
    query.bind(author.literal()).execute(&mut **tx).await?;
    Ok(())
}

static PUT_GLOBAL_CLIENT: Statement =
    Statement::new("tenancy.put_global_client", include_str!("sql/put_global_client.sql"));

/// Every tenant has its global client.
pub(crate) async fn put_global_client(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    author: &Author,
) -> Result<(), Error> {
    PUT_GLOBAL_CLIENT.raw().bind(tenant).bind(id).bind(author.literal()).execute(&mut **tx).await?;
    Ok(())
}

static FIND_CLIENT: Statement = Statement::new("tenancy.find_client", include_str!("sql/find_client.sql"));

/// The client a file means: by its id, or by its name if the file has no id.
pub(crate) async fn find_client(
    tx: &mut Tx,
    tenant: &str,
    id: Option<&str>,
    name: &str,
) -> Result<Option<(String, Option<Vec<u8>>)>, Error> {
    let row = FIND_CLIENT.raw().bind(tenant).bind(id).bind(name).fetch_optional(&mut **tx).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

static PUT_CLIENT: Statement = Statement::new("tenancy.put_client", include_str!("sql/put_client.sql"));

/// Was it made (`true`), changed (`false`) or left as it was? And how many keys of metadata it has then, if not the latter. No
/// secret: the present one stays.
pub(crate) async fn put_client(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    settings: &Value,
    metadata: Option<&Value>,
    sealed: Option<&[u8]>,
    author: &Author,
) -> Result<(Option<bool>, usize), Error> {
    let query = PUT_CLIENT
        .raw()
        .bind(tenant)
        .bind(id)
        .bind(settings)
        .bind(metadata)
        .bind(sealed)
        .bind(author.literal());
    let Some(row) = query.fetch_optional(&mut **tx).await? else { return Ok((None, 0)) };
    Ok((row.try_get(0)?, usize::try_from(row.try_get::<i64, _>(1)?).unwrap_or(usize::MAX)))
}

static PUT_GRANT: Statement = Statement::new("tenancy.put_grant", include_str!("sql/put_grant.sql"));

pub(crate) async fn put_grant(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    client: &str,
    audience: &str,
    scope: &[&str],
    author: &Author,
) -> Result<Option<bool>, Error> {
    let query =
        PUT_GRANT.raw().bind(tenant).bind(id).bind(client).bind(audience).bind(scope).bind(author.literal());
    Ok(query.fetch_optional(&mut **tx).await?.map(|row| row.try_get(0)).transpose()?)
}

/// What holds everybody else off a connection while its clients are declared.
static LOCK_CONNECTION: Statement =
    Statement::new("tenancy.lock_connection", include_str!("sql/lock_connection.sql"));

static PUT_CONNECTION: Statement =
    Statement::new("tenancy.put_connection", include_str!("sql/put_connection.sql"));

/// Was it made (`true`), changed (`false`) or left as it was? `whole` are the options of a new connection, `named` what those
/// of one that is there are to be, without those that have `ended`.
pub(crate) async fn put_connection(
    tx: &mut Tx,
    tenant: &str,
    config: &ConnectionConfig,
    (whole, ended, named): (&Value, &[&str], &Value),
    enabled: Option<&[&str]>,
    author: &Author,
) -> Result<Option<bool>, Error> {
    LOCK_CONNECTION.raw().bind(tenant).bind(&config.name).execute(&mut **tx).await?;
    let query = PUT_CONNECTION.raw().bind(tenant).bind(ids::prefixed("con")).bind(&config.name);
    let query = query.bind(&config.strategy).bind(whole).bind(named).bind(enabled);
    let query = query.bind(config.named.contains("enabled_clients")).bind(author.literal()).bind(ended);
    let row = query.fetch_optional(&mut **tx).await.map_err(|e| db::refusal(e, &[NAME_IN_DELETION]))?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static MANAGEMENT_CLIENT: Statement =
    Statement::new("tenancy.management_client", include_str!("sql/management_client.sql"));

/// A client with a grant for the Management API, and its sealed secret.
pub(crate) async fn management_client(db: &Db, tenant: &str) -> Result<Option<(String, Vec<u8>)>, Error> {
    let row = MANAGEMENT_CLIENT.raw().bind(tenant).fetch_optional(db.pool()).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}
