use sqlx::Row;

use super::model::{Checkpoint, RoleFields};
use crate::base::error::{Error, Meaning, codes};
use crate::base::page::{List, Page};
use crate::db::{self, Db, Statement};
use crate::journal::{Author, author, insert_journal};

pub(crate) const STATEMENTS: &[&Statement] =
    &[&CREATE, &FETCH, &LIST, &UPDATE, &DELETE, &MEMBERS, &OF_USER, &ASSIGN, &UNASSIGN];

/// The document of a role `r`.
macro_rules! document {
    () => {
        "json_strip_nulls(json_build_object('id', r.role_id, 'name', r.name, 'description', r.description))::text"
    };
}

static CREATE: Statement = Statement::new(
    "roles.create",
    concat!(
        "with tenant as (
             select tenant_id
               from tenants
              where tenant_id = $1
                for no key update
         ), r as (
             insert into roles (tenant_id, role_id, name, description)
             select tenant_id, $2, $3, $4
               from tenant
          returning *
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'role.created', role_id,
                    journal_changes(null, jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description))), ",
        author!("$5::text[]"),
        "
               from r
         )
         select ",
        document!(),
        "
           from r"
    ),
);

pub(crate) async fn create(
    db: &Db,
    tenant: &str,
    id: &str,
    new: &RoleFields,
    author: &Author,
) -> Result<String, Error> {
    let row = CREATE
        .query()
        .bind(tenant)
        .bind(id)
        .bind(&new.name)
        .bind(&new.description)
        .bind(author.entry())
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

static FETCH: Statement = Statement::new(
    "roles.fetch",
    concat!(
        "select ",
        document!(),
        "
       from roles r
      where r.tenant_id = $1
        and r.role_id = $2"
    ),
);

pub(crate) async fn fetch(db: &Db, tenant: &str, id: &str) -> Result<Option<String>, Error> {
    let row = FETCH.query().bind(tenant).bind(id).fetch_optional(db.pool()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static LIST: Statement = Statement::new(
    "roles.list",
    concat!(
        "with matching as (
             select *
               from roles
              where tenant_id = $1
                and ($2::text is null or position(lower($2) in lower(name)) > 0)
         )
         select array(select ",
        document!(),
        "
                        from matching r
                       order by r.name
                       limit $3
                      offset $4),
                (select count(*) from matching)"
    ),
);

pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    name_filter: Option<&str>,
    page: &Page,
) -> Result<List<String>, Error> {
    let query = LIST.query().bind(tenant).bind(name_filter).bind(page.limit()).bind(page.start());
    let row = query.fetch_one(db.pool()).await?;
    Ok(List { items: row.try_get(0)?, total: row.try_get(1)?, next: None })
}

static UPDATE: Statement = Statement::new(
    "roles.update",
    concat!(
        "with before as (
             select *
               from roles
              where tenant_id = $1
                and role_id = $2
                for update
         ), r as (
             update roles u
                set name = coalesce($3, u.name),
                    description = coalesce($4, u.description),
                    updated_at = now()
               from before b
              where u.tenant_id = b.tenant_id
                and u.role_id = b.role_id
          returning u.*, b.name as old_name, b.description as old_description
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'role.updated', role_id,
                    journal_changes(jsonb_strip_nulls(jsonb_build_object('name', old_name, 'description', old_description)),
                                    jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description))), ",
        author!("$5::text[]"),
        "
               from r
              where (name, description) is distinct from (old_name, old_description)
         )
         select ",
        document!(),
        "
           from r"
    ),
);

pub(crate) async fn update(
    db: &Db,
    tenant: &str,
    id: &str,
    fields: &RoleFields,
    author: &Author,
) -> Result<Option<String>, Error> {
    let row = UPDATE
        .query()
        .bind(tenant)
        .bind(id)
        .bind(&fields.name)
        .bind(&fields.description)
        .bind(author.entry())
        .fetch_optional(db.pool())
        .await
        .map_err(|e| db::refusal(e, &[("roles_name_key", codes::ROLE_EXISTS)]))?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

static DELETE: Statement = Statement::new(
    "roles.delete",
    concat!(
        "with deleted as (
             delete from roles
              where tenant_id = $1
                and role_id = $2
          returning *
         )
         ",
        insert_journal!(),
        "
         select tenant_id, 'role.deleted', role_id,
                journal_changes(jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description)), null), ",
        author!("$3::text[]"),
        "
           from deleted"
    ),
);

