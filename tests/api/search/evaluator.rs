//! An independent implementation of the rules in `roster::search`, on users as the API returns them. Numbers
//! are compared as `f64`, so tests use none that need more precision.

use roster::search::{Bound, Expr, Leaf, Pattern, Piece, Test, Value as Operand};
use serde_json::Value;
use time::{Date, Month, OffsetDateTime, format_description::well_known::Rfc3339};

/// Whether the query is rejected because a test does not fit its field.
pub(super) fn rejects(expr: &Expr) -> bool {
    match expr {
        Expr::All => false,
        Expr::And(operands) | Expr::Or(operands) => operands.iter().any(rejects),
        Expr::Not(operand) => rejects(operand),
        Expr::Leaf(leaf) => misfits(leaf),
    }
}

/// Whether the user matches a query that is not rejected.
pub(super) fn matches(user: &Value, expr: &Expr) -> bool {
    match expr {
        Expr::All => true,
        Expr::And(operands) => operands.iter().all(|operand| matches(user, operand)),
        Expr::Or(operands) => operands.iter().any(|operand| matches(user, operand)),
        Expr::Not(operand) => !matches(user, operand),
        Expr::Leaf(Leaf { field: None, test, .. }) => {
            DEFAULT_FIELDS.iter().any(|field| passes_any(user, &[field], test))
        }
        Expr::Leaf(Leaf { field: Some(path), test, .. }) => {
            passes_any(user, &path.iter().map(String::as_str).collect::<Vec<_>>(), test)
        }
    }
}

/// The fields that a word without a field searches.
const DEFAULT_FIELDS: [&str; 8] =
    ["email", "name", "given_name", "family_name", "nickname", "username", "phone_number", "user_id"];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Folded,
    Text,
    Boolean,
    Number,
    Date,
    Metadata,
    /// Existence only.
    Identities,
    /// An unknown field.
    Unknown,
}

fn kind(path: &[&str]) -> Kind {
    match path {
        ["email" | "name" | "given_name" | "family_name" | "nickname"] => Kind::Folded,
        ["user_id" | "username" | "phone_number" | "last_ip" | "organization_id"]
        | ["email", "domain"]
        | ["identities", "connection" | "provider" | "user_id"] => Kind::Text,
        ["email_verified" | "phone_verified" | "blocked"] | ["identities", "isSocial"] => Kind::Boolean,
        ["logins_count"] => Kind::Number,
        ["created_at" | "updated_at" | "last_login"] => Kind::Date,
        ["user_metadata" | "app_metadata", ..] => Kind::Metadata,
        ["identities"] => Kind::Identities,
        _ => Kind::Unknown,
    }
}

fn misfits(leaf: &Leaf) -> bool {
    let path: Option<Vec<&str>> = leaf.field.as_ref().map(|path| path.iter().map(String::as_str).collect());
    let kind = path.map_or(Kind::Text, |path| kind(&path));
    let texts: Vec<&str> = match &leaf.test {
        Test::Exists => return false,
        Test::Phrase(text) => vec![text],
        Test::Word(Pattern(pieces)) => match pieces.as_slice() {
            [Piece::Text(text)] => vec![text],
            [Piece::Text(_), ..] => return matches!(kind, Kind::Boolean | Kind::Number | Kind::Date),
            _ => {
                let long = |piece: &Piece| matches!(piece, Piece::Text(text) if text.chars().count() >= 3);
                return !pieces.iter().any(long) || matches!(kind, Kind::Boolean | Kind::Number | Kind::Date);
            }
        },
        Test::Range { .. } if kind == Kind::Boolean => return true,
        Test::Range { low, high } => {
            [low, high].into_iter().filter_map(bound_value).map(|v| &*v.text).collect()
        }
    };
    match kind {
        Kind::Boolean => texts.iter().any(|text| !matches!(*text, "true" | "false")),
        Kind::Number => texts.iter().any(|text| number(text).is_none()),
        Kind::Date => texts.iter().any(|text| interval(text).is_none()),
        _ => false,
    }
}

fn bound_value(bound: &Bound) -> Option<&Operand> {
    match bound {
        Bound::Open => None,
        Bound::Inclusive(value) | Bound::Exclusive(value) => Some(value),
    }
}

