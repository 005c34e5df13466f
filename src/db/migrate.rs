//! Migrations: refinery's files and history over a sqlx connection, one instance at a time.
//!
//! A migration runs in a transaction together with its history row. One whose first line is
//! `-- refinery: no-transaction` (for `create index concurrently`) runs statement by statement, split at lines
//! `-- refinery: next-statement`, and must be fit to run again: its history row comes after it.

use std::time::Duration;

use anyhow::Context;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use refinery_core::{Migration, Runner};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::session::Session;
use super::{Db, Options, Statement};

mod embedded {
    refinery::embed_migrations!("migrations");
}

const NO_TRANSACTION: &str = "-- refinery: no-transaction";
const NEXT_STATEMENT: &str = "\n-- refinery: next-statement";
/// The schema that the migrations make.
const SCHEMA: &str = include_str!("../../migrations/schema.sql");
/// "roster" and a number, as a bigint.
const LOCK: i64 = 0x726f_7374_6572_0001;

/// The statements of this module.
pub const STATEMENTS: &[&Statement] = &[&TRY_LOCK, &HISTORY_EXISTS, &MISSING_TABLES];

static TRY_LOCK: Statement = Statement::global("migrate.try_lock", include_str!("sql/try_lock.sql"));
static HISTORY_EXISTS: Statement =
    Statement::global("migrate.history_exists", include_str!("sql/history_exists.sql"));
static MISSING_TABLES: Statement =
    Statement::global("migrate.missing_tables", include_str!("sql/missing_tables.sql"));
/// Not in [`STATEMENTS`]: its table belongs to refinery and does not exist before the first migration.
static APPLIED: Statement = Statement::global("migrate.applied", include_str!("sql/applied.sql"));

/// A migration of this binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: i32,
    /// Its file, under the repository.
    pub file: String,
}

fn step(migration: &Migration) -> Step {
    Step {
        version: migration.version(),
        file: format!("migrations/V{:04}__{}.sql", migration.version(), migration.name()),
    }
}

/// The migrations of this binary, in order.
pub fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = embedded::migrations::runner().get_migrations().iter().map(step).collect();
    steps.sort_by_key(|s| s.version);
    steps
}

/// The number of the last migration of this binary.
pub fn newest() -> i32 {
    steps().last().map_or(0, |s| s.version)
}

/// The version of the last migration of a database; `None` before the first.
pub(crate) async fn applied(mut session: Session<'_>) -> Result<Option<i32>, sqlx::Error> {
    let (has_history,) = HISTORY_EXISTS.query().fetch_one::<(bool,)>(session.reborrow()).await?;
    if !has_history {
        return Ok(None);
    }
    Ok(APPLIED.query().fetch_one::<(Option<i32>,)>(session).await?.0)
}

/// The tables of the schema that a database lacks.
pub(crate) async fn missing_tables(db: &Db) -> Result<Vec<String>, sqlx::Error> {
    let tables: Vec<&str> =
        SCHEMA.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split(' ').next()).collect();
    let missing = MISSING_TABLES.bind("tables", tables).fetch_all::<(String,)>(db).await?;
    Ok(missing.into_iter().map(|(name,)| name).collect())
}

/// The version of a database, for a command without a pool.
pub async fn version(options: &Options) -> anyhow::Result<Option<i32>> {
    let mut connection = super::connect(options).await?;
    let version = applied((&mut connection).into()).await?;
    connection.close().await?;
    Ok(version)
}

/// The migrations of this binary that a database does not have yet.
pub async fn missing(options: &Options) -> anyhow::Result<Vec<Step>> {
    let version = version(options).await?.unwrap_or(0);
    Ok(steps().into_iter().filter(|step| step.version > version).collect())
}

/// Brings a database to this binary's schema and tells which migrations that took. Several instances may start at
/// once: one works, the others wait and find nothing to do. A database that is newer than this binary is left alone,
/// so that an older instance can still be started during a rolling deployment.
pub async fn run(options: &Options) -> anyhow::Result<Vec<Step>> {
    run_with(options, &embedded::migrations::runner()).await
}

/// The same with other migrations than this binary's: for tests.
pub async fn run_with(options: &Options, runner: &Runner) -> anyhow::Result<Vec<Step>> {
    // A statement timeout is for requests: a migration of a large table takes as long as it takes.
    let mut connection =
        super::connect(&Options { statement_timeout: Duration::ZERO, ..options.clone() }).await?;
    // Polled, not waited for: a session that waits in pg_advisory_lock holds a snapshot, and the winner's
    // create index concurrently would wait for that snapshot for ever.
    while !TRY_LOCK.bind("lock", LOCK).fetch_one::<(bool,)>(&mut connection).await?.0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let runner = Runner::new(runner.get_migrations()).set_abort_missing(false);
    let done = runner.run_async(&mut Postgres(&mut connection)).await;
    connection.close().await.context("cannot close the connection that migrated")?;
    match done {
        Ok(report) => Ok(report.applied_migrations().iter().map(step).collect()),
        Err(error) => Err(explain(error)),
    }
}

/// refinery's error with the file it is about and what to do.
fn explain(error: refinery_core::Error) -> anyhow::Error {
    use refinery_core::error::Kind;
    if let Kind::DivergentVersion(applied, file) = error.kind() {
        anyhow::anyhow!(
            "{} is not what it was when this database was migrated with it ({applied}). \
         Put the file back as it was and make the change in a new migration.",
            step(file).file
        )
    } else {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        anyhow::anyhow!("cannot migrate the database: {text}")
    }
}

/// refinery's idea of a connection; a type of ours because neither the trait nor the connection is.
struct Postgres<'c>(&'c mut PgConnection);

impl AsyncTransaction for Postgres<'_> {
    type Error = sqlx::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, sqlx::Error> {
        let queries: Vec<&str> = queries.collect();
        if queries.first().is_some_and(|q| q.starts_with(NO_TRANSACTION)) {
            for query in queries.iter().flat_map(|q| q.split(NEXT_STATEMENT)) {
                sqlx::raw_sql(AssertSqlSafe(query)).execute(&mut *self.0).await?;
            }
        } else {
            let mut transaction = self.0.begin().await?;
            for query in &queries {
                sqlx::raw_sql(AssertSqlSafe(*query)).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
        Ok(queries.len())
    }
}

impl AsyncQuery<Vec<Migration>> for Postgres<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, sqlx::Error> {
        let unreadable = |what: String| sqlx::Error::Decode(what.into());
        let rows = sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(&mut *self.0).await?;
        rows.iter()
            .map(|row| {
                let on = OffsetDateTime::parse(row.try_get(2)?, &Rfc3339)
                    .map_err(|e| unreadable(e.to_string()))?;
                let checksum =
                    row.try_get::<&str, _>(3)?.parse().map_err(|e| unreadable(format!("checksum: {e}")))?;
                Ok(Migration::applied(row.try_get(0)?, row.try_get(1)?, on, checksum))
            })
            .collect()
    }
}

impl AsyncMigrate for Postgres<'_> {}
