//! Searches of users by `q`: a plan of [`crate::search`] becomes one SQL statement.
//!
//! # Fields
//!
//! A search matches the document that `GET /api/v2/users/{id}` returns, including a computed `name` and
//! `nickname`.
//!
//! - Text without regard to case: `email`, `name`, `given_name`, `family_name`, `nickname`.
//! - Text as written: `user_id`, `username`, `phone_number`, `last_ip`, `email.domain`,
//!   `identities.connection`, `identities.provider`, `identities.user_id`.
//! - Booleans: `email_verified`, `phone_verified`, `blocked`, `identities.isSocial`.
//! - Numbers: `logins_count`.
//! - Dates: `created_at`, `updated_at`, `last_login`.
//! - Free-form JSON: `user_metadata.*`, `app_metadata.*`, as written.
//! - Existence only: `identities`.
//!
//! A word without a field searches `email`, `name`, `given_name`, `family_name`, `nickname`, `username`,
//! `phone_number` and `user_id`. Auth0's documentation excludes `user_metadata` only; the list is ours.
//!
//! Text without regard to case is compared after `fold_case()` (ICU's `lower`). Known limits: `Σ` at the end
//! of a word becomes `ς` and does not match `σ`; `İ` becomes `i` with a combining dot and does not match `i`.
//!
//! # Execution
//!
//! A search reads committed data. Pages, totals, orders and checkpoints are those of
//! [lists](crate::resources::users::list). Indexes return candidates; the condition on the document decides
//! ([`builder`]). Equality in metadata (`users_metadata_idx`) and the texts in `user_terms` are indexed for
//! all tenants; ranges and patterns of metadata are indexed for single paths ([`indexes`]). The tenant is in
//! every index key.
//!
//! If the last searches of one shape were all sparse (few candidates), a cheaper statement runs first, which
//! batches concurrent searches. The recorded shapes affect only the cost of a search, never its result.
//!
//! Searches have their own connections, so that they do not delay other requests, and a statement timeout of
//! two seconds. At most `MAX_QUEUED` unbatched searches queue for a connection, half of them of one tenant;
//! beyond that the answer is 503. Connections go to tenants in turn, and one of them never to the tenant that
//! has all others.

pub mod builder;
pub mod indexes;
mod jsonpath;
pub mod sql;

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::time::Duration;

use moka::sync::Cache;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use tokio::time::timeout;

use self::builder::{Builder, is_timeout, search_error};
use self::sql::{PageSpec, sparse_statement, statement};
use crate::base::error::{Error, codes};
use crate::base::fair_semaphore::{FairSemaphore, Limits};
use crate::db::batch::{Batch, Queues, batch_index};
use crate::db::connections::Connections;
use crate::db::pool::Pool;
use crate::db::registry::{Component, Opening, Slot};
use crate::db::{Db, Registration, is_disconnect};
use crate::search::plan::{Comparison, Plan, Predicate};

/// The maximum number of queued searches. A longer queue would occupy the slots of quick requests.
const MAX_QUEUED: usize = 64;

/// Consecutive sparse searches of one shape after which the sparse statement runs first.
const SPARSE_STREAK: u8 = 4;

/// The maximum number of remembered shapes.
const MAX_SHAPES: u64 = 10_000;

/// Session settings. One generic plan serves all tenants, whatever their size, so it has to use indexes and their
/// order even where a plan for one tenant would not.
const SETTINGS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_sort", "off"),
    ("enable_incremental_sort", "off"),
];

static SLOT: Slot = Slot::new();

/// Runs searches on a limited number of their own connections.
pub(crate) struct Searches {
    pool: Pool,
    connections: Connections,
    running: FairSemaphore,
    queue_timeout: Duration,
    /// The number of consecutive sparse searches by shape.
    sparse_streaks: Cache<u64, u8>,
    sparse_pool: Pool,
    deadline: Duration,
    sparse: Queues<SparseSearch>,
}

impl Component for Searches {
    fn stuck(&self, limit: Duration) -> Option<String> {
        let is_stuck = self.pool.is_stuck(limit) || self.sparse_pool.is_stuck(limit);
        let own = is_stuck.then(|| format!("no search has ended for {} s", limit.as_secs()));
        own.or_else(|| self.sparse.stuck(limit))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.sparse.drain().await;
            // A closed pool stores no idle connection, so it closes before they are cleared.
            self.pool.close();
            self.connections.clear();
            self.sparse_pool.close();
        })
    }
}

impl Searches {
    /// The entry in the registration table.
    pub(crate) const REGISTRATION: Registration =
        Registration::component(|| &SLOT, |opening| Box::new(Self::open(opening)));

    /// The searches of a database.
    pub(crate) fn of(db: &Db) -> Result<&Self, Error> {
        db.component(&SLOT)
    }

    fn open(opening: &Opening<'_>) -> Self {
        let concurrency = (opening.options.max_connections as usize / 2).max(2);
        let sparse_connections = opening.threads + 5;
        // One permit that no tenant can take alone.
        let permits = concurrency + 1;
        let limits = Limits { permits, permits_per_tenant: concurrency, queued: MAX_QUEUED };
        // One spare connection, so that a search does not wait for a connection of `connections` to return to
        // the pool.
        let timeout = opening.options.search_timeout.as_millis().to_string();
        let settings = [&SETTINGS[..], &[("statement_timeout", &timeout)]].concat();
        let (pool, sparse_pool) =
            (opening.pool(permits + 1, &settings), opening.pool(sparse_connections, &settings));
        Self {
            connections: Connections::of(pool.clone(), permits),
            running: FairSemaphore::new(limits),
            queue_timeout: opening.options.acquire_timeout,
            sparse_streaks: Cache::new(MAX_SHAPES),
            sparse: Queues::over(&sparse_pool, opening.deadline, opening.threads),
            pool,
            sparse_pool,
            deadline: opening.deadline,
        }
    }

