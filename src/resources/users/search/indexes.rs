//! Indexes on single paths of metadata, for ranges and wildcards: `roster search index app_metadata.plan`.
//!
//! One serves all tenants; it is used for those that name its path in `search.indexed`. A record has one key in it, of its
//! only value at the path, or a mark that it has many: those are always proposed (see migration `create_search_key`).
//!
//! Building takes no lock that anybody would wait for. A build that was interrupted leaves an index that is not valid, which
//! the next build drops.

use std::time::Duration;

use anyhow::{Context, bail};
use md5::{Digest, Md5};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::builder::{OPENED, step};
use crate::db::{self, Options};
use crate::search::indexed::Indexed;

/// So many there are at most: each makes every change of metadata dearer.
const MOST: usize = 10;
/// "roster" and a number, as a bigint; migrations have the first.
const LOCK: i64 = 0x726f_7374_6572_0002;

/// The index of a path.
impl Indexed {
    /// The key of a user `u`. It is a part of the text of statements, as the index is of this expression.
    pub fn key(&self) -> String {
        let mut path = String::from("$");
        for (n, key) in self.keys.iter().enumerate() {
            path += if n == 0 { "" } else { OPENED };
            step(&mut path, key);
        }
        format!("search_key(u.{}, '{path}[*][*]')", self.object)
    }

    fn name(&self) -> String {
        let digest =
            Md5::digest(&self.path).iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        format!("users_search_{digest:016x}_idx")
    }
}

/// An index as it stands in the database.
#[derive(Debug)]
pub struct Found {
    /// Its path; its name if it was not written down.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Was it built to its end?
    pub valid: bool,
    /// Its size in bytes.
    pub bytes: i64,
}

async fn connect(options: &Options) -> anyhow::Result<PgConnection> {
    db::connect(&Options { statement_timeout: Duration::ZERO, ..options.clone() }).await
}

/// A connection that is the only one to make and drop indexes, until it is closed. Polled, not waited for: a session that
/// waits holds a snapshot, and the other's `create index concurrently` would wait for that.
async fn connect_alone(options: &Options) -> anyhow::Result<PgConnection> {
    let mut connection = connect(options).await?;
    while !sqlx::query("select pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut connection)
        .await?
        .try_get::<bool, _>(0)?
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(connection)
}

/// Those there are.
pub async fn list(options: &Options) -> anyhow::Result<Vec<Found>> {
    found(&mut connect(options).await?).await
}

async fn found(connection: &mut PgConnection) -> anyhow::Result<Vec<Found>> {
    let rows = sqlx::query(
        "select c.relname::text, obj_description(c.oid, 'pg_class') as path, i.indisvalid, pg_relation_size(c.oid)
           from pg_index i
           join pg_class c on c.oid = i.indexrelid
          where i.indrelid = 'users'::regclass
            and c.relname like 'users\\_search\\_%'
          order by 2, 1",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let (name, path): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Found {
                path: path.unwrap_or_else(|| name.clone()),
                name,
                valid: row.try_get(2)?,
                bytes: row.try_get(3)?,
            })
        })
        .collect()
}

/// Builds the index of a path, unless there is one. Was it built?
pub async fn build(options: &Options, indexed: &Indexed) -> anyhow::Result<bool> {
    let mut connection = connect_alone(options).await?;
    let (name, present) = (indexed.name(), found(&mut connection).await?);
    match present.iter().find(|index| index.name == name) {
        Some(index) if index.valid => {
            describe(&mut connection, indexed).await?;
            return Ok(false);
        }
        Some(_) => drop_named(&mut connection, &name).await?,
        None if present.len() >= MOST => {
            bail!("there are {MOST} indexes already: drop one that is not needed")
        }
        None => {}
    }
    let key = indexed.key().replace("u.", "");
    let create = format!(
        "create index concurrently {name} on users (tenant_id, ({key}) collate \"C\", user_id) where {key} is not null"
    );
    connection
        .execute(AssertSqlSafe(create))
        .await
        .with_context(|| format!("cannot index {}", indexed.path))?;
    describe(&mut connection, indexed).await?;
    connection.execute("analyze users").await?;
    Ok(true)
}

/// Writes the path to the index, whose name does not tell it.
async fn describe(connection: &mut PgConnection, indexed: &Indexed) -> anyhow::Result<()> {
    let comment = format!("comment on index {} is '{}'", indexed.name(), indexed.path);
    connection.execute(AssertSqlSafe(comment)).await?;
    Ok(())
}

/// Drops the index of a path. Was there one?
pub async fn remove(options: &Options, indexed: &Indexed) -> anyhow::Result<bool> {
    let mut connection = connect_alone(options).await?;
    let known = found(&mut connection).await?.iter().any(|index| index.name == indexed.name());
    if known {
        drop_named(&mut connection, &indexed.name()).await?;
    }
    Ok(known)
}

async fn drop_named(connection: &mut PgConnection, name: &str) -> anyhow::Result<()> {
    connection.execute(AssertSqlSafe(format!("drop index concurrently if exists {name}"))).await?;
    Ok(())
}
