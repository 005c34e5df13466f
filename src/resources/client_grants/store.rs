use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{ClientGrant, ClientGrantPatch, Filter, NewClientGrant};
use crate::base::error::{Error, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &LIST_OF_CLIENT, &LIST_OF_AUDIENCE, &UPDATE, &DELETE];

pub(crate) fn read_grant(row: &PgRow) -> Result<Option<ClientGrant>, sqlx::Error> {
    let Some(id) = row.try_get("grant_id")? else { return Ok(None) };
    Ok(Some(ClientGrant {
        id,
        client_id: row.try_get("client_id")?,
        audience: row.try_get("audience")?,
        subject_type: row.try_get("subject_type")?,
        scope: row.try_get("scope")?,
        settings: row.try_get::<Json<_>, _>("settings")?.0,
    }))
}

/// What became of a grant to be made.
pub(crate) enum Created {
    Done(ClientGrant),
    NoSuchClient,
    NoSuchApi,
}

// The locks keep client and API from going away before the grant is there to go with them.
static CREATE: Statement = Statement::new("client_grants.create", include_str!("sql/create.sql"));

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    new: &NewClientGrant,
    audience: &str,
    is_management: bool,
    author: &Author,
) -> Result<Created, Error> {
    let row = CREATE
        .raw()
        .bind(tenant)
        .bind(ids::prefixed("cgr"))
        .bind(&new.client_id)
        .bind(audience)
        .bind(&new.subject_type)
        .bind(&new.scope)
        .bind(Json(&new.settings))
        .bind(is_management)
        .bind(author.literal())
        .fetch_one(db.pool())
        .await
        .map_err(|e| db::refusal(e, &[("client_grants_subject_type_key", codes::CLIENT_GRANT_EXISTS)]))?;
    Ok(match read_grant(&row)? {
        Some(grant) => Created::Done(grant),
        None if row.try_get("has_client")? => Created::NoSuchApi,
        None => Created::NoSuchClient,
    })
}

static FETCH: Statement = Statement::new("client_grants.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<ClientGrant>, Error> {
    let row = FETCH.raw().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(read_grant).transpose()?.flatten())
}

static LIST: Statement = Statement::new("client_grants.list", include_str!("sql/list.sql"));

static LIST_OF_CLIENT: Statement =
    Statement::new("client_grants.list_of_client", include_str!("sql/list_of_client.sql"));

static LIST_OF_AUDIENCE: Statement =
    Statement::new("client_grants.list_of_audience", include_str!("sql/list_of_audience.sql"));

/// One more than a checkpoint asks for is looked at, to know whether anything follows.
pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    filter: &Filter,
    page: &Page,
) -> Result<List<ClientGrant>, Error> {
    let statement = match filter {
        Filter { client_id: Some(_), .. } => &LIST_OF_CLIENT,
        Filter { audience: Some(_), .. } => &LIST_OF_AUDIENCE,
        _ => &LIST,
    };
    let query = statement.raw().bind(tenant).bind(&filter.audience).bind(&filter.client_id);
    let query = query.bind(&filter.subject_type).bind(filter.allow_any_organization).bind(page.from());
    let query = query.bind(page.fetched()).bind(page.start()).bind(page.include_totals());
    let rows = query.fetch_all(db.pool()).await?;
    let mut list = List { items: Vec::with_capacity(rows.len()), total: None, next: None };
    for row in &rows {
        list.total = row.try_get("total")?;
        list.items.extend(read_grant(row)?);
    }
    list.end_at(page.limit(), |grant| grant.id.clone());
    Ok(list)
}

/// What became of a change.
pub(crate) enum Updated {
    Done(ClientGrant),
    Refused,
    NoSuchGrant,
}

static UPDATE: Statement = Statement::new("client_grants.update", include_str!("sql/update.sql"));

/// Changes a grant, unless it is for the API that does not know the scopes it would give.
pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &ClientGrantPatch,
    refused_for: Option<&str>,
    author: &Author,
) -> Result<Updated, Error> {
    let query = UPDATE.raw().bind(tenant).bind(id).bind(&patch.scope).bind(Json(&patch.set));
    let query = query.bind(&patch.unset).bind(refused_for).bind(author.literal());
    Ok(match query.fetch_optional(db.pool()).await? {
        None => Updated::NoSuchGrant,
        Some(row) => read_grant(&row)?.map_or(Updated::Refused, Updated::Done),
    })
}

static DELETE: Statement = Statement::new("client_grants.delete", include_str!("sql/delete.sql"));

pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<(), Error> {
    DELETE.raw().bind(tenant).bind(id).bind(author.literal()).execute(db.pool()).await?;
    Ok(())
}
