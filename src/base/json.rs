//! Strict parsing of JSON from requests, without loss of digits.
//!
//! An [`Object`] keeps the text of its members, because documents go to PostgreSQL and back as text.
//! [`Object::read`] rejects what `jsonb` cannot store and what parsers interpret differently: U+0000, lone
//! surrogates, duplicate keys, numbers beyond the range of a double, more than 128 levels (RFC 8259 leaves
//! all of these to the implementation).

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::error::{Error, codes};
use crate::base::patch::Patch;

/// The maximum length of a number, in characters. More digits carry no information that a client can use.
const MAX_NUMBER_LENGTH: usize = 400;
/// The maximum absolute exponent. serde_json itself rejects only numbers that overflow a double.
const MAX_EXPONENT: i32 = 400;

/// A typed request body.
pub trait FromBody: Sized {
    /// Reads the JSON object of a body. The error, 400, lists every violation.
    fn from_body(body: &Object<'_>) -> Result<Self, Error>;
}

/// A JSON object: its members in the order of the text, values as text.
#[derive(Debug, Default)]
pub struct Object<'a> {
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Parses a request body. The error is a 400 with Auth0's message.
    pub fn read(body: &'a [u8]) -> Result<Self, Error> {
        let root = root(body)?;
        Self::of(root).ok_or_else(|| unexpected("object", root))
    }

    /// The object of a parsed value; `None` if the value has another type.
    pub fn of(value: &'a RawValue) -> Option<Self> {
        if !value.get().starts_with('{') {
            return None;
        }
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        let members = serde_json::Deserializer::from_str(value.get()).deserialize_map(Members).ok()?;
        Some(Self { members })
    }

    /// The members in the order of the text.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(key, value)| (key.as_str(), *value))
    }

    /// Renames a member.
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        for (name, _) in self.members.iter_mut().filter(|(name, _)| name == from) {
            to.clone_into(name);
        }
        self
    }

    /// Whether the object has no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The text of a member.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.members.iter().find(|(k, _)| k == key).map(|(_, v)| *v)
    }

    /// A member as a PATCH field of JSON text.
    pub fn raw(&self, key: &str) -> Patch<&'a RawValue> {
        match self.get(key) {
            None => Patch::Absent,
            Some(value) if value.get() == "null" => Patch::Null,
            Some(value) => Patch::Set(value),
        }
    }

    /// A member as a typed PATCH field. A value of another type reads as absent: the schema has rejected it
    /// before.
    pub fn field<T: Deserialize<'a>>(&self, key: &str) -> Patch<T> {
        match self.raw(key) {
            Patch::Set(value) => serde_json::from_str(value.get()).map_or(Patch::Absent, Patch::Set),
            Patch::Null => Patch::Null,
            Patch::Absent => Patch::Absent,
        }
    }

    /// The members with a value, and the names of the null ones; without the excluded names.
    pub fn set_and_unset(&self, excluded: &[&str]) -> (Map<String, Value>, Vec<String>) {
        let (mut set, mut unset) = (Map::new(), Vec::new());
        for (name, _) in self.members().filter(|(name, _)| !excluded.contains(name)) {
            match self.field(name) {
                Patch::Set(value) => drop(set.insert(name.to_owned(), value)),
                Patch::Null | Patch::Absent => unset.push(name.to_owned()),
            }
        }
        (set, unset)
    }

    /// A typed member that cannot be null, as [`Object::field`].
    pub fn value<T: Deserialize<'a>>(&self, key: &str) -> Option<T> {
        match self.field(key) {
            Patch::Set(value) => Some(value),
            Patch::Null | Patch::Absent => None,
        }
    }
}

/// Parses a request body that is an array: the text of each element.
pub fn list(body: &[u8]) -> Result<Vec<&RawValue>, Error> {
    let root = root(body)?;
    if type_name(root) != "array" {
        return Err(unexpected("array", root));
    }
    serde_json::from_str(root.get()).map_err(|_| codes::INVALID_JSON.into())
}

fn root(body: &[u8]) -> Result<&RawValue, Error> {
    strict(std::str::from_utf8(body).map_err(|_| Error::from(codes::INVALID_JSON))?)
}

fn unexpected(expected: &str, found: &RawValue) -> Error {
    let found = type_name(found);
    codes::INVALID_BODY
        .with_message(format!("Payload validation error: 'Expected type {expected} but found type {found}'."))
}

