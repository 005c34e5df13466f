//! Password policies, and hashes by Argon2id.
//!
//! Policies: <https://auth0.com/docs/authenticate/database-connections/password-options>. A hash takes about
//! 15 ms of CPU at the parameters that OWASP recommends, so a bounded number of blocking threads computes
//! them.

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::error::{Error, Result};
use crate::base::fair_semaphore::{FairSemaphore, Limits};

/// The required strength of a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Any non-empty password.
    None,
    /// Six characters.
    Low,
    /// Eight characters with a lower case letter, an upper case letter and a number.
    Fair,
    /// Eight characters with three of: lower case, upper case, number, special character.
    #[default]
    Good,
    /// Ten characters, the rules of `Good`, and at most two identical characters in a row.
    Excellent,
}

impl Policy {
    /// The minimum length in characters, unless the connection sets one.
    pub fn min_length(self) -> usize {
        match self {
            Self::None => 1,
            Self::Low => 6,
            Self::Fair | Self::Good => 8,
            Self::Excellent => 10,
        }
    }

    /// Whether a password satisfies the policy.
    pub fn allows(self, password: &str, min_length: Option<usize>) -> bool {
        self.report(password, min_length).verified
    }

    /// The rules of the policy, and whether a password satisfies each one. A character that is neither a
    /// letter nor a digit is special, a space included. The shape and texts are those of
    /// <https://github.com/auth0/password-sheriff>.
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

/// The rules of a policy, checked against a password.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub rules: Vec<Rule>,
    /// Whether the password satisfies all rules.
    pub verified: bool,
}

/// A rule of a policy.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// The text, with `%d` and `%s` for the values of `format`.
    pub message: &'static str,
    /// The values of the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub format: Vec<Value>,
    /// The machine-readable code.
    pub code: &'static str,
    /// The alternatives of the rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Rule>,
    /// Whether the password satisfies the rule.
    pub verified: bool,
}

impl Report {
    /// The policy as a bulleted text.
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

/// The result of a password verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The password does not match.
    Failed,
    /// The password matches.
    Passed,
    /// The password matches, and the hash should be replaced by [`Hasher::hash`].
    Outdated,
}

/// A hash of no known password, at the parameters of [`Hasher::hash`].
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$yYsjl0QEtT12DI270L1Q+Q$KuEqxOmQ7F8Hf6H75nZwAbgPNPELK4t1Ttq97E6TFcA";

/// Hashes and verifies passwords, with bounded concurrency and the tenants in turn. More computations than fit
/// into the queue are rejected with 503.
#[derive(Clone, Debug)]
pub struct Hasher(FairSemaphore);

/// The queued computations per running one: about a second of work.
const MAX_QUEUED: usize = 64;

impl Hasher {
    /// A hasher with a maximum number of concurrent computations.
    pub fn new(concurrency: usize) -> Self {
        let permits = concurrency.max(1);
        let queued = permits * MAX_QUEUED;
        Self(FairSemaphore::new(Limits { permits, permits_per_tenant: permits, queued }))
    }

    /// The hash of a password: Argon2id, 19 MiB, two passes, as a PHC string.
    pub async fn hash(&self, tenant: &str, password: String) -> Result<String> {
        self.run(tenant, move || {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(Error::internal)
        })
        .await
    }

    /// Verifies a password. Without a hash it computes one all the same, so that the response time does not
    /// reveal which accounts exist.
    pub async fn verify(&self, tenant: &str, password: String, hash: Option<String>) -> Result<Verification> {
        self.run(tenant, move || {
            let Some(hash) = hash else {
                let _ = Argon2::default().verify_password(password.as_bytes(), DUMMY_HASH);
                return Ok(Verification::Failed);
            };
            // Imported users have bcrypt hashes. bcrypt reads the first 72 bytes of a password.
            let (is_match, verification) = if hash.starts_with("$2") {
                (bcrypt::verify(password.as_bytes(), &hash).unwrap_or(false), Verification::Outdated)
            } else {
                let is_match = Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
                (is_match, Verification::Passed)
            };
            Ok(if is_match { verification } else { Verification::Failed })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        tenant: &str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.0.acquire(tenant).await?;
        // The permit moves along, because an aborted request does not end its computation.
        let computation = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(computation).await.map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_allows_passwords_by_its_rules() {
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
    fn report_lists_the_rules_of_the_policy() {
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
    async fn verify_reports_outdated_hashes_and_rejects_a_missing_one() {
        let hasher = Hasher::new(1);
        let hash = bcrypt::hash("secret", 4).unwrap();
        for (password, hash, verification) in [
            ("secret", Some(hash.clone()), Verification::Outdated),
            ("other", Some(hash), Verification::Failed),
            ("secret", Some(hasher.hash("t", "secret".into()).await.unwrap()), Verification::Passed),
            ("secret", Some("not a hash".into()), Verification::Failed),
            ("secret", Some("$2b$not a hash".into()), Verification::Failed),
            ("secret", None, Verification::Failed),
        ] {
            assert_eq!(hasher.verify("t", password.into(), hash).await.unwrap(), verification);
        }
        // The dummy hash costs as much as a real one.
        let ours = hasher.hash("t", "x".into()).await.unwrap();
        assert_eq!(ours.len(), DUMMY_HASH.len());
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(parameters(&ours), parameters(DUMMY_HASH));
        assert!(argon2::PasswordHash::new(DUMMY_HASH).is_ok());
    }
}
