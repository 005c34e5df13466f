//! Tables `role_permissions` and `user_permissions`. Deletions of roles, users, APIs and scopes delete their
//! rows by foreign key.
//!
//! Locks: an addition locks the role or user (`for no key update`), as the trigger that limits the rows does,
//! and then the permissions by their foreign key, in the order of their names.

use sqlx::FromRow;

use super::Permitted;
use super::model::{Owner, Permission};
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &LIST_OF_ROLE,
    &LIST_OF_USER,
    &FETCH_NAMES,
    &ADD_TO_ROLE,
    &ADD_TO_USER,
    &REMOVE_FROM_ROLE,
    &REMOVE_FROM_USER,
];

static FETCH_NAMES: Statement =
    Statement::new("permissions.fetch_names", include_str!("sql/fetch_names.sql"));

pub(crate) async fn fetch_names(
    db: &Db,
    tenant: &str,
    user_id: &str,
    resource_server_id: &str,
) -> Result<Permitted, Error> {
    let (all, of_user) = FETCH_NAMES
        .bind("tenant_id", tenant)
        .bind("user_id", user_id)
        .bind("resource_server_id", resource_server_id)
        .fetch_one(db)
        .await?;
    Ok(Permitted { all, of_user })
}

static LIST_OF_ROLE: Statement =
    Statement::new("permissions.list_of_role", include_str!("sql/list_of_role.sql"));
static LIST_OF_USER: Statement =
    Statement::new("permissions.list_of_user", include_str!("sql/list_of_user.sql"));

/// The permissions of a role or user. `None`: it does not exist.
pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    owner: Owner<'_>,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let query = match owner {
        Owner::Role(id) => LIST_OF_ROLE.bind("tenant_id", tenant).bind("role_id", id),
        Owner::User(id) => LIST_OF_USER.bind("tenant_id", tenant).bind("user_id", id),
    };
    let row = query.bind("limit", page.limit()).bind("offset", page.start()).fetch_optional(db).await?;
    Ok(row.map(|(items, total): (Vec<String>, i64)| List { items, total: Some(total), next: None }))
}

static ADD_TO_ROLE: Statement =
    Statement::new("permissions.add_to_role", include_str!("sql/add_to_role.sql"));
static ADD_TO_USER: Statement =
    Statement::new("permissions.add_to_user", include_str!("sql/add_to_user.sql"));

const CONFLICTS: &[(&str, ErrorKind)] = &[
    ("role_permissions_owner_fkey", codes::INEXISTENT_ROLE),
    ("role_permissions_permission_fkey", codes::INEXISTENT_PERMISSION),
    ("role_permissions_limit", codes::TOO_MANY_ROLE_PERMISSIONS),
    ("user_permissions_owner_fkey", codes::INEXISTENT_USER),
    ("user_permissions_permission_fkey", codes::INEXISTENT_PERMISSION),
    ("user_permissions_limit", codes::TOO_MANY_USER_PERMISSIONS),
];

/// The outcome of an addition.
pub(crate) enum Added {
    All,
    NoSuchOwner,
    NoSuchPermission { permission: Permission, server_exists: bool },
}

#[derive(FromRow)]
struct AddedRow {
    owner_exists: bool,
    unknown_identifier: Option<String>,
    unknown_name: Option<String>,
    server_exists: Option<bool>,
}

impl From<AddedRow> for Added {
    fn from(row: AddedRow) -> Self {
        match (row.unknown_identifier, row.unknown_name) {
            _ if !row.owner_exists => Self::NoSuchOwner,
            (Some(resource_server_identifier), Some(permission_name)) => Self::NoSuchPermission {
                permission: Permission { resource_server_identifier, permission_name },
                server_exists: row.server_exists.unwrap_or(false),
            },
            _ => Self::All,
        }
    }
}

pub(crate) async fn add(
    db: &Db,
    tenant: &str,
    owner: Owner<'_>,
    permissions: &[Permission],
    author: &Author,
) -> Result<Added, Error> {
    let query = match owner {
        Owner::Role(id) => ADD_TO_ROLE.bind("tenant_id", tenant).bind("role_id", id),
        Owner::User(id) => ADD_TO_USER.bind("tenant_id", tenant).bind("user_id", id),
    };
    let (identifiers, names) = columns(permissions);
    let row: AddedRow = query
        .bind("identifiers", identifiers)
        .bind("names", names)
        .bind("author", author.literal())
        .fetch_one(db)
        .await
        .map_err(|error| db::constraint_error(error, CONFLICTS))?;
    Ok(row.into())
}

static REMOVE_FROM_ROLE: Statement =
    Statement::new("permissions.remove_from_role", include_str!("sql/remove_from_role.sql"));
static REMOVE_FROM_USER: Statement =
    Statement::new("permissions.remove_from_user", include_str!("sql/remove_from_user.sql"));

/// Removes permissions; false if the role or user does not exist.
pub(crate) async fn remove(
    db: &Db,
    tenant: &str,
    owner: Owner<'_>,
    permissions: &[Permission],
    author: &Author,
) -> Result<bool, Error> {
    let query = match owner {
        Owner::Role(id) => REMOVE_FROM_ROLE.bind("tenant_id", tenant).bind("role_id", id),
        Owner::User(id) => REMOVE_FROM_USER.bind("tenant_id", tenant).bind("user_id", id),
    };
    let (identifiers, names) = columns(permissions);
    let (owner_exists,) = query
        .bind("identifiers", identifiers)
        .bind("names", names)
        .bind("author", author.literal())
        .fetch_one(db)
        .await?;
    Ok(owner_exists)
}

/// Permissions as two arrays of equal length.
fn columns(permissions: &[Permission]) -> (Vec<&str>, Vec<&str>) {
    permissions.iter().map(|p| (p.resource_server_identifier.as_str(), p.permission_name.as_str())).unzip()
}
