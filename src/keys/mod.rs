//! Rotation of `secrets.key`, which seals what is secret in the database ([`crate::base::vault`]).
//!
//! [`store::SEALED`] is the one list of sealed columns; a test holds it against the schema. Where `secrets.key` is
//! replaced by another key, what is sealed under the former one goes on opening while that is among
//! `secrets.previous_keys`, and [`rotate`] seals it anew.
//!
//! Decisions:
//! - Rotation works in batches of a statement each: killed at any time it has done what it has done, and the next run
//!   goes on with the rest.
//! - It runs beside instances that serve and write. A value is replaced only where it still is the one that was opened;
//!   who changed it meanwhile wins, and another pass looks at it again.
//! - A sealed value is not changed by being sealed anew: versions and entity tags stay, no secret passes the journal.
//!   Each batch writes one row a tenant, `tenant.secrets_resealed`, with the column, the key's id and how many.
//! - Values without a key's id, of the form before there were ids, count as not under the present key whichever sealed
//!   them.

pub(crate) mod store;

use crate::base::error::Result;
use crate::base::vault::{KeyId, Vault};
use crate::db::Db;
use crate::journal::Author;
use store::{SEALED, Sealed, Value};

/// How many values a statement replaces.
const BATCH: i64 = 200;
/// How often what was changed meanwhile is looked at again.
const PASSES: usize = 10;

/// The sealed columns, as in `clients.client_secret`.
pub fn columns() -> Vec<String> {
    SEALED.iter().map(Sealed::name).collect()
}

/// How many values of a column are under a key.
#[derive(Debug)]
pub struct Count {
    /// As in `clients.client_secret`.
    pub column: String,
    /// `None` for values from before there were ids.
    pub key_id: Option<KeyId>,
    /// How many.
    pub values: u64,
}

/// How many sealed values there are, by column and key.
pub async fn count(db: &Db) -> Result<Vec<Count>> {
    let mut counts = Vec::new();
    for sealed in &SEALED {
        for (key_id, values) in store::count(db, sealed).await? {
            counts.push(Count { column: sealed.name(), key_id, values });
        }
    }
    Ok(counts)
}

/// How far a rotation is in a column.
#[derive(Debug, Default)]
pub struct Progress {
    /// As in `clients.client_secret`.
    pub column: String,
    /// How many values were sealed anew, or would be.
    pub resealed: u64,
    /// How many were changed by somebody else meanwhile.
    pub overtaken: u64,
    /// How many do not open, and why the first of them does not.
    pub unopened: u64,
    /// See [`Progress::unopened`].
    pub reason: Option<String>,
}

/// Seals anew what is not under the present key, in all tenants; with `dry_run` it opens everything and writes nothing.
/// `tell` hears of every batch. What was done, by column.
pub async fn rotate(
    db: &Db,
    vault: &Vault,
    author: &Author,
    dry_run: bool,
    mut tell: impl FnMut(&Progress),
) -> Result<Vec<Progress>> {
    let mut columns = Vec::new();
    for sealed in &SEALED {
        let mut progress = Progress::default();
        for _ in 0..PASSES {
            let pass = rotate_column(db, vault, author, sealed, dry_run, &mut tell).await?;
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
    sealed: &Sealed,
    dry_run: bool,
    tell: &mut impl FnMut(&Progress),
) -> Result<Progress> {
    let mut progress = Progress { column: sealed.name(), ..Progress::default() };
    let mut page = store::page(db, sealed, vault, None, BATCH).await?;
    while let Some(last) = page.last() {
        let mut batch = Vec::new();
        for value in &page {
            match reseal(vault, sealed, value) {
                Ok(resealed) => batch.push((value, resealed)),
                Err(error) => {
                    progress.unopened += 1;
                    progress.reason.get_or_insert_with(|| error.to_string());
                }
            }
        }
        let opened = batch.len() as u64;
        let done = if dry_run { opened } else { store::reseal(db, sealed, vault, &batch, author).await? };
        progress.resealed += done;
        progress.overtaken += opened - done;
        tell(&progress);
        page = store::page(db, sealed, vault, Some(last), BATCH).await?;
    }
    Ok(progress)
}

fn reseal(vault: &Vault, sealed: &Sealed, value: &Value) -> Result<Vec<u8>> {
    let [tenant, id] = &value.keys;
    let row = sealed.location.row(tenant, id);
    vault.seal(&row, &vault.open(&row, &value.sealed)?)
}
