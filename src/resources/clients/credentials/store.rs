use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{Credential, NewCredential};
use crate::base::error::Error;
use crate::base::patch::Patch;
use crate::db::{Db, Statement};
use crate::journal::Author;
use crate::resources::clients::model::CREDENTIALS;

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE, &LIST, &FETCH, &UPDATE, &DELETE];

fn credential(row: &PgRow) -> Result<Option<Credential>, sqlx::Error> {
    let Some(id) = row.try_get("credential_id")? else { return Ok(None) };
    let Json(document) = row.try_get("document")?;
    Ok(Some(Credential {
        id,
        document,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        expires_at: row.try_get("expires_at")?,
    }))
}

static CREATE: Statement = Statement::new("client_credentials.create", include_str!("sql/create.sql"));

/// `None` if there is no such client.
pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    client_id: &str,
    new: &NewCredential,
    author: &Author,
) -> Result<Option<Credential>, Error> {
    let query = CREATE.raw().bind(tenant).bind(client_id).bind(&new.id).bind(Json(&new.document));
    let query = query.bind(&new.public_key).bind(new.expires_at).bind(author.literal());
    let row = query.fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(credential).transpose()?.flatten())
}

static LIST: Statement = Statement::new("client_credentials.list", include_str!("sql/list.sql"));

/// `None` if there is no such client.
pub(crate) async fn list(db: &Db, tenant: &str, client_id: &str) -> Result<Option<Vec<Credential>>, Error> {
    let rows = LIST.raw().bind(tenant).bind(client_id).fetch_all(db.pool()).await?;
    let found = rows.iter().map(credential).collect::<Result<Vec<_>, _>>()?;
    Ok((!rows.is_empty()).then(|| found.into_iter().flatten().collect()))
}

static FETCH: Statement = Statement::new("client_credentials.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
) -> Result<Option<Credential>, Error> {
    let row = FETCH.raw().bind(tenant).bind(client_id).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(credential).transpose()?.flatten())
}

static UPDATE: Statement = Statement::new("client_credentials.update", include_str!("sql/update.sql"));

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
    expires_at: &Patch<OffsetDateTime>,
    author: &Author,
) -> Result<Option<Credential>, Error> {
    let query = UPDATE.raw().bind(tenant).bind(client_id).bind(id);
    let query = query.bind(!expires_at.is_absent()).bind(expires_at.set()).bind(author.literal());
    let row = query.fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(credential).transpose()?.flatten())
}

// The client first, as its own changes lock it before the credentials they name.
static DELETE: Statement = Statement::new("client_credentials.delete", include_str!("sql/delete.sql"));

pub(crate) async fn delete(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = DELETE.raw().bind(tenant).bind(client_id).bind(id).bind(&CREDENTIALS[..]);
    query.bind(author.literal()).execute(db.pool()).await?;
    Ok(())
}
