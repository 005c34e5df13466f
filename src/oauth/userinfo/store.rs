use sqlx::Row;

use crate::base::error::Error;
use crate::db::{Db, Statement};
use crate::resources::users::model::User;
use crate::resources::users::store::{user, user_columns};

pub(crate) const STATEMENTS: &[&Statement] = &[&OF_TOKEN];

static OF_TOKEN: Statement = Statement::new(
    "userinfo.of_token",
    concat!(
        "select t.scope,
            ",
        user_columns!(),
        "
       from access_tokens t
       join users u on u.tenant_id = t.tenant_id and u.user_id = t.user_id
       join clients c on c.tenant_id = t.tenant_id and c.client_id = t.client_id
      where t.tenant_id = $1
        and t.digest = $2
        and t.expires_at > now()"
    ),
);

/// The user of an access token that is still good, and its scope.
pub(crate) async fn of_token(
    db: &Db,
    tenant: &str,
    digest: &[u8; 32],
) -> Result<Option<(User, String)>, Error> {
    let query = OF_TOKEN.query().bind(tenant).bind(digest.as_slice());
    let Some(row) = query.fetch_optional(db.pool()).await? else { return Ok(None) };
    Ok(Some((user(&row)?, row.try_get("scope")?)))
}
