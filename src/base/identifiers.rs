//! What identifies a user within a connection.

use serde::{Deserialize, Serialize};

use super::schema::is_email;

/// What a user can be known by within a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// An e-mail address, in lower case.
    Email,
    /// A username, in lower case.
    Username,
    /// A phone number (E.164).
    PhoneNumber,
}

impl Identifier {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Email, Self::Username, Self::PhoneNumber];

    /// The attribute that holds it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
        }
    }
}

/// Whether signup asks for an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// It has to be given.
    Required,
    /// It may be given.
    Optional,
    /// It is not asked for.
    #[default]
    Inactive,
}

/// Is a username made of what usernames are made of? Letters, digits and these marks; an address is not a username, nor
/// is a phone number: nobody is to answer to what identifies somebody else
/// (<https://auth0.com/docs/authenticate/database-connections/require-username>).
pub fn is_username(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "@^$.!`-#+'~_".contains(c))
        && !is_email(text)
        && !is_phone(text)
}

/// Is it a phone number as E.164 writes it?
pub fn is_phone(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}
