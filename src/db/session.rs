//! Where a statement runs: a connection of the pool, a transaction, or a connection of a batch.

use std::ops::AsyncFnOnce;

use sqlx::{PgConnection, Postgres};

use super::Db;

/// A transaction of several statements. It is rolled back unless it is committed.
pub(crate) struct Tx(sqlx::Transaction<'static, Postgres>);

impl Tx {
    pub(super) async fn begin(db: &Db) -> Result<Self, sqlx::Error> {
        Ok(Self(db.pool.begin().await?))
    }

    /// Commits what its statements did.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.0.commit().await
    }
}

// To be deleted with `Statement::raw`.
impl std::ops::Deref for Tx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

/// Where a statement runs.
pub enum Session<'s> {
    /// On a connection of the pool.
    Pool(&'s Db),
    /// On a connection that the caller holds.
    Connection(&'s mut PgConnection),
}

impl<'s> From<&'s Db> for Session<'s> {
    fn from(db: &'s Db) -> Self {
        Self::Pool(db)
    }
}

impl<'s> From<&'s mut Tx> for Session<'s> {
    fn from(tx: &'s mut Tx) -> Self {
        Self::Connection(&mut tx.0)
    }
}

impl<'s> From<&'s mut PgConnection> for Session<'s> {
    fn from(connection: &'s mut PgConnection) -> Self {
        Self::Connection(connection)
    }
}

impl Session<'_> {
    pub(super) async fn run<T>(
        self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        match self {
            Self::Pool(db) => {
                let mut connection = db.pool.acquire().await?;
                statement(&mut connection).await
            }
            Self::Connection(connection) => statement(connection).await,
        }
    }
}
