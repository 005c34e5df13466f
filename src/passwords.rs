//! Passwords: what a connection asks of one, and Argon2id.
//!
//! Policies: <https://auth0.com/docs/authenticate/database-connections/password-options>. Hashing costs about 15 ms of
//! CPU at the parameters OWASP names, so it runs on threads of its own, a bounded number at a time.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// How strong a password has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Any password that is not empty.
    None,
    /// Six characters.
    Low,
    /// Eight characters with a lower case letter, an upper case letter and a number.
    Fair,
    /// Eight characters with three of: lower case, upper case, number, special character.
    #[default]
    Good,
    /// Ten characters, as good, and no more than two identical characters in a row.
    Excellent,
}

impl Policy {
    /// How long a password has to be, in characters, unless the connection says otherwise.
    pub fn min_length(self) -> usize {
        match self {
            Self::None => 1,
            Self::Low => 6,
            Self::Fair | Self::Good => 8,
            Self::Excellent => 10,
        }
    }

    /// Is the password strong enough? Anything that is neither letter nor digit is special, a space too.
    pub fn allows(self, password: &str, min_length: Option<usize>) -> bool {
        let has = |test: fn(char) -> bool| password.chars().any(test);
        let (lower, upper, number) =
            (has(char::is_lowercase), has(char::is_uppercase), has(char::is_numeric));
        let special = has(|c| !c.is_alphanumeric());
        let three_of_four = [lower, upper, number, special].into_iter().filter(|there| *there).count() >= 3;
        let long_enough = password.chars().count() >= min_length.unwrap_or_else(|| self.min_length());
        let characters: Vec<char> = password.chars().collect();
        let repeats = characters.windows(3).any(|w| w[0] == w[1] && w[1] == w[2]);
        long_enough
            && match self {
                Self::None | Self::Low => true,
                Self::Fair => lower && upper && number,
                Self::Good => three_of_four,
                Self::Excellent => three_of_four && !repeats,
            }
    }
}

/// Hashes and verifies passwords, a bounded number at a time.
#[derive(Clone, Debug)]
pub struct Hasher(Arc<Semaphore>);

impl Hasher {
    /// At most so many computations at once.
    pub fn new(concurrency: usize) -> Self {
        Self(Arc::new(Semaphore::new(concurrency.max(1))))
    }

    /// The hash of a password: Argon2id, 19 MiB, two passes, as a PHC string.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(Error::internal)
        })
        .await
    }

    /// Does a password belong to a hash?
    pub async fn verify(&self, password: String, hash: String) -> Result<bool> {
        self.run(move || Ok(Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok()))
            .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let _place = self.0.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_ask_what_they_say() {
        for (policy, password, allowed) in [
            (Policy::None, "a", true),
            (Policy::None, "", false),
            (Policy::Low, "aaaaaa", true),
            (Policy::Low, "aaaaa", false),
            (Policy::Fair, "Abcdefg1", true),
            (Policy::Fair, "abcdefg1!", false),
            (Policy::Good, "Passwords hide their chuck", true),
            (Policy::Good, "I don't need one", true),
            (Policy::Good, "mypassword", false),
            (Policy::Excellent, "Abcdefgh1!", true),
            (Policy::Excellent, "Abbbcdefg1!", false),
        ] {
            assert_eq!(policy.allows(password, None), allowed, "{policy:?} {password}");
        }
        assert!(!Policy::None.allows("short", Some(15)));
    }
}
