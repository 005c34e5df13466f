use sqlx::Row;

use super::model::{Owner, Permission};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&OF_ROLE, &OF_USER, &PERMITTED, &ADD_TO_ROLE, &ADD_TO_USER, &REMOVE_FROM_ROLE, &REMOVE_FROM_USER];

static OF_ROLE: Statement = Statement::new("permissions.of_role", include_str!("sql/of_role.sql"));

static OF_USER: Statement = Statement::new("permissions.of_user", include_str!("sql/of_user.sql"));

static PERMITTED: Statement = Statement::new("permissions.permitted", include_str!("sql/permitted.sql"));

pub(crate) async fn permitted(
    db: &Db,
    tenant: &str,
    user_id: &str,
    resource_server_id: &str,
) -> Result<super::Permitted, Error> {
    let row =
        PERMITTED.raw().bind(tenant).bind(user_id).bind(resource_server_id).fetch_one(db.pool()).await?;
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
    let query = statement.raw().bind(tenant).bind(id).bind(page.limit()).bind(page.start());
    let Some(row) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some(List { items: row.try_get(0)?, total: row.try_get(1)?, next: None }))
}

static ADD_TO_ROLE: Statement =
    Statement::new("permissions.add_to_role", include_str!("sql/add_to_role.sql"));
static ADD_TO_USER: Statement =
    Statement::new("permissions.add_to_user", include_str!("sql/add_to_user.sql"));

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
        .raw()
        .bind(tenant)
        .bind(id)
        .bind(identifiers)
        .bind(names)
        .bind(author.literal())
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

static REMOVE_FROM_ROLE: Statement =
    Statement::new("permissions.remove_from_role", include_str!("sql/remove_from_role.sql"));
static REMOVE_FROM_USER: Statement =
    Statement::new("permissions.remove_from_user", include_str!("sql/remove_from_user.sql"));

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
    let query = statement.raw().bind(tenant).bind(id).bind(identifiers).bind(names).bind(author.literal());
    Ok(query.fetch_one(db.pool()).await?.try_get(0)?)
}

/// Permissions as the two arrays that are bound.
fn columns(permissions: &[Permission]) -> (Vec<&str>, Vec<&str>) {
    permissions.iter().map(|p| (p.resource_server_identifier.as_str(), p.permission_name.as_str())).unzip()
}
