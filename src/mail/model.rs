//! What a mail is.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::base::error::{Error, Result};
use crate::base::vault::{Location, Vault};

/// How often a mail is tried before it is given up.
pub const ATTEMPTS: i32 = 24;

/// How long after a failed attempt the next one follows: half a minute, then twice as long each time, up to an hour.
/// All attempts together take most of a day.
pub fn backoff(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(7);
    Duration::seconds(30 * 2_i64.pow(doublings)).min(Duration::hours(1))
}

/// What a mail says. It holds a link that lets whoever reads it act, so it is sealed in the database and in no log.
#[derive(Debug, Serialize, Deserialize)]
pub struct Content {
    /// The plain text.
    pub text: String,
    /// The same in HTML.
    pub html: String,
    /// The link in both.
    pub link: String,
}

impl Content {
    pub(crate) fn seal(&self, vault: &Vault, tenant: &str, mail_id: &str) -> Result<Vec<u8>> {
        vault.seal(&Location::Mails.row(tenant, mail_id), &serde_json::to_vec(self).map_err(Error::internal)?)
    }

    pub(crate) fn open(vault: &Vault, tenant: &str, mail_id: &str, sealed: &[u8]) -> Result<Self> {
        serde_json::from_slice(&vault.open(&Location::Mails.row(tenant, mail_id), sealed)?)
            .map_err(Error::internal)
    }
}

/// A mail that a worker has claimed.
#[derive(Debug)]
pub struct Due {
    /// Whose it is.
    pub tenant_id: String,
    /// `mail_` and 16 letters and digits.
    pub mail_id: String,
    /// The address it goes to.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// [`Content`], sealed.
    pub content: Vec<u8>,
    /// After this it is of no use any more.
    pub expires_at: OffsetDateTime,
    /// How often it was tried, this attempt included.
    pub attempts: i32,
}

/// Why a mail could not be sent.
#[derive(Debug)]
pub struct Refusal {
    /// Would another attempt end in the same way?
    pub is_final: bool,
    /// What happened, for the operator; it may repeat the address.
    pub reason: String,
}

impl Refusal {
    /// Another attempt may fare better.
    pub fn for_now(reason: impl Into<String>) -> Self {
        Self { is_final: false, reason: reason.into() }
    }

    /// No attempt will.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self { is_final: true, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_get_rarer_and_end_within_a_day() {
        assert_eq!([1, 2, 3, 8, 100].map(|n| backoff(n).whole_seconds()), [30, 60, 120, 3600, 3600]);
        let all: Duration = (1..ATTEMPTS).map(backoff).fold(Duration::ZERO, |sum, next| sum + next);
        assert!(all > Duration::hours(12) && all < Duration::DAY, "{all}");
    }
}
