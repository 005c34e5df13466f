//! Typed reading of a [`Layer`], key by key. A mistake does not end the reading, so that one run finds all of
//! them.
//!
//! The conversions of `config` do not fit: they accept `1.5` and `true` as integers and `1` and `"on"` as
//! booleans, and its deserializer ends at the first error.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use config::{Value, ValueKind};
use secrecy::SecretString;

use super::layer::{Layer, VARIABLE_PREFIX, is_untyped, origin};
use super::mistake::Mistake;

/// Builds a value from a layer. `build` replaces missing and wrong values with empty ones: without mistakes
/// the result is valid, with mistakes it serves further checks only.
pub(crate) fn read<'a, T>(layer: &'a Layer, build: impl FnOnce(&mut Section<'a>) -> T) -> (T, Vec<Mistake>) {
    let mut root = Section::new(String::new(), Some(&layer.root));
    let built = build(&mut root);
    root.reject_unknown();
    root.mistakes.extend(layer.duplicates.iter().cloned());
    (built, root.mistakes)
}

/// One table of the configuration. A key is known once it has been read; all others are rejected at the end.
pub(crate) struct Section<'a> {
    path: String,
    table: Option<&'a Value>,
    known: Vec<&'a str>,
    mistakes: Vec<Mistake>,
}

impl<'a> Section<'a> {
    fn new(path: String, table: Option<&'a Value>) -> Self {
        Section { path, table, known: Vec::new(), mistakes: Vec::new() }
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        match &self.table?.kind {
            ValueKind::Table(table) => table.get(key),
            _ => None,
        }
    }

    /// The keys that are set, those of inner tables with their path: `limits.metadata_bytes`.
    pub(crate) fn named(&self) -> BTreeSet<String> {
        fn collect(value: &Value, path: &str, named: &mut BTreeSet<String>) {
            match &value.kind {
                ValueKind::Table(table) => {
                    for (key, value) in table {
                        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                        collect(value, &path, named);
                    }
                }
                _ => drop(named.insert(path.to_owned())),
            }
        }
        let mut named = BTreeSet::new();
        self.table.into_iter().for_each(|table| collect(table, "", &mut named));
        named
    }

    /// Reports a key whose value conflicts with other keys.
    pub(crate) fn report(&mut self, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        if let Some(value) = self.get(key).or(self.table) {
            self.mistakes.push(Mistake::at(value, self.key(key), found, expected));
        }
    }

    /// Whether a key has a value, valid or not.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Reports the keys that are missing.
    pub(crate) fn need(&mut self, keys: &[&str]) {
        for key in keys {
            if !self.has(key) {
                self.report(key, "nothing", "this key to be set");
            }
        }
    }

