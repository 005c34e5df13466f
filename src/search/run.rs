//! Runs searches: how many at once, on which connections, and by which statement.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use moka::sync::Cache;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::plan::{Is, Plan, Test};
use super::sql::{Builder, refusal, took_too_long};
use super::users::{Part, few, statement};
use crate::db::batch::{Batch, PerThread, place};
use crate::db::connections::Connections;
use crate::db::is_disconnect;
use crate::error::{Error, codes};

/// Searches that may wait for their turn. Others wait no longer: they would take the places of quick requests.
const WAITING: usize = 64;

/// After so many searches of a form that found few each, the statement for few is tried first.
const OFTEN: u8 = 4;

/// Searches have connections of their own: there are few, so that they leave the database to everybody else.
pub(crate) struct Searches {
    connections: Connections,
    running: Semaphore,
    waiting: Semaphore,
    patience: Duration,
    /// How many searches of a form found few, one after the other.
    memory: Cache<u64, u8>,
    few: PerThread<Few>,
}

impl Searches {
    /// So many at a time; the others wait for `patience` at most. Those that will find few go another way.
    pub(crate) fn over(pool: &PgPool, at_once: u32, patience: Duration, few: PerThread<Few>) -> Self {
        let at_once = at_once as usize;
        Self {
            connections: Connections::of(pool.clone(), at_once),
            running: Semaphore::new(at_once),
            waiting: Semaphore::new(WAITING),
            patience,
            memory: Cache::new(10_000),
            few,
        }
    }

    /// The rows of a part of a list: `total` and the columns of a user, which are null in a row without one.
    pub(crate) async fn rows(&self, tenant: &str, plan: &Plan, part: &Part<'_>) -> Result<Vec<PgRow>, Error> {
        let form = form(tenant, plan, part);
        let before = self.memory.get(&form).unwrap_or_default();
        if before >= OFTEN
            && let Some((sql, builder)) = few(tenant, plan, part)
        {
            match self.few.run((sql, builder)).await? {
                Some(rows) if found_few(&rows)? != Some(false) => return Ok(rows),
                _ => self.memory.invalidate(&form),
            }
        }
        let waiting = self.waiting.try_acquire().map_err(|_| codes::OVERLOADED)?;
        let turn = timeout(self.patience, self.running.acquire()).await;
        let _running = turn.map_err(|_| codes::OVERLOADED)?.map_err(Error::internal)?;
        drop(waiting);
        let (sql, builder) = statement(tenant, plan, part);
        let rows = self.fetch(&sql, &builder).await?;
        match found_few(&rows)? {
            Some(true) if before < OFTEN => self.memory.insert(form, before + 1),
            Some(false) if before > 0 => self.memory.invalidate(&form),
            _ => {}
        }
        Ok(rows)
    }

    async fn fetch(&self, sql: &str, builder: &Builder) -> Result<Vec<PgRow>, Error> {
        let kept = self.connections.idle();
        let may_be_stale = kept.is_some();
        let mut connection = self.connections.alive(kept).await?;
        let mut result = builder.query(sql).fetch_all(&mut *connection).await;
        if may_be_stale && result.as_ref().is_err_and(is_disconnect) {
            connection.discard();
            connection = self.connections.fresh().await?;
            result = builder.query(sql).fetch_all(&mut *connection).await;
        }
        if result.is_ok() {
            self.connections.keep(connection);
        }
        result.map_err(refusal)
    }

    /// Answers those that travel together, then gives their connections back.
    pub(crate) async fn drain(&self) {
        self.few.close().await;
    }

    /// Gives the connections of all others back.
    pub(crate) fn close(&self) {
        self.connections.clear();
    }
}

/// Searches that [`few`] answers: the statement, and the values of one of them.
pub(crate) struct Few;

impl Batch for Few {
    type Item = (String, Builder);
    /// Nothing where there was too much to look at in time.
    type Output = Option<Vec<PgRow>>;
    type Key = ();
    const IDEMPOTENT: bool = true;
    /// All of them have the time of one.
    const CAP: usize = 16;

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    fn alike((one, _): &Self::Item, (other, _): &Self::Item) -> bool {
        one == other
    }

    async fn run(
        connection: &mut PgConnection,
        items: &[&Self::Item],
    ) -> Result<Vec<Option<Self::Output>>, sqlx::Error> {
        let Some((sql, _)) = items.first() else { return Ok(Vec::new()) };
        let searches: Vec<&Builder> = items.iter().map(|(_, builder)| builder).collect();
        let rows = match Builder::query_many(sql, &searches).fetch_all(connection).await {
            // In company it may have been another one's fault.
            Err(error) if took_too_long(&error) => {
                return Ok(items.iter().map(|_| (items.len() == 1).then_some(None)).collect());
            }
            rows => rows?,
        };
        let mut found: Vec<Vec<PgRow>> = items.iter().map(|_| Vec::new()).collect();
        for row in rows {
            found[place(&row)?].push(row);
        }
        Ok(found.into_iter().map(|rows| Some(Some(rows))).collect())
    }

    fn refusal(error: sqlx::Error) -> Error {
        refusal(error)
    }
}

fn found_few(rows: &[PgRow]) -> Result<Option<bool>, Error> {
    Ok(rows.first().map(|row| row.try_get("few")).transpose()?.flatten())
}

/// What searches have in common that ask the same fields in the same way for different values.
fn form(tenant: &str, plan: &Plan, part: &Part<'_>) -> u64 {
    fn put_is(is: &Is, hasher: &mut DefaultHasher) {
        let leads = matches!(is, Is::Like(pattern) if pattern.leads_with_wildcard());
        (std::mem::discriminant(is), leads).hash(hasher);
    }
    fn put(plan: &Plan, hasher: &mut DefaultHasher) {
        std::mem::discriminant(plan).hash(hasher);
        match plan {
            Plan::Constant(_) => {}
            Plan::And(operands) | Plan::Or(operands) => operands.iter().for_each(|plan| put(plan, hasher)),
            Plan::Not(operand) => put(operand, hasher),
            Plan::Test(test) => {
                std::mem::discriminant(test).hash(hasher);
                match test {
                    Test::Exists(field) | Test::Time(field, ..) => field.path.hash(hasher),
                    Test::Text(field, is) => {
                        field.path.hash(hasher);
                        put_is(is, hasher);
                    }
                    Test::Json(path, is) | Test::Number(path, is) => {
                        (path.column, &path.keys).hash(hasher);
                        put_is(is, hasher);
                    }
                    Test::JsonExists(path) => (path.column, &path.keys).hash(hasher),
                }
            }
        }
    }
    let mut hasher = DefaultHasher::new();
    (tenant, part.behind.is_some(), part.connection).hash(&mut hasher);
    put(plan, &mut hasher);
    hasher.finish()
}
