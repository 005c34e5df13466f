//! The attributes that identify a user within a connection.

use serde::{Deserialize, Serialize};

use super::schema::is_email;

/// An attribute that identifies a user within a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// An email address, in lower case.
    Email,
    /// A username, in lower case.
    Username,
    /// A phone number in E.164 format.
    PhoneNumber,
}

impl Identifier {
    /// All identifiers.
    pub const ALL: [Self; 3] = [Self::Email, Self::Username, Self::PhoneNumber];

    /// The name of the attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
        }
    }
}

/// Whether sign-up requires an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    Required,
    Optional,
    /// Sign-up has no such field.
    #[default]
    Inactive,
}

/// Whether a text has the characters of a username and is neither an email address nor a phone number, which
/// could identify another user (<https://auth0.com/docs/authenticate/database-connections/require-username>).
pub fn is_username(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "@^$.!`-#+'~_".contains(c))
        && !is_email(text)
        && !is_phone(text)
}

/// Whether a text is a phone number in E.164 format.
pub fn is_phone(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}
