//! `client_credentials`.
//!
//! Locks: a creation locks the client `for key share`; a deletion locks the client before the credential, as
//! changes of the client do, and writes `clients` too. Other writers: creations and deletions of clients.

use sqlx::types::Json;
use time::OffsetDateTime;

use super::model::{Credential, NewCredential};
use crate::base::error::Error;
use crate::base::patch::Patch;
use crate::db::{Db, Nullable, Statement};
use crate::journal::Author;
use crate::resources::clients::model::CREDENTIALS;

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE, &LIST, &FETCH, &UPDATE, &DELETE];

static CREATE: Statement = Statement::new("client_credentials.create", include_str!("sql/create.sql"));

/// `None` without the client.
pub(super) async fn create(
    db: &Db,
    tenant: &str,
    client_id: &str,
    new: &NewCredential,
    author: &Author,
) -> Result<Option<Credential>, Error> {
    let created = CREATE
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .bind("credential_id", &new.id)
        .bind("document", Json(&new.document))
        .bind("public_key", &new.public_key)
        .bind("expires_at", new.expires_at)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await;
    Ok(created?)
}

static LIST: Statement = Statement::new("client_credentials.list", include_str!("sql/list.sql"));

/// `None` without the client.
pub(super) async fn list(db: &Db, tenant: &str, client_id: &str) -> Result<Option<Vec<Credential>>, Error> {
    let rows: Vec<Nullable<Credential>> =
        LIST.bind("tenant_id", tenant).bind("client_id", client_id).fetch_all(db).await?;
    Ok((!rows.is_empty()).then(|| rows.into_iter().filter_map(|row| row.0).collect()))
}

static FETCH: Statement = Statement::new("client_credentials.fetch", include_str!("sql/fetch.sql"));

pub(super) async fn fetch(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
) -> Result<Option<Credential>, Error> {
    let found = FETCH
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .bind("credential_id", id)
        .fetch_optional(db)
        .await;
    Ok(found?)
}

static UPDATE: Statement = Statement::new("client_credentials.update", include_str!("sql/update.sql"));

pub(super) async fn update(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
    expires_at: &Patch<OffsetDateTime>,
    author: &Author,
) -> Result<Option<Credential>, Error> {
    let updated = UPDATE
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .bind("credential_id", id)
        .bind("sets_expiry", !expires_at.is_absent())
        .bind("expires_at", expires_at.set())
        .bind("author", author.literal())
        .fetch_optional(db)
        .await;
    Ok(updated?)
}

static DELETE: Statement = Statement::new("client_credentials.delete", include_str!("sql/delete.sql"));

pub(super) async fn delete(
    db: &Db,
    tenant: &str,
    client_id: &str,
    id: &str,
    author: &Author,
) -> Result<(), Error> {
    DELETE
        .bind("tenant_id", tenant)
        .bind("client_id", client_id)
        .bind("credential_id", id)
        .bind("pointers", &CREDENTIALS[..])
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(())
}