fn passes_any(user: &Value, path: &[&str], test: &Test) -> bool {
    let kind = kind(path);
    if kind == Kind::Unknown {
        return false;
    }
    let domain;
    let mut found = Vec::new();
    if path == ["email", "domain"] {
        domain = user["email"].as_str().and_then(|email| email.rsplit_once('@')).map(|(_, d)| Value::from(d));
        found.extend(&domain);
    } else {
        walk(user, path, &mut found);
    }
    if *test == Test::Exists {
        return found.into_iter().any(has_value);
    }
    found.into_iter().any(|value| passes(value, kind, test))
}

/// The values at a path. Arrays on the path and at its end are flattened.
fn walk<'a>(value: &'a Value, path: &[&str], found: &mut Vec<&'a Value>) {
    match (value, path) {
        (Value::Array(items), _) => items.iter().for_each(|item| walk(item, path, found)),
        (_, []) => found.push(value),
        (Value::Object(members), [name, rest @ ..]) => {
            members.get(*name).into_iter().for_each(|member| walk(member, rest, found));
        }
        _ => {}
    }
}

fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().any(has_value),
        Value::Object(members) => members.values().any(has_value),
        _ => true,
    }
}

/// Whether one value passes a test.
fn passes(value: &Value, kind: Kind, test: &Test) -> bool {
    let folded = |text: &str| if kind == Kind::Folded { text.to_lowercase() } else { text.to_owned() };
    match test {
        Test::Exists => true,
        Test::Phrase(text) => equals(value, kind, text),
        Test::Word(Pattern(pieces)) => match (pieces.as_slice(), value) {
            ([Piece::Text(text)], _) => equals(value, kind, text),
            (pieces, Value::String(value)) => {
                let pieces: Vec<Piece> = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Text(text) => Piece::Text(folded(text)),
                        wildcard => wildcard.clone(),
                    })
                    .collect();
                is_like(&folded(value), &pieces)
            }
            _ => false,
        },
        Test::Range { low, high } => match (kind, value) {
            (Kind::Folded | Kind::Text, Value::String(value)) => {
                within(&folded(value), low, high, |text| Some(folded(text)))
            }
            (Kind::Number, Value::Number(value)) => within(&value.as_f64().unwrap(), low, high, number),
            (Kind::Date, Value::String(value)) => {
                let at = instant(value);
                let start = |value: &Operand| interval(&value.text).unwrap().0;
                let end = |value: &Operand| interval(&value.text).unwrap().1;
                let above = match low {
                    Bound::Open => true,
                    Bound::Inclusive(low) => at >= start(low),
                    Bound::Exclusive(low) => at >= end(low),
                };
                let below = match high {
                    Bound::Open => true,
                    Bound::Inclusive(high) => at < end(high),
                    Bound::Exclusive(high) => at < start(high),
                };
                above && below
            }
            (Kind::Metadata, value) => {
                let numeric = |value: &Operand| !value.quoted && number(&value.text).is_some();
                let numeric = [low, high].into_iter().filter_map(bound_value).all(numeric);
                match value {
                    Value::Number(value) if numeric => within(&value.as_f64().unwrap(), low, high, number),
                    Value::String(value) if !numeric => {
                        within(value, low, high, |text| Some(text.to_owned()))
                    }
                    _ => false,
                }
            }
            _ => false,
        },
    }
}

fn equals(value: &Value, kind: Kind, text: &str) -> bool {
    match (kind, value) {
        (Kind::Folded, Value::String(value)) => value.to_lowercase() == text.to_lowercase(),
        (Kind::Text | Kind::Metadata, Value::String(value)) => value == text,
        (Kind::Boolean | Kind::Metadata, Value::Bool(value)) => text == if *value { "true" } else { "false" },
        (Kind::Number | Kind::Metadata, Value::Number(value)) => value.as_f64() == number(text),
        (Kind::Date, Value::String(value)) => {
            interval(text).is_some_and(|(start, end)| (start..end).contains(&instant(value)))
        }
        _ => false,
    }
}

