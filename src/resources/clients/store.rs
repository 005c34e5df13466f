//! `clients`, and on creation and deletion also what refers to a client: `client_credentials`,
//! `client_grants`, `connection_clients`.
//!
//! A change locks the client's row `for update` before any other. Creators of grants, credentials and enabled
//! connections lock it `for key share`. Other writers: tenant files, migrations (the global client), the
//! rotation of the vault's key (`client_secret`), [`super::credentials`] (the ids of credentials in
//! `settings`). A trigger derives `client_aliases` from the settings.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::FromRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::fields::merged_names;
use super::filter::{Filter, Granted};
use super::model::{ClientPatch, METADATA_KEYS, NewClient, default_objects};
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Nullable, Session, Statement, Tx};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &LIST_WITH_GRANT, &UPDATE, &ROTATE_SECRET, &LOCK, &DELETE];

/// A client whose secret is sealed.
#[derive(FromRow)]
pub(super) struct Stored {
    pub(super) client_id: String,
    #[sqlx(json)]
    pub(super) settings: Map<String, Value>,
    pub(super) client_metadata: Option<Value>,
    pub(super) client_secret: Option<Vec<u8>>,
    /// The secrets that are masked in `settings`, sealed.
    pub(super) secrets: Option<Vec<u8>>,
    pub(super) created_at: OffsetDateTime,
    /// Without quotes.
    pub(super) etag: String,
}

const CONFLICTS: [(&str, ErrorKind); 2] = [
    ("client_aliases_pkey", codes::CLIENT_ALIAS_EXISTS),
    ("clients_organizations_of_third_party", codes::ORGANIZATIONS_OF_THIRD_PARTY),
];

static CREATE: Statement = Statement::new("clients.create", include_str!("sql/create.sql"));

/// Creates a client; `None` if it names an API that does not exist.
pub(super) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewClient,
    sealed_secret: Option<&[u8]>,
    secrets: Option<&[u8]>,
    author: &Author,
) -> Result<Option<Stored>, Error> {
    let (mut ids, mut documents, mut public_keys, mut expiries) = (vec![], vec![], vec![], vec![]);
    for credential in &new.credentials {
        ids.push(credential.id.as_str());
        documents.push(Json(&credential.document));
        public_keys.push(credential.public_key.as_ref());
        expiries.push(credential.expires_at);
    }
    let created = CREATE
        .bind("tenant_id", tenant)
        .bind("client_id", id)
        .bind("settings", Json(&new.settings))
        .bind("client_metadata", new.client_metadata.as_ref().map(Json))
        .bind("client_secret", sealed_secret)
        .bind("credential_ids", ids)
        .bind("credential_documents", documents)
        .bind("credential_public_keys", public_keys)
        .bind("credential_expiries", expiries)
        .bind("author", author.literal())
        .bind("secrets", secrets)
        .bind("policy_audiences", &new.policy_audiences)
        .fetch_optional(db)
        .await;
    created.map_err(|error| db::constraint_error(error, &CONFLICTS))
}

static FETCH: Statement = Statement::new("clients.fetch", include_str!("sql/fetch.sql"));

pub(super) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    Ok(FETCH.bind("tenant_id", tenant).bind("client_id", id).fetch_optional(db).await?)
}

#[derive(FromRow)]
struct ListedRow {
    total: Option<i64>,
    #[sqlx(flatten)]
    client: Nullable<Stored>,
}

pub(super) async fn list(db: &Db, tenant: &str, filter: &Filter, page: &Page) -> Result<List<Stored>, Error> {
    let rows = match &filter.granted {
        None => list_filtered(db, tenant, filter, page).await?,
        Some(granted) => list_with_grant(db, tenant, granted, page).await?,
    };
    let total = rows.first().and_then(|row| row.total);
    let items = rows.into_iter().filter_map(|row| row.client.0).collect();
    let mut list = List { items, total, next: None };
    list.end_at(page.limit(), |client| client.client_id.clone());
    Ok(list)
}

static LIST: Statement = Statement::new("clients.list", include_str!("sql/list.sql"));

