//! Table `mails`. Its rows are written with their tickets by `users`, `tickets` and `jobs`, resealed by
//! `keys`, and deleted with their tickets by foreign key. The outcome of a mail also sets the status of its
//! job in `jobs`; `sweep` deletes from `tickets`.
//!
//! Locks: `claim` and `sweep` skip locked rows, so workers do not wait for each other.

use sqlx::FromRow;
use time::OffsetDateTime;

use crate::base::error::Error;
use crate::db::{Db, Statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&CLAIM, &MARK_SENT, &RECORD_FAILURE, &SWEEP];

/// A mail that a worker has claimed.
#[derive(Debug, FromRow)]
pub(crate) struct ClaimedMail {
    pub tenant_id: String,
    /// `mail_` and 16 letters and digits.
    pub mail_id: String,
    pub recipient: String,
    pub subject: String,
    /// [`Content`](super::model::Content), sealed.
    pub content: Vec<u8>,
    /// When the link of the mail expires.
    pub expires_at: OffsetDateTime,
    /// Attempts to send it, with the present one.
    pub attempts: i32,
}

static CLAIM: Statement = Statement::global("mail.claim", include_str!("sql/claim.sql"));

/// Claims up to `limit` mails that are due, of one tenant or of all in turn, from the tenant behind `after`. No
/// other worker claims them before `leased_until`.
pub(crate) async fn claim(
    db: &Db,
    now: OffsetDateTime,
    leased_until: OffsetDateTime,
    limit: i64,
    tenant: Option<&str>,
    after: &str,
) -> Result<Vec<ClaimedMail>, Error> {
    let mails = CLAIM
        .bind("now", now)
        .bind("leased_until", leased_until)
        .bind("limit", limit)
        .bind("tenant_id", tenant)
        .bind("after", after)
        .fetch_all(db)
        .await?;
    Ok(mails)
}

static MARK_SENT: Statement = Statement::new("mail.mark_sent", include_str!("sql/mark_sent.sql"));

pub(crate) async fn mark_sent(
    db: &Db,
    tenant: &str,
    mail: &ClaimedMail,
    now: OffsetDateTime,
) -> Result<(), Error> {
    MARK_SENT.bind("tenant_id", tenant).bind("mail_id", &mail.mail_id).bind("now", now).execute(db).await?;
    Ok(())
}

static RECORD_FAILURE: Statement =
    Statement::new("mail.record_failure", include_str!("sql/record_failure.sql"));

/// Records a failed attempt; without a next one the mail is given up.
pub(crate) async fn record_failure(
    db: &Db,
    tenant: &str,
    mail: &ClaimedMail,
    reason: &str,
    next_attempt_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    RECORD_FAILURE
        .bind("tenant_id", tenant)
        .bind("mail_id", &mail.mail_id)
        .bind("attempts", mail.attempts)
        .bind("reason", reason)
        .bind("next_attempt_at", next_attempt_at)
        .bind("now", now)
        .execute(db)
        .await?;
    Ok(())
}

static SWEEP: Statement = Statement::global("mail.sweep", include_str!("sql/sweep.sql"));

/// Deletes up to a thousand tickets that expired before a time, with their mails; the number of tickets.
pub(crate) async fn sweep(db: &Db, before: OffsetDateTime) -> Result<u64, Error> {
    Ok(SWEEP.bind("before", before).execute(db).await?.rows_affected())
}
