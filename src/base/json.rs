//! Reading JSON that came from outside, strictly and without losing a digit.
//!
//! A body is kept as its members' own text ([`Object`]), because documents travel to Postgres and back as text.
//! Before that, [`Object::read`] refuses what PostgreSQL's `jsonb` cannot hold or two readers could understand
//! differently: U+0000, lone surrogates, a key that occurs twice in one object, numbers beyond a double's range,
//! more than 128 levels (RFC 8259 leaves all of these to the implementation).

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::error::{Error, codes};
use crate::base::patch::Patch;

/// The longest number that is taken, in characters. Longer ones carry no information a client could use.
const NUMBER_LENGTH: usize = 400;
/// The largest power of ten, either way: what a double holds.
const EXPONENT: i32 = 400;

/// A request that is read from the JSON object of a body, every violation reported at once.
pub trait FromBody: Sized {
    /// Reads it; 400 with the violations.
    fn from_body(body: &Object<'_>) -> Result<Self, Error>;
}

/// A JSON object as it was written: members in order, values as text.
#[derive(Debug, Default)]
pub struct Object<'a> {
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Reads a request body. Errors are 400s in the words of the API.
    pub fn read(body: &'a [u8]) -> Result<Self, Error> {
        let root = root(body)?;
        Self::of(root).ok_or_else(|| unexpected("object", root))
    }

    /// The members of a value that has been read already; `None` if it is not an object.
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

    /// The members in the order they were written.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(key, value)| (key.as_str(), *value))
    }

    /// The same with a member under another name.
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        for (name, _) in self.members.iter_mut().filter(|(name, _)| name == from) {
            to.clone_into(name);
        }
        self
    }

    /// Is there no member at all?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A member's text.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.members.iter().find(|(k, _)| k == key).map(|(_, v)| *v)
    }

    /// A member as a PATCH field holding JSON text.
    pub fn raw(&self, key: &str) -> Patch<&'a RawValue> {
        match self.get(key) {
            None => Patch::Absent,
            Some(value) if value.get() == "null" => Patch::Null,
            Some(value) => Patch::Set(value),
        }
    }

    /// A member of a type that the schema has checked already; anything else reads as absent.
    pub fn field<T: Deserialize<'a>>(&self, key: &str) -> Patch<T> {
        match self.raw(key) {
            Patch::Set(value) => serde_json::from_str(value.get()).map_or(Patch::Absent, Patch::Set),
            Patch::Null => Patch::Null,
            Patch::Absent => Patch::Absent,
        }
    }

    /// The members with a value, and the names of those that are null; without the ones that are read apart.
    pub fn set_and_unset(&self, apart: &[&str]) -> (Map<String, Value>, Vec<String>) {
        let (mut set, mut unset) = (Map::new(), Vec::new());
        for (name, _) in self.members().filter(|(name, _)| !apart.contains(name)) {
            match self.field(name) {
                Patch::Set(value) => drop(set.insert(name.to_owned(), value)),
                Patch::Null | Patch::Absent => unset.push(name.to_owned()),
            }
        }
        (set, unset)
    }

    /// The same for a member that cannot be null.
    pub fn value<T: Deserialize<'a>>(&self, key: &str) -> Option<T> {
        match self.field(key) {
            Patch::Set(value) => Some(value),
            Patch::Null | Patch::Absent => None,
        }
    }
}

/// Reads a request body that is a list: the text of each element.
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
        .because(format!("Payload validation error: 'Expected type {expected} but found type {found}'."))
}

/// The JSON type of a value in the words of JSON Schema.
pub fn type_name(value: &RawValue) -> &'static str {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        // As it is written: what is kept as 1.0 would not be read as an integer again.
        _ if text != "-0" && !text.contains(['.', 'e', 'E']) => "integer",
        _ => "number",
    }
}

/// So many levels a document has at most.
pub const LEVELS: usize = 128;

/// Text that every JSON reader and `jsonb` understand the same way.
fn strict(text: &str) -> Result<&RawValue, Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    Strict.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|e| {
        let said = e.to_string();
        if e.is_data() {
            let reason = said.split(" at line ").next().unwrap_or_default();
            codes::INVALID_BODY.because(format!("Payload validation error: '{reason}'."))
        } else if said.starts_with("recursion limit") {
            codes::INVALID_BODY
                .because(format!("Payload validation error: 'Nested deeper than {LEVELS} levels'."))
        } else if said.starts_with("number out of range") {
            codes::INVALID_BODY.because("Payload validation error: 'Number out of range'.")
        } else {
            codes::INVALID_JSON.into()
        }
    })?;
    if let Some(number) = numbers(text).find(|n| !fits(n)) {
        let shown: String = number.chars().take(40).collect();
        return Err(
            codes::INVALID_BODY.because(format!("Payload validation error: 'Number out of range: {shown}'."))
        );
    }
    serde_json::from_str(text).map_err(|_| codes::INVALID_JSON.into())
}

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
            if let Some(twice) = seen.replace(key) {
                return Err(A::Error::custom(format!("Duplicate property: {twice}")));
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

fn fits(number: &str) -> bool {
    let exponent = number.split_once(['e', 'E']).map_or(Ok(0), |(_, e)| e.parse::<i32>());
    number.len() <= NUMBER_LENGTH && exponent.is_ok_and(|e| e.abs() <= EXPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        Object::read(body.as_bytes()).expect_err(body).message.into_owned()
    }

    #[test]
    fn what_postgres_cannot_hold_is_refused_by_name() {
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
            assert!(refusal(body).contains(reason), "{body}: {}", refusal(body));
        }
        assert!(refusal(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).contains("128 levels"));
        assert!(refusal(&format!(r#"{{"a":0.{}}}"#, "1".repeat(20_000))).contains("Number out of range"));
    }

    #[test]
    fn members_keep_their_order_and_their_digits() {
        let body = br#"{"b": 12345678901234567890.123456789 , "a":{"x":[1e2]}}"#;
        let object = Object::read(body).unwrap();
        let seen: Vec<_> = object.members().map(|(k, v)| (k.to_owned(), v.get())).collect();
        assert_eq!(seen, [("b".into(), "12345678901234567890.123456789"), ("a".into(), r#"{"x":[1e2]}"#)]);
    }
}
