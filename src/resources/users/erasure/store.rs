use sqlx::Row;
use time::OffsetDateTime;

use crate::base::error::Error;
use crate::db::{Db, Statement, Tx};
use crate::journal::Author;

pub(crate) const STATEMENTS: &[&Statement] = &[&CLAIM, &ERASE, &ERASE_BY_EMAIL, &PUT_BACK, &FORGET];

/// A deletion that nobody else works on until the transaction ends.
pub(crate) struct Claim {
    tx: Tx,
    pub tenant_id: String,
    pub connection_id: String,
    name: String,
    author: String,
    pub deleted_at: OffsetDateTime,
}

static CLAIM: Statement =
    Statement::global("connections.claim_deletion", include_str!("sql/claim_deletion.sql"));

/// The deletion that is due for longest, of one tenant or of all.
pub(crate) async fn claim(db: &Db, now: OffsetDateTime, only: Option<&str>) -> Result<Option<Claim>, Error> {
    let mut tx = db.begin().await?;
    let Some(row) = CLAIM.raw().bind(now).bind(only).fetch_optional(&mut *tx).await? else {
        return Ok(None);
    };
    Ok(Some(Claim {
        tx,
        tenant_id: row.try_get("tenant_id")?,
        connection_id: row.try_get("connection_id")?,
        name: row.try_get("name")?,
        author: row.try_get("author")?,
        deleted_at: row.try_get("deleted_at")?,
    }))
}

static ERASE: Statement = Statement::new("connections.erase_users", include_str!("sql/erase_users.sql"));

static ERASE_BY_EMAIL: Statement =
    Statement::new("connections.erase_user_by_email", include_str!("sql/erase_user_by_email.sql"));

/// Erases whoever has an address in a connection.
pub(crate) async fn erase_by_email(
    db: &Db,
    tenant: &str,
    connection: &str,
    email: &str,
    author: &Author,
) -> Result<(), Error> {
    let query = ERASE_BY_EMAIL.raw().bind(tenant).bind(connection).bind(author.literal()).bind(email);
    query.execute(db.pool()).await?;
    Ok(())
}

static PUT_BACK: Statement =
    Statement::new("connections.put_deletion_back", include_str!("sql/put_deletion_back.sql"));

static FORGET: Statement =
    Statement::new("connections.forget_deletion", include_str!("sql/forget_deletion.sql"));

impl Claim {
    /// Erases up to so many identities and whoever is left without one; how many users that changed.
    pub(crate) async fn erase(&mut self, most: i64) -> Result<i64, Error> {
        let query = ERASE.raw().bind(&self.tenant_id).bind(&self.name).bind(&self.author).bind(most);
        Ok(query.fetch_one(&mut *self.tx).await?.try_get("erased")?)
    }

    /// Commits what was done, to go on at a time.
    pub(crate) async fn put_back(self, due_at: OffsetDateTime) -> Result<(), Error> {
        let Self { mut tx, tenant_id, connection_id, .. } = self;
        PUT_BACK.raw().bind(tenant_id).bind(connection_id).bind(due_at).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Ends it.
    pub(crate) async fn forget(self) -> Result<(), Error> {
        let Self { mut tx, tenant_id, connection_id, .. } = self;
        FORGET.raw().bind(tenant_id).bind(connection_id).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}
