use sqlx::Row;

use super::model::{Checkpoint, RoleFields};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &UPDATE, &DELETE, &MEMBERS, &OF_USER, &ASSIGN, &UNASSIGN];

static CREATE: Statement = Statement::new("roles.create", include_str!("sql/create.sql"));

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &RoleFields,
    author: &Author,
) -> Result<String, Error> {
    let row = CREATE
        .raw()
        .bind(tenant)
        .bind(id)
        .bind(&new.name)
        .bind(&new.description)
        .bind(author.literal())
        .fetch_one(db.pool())
        .await
        .map_err(|e| {
            db::refusal(
                e,
                &[("roles_name_key", codes::ROLE_EXISTS), ("roles_limit", codes::TOO_MANY_ENTITIES)],
            )
        })?;
    Ok(row.try_get(0)?)
}

static FETCH: Statement = Statement::new("roles.fetch", include_str!("sql/fetch.sql"));

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<String>, Error> {
    let row = FETCH.raw().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static LIST: Statement = Statement::new("roles.list", include_str!("sql/list.sql"));

pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    name_filter: Option<&str>,
    page: &Page,
) -> Result<List<String>, Error> {
    let query = LIST.raw().bind(tenant).bind(name_filter).bind(page.limit()).bind(page.start());
    let row = query.fetch_one(db.pool()).await?;
    Ok(List { items: row.try_get(0)?, total: row.try_get(1)?, next: None })
}

static UPDATE: Statement = Statement::new("roles.update", include_str!("sql/update.sql"));

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    fields: &RoleFields,
    author: &Author,
) -> Result<Option<String>, Error> {
    let row = UPDATE
        .raw()
        .bind(tenant)
        .bind(id)
        .bind(&fields.name)
        .bind(&fields.description)
        .bind(author.literal())
        .fetch_optional(db.pool())
        .await
        .map_err(|e| db::refusal(e, &[("roles_name_key", codes::ROLE_EXISTS)]))?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static DELETE: Statement = Statement::new("roles.delete", include_str!("sql/delete.sql"));

/// Deletes a role; was there one?
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let done = DELETE.raw().bind(tenant).bind(id).bind(author.literal()).execute(db.pool()).await?;
    Ok(done.rows_affected() > 0)
}

static MEMBERS: Statement = Statement::new("roles.members", include_str!("sql/members.sql"));

/// Members of a role behind a checkpoint, and one more than the page holds if there are as many. `None`: no such role.
pub(crate) async fn members(
    db: &Db,
    tenant: &str,
    id: &str,
    page: &Page,
    after: &Checkpoint,
) -> Result<Option<List<Checkpoint>>, Error> {
    let rows = MEMBERS
        .raw()
        .bind(tenant)
        .bind(id)
        .bind(after.assigned_at)
        .bind(&after.user_id)
        .bind(page.limit() + 1)
        .bind(page.start())
        .bind(page.include_totals())
        .fetch_all(db.pool())
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut list = List { items: Vec::with_capacity(rows.len()), total: first.try_get("total")?, next: None };
    for row in &rows {
        if let Some(user_id) = row.try_get("user_id")? {
            list.items.push(Checkpoint { assigned_at: row.try_get("assigned_at")?, user_id });
        }
    }
    Ok(Some(list))
}

static OF_USER: Statement = Statement::new("roles.of_user", include_str!("sql/of_user.sql"));

/// The roles of a user. `None`: no such user.
pub(crate) async fn of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let query = OF_USER.raw().bind(tenant).bind(user_id).bind(page.limit()).bind(page.start());
    let Some(row) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some(List { items: row.try_get(0)?, total: row.try_get(1)?, next: None }))
}

static ASSIGN: Statement = Statement::new("roles.assign", include_str!("sql/assign.sql"));

/// Gives all these roles to all these users. They are locked at once as strongly as their limit needs it: taking the lock
/// of the foreign key first and the stronger one later is how two such statements wait for each other.
pub(crate) async fn assign(
    db: &Db,
    tenant: &str,
    user_ids: &[String],
    roles: &[String],
    unknown_user: Meaning,
    author: &Author,
) -> Result<(), Error> {
    let query = ASSIGN.raw().bind(tenant).bind(user_ids).bind(roles).bind(author.literal());
    query.execute(db.pool()).await.map(drop).map_err(|e| {
        db::refusal(
            e,
            &[
                ("role_members_user_fkey", unknown_user),
                ("role_members_role_fkey", codes::INEXISTENT_ROLE),
                ("role_members_limit", codes::TOO_MANY_ROLES),
            ],
        )
    })
}

static UNASSIGN: Statement = Statement::new("roles.unassign", include_str!("sql/unassign.sql"));

/// Takes roles from a user if all of them exist. Is there such a user, and are there such roles?
pub(crate) async fn unassign(
    db: &Db,
    tenant: &str,
    user_id: &str,
    roles: &[String],
    author: &Author,
) -> Result<(bool, bool), Error> {
    let query = UNASSIGN.raw().bind(tenant).bind(user_id).bind(roles).bind(author.literal());
    let row = query.fetch_one(db.pool()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
