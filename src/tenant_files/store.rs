//! The tables of a tenant that its file declares: `tenants`, `tenant_hosts`, `signing_keys`, `clients`, `client_grants`,
//! `connections` and `connection_clients`. Their resources write all of them but `tenant_hosts` and `signing_keys`, too.
//!
//! All statements but the last run in one transaction, which holds the advisory lock of [`lock`]. Each `put_*` statement
//! locks the row that it overlays before it reads it, so that no concurrent change through the API is lost.

use serde_json::Value;
use sqlx::types::Json;

use super::Change;
use super::model::ConnectionConfig;
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::ids;
use crate::db::{self, Db, Statement, Tx};
use crate::journal::Author;
use crate::tenancy::keys::Jwk;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &LOCK,
    &PUT_TENANT,
    &PUT_HOSTS,
    &FETCH_FOREIGN_HOST,
    &HAS_SIGNING_KEY,
    &ADD_SIGNING_KEY,
    &PUT_GLOBAL_CLIENT,
    &FIND_CLIENT,
    &PUT_CLIENT,
    &PUT_GRANT,
    &LOCK_CONNECTION,
    &PUT_CONNECTION,
    &FETCH_MANAGEMENT_CLIENT,
];

static LOCK: Statement = Statement::new("tenant_files.lock", include_str!("sql/lock.sql"));

/// Serializes the applications of a tenant's files.
pub(super) async fn lock(tx: &mut Tx, tenant: &str) -> Result<(), Error> {
    LOCK.bind("tenant_id", tenant).execute(tx).await?;
    Ok(())
}

static PUT_TENANT: Statement = Statement::new("tenant_files.put_tenant", include_str!("sql/put_tenant.sql"));

/// The documents of a tenant.
pub(super) struct TenantDocuments {
    /// The settings of a new tenant.
    pub settings: Value,
    /// The settings that the file names.
    pub named_settings: Value,
    /// The part of the API's tenant settings that the file names.
    pub named_tenant_settings: Value,
}

#[derive(sqlx::FromRow)]
struct PutTenant {
    is_new: Option<bool>,
    audience: String,
}

/// The change, and the identifier of the tenant's Management API.
pub(super) async fn put_tenant(
    tx: &mut Tx,
    tenant: &str,
    documents: &TenantDocuments,
    author: &Author,
) -> Result<(Change, String), Error> {
    let put: PutTenant = PUT_TENANT
        .bind("tenant_id", tenant)
        .bind("settings", &documents.settings)
        .bind("named_settings", &documents.named_settings)
        .bind("named_tenant_settings", &documents.named_tenant_settings)
        .bind("author", author.literal())
        .fetch_one(tx)
        .await?;
    Ok((Change::of(put.is_new), put.audience))
}

static PUT_HOSTS: Statement = Statement::new("tenant_files.put_hosts", include_str!("sql/put_hosts.sql"));

/// Whether the hosts changed.
pub(super) async fn put_hosts(
    tx: &mut Tx,
    tenant: &str,
    hosts: &[String],
    author: &Author,
) -> Result<bool, Error> {
    let query = PUT_HOSTS.bind("tenant_id", tenant).bind("hosts", hosts).bind("author", author.literal());
    let (is_changed,) = query.fetch_one(tx).await?;
    Ok(is_changed)
}

static FETCH_FOREIGN_HOST: Statement =
    Statement::new("tenant_files.fetch_foreign_host", include_str!("sql/fetch_foreign_host.sql"));

/// A host that belongs to another tenant, and that tenant.
pub(super) async fn fetch_foreign_host(
    tx: &mut Tx,
    tenant: &str,
    hosts: &[String],
) -> Result<Option<(String, String)>, Error> {
    Ok(FETCH_FOREIGN_HOST.bind("tenant_id", tenant).bind("hosts", hosts).fetch_optional(tx).await?)
}

static HAS_SIGNING_KEY: Statement =
    Statement::new("tenant_files.has_signing_key", include_str!("sql/has_signing_key.sql"));

pub(super) async fn has_signing_key(tx: &mut Tx, tenant: &str) -> Result<bool, Error> {
    let (has_signing_key,) = HAS_SIGNING_KEY.bind("tenant_id", tenant).fetch_one(tx).await?;
    Ok(has_signing_key)
}

static ADD_SIGNING_KEY: Statement =
    Statement::new("tenant_files.add_signing_key", include_str!("sql/add_signing_key.sql"));

pub(super) async fn add_signing_key(
    tx: &mut Tx,
    tenant: &str,
    jwk: &Jwk,
    sealed: &[u8],
    author: &Author,
) -> Result<(), Error> {
    ADD_SIGNING_KEY
        .bind("tenant_id", tenant)
        .bind("kid", &jwk.kid)
        .bind("private_key", sealed)
        .bind("public_key", Json(jwk))
        .bind("author", author.literal())
        .execute(tx)
        .await?;
    Ok(())
}

static PUT_GLOBAL_CLIENT: Statement =
    Statement::new("tenant_files.put_global_client", include_str!("sql/put_global_client.sql"));

