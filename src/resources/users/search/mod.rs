//! Runs searches: how many at once, on which connections, and by which statement.

pub mod builder;
pub mod indexes;
pub mod sql;

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::time::Duration;

use moka::sync::Cache;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::builder::{Builder, refusal, took_too_long};
use self::sql::{Part, few, statement};
use crate::base::error::{Error, codes};
use crate::db::batch::{Batch, Queues, place};
use crate::db::connections::Connections;
use crate::db::pool::Pool;
use crate::db::registry::{Component, Opening, Slot};
use crate::db::{Db, Registration, is_disconnect};
use crate::search::plan::{Is, Plan, Test};

/// Searches that may wait for their turn. Others wait no longer: they would take the places of quick requests.
const WAITING: usize = 64;

/// After so many searches of a form that found few each, the statement for few is tried first.
const OFTEN: u8 = 4;

/// The settings of a search's session. Auth0's time limit; index and order are used where they exist, whatever the
/// values: a tenant of a million users and one of ten share the plan.
const SETTINGS: [(&str, &str); 5] = [
    ("statement_timeout", "2s"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_sort", "off"),
    ("enable_incremental_sort", "off"),
];

static SLOT: Slot = Slot::new();

/// Runs searches on a limited number of connections of their own, so that they leave the database to other requests.
pub(crate) struct Searches {
    pool: Pool,
    connections: Connections,
    running: Semaphore,
    waiting: Semaphore,
    patience: Duration,
    /// How many searches of a form found few, one after the other.
    memory: Cache<u64, u8>,
    few_pool: Pool,
    deadline: Duration,
    few: Queues<Few>,
}

impl Component for Searches {
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.few.drain().await;
            // Closed first, so that no connection is kept any more.
            self.pool.close();
            self.connections.clear();
            self.few_pool.close();
        })
    }
}

impl Searches {
    /// The line of the registration table.
    pub(crate) const REGISTRATION: Registration =
        Registration::component(|| &SLOT, |opening| Box::new(Self::open(opening)));

    /// The searches of a database.
    pub(crate) fn of(db: &Db) -> Result<&Self, Error> {
        db.component(&SLOT)
    }

    fn open(opening: &Opening<'_>) -> Self {
        let at_once = (opening.options.max_connections as usize / 2).max(2);
        let few_connections = opening.threads + 5;
        // One more than are used: a search that finds all kept connections taken must not wait for one of them.
        let (pool, few_pool) =
            (opening.pool(at_once + 1, &SETTINGS), opening.pool(few_connections, &SETTINGS));
        Self {
            connections: Connections::of(pool.clone(), at_once),
            running: Semaphore::new(at_once),
            waiting: Semaphore::new(WAITING),
            patience: opening.options.acquire_timeout,
            memory: Cache::new(10_000),
            few: Queues::over(&few_pool, opening.deadline, opening.threads),
            pool,
            few_pool,
            deadline: opening.deadline,
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
        let run = async |connection: &mut PgConnection| builder.query(sql).fetch_all(connection).await;
        let mut connection = self.connections.alive(kept).await?;
        let mut result = connection.run(self.deadline, run).await;
        if may_be_stale && result.as_ref().is_err_and(is_disconnect) {
            connection = self.connections.fresh().await?;
            result = connection.run(self.deadline, run).await;
        }
        self.connections.keep(connection);
        result.map_err(refusal)
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
    const PER_THREAD: bool = true;
    /// All of them have the time of one.
    const CAP: usize = 16;

    fn slot() -> &'static Slot {
        // Not registered: its queues belong to [`Searches`].
        static UNUSED: Slot = Slot::new();
        &UNUSED
    }

    fn tenant((_, builder): &Self::Item) -> &str {
        builder.tenant_id()
    }

    fn key(_: &Self::Item) -> Option<()> {
        None
    }

    fn compatible((one, _): &Self::Item, (other, _): &Self::Item) -> bool {
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