    fn scalar<T>(
        &mut self,
        key: &'a str,
        expected: &str,
        shown: fn(&Value) -> String,
        parse: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.get(key)?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.mistakes.push(Mistake::at(value, self.key(key), shown(value), expected));
        }
        parsed
    }

    /// A text that is valid.
    pub(crate) fn text(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl FnOnce(&str) -> bool,
    ) -> Option<String> {
        self.parsed(key, expected, |text| valid(text).then(|| text.to_owned()))
    }

    /// A text that `parse` accepts.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'a str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.scalar(key, expected, shown, |value| parse(text(value)?))
    }

    /// `false`, or a text that `parse` accepts.
    pub(crate) fn parsed_or_false<T>(
        &mut self,
        key: &'a str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let parse = |value| match boolean(value) {
            Some(false) => Some(None),
            _ => parse(text(value)?).map(Some),
        };
        self.scalar(key, expected, shown, parse).flatten()
    }

    /// A text that is valid and that no mistake shows.
    pub(crate) fn secret(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl FnOnce(&str) -> bool,
    ) -> Option<SecretString> {
        let parse = |value| text(value).filter(|text| valid(text)).map(SecretString::from);
        self.scalar(key, expected, hidden, parse)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &'a str) -> Option<bool> {
        self.scalar(key, "true or false", shown, boolean)
    }

    /// An integer in a range.
    pub(crate) fn integer<T: TryFrom<i64>>(&mut self, key: &'a str, range: RangeInclusive<i64>) -> Option<T> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.scalar(key, &expected, shown, |value| {
            integer(value).filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok())
        })
    }

    /// One of the names, as the value beside it.
    pub(crate) fn one_of<T: Copy>(&mut self, key: &'a str, names: &[(&str, T)]) -> Option<T> {
        let expected = match names {
            [(only, _)] => (*only).to_owned(),
            _ => format!("one of {}", names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
        };
        self.parsed(key, &expected, |text| {
            names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
        })
    }

    /// Whether the value is `"*"` or `["*"]`.
    pub(crate) fn is_star(&mut self, key: &'a str) -> bool {
        self.known.push(key);
        let is_star = |value: &Value| text(value) == Some("*");
        self.get(key).is_some_and(|value| match &value.kind {
            ValueKind::Array(items) => matches!(&items[..], [only] if is_star(only)),
            _ => is_star(value),
        })
    }

    /// A list of valid texts. None if an item is not valid.
    pub(crate) fn list(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        self.texts(key, expected, shown, valid)
    }

    /// A list of valid texts that no mistake shows.
    pub(crate) fn secrets(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl Fn(&str) -> bool,
    ) -> Vec<SecretString> {
        let texts = self.texts(key, expected, hidden, valid).unwrap_or_default();
        texts.into_iter().map(SecretString::from).collect()
    }

    fn texts(
        &mut self,
        key: &'a str,
        expected: &str,
        shown: fn(&Value) -> String,
        valid: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        self.known.push(key);
        let value = self.get(key)?;
        let items: Vec<(&Value, Option<&str>)> = match &value.kind {
            ValueKind::Array(items) => items.iter().map(|item| (item, text(item))).collect(),
            // The items of a variable are separated by commas.
            ValueKind::String(words) if is_untyped(value) => {
                words.split(',').map(|word| (value, Some(word.trim()))).collect()
            }
            _ => {
                let expected = format!("a list, each item {expected}");
                self.mistakes.push(Mistake::at(value, self.key(key), shown(value), expected));
                return None;
            }
        };
        let mut texts = Vec::new();
        for (index, (item, text)) in items.iter().enumerate() {
            if let Some(text) = text.filter(|text| valid(text)) {
                texts.push(text.to_owned());
            } else {
                let key = format!("{}[{index}]", self.key(key));
                self.mistakes.push(Mistake::at(item, key, shown(item), expected));
            }
        }
        (texts.len() == items.len()).then_some(texts)
    }

    /// A table of texts with arbitrary keys.
    pub(crate) fn map(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, String> {
        self.table(key, |map| {
            let keys = map.table.into_iter().flat_map(entries).map(|(key, _)| key);
            keys.filter_map(|key| Some((key.to_owned(), map.text(key, expected, &valid)?))).collect()
        })
    }

    /// The table at a key. An absent table has no keys.
    pub(crate) fn table<T>(&mut self, key: &'a str, build: impl FnOnce(&mut Section<'a>) -> T) -> T {
        self.known.push(key);
        self.enter(self.key(key), self.get(key), build)
    }

    /// The tables of a list, such as `[[connections]]`.
    pub(crate) fn tables<T>(&mut self, key: &'a str, build: impl Fn(&mut Section<'a>) -> T) -> Vec<T> {
        let expected = "a list of tables, each headed by its name in double brackets";
        let items = self.scalar(key, expected, shown, |value| match &value.kind {
            ValueKind::Array(items) => Some(items),
            _ => None,
        });
        let path = self.key(key);
        let enter = |(index, item)| self.enter(format!("{path}[{index}]"), Some(item), &build);
        items.into_iter().flatten().enumerate().map(enter).collect()
    }

    fn enter<T>(
        &mut self,
        path: String,
        value: Option<&'a Value>,
        build: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        let table = value.filter(|value| matches!(value.kind, ValueKind::Table(_)));
        let mut section = Section::new(path, table);
        let built = build(&mut section);
        section.reject_unknown();
        if let Some(value) = value.filter(|_| table.is_none()) {
            let expected = match section.known.first() {
                Some(key) if is_untyped(value) => {
                    format!("a variable for each key, such as {}", variable(&section.key(key)))
                }
                _ => "a table".into(),
            };
            // A value in place of a table can be a secret whose key is missing.
            section.mistakes.push(Mistake::at(value, section.path, "a value", expected));
        }
        self.mistakes.append(&mut section.mistakes);
        built
    }

    fn reject_unknown(&mut self) {
        self.known.dedup();
        for (key, value) in self.table.into_iter().flat_map(entries) {
            if !self.known.contains(&key) {
                let hint = match nearest(key, &self.known) {
                    Some(known) if is_untyped(value) => {
                        format!("; did you mean {}?", self.renamed(value, key, known))
                    }
                    Some(known) => format!("; did you mean {known}?"),
                    None => String::new(),
                };
                let expected = format!("one of {}{hint}", self.known.join(", "));
                self.mistakes.push(Mistake::at(value, self.key(key), "an unknown key", expected));
            }
        }
    }

    /// The name of the variable of `value` with one of its keys replaced.
    fn renamed(&self, value: &Value, from: &str, to: &str) -> String {
        let rest = origin(value).0.get(variable(&self.key(from)).len()..).unwrap_or_default();
        variable(&self.key(to)) + rest
    }
}

/// The name of the variable that sets a dotted key.
fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// The entries of a table, sorted: the order of `config`'s own map differs in each run.
fn entries(table: &Value) -> BTreeMap<&str, &Value> {
    match &table.kind {
        ValueKind::Table(table) => table.iter().map(|(key, value)| (&**key, value)).collect(),
        _ => BTreeMap::new(),
    }
}

fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match &value.kind {
        ValueKind::Boolean(value) => Some(*value),
        ValueKind::String(word) if is_untyped(value) => word.parse().ok(),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match &value.kind {
        ValueKind::I64(value) => Some(*value),
        ValueKind::String(word) if is_untyped(value) => word.parse().ok(),
        _ => None,
    }
}

/// The text of a value in a mistake.
fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Array(_) => "a list".into(),
        ValueKind::Table(_) => "a table".into(),
        ValueKind::Nil => "a date or time".into(),
        // With its point: `1000.0` is no integer.
        ValueKind::Float(number) => format!("{number:?}"),
        integer_or_boolean => integer_or_boolean.to_string(),
    }
}

/// The text of a secret in a mistake.
fn hidden(_: &Value) -> String {
    "a value that is not shown".into()
}

fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let max_distance = 1 + key.len() / 4;
    let distances = known.iter().map(|name| (strsim::levenshtein(key, name), *name));
    distances.filter(|(distance, _)| *distance <= max_distance).min().map(|(_, name)| name)
}
