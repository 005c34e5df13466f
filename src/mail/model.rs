//! Contents of mails, and the schedule of attempts.

use serde::{Deserialize, Serialize};
use time::Duration;

use crate::base::error::{Error, Result};
use crate::base::vault::{Location, Vault};

/// The attempts after which a mail is given up.
pub const MAX_ATTEMPTS: i32 = 24;

/// The pause after a number of failed attempts: half a minute, doubled with each attempt, at most an hour.
/// All attempts together take most of a day.
pub fn backoff(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(7);
    Duration::seconds(30 * 2_i64.pow(doublings)).min(Duration::hours(1))
}

/// The content of a mail. The link is a secret, so the content is sealed in the database and never logged by
/// `serve`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Content {
    pub text: String,
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

/// A failed attempt to send a mail.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Is another attempt pointless?
    pub is_permanent: bool,
    /// The reason for the operator; it can contain the address.
    pub reason: String,
}

impl Failure {
    pub(crate) fn temporary(reason: impl Into<String>) -> Self {
        Self { is_permanent: false, reason: reason.into() }
    }

    pub(crate) fn permanent(reason: impl Into<String>) -> Self {
        Self { is_permanent: true, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_and_all_attempts_take_most_of_a_day() {
        assert_eq!([1, 2, 3, 8, 100].map(|n| backoff(n).whole_seconds()), [30, 60, 120, 3600, 3600]);
        let all: Duration = (1..MAX_ATTEMPTS).map(backoff).fold(Duration::ZERO, |sum, next| sum + next);
        assert!(all > Duration::hours(12) && all < Duration::DAY, "{all}");
    }
}