/// The JSON Schema name of a value's type.
pub fn type_name(value: &RawValue) -> &'static str {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        // By its text: `jsonb` keeps 1.0, which does not parse as an integer.
        _ if text != "-0" && !text.contains(['.', 'e', 'E']) => "integer",
        _ => "number",
    }
}

/// The maximum depth of a document.
pub const MAX_LEVELS: usize = 128;

/// Rejects text that JSON parsers and `jsonb` interpret differently.
fn strict(text: &str) -> Result<&RawValue, Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Strict.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|e| {
        let message = e.to_string();
        if e.is_data() {
            let reason = message.split(" at line ").next().unwrap_or_default();
            codes::INVALID_BODY.with_message(format!("Payload validation error: '{reason}'."))
        } else if message.starts_with("recursion limit") {
            codes::INVALID_BODY
                .with_message(format!("Payload validation error: 'Nested deeper than {MAX_LEVELS} levels'."))
        } else if message.starts_with("number out of range") {
            codes::INVALID_BODY.with_message("Payload validation error: 'Number out of range'.")
        } else {
            codes::INVALID_JSON.into()
        }
    })?;
    if let Some(number) = numbers(text).find(|n| !is_in_range(n)) {
        let shown: String = number.chars().take(40).collect();
        return Err(codes::INVALID_BODY
            .with_message(format!("Payload validation error: 'Number out of range: {shown}'.")));
    }
    serde_json::from_str(text).map_err(|_| codes::INVALID_JSON.into())
}

/// Visits a value to find U+0000 and duplicate keys.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn without_nul<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("Strings must not contain the character U+0000")) } else { Ok(()) }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        without_nul(text)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Strict)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            without_nul(&key)?;
            map.next_value_seed(Strict)?;
            if let Some(duplicate) = seen.replace(key) {
                return Err(A::Error::custom(format!("Duplicate property: {duplicate}")));
            }
        }
        Ok(())
    }
}

/// The number tokens of valid JSON.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            match bytes[at] {
                b'"' => {
                    at += 1;
                    while at < bytes.len() && bytes[at] != b'"' {
                        at += if bytes[at] == b'\\' { 2 } else { 1 };
                    }
                    at += 1;
                }
                b'-' | b'0'..=b'9' => {
                    let start = at;
                    while at < bytes.len()
                        && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                    {
                        at += 1;
                    }
                    return Some(&text[start..at]);
                }
                _ => at += 1,
            }
        }
        None
    })
}

fn is_in_range(number: &str) -> bool {
    let exponent = number.split_once(['e', 'E']).map_or(Ok(0), |(_, e)| e.parse::<i32>());
    number.len() <= MAX_NUMBER_LENGTH && exponent.is_ok_and(|e| e.abs() <= MAX_EXPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_message(body: &str) -> String {
        Object::read(body.as_bytes()).expect_err(body).message.into_owned()
    }

    #[test]
    fn read_rejects_what_jsonb_cannot_store() {
        for (body, reason) in [
            (r#"{"a":"x\u0000"}"#, "U+0000"),
            (r#"{"a\u0000":1}"#, "U+0000"),
            (r#"{"a":{"b":1,"b":2}}"#, "Duplicate property: b"),
            (r#"{"a":1e400}"#, "Number out of range"),
            (r#"{"a":1e-100000}"#, "Number out of range"),
            (r#"{"a":"\ud800"}"#, "JSON format"),
            (r#"{"a":1"#, "JSON format"),
            ("[1]", "Expected type object but found type array"),
            ("", "JSON format"),
        ] {
            assert!(error_message(body).contains(reason), "{body}: {}", error_message(body));
        }
        assert!(
            error_message(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).contains("128 levels")
        );
        assert!(
            error_message(&format!(r#"{{"a":0.{}}}"#, "1".repeat(20_000))).contains("Number out of range")
        );
    }

    #[test]
    fn members_keep_their_order_and_digits() {
        let body = br#"{"b": 12345678901234567890.123456789 , "a":{"x":[1e2]}}"#;
        let object = Object::read(body).unwrap();
        let seen: Vec<_> = object.members().map(|(k, v)| (k.to_owned(), v.get())).collect();
        assert_eq!(seen, [("b".into(), "12345678901234567890.123456789"), ("a".into(), r#"{"x":[1e2]}"#)]);
    }
}
