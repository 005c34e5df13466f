//! Mail: a queue in the database, and the worker that sends its mails.
//!
//! A mail is a row, written by the statement of its cause (a ticket, a job or a user), so neither exists
//! without the other, and no request waits for a mail server. `roster serve` and `roster dev` start a worker,
//! which claims mails that are due and hands them to a [`Sender`]. Any number of instances may run one.
//!
//! Decisions:
//! - A claim is a lease: a mail whose worker died is sent after the lease has ended. So a mail can arrive
//!   twice, with the same Message-ID; it is never lost.
//! - A failed attempt is repeated after growing pauses ([`model::backoff`]), [`model::MAX_ATTEMPTS`] times at
//!   most. A permanent failure (SMTP 5yz) is not repeated. A mail that was given up stays in the table with
//!   the reason.
//! - Tenants send in turn, a batch at most, so that many mails of one tenant delay its own.
//! - A mail whose link has expired is not sent.
//! - The content contains a secret link, so it is sealed, and erased when the mail is sent or given up.
//! - Without a mail server `roster serve` keeps mails in the queue and logs that at its start; `roster dev`
//!   logs each link.
//! - Tickets are deleted, with their mails, thirty days after they expired.

pub mod model;
pub mod smtp;
pub(crate) mod store;

use std::sync::Arc;

use futures_util::future::join_all;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::vault::Vault;
use crate::base::worker::Worker;
use crate::db::Db;
use model::{Content, Failure, MAX_ATTEMPTS, backoff};
use smtp::Smtp;
use store::ClaimedMail;

/// The mails that a worker sends concurrently.
const BATCH: i64 = 16;
/// The time after which another worker can claim a mail: longer than all time limits of a delivery together.
const LEASE: time::Duration = time::Duration::minutes(5);
const SWEEP_INTERVAL: time::Duration = time::Duration::hours(1);
/// How long tickets are stored after they expired.
const RETENTION: time::Duration = time::Duration::days(30);

/// Where mails are sent to.
pub enum Sender {
    /// A mail server.
    Smtp(Box<Smtp>),
    /// The log, which shows the link alone: for development.
    Log,
}

impl Sender {
    async fn send(&self, mail: &ClaimedMail, content: Content) -> std::result::Result<(), Failure> {
        match self {
            Self::Smtp(smtp) => smtp.send(mail, content).await,
            Self::Log => {
                tracing::info!(
                    tenant = mail.tenant_id,
                    subject = mail.subject,
                    link = content.link,
                    "no mail server is configured, so the link of a mail is logged"
                );
                Ok(())
            }
        }
    }
}

/// Sends mails that are due at a time, at most a batch, of one tenant or of all in turn. The number of mails that
/// were attempted. `after` is the tenant of the last turn; the next call continues behind it.
pub async fn deliver_due(
    db: &Db,
    vault: &Vault,
    sender: &Sender,
    now: OffsetDateTime,
    tenant: Option<&str>,
    after: &mut String,
) -> Result<usize> {
    let mails = store::claim(db, now, now + LEASE, BATCH, tenant, after).await?;
    after.clear();
    if i64::try_from(mails.len()) == Ok(BATCH)
        && let Some(last) = mails.iter().map(|mail| &mail.tenant_id).max()
    {
        after.push_str(last);
    }
    let delivered = join_all(mails.iter().map(|mail| deliver(db, vault, sender, mail, now))).await;
    delivered.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(mails.len())
}

async fn deliver(
    db: &Db,
    vault: &Vault,
    sender: &Sender,
    mail: &ClaimedMail,
    now: OffsetDateTime,
) -> Result<()> {
    let tenant = &mail.tenant_id;
    let outcome = if mail.expires_at <= now {
        Err(Failure::permanent("the link expired before the mail could be sent"))
    } else {
        match Content::open(vault, tenant, &mail.mail_id, &mail.content) {
            Ok(content) => sender.send(mail, content).await,
            Err(error) => Err(Failure::temporary(error.to_string())),
        }
    };
    let Err(Failure { is_permanent, reason }) = outcome else {
        return store::mark_sent(db, tenant, mail, now).await;
    };
    let next_attempt_at =
        (!is_permanent && mail.attempts < MAX_ATTEMPTS).then(|| now + backoff(mail.attempts));
    // The reason stays in the row: the answer of a server can contain the address, which must not be logged.
    tracing::warn!(
        tenant = mail.tenant_id,
        mail.id = mail.mail_id,
        attempts = mail.attempts,
        given_up = next_attempt_at.is_none(),
        "a mail could not be sent, see mails.last_error"
    );
    store::record_failure(db, tenant, mail, &reason, next_attempt_at, now).await
}

/// A worker: sends mails and deletes expired tickets.
pub struct Mailer {
    db: Db,
    vault: Arc<Vault>,
    sender: Option<Sender>,
    swept_at: OffsetDateTime,
    /// The tenant of the last turn.
    last_tenant: String,
}

impl Mailer {
    /// A worker; without a sender it only deletes expired tickets.
    pub fn new(db: Db, vault: Arc<Vault>, sender: Option<Sender>) -> Self {
        Self { db, vault, sender, swept_at: OffsetDateTime::UNIX_EPOCH, last_tenant: String::new() }
    }
}

impl Worker for Mailer {
    const NAME: &'static str = "mail";

    async fn run(&mut self) -> Result<bool> {
        let now = OffsetDateTime::now_utc();
        if now - self.swept_at > SWEEP_INTERVAL && store::sweep(&self.db, now - RETENTION).await? == 0 {
            self.swept_at = now;
        }
        let Some(sender) = &self.sender else { return Ok(false) };
        let was_within_round = !self.last_tenant.is_empty();
        deliver_due(&self.db, &self.vault, sender, now, None, &mut self.last_tenant).await?;
        Ok(was_within_round || !self.last_tenant.is_empty())
    }
}
