use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{ClientGrant, ClientGrantPatch, Filter, NewClientGrant};
use crate::base::error::{Error, codes};
use crate::base::ids;
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::{Author, author, insert_journal};

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &LIST_OF_CLIENT, &LIST_OF_AUDIENCE, &UPDATE, &DELETE];

/// What a grant is, for the journal.
macro_rules! whole {
    () => {
        "settings || jsonb_build_object('client_id', client_id, 'audience', audience, 'subject_type', subject_type, 'scope', scope)"
    };
}

/// What makes a [`ClientGrant`], of a table or CTE `g`.
macro_rules! grant {
    () => {
        "g.grant_id, g.client_id, g.audience, g.subject_type, g.scope, g.settings"
    };
}
pub(crate) use grant;

/// Takes away the grants of what a statement deletes, each with its journal row: two CTEs after `deleted`. `$of` ties a
/// grant `g` to it, `$author` is the array that the deletion's own entry is made of.
macro_rules! delete_grants {
    ($of:literal, $author:literal) => {
        concat!(
            "grants as (
             delete from client_grants g
              using deleted d
              where g.tenant_id = d.tenant_id
                and ",
            $of,
            "
          returning g.*
         ), grant_entries as (
             ",
            insert_journal!(),
            "
             select tenant_id, 'client_grant.deleted', grant_id,
                    journal_changes(settings || jsonb_build_object('client_id', client_id, 'audience', audience, 'subject_type', subject_type, 'scope', scope), null), ",
            author!($author),
            "
               from grants
         )"
        )
    };
}
pub(crate) use delete_grants;

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
static CREATE: Statement = Statement::new(
    "client_grants.create",
    concat!(
        "with client as (
             select client_id
               from clients
              where tenant_id = $1
                and client_id = $3
                and settings -> 'global' is distinct from 'true'
                for key share
         ), api as (
             select identifier from resource_servers where tenant_id = $1 and identifier = $4 for key share
         ), created as (
             insert into client_grants (tenant_id, grant_id, client_id, audience, subject_type, scope, settings)
             select $1, $2, client_id, $4, $5, $6, $7
               from client
              where $8 or exists (select from api)
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client_grant.created', grant_id,
                    journal_changes(null, ",
        whole!(),
        "), ",
        author!("$9::text[]"),
        "
               from created
         )
         select exists (select from client) as has_client, ",
        grant!(),
        "
           from (values (1)) one
           left join created g on true"
    ),
);

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    new: &NewClientGrant,
    audience: &str,
    is_management: bool,
    author: &Author,
) -> Result<Created, Error> {
    let row = CREATE
        .query()
        .bind(tenant)
        .bind(ids::prefixed("cgr"))
        .bind(&new.client_id)
        .bind(audience)
        .bind(&new.subject_type)
        .bind(&new.scope)
        .bind(Json(&new.settings))
        .bind(is_management)
        .bind(author.entry())
        .fetch_one(db.pool())
        .await
        .map_err(|e| db::refusal(e, &[("client_grants_subject_type_key", codes::CLIENT_GRANT_EXISTS)]))?;
    Ok(match read_grant(&row)? {
        Some(grant) => Created::Done(grant),
        None if row.try_get("has_client")? => Created::NoSuchApi,
        None => Created::NoSuchClient,
    })
}

static FETCH: Statement = Statement::new(
    "client_grants.fetch",
    concat!(
        "select ",
        grant!(),
        "
       from client_grants g
      where g.tenant_id = $1
        and g.grant_id = $2"
    ),
);

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<ClientGrant>, Error> {
    let row = FETCH.query().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.as_ref().map(read_grant).transpose()?.flatten())
}

/// Grants of a tenant that are `$of` somebody. Postgres finds them by an index only if the statement says so itself.
macro_rules! list {
    ($of:literal) => {
        concat!(
            "with matching as not materialized (
         select *
           from client_grants g
          where g.tenant_id = $1
            and ",
            $of,
            "
            and ($4::text is null or g.subject_type = $4)
            and ($5::boolean is null or coalesce(g.settings ->> 'allow_any_organization', 'false')::boolean = $5)
     )
     select case when $9 then (select count(*) from matching) end as total,
            ",
            grant!(),
            "
       from (values (1)) one
       left join lateral (select *
                            from matching m
                           where m.grant_id > coalesce($6::text, '')
                           order by m.grant_id
                           limit $7
                          offset $8) g on true"
        )
    };
}

static LIST: Statement = Statement::new(
    "client_grants.list",
    list!("($2::text is null or g.audience = $2) and ($3::text is null or g.client_id = $3)"),
);

static LIST_OF_CLIENT: Statement = Statement::new(
    "client_grants.list_of_client",
    list!("($2::text is null or g.audience = $2) and g.client_id = $3"),
);

static LIST_OF_AUDIENCE: Statement = Statement::new(
    "client_grants.list_of_audience",
    list!("g.audience = $2 and ($3::text is null or g.client_id = $3)"),
);

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
    let query = statement.query().bind(tenant).bind(&filter.audience).bind(&filter.client_id);
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

static UPDATE: Statement = Statement::new(
    "client_grants.update",
    concat!(
        "with before as (
             select *
               from client_grants
              where tenant_id = $1
                and grant_id = $2
                for update
         ), changed as (
             update client_grants g
                set scope = coalesce($3, b.scope),
                    settings = (b.settings || $4) - $5::text[],
                    updated_at = now()
               from before b
              where g.tenant_id = b.tenant_id
                and g.grant_id = b.grant_id
                and ($6::text is null or b.audience <> $6)
          returning g.*, b.settings || jsonb_build_object('scope', b.scope) as old
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'client_grant.updated', grant_id,
                    journal_changes(old, settings || jsonb_build_object('scope', scope)), ",
        author!("$7::text[]"),
        "
               from changed
              where settings || jsonb_build_object('scope', scope) <> old
         )
         select ",
        grant!(),
        "
           from before b
           left join changed g on true"
    ),
);

/// Changes a grant, unless it is for the API that does not know the scopes it would give.
pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &ClientGrantPatch,
    refused_for: Option<&str>,
    author: &Author,
) -> Result<Updated, Error> {
    let query = UPDATE.query().bind(tenant).bind(id).bind(&patch.scope).bind(Json(&patch.set));
    let query = query.bind(&patch.unset).bind(refused_for).bind(author.entry());
    Ok(match query.fetch_optional(db.pool()).await? {
        None => Updated::NoSuchGrant,
        Some(row) => read_grant(&row)?.map_or(Updated::Refused, Updated::Done),
    })
}

static DELETE: Statement = Statement::new(
    "client_grants.delete",
    concat!(
        "with deleted as (
             delete from client_grants
              where tenant_id = $1
                and grant_id = $2
          returning *
         )
         ",
        insert_journal!(),
        "
         select tenant_id, 'client_grant.deleted', grant_id,
                journal_changes(",
        whole!(),
        ", null), ",
        author!("$3::text[]"),
        "
           from deleted"
    ),
);

pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<(), Error> {
    DELETE.query().bind(tenant).bind(id).bind(author.entry()).execute(db.pool()).await?;
    Ok(())
}
