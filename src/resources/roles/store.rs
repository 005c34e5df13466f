//! Tables `roles` and `role_members`. Deletions of users (`users`) and of roles delete members by foreign
//! key. Other writers: the deletion of an organization deletes its roles.
//!
//! Locks: `create` locks the tenant; `assign` locks the users, in the order of their ids. Both locks (`for no
//! key update`) are those of the triggers that limit the rows. `update` locks the role.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::model::{Checkpoint, NewRole, RolePatch};
use crate::base::error::{Error, ErrorKind, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &UPDATE, &DELETE, &LIST_MEMBERS, &LIST_OF_USER, &ASSIGN, &UNASSIGN];

/// A page of documents in one row.
#[derive(FromRow)]
struct PageRow {
    documents: Vec<String>,
    total: i64,
}

impl From<PageRow> for List<String> {
    fn from(page: PageRow) -> Self {
        Self { items: page.documents, total: Some(page.total), next: None }
    }
}

static CREATE: Statement = Statement::new("roles.create", include_str!("sql/create.sql"));

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &NewRole,
    author: &Author,
) -> Result<String, Error> {
    let created = CREATE
        .bind("tenant_id", tenant)
        .bind("role_id", id)
        .bind("name", &new.name)
        .bind("description", &new.description)
        .bind("type", if new.owner_id.is_some() { "organization" } else { "tenant" })
        .bind("owner_id", &new.owner_id)
        .bind("author", author.literal())
        .fetch_one(db)
        .await;
    let (document,) = created.map_err(|error| {
        let conflicts = [
            ("roles_name_key", codes::ROLE_EXISTS),
            ("roles_limit", codes::TOO_MANY_ENTITIES),
            ("roles_owner_fkey", codes::INEXISTENT_ORGANIZATION),
        ];
        db::constraint_error(error, &conflicts)
    })?;
    Ok(document)
}

static FETCH: Statement = Statement::new("roles.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<String>, Error> {
    let row = FETCH.bind("tenant_id", tenant).bind("role_id", id).fetch_optional(db).await?;
    Ok(row.map(|(document,)| document))
}

static LIST: Statement = Statement::new("roles.list", include_str!("sql/list.sql"));

pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    name_filter: Option<&str>,
    page: &Page,
) -> Result<List<String>, Error> {
    let row: PageRow = LIST
        .bind("tenant_id", tenant)
        .bind("name_filter", name_filter)
        .bind("limit", page.limit())
        .bind("offset", page.start())
        .fetch_one(db)
        .await?;
    Ok(row.into())
}

static UPDATE: Statement = Statement::new("roles.update", include_str!("sql/update.sql"));

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    patch: &RolePatch,
    author: &Author,
) -> Result<Option<String>, Error> {
    let row = UPDATE
        .bind("tenant_id", tenant)
        .bind("role_id", id)
        .bind("name", &patch.name)
        .bind("description", &patch.description)
        .bind("author", author.literal())
        .fetch_optional(db)
        .await
        .map_err(|error| db::constraint_error(error, &[("roles_name_key", codes::ROLE_EXISTS)]))?;
    Ok(row.map(|(document,)| document))
}

static DELETE: Statement = Statement::new("roles.delete", include_str!("sql/delete.sql"));

/// Deletes a role; false if it did not exist.
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let deleted = DELETE
        .bind("tenant_id", tenant)
        .bind("role_id", id)
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(deleted.rows_affected() > 0)
}

#[derive(FromRow)]
struct MemberRow {
    total: Option<i64>,
    user_id: Option<String>,
    assigned_at: Option<OffsetDateTime>,
}

static LIST_MEMBERS: Statement = Statement::new("roles.list_members", include_str!("sql/list_members.sql"));

/// Members of a role after a checkpoint; by checkpoint one more than the page holds. `None`: the role does
/// not exist.
pub(crate) async fn list_members(
    db: &Db,
    tenant: &str,
    id: &str,
    page: &Page,
    after: &Checkpoint,
) -> Result<Option<List<Checkpoint>>, Error> {
    let rows: Vec<MemberRow> = LIST_MEMBERS
        .bind("tenant_id", tenant)
        .bind("role_id", id)
        .bind("after_assigned_at", after.assigned_at)
        .bind("after_user_id", &after.user_id)
        .bind("limit", page.fetched())
        .bind("offset", page.start())
        .bind("include_total", page.include_totals())
        .fetch_all(db)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let total = first.total;
    let member = |row: MemberRow| Some(Checkpoint { assigned_at: row.assigned_at?, user_id: row.user_id? });
    Ok(Some(List { items: rows.into_iter().filter_map(member).collect(), total, next: None }))
}

static LIST_OF_USER: Statement = Statement::new("roles.list_of_user", include_str!("sql/list_of_user.sql"));

/// The roles of a user. `None`: the user does not exist.
pub(crate) async fn list_of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let row: Option<PageRow> = LIST_OF_USER
        .bind("tenant_id", tenant)
        .bind("user_id", user_id)
        .bind("limit", page.limit())
        .bind("offset", page.start())
        .fetch_optional(db)
        .await?;
    Ok(row.map(List::from))
}

static ASSIGN: Statement = Statement::new("roles.assign", include_str!("sql/assign.sql"));

/// Assigns all of the roles to all of the users, or none.
pub(crate) async fn assign(
    db: &Db,
    tenant: &str,
    user_ids: &[String],
    role_ids: &[String],
    unknown_user: ErrorKind,
    author: &Author,
) -> Result<(), Error> {
    let assigned = ASSIGN
        .bind("tenant_id", tenant)
        .bind("user_ids", user_ids)
        .bind("role_ids", role_ids)
        .bind("author", author.literal())
        .execute(db)
        .await;
    assigned.map(drop).map_err(|error| {
        let conflicts = [
            ("role_members_user_fkey", unknown_user),
            ("role_members_role_fkey", codes::INEXISTENT_ROLE),
            ("role_members_limit", codes::TOO_MANY_ROLES),
        ];
        db::constraint_error(error, &conflicts)
    })
}

static UNASSIGN: Statement = Statement::new("roles.unassign", include_str!("sql/unassign.sql"));

/// Removes roles from a user if all of the roles exist. Whether the user exists, and whether all of the roles
/// do.
pub(crate) async fn unassign(
    db: &Db,
    tenant: &str,
    user_id: &str,
    role_ids: &[String],
    author: &Author,
) -> Result<(bool, bool), Error> {
    let exists = UNASSIGN
        .bind("tenant_id", tenant)
        .bind("user_id", user_id)
        .bind("role_ids", role_ids)
        .bind("author", author.literal())
        .fetch_one(db)
        .await?;
    Ok(exists)
}
