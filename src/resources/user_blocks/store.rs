//! Table `login_attempts`: attempts to log in since the last success, a row for each account, connection and
//! IP address and one (`ip` is empty) for all addresses. A row that reaches its limit (`attempt_limit`) is a
//! block until it lapses (`attempts_lapsed`). The account is a user id, or `-identifier` if no user has the
//! identifier.
//!
//! Other writers, each in the statement of its own change: `logins` counts attempts and deletes rows after a
//! success and lapsed ones; `tickets` and `users` delete the rows of a user with a new password, `users`
//! those of a deleted user. All of them lock the rows of an account in the order of connections, the row of
//! all addresses last.

use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] =
    &[&LIST_OF_USER, &LIST_OF_IDENTIFIER, &DELETE_OF_USER, &DELETE_OF_IDENTIFIER];

static LIST_OF_USER: Statement =
    Statement::new("user_blocks.list_of_user", include_str!("sql/list_of_user.sql"));

/// `None`: the user does not exist.
pub(crate) async fn list_of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    only_where_enabled: bool,
) -> Result<Option<String>, Error> {
    let row = LIST_OF_USER
        .bind("tenant_id", tenant)
        .bind("user_id", user_id)
        .bind("only_where_enabled", only_where_enabled)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(blocks,)| blocks))
}

static LIST_OF_IDENTIFIER: Statement =
    Statement::new("user_blocks.list_of_identifier", include_str!("sql/list_of_identifier.sql"));

pub(crate) async fn list_of_identifier(
    db: &Db,
    tenant: &str,
    identifier: &str,
    only_where_enabled: bool,
) -> Result<String, Error> {
    let (blocks,) = LIST_OF_IDENTIFIER
        .bind("tenant_id", tenant)
        .bind("identifier", identifier)
        .bind("only_where_enabled", only_where_enabled)
        .fetch_one(db)
        .await?;
    Ok(blocks)
}

static DELETE_OF_USER: Statement =
    Statement::new("user_blocks.delete_of_user", include_str!("sql/delete_of_user.sql"));

/// False if the user does not exist.
pub(crate) async fn delete_of_user(
    db: &Db,
    tenant: &str,
    user_id: &str,
    author: &Author,
) -> Result<bool, Error> {
    let (user_exists,) = DELETE_OF_USER
        .bind("tenant_id", tenant)
        .bind("user_id", user_id)
        .bind("author", author.literal())
        .fetch_one(db)
        .await?;
    Ok(user_exists)
}

static DELETE_OF_IDENTIFIER: Statement =
    Statement::new("user_blocks.delete_of_identifier", include_str!("sql/delete_of_identifier.sql"));

pub(crate) async fn delete_of_identifier(
    db: &Db,
    tenant: &str,
    identifier: &str,
    author: &Author,
) -> Result<(), Error> {
    DELETE_OF_IDENTIFIER
        .bind("tenant_id", tenant)
        .bind("identifier", identifier)
        .bind("author", author.literal())
        .execute(db)
        .await?;
    Ok(())
}
