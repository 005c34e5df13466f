//! Passwords: what a connection asks of one, and Argon2id.
//!
//! Policies: <https://auth0.com/docs/authenticate/database-connections/password-options>. Hashing costs about 15 ms of
//! CPU at the parameters OWASP names, so it runs on threads of its own, a bounded number at a time.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::base::error::{Error, Result, codes};

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

    /// Is the password strong enough?
    pub fn allows(self, password: &str, min_length: Option<usize>) -> bool {
        self.report(password, min_length).verified
    }

    /// What is asked of a password, and which of it this one meets. Anything that is neither letter nor digit is
    /// special, a space too. The shape and the words are those of <https://github.com/auth0/password-sheriff>.
    pub fn report(self, password: &str, min_length: Option<usize>) -> Report {
        let has = |test: fn(char) -> bool| password.chars().any(test);
        let kind = |code, message, test| Rule {
            message,
            format: Vec::new(),
            code,
            items: Vec::new(),
            verified: has(test),
        };
        let lower = kind("lowerCase", "lower case letters (a-z)", char::is_lowercase);
        let upper = kind("upperCase", "upper case letters (A-Z)", char::is_uppercase);
        let numbers = kind("numbers", "numbers (i.e. 0-9)", char::is_numeric);
        let special =
            kind("specialCharacters", "special characters (e.g. !@#$%^&*)", |c| !c.is_alphanumeric());
        let min = min_length.unwrap_or_else(|| self.min_length());
        let long_enough = password.chars().count() >= min;
        let mut rules = vec![match min {
            0 | 1 => Rule {
                message: "Non-empty password required",
                format: Vec::new(),
                code: "nonEmpty",
                items: Vec::new(),
                verified: !password.is_empty(),
            },
            _ => Rule {
                message: "At least %d characters in length",
                format: vec![json!(min)],
                code: "lengthAtLeast",
                items: Vec::new(),
                verified: long_enough,
            },
        }];
        match self {
            Self::None | Self::Low => {}
            Self::Fair => rules.push(Rule {
                message: "Should contain:",
                format: Vec::new(),
                code: "shouldContain",
                verified: lower.verified && upper.verified && numbers.verified,
                items: vec![lower, upper, numbers],
            }),
            Self::Good | Self::Excellent => {
                let items = vec![lower, upper, numbers, special];
                rules.push(Rule {
                    message: "Contain at least %d of the following %d types of characters:",
                    format: vec![json!(3), json!(4)],
                    code: "containsAtLeast",
                    verified: items.iter().filter(|item| item.verified).count() >= 3,
                    items,
                });
            }
        }
        if self == Self::Excellent {
            let characters: Vec<char> = password.chars().collect();
            rules.push(Rule {
                message: "No more than %d identical characters in a row (e.g., \"%s\" not allowed)",
                format: vec![json!(2), json!("aaa")],
                code: "identicalChars",
                items: Vec::new(),
                verified: !characters.windows(3).any(|w| w[0] == w[1] && w[1] == w[2]),
            });
        }
        Report { verified: rules.iter().all(|rule| rule.verified), rules }
    }
}

/// What a policy asks of a password, and whether it is met.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One by one.
    pub rules: Vec<Rule>,
    /// All of it?
    pub verified: bool,
}

/// One thing that a policy asks.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// For people, with `%d` and `%s` for what `format` holds.
    pub message: &'static str,
    /// What to put into the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub format: Vec<Value>,
    /// For programs.
    pub code: &'static str,
    /// What it consists of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Rule>,
    /// Is it met?
    pub verified: bool,
}

impl Report {
    /// The whole policy as a list for people.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for rule in &self.rules {
            let message = rule.format.iter().fold(rule.message.to_owned(), |text, value| match value {
                Value::String(word) => text.replacen("%s", word, 1),
                number => text.replacen("%d", &number.to_string(), 1),
            });
            lines.push(format!("* {message}"));
            lines.extend(rule.items.iter().map(|item| format!(" * {}", item.message)));
        }
        lines.join("\n")
    }
}

