use serde_json::{Map, Value};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::fields::merged_names;
use super::model::{ClientPatch, Filter, Granted, METADATA_KEYS, NewClient, filled_up};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &LIST_OF_GRANTED, &UPDATE, &ROTATE_SECRET, &LOCK, &DELETE];

/// A client with its secret still sealed.
pub(crate) struct Stored {
    pub client_id: String,
    pub settings: Map<String, Value>,
    pub client_metadata: Option<Value>,
    pub client_secret: Option<Vec<u8>>,
    pub etag: String,
    pub created_at: OffsetDateTime,
}

const CONFLICTS: [(&str, Meaning); 2] = [
    ("client_aliases_pkey", codes::CLIENT_ALIAS_EXISTS),
    ("clients_organizations_of_third_party", codes::ORGANIZATIONS_OF_THIRD_PARTY),
];

fn stored(row: &PgRow) -> Result<Option<Stored>, sqlx::Error> {
    let Some(client_id) = row.try_get("client_id")? else { return Ok(None) };
    let Json(settings) = row.try_get("settings")?;
    Ok(Some(Stored {
        client_id,
        settings,
        client_metadata: row.try_get("client_metadata")?,
        client_secret: row.try_get("client_secret")?,
        etag: quoted(row.try_get("etag")?),
        created_at: row.try_get("created_at")?,
    }))
}

fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

static CREATE: Statement = Statement::new("clients.create", include_str!("sql/create.sql"));

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewClient,
    sealed: &[u8],
    author: &Author,
) -> Result<Stored, Error> {
    let query = CREATE.raw().bind(tenant).bind(id).bind(Json(&new.settings));
    let query = query.bind(new.client_metadata.as_ref().map(Json)).bind(sealed).bind(author.literal());
    let (mut ids, mut documents, mut keys, mut expiries) = (vec![], vec![], vec![], vec![]);
    for credential in &new.credentials {
        ids.push(credential.id.as_str());
        documents.push(Json(&credential.document));
        keys.push(credential.public_key.as_ref().map(Json));
        expiries.push(credential.expires_at);
    }
    let query = query.bind(ids).bind(documents).bind(keys).bind(expiries);
    let row = query.fetch_one(db.pool()).await.map_err(|e| db::refusal(e, &CONFLICTS))?;
    stored(&row)?.ok_or_else(|| Error::internal("a client that was made is not there"))
}

static FETCH: Statement = Statement::new("clients.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<Stored>, Error> {
    let row = FETCH.raw().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?.flatten())
}

static LIST: Statement = Statement::new("clients.list", include_str!("sql/list.sql"));

static LIST_OF_GRANTED: Statement =
    Statement::new("clients.list_of_granted", include_str!("sql/list_of_granted.sql"));

/// One more than a checkpoint asks for is looked at, to know whether anything follows.
pub(crate) async fn list(db: &Db, tenant: &str, filter: &Filter, page: &Page) -> Result<List<Stored>, Error> {
    let query = if let Some(granted) = &filter.granted {
        let organization = match granted {
            Granted::Organization(id) => Some(id),
            Granted::AnyOrganization => None,
        };
        LIST_OF_GRANTED.raw().bind(tenant).bind(organization).bind(page.from()).bind(page.fetched())
    } else {
        let query = LIST.raw().bind(tenant).bind(filter.app_types.as_deref());
        let query = query.bind(filter.is_global).bind(filter.is_first_party).bind(page.from());
        let query = query.bind(page.fetched()).bind(page.start()).bind(page.include_totals());
        query.bind(filter.external_client_id.as_deref())
    };
    let rows = query.fetch_all(db.pool()).await?;
    let mut list = List { items: Vec::with_capacity(rows.len()), total: None, next: None };
    for row in &rows {
        list.total = row.try_get("total")?;
        list.items.extend(stored(row)?);
    }
    list.end_at(page.limit(), |client| client.client_id.clone());
    Ok(list)
}

/// What became of a change.
pub(crate) enum Updated {
    Done(Box<Stored>),
    /// So many keys `client_metadata` would have.
    TooManyKeys(usize),
    /// Not all the credentials it would name are there.
    NoSuchCredential,
    /// The precondition does not hold; the present tag.
    Mismatch(String),
    NoSuchClient,
}

static UPDATE: Statement = Statement::new("clients.update", include_str!("sql/update.sql"));

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &ClientPatch,
    sealed: Option<&[u8]>,
    if_match: Option<&[String]>,
    author: &Author,
) -> Result<Updated, Error> {
    let metadata: Option<Json<&serde_json::value::RawValue>> = patch
        .client_metadata
        .as_deref()
        .map(|text| serde_json::from_str(text).map(Json))
        .transpose()
        .map_err(Error::internal)?;
    let most = i64::try_from(METADATA_KEYS).unwrap_or(i64::MAX);
    let query = UPDATE.raw().bind(tenant).bind(id).bind(Json(&patch.set)).bind(&patch.unset);
    let query = query.bind(metadata).bind(sealed).bind(if_match).bind(most).bind(author.literal());
    let query = query.bind(&patch.credentials).bind(merged_names()).bind(Json(filled_up()));
    let row = query.fetch_optional(db.pool()).await.map_err(|e| db::refusal(e, &CONFLICTS))?;
    let Some(row) = row else { return Ok(Updated::NoSuchClient) };
    Ok(match stored(&row)? {
        Some(stored) => Updated::Done(Box::new(stored)),
        None if row.try_get("matches")? && !row.try_get("complete")? => Updated::NoSuchCredential,
        None if row.try_get("matches")? => {
            Updated::TooManyKeys(usize::try_from(row.try_get::<i64, _>("keys")?).unwrap_or(usize::MAX))
        }
        None => Updated::Mismatch(quoted(row.try_get("tag")?)),
    })
}

static ROTATE_SECRET: Statement =
    Statement::new("clients.rotate_secret", include_str!("sql/rotate_secret.sql"));

pub(crate) async fn rotate_secret(
    db: &Db,
    tenant: &str,
    id: &str,
    sealed: &[u8],
    author: &Author,
) -> Result<Option<Stored>, Error> {
    let query = ROTATE_SECRET.raw().bind(tenant).bind(id).bind(sealed).bind(author.literal());
    let row = query.fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(stored).transpose()?.flatten())
}

/// What waits for grants and credentials that are being made: the deletion is to see them.
static LOCK: Statement = Statement::new("clients.lock", include_str!("sql/lock.sql"));

static DELETE: Statement = Statement::new("clients.delete", include_str!("sql/delete.sql"));

/// Deletes a client, if there is one, with its grants, its credentials and its place in connections; was it one that stays?
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    LOCK.raw().bind(tenant).bind(id).execute(&mut *tx).await?;
    let row = DELETE.raw().bind(tenant).bind(id).bind(author.literal()).fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.map(|row| row.try_get("kept")).transpose()?.unwrap_or(false))
}
