//! The document of a user: the JSON that the API answers.
//!
//! `name`, `nickname` and `picture` are computed where they were not given: of the e-mail address, else the
//! username, else the phone number. PostgreSQL computes the first two alike (`attribute_text`), so that
//! `sort` and `q` use the values that are answered.

use std::borrow::Cow;

use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::model::User;
use crate::base::error::{Error, Result};
use crate::base::fields::Fields;
use crate::base::ids::UserId;
use crate::base::json::Object;
use crate::base::timestamp::timestamp;

/// Bytes reserved for what a document has beyond the stored JSON: names, times, the id, computed attributes.
const COMPUTED_BYTES: usize = 512;

/// The characters that JavaScript's `encodeURIComponent` encodes.
const URL_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

impl User {
    /// The document, reduced to the wanted fields. Stored JSON is copied as text, so that no digit of a
    /// number is lost.
    pub fn document(&self, fields: &Fields) -> Result<String> {
        let profile: &RawValue = serde_json::from_str(&self.profile).map_err(Error::internal)?;
        let profile =
            Object::of(profile).ok_or_else(|| Error::internal("a profile that is not an object"))?;
        let stored = [
            Some(&self.profile),
            Some(&self.identities),
            self.user_metadata.as_ref(),
            self.app_metadata.as_ref(),
        ];
        let length = stored.iter().flatten().map(|text| text.len()).sum::<usize>();
        let mut document = Document::new(fields, length + COMPUTED_BYTES);
        for (name, value) in profile.members() {
            document.put(name, value.get());
        }
        put_computed(&mut document, &profile);
        document.put_text("user_id", &self.user_id);
        document.put("identities", &self.identities);
        for (name, value) in [("user_metadata", &self.user_metadata), ("app_metadata", &self.app_metadata)] {
            if let Some(value) = value {
                document.put(name, value);
            }
        }
        document.put_text("created_at", &timestamp(self.created_at));
        document.put_text("updated_at", &timestamp(self.updated_at));
        Ok(document.finish())
    }
}

/// The `identities` of a new user.
pub(crate) fn identities(connection: &str, id: &UserId) -> Value {
    json!([{ "connection": connection, "user_id": id.identity(), "provider": id.provider(), "isSocial": false }])
}

fn put_computed(document: &mut Document<'_>, profile: &Object<'_>) {
    let text = |name| profile.value::<Cow<'_, str>>(name);
    let identifiers = ["email", "username", "phone_number"];
    let identifier = identifiers.into_iter().find_map(text).unwrap_or_default();
    let name = text("name").unwrap_or_else(|| identifier.clone());
    if profile.get("name").is_none() {
        document.put_text("name", &name);
    }
    if profile.get("nickname").is_none() {
        document.put_text("nickname", identifier.split('@').next().unwrap_or_default());
    }
    if profile.get("picture").is_none() && document.fields.wants("picture") {
        document.put_text("picture", &picture(&identifier, &name));
    }
}

/// The picture of a user without one: Gravatar's of the identifier, which falls back to one with the name's
/// initials.
fn picture(identifier: &str, name: &str) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let hash: String = Md5::digest(identifier.to_lowercase().as_bytes())
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    let mut words = name.split_whitespace();
    let initials: String = match (words.next(), words.next()) {
        (Some(first), Some(second)) => first.chars().take(1).chain(second.chars().take(1)).collect(),
        (Some(only), None) => only.chars().take(2).collect(),
        _ => String::new(),
    };
    let initials = initials.to_lowercase();
    let avatar =
        format!("https://cdn.auth0.com/avatars/{}.png", utf8_percent_encode(&initials, NON_ALPHANUMERIC));
    let encoded = utf8_percent_encode(&avatar, URL_COMPONENT);
    format!("https://s.gravatar.com/avatar/{hash}?s=480&r=pg&d={encoded}")
}

/// A JSON object under construction, of the wanted fields.
struct Document<'a> {
    text: String,
    fields: &'a Fields,
}

impl<'a> Document<'a> {
    fn new(fields: &'a Fields, capacity: usize) -> Self {
        let mut text = String::with_capacity(capacity);
        text.push('{');
        Self { text, fields }
    }

    fn put_text(&mut self, name: &str, text: &str) {
        // Serializing a text cannot fail.
        self.put(name, &serde_json::to_string(text).unwrap_or_default());
    }

    fn put(&mut self, name: &str, json: &str) {
        if self.fields.wants(name) {
            if self.text.len() > 1 {
                self.text.push(',');
            }
            self.text.push('"');
            self.text.push_str(name);
            self.text.push_str("\":");
            self.text.push_str(json);
        }
    }

    fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_is_of_the_identifier_with_initials_of_the_name() {
        // md5 of jane@example.com, as in Gravatar's own documentation of the scheme.
        let hash = "9e26471d35a78862c17e467d87cddedf";
        assert_eq!(
            picture("Jane@example.com", "jane@example.com"),
            format!(
                "https://s.gravatar.com/avatar/{hash}?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fja.png"
            )
        );
        assert!(picture("jane@example.com", "Ünal Doe").ends_with("avatars%2F%25C3%25BCd.png"));
    }
}
