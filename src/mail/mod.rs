//! Mail: a queue in the database, and the worker that empties it.
//!
//! A mail is a row, written by the statement that makes its cause ([`crate::resources::tickets`]): there is never one without the
//! other, and no caller waits for a mail server. A worker, started by `roster serve` and `roster dev`, claims what is
//! due and hands it to a [`Sender`]; any number of instances may run one.
//!
//! Decisions:
//! - A claim is a lease: what a worker took and did not settle (because it died) is tried again after the lease. So a
//!   mail can arrive twice, always under the same Message-ID; it is never lost.
//! - A failed attempt is repeated with growing pauses ([`model::backoff`]), [`model::ATTEMPTS`] times at most. A server
//!   that refuses a mail for good (5yz) is not asked again. What was given up stays, marked, with the reason.
//! - A mail whose link has ended is not sent any more.
//! - The content is sealed, and erased once the mail was sent or given up: it holds a link that lets its reader act.
//! - Without a mail server `roster serve` keeps mail in the queue and says so at its start; `roster dev` logs each
//!   link.
//! - Tickets are deleted, and their mails with them, thirty days after they ended.

pub mod model;
pub mod smtp;
pub(crate) mod store;

use std::sync::Arc;

use futures_util::future::join_all;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::vault::Vault;
use crate::base::worker::Rounds;
use crate::db::Db;
use model::{ATTEMPTS, Content, Due, Refusal, backoff};
use smtp::Smtp;

/// How many mails a worker sends at once.
const BATCH: i64 = 16;
/// How long a claimed mail is the worker's own: longer than the time limits of a delivery taken together.
const LEASE: time::Duration = time::Duration::minutes(5);
/// How often what has ended is deleted, and how long after its end.
const SWEEP_EVERY: time::Duration = time::Duration::hours(1);
const KEPT: time::Duration = time::Duration::days(30);

/// What mail is handed to.
pub enum Sender {
    /// A mail server.
    Smtp(Box<Smtp>),
    /// The log, which shows the link alone: for development.
    Log,
}

impl Sender {
    async fn send(&self, mail: &Due, content: Content) -> std::result::Result<(), Refusal> {
        match self {
            Self::Smtp(smtp) => smtp.send(mail, content).await,
            Self::Log => {
                tracing::info!(
                    tenant = mail.tenant_id,
                    subject = mail.subject,
                    link = content.link,
                    "no mail server is set, so here is the link of a mail"
                );
                Ok(())
            }
        }
    }
}

/// Sends what is due at a time, at most a batch, of one tenant or of all. How many mails were tried.
pub async fn deliver_due(
    db: &Db,
    vault: &Vault,
    sender: &Sender,
    now: OffsetDateTime,
    only: Option<&str>,
) -> Result<usize> {
    let due = store::claim(db, now, now + LEASE, BATCH, only).await?;
    let settled = join_all(due.iter().map(|mail| deliver(db, vault, sender, mail, now))).await;
    settled.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(due.len())
}

async fn deliver(db: &Db, vault: &Vault, sender: &Sender, mail: &Due, now: OffsetDateTime) -> Result<()> {
    let outcome = if mail.expires_at <= now {
        Err(Refusal::for_good("the link ended before the mail could be sent"))
    } else {
        match Content::open(vault, &mail.tenant_id, &mail.mail_id, &mail.content) {
            Ok(content) => sender.send(mail, content).await,
            Err(error) => Err(Refusal::for_now(error.to_string())),
        }
    };
    let Err(Refusal { is_final, reason }) = outcome else { return store::sent(db, mail, now).await };
    let again_at = (!is_final && mail.attempts < ATTEMPTS).then(|| now + backoff(mail.attempts));
    // The reason stays in the row: a server's words may repeat the address, which has no place in a log.
    tracing::warn!(
        tenant = mail.tenant_id,
        mail.id = mail.mail_id,
        attempts = mail.attempts,
        given_up = again_at.is_none(),
        "a mail could not be sent, see mails.last_error"
    );
    store::refused(db, mail, &reason, again_at, now).await
}

/// The work of one worker: to deliver mail and to delete what has ended.
pub struct Mailer {
    db: Db,
    vault: Arc<Vault>,
    sender: Option<Sender>,
    swept: OffsetDateTime,
}

impl Mailer {
    /// Without a sender it only deletes what has ended.
    pub fn new(db: Db, vault: Arc<Vault>, sender: Option<Sender>) -> Self {
        Self { db, vault, sender, swept: OffsetDateTime::UNIX_EPOCH }
    }
}

impl Rounds for Mailer {
    const NAME: &'static str = "mail";

    async fn round(&mut self) -> Result<bool> {
        let now = OffsetDateTime::now_utc();
        if now - self.swept > SWEEP_EVERY && store::sweep(&self.db, now - KEPT).await? == 0 {
            self.swept = now;
        }
        let Some(sender) = &self.sender else { return Ok(false) };
        Ok(i64::try_from(deliver_due(&self.db, &self.vault, sender, now, None).await?) == Ok(BATCH))
    }
}
