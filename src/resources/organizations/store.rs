//! `organizations` and `organization_client_grants`, their associations with client grants.
//!
//! A change locks the row of its organization. Associations are also deleted by the foreign keys' cascades,
//! with a client grant or its client. A deletion writes `roles` too.

use sqlx::types::Json;

use super::model::{GrantFilter, NewOrganization, OrganizationPatch};
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Nullable, Statement};
use crate::journal::Author;
use crate::resources::client_grants::model::ClientGrant;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &CREATE,
    &FETCH,
    &FIND_BY_NAME,
    &LIST,
    &UPDATE,
    &DELETE,
    &LIST_GRANTS,
    &ADD_GRANT,
    &REMOVE_GRANT,
    &LIST_OF_GRANT,
];

const CONFLICTS: [(&str, ErrorKind); 1] = [("organizations_name_key", codes::ORGANIZATION_EXISTS)];

static CREATE: Statement = Statement::new("organizations.create", include_str!("sql/create.sql"));

/// The document of the new organization, as all functions here return it.
pub(super) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewOrganization,
    author: &Author,
) -> Result<String, Error> {
    let created = CREATE
        .bind("tenant_id", tenant)
        .bind("organization_id", id)
        .bind("name", &new.name)
        .bind("settings", Json(&new.settings))
        .bind("author", author.literal())
        .fetch_one(db)
        .await;
    let (document,) = created.map_err(|error| db::constraint_error(error, &CONFLICTS))?;
    Ok(document)
}

static FETCH: Statement = Statement::new("organizations.fetch", include_str!("sql/fetch.sql"));

pub(super) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<String>, Error> {
    let found = FETCH.bind("tenant_id", tenant).bind("organization_id", id).fetch_optional(db).await?;
    Ok(found.map(|(document,)| document))
}

static FIND_BY_NAME: Statement =
    Statement::new("organizations.find_by_name", include_str!("sql/find_by_name.sql"));

pub(super) async fn find_by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<String>, Error> {
    let found = FIND_BY_NAME.bind("tenant_id", tenant).bind("name", name).fetch_optional(db).await?;
    Ok(found.map(|(document,)| document))
}

static LIST: Statement = Statement::new("organizations.list", include_str!("sql/list.sql"));

/// Total, id and document; without an organization on an empty page.
type Listed = (Option<i64>, Option<String>, Option<String>);

pub(super) async fn list(db: &Db, tenant: &str, page: &Page) -> Result<List<String>, Error> {
    let rows = LIST
        .bind("tenant_id", tenant)
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .bind("offset", page.start())
        .bind("with_total", page.include_totals())
        .fetch_all(db)
        .await?;
    documents(rows, page)
}

fn documents(rows: Vec<Listed>, page: &Page) -> Result<List<String>, Error> {
    let total = rows.first().and_then(|(total, ..)| *total);
    let items = rows.into_iter().filter_map(|(_, id, document)| Some((id?, document?))).collect();
    let mut list = List { items, total, next: None };
    list.end_at(page.limit(), |(id, _)| id.clone());
    list.try_map(|(_, document)| Ok(document))
}

static UPDATE: Statement = Statement::new("organizations.update", include_str!("sql/update.sql"));

pub(super) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &OrganizationPatch,
    author: &Author,
) -> Result<Option<String>, Error> {
    let updated = UPDATE
        .bind("tenant_id", tenant)
        .bind("organization_id", id)
        .bind("name", &patch.name)
        .bind("set_settings", Json(&patch.set))
        .bind("unset_settings", &patch.unset)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await;
    Ok(updated.map_err(|error| db::constraint_error(error, &CONFLICTS))?.map(|(document,)| document))
}

static DELETE: Statement = Statement::new("organizations.delete", include_str!("sql/delete.sql"));

/// `false` without the organization.
pub(super) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let deleted = DELETE
        .bind("tenant_id", tenant)
        .bind("organization_id", id)
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(deleted.rows_affected() > 0)
}