    /// The rows of a page: `total` and the columns of a user, which are null in the only row of an empty
    /// page.
    pub(crate) async fn rows(
        &self,
        tenant: &str,
        plan: &Plan,
        spec: &PageSpec<'_>,
    ) -> Result<Vec<PgRow>, Error> {
        let shape = shape(tenant, plan, spec);
        let streak = self.sparse_streaks.get(&shape).unwrap_or_default();
        if streak >= SPARSE_STREAK
            && let Some(search) = sparse_statement(tenant, plan, spec)
        {
            match self.sparse.run(search).await? {
                Some(rows) if is_sparse(&rows)? != Some(false) => return Ok(rows),
                _ => self.sparse_streaks.invalidate(&shape),
            }
        }
        let permit = timeout(self.queue_timeout, self.running.acquire(tenant)).await;
        let _permit = permit.map_err(|_| codes::OVERLOADED)??;
        let (sql, builder) = statement(tenant, plan, spec);
        let rows = self.fetch(&sql, &builder).await?;
        match is_sparse(&rows)? {
            Some(true) if streak < SPARSE_STREAK => self.sparse_streaks.insert(shape, streak + 1),
            Some(false) if streak > 0 => self.sparse_streaks.invalidate(&shape),
            _ => {}
        }
        Ok(rows)
    }

    async fn fetch(&self, sql: &str, builder: &Builder) -> Result<Vec<PgRow>, Error> {
        let idle = self.connections.idle();
        let may_be_stale = idle.is_some();
        let run = async |connection: &mut PgConnection| builder.query(sql).fetch_all(connection).await;
        let mut connection = self.connections.alive(idle).await?;
        let mut result = connection.run(self.deadline, run).await;
        if may_be_stale && result.as_ref().is_err_and(is_disconnect) {
            connection = self.connections.fresh().await?;
            result = connection.run(self.deadline, run).await;
        }
        self.connections.keep(connection);
        result.map_err(search_error)
    }
}

/// The batch of searches with the statement of [`sparse_statement`]. An item is the statement and the values of one
/// search.
pub(crate) struct SparseSearch;

impl Batch for SparseSearch {
    type Item = (String, Builder);
    /// `None` after a timeout.
    type Output = Option<Vec<PgRow>>;
    type Key = ();
    const IDEMPOTENT: bool = true;
    const PER_THREAD: bool = true;
    /// Small, because the batch as a whole has the timeout of one search.
    const CAP: usize = 16;

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
        let rows = match Builder::batch_query(sql, &searches).fetch_all(connection).await {
            // Another search of the batch may have caused the timeout, so each one runs again alone.
            Err(error) if is_timeout(&error) => {
                return Ok(items.iter().map(|_| (items.len() == 1).then_some(None)).collect());
            }
            rows => rows?,
        };
        let mut found: Vec<Vec<PgRow>> = items.iter().map(|_| Vec::new()).collect();
        for row in rows {
            found[batch_index(row.try_get("n")?)?].push(row);
        }
        Ok(found.into_iter().map(|rows| Some(Some(rows))).collect())
    }

    fn map_error(error: sqlx::Error) -> Error {
        search_error(error)
    }
}

fn is_sparse(rows: &[PgRow]) -> Result<Option<bool>, Error> {
    Ok(rows.first().map(|row| row.try_get("is_sparse")).transpose()?.flatten())
}

/// A hash of everything in a search except its values: searches of one shape have the same fields and
/// comparisons.
fn shape(tenant: &str, plan: &Plan, spec: &PageSpec<'_>) -> u64 {
    fn hash_comparison(comparison: &Comparison, hasher: &mut DefaultHasher) {
        let leads = matches!(comparison, Comparison::Like(pattern) if pattern.leads_with_wildcard());
        (std::mem::discriminant(comparison), leads).hash(hasher);
    }
    fn hash_plan(plan: &Plan, hasher: &mut DefaultHasher) {
        std::mem::discriminant(plan).hash(hasher);
        match plan {
            Plan::Constant(_) => {}
            Plan::And(operands) | Plan::Or(operands) => {
                for operand in operands {
                    hash_plan(operand, hasher);
                }
            }
            Plan::Not(operand) => hash_plan(operand, hasher),
            Plan::Predicate(predicate) => {
                std::mem::discriminant(predicate).hash(hasher);
                match predicate {
                    Predicate::Exists(field) | Predicate::Time(field, ..) => field.path.hash(hasher),
                    Predicate::Text(field, comparison) => {
                        field.path.hash(hasher);
                        hash_comparison(comparison, hasher);
                    }
                    Predicate::Json(path, comparison) | Predicate::Number(path, comparison) => {
                        (path.column, &path.keys).hash(hasher);
                        hash_comparison(comparison, hasher);
                    }
                    Predicate::JsonExists(path) => (path.column, &path.keys).hash(hasher),
                }
            }
        }
    }
    let mut hasher = DefaultHasher::new();
    (tenant, spec.after.is_some(), spec.connection).hash(&mut hasher);
    hash_plan(plan, &mut hasher);
    hasher.finish()
}
