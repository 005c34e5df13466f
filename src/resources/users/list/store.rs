use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};

use super::{By, Cursor, Sort};
use crate::base::error::Error;
use crate::base::page::{List, Page};
use crate::db::{Db, Statement};
use crate::resources::users::model::User;
use crate::resources::users::search::Searches;
use crate::resources::users::search::sql::{Key, Part};
use crate::resources::users::store::{is_in_connection, known_as, user, user_columns};
use crate::search::Plan;

pub(crate) const STATEMENTS: &[&Statement] = &{
    let mut all = [&LIST; 3 + 2 * SORTED.len()];
    (all[1], all[2]) = (&LIST_FROM, &BY_EMAIL);
    let mut n = 0;
    while n < SORTED.len() {
        (all[3 + 2 * n], all[4 + 2 * n]) = (&SORTED[n].lists[0], &SORTED[n].lists[1]);
        n += 1;
    }
    all
};

/// A page by its number. Only the users on it are fetched, those before it are skipped by their keys; `offset 0` has
/// them fetched one by one, as a plan that does not know how many are on a page would read them all. The total has a
/// row even if the page has none; that of all users is kept by triggers.
macro_rules! list {
    ($key:expr, $order:expr) => {
        concat!(
            "with page as (
             select u.user_id as id, u.created_at as made, ",
            $key,
            " as key
               from users u
              where u.tenant_id = $1
                and ($4::text is null or ",
            is_in_connection!("$1", "$4"),
            ")
              order by ",
            $order,
            "
              limit $2
             offset $3
         )
         select t.total,
            ",
            user_columns!(),
            "
           from (select case
                     when not $5 then null
                     when $4 is null then (select coalesce(sum(users), 0)::bigint from user_counts where tenant_id = $1)
                     else (select count(*) from users u where u.tenant_id = $1 and ",
            is_in_connection!("$1", "$4"),
            ")
                 end as total) t
           left join (page cross join lateral (select * from users where tenant_id = $1 and user_id = page.id offset 0) u) on true
          order by ",
            $order
        )
    };
}

static LIST: Statement = Statement::new("users.list", include_str!("sql/list.sql"));

macro_rules! ascending {
    () => {
        "key, made, id"
    };
}

macro_rules! descending {
    () => {
        "key desc nulls last, made, id"
    };
}

/// The orders by a key.
const ORDERS: [&str; 2] = [ascending!(), descending!()];

/// An attribute, and its list in both directions: users without it last, equals in the order of their creation.
macro_rules! sorted {
    ($field:literal, $key:expr) => {
        sorted!($field, $key, ascending!(), descending!())
    };
    ($field:literal, $key:expr, $ascending:expr, $descending:expr) => {
        Sorted {
            field: $field,
            key: $key,
            orders: [$ascending, $descending],
            lists: [
                Statement::new(concat!("users.list_by_", $field), list!($key, $ascending)),
                Statement::new(concat!("users.list_by_", $field, "_descending"), list!($key, $descending)),
            ],
        }
    };
}

/// A text, by code points whatever the database's collation is.
macro_rules! text {
    ($field:literal) => {
        concat!("(u.profile ->> '", $field, "') collate \"C\"")
    };
}

/// A number, or a truth value.
macro_rules! value {
    ($field:literal) => {
        concat!("u.profile -> '", $field, "'")
    };
}

/// What users can be sorted by, with what is the smallest first and what is the largest first.
pub(super) struct Sorted {
    pub field: &'static str,
    /// Of a user `u`.
    pub key: &'static str,
    /// Of `made`, `id` and `key`.
    pub orders: [&'static str; 2],
    lists: [Statement; 2],
}

/// All of it. The first two are the orders of an index, forwards and backwards; for all others every
/// user of the tenant is looked at.
pub(super) static SORTED: [Sorted; 17] = [
    sorted!("created_at", "null", "made, id", "made desc, id desc"),
    sorted!("user_id", "null", "id", "id desc"),
    sorted!("updated_at", "u.updated_at"),
    sorted!("email", text!("email")),
    sorted!("username", text!("username")),
    sorted!("phone_number", text!("phone_number")),
    sorted!("given_name", text!("given_name")),
    sorted!("family_name", text!("family_name")),
    sorted!("name", concat!("coalesce(u.profile ->> 'name', ", known_as!(), ") collate \"C\"")),
    sorted!(
        "nickname",
        concat!("coalesce(u.profile ->> 'nickname', split_part(", known_as!(), ", '@', 1)) collate \"C\"")
    ),
    sorted!("email_verified", value!("email_verified")),
    sorted!("phone_verified", value!("phone_verified")),
    sorted!("blocked", value!("blocked")),
    sorted!("logins_count", value!("logins_count")),
    sorted!("last_ip", text!("last_ip")),
    sorted!("last_login", text!("last_login")),
    sorted!("last_password_reset", text!("last_password_reset")),
];

pub(super) async fn list(
    db: &Db,
    tenant: &str,
    plan: &Plan,
    page: &Page,
    sort: Option<&Sort>,
    connection: Option<&str>,
) -> Result<List<User>, Error> {
    let direction = usize::from(sort.is_some_and(|sort| sort.descending));
    let (sorted, key) = match sort.map(|sort| &sort.by) {
        None => (None, None),
        Some(By::Metadata(column, keys)) => (None, Some((Key::Path(column, keys), ORDERS[direction]))),
        Some(By::Attribute(field)) => {
            let sorted = SORTED.iter().find(|sorted| sorted.field == *field);
            (sorted, sorted.map(|sorted| (Key::Sql(sorted.key), sorted.orders[direction])))
        }
    };
    if *plan != Plan::Constant(true) || (key.is_some() && sorted.is_none()) {
        let part = Part {
            limit: page.limit(),
            offset: page.start(),
            total: page.include_totals(),
            behind: None,
            connection,
            sort: key,
        };
        return listed(&Searches::of(db)?.rows(tenant, plan, &part).await?);
    }
    let rows = sorted
        .map_or(&LIST, |sorted| &sorted.lists[direction])
        .raw()
        .bind(tenant)
        .bind(page.limit())
        .bind(page.start())
        .bind(connection)
        .bind(page.include_totals())
        .fetch_all(db.pool())
        .await?;
    listed(&rows)
}

fn listed(rows: &[PgRow]) -> Result<List<User>, Error> {
    let total = rows.first().map(|row| row.try_get("total")).transpose()?.flatten();
    let is_user = |row: &&PgRow| !matches!(row.try_get_raw("user_id"), Ok(id) if id.is_null());
    let items = rows.iter().filter(is_user).map(user).collect::<Result<_, _>>()?;
    Ok(List { items, total, next: None })
}

static LIST_FROM: Statement = Statement::new("users.list_from", include_str!("sql/list_from.sql"));

pub(super) async fn list_from(
    db: &Db,
    tenant: &str,
    plan: &Plan,
    cursor: Option<&Cursor>,
    limit: i64,
    connection: Option<&str>,
) -> Result<Vec<User>, Error> {
    if *plan != Plan::Constant(true) {
        let behind = cursor.map(|cursor| (cursor.created_at, cursor.user_id.as_str()));
        let part = Part { limit, offset: 0, total: false, behind, connection, sort: None };
        return Ok(listed(&Searches::of(db)?.rows(tenant, plan, &part).await?)?.items);
    }
    let rows = LIST_FROM
        .raw()
        .bind(tenant)
        .bind(cursor.map(|cursor| cursor.created_at))
        .bind(cursor.map(|cursor| &cursor.user_id))
        .bind(limit)
        .bind(connection)
        .fetch_all(db.pool())
        .await?;
    Ok(rows.iter().map(user).collect::<Result<_, _>>()?)
}

/// The index on addresses finds the identities; that the address is the user's own is looked up in its document, so
/// that a linked identity neither finds a user nor finds it twice.
static BY_EMAIL: Statement = Statement::new("users.by_email", include_str!("sql/by_email.sql"));

pub(super) async fn by_email(db: &Db, tenant: &str, email: &str) -> Result<Vec<User>, Error> {
    let rows = BY_EMAIL.raw().bind(tenant).bind(email).fetch_all(db.pool()).await?;
    Ok(rows.iter().map(user).collect::<Result<_, _>>()?)
}
