//! The statements that erase the users of deleted connections.
//!
//! Tables: `connection_deletions`, which `connections` fills; `users`, `identities`, `login_attempts` and
//! `journal`.
//!
//! Locks: the deletion (`for update skip locked`) until the transaction ends, then the users in the order of
//! their ids, then their rows of `login_attempts`.

use time::OffsetDateTime;

use crate::base::error::Error;
use crate::db::{Db, Session, Statement, Tx};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&CLAIM, &FIND, &ERASE, &ERASE_BY_EMAIL, &RESCHEDULE, &FORGET];

/// The deletion of a connection.
#[derive(sqlx::FromRow)]
pub(crate) struct Deletion {
    pub tenant_id: String,
    pub connection_id: String,
    name: String,
    author: String,
    pub deleted_at: OffsetDateTime,
    /// Identities looked up in the next run.
    pub batch_size: i32,
    /// Users that could not be erased and are left out for now.
    pub skipped_users: Vec<String>,
    /// Failed runs since the last user was erased.
    pub failures: i32,
}

/// A deletion that no other instance works on until the transaction ends.
pub(crate) struct Claim {
    tx: Tx,
    pub deletion: Deletion,
}

static CLAIM: Statement = Statement::global("erasure.claim", include_str!("sql/claim.sql"));

/// The deletion that is due for longest, of one tenant or of all.
pub(crate) async fn claim(
    db: &Db,
    now: OffsetDateTime,
    tenant: Option<&str>,
) -> Result<Option<Claim>, Error> {
    let mut tx = db.begin().await?;
    let deletion = CLAIM.bind("now", now).bind("tenant_id", tenant).fetch_optional(&mut tx).await?;
    Ok(deletion.map(|deletion| Claim { tx, deletion }))
}

static FIND: Statement = Statement::new("erasure.find", include_str!("sql/find.sql"));

static ERASE: Statement = Statement::new("erasure.erase", include_str!("sql/erase.sql"));

static RESCHEDULE: Statement = Statement::new("erasure.reschedule", include_str!("sql/reschedule.sql"));

static FORGET: Statement = Statement::new("erasure.forget", include_str!("sql/forget.sql"));

impl Claim {
    /// The users of the next batch.
    pub(crate) async fn find(&mut self) -> Result<Vec<String>, Error> {
        let Deletion { tenant_id, name, batch_size, skipped_users, .. } = &self.deletion;
        let found: Vec<(String,)> = FIND
            .bind("tenant_id", tenant_id)
            .bind("connection", name)
            .bind("limit", i64::from(*batch_size))
            .bind("skipped_users", skipped_users)
            .fetch_all(&mut self.tx)
            .await?;
        Ok(found.into_iter().map(|(user_id,)| user_id).collect())
    }

    /// Erases users; the number of users deleted or changed.
    pub(crate) async fn erase(&mut self, user_ids: &[String]) -> Result<i64, Error> {
        let Deletion { tenant_id, name, author, .. } = &self.deletion;
        let (erased,) = ERASE
            .bind("tenant_id", tenant_id)
            .bind("connection", name)
            .bind("author", author)
            .bind("user_ids", user_ids)
            .fetch_one(&mut self.tx)
            .await?;
        Ok(erased)
    }

    /// Commits the erasures and schedules the next run with the state of the deletion.
    pub(crate) async fn reschedule(mut self, due_at: OffsetDateTime) -> Result<(), Error> {
        reschedule(&mut self.tx, &self.deletion, due_at).await?;
        Ok(self.tx.commit().await?)
    }

    /// Undoes the run and schedules the next one with the state of the deletion.
    pub(crate) async fn postpone(self, db: &Db, due_at: OffsetDateTime) -> Result<(), Error> {
        let Self { tx, deletion } = self;
        drop(tx);
        reschedule(db, &deletion, due_at).await
    }

    /// Commits the erasures and ends the deletion.
    pub(crate) async fn forget(mut self) -> Result<(), Error> {
        FORGET
            .bind("tenant_id", &self.deletion.tenant_id)
            .bind("connection_id", &self.deletion.connection_id)
            .execute(&mut self.tx)
            .await?;
        Ok(self.tx.commit().await?)
    }
}

async fn reschedule<'s>(
    session: impl Into<Session<'s>>,
    deletion: &Deletion,
    due_at: OffsetDateTime,
) -> Result<(), Error> {
    RESCHEDULE
        .bind("tenant_id", &deletion.tenant_id)
        .bind("connection_id", &deletion.connection_id)
        .bind("due_at", due_at)
        .bind("batch_size", deletion.batch_size)
        .bind("skipped_users", &deletion.skipped_users)
        .bind("failures", deletion.failures)
        .execute(session)
        .await?;
    Ok(())
}

static ERASE_BY_EMAIL: Statement =
    Statement::new("erasure.erase_by_email", include_str!("sql/erase_by_email.sql"));

/// Erases the user with an e-mail address in a connection.
pub(crate) async fn erase_by_email(
    db: &Db,
    tenant: &str,
    connection: &str,
    email: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = ERASE_BY_EMAIL
        .bind("tenant_id", tenant)
        .bind("connection", connection)
        .bind("author", author.literal())
        .bind("email", email);
    query.execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erase_by_email_differs_from_erase_in_the_users_it_finds() {
        let after_found =
            |statement: &'static Statement| statement.sql.split_once("), locked as (").unwrap().1;
        assert_eq!(after_found(&ERASE), after_found(&ERASE_BY_EMAIL));
    }
}
