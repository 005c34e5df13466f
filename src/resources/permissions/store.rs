use sqlx::Row;

use super::model::{Owner, Permission};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::{Author, author, insert_journal};

pub(crate) const STATEMENTS: &[&Statement] =
    &[&OF_ROLE, &OF_USER, &PERMITTED, &ADD_TO_ROLE, &ADD_TO_USER, &REMOVE_FROM_ROLE, &REMOVE_FROM_USER];

/// What is answered of an assignment `a` of a permission of an API `s`, and more. Descriptions are looked up for the rows
/// of the page only.
macro_rules! document {
    ($more:literal) => {
        concat!(
            "json_strip_nulls(json_build_object(
                        'permission_name', a.permission_name,
                        'description', (select p.description
                                          from permissions p
                                         where p.tenant_id = $1
                                           and p.resource_server_id = a.resource_server_id
                                           and p.permission_name = a.permission_name),
                        'resource_server_name', s.settings ->> 'name',
                        'resource_server_identifier', s.identifier",
            $more,
            "))::text"
        )
    };
}

/// The APIs `s` of assignments `a`, page by page.
macro_rules! page {
    () => {
        "
                    join resource_servers s
                      on s.tenant_id = $1
                     and s.resource_server_id = a.resource_server_id
                   order by s.identifier, a.permission_name
                   limit $3
                  offset $4"
    };
}

static OF_ROLE: Statement = Statement::new(
    "permissions.of_role",
    concat!(
        "with a as (
             select resource_server_id, permission_name
               from role_permissions
              where tenant_id = $1
                and role_id = $2
         )
         select array(select ",
        document!(""),
        "
                    from a",
        page!(),
        "),
                (select count(*) from a)
           from roles
          where tenant_id = $1
            and role_id = $2"
    ),
);

static OF_USER: Statement = Statement::new(
    "permissions.of_user",
    concat!(
        "with source as (
             select resource_server_id, permission_name, '' as source_id, '' as source_name, 'DIRECT' as source_type
               from user_permissions
              where tenant_id = $1
                and user_id = $2
              union all
             select rp.resource_server_id, rp.permission_name, r.role_id, r.name, 'ROLE'
               from role_members m
               join roles r using (tenant_id, role_id)
               join role_permissions rp using (tenant_id, role_id)
              where m.tenant_id = $1
                and m.user_id = $2
         ), a as (
             select resource_server_id, permission_name,
                    json_agg(json_build_object('source_id', source_id, 'source_name', source_name, 'source_type', source_type)
                             order by source_type, source_name) as sources
               from source
              group by resource_server_id, permission_name
         )
         select array(select ",
        document!(", 'sources', a.sources"),
        "
                    from a",
        page!(),
        "),
                (select count(*) from a)
           from users
          where tenant_id = $1
            and user_id = $2"
    ),
);

static PERMITTED: Statement = Statement::new(
    "permissions.permitted",
    "select array(select permission_name
                    from permissions
                   where tenant_id = $1
                     and resource_server_id = $3
                   order by permission_name) as all_names,
            array(select permission_name
                    from user_permissions
                   where tenant_id = $1
                     and user_id = $2
                     and resource_server_id = $3
                   union
                  select rp.permission_name
                    from role_members m
                    join role_permissions rp using (tenant_id, role_id)
                   where m.tenant_id = $1
                     and m.user_id = $2
                     and rp.resource_server_id = $3
                   order by permission_name) as names_of_user",
);

pub(crate) async fn permitted(
    db: &Db,
    tenant: &str,
    user_id: &str,
    resource_server_id: &str,
) -> Result<super::Permitted, Error> {
    let row =
        PERMITTED.query().bind(tenant).bind(user_id).bind(resource_server_id).fetch_one(db.pool()).await?;
    Ok(super::Permitted { all: row.try_get("all_names")?, of_user: row.try_get("names_of_user")? })
}

/// What a role or user may do. `None`: no such role or user.
pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    owner: Owner<'_>,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let (statement, id) = match owner {
        Owner::Role(id) => (&OF_ROLE, id),
        Owner::User(id) => (&OF_USER, id),
    };
    let query = statement.query().bind(tenant).bind(id).bind(page.limit()).bind(page.start());
    let Some(row) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some(List { items: row.try_get(0)?, total: row.try_get(1)?, next: None }))
}

/// The journal rows of the assignments in a CTE. `$owner` is `role` or `user`, `$side` where they stand in the change.
macro_rules! journal_entry {
    ($owner:literal, $verb:literal, $side:literal) => {
        concat!(
            "journal_entry as (
             ",
            insert_journal!(),
            "
             select tenant_id, '",
            $owner,
            ".permissions_",
            $verb,
            "', c.",
            $owner,
            "_id,
                    jsonb_build_object('permissions', jsonb_build_object('",
            $side,
            "', jsonb_agg(jsonb_build_object(
                        'resource_server_identifier', s.identifier, 'permission_name', c.permission_name)))), ",
            author!("$5::text[]"),
            "
               from changed c
               join resource_servers s using (tenant_id, resource_server_id)
              group by tenant_id, c.",
            $owner,
            "_id
         )"
        )
    };
}

