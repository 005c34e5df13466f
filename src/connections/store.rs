use sqlx::Row;
use sqlx::types::Json;

use super::{Connection, Options};
use crate::db::{Db, Statement};
use crate::error::Error;

pub(crate) const STATEMENTS: &[&Statement] = &[&BY_NAME];

static BY_NAME: Statement = Statement::new(
    "connections.by_name",
    "select c.connection_id,
            c.name,
            c.strategy,
            c.options,
            c.enabled_clients
       from connections c
      where c.tenant_id = $1
        and c.name = $2",
);

pub(crate) async fn by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>, Error> {
    let row = BY_NAME.query().bind(tenant).bind(name).fetch_optional(db.pool()).await?;
    let Some(row) = row else { return Ok(None) };
    let Json(options): Json<Options> = row.try_get("options")?;
    Ok(Some(Connection {
        connection_id: row.try_get("connection_id")?,
        name: row.try_get("name")?,
        strategy: row.try_get("strategy")?,
        options,
        enabled_clients: row.try_get("enabled_clients")?,
    }))
}