pub(super) async fn put_global_client(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = PUT_GLOBAL_CLIENT.bind("tenant_id", tenant).bind("client_id", id);
    query.bind("author", author.literal()).execute(tx).await?;
    Ok(())
}

static FIND_CLIENT: Statement =
    Statement::new("tenant_files.find_client", include_str!("sql/find_client.sql"));

/// The id and the sealed secret of the client that a file declares.
pub(super) async fn find_client(
    tx: &mut Tx,
    tenant: &str,
    id: Option<&str>,
    name: &str,
) -> Result<Option<(String, Option<Vec<u8>>)>, Error> {
    Ok(FIND_CLIENT
        .bind("tenant_id", tenant)
        .bind("client_id", id)
        .bind("name", name)
        .fetch_optional(tx)
        .await?)
}

static PUT_CLIENT: Statement = Statement::new("tenant_files.put_client", include_str!("sql/put_client.sql"));

#[derive(sqlx::FromRow)]
struct PutClient {
    is_new: bool,
    metadata_keys: i64,
}

/// The change, and the number of metadata keys after it; 0 if the client did not change.
pub(super) async fn put_client(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    settings: &Value,
    metadata: Option<&Value>,
    sealed: Option<&[u8]>,
    author: &Author,
) -> Result<(Change, usize), Error> {
    let put: Option<PutClient> = PUT_CLIENT
        .bind("tenant_id", tenant)
        .bind("client_id", id)
        .bind("settings", settings)
        .bind("client_metadata", metadata)
        .bind("client_secret", sealed)
        .bind("author", author.literal())
        .fetch_optional(tx)
        .await?;
    let keys = put.as_ref().map_or(0, |put| put.metadata_keys);
    Ok((Change::of(put.map(|put| put.is_new)), usize::try_from(keys).unwrap_or(usize::MAX)))
}

static PUT_GRANT: Statement = Statement::new("tenant_files.put_grant", include_str!("sql/put_grant.sql"));

pub(super) async fn put_grant(
    tx: &mut Tx,
    tenant: &str,
    client_id: &str,
    audience: &str,
    scope: &[&str],
    author: &Author,
) -> Result<Change, Error> {
    let put: Option<(bool,)> = PUT_GRANT
        .bind("tenant_id", tenant)
        .bind("grant_id", ids::prefixed("cgr"))
        .bind("client_id", client_id)
        .bind("audience", audience)
        .bind("scope", scope)
        .bind("author", author.literal())
        .fetch_optional(tx)
        .await?;
    Ok(Change::of(put.map(|(is_new,)| is_new)))
}

static LOCK_CONNECTION: Statement =
    Statement::new("tenant_files.lock_connection", include_str!("sql/lock_connection.sql"));

static PUT_CONNECTION: Statement =
    Statement::new("tenant_files.put_connection", include_str!("sql/put_connection.sql"));

/// The constraint that a new connection violates while users of a deleted one with its name are left.
const NAME_IN_DELETION: (&str, ErrorKind) = ("connection_deletions_name", codes::CONNECTION_BEING_DELETED);

/// The options of a connection.
pub(super) struct ConnectionOptions {
    /// The options of a new connection.
    pub options: Value,
    /// The options that the file names.
    pub named: Value,
    /// Options that the named ones exclude.
    pub removed: &'static [&'static str],
}

/// `enabled_clients` are client ids; `None` for all clients.
pub(super) async fn put_connection(
    tx: &mut Tx,
    tenant: &str,
    config: &ConnectionConfig,
    options: &ConnectionOptions,
    enabled_clients: Option<&[&str]>,
    author: &Author,
) -> Result<Change, Error> {
    LOCK_CONNECTION.bind("tenant_id", tenant).bind("name", &config.name).execute(&mut *tx).await?;
    let put: Result<Option<(bool,)>, _> = PUT_CONNECTION
        .bind("tenant_id", tenant)
        .bind("connection_id", ids::prefixed("con"))
        .bind("name", &config.name)
        .bind("strategy", &config.strategy)
        .bind("options", &options.options)
        .bind("named_options", &options.named)
        .bind("enabled_clients", enabled_clients)
        .bind("names_clients", config.named.contains("enabled_clients"))
        .bind("author", author.literal())
        .bind("removed_options", options.removed)
        .fetch_optional(tx)
        .await;
    let put = put.map_err(|error| db::constraint_error(error, &[NAME_IN_DELETION]))?;
    Ok(Change::of(put.map(|(is_new,)| is_new)))
}

static FETCH_MANAGEMENT_CLIENT: Statement =
    Statement::new("tenant_files.fetch_management_client", include_str!("sql/fetch_management_client.sql"));

/// The id and the sealed secret of a client with a grant for the Management API.
pub(super) async fn fetch_management_client(
    db: &Db,
    tenant: &str,
) -> Result<Option<(String, Vec<u8>)>, Error> {
    Ok(FETCH_MANAGEMENT_CLIENT.bind("tenant_id", tenant).fetch_optional(db).await?)
}