macro_rules! add {
    ($owner:literal) => {
        concat!(
            "with asked as (
             select g.*,
                    s.resource_server_id,
                    coalesce((select true
                                from permissions p
                               where p.tenant_id = $1
                                 and p.resource_server_id = s.resource_server_id
                                 and p.permission_name = g.permission_name), false) as is_known
               from unnest($3::text[], $4::text[]) g(identifier, permission_name)
               left join resource_servers s on s.tenant_id = $1 and s.identifier = g.identifier
         ), unknown as (
             select identifier, permission_name, resource_server_id is not null as server_exists
               from asked
              where not is_known
              limit 1
         ), owner as (
             select from ",
            $owner,
            "s where tenant_id = $1 and ",
            $owner,
            "_id = $2 for no key update
         ), changed as (
             insert into ",
            $owner,
            "_permissions (tenant_id, ",
            $owner,
            "_id, resource_server_id, permission_name)
             select $1, $2, resource_server_id, permission_name
               from asked
              where exists (select from owner)
                and not exists (select from unknown)
              order by resource_server_id, permission_name
                 on conflict do nothing
          returning *
         ), ",
            journal_entry!($owner, "added", "after"),
            "
         select exists (select from owner) as owner_exists, u.*
           from (values (1)) one
           left join unknown u on true"
        )
    };
}

static ADD_TO_ROLE: Statement = Statement::new("permissions.add_to_role", add!("role"));
static ADD_TO_USER: Statement = Statement::new("permissions.add_to_user", add!("user"));

const REFUSALS: &[(&str, Meaning)] = &[
    ("role_permissions_owner_fkey", codes::INEXISTENT_ROLE),
    ("role_permissions_permission_fkey", codes::INEXISTENT_PERMISSION),
    ("role_permissions_limit", codes::TOO_MANY_ROLE_PERMISSIONS),
    ("user_permissions_owner_fkey", codes::INEXISTENT_USER),
    ("user_permissions_permission_fkey", codes::INEXISTENT_PERMISSION),
    ("user_permissions_limit", codes::TOO_MANY_USER_PERMISSIONS),
];

/// What came of adding permissions.
pub(crate) enum Added {
    All,
    NoSuchOwner,
    NoSuchPermission { permission: Permission, server_exists: bool },
}

pub(crate) async fn add(
    db: &Db,
    tenant: &str,
    owner: Owner<'_>,
    permissions: &[Permission],
    author: &Author,
) -> Result<Added, Error> {
    let (statement, id) = match owner {
        Owner::Role(id) => (&ADD_TO_ROLE, id),
        Owner::User(id) => (&ADD_TO_USER, id),
    };
    let (identifiers, names) = columns(permissions);
    let row = statement
        .query()
        .bind(tenant)
        .bind(id)
        .bind(identifiers)
        .bind(names)
        .bind(author.entry())
        .fetch_one(db.pool())
        .await
        .map_err(|e| db::refusal(e, REFUSALS))?;
    if !row.try_get("owner_exists")? {
        return Ok(Added::NoSuchOwner);
    }
    Ok(match row.try_get("identifier")? {
        None => Added::All,
        Some(resource_server_identifier) => Added::NoSuchPermission {
            permission: Permission {
                resource_server_identifier,
                permission_name: row.try_get("permission_name")?,
            },
            server_exists: row.try_get("server_exists")?,
        },
    })
}

macro_rules! remove {
    ($owner:literal) => {
        concat!(
            "with changed as (
             delete from ",
            $owner,
            "_permissions a
              using resource_servers s, unnest($3::text[], $4::text[]) g(identifier, permission_name)
              where a.tenant_id = $1
                and a.",
            $owner,
            "_id = $2
                and s.tenant_id = $1
                and s.identifier = g.identifier
                and a.resource_server_id = s.resource_server_id
                and a.permission_name = g.permission_name
          returning a.*
         ), ",
            journal_entry!($owner, "removed", "before"),
            "
         select exists (select from ",
            $owner,
            "s where tenant_id = $1 and ",
            $owner,
            "_id = $2)"
        )
    };
}

static REMOVE_FROM_ROLE: Statement = Statement::new("permissions.remove_from_role", remove!("role"));
static REMOVE_FROM_USER: Statement = Statement::new("permissions.remove_from_user", remove!("user"));

/// Removes permissions; is there such a role or user?
pub(crate) async fn remove(
    db: &Db,
    tenant: &str,
    owner: Owner<'_>,
    permissions: &[Permission],
    author: &Author,
) -> Result<bool, Error> {
    let (statement, id) = match owner {
        Owner::Role(id) => (&REMOVE_FROM_ROLE, id),
        Owner::User(id) => (&REMOVE_FROM_USER, id),
    };
    let (identifiers, names) = columns(permissions);
    let query = statement.query().bind(tenant).bind(id).bind(identifiers).bind(names).bind(author.entry());
    Ok(query.fetch_one(db.pool()).await?.try_get(0)?)
}

/// Permissions as the two arrays that are bound.
fn columns(permissions: &[Permission]) -> (Vec<&str>, Vec<&str>) {
    permissions.iter().map(|p| (p.resource_server_identifier.as_str(), p.permission_name.as_str())).unzip()
}
