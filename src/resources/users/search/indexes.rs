//! Indexes of single metadata paths, for ranges and patterns: `roster search index app_metadata.plan`.
//!
//! An index covers all tenants; a tenant uses it if the setting `search.indexed` names its path. The key of a
//! user is the single value at the path, or `m` if there are several values; those users are always
//! candidates (see `search_key` in `migrations/`).
//!
//! Table: `users`. Builds and drops run concurrently, without locks that block changes of users; an advisory
//! lock serializes them. An interrupted build leaves an invalid index, which the next build drops.

use std::time::Duration;

use anyhow::{Context, bail};
use md5::{Digest, Md5};
use sqlx::{AssertSqlSafe, Executor, FromRow, PgConnection};

use super::jsonpath;
use crate::db::{self, Options, Statement};
use crate::search::indexed::IndexedPath;

/// The maximum number of indexes, because each one makes a change of metadata more expensive.
const MAX_INDEXES: usize = 10;
/// The advisory lock: "roster" and a number, as a bigint. Number 1 is the lock of migrations.
const LOCK: i64 = 0x726f_7374_6572_0002;
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The statements of constant text.
pub const STATEMENTS: &[&Statement] = &[&TRY_LOCK, &LIST_INDEXES, &ANALYZE];

impl IndexedPath {
    /// The key of a user `u`. It is a part of statement texts, because the planner matches it with the index
    /// expression.
    pub fn key(&self) -> String {
        format!("search_key(u.{}, '{}')", self.object, jsonpath::values(&self.keys))
    }

    fn name(&self) -> String {
        let digest =
            Md5::digest(&self.path).iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        format!("users_search_{digest:016x}_idx")
    }
}

/// An index in the database.
#[derive(Debug, FromRow)]
pub struct Index {
    /// The path; the name if the index has no comment.
    pub path: String,
    pub name: String,
    /// Whether the build completed.
    pub valid: bool,
    /// The size in bytes.
    pub bytes: i64,
}

async fn connect(options: &Options) -> anyhow::Result<PgConnection> {
    db::connect(&Options { statement_timeout: Duration::ZERO, ..options.clone() }).await
}

static TRY_LOCK: Statement = Statement::global("search.try_lock", include_str!("sql/try_lock.sql"));

/// A connection that holds the advisory lock until it is closed. The lock is polled: a session that blocks in
/// `pg_advisory_lock` holds a snapshot, which the `create index concurrently` of the lock's holder would wait
/// for.
async fn connect_locked(options: &Options) -> anyhow::Result<PgConnection> {
    let mut connection = connect(options).await?;
    loop {
        let (locked,): (bool,) = TRY_LOCK.bind("key", LOCK).fetch_one(&mut connection).await?;
        if locked {
            return Ok(connection);
        }
        tokio::time::sleep(LOCK_POLL_INTERVAL).await;
    }
}

static LIST_INDEXES: Statement =
    Statement::global("search.list_indexes", include_str!("sql/list_indexes.sql"));

async fn fetch_all(connection: &mut PgConnection) -> anyhow::Result<Vec<Index>> {
    Ok(LIST_INDEXES.query().fetch_all(connection).await?)
}

/// Lists the indexes, invalid ones included.
pub async fn list(options: &Options) -> anyhow::Result<Vec<Index>> {
    fetch_all(&mut connect(options).await?).await
}

static ANALYZE: Statement = Statement::global("search.analyze", include_str!("sql/analyze.sql"));

/// Builds the index of a path; `false` if it exists already.
pub async fn build(options: &Options, indexed: &IndexedPath) -> anyhow::Result<bool> {
    let mut connection = connect_locked(options).await?;
    let (name, indexes) = (indexed.name(), fetch_all(&mut connection).await?);
    match indexes.iter().find(|index| index.name == name) {
        Some(index) if index.valid => {
            comment(&mut connection, indexed).await?;
            return Ok(false);
        }
        Some(_) => drop_index(&mut connection, &name).await?,
        None if indexes.len() >= MAX_INDEXES => {
            bail!("the maximum of {MAX_INDEXES} indexes is reached: drop one that is not used")
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
    comment(&mut connection, indexed).await?;
    ANALYZE.query().execute(&mut connection).await?;
    Ok(true)
}

/// Stores the path as the index's comment, because the name only has a digest of it.
async fn comment(connection: &mut PgConnection, indexed: &IndexedPath) -> anyhow::Result<()> {
    let comment = format!("comment on index {} is '{}'", indexed.name(), indexed.path);
    connection.execute(AssertSqlSafe(comment)).await?;
    Ok(())
}

/// Drops the index of a path; `false` if it does not exist.
pub async fn remove(options: &Options, indexed: &IndexedPath) -> anyhow::Result<bool> {
    let mut connection = connect_locked(options).await?;
    let exists = fetch_all(&mut connection).await?.iter().any(|index| index.name == indexed.name());
    if exists {
        drop_index(&mut connection, &indexed.name()).await?;
    }
    Ok(exists)
}

async fn drop_index(connection: &mut PgConnection, name: &str) -> anyhow::Result<()> {
    connection.execute(AssertSqlSafe(format!("drop index concurrently if exists {name}"))).await?;
    Ok(())
}
