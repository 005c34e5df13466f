//! The statements of lists of users. They read `users`, `identities` and, for the total of all users,
//! `user_counts`, and take no locks.
//!
//! A list by creation or id has a statement for each direction, since an index has its order. All other
//! orders share one statement a direction, whose key is a parameter. A list with a search is a statement of
//! [`search`](crate::resources::users::search).

use sqlx::FromRow;
use sqlx::postgres::PgRow;

use super::{By, Cursor, Sort};
use crate::base::error::Error;
use crate::base::page::{List, Page};
use crate::db::{Db, Nullable, Statement};
use crate::resources::users::attributes::Sort as SortAttribute;
use crate::resources::users::model::User;
use crate::resources::users::search::Searches;
use crate::resources::users::search::sql::{PageSpec, SortKey};
use crate::search::Plan;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &LIST,
    &LIST_BY_CREATED_AT_DESCENDING,
    &LIST_BY_USER_ID,
    &LIST_BY_USER_ID_DESCENDING,
    &LIST_SORTED,
    &LIST_SORTED_DESCENDING,
    &LIST_FROM,
    &BY_EMAIL,
];

static LIST: Statement = Statement::new("users.list", include_str!("sql/list.sql"));

static LIST_BY_CREATED_AT_DESCENDING: Statement = Statement::new(
    "users.list_by_created_at_descending",
    include_str!("sql/list_by_created_at_descending.sql"),
);

static LIST_BY_USER_ID: Statement =
    Statement::new("users.list_by_user_id", include_str!("sql/list_by_user_id.sql"));

static LIST_BY_USER_ID_DESCENDING: Statement =
    Statement::new("users.list_by_user_id_descending", include_str!("sql/list_by_user_id_descending.sql"));

static LIST_SORTED: Statement = Statement::new("users.list_sorted", include_str!("sql/list_sorted.sql"));

static LIST_SORTED_DESCENDING: Statement =
    Statement::new("users.list_sorted_descending", include_str!("sql/list_sorted_descending.sql"));

/// A page by its number.
pub(super) async fn list(
    db: &Db,
    tenant: &str,
    plan: &Plan,
    page: &Page,
    sort: Option<&Sort>,
    connection: Option<&str>,
) -> Result<List<User>, Error> {
    let sort_by = sort.map(|sort| (&sort.by, sort.descending));
    let statement = match sort_by {
        _ if *plan != Plan::Constant(true) => None,
        Some((By::Metadata(..), _)) => None,
        None | Some((By::Attribute(_, SortAttribute::Creation), false)) => Some(&LIST),
        Some((By::Attribute(_, SortAttribute::Creation), true)) => Some(&LIST_BY_CREATED_AT_DESCENDING),
        Some((By::Attribute(_, SortAttribute::Id), false)) => Some(&LIST_BY_USER_ID),
        Some((By::Attribute(_, SortAttribute::Id), true)) => Some(&LIST_BY_USER_ID_DESCENDING),
        Some((By::Attribute(..), false)) => Some(&LIST_SORTED),
        Some((By::Attribute(..), true)) => Some(&LIST_SORTED_DESCENDING),
    };
    let Some(statement) = statement else { return search(db, tenant, plan, page, sort, connection).await };
    let mut query = statement
        .bind("tenant_id", tenant)
        .bind("limit", page.limit())
        .bind("offset", page.start())
        .bind("connection", connection)
        .bind("include_totals", page.include_totals());
    if let Some((
        By::Attribute(name, key @ (SortAttribute::Update | SortAttribute::Text | SortAttribute::Json)),
        _,
    )) = sort_by
    {
        query = query
            .bind("text_attribute", (*key == SortAttribute::Text).then_some(name))
            .bind("json_attribute", (*key == SortAttribute::Json).then_some(name));
    }
    Ok(listed(query.fetch_all(db).await?))
}

/// A page by its number of the users that a search finds, or of all in the order of a value in metadata.
async fn search(
    db: &Db,
    tenant: &str,
    plan: &Plan,
    page: &Page,
    sort: Option<&Sort>,
    connection: Option<&str>,
) -> Result<List<User>, Error> {
    let direction = usize::from(sort.is_some_and(|sort| sort.descending));
    let by_key = ["key, made, id", "key desc nulls last, made, id"];
    // The names are those of the table of attributes.
    let (expression, orders) = match sort.map(|sort| &sort.by) {
        Some(By::Attribute(_, SortAttribute::Creation)) => {
            ("null".to_owned(), ["made, id", "made desc, id desc"])
        }
        Some(By::Attribute(_, SortAttribute::Id)) => ("null".to_owned(), ["id", "id desc"]),
        Some(By::Attribute(_, SortAttribute::Update)) => ("u.updated_at".to_owned(), by_key),
        Some(By::Attribute(name, SortAttribute::Text)) => {
            (format!("attribute_text(u.profile, '{name}') collate \"C\""), by_key)
        }
        Some(By::Attribute(name, SortAttribute::Json)) => (format!("u.profile -> '{name}'"), by_key),
        None | Some(By::Metadata(..)) => (String::new(), by_key),
    };
    let key = sort.map(|sort| match &sort.by {
        By::Attribute(..) => SortKey::Sql(&expression),
        By::Metadata(column, path) => SortKey::Path(column, path),
    });
    let spec = PageSpec {
        limit: page.limit(),
        offset: page.start(),
        total: page.include_totals(),
        after: None,
        connection,
        sort: key.map(|key| (key, orders[direction])),
    };
    found(&Searches::of(db)?.rows(tenant, plan, &spec).await?)
}

/// A row of a page. A page without users has one row, without a user.
#[derive(FromRow)]
struct ListRow {
    total: Option<i64>,
    #[sqlx(flatten)]
    user: Nullable<User>,
}

fn listed(rows: Vec<ListRow>) -> List<User> {
    let total = rows.first().and_then(|row| row.total);
    List { items: rows.into_iter().filter_map(|row| row.user.0).collect(), total, next: None }
}

fn found(rows: &[PgRow]) -> Result<List<User>, Error> {
    Ok(listed(rows.iter().map(ListRow::from_row).collect::<Result<_, _>>()?))
}

static LIST_FROM: Statement = Statement::new("users.list_from", include_str!("sql/list_from.sql"));

/// The users after a checkpoint.
pub(super) async fn list_from(
    db: &Db,
    tenant: &str,
    plan: &Plan,
    cursor: Option<&Cursor>,
    limit: i64,
    connection: Option<&str>,
) -> Result<Vec<User>, Error> {
    if *plan != Plan::Constant(true) {
        let after = cursor.map(|cursor| (cursor.created_at, cursor.user_id.as_str()));
        let spec = PageSpec { limit, offset: 0, total: false, after, connection, sort: None };
        return Ok(found(&Searches::of(db)?.rows(tenant, plan, &spec).await?)?.items);
    }
    let query = LIST_FROM
        .bind("tenant_id", tenant)
        .bind("created_at", cursor.map(|cursor| cursor.created_at))
        .bind("user_id", cursor.map(|cursor| &cursor.user_id))
        .bind("limit", limit)
        .bind("connection", connection);
    Ok(query.fetch_all(db).await?)
}

static BY_EMAIL: Statement = Statement::new("users.by_email", include_str!("sql/by_email.sql"));

pub(super) async fn by_email(db: &Db, tenant: &str, email: &str) -> Result<Vec<User>, Error> {
    Ok(BY_EMAIL.bind("tenant_id", tenant).bind("email", email).fetch_all(db).await?)
}
