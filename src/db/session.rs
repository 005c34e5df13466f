//! Where a statement runs: a connection of the pool, a transaction, or a connection of a batch.

use std::ops::AsyncFnOnce;
use std::time::Duration;

use sqlx::{Executor as _, PgConnection};
use tokio::runtime::Handle;

use super::Db;
use super::pool::Connection;

/// A transaction of several statements. It is rolled back unless it is committed.
pub(crate) struct Tx {
    /// `None` after the end.
    connection: Option<Connection>,
    deadline: Duration,
}

impl Tx {
    pub(super) async fn begin(db: &Db) -> Result<Self, sqlx::Error> {
        let mut connection = db.pool.acquire().await?;
        execute(&mut connection, db.deadline, "begin").await?;
        Ok(Self { connection: Some(connection), deadline: db.deadline })
    }

    /// Commits what its statements did.
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        let Some(mut connection) = self.connection.take() else { return Err(sqlx::Error::WorkerCrashed) };
        execute(&mut connection, self.deadline, "commit").await
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match Handle::try_current() {
            Ok(runtime) if connection.is_ready() => {
                let deadline = self.deadline;
                runtime.spawn(async move {
                    // A failure discards the connection, which rolls back as well.
                    let _ = execute(&mut connection, deadline, "rollback").await;
                });
            }
            _ => connection.discard(),
        }
    }
}

async fn execute(
    connection: &mut Connection,
    deadline: Duration,
    command: &'static str,
) -> Result<(), sqlx::Error> {
    let run = async |connection: &mut PgConnection| connection.execute(command).await.map(drop);
    connection.run(deadline, run).await
}

/// Where a statement runs.
pub(crate) enum Session<'s> {
    /// On a connection of the pool.
    Pool(&'s Db),
    /// On the connection of a transaction.
    Transaction(&'s mut Tx),
    /// On a connection that the caller holds, under the caller's deadline.
    Connection(&'s mut PgConnection),
}

impl<'s> From<&'s Db> for Session<'s> {
    fn from(db: &'s Db) -> Self {
        Self::Pool(db)
    }
}

impl<'s> From<&'s mut Tx> for Session<'s> {
    fn from(tx: &'s mut Tx) -> Self {
        Self::Transaction(tx)
    }
}

impl<'s> From<&'s mut PgConnection> for Session<'s> {
    fn from(connection: &'s mut PgConnection) -> Self {
        Self::Connection(connection)
    }
}

impl Session<'_> {
    /// The same session for one of several statements.
    pub(super) fn reborrow(&mut self) -> Session<'_> {
        match self {
            Self::Pool(db) => Session::Pool(db),
            Self::Transaction(tx) => Session::Transaction(tx),
            Self::Connection(connection) => Session::Connection(connection),
        }
    }

    pub(super) async fn run<T>(
        self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        match self {
            Self::Pool(db) => db.pool.acquire().await?.run(db.deadline, statement).await,
            Self::Transaction(tx) => match &mut tx.connection {
                Some(connection) => connection.run(tx.deadline, statement).await,
                None => Err(sqlx::Error::WorkerCrashed),
            },
            Self::Connection(connection) => statement(connection).await,
        }
    }
}