fn within<T: PartialOrd>(value: &T, low: &Bound, high: &Bound, read: impl Fn(&str) -> Option<T>) -> bool {
    let read = |bound: &Operand| read(&bound.text).unwrap();
    let above = match low {
        Bound::Open => true,
        Bound::Inclusive(low) => *value >= read(low),
        Bound::Exclusive(low) => *value > read(low),
    };
    let below = match high {
        Bound::Open => true,
        Bound::Inclusive(high) => *value <= read(high),
        Bound::Exclusive(high) => *value < read(high),
    };
    above && below
}

fn is_like(text: &str, pieces: &[Piece]) -> bool {
    match pieces {
        [] => text.is_empty(),
        [Piece::Text(literal), rest @ ..] => {
            text.strip_prefix(&**literal).is_some_and(|text| is_like(text, rest))
        }
        [Piece::AnyOne, rest @ ..] => {
            let mut chars = text.chars();
            chars.next().is_some() && is_like(chars.as_str(), rest)
        }
        [Piece::AnyRun, rest @ ..] => {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| is_like(&text[at..], rest))
        }
    }
}

/// A JSON number.
fn number(text: &str) -> Option<f64> {
    let exponent = text.split_once(['e', 'E']).map_or("", |(_, exponent)| exponent);
    if text.len() > 100 || exponent.trim_start_matches(['+', '-']).len() > 3 {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) if !text.contains(char::is_whitespace) => number.as_f64(),
        _ => None,
    }
}

/// The time of a document, in milliseconds since 1970.
fn instant(text: &str) -> i128 {
    OffsetDateTime::parse(text, &Rfc3339).unwrap().unix_timestamp_nanos() / 1_000_000
}

/// The interval that a date denotes, in milliseconds since 1970; the end is exclusive.
fn interval(text: &str) -> Option<(i128, i128)> {
    const DAY: i128 = 86_400_000;
    let digits = |text: &str, count: usize| -> Option<i128> {
        (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    };
    let days = |year: i128, month: i128, day: i128| -> Option<i128> {
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date =
            Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
        Some(i128::from(date.to_julian_day()) - 2_440_588)
    };
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let parts: Vec<&str> = date.split('-').collect();
    let year = digits(parts.first()?, 4).filter(|year| *year > 0)?;
    let month = parts.get(1).map_or(Some(1), |month| digits(month, 2))?;
    let day = parts.get(2).map_or(Some(1), |day| digits(day, 2))?;
    let start = days(year, month, day)? * DAY;
    let Some(time) = time else {
        let new_year = days(year, 12, 31)? + 1;
        let end = match parts.len() {
            1 => new_year,
            2 if month == 12 => new_year,
            2 => days(year, month + 1, 1)?,
            3 => start / DAY + 1,
            _ => return None,
        };
        return Some((start, end * DAY));
    };
    if parts.len() != 3 {
        return None;
    }
    let (clock, east) = match time.find(['Z', '+', '-']) {
        None => (time, 0),
        Some(at) if &time[at..] == "Z" => (&time[..at], 0),
        Some(at) => {
            let (hours, minutes) = time[at + 1..].split_once(':')?;
            let offset =
                digits(hours, 2).filter(|h| *h < 24)? * 60 + digits(minutes, 2).filter(|m| *m < 60)?;
            (&time[..at], if time[at..].starts_with('-') { -offset } else { offset })
        }
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let hours = digits(parts.first()?, 2).filter(|h| *h < 24)?;
    let minutes = digits(parts.get(1)?, 2).filter(|m| *m < 60)?;
    let mut start = start + (hours * 60 + minutes - east) * 60_000;
    match parts.as_slice() {
        [_, _] => Some((start, start + 60_000)),
        [_, _, seconds] => {
            let (seconds, fraction) = seconds.split_once('.').map_or((*seconds, None), |(s, f)| (s, Some(f)));
            start += digits(seconds, 2).filter(|s| *s < 60)? * 1000;
            let Some(fraction) = fraction else { return Some((start, start + 1000)) };
            digits(fraction, fraction.len()).filter(|_| (1..=9).contains(&fraction.len()))?;
            let known = &fraction[..fraction.len().min(3)];
            let unit = [1, 100, 10, 1][known.len()];
            start += known.parse::<i128>().ok()? * unit;
            Some((start, start + unit))
        }
        _ => None,
    }
}
