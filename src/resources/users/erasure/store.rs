//! The statements that erase the users of deleted connections.
//!
//! Tables: `connection_deletions`, which `connections` fills; `users`, `identities`, `login_attempts` and
//! `journal`.
//!
//! Locks: the deletion (`for update skip locked`) until the transaction ends, then the users in the order of
//! their ids, then their rows of `login_attempts`.

use time::OffsetDateTime;

use crate::base::error::Error;
use crate::db::{Db, Statement, Tx};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&CLAIM, &ERASE, &ERASE_BY_EMAIL, &RESCHEDULE, &FORGET];

/// The deletion of a connection.
#[derive(sqlx::FromRow)]
pub(crate) struct Deletion {
    pub tenant_id: String,
    pub connection_id: String,
    name: String,
    author: String,
    pub deleted_at: OffsetDateTime,
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

static ERASE: Statement = Statement::new("erasure.erase", include_str!("sql/erase.sql"));

static RESCHEDULE: Statement = Statement::new("erasure.reschedule", include_str!("sql/reschedule.sql"));

static FORGET: Statement = Statement::new("erasure.forget", include_str!("sql/forget.sql"));

impl Claim {
    /// Erases users of up to `limit` identities; the number of users deleted or changed.
    pub(crate) async fn erase(&mut self, limit: i64) -> Result<i64, Error> {
        let Deletion { tenant_id, name, author, .. } = &self.deletion;
        let (erased,) = ERASE
            .bind("tenant_id", tenant_id)
            .bind("connection", name)
            .bind("author", author)
            .bind("limit", limit)
            .fetch_one(&mut self.tx)
            .await?;
        Ok(erased)
    }

    /// Commits the erasures and schedules the next run.
    pub(crate) async fn reschedule(mut self, due_at: OffsetDateTime) -> Result<(), Error> {
        RESCHEDULE
            .bind("tenant_id", &self.deletion.tenant_id)
            .bind("connection_id", &self.deletion.connection_id)
            .bind("due_at", due_at)
            .execute(&mut self.tx)
            .await?;
        Ok(self.tx.commit().await?)
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
