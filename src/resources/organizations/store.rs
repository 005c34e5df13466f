use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};

use super::model::{GrantFilter, OrganizationFields};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Nullable, Statement};
use crate::journal::Author;
use crate::resources::client_grants::model::ClientGrant;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &CREATE,
    &FETCH,
    &FETCH_BY_NAME,
    &LIST,
    &UPDATE,
    &DELETE,
    &GRANTS,
    &ADD_GRANT,
    &REMOVE_GRANT,
    &OF_GRANT,
];

const CONFLICTS: [(&str, Meaning); 1] = [("organizations_name_key", codes::ORGANIZATION_EXISTS)];

static CREATE: Statement = Statement::new("organizations.create", include_str!("sql/create.sql"));

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &OrganizationFields,
    author: &Author,
) -> Result<String, Error> {
    let query = CREATE.raw().bind(tenant).bind(id).bind(&new.name).bind(Json(&new.set));
    let row = query.bind(author.literal()).fetch_one(db.pool()).await;
    Ok(row.map_err(|e| db::refusal(e, &CONFLICTS))?.try_get(0)?)
}

static FETCH: Statement = Statement::new("organizations.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<String>, Error> {
    let row = FETCH.raw().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static FETCH_BY_NAME: Statement =
    Statement::new("organizations.fetch_by_name", include_str!("sql/fetch_by_name.sql"));

pub(crate) async fn fetch_by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<String>, Error> {
    let row = FETCH_BY_NAME.raw().bind(tenant).bind(name).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static LIST: Statement = Statement::new("organizations.list", include_str!("sql/list.sql"));

pub(crate) async fn list(db: &Db, tenant: &str, page: &Page) -> Result<List<String>, Error> {
    let (from, limit) = bounds(page);
    let query = LIST.raw().bind(tenant).bind(from).bind(limit).bind(page.start());
    read_list(&query.bind(page.include_totals()).fetch_all(db.pool()).await?, page)
}

/// Where a part of a list begins, and one more than a checkpoint asks for, to know whether anything follows.
fn bounds(page: &Page) -> (Option<&str>, i64) {
    match page {
        Page::Checkpoint { from, take } => (from.as_deref(), take + 1),
        Page::Offset { per_page, .. } => (None, *per_page),
    }
}

fn read_list(rows: &[PgRow], page: &Page) -> Result<List<String>, Error> {
    let mut list = List { items: Vec::with_capacity(rows.len()), total: None, next: None };
    for row in rows {
        list.total = row.try_get("total")?;
        if let Some(id) = row.try_get::<Option<String>, _>("organization_id")? {
            list.items.push((id, row.try_get("document")?));
        }
    }
    list.end_at(page.limit(), |(id, _)| id.clone());
    list.try_map(|(_, document)| Ok(document))
}

static UPDATE: Statement = Statement::new("organizations.update", include_str!("sql/update.sql"));

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &OrganizationFields,
    author: &Author,
) -> Result<Option<String>, Error> {
    let query = UPDATE.raw().bind(tenant).bind(id).bind(&patch.name).bind(Json(&patch.set));
    let row = query.bind(&patch.unset).bind(author.literal()).fetch_optional(db.pool()).await;
    Ok(row.map_err(|e| db::refusal(e, &CONFLICTS))?.map(|row| row.try_get(0)).transpose()?)
}

static DELETE: Statement = Statement::new("organizations.delete", include_str!("sql/delete.sql"));

/// Deletes an organization; was there one?
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let done = DELETE.raw().bind(tenant).bind(id).bind(author.literal()).execute(db.pool()).await?;
    Ok(done.rows_affected() > 0)
}

static GRANTS: Statement = Statement::new("organizations.grants", include_str!("sql/grants.sql"));

/// The grants associated with an organization. `None`: no such organization.
pub(crate) async fn grants(
    db: &Db,
    tenant: &str,
    id: &str,
    filter: &GrantFilter,
    audience: Option<&str>,
    page: &Page,
) -> Result<Option<List<ClientGrant>>, Error> {
    let query = GRANTS.raw().bind(tenant).bind(id).bind(audience).bind(&filter.client_id);
    let query = query.bind(&filter.grant_ids).bind(page.limit()).bind(page.start());
    let rows = query.fetch_all(db.pool()).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut list = List { items: Vec::with_capacity(rows.len()), total: first.try_get("total")?, next: None };
    for row in &rows {
        list.items.extend(Nullable::<ClientGrant>::from_row(row)?.0);
    }
    Ok(Some(list))
}

/// What became of an association to be made.
pub(crate) enum Added {
    Done(ClientGrant),
    NoSuchGrant,
    NoSuchOrganization,
}

// The organization is locked at once as strongly as its limit needs it; the lock of the grant keeps it from going away.
static ADD_GRANT: Statement = Statement::new("organizations.add_grant", include_str!("sql/add_grant.sql"));

pub(crate) async fn add_grant(
    db: &Db,
    tenant: &str,
    id: &str,
    grant_id: &str,
    author: &Author,
) -> Result<Added, Error> {
    let query = ADD_GRANT.raw().bind(tenant).bind(id).bind(grant_id).bind(author.literal());
    let row = query.fetch_one(db.pool()).await.map_err(|e| {
        db::refusal(
            e,
            &[
                ("organization_client_grants_pkey", codes::ORGANIZATION_HAS_GRANT),
                ("organization_client_grants_limit", codes::TOO_MANY_ORGANIZATION_GRANTS),
            ],
        )
    })?;
    Ok(match Nullable::from_row(&row)?.0 {
        Some(grant) => Added::Done(grant),
        None if row.try_get("has_organization")? => Added::NoSuchGrant,
        None => Added::NoSuchOrganization,
    })
}

static REMOVE_GRANT: Statement =
    Statement::new("organizations.remove_grant", include_str!("sql/remove_grant.sql"));

/// Takes a grant from an organization if it has it; is there such an organization?
pub(crate) async fn remove_grant(
    db: &Db,
    tenant: &str,
    id: &str,
    grant_id: &str,
    author: &Author,
) -> Result<bool, Error> {
    let query = REMOVE_GRANT.raw().bind(tenant).bind(id).bind(grant_id).bind(author.literal());
    Ok(query.fetch_one(db.pool()).await?.try_get(0)?)
}

static OF_GRANT: Statement = Statement::new("organizations.of_grant", include_str!("sql/of_grant.sql"));

/// The organizations a grant is associated with. `None`: no such grant.
pub(crate) async fn of_grant(
    db: &Db,
    tenant: &str,
    grant_id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let (from, limit) = bounds(page);
    let query = OF_GRANT.raw().bind(tenant).bind(grant_id).bind(from).bind(limit).bind(page.start());
    let rows = query.bind(page.include_totals()).fetch_all(db.pool()).await?;
    if rows.is_empty() { Ok(None) } else { read_list(&rows, page).map(Some) }
}