/// A numbered page always has the total, which its `Link` header needs.
async fn list_filtered(
    db: &Db,
    tenant: &str,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<ListedRow>, sqlx::Error> {
    LIST.bind("tenant_id", tenant)
        .bind("app_types", filter.app_types.as_deref())
        .bind("is_global", filter.is_global)
        .bind("is_first_party", filter.is_first_party)
        .bind("external_client_id", filter.external_client_id.as_deref())
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .bind("offset", page.start())
        .bind("with_total", matches!(page, Page::Offset { .. }))
        .fetch_all(db)
        .await
}

static LIST_WITH_GRANT: Statement =
    Statement::new("clients.list_with_grant", include_str!("sql/list_with_grant.sql"));

async fn list_with_grant(
    db: &Db,
    tenant: &str,
    granted: &Granted,
    page: &Page,
) -> Result<Vec<ListedRow>, sqlx::Error> {
    let organization_id = match granted {
        Granted::Organization(id) => Some(id),
        Granted::AnyOrganization => None,
    };
    LIST_WITH_GRANT
        .bind("tenant_id", tenant)
        .bind("organization_id", organization_id)
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .bind("offset", page.start())
        .bind("with_total", matches!(page, Page::Offset { .. }))
        .fetch_all(db)
        .await
}

pub(super) enum UpdateOutcome {
    Updated(Box<Stored>),
    /// The number of keys that `client_metadata` would have.
    TooManyMetadataKeys(usize),
    /// The settings would name a credential that the client does not have.
    NoSuchCredential,
    /// The settings would name an API that does not exist.
    NoSuchApi,
    /// The present tag, without quotes.
    Mismatch(String),
    NoSuchClient,
}

#[derive(FromRow)]
struct UpdatedRow {
    old_etag: String,
    matches: bool,
    has_credentials: bool,
    has_apis: bool,
    metadata_keys: i64,
    #[sqlx(flatten)]
    client: Nullable<Stored>,
}

static UPDATE: Statement = Statement::new("clients.update", include_str!("sql/update.sql"));

/// The sealed part of a change.
#[derive(Default)]
pub(super) struct SealedChange {
    /// `None` keeps the stored one.
    pub(super) client_secret: Option<Vec<u8>>,
    /// Whether `secrets` replace the stored secrets among the settings.
    pub(super) replaces_secrets: bool,
    /// `None` without any.
    pub(super) secrets: Option<Vec<u8>>,
    /// The settings with a changed secret.
    pub(super) changed: Vec<&'static str>,
}

pub(super) async fn update(
    session: impl Into<Session<'_>>,
    tenant: &str,
    id: &str,
    patch: &ClientPatch,
    sealed: SealedChange,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<UpdateOutcome, Error> {
    let metadata_patch = patch.client_metadata.as_deref().map(serde_json::from_str::<&RawValue>).transpose();
    let updated = UPDATE
        .bind("tenant_id", tenant)
        .bind("client_id", id)
        .bind("set_settings", Json(&patch.set))
        .bind("unset_settings", &patch.unset)
        .bind("client_metadata_patch", metadata_patch.map_err(Error::internal)?.map(Json))
        .bind("client_secret", sealed.client_secret)
        .bind("if_match", if_match)
        .bind("max_metadata_keys", i64::try_from(METADATA_KEYS).unwrap_or(i64::MAX))
        .bind("credential_ids", &patch.credentials)
        .bind("merged_settings", merged_names())
        .bind("default_settings", Json(default_objects()))
        .bind("author", author.literal())
        .bind("replaces_secrets", sealed.replaces_secrets)
        .bind("secrets", sealed.secrets)
        .bind("changed_secrets", sealed.changed)
        .bind("policy_audiences", &patch.policy_audiences)
        .fetch_optional(session)
        .await;
    let updated: Option<UpdatedRow> = updated.map_err(|error| db::constraint_error(error, &CONFLICTS))?;
    let Some(updated) = updated else { return Ok(UpdateOutcome::NoSuchClient) };
    Ok(match updated.client.0 {
        Some(client) => UpdateOutcome::Updated(Box::new(client)),
        None if !updated.matches => UpdateOutcome::Mismatch(updated.old_etag),
        None if !updated.has_credentials => UpdateOutcome::NoSuchCredential,
        None if !updated.has_apis => UpdateOutcome::NoSuchApi,
        None => {
            UpdateOutcome::TooManyMetadataKeys(usize::try_from(updated.metadata_keys).unwrap_or(usize::MAX))
        }
    })
}

static ROTATE_SECRET: Statement =
    Statement::new("clients.rotate_secret", include_str!("sql/rotate_secret.sql"));

pub(super) async fn rotate_secret(
    db: &Db,
    tenant: &str,
    id: &str,
    sealed_secret: &[u8],
    author: &Author,
) -> Result<Option<Stored>, Error> {
    let rotated = ROTATE_SECRET
        .bind("tenant_id", tenant)
        .bind("client_id", id)
        .bind("client_secret", sealed_secret)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await;
    Ok(rotated?)
}

static LOCK: Statement = Statement::new("clients.lock", include_str!("sql/lock.sql"));

/// A locked client.
#[derive(FromRow)]
pub(super) struct Locked {
    /// The secrets among the settings, sealed.
    pub(super) secrets: Option<Vec<u8>>,
}

/// Locks a client until the transaction ends; `None` without the client.
pub(super) async fn lock(tx: &mut Tx, tenant: &str, id: &str) -> Result<Option<Locked>, Error> {
    Ok(LOCK.bind("tenant_id", tenant).bind("client_id", id).fetch_optional(tx).await?)
}

static DELETE: Statement = Statement::new("clients.delete", include_str!("sql/delete.sql"));

#[derive(Debug, PartialEq, Eq)]
pub(super) enum DeleteOutcome {
    DeletedOrAbsent,
    IsGlobal,
}

/// Deletes a client, if it exists and is not the global one, with its grants, credentials and enabled
/// connections.
pub(super) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<DeleteOutcome, Error> {
    let mut tx = db.begin().await?;
    lock(&mut tx, tenant, id).await?;
    let found = DELETE
        .bind("tenant_id", tenant)
        .bind("client_id", id)
        .bind("author", author.literal())
        .fetch_optional(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(match found {
        Some((true,)) => DeleteOutcome::IsGlobal,
        Some((false,)) | None => DeleteOutcome::DeletedOrAbsent,
    })
}
