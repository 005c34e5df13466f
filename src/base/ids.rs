//! Ids and their generation, with Auth0's prefixes and alphabets.

use std::fmt;

/// The id of a user, `provider|id`, for example `auth0|507f1f77bcf86cd799439020`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(String);

impl UserId {
    /// The maximum length in bytes.
    const MAX_LENGTH: usize = 512;

    /// Parses an id. This is the only rule: what a creation accepts is accepted by every route and body. Both
    /// sides of the first `|` are non-empty, and it has no control characters. The right side is not `.` or `..`,
    /// which clients resolve where it is a segment of a path.
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, id) = text.split_once('|')?;
        let is_valid = !provider.is_empty()
            && !["", ".", ".."].contains(&id)
            && text.len() <= Self::MAX_LENGTH
            && !text.contains(char::is_control);
        is_valid.then(|| Self(text.to_owned()))
    }

    /// The user id of an identity.
    pub fn new(provider: &str, identity: &str) -> Option<Self> {
        if provider.contains('|') { None } else { Self::parse(&format!("{provider}|{identity}")) }
    }

    /// The user id of an identity whose id may already have the provider as prefix.
    pub fn with_or_without(provider: &str, identity: &str) -> Option<Self> {
        let bare = identity.strip_prefix(provider).and_then(|rest| rest.strip_prefix('|'));
        Self::new(provider, bare.unwrap_or(identity))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `|`.
    pub fn provider(&self) -> &str {
        self.0.split_once('|').map_or("", |(provider, _)| provider)
    }

    /// The part after the `|`: the id of the primary identity.
    pub fn identity(&self) -> &str {
        self.0.split_once('|').map_or("", |(_, id)| id)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `N` cryptographically random bytes.
///
/// # Panics
/// If the operating system provides no random numbers, because no operation of the service would be secure.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "no operation is secure without random numbers")]
    getrandom::fill(&mut bytes).expect("the operating system's random numbers");
    bytes
}

/// A random text of `length` letters and digits.
pub fn letters_and_digits(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // 248 is the largest multiple of 62 in a byte; larger bytes would favor the first letters.
        for byte in random::<64>().into_iter().filter(|b| *b < 248).take(length - text.len()) {
            text.push(char::from(ALPHABET[usize::from(byte % 62)]));
        }
    }
    text
}

/// The id of a new identity, 24 hexadecimal digits: seconds since 1970, then 8 random bytes. Later ids sort
/// later, so an index grows at its end.
pub fn identity(now: time::OffsetDateTime) -> String {
    let seconds = u32::try_from(now.unix_timestamp()).unwrap_or(u32::MAX);
    let random = u64::from_be_bytes(random());
    format!("{seconds:08x}{random:016x}")
}

/// An id with a prefix: connections have `con`, roles `rol`, client grants `cgr`, jobs `job`.
pub fn prefixed(prefix: &str) -> String {
    format!("{prefix}_{}", letters_and_digits(16))
}

/// The id of a new client, 32 letters and digits.
pub fn client() -> String {
    letters_and_digits(32)
}

/// The id of a new third-party client under the strict mode: `tpc_` and 22 letters and digits.
pub fn third_party_client() -> String {
    format!("tpc_{}", letters_and_digits(22))
}

/// The secret of a new client, 64 characters.
pub fn client_secret() -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<48>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_id_has_a_provider_and_an_id() {
        assert_eq!(UserId::parse("auth0|a|b").map(|id| id.identity().to_owned()), Some("a|b".to_owned()));
        for bad in ["auth0", "|x", "auth0|", "auth0|\u{0}", "a|b\n", "a|b\u{7f}", "a|.", "a|.."] {
            assert_eq!(UserId::parse(bad), None, "{bad:?}");
        }
        assert!(UserId::parse(&format!("a|{}", "x".repeat(510))).is_some());
        assert_eq!(UserId::parse(&format!("a|{}", "x".repeat(511))), None);
    }

    #[test]
    fn user_id_of_an_identity_has_the_provider_once() {
        let id = |provider, identity| UserId::with_or_without(provider, identity).map(|id| id.to_string());
        assert_eq!(id("auth0", "x").as_deref(), Some("auth0|x"));
        assert_eq!(id("auth0", "auth0|x").as_deref(), Some("auth0|x"));
        assert_eq!(id("auth0", "sms|x").as_deref(), Some("auth0|sms|x"));
        assert_eq!(id("auth0", "auth0|"), None);
        assert_eq!(id("a|b", "x"), None);
    }

    #[test]
    fn generated_ids_have_auth0s_lengths() {
        let now = time::OffsetDateTime::now_utc();
        assert_eq!(
            (identity(now).len(), client().len(), client_secret().len(), prefixed("con").len()),
            (24, 32, 64, 20)
        );
    }
}
