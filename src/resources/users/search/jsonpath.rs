//! The JSON path expressions of metadata searches.

use std::fmt::Write as _;

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, Postgres};
use sqlx::types::Type;

use crate::search::ast::{Bound, Pattern, Piece};
use crate::search::plan::{Comparison, Path, bound_value};
use crate::search::value::is_number;

/// Opens arrays that are directly inside arrays: three levels, beside the one that lax mode opens at each
/// step.
pub(super) const OPEN_NESTED_ARRAYS: &str = "[*][*][*]";

/// The path of a predicate's values, with a filter. With a tenant, in the document that `searchable()` builds
/// for the index on metadata.
pub(super) fn filtered(tenant: Option<&str>, path: &Path, filter: &str) -> String {
    let mut text = String::from("$");
    if let Some(tenant) = tenant {
        push_key(&mut text, tenant);
    }
    push_keys(&mut text, &path.keys);
    text + "[*][*] ? (" + filter + ")"
}

/// The path of all scalars at or below a predicate's path.
pub(super) fn scalars(path: &Path) -> String {
    let mut text = String::from("$");
    push_keys(&mut text, &path.keys);
    text + ".** ? (@.type() == \"string\" || @.type() == \"number\" || @.type() == \"boolean\")"
}

/// The path of the values below object keys.
pub(super) fn values(keys: &[String]) -> String {
    let mut text = String::from("$");
    push_keys(&mut text, keys);
    text + "[*][*]"
}

fn push_keys(text: &mut String, keys: &[String]) {
    for (n, key) in keys.iter().enumerate() {
        *text += if n == 0 { "" } else { OPEN_NESTED_ARRAYS };
        push_key(text, key);
    }
}

fn push_key(text: &mut String, key: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, ".{}", string_literal(key));
}

fn string_literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The filter for a scalar of any type.
pub(super) fn scalar_filter(comparison: &Comparison) -> String {
    match comparison {
        Comparison::OneOf(texts) => {
            let mut filters = Vec::new();
            for text in texts {
                filters.push(format!("@ == {}", string_literal(text)));
                if is_number(text) || text == "true" || text == "false" {
                    filters.push(format!("@ == {text}"));
                }
            }
            filters.join(" || ")
        }
        Comparison::Like(pattern) => match pattern.0.as_slice() {
            [Piece::Text(prefix), Piece::AnyRun] => format!("@ starts with {}", string_literal(prefix)),
            _ => format!("@ like_regex {} flag \"s\"", string_literal(&regex(pattern))),
        },
        Comparison::Between(low, high) => {
            let numeric = is_numeric(low, high);
            range_filter(low, high, |text| if numeric { text.to_owned() } else { string_literal(text) })
        }
    }
}

/// The filter for a number.
pub(super) fn number_filter(comparison: &Comparison) -> String {
    match comparison {
        Comparison::OneOf(texts) => {
            texts.iter().map(|text| format!("@ == {text}")).collect::<Vec<_>>().join(" || ")
        }
        Comparison::Between(low, high) => range_filter(low, high, str::to_owned),
        // A plan has no pattern of a number.
        Comparison::Like(_) => String::from("false == true"),
    }
}

fn range_filter(low: &Bound, high: &Bound, literal: impl Fn(&str) -> String) -> String {
    let bounds = [(">", low), ("<", high)].into_iter().filter_map(|(operator, bound)| {
        let or_equal = if matches!(bound, Bound::Inclusive(_)) { "=" } else { "" };
        Some(format!("@ {operator}{or_equal} {}", literal(&bound_value(bound)?.text)))
    });
    bounds.collect::<Vec<_>>().join(" && ")
}

/// Whether a range in metadata is one of numbers.
pub(super) fn is_numeric(low: &Bound, high: &Bound) -> bool {
    [low, high].into_iter().filter_map(bound_value).all(|value| !value.quoted && is_number(&value.text))
}

/// A pattern as a regular expression.
fn regex(pattern: &Pattern) -> String {
    format!("^{}$", translate(pattern, ".*", ".", |c| c.is_ascii_punctuation()))
}

/// Writes a pattern in another syntax, with special characters escaped by `\`.
pub(super) fn translate(
    pattern: &Pattern,
    any_run: &str,
    any_one: &str,
    is_special: fn(char) -> bool,
) -> String {
    let mut text = String::new();
    for piece in &pattern.0 {
        match piece {
            Piece::AnyRun => text += any_run,
            Piece::AnyOne => text += any_one,
            Piece::Text(literal) => {
                for c in literal.chars() {
                    if is_special(c) {
                        text.push('\\');
                    }
                    text.push(c);
                }
            }
        }
    }
    text
}

/// A parameter of type `jsonpath`, for which sqlx has no type.
pub(super) struct JsonPath<'a>(pub &'a str);

impl Type<Postgres> for JsonPath<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(4072))
    }
}

impl Encode<'_, Postgres> for JsonPath<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // The binary format: a version byte, then the text.
        buffer.push(1);
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}
