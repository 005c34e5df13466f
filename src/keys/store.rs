use sqlx::Row;

use crate::base::error::Error;
use crate::base::vault::{FORM, KeyId, Vault};
use crate::db::array_literal;
use crate::db::{Db, Statement, is_deadlock};
use crate::journal::{Author, author, insert_journal};

/// A column with sealed values, and how to go through it.
pub struct Sealed {
    /// The table.
    pub table: &'static str,
    /// The column, a `bytea`.
    pub column: &'static str,
    /// What stands between the tenant and the key's columns in the place of a value.
    pub place: &'static str,
    /// How many columns the table's key has.
    keys: usize,
    count: Statement,
    page: Statement,
    reseal: Statement,
}

impl Sealed {
    /// As in `clients.client_secret`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

/// Makes [`SEALED`]: a table, the columns of its key behind `tenant_id`, numbered from 2, the column, and what its
/// values' place says between the tenant and the rest of the key.
macro_rules! sealed {
    ($($table:ident [$($key:ident $n:literal),+] $column:ident at $place:literal;)+) => {
        /// The columns with sealed values: all that [`super::rotate`] goes through.
        pub static SEALED: [Sealed; [$($place),+].len()] = [$(Sealed {
            table: stringify!($table),
            column: stringify!($column),
            place: $place,
            keys: 1 + [$($n),+].len(),
            count: Statement::global(
                concat!("keys.count ", stringify!($table), ".", stringify!($column)),
                concat!(
                    "select case when substring(", stringify!($column), " from 1 for 4) = $1
                 then substring(", stringify!($column), " from 5 for 4) end as key_id,
            count(*) as values
       from ", stringify!($table), "
      where ", stringify!($column), " is not null
      group by 1
      order by 1"
                ),
            ),
            page: Statement::global(
                concat!("keys.page ", stringify!($table), ".", stringify!($column)),
                concat!(
                    "select array[tenant_id", $(", ", stringify!($key),)+ "] as keys,
            ", stringify!($column), " as sealed
       from ", stringify!($table), "
      where (tenant_id", $(", ", stringify!($key),)+ ") > (($1::text[])[1]", $(", ($1::text[])[", $n, "]",)+ ")
        and substring(", stringify!($column), " from 1 for 8) <> $2
      order by tenant_id", $(", ", stringify!($key),)+ "
      limit $3"
                ),
            ),
            reseal: Statement::new(
                concat!("keys.reseal ", stringify!($table), ".", stringify!($column)),
                concat!(
                    "with resealed as (
             update ", stringify!($table), " t
                set ", stringify!($column), " = v.resealed
               from unnest($1::text[], $2::bytea[], $3::bytea[]) as v(keys, sealed, resealed)
              where t.tenant_id = (v.keys::text[])[1]",
                    $("
                and t.", stringify!($key), " = (v.keys::text[])[", $n, "]",)+ "
                and t.", stringify!($column), " = v.sealed
          returning t.tenant_id
         ), journal_entry as (
             ", insert_journal!(), "
             select tenant_id, 'tenant.secrets_resealed', tenant_id,
                    jsonb_build_object('column', jsonb_build_object('after', '",
                    stringify!($table), ".", stringify!($column), "'),
                                       'key_id', jsonb_build_object('after', $4::text),
                                       'count', jsonb_build_object('after', count(*))), ",
                    author!("$5::text[]"), "
               from resealed
              group by tenant_id
         )
         select count(*)
           from resealed"
                ),
            ),
        }),+];
    };
}

sealed! {
    signing_keys [kid 2] private_key at "signing_keys";
    clients [client_id 2] client_secret at "clients";
    connections [connection_id 2] secrets at "connections";
    resource_servers [resource_server_id 2] signing_secret at "resource_servers";
    mails [mail_id 2] content at "mails";
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
    let rows = sealed.count.query().bind(FORM.as_slice()).fetch_all(db.pool()).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let id: Option<Vec<u8>> = row.try_get("key_id")?;
        let id = id.and_then(|id| id.try_into().ok()).map(KeyId);
        Ok((id, row.try_get::<i64, _>("values")?.unsigned_abs()))
    };
    rows.iter().map(read).collect()
}

/// A value that is not under the present key.
pub(crate) struct Value {
    /// What its row is known by, the tenant first.
    pub keys: Vec<String>,
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
    let after = after.map_or_else(|| vec![String::new(); sealed.keys], |after| after.keys.clone());
    let query = sealed.page.query().bind(after).bind(vault.header()).bind(limit);
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
        .query()
        .bind(batch.iter().map(|(value, _)| keys(value)).collect::<Vec<_>>())
        .bind(batch.iter().map(|(value, _)| value.sealed.as_slice()).collect::<Vec<_>>())
        .bind(batch.iter().map(|(_, resealed)| resealed.as_slice()).collect::<Vec<_>>())
        .bind(vault.key_id().to_string())
        .bind(author.entry())
        .fetch_one(db.pool())
        .await;
    match done {
        Ok(row) => Ok(row.try_get::<i64, _>(0)?.unsigned_abs()),
        // It changed nothing; whoever was in the way has overtaken it.
        Err(error) if is_deadlock(&error) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
