use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::model::{GrantFilter, OrganizationFields};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::{Author, author, insert_journal};
use crate::resources::client_grants::model::ClientGrant;
use crate::resources::client_grants::store::{grant, read_grant};

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

/// The document of an organization `o`.
macro_rules! document {
    () => {
        "(o.settings || jsonb_build_object('id', o.organization_id, 'name', o.name))::text"
    };
}

/// What an organization is, for the journal.
macro_rules! whole {
    () => {
        "settings || jsonb_build_object('name', name)"
    };
}

static CREATE: Statement = Statement::new(
    "organizations.create",
    concat!(
        "with o as (
             insert into organizations (tenant_id, organization_id, name, settings)
             values ($1, $2, $3, $4)
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'organization.created', organization_id, journal_changes(null, ",
        whole!(),
        "), ",
        author!("$5::text[]"),
        "
               from o
         )
         select ",
        document!(),
        "
           from o"
    ),
);

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &OrganizationFields,
    author: &Author,
) -> Result<String, Error> {
    let query = CREATE.query().bind(tenant).bind(id).bind(&new.name).bind(Json(&new.set));
    let row = query.bind(author.entry()).fetch_one(db.pool()).await;
    Ok(row.map_err(|e| db::refusal(e, &CONFLICTS))?.try_get(0)?)
}

static FETCH: Statement = Statement::new(
    "organizations.fetch",
    concat!(
        "select ",
        document!(),
        "
       from organizations o
      where o.tenant_id = $1
        and o.organization_id = $2"
    ),
);

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<String>, Error> {
    let row = FETCH.query().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static FETCH_BY_NAME: Statement = Statement::new(
    "organizations.fetch_by_name",
    concat!(
        "select ",
        document!(),
        "
       from organizations o
      where o.tenant_id = $1
        and o.name = $2"
    ),
);

pub(crate) async fn fetch_by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<String>, Error> {
    let row = FETCH_BY_NAME.query().bind(tenant).bind(name).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static LIST: Statement = Statement::new(
    "organizations.list",
    concat!(
        "select case when $5 then (select count(*)
                            from organizations c
                           where c.tenant_id = $1) end as total,
            o.organization_id,
            ",
        document!(),
        " as document
       from (values (1)) one
       left join lateral (select *
                            from organizations l
                           where l.tenant_id = $1
                             and l.organization_id > coalesce($2::text, '')
                           order by l.organization_id
                           limit $3
                          offset $4) o on true"
    ),
);

pub(crate) async fn list(db: &Db, tenant: &str, page: &Page) -> Result<List<String>, Error> {
    let (from, limit) = bounds(page);
    let query = LIST.query().bind(tenant).bind(from).bind(limit).bind(page.start());
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

static UPDATE: Statement = Statement::new(
    "organizations.update",
    concat!(
        "with before as (
             select *
               from organizations
              where tenant_id = $1
                and organization_id = $2
                for update
         ), o as (
             update organizations u
                set name = coalesce($3, b.name),
                    settings = (b.settings || $4) - $5::text[],
                    updated_at = now()
               from before b
              where u.tenant_id = b.tenant_id
                and u.organization_id = b.organization_id
          returning u.*, b.settings || jsonb_build_object('name', b.name) as old
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'organization.updated', organization_id, journal_changes(old, ",
        whole!(),
        "), ",
        author!("$6::text[]"),
        "
               from o
              where ",
        whole!(),
        " <> old
         )
         select ",
        document!(),
        "
           from o"
    ),
);

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &OrganizationFields,
    author: &Author,
) -> Result<Option<String>, Error> {
    let query = UPDATE.query().bind(tenant).bind(id).bind(&patch.name).bind(Json(&patch.set));
    let row = query.bind(&patch.unset).bind(author.entry()).fetch_optional(db.pool()).await;
    Ok(row.map_err(|e| db::refusal(e, &CONFLICTS))?.map(|row| row.try_get(0)).transpose()?)
}

static DELETE: Statement = Statement::new(
    "organizations.delete",
    concat!(
        "with deleted as (
             delete from organizations
              where tenant_id = $1
                and organization_id = $2
          returning *
         )
         ",
        insert_journal!(),
        "
         select tenant_id, 'organization.deleted', organization_id, journal_changes(",
        whole!(),
        ", null), ",
        author!("$3::text[]"),
        "
           from deleted"
    ),
);

/// Deletes an organization; was there one?
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let done = DELETE.query().bind(tenant).bind(id).bind(author.entry()).execute(db.pool()).await?;
    Ok(done.rows_affected() > 0)
}

static GRANTS: Statement = Statement::new(
    "organizations.grants",
    concat!(
        "with matching as (
             select g.*
               from organization_client_grants a
               join client_grants g on g.tenant_id = a.tenant_id and g.grant_id = a.grant_id
              where a.tenant_id = $1
                and a.organization_id = $2
                and ($3::text is null or g.audience = $3)
                and ($4::text is null or g.client_id = $4)
                and ($5::text[] is null or g.grant_id = any($5))
         )
         select (select count(*) from matching) as total, ",
        grant!(),
        "
           from organizations o
           left join lateral (select *
                                from matching m
                               order by m.grant_id
                               limit $6
                              offset $7) g on true
          where o.tenant_id = $1
            and o.organization_id = $2"
    ),
);

