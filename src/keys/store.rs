use sqlx::Row;

use crate::base::error::Error;
use crate::base::vault::{FORM, KeyId, Location, Vault};
use crate::db::array_literal;
use crate::db::{Db, Statement, is_deadlock};
use crate::journal::Author;

/// A column with sealed values, and how to go through it.
pub(crate) struct Sealed {
    /// The column, a `bytea`.
    pub column: &'static str,
    /// Its table.
    pub location: Location,
    count: Statement,
    page: Statement,
    reseal: Statement,
}

impl Sealed {
    /// As in `clients.client_secret`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.location.table(), self.column)
    }
}

/// The three statements of a table.
macro_rules! sealed {
    ($($table:literal $column:literal in $location:expr;)+) => {
        /// The columns with sealed values: all that [`super::rotate`] goes through.
        pub(crate) static SEALED: [Sealed; [$($table),+].len()] = [$(Sealed {
            column: $column,
            location: $location,
            count: Statement::global(
                concat!("keys.count_", $table),
                include_str!(concat!("sql/count_", $table, ".sql")),
            ),
            page: Statement::global(
                concat!("keys.page_", $table),
                include_str!(concat!("sql/page_", $table, ".sql")),
            ),
            reseal: Statement::new(
                concat!("keys.reseal_", $table),
                include_str!(concat!("sql/reseal_", $table, ".sql")),
            ),
        }),+];
    };
}

sealed! {
    "signing_keys" "private_key" in Location::SigningKeys;
    "clients" "client_secret" in Location::Clients;
    "connections" "secrets" in Location::Connections;
    "resource_servers" "signing_secret" in Location::ResourceServers;
    "mails" "content" in Location::Mails;
}

pub(crate) const STATEMENTS: &[&Statement] = &{
    let mut all = [&SEALED[0].count; 3 * SEALED.len()];
    let mut n = 0;
    while n < SEALED.len() {
        all[3 * n] = &SEALED[n].count;
        all[3 * n + 1] = &SEALED[n].page;
        all[3 * n + 2] = &SEALED[n].reseal;
        n += 1;
    }
    all
};

/// How many values are under which key; `None` for those without a key's id.
pub(crate) async fn count(db: &Db, sealed: &Sealed) -> Result<Vec<(Option<KeyId>, u64)>, Error> {
    let rows = sealed.count.raw().bind(FORM.as_slice()).fetch_all(db.pool()).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let id: Option<Vec<u8>> = row.try_get("key_id")?;
        let id = id.and_then(|id| id.try_into().ok()).map(KeyId);
        Ok((id, row.try_get::<i64, _>("values")?.unsigned_abs()))
    };
    rows.iter().map(read).collect()
}

/// A value that is not under the present key.
pub(crate) struct Value {
    /// The tenant, then the key of the row.
    pub keys: [String; 2],
    pub sealed: Vec<u8>,
}

/// Up to so many values that are not under the present key, in the order of their keys: the first of all, or those
/// behind another.
pub(crate) async fn page(
    db: &Db,
    sealed: &Sealed,
    vault: &Vault,
    after: Option<&Value>,
    limit: i64,
) -> Result<Vec<Value>, Error> {
    let after = after.map(|after| after.keys.clone()).unwrap_or_default();
    let query = sealed.page.raw().bind(after).bind(vault.header()).bind(limit);
    let rows = query.fetch_all(db.pool()).await?;
    rows.iter().map(|row| Ok(Value { keys: row.try_get("keys")?, sealed: row.try_get("sealed")? })).collect()
}

/// Replaces those values that still are what they were; how many.
pub(crate) async fn reseal(
    db: &Db,
    sealed: &Sealed,
    vault: &Vault,
    batch: &[(&Value, Vec<u8>)],
    author: &Author,
) -> Result<u64, Error> {
    let keys = |value: &Value| array_literal(value.keys.iter().map(|key| Some(key.as_str())));
    let done = sealed
        .reseal
        .raw()
        .bind(batch.iter().map(|(value, _)| keys(value)).collect::<Vec<_>>())
        .bind(batch.iter().map(|(value, _)| value.sealed.as_slice()).collect::<Vec<_>>())
        .bind(batch.iter().map(|(_, resealed)| resealed.as_slice()).collect::<Vec<_>>())
        .bind(vault.key_id().to_string())
        .bind(author.literal())
        .fetch_one(db.pool())
        .await;
    match done {
        Ok(row) => Ok(row.try_get::<i64, _>(0)?.unsigned_abs()),
        // It changed nothing; whoever was in the way has overtaken it.
        Err(error) if is_deadlock(&error) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
