use serde_json::value::RawValue;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use super::{Connection, List, Options};
use crate::db::{Db, Statement};
use crate::error::Error;

pub(crate) const STATEMENTS: &[&Statement] = &[&BY_NAME, &LIST, &BY_NAME_FOR_CLIENT, &FIRST_FOR_CLIENT];

/// What makes a [`Connection`], of `connections c`.
macro_rules! connection {
    () => {
        "select c.connection_id,
            c.name,
            c.strategy,
            c.options,
            c.enabled_clients
       from connections c
      where c.tenant_id = $1"
    };
}

fn connection(row: &PgRow) -> Result<Connection, Error> {
    let Json(options): Json<Options> = row.try_get("options")?;
    Ok(Connection {
        connection_id: row.try_get("connection_id")?,
        name: row.try_get("name")?,
        strategy: row.try_get("strategy")?,
        options,
        enabled_clients: row.try_get("enabled_clients")?,
    })
}

static BY_NAME: Statement =
    Statement::new("connections.by_name", concat!(connection!(), "\n        and c.name = $2"));

pub(crate) async fn by_name(db: &Db, tenant: &str, name: &str) -> Result<Option<Connection>, Error> {
    let row = BY_NAME.query().bind(tenant).bind(name).fetch_optional(db.pool()).await?;
    row.as_ref().map(connection).transpose()
}

/// What makes a connection one of client $2's.
macro_rules! for_client {
    () => {
        "
        and (c.enabled_clients is null or $2 = any(c.enabled_clients))
        and exists (select from clients k where k.tenant_id = c.tenant_id and k.client_id = $2)"
    };
}

static BY_NAME_FOR_CLIENT: Statement = Statement::new(
    "connections.by_name_for_client",
    concat!(connection!(), for_client!(), "\n        and c.name = $3"),
);

pub(crate) async fn by_name_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
    name: &str,
) -> Result<Option<Connection>, Error> {
    let query = BY_NAME_FOR_CLIENT.query().bind(tenant).bind(client_id).bind(name);
    query.fetch_optional(db.pool()).await?.as_ref().map(connection).transpose()
}

static FIRST_FOR_CLIENT: Statement = Statement::new(
    "connections.first_for_client",
    concat!(connection!(), for_client!(), "\n      order by c.created_at, c.name\n      limit 1"),
);

pub(crate) async fn first_for_client(
    db: &Db,
    tenant: &str,
    client_id: &str,
) -> Result<Option<Connection>, Error> {
    let query = FIRST_FOR_CLIENT.query().bind(tenant).bind(client_id);
    query.fetch_optional(db.pool()).await?.as_ref().map(connection).transpose()
}

static LIST: Statement = Statement::new(
    "connections.list",
    "with matching as (
         select c.*
           from connections c
          where c.tenant_id = $1
            and ($2::text is null or c.name = $2)
            and ($3::text[] = '{}' or c.strategy = any($3))
     )
     select (select count(*) from matching) as total,
            array(select json_build_object(
                             'id', c.connection_id,
                             'options', c.options,
                             'strategy', c.strategy,
                             'name', c.name,
                             'is_domain_connection', false,
                             'realms', json_build_array(c.name),
                             'enabled_clients', coalesce(to_json(c.enabled_clients), to_json(array(
                                 select e.client_id from clients e where e.tenant_id = $1 and e.settings -> 'global' is distinct from 'true' order by e.client_id))))
                    from matching c
                   order by c.name
                  offset $4
                   limit $5) as documents",
);

/// Documents as they are answered, and how many there are in all.
pub(crate) async fn list(
    db: &Db,
    tenant: &str,
    list: &List,
) -> Result<(Vec<Json<Box<RawValue>>>, i64), Error> {
    let query = LIST.query().bind(tenant).bind(&list.name).bind(&list.strategies);
    let row = query.bind(list.start).bind(list.limit).fetch_one(db.pool()).await?;
    Ok((row.try_get("documents")?, row.try_get("total")?))
}
