//! `client_grants`.
//!
//! Locks: a creation locks the client and the API `for key share`, so that neither is deleted before the
//! grant is committed. Other writers: tenant files, deletions of clients and APIs.

use sqlx::FromRow;
use sqlx::types::Json;

use super::model::{ClientGrant, ClientGrantPatch, Filter, NewClientGrant};
use crate::base::error::{Error, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::db::{self, Db, Nullable, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &LIST_BY_CLIENT, &LIST_BY_AUDIENCE, &UPDATE, &DELETE];

pub(super) enum CreateOutcome {
    Created(ClientGrant),
    IsExpressConfiguration,
    NoSuchClient,
    NoSuchApi,
}

#[derive(FromRow)]
struct CreatedRow {
    has_client: bool,
    is_express_configuration: bool,
    #[sqlx(flatten)]
    grant: Nullable<ClientGrant>,
}

static CREATE: Statement = Statement::new("client_grants.create", include_str!("sql/create.sql"));

pub(super) async fn create(
    db: &Db,
    tenant: &str,
    new: &NewClientGrant,
    audience: &str,
    is_management: bool,
    author: &Author,
) -> Result<CreateOutcome, Error> {
    let created = CREATE
        .bind("tenant_id", tenant)
        .bind("grant_id", ids::prefixed("cgr"))
        .bind("client_id", &new.client_id)
        .bind("audience", audience)
        .bind("subject_type", &new.subject_type)
        .bind("scope", &new.scope)
        .bind("settings", Json(&new.settings))
        .bind("is_management", is_management)
        .bind("author", author.literal())
        .fetch_one(db)
        .await;
    let conflicts = [
        ("client_grants_subject_type_key", codes::CLIENT_GRANT_EXISTS),
        ("client_grants_default_key", codes::CLIENT_GRANT_EXISTS),
    ];
    let CreatedRow { has_client, is_express_configuration, grant } =
        created.map_err(|error| db::constraint_error(error, &conflicts))?;
    Ok(match grant.0 {
        Some(grant) => CreateOutcome::Created(grant),
        None if is_express_configuration => CreateOutcome::IsExpressConfiguration,
        None if has_client => CreateOutcome::NoSuchApi,
        None => CreateOutcome::NoSuchClient,
    })
}

static FETCH: Statement = Statement::new("client_grants.fetch", include_str!("sql/fetch.sql"));

pub(super) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<ClientGrant>, Error> {
    Ok(FETCH.bind("tenant_id", tenant).bind("grant_id", id).fetch_optional(db).await?)
}

static LIST: Statement = Statement::new("client_grants.list", include_str!("sql/list.sql"));

static LIST_BY_CLIENT: Statement =
    Statement::new("client_grants.list_by_client", include_str!("sql/list_by_client.sql"));

static LIST_BY_AUDIENCE: Statement =
    Statement::new("client_grants.list_by_audience", include_str!("sql/list_by_audience.sql"));

#[derive(FromRow)]
struct ListedRow {
    total: Option<i64>,
    #[sqlx(flatten)]
    grant: Nullable<ClientGrant>,
}

pub(super) async fn list(
    db: &Db,
    tenant: &str,
    filter: &Filter,
    page: &Page,
) -> Result<List<ClientGrant>, Error> {
    let statement = match filter {
        Filter { client_id: Some(_), .. } => &LIST_BY_CLIENT,
        Filter { audience: Some(_), .. } => &LIST_BY_AUDIENCE,
        _ => &LIST,
    };
    let rows: Vec<ListedRow> = statement
        .bind("tenant_id", tenant)
        .bind("audience", &filter.audience)
        .bind("client_id", &filter.client_id)
        .bind("subject_type", &filter.subject_type)
        .bind("allow_any_organization", filter.allow_any_organization)
        .bind("from", page.from())
        .bind("limit", page.fetched())
        .bind("offset", page.start())
        .bind("with_total", page.include_totals())
        .fetch_all(db)
        .await?;
    let total = rows.first().and_then(|row| row.total);
    let items = rows.into_iter().filter_map(|row| row.grant.0).collect();
    let mut list = List { items, total, next: None };
    list.end_at(page.limit(), |grant| grant.id.clone());
    Ok(list)
}

pub(super) enum UpdateOutcome {
    Updated(ClientGrant),
    /// The grant is for the API that does not have the scopes.
    Refused,
    NoSuchGrant,
}

static UPDATE: Statement = Statement::new("client_grants.update", include_str!("sql/update.sql"));

/// Changes a grant, unless it is for `refused_audience`.
pub(super) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &ClientGrantPatch,
    refused_audience: Option<&str>,
    author: &Author,
) -> Result<UpdateOutcome, Error> {
    let updated: Option<Nullable<ClientGrant>> = UPDATE
        .bind("tenant_id", tenant)
        .bind("grant_id", id)
        .bind("scope", &patch.scope)
        .bind("set_settings", Json(&patch.set))
        .bind("unset_settings", &patch.unset)
        .bind("refused_audience", refused_audience)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await?;
    Ok(match updated {
        Some(Nullable(Some(grant))) => UpdateOutcome::Updated(grant),
        Some(Nullable(None)) => UpdateOutcome::Refused,
        None => UpdateOutcome::NoSuchGrant,
    })
}

static DELETE: Statement = Statement::new("client_grants.delete", include_str!("sql/delete.sql"));

pub(super) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<(), Error> {
    DELETE
        .bind("tenant_id", tenant)
        .bind("grant_id", id)
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(())
}