/// Deletes a role; was there one?
pub(crate) async fn delete(db: &Db, tenant: &str, id: &str, author: &Author) -> Result<bool, Error> {
    let done = DELETE.query().bind(tenant).bind(id).bind(author.entry()).execute(db.pool()).await?;
    Ok(done.rows_affected() > 0)
}

static MEMBERS: Statement = Statement::new(
    "roles.members",
    "select case when $7 then (select count(*)
                            from role_members c
                           where c.tenant_id = $1
                             and c.role_id = $2) end as total,
            m.user_id,
            m.assigned_at
       from roles r
       left join lateral (select l.user_id,
                                 l.assigned_at
                            from role_members l
                           where l.tenant_id = $1
                             and l.role_id = $2
                             and (l.assigned_at, l.user_id) > ($3, $4)
                           order by l.assigned_at, l.user_id
                           limit $5
                          offset $6) m on true
      where r.tenant_id = $1
        and r.role_id = $2",
);

/// Members of a role behind a checkpoint, and one more than the page holds if there are as many. `None`: no such role.
pub(crate) async fn members(
    db: &Db,
    tenant: &str,
    id: &str,
    page: &Page,
    after: &Checkpoint,
) -> Result<Option<List<Checkpoint>>, Error> {
    let rows = MEMBERS
        .query()
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

static OF_USER: Statement = Statement::new(
    "roles.of_user",
    concat!(
        "select array(select ",
        document!(),
        "
                    from role_members m
                    join roles r on r.tenant_id = m.tenant_id and r.role_id = m.role_id
                   where m.tenant_id = $1
                     and m.user_id = $2
                   order by r.name
                   limit $3
                  offset $4),
            (select count(*)
               from role_members c
              where c.tenant_id = $1
                and c.user_id = $2)
       from users u
      where u.tenant_id = $1
        and u.user_id = $2"
    ),
);

/// The roles of a user. `None`: no such user.
pub(crate) async fn of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    page: &Page,
) -> Result<Option<List<String>>, Error> {
    let query = OF_USER.query().bind(tenant).bind(user_id).bind(page.limit()).bind(page.start());
    let Some(row) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some(List { items: row.try_get(0)?, total: row.try_get(1)?, next: None }))
}

static ASSIGN: Statement = Statement::new(
    "roles.assign",
    concat!(
        "with locked as (
             select user_id
               from users
              where tenant_id = $1
                and user_id = any($2)
              order by user_id
                for no key update
         ), assigned as (
             insert into role_members (tenant_id, user_id, role_id)
             select $1, u.user_id, r.role_id
               from unnest($2::text[]) u(user_id)
               left join locked using (user_id)
              cross join unnest($3::text[]) r(role_id)
              order by u.user_id, r.role_id
                 on conflict do nothing
          returning tenant_id, user_id, role_id
         )
         ",
        insert_journal!(),
        "
         select tenant_id, 'user.roles_added', user_id,
                jsonb_build_object('roles', jsonb_build_object('after', jsonb_agg(role_id))), ",
        author!("array[gen_random_uuid()::text] || ($4::text[])[2:]"),
        "
           from assigned
          group by tenant_id, user_id"
    ),
);

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
    let query = ASSIGN.query().bind(tenant).bind(user_ids).bind(roles).bind(author.entry());
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

static UNASSIGN: Statement = Statement::new(
    "roles.unassign",
    concat!(
        "with unknown as (
             select g.role_id
               from unnest($3::text[]) g(role_id)
              where not exists (select from roles r where r.tenant_id = $1 and r.role_id = g.role_id)
         ), unassigned as (
             delete from role_members
              where tenant_id = $1
                and user_id = $2
                and role_id = any($3)
                and not exists (select from unknown)
          returning tenant_id, user_id, role_id
         ), journal_entry as (
             ",
        insert_journal!(),
        "
             select tenant_id, 'user.roles_removed', user_id,
                    jsonb_build_object('roles', jsonb_build_object('before', jsonb_agg(role_id))), ",
        author!("$4::text[]"),
        "
               from unassigned
              group by tenant_id, user_id
         )
         select exists (select from users where tenant_id = $1 and user_id = $2),
                not exists (select from unknown)"
    ),
);

/// Takes roles from a user if all of them exist. Is there such a user, and are there such roles?
pub(crate) async fn unassign(
    db: &Db,
    tenant: &str,
    user_id: &str,
    roles: &[String],
    author: &Author,
) -> Result<(bool, bool), Error> {
    let query = UNASSIGN.query().bind(tenant).bind(user_id).bind(roles).bind(author.entry());
    let row = query.fetch_one(db.pool()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