/// The grants associated with an organization. `None`: no such organization.
pub(crate) async fn grants(
    db: &Db,
    tenant: &str,
    id: &str,
    filter: &GrantFilter,
    audience: Option<&str>,
    page: &Page,
) -> Result<Option<List<ClientGrant>>, Error> {
    let query = GRANTS.query().bind(tenant).bind(id).bind(audience).bind(&filter.client_id);
    let query = query.bind(&filter.grant_ids).bind(page.limit()).bind(page.start());
    let rows = query.fetch_all(db.pool()).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut list = List { items: Vec::with_capacity(rows.len()), total: first.try_get("total")?, next: None };
    for row in &rows {
        list.items.extend(read_grant(row)?);
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
static ADD_GRANT: Statement = Statement::new(
    "organizations.add_grant",
    concat!(
        "with organization as (
             select organization_id
               from organizations
              where tenant_id = $1
                and organization_id = $2
                for no key update
         ), granted as (
             select *
               from client_grants
              where tenant_id = $1
                and grant_id = $3
                for key share
         ), added as (
             insert into organization_client_grants (tenant_id, organization_id, grant_id)
             select $1, o.organization_id, g.grant_id
               from organization o
              cross join granted g
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'organization.client_grants_added', organization_id,
                    jsonb_build_object('client_grants', jsonb_build_object('after', jsonb_build_array(grant_id))), ",
        author!("$4::text[]"),
        "
               from added
         )
         select exists (select from organization) as has_organization, ",
        grant!(),
        "
           from (values (1)) one
           left join (granted g join added a on a.grant_id = g.grant_id) on true"
    ),
);

pub(crate) async fn add_grant(
    db: &Db,
    tenant: &str,
    id: &str,
    grant_id: &str,
    author: &Author,
) -> Result<Added, Error> {
    let query = ADD_GRANT.query().bind(tenant).bind(id).bind(grant_id).bind(author.entry());
    let row = query.fetch_one(db.pool()).await.map_err(|e| {
        db::refusal(
            e,
            &[
                ("organization_client_grants_pkey", codes::ORGANIZATION_HAS_GRANT),
                ("organization_client_grants_limit", codes::TOO_MANY_ORGANIZATION_GRANTS),
            ],
        )
    })?;
    Ok(match read_grant(&row)? {
        Some(grant) => Added::Done(grant),
        None if row.try_get("has_organization")? => Added::NoSuchGrant,
        None => Added::NoSuchOrganization,
    })
}

static REMOVE_GRANT: Statement = Statement::new(
    "organizations.remove_grant",
    concat!(
        "with removed as (
             delete from organization_client_grants
              where tenant_id = $1
                and organization_id = $2
                and grant_id = $3
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'organization.client_grants_removed', organization_id,
                    jsonb_build_object('client_grants', jsonb_build_object('before', jsonb_build_array(grant_id))), ",
        author!("$4::text[]"),
        "
               from removed
         )
         select exists (select from organizations where tenant_id = $1 and organization_id = $2)"
    ),
);

/// Takes a grant from an organization if it has it; is there such an organization?
pub(crate) async fn remove_grant(
    db: &Db,
    tenant: &str,
    id: &str,
    grant_id: &str,
    author: &Author,
) -> Result<bool, Error> {
    let query = REMOVE_GRANT.query().bind(tenant).bind(id).bind(grant_id).bind(author.entry());
    Ok(query.fetch_one(db.pool()).await?.try_get(0)?)
}

static OF_GRANT: Statement = Statement::new(
    "organizations.of_grant",
    concat!(
        "select case when $6 then (select count(*)
                            from organization_client_grants c
                           where c.tenant_id = $1
                             and c.grant_id = $2) end as total,
            o.organization_id,
            ",
        document!(),
        " as document
       from client_grants g
       left join lateral (select l.*
                            from organization_client_grants a
                            join organizations l on l.tenant_id = a.tenant_id and l.organization_id = a.organization_id
                           where a.tenant_id = $1
                             and a.grant_id = $2
                             and a.organization_id > coalesce($3::text, '')
                           order by a.organization_id
                           limit $4
                          offset $5) o on true
      where g.tenant_id = $1
        and g.grant_id = $2"
    ),
);

/// The organizations a grant is associated with. `None`: no such grant.
pub(crate) async fn of_grant(
    db: &Db,
    tenant: &str,
    grant_id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let (from, limit) = bounds(page);
    let query = OF_GRANT.query().bind(tenant).bind(grant_id).bind(from).bind(limit).bind(page.start());
    let rows = query.bind(page.include_totals()).fetch_all(db.pool()).await?;
    if rows.is_empty() { Ok(None) } else { read_list(&rows, page).map(Some) }
}
