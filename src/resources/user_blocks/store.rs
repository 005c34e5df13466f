use sqlx::Row;

use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&OF_USER, &OF_IDENTIFIER, &LIFT_BY_USER, &LIFT_BY_IDENTIFIER];

static OF_USER: Statement = Statement::new("user_blocks.of_user", include_str!("sql/of_user.sql"));

pub(crate) async fn of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    only_where_enabled: bool,
) -> Result<Option<String>, Error> {
    let query = OF_USER.raw().bind(tenant).bind(user_id).bind(only_where_enabled);
    Ok(query.fetch_optional(db.pool()).await?.map(|row| row.try_get("blocks")).transpose()?)
}

static OF_IDENTIFIER: Statement =
    Statement::new("user_blocks.of_identifier", include_str!("sql/of_identifier.sql"));

pub(crate) async fn of_identifier(
    db: &Db,
    tenant: &str,
    identifier: &str,
    only_where_enabled: bool,
) -> Result<String, Error> {
    let query = OF_IDENTIFIER.raw().bind(tenant).bind(identifier).bind(only_where_enabled);
    Ok(query.fetch_one(db.pool()).await?.try_get("blocks")?)
}

static LIFT_BY_USER: Statement =
    Statement::new("user_blocks.lift_by_user", include_str!("sql/lift_by_user.sql"));

/// Is there such a user?
pub(crate) async fn lift_by_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    author: &Author,
) -> Result<bool, Error> {
    let query = LIFT_BY_USER.raw().bind(tenant).bind(user_id).bind(author.literal());
    Ok(query.fetch_one(db.pool()).await?.try_get("found")?)
}

static LIFT_BY_IDENTIFIER: Statement =
    Statement::new("user_blocks.lift_by_identifier", include_str!("sql/lift_by_identifier.sql"));

pub(crate) async fn lift_by_identifier(
    db: &Db,
    tenant: &str,
    identifier: &str,
    author: &Author,
) -> Result<(), Error> {
    LIFT_BY_IDENTIFIER.raw().bind(tenant).bind(identifier).bind(author.literal()).execute(db.pool()).await?;
    Ok(())
}
