//! `user_metadata`, `app_metadata`, `client_metadata`: the rules of their content, and the form of a change.
//!
//! PostgreSQL merges a change (`merge_metadata`, see `migrations/`), which is the JSON text of the request.
//! Rules: <https://auth0.com/docs/manage-users/user-accounts/metadata/metadata-fields-data>.
//!
//! Deviations and decisions, where Auth0's documentation is silent:
//! - `null` below the root is data and is stored; `null` at the root of a new user's metadata is dropped.
//! - `"user_metadata": null` in a PATCH clears the field, as `{}` does.
//! - A name with `.` or `$`, at any level, is rejected, as is a reserved root name of `app_metadata`.

use serde_json::value::RawValue;

use crate::base::error::{Error, codes};
use crate::base::json::{Object, type_name};
use crate::base::patch::Patch;
use crate::base::schema::Violation;

/// The root names of `app_metadata` that Auth0 reserves.
const RESERVED: [&str; 18] = [
    "__tenant",
    "_id",
    "blocked",
    "clientID",
    "created_at",
    "email_verified",
    "email",
    "globalClientID",
    "global_client_id",
    "identities",
    "lastIP",
    "lastLogin",
    "loginsCount",
    "metadata",
    "multifactor_last_modified",
    "multifactor",
    "updated_at",
    "user_id",
];

/// The maximum length of a name and of a value in text metadata, in characters.
const MAX_TEXT_LENGTH: usize = 255;

/// A change of a metadata field: the JSON text that `merge_metadata` merges; `None` for no change.
pub type MetadataPatch = Option<String>;

/// The change of a metadata field in a PATCH body.
pub fn patch(body: &Object<'_>, field: &str) -> MetadataPatch {
    match body.raw(field) {
        Patch::Absent => None,
        Patch::Null => Some("{}".to_owned()),
        Patch::Set(value) => Some(value.get().to_owned()),
    }
}

/// The violations of the rules of names in a metadata field.
pub fn violations(body: &Object<'_>, field: &'static str) -> Vec<Violation> {
    let mut violations = Vec::new();
    if let Some(object) = body.get(field).and_then(Object::of) {
        if field == "app_metadata" {
            let reserved = object.members().filter(|(name, _)| RESERVED.contains(name));
            violations.extend(reserved.map(|(name, _)| {
                Violation::of(format!("{field}.{name}"), "", format!("Property name is reserved: {name}"))
            }));
        }
        check_names(field, &object, &mut violations);
    }
    violations
}

/// The violations of the rules of text metadata (clients, organizations): the lengths of names and values,
/// and the characters of names. A null removes a value.
pub fn text_violations(
    body: &Object<'_>,
    field: &'static str,
    about: &'static str,
    is_name_character: fn(char) -> bool,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, value) in body.get(field).and_then(Object::of).iter().flat_map(Object::members) {
        let path = format!("{field}.{name}");
        let mut violation = |reason: String| violations.push(Violation::of(&path, about, reason));
        if name.chars().count() > MAX_TEXT_LENGTH {
            violation(format!("Property name is too long, maximum {MAX_TEXT_LENGTH}"));
        } else if !name.chars().all(is_name_character) {
            violation("Property name has characters that are not allowed".into());
        }
        match serde_json::from_str::<Option<String>>(value.get()) {
            Err(_) => violation(format!("Expected type string but found type {}", type_name(value))),
            Ok(text) => {
                let length = text.unwrap_or_default().chars().count();
                if length > MAX_TEXT_LENGTH {
                    violation(format!("String is too long ({length} chars), maximum {MAX_TEXT_LENGTH}"));
                }
            }
        }
    }
    violations
}

/// The error for a field that would be larger than the tenant's limit, in bytes of JSON.
pub fn too_large(field: &str, limit: i64) -> Error {
    codes::INVALID_BODY.with_message(format!(
        "Payload validation error: 'Too large, maximum {limit} bytes' on property {field}."
    ))
}

/// Collects the violations of names below a path.
fn check_names(path: &str, object: &Object<'_>, violations: &mut Vec<Violation>) {
    for (name, value) in object.members() {
        let path = format!("{path}.{name}");
        if name.contains(['.', '$']) {
            violations.push(Violation::of(
                &path,
                "",
                format!("Property names must not contain . or $: {name}"),
            ));
        }
        check_value(&path, value, violations);
    }
}

fn check_value(path: &str, value: &RawValue, violations: &mut Vec<Violation>) {
    if let Some(object) = Object::of(value) {
        check_names(path, &object, violations);
    } else if value.get().starts_with('[') && value.get().contains('{') {
        let elements: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
        for (n, element) in elements.into_iter().enumerate() {
            check_value(&format!("{path}.{n}"), element, violations);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_at_every_level() {
        let body = br#"{"app_metadata":{"a":[{"b.c":1}],"email":"x","$d":{"fine":null}}}"#;
        let violations = violations(&Object::read(body).unwrap(), "app_metadata");
        assert_eq!(violations.len(), 3, "{violations:?}");
    }
}
