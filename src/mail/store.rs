use sqlx::Row;
use time::OffsetDateTime;

use super::model::Due;
use crate::base::error::Error;
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&CLAIM, &SENT, &REFUSED, &SWEEP];

static CLAIM: Statement = Statement::global("mail.claim", include_str!("sql/claim.sql"));

/// Takes up to `most` mails that are due, of one tenant or of all. Nobody else takes them before `until`.
pub(crate) async fn claim(
    db: &Db,
    now: OffsetDateTime,
    until: OffsetDateTime,
    most: i64,
    only: Option<&str>,
) -> Result<Vec<Due>, Error> {
    let rows = CLAIM.raw().bind(now).bind(until).bind(most).bind(only).fetch_all(db.pool()).await?;
    let due = |row: &sqlx::postgres::PgRow| {
        Ok(Due {
            tenant_id: row.try_get("tenant_id")?,
            mail_id: row.try_get("mail_id")?,
            recipient: row.try_get("recipient")?,
            subject: row.try_get("subject")?,
            content: row.try_get("content")?,
            expires_at: row.try_get("expires_at")?,
            attempts: row.try_get("attempts")?,
        })
    };
    rows.iter().map(due).collect()
}

static SENT: Statement = Statement::new("mail.sent", include_str!("sql/sent.sql"));

pub(crate) async fn sent(db: &Db, mail: &Due, now: OffsetDateTime) -> Result<(), Error> {
    SENT.raw().bind(&mail.tenant_id).bind(&mail.mail_id).bind(now).execute(db.pool()).await?;
    Ok(())
}

/// The attempt is named, so that a worker that was believed dead cannot undo what happened since.
static REFUSED: Statement = Statement::new("mail.refused", include_str!("sql/refused.sql"));

/// Writes down a failed attempt; without a time for the next one the mail is given up.
pub(crate) async fn refused(
    db: &Db,
    mail: &Due,
    reason: &str,
    again_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    REFUSED
        .raw()
        .bind(&mail.tenant_id)
        .bind(&mail.mail_id)
        .bind(mail.attempts)
        .bind(reason)
        .bind(again_at)
        .bind(now)
        .execute(db.pool())
        .await?;
    Ok(())
}

static SWEEP: Statement = Statement::global("mail.sweep", include_str!("sql/sweep.sql"));

/// Deletes up to a thousand tickets that ended before a time, and their mails with them.
pub(crate) async fn sweep(db: &Db, before: OffsetDateTime) -> Result<u64, Error> {
    Ok(SWEEP.raw().bind(before).execute(db.pool()).await?.rows_affected())
}
