//! The sealed columns of all tables, each with three statements of the same form; `tests` below keeps them in
//! step.
//!
//! [`reseal`] locks the rows that it changes and compares the old value, so it never undoes a concurrent
//! change. Their resources write the columns, too.

use crate::base::error::Error;
use crate::base::vault::{FORMAT_MARKER, KeyId, Location, Vault};
use crate::db::array_literal;
use crate::db::{Db, Statement, is_deadlock};
use crate::journal::Author;

/// A column with sealed values.
pub(crate) struct SealedColumn {
    /// A `bytea` column.
    pub column: &'static str,
    /// The table. Its primary key is the tenant and one more column.
    pub location: Location,
    count: Statement,
    page: Statement,
    reseal: Statement,
}

impl SealedColumn {
    /// `clients.client_secret`, for example.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.location.table(), self.column)
    }
}

macro_rules! sealed_columns {
    ($($location:ident $name:literal $column:literal;)+) => {
        /// All sealed columns.
        pub(crate) static SEALED_COLUMNS: [SealedColumn; [$($name),+].len()] = [$(SealedColumn {
            column: $column,
            location: Location::$location,
            count: Statement::global(
                concat!("keys.count_", $name),
                include_str!(concat!("sql/count_", $name, ".sql")),
            ),
            page: Statement::global(
                concat!("keys.page_", $name),
                include_str!(concat!("sql/page_", $name, ".sql")),
            ),
            reseal: Statement::new(
                concat!("keys.reseal_", $name),
                include_str!(concat!("sql/reseal_", $name, ".sql")),
            ),
        }),+];
    };
}

sealed_columns! {
    SigningKeys "signing_keys" "private_key";
    Clients "clients" "client_secret";
    ClientSettings "client_settings" "secrets";
    Connections "connections" "secrets";
    ResourceServers "resource_servers" "signing_secret";
    Mails "mails" "content";
}

pub(crate) const STATEMENTS: &[&Statement] = &{
    let mut all = [&SEALED_COLUMNS[0].count; 3 * SEALED_COLUMNS.len()];
    let mut n = 0;
    while n < SEALED_COLUMNS.len() {
        all[3 * n] = &SEALED_COLUMNS[n].count;
        all[3 * n + 1] = &SEALED_COLUMNS[n].page;
        all[3 * n + 2] = &SEALED_COLUMNS[n].reseal;
        n += 1;
    }
    all
};

/// The number of values by the id of their key; `None` for values without an id.
pub(crate) async fn count(
    db: &Db,
    column: &'static SealedColumn,
) -> Result<Vec<(Option<KeyId>, u64)>, Error> {
    let rows: Vec<(Option<Vec<u8>>, i64)> =
        column.count.bind("form", FORMAT_MARKER.as_slice()).fetch_all(db).await?;
    let key_id = |id: Vec<u8>| id.try_into().ok().map(KeyId);
    Ok(rows.into_iter().map(|(id, values)| (id.and_then(key_id), values.unsigned_abs())).collect())
}

/// A value that is not under the present key.
#[derive(sqlx::FromRow)]
pub(crate) struct Value {
    /// The primary key: the tenant, then the id.
    pub row_key: [String; 2],
    pub sealed: Vec<u8>,
}

/// A page of values that are not under the present key, in the order of their primary keys, from the one
/// after `after`.
pub(crate) async fn page(
    db: &Db,
    column: &'static SealedColumn,
    vault: &Vault,
    after: Option<&Value>,
    limit: i64,
) -> Result<Vec<Value>, Error> {
    let after = after.map(|after| after.row_key.clone()).unwrap_or_default();
    let query = column.page.bind("after", after).bind("header", vault.header()).bind("limit", limit);
    Ok(query.fetch_all(db).await?)
}

/// Replaces each value that did not change since it was opened; the number of replaced values.
pub(crate) async fn reseal(
    db: &Db,
    column: &'static SealedColumn,
    vault: &Vault,
    batch: &[(&Value, Vec<u8>)],
    author: &Author,
) -> Result<u64, Error> {
    let row_key = |value: &Value| array_literal(value.row_key.iter().map(|key| Some(key.as_str())));
    let resealed = column
        .reseal
        .bind("row_key", batch.iter().map(|(value, _)| row_key(value)).collect::<Vec<_>>())
        .bind("sealed", batch.iter().map(|(value, _)| value.sealed.as_slice()).collect::<Vec<_>>())
        .bind("resealed", batch.iter().map(|(_, resealed)| resealed.as_slice()).collect::<Vec<_>>())
        .bind("key_id", vault.key_id().to_string())
        .bind("author", author.literal())
        .fetch_one::<(i64,)>(db)
        .await;
    match resealed {
        Ok((count,)) => Ok(count.unsigned_abs()),
        // A deadlock changes nothing. The other transaction changed the values, so the next pass reads them
        // again.
        Err(error) if is_deadlock(&error) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_differ_in_table_key_and_column_only() {
        let ids = ["kid", "client_id", "client_id", "connection_id", "resource_server_id", "mail_id"];
        let model = &SEALED_COLUMNS[0];
        for (column, id) in SEALED_COLUMNS.iter().zip(ids) {
            let adapted = |statement: &Statement| {
                let table = statement.sql.replace("signing_keys", column.location.table());
                table.replace("private_key", column.column).replace("kid", id)
            };
            assert_eq!(column.count.sql, adapted(&model.count));
            assert_eq!(column.page.sql, adapted(&model.page));
            assert_eq!(column.reseal.sql, adapted(&model.reseal));
        }
    }
}
