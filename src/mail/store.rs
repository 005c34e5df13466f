use sqlx::Row;
use time::OffsetDateTime;

use super::model::Due;
use crate::base::error::Error;
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&CLAIM, &SENT, &REFUSED, &SWEEP];

static CLAIM: Statement = Statement::global(
    "mail.claim",
    "with due as (
             select m.tenant_id, m.mail_id
               from mails m
              where m.sent_at is null
                and m.failed_at is null
                and m.next_attempt_at <= $1
                and ($4::text is null or m.tenant_id = $4)
              order by m.next_attempt_at
              limit $3
                for update skip locked
         )
         update mails m
            set attempts = m.attempts + 1,
                next_attempt_at = $2
           from due
          where m.tenant_id = due.tenant_id
            and m.mail_id = due.mail_id
      returning m.tenant_id, m.mail_id, m.recipient, m.subject, m.content, m.expires_at, m.attempts",
);

/// Takes up to `most` mails that are due, of one tenant or of all. Nobody else takes them before `until`.
pub(crate) async fn claim(
    db: &Db,
    now: OffsetDateTime,
    until: OffsetDateTime,
    most: i64,
    only: Option<&str>,
) -> Result<Vec<Due>, Error> {
    let rows = CLAIM.query().bind(now).bind(until).bind(most).bind(only).fetch_all(db.pool()).await?;
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

static SENT: Statement = Statement::new(
    "mail.sent",
    "with sent as (
             update mails
                set sent_at = $3,
                    failed_at = null,
                    content = null,
                    last_error = null
              where tenant_id = $1
                and mail_id = $2
          returning tenant_id, job_id
         )
         update jobs j
            set status = 'completed',
                updated_at = $3
           from sent
          where j.tenant_id = sent.tenant_id
            and j.job_id = sent.job_id",
);

pub(crate) async fn sent(db: &Db, mail: &Due, now: OffsetDateTime) -> Result<(), Error> {
    SENT.query().bind(&mail.tenant_id).bind(&mail.mail_id).bind(now).execute(db.pool()).await?;
    Ok(())
}

/// The attempt is named, so that a worker that was believed dead cannot undo what happened since.
static REFUSED: Statement = Statement::new(
    "mail.refused",
    "with refused as (
             update mails
                set last_error = $4,
                    next_attempt_at = coalesce($5, next_attempt_at),
                    failed_at = case when $5::timestamptz is null then $6::timestamptz end,
                    content = case when $5 is not null then content end
              where tenant_id = $1
                and mail_id = $2
                and attempts = $3
                and sent_at is null
          returning tenant_id, job_id, failed_at
         )
         update jobs j
            set status = 'failed',
                updated_at = $6
           from refused r
          where j.tenant_id = r.tenant_id
            and j.job_id = r.job_id
            and r.failed_at is not null",
);

/// Writes down a failed attempt; without a time for the next one the mail is given up.
pub(crate) async fn refused(
    db: &Db,
    mail: &Due,
    reason: &str,
    again_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    REFUSED
        .query()
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

static SWEEP: Statement = Statement::global(
    "mail.sweep",
    "delete from tickets
      where ctid = any (array(select ctid
                                from tickets
                               where expires_at < $1
                               order by expires_at
                               limit 1000
                                 for update skip locked))",
);

/// Deletes up to a thousand tickets that ended before a time, and their mails with them.
pub(crate) async fn sweep(db: &Db, before: OffsetDateTime) -> Result<u64, Error> {
    Ok(SWEEP.query().bind(before).execute(db.pool()).await?.rows_affected())
}