/// What came of holding a password against a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and the hash should be replaced by one of ours.
    Outdated,
}

/// A hash that is no password's, at the parameters of [`Hasher::hash`].
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$yYsjl0QEtT12DI270L1Q+Q$KuEqxOmQ7F8Hf6H75nZwAbgPNPELK4t1Ttq97E6TFcA";

/// Hashes and verifies passwords, a bounded number at a time.
#[derive(Clone, Debug)]
pub struct Hasher {
    computing: Arc<Semaphore>,
    /// Those that wait for a computation as well: one more is refused with 503.
    admitted: Arc<Semaphore>,
}

/// How many may wait for each computation: about a second.
const WAITING: usize = 64;

impl Hasher {
    /// At most so many computations at once.
    pub fn new(concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { computing: semaphore(concurrency), admitted: semaphore(concurrency * (1 + WAITING)) }
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

    /// Does a password belong to a hash? Without a hash the same work is done, so that the time an answer takes does
    /// not tell which accounts exist.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<Verdict> {
        self.run(move || {
            let Some(hash) = hash else {
                let _ = Argon2::default().verify_password(password.as_bytes(), NOBODYS);
                return Ok(Verdict::Wrong);
            };
            // Imported users bring hashes of bcrypt, which reads 72 bytes of a password.
            let (right, verdict) = if hash.starts_with("$2") {
                (bcrypt::verify(password.as_bytes(), &hash).unwrap_or(false), Verdict::Outdated)
            } else {
                let right = Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
                (right, Verdict::Right)
            };
            Ok(if right { verdict } else { Verdict::Wrong })
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let _admitted = self.admitted.try_acquire().map_err(|_| codes::OVERLOADED)?;
        let _computing = self.computing.acquire().await.map_err(Error::internal)?;
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

    #[test]
    fn a_policy_says_what_it_asks() {
        insta::assert_snapshot!(Policy::Excellent.report("", None).text(), @r#"
        * At least 10 characters in length
        * Contain at least 3 of the following 4 types of characters:
         * lower case letters (a-z)
         * upper case letters (A-Z)
         * numbers (i.e. 0-9)
         * special characters (e.g. !@#$%^&*)
        * No more than 2 identical characters in a row (e.g., "aaa" not allowed)
        "#);
        insta::assert_snapshot!(Policy::Fair.report("", Some(1)).text(), @r"
        * Non-empty password required
        * Should contain:
         * lower case letters (a-z)
         * upper case letters (A-Z)
         * numbers (i.e. 0-9)
        ");
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_refused() {
        let hasher = Hasher::new(1);
        let waiting: Vec<_> = (0..=WAITING).map(|_| hasher.admitted.try_acquire().unwrap()).collect();
        assert_eq!(hasher.hash("x".into()).await.unwrap_err().meaning, codes::OVERLOADED);
        drop(waiting);
        assert!(hasher.hash("x".into()).await.is_ok());
    }

    #[tokio::test]
    async fn hashes_of_bcrypt_are_outdated_and_nobody_has_no_password() {
        let hasher = Hasher::new(1);
        let hash = bcrypt::hash("secret", 4).unwrap();
        for (password, hash, verdict) in [
            ("secret", Some(hash.clone()), Verdict::Outdated),
            ("other", Some(hash), Verdict::Wrong),
            ("secret", Some(hasher.hash("secret".into()).await.unwrap()), Verdict::Right),
            ("secret", Some("not a hash".into()), Verdict::Wrong),
            ("secret", Some("$2b$not a hash".into()), Verdict::Wrong),
            ("secret", None, Verdict::Wrong),
        ] {
            assert_eq!(hasher.verify(password.into(), hash).await.unwrap(), verdict);
        }
        // What is verified for nobody costs what it costs for somebody.
        let ours = hasher.hash("x".into()).await.unwrap();
        assert_eq!(ours.len(), NOBODYS.len());
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(&ours), parameters(NOBODYS));
        assert!(argon2::PasswordHash::new(NOBODYS).is_ok());
    }
}