static LIST_GRANTS: Statement =
    Statement::new("organizations.list_grants", include_str!("sql/list_grants.sql"));

#[derive(sqlx::FromRow)]
struct ListedGrant {
    total: i64,
    #[sqlx(flatten)]
    grant: Nullable<ClientGrant>,
}

/// A page of the grants of an organization, for an API under its stored identifier; `None` without the
/// organization.
pub(super) async fn list_grants(
    db: &Db,
    tenant: &str,
    id: &str,
    filter: &GrantFilter,
    audience: Option<&str>,
    page: &Page,
) -> Result<Option<List<ClientGrant>>, Error> {
    let rows: Vec<ListedGrant> = LIST_GRANTS
        .bind("tenant_id", tenant)
        .bind("organization_id", id)
        .bind("audience", audience)
        .bind("client_id", &filter.client_id)
        .bind("grant_ids", &filter.grant_ids)
        .bind("limit", page.limit())
        .bind("offset", page.start())
        .fetch_all(db)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let total = Some(first.total);
    let items = rows.into_iter().filter_map(|row| row.grant.0).collect();
    Ok(Some(List { items, total, next: None }))
}

static ADD_GRANT: Statement = Statement::new("organizations.add_grant", include_str!("sql/add_grant.sql"));

#[derive(sqlx::FromRow)]
struct AddedGrant {
    has_organization: bool,
    #[sqlx(flatten)]
    grant: Nullable<ClientGrant>,
}

/// The outcome of [`add_grant`].
pub(super) enum Association {
    Added(ClientGrant),
    NoSuchGrant,
    NoSuchOrganization,
}

pub(super) async fn add_grant(
    db: &Db,
    tenant: &str,
    id: &str,
    grant_id: &str,
    author: &Author,
) -> Result<Association, Error> {
    let added = ADD_GRANT
        .bind("tenant_id", tenant)
        .bind("organization_id", id)
        .bind("grant_id", grant_id)
        .bind("author", author.literal())
        .fetch_one(db)
        .await;
    let conflicts = [
        ("organization_client_grants_pkey", codes::ORGANIZATION_HAS_GRANT),
        ("organization_client_grants_limit", codes::TOO_MANY_ORGANIZATION_GRANTS),
    ];
    let AddedGrant { has_organization, grant } =
        added.map_err(|error| db::constraint_error(error, &conflicts))?;
    Ok(match grant.0 {
        Some(grant) => Association::Added(grant),
        None if has_organization => Association::NoSuchGrant,
        None => Association::NoSuchOrganization,
    })
}

static REMOVE_GRANT: Statement =
    Statement::new("organizations.remove_grant", include_str!("sql/remove_grant.sql"));

/// `false` without the organization.
pub(super) async fn remove_grant(
    db: &Db,
    tenant: &str,
    id: &str,
    grant_id: &str,
    author: &Author,
) -> Result<bool, Error> {
    let (has_organization,) = REMOVE_GRANT
        .bind("tenant_id", tenant)
        .bind("organization_id", id)
        .bind("grant_id", grant_id)
        .bind("author", author.literal())
        .fetch_one(db)
        .await?;
    Ok(has_organization)
}

static LIST_OF_GRANT: Statement =
    Statement::new("organizations.list_of_grant", include_str!("sql/list_of_grant.sql"));

/// A page of the organizations that a grant is associated with; `None` without the grant.
pub(super) async fn list_of_grant(
    db: &Db,
    tenant: &str,
    grant_id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let rows: Vec<Listed> = LIST_OF_GRANT
        .bind("tenant_id", tenant)
        .bind("grant_id", grant_id)
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .bind("offset", page.start())
        .bind("with_total", page.include_totals())
        .fetch_all(db)
        .await?;
    if rows.is_empty() { Ok(None) } else { documents(rows, page).map(Some) }
}
