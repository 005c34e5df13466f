//! Rotation of `secrets.key`, which seals the secrets in the database ([`crate::base::vault`]).
//!
//! `store::SEALED_COLUMNS` lists the sealed columns; a test compares it with the schema. Values under a
//! former key open as long as `secrets.previous_keys` contains that key, and [`rotate`] seals them again.
//!
//! Decisions:
//! - A rotation replaces values in batches of one statement each. A rotation that was killed keeps its
//!   finished batches; the next one continues with the rest.
//! - It runs beside instances that serve and write. A value is replaced only while it equals the one that was
//!   opened; a concurrent change wins, and another pass reads the value again.
//! - Sealing a value again does not change it: versions and entity tags stay, and no secret enters the
//!   journal. Each batch writes one journal row for each tenant, `tenant.secrets_resealed`, with the column,
//!   the key's id and the count.
//! - Values without a key's id, the form before ids existed, always count as not under the present key.

pub(crate) mod store;

use crate::base::error::Result;
use crate::base::vault::{KeyId, Vault};
use crate::db::Db;
use crate::journal::Author;
use store::{SEALED_COLUMNS, SealedColumn, Value};

/// Values in a batch.
const BATCH: i64 = 200;
/// Passes over a column while its values change concurrently.
const MAX_PASSES: usize = 10;

/// The sealed columns, such as `clients.client_secret`.
pub fn columns() -> Vec<String> {
    SEALED_COLUMNS.iter().map(SealedColumn::name).collect()
}

/// The number of a column's values under one key.
#[derive(Debug)]
pub struct Count {
    /// `clients.client_secret`, for example.
    pub column: String,
    /// `None` for values without an id.
    pub key_id: Option<KeyId>,
    pub values: u64,
}

/// Counts the sealed values by column and key.
pub async fn count(db: &Db) -> Result<Vec<Count>> {
    let mut counts = Vec::new();
    for column in &SEALED_COLUMNS {
        for (key_id, values) in store::count(db, column).await? {
            counts.push(Count { column: column.name(), key_id, values });
        }
    }
    Ok(counts)
}

/// The progress of a rotation in one column.
#[derive(Debug, Default)]
pub struct Progress {
    /// `clients.client_secret`, for example.
    pub column: String,
    /// Values that were sealed again; in a dry run, values that would be.
    pub resealed: u64,
    /// Values that changed concurrently.
    pub overtaken: u64,
    /// Values that do not open.
    pub unopened: u64,
    /// The error of the first value that does not open.
    pub reason: Option<String>,
}

/// Seals all values again that are not under the present key, in all tenants; the progress of each column.
/// With `dry_run` it opens the values and writes nothing. `report` is called after every batch.
pub async fn rotate(
    db: &Db,
    vault: &Vault,
    author: &Author,
    dry_run: bool,
    mut report: impl FnMut(&Progress),
) -> Result<Vec<Progress>> {
    let mut columns = Vec::new();
    for column in &SEALED_COLUMNS {
        let mut progress = Progress::default();
        for _ in 0..MAX_PASSES {
            let pass = rotate_column(db, vault, author, column, dry_run, &mut report).await?;
            progress = Progress { resealed: progress.resealed + pass.resealed, ..pass };
            if progress.overtaken == 0 {
                break;
            }
        }
        columns.push(progress);
    }
    Ok(columns)
}

async fn rotate_column(
    db: &Db,
    vault: &Vault,
    author: &Author,
    column: &'static SealedColumn,
    dry_run: bool,
    report: &mut impl FnMut(&Progress),
) -> Result<Progress> {
    let mut progress = Progress { column: column.name(), ..Progress::default() };
    let mut page = store::page(db, column, vault, None, BATCH).await?;
    while let Some(last) = page.last() {
        let mut batch = Vec::new();
        for value in &page {
            match reseal(vault, column, value) {
                Ok(resealed) => batch.push((value, resealed)),
                Err(error) => {
                    progress.unopened += 1;
                    progress.reason.get_or_insert_with(|| error.to_string());
                }
            }
        }
        let opened = batch.len() as u64;
        let resealed =
            if dry_run { opened } else { store::reseal(db, column, vault, &batch, author).await? };
        progress.resealed += resealed;
        progress.overtaken += opened - resealed;
        report(&progress);
        page = store::page(db, column, vault, Some(last), BATCH).await?;
    }
    Ok(progress)
}

fn reseal(vault: &Vault, column: &SealedColumn, value: &Value) -> Result<Vec<u8>> {
    let [tenant, id] = &value.row_key;
    let location = column.location.row(tenant, id);
    vault.seal(&location, &vault.open(&location, &value.sealed)?)
}
