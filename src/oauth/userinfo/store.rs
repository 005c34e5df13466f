use sqlx::Row;

use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::resources::users::model::User;
use crate::resources::users::store::user;

pub(crate) const STATEMENTS: &[&Statement] = &[&OF_TOKEN];

static OF_TOKEN: Statement = Statement::new("userinfo.of_token", include_str!("sql/of_token.sql"));

/// The user of an access token that is still good, and its scope.
pub(crate) async fn of_token(
    db: &Db,
    tenant: &str,
    digest: &[u8; 32],
) -> Result<Option<(User, String)>, Error> {
    let query = OF_TOKEN.raw().bind(tenant).bind(digest.as_slice());
    let Some(row) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some((user(&row)?, row.try_get("scope")?)))
}
