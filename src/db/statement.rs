//! A statement with a name, so that one test can prepare all of them.

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;

/// The tag of a state of a row of `$t`, without its quotes: its version, and when it was made, so that no row made anew has
/// a tag of the one before.
macro_rules! etag {
    ($t:literal) => {
        $crate::db::etag!(concat!($t, ".version"), $t)
    };
    ($version:expr, $t:literal) => {
        concat!($version, " || '-' || (extract(epoch from ", $t, ".created_at) * 1000000)::bigint")
    };
}
pub(crate) use etag;

/// A SQL statement: a constant, right above the function that binds it.
#[derive(Debug)]
pub struct Statement {
    /// `resource.verb`.
    pub name: &'static str,
    /// The text. It mentions `tenant_id` unless [`Statement::global`] made it.
    pub sql: &'static str,
    /// Does it work without a tenant?
    pub is_global: bool,
}

impl Statement {
    /// A statement of one tenant, or of a batch of requests that each name theirs.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, is_global: false }
    }

    /// A statement that finds a tenant or tells something about all of them.
    pub const fn global(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, is_global: true }
    }

    /// To be bound and run.
    pub fn query(&self) -> Query<'_, Postgres, PgArguments> {
        sqlx::query(self.sql)
    }
}
