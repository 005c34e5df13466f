//! One layer of the configuration as a source of the `config` crate: a TOML file, an environment variable or
//! a flag.
//!
//! Each value carries its origin: `file:line`, or the name of the variable or flag. The `File` source of
//! `config` has no lines and rejects a file at its first error; its `Environment` source has one origin for
//! all variables.

use std::fmt;
use std::path::Path;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::mistake::Mistake;

/// The prefix of the environment variables that are settings. A further `__` separates the keys.
pub(super) const VARIABLE_PREFIX: &str = "ROSTER__";

/// A tree of values with their origins. The tree of a merge has values of several sources.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(super) root: Value,
    /// The keys that a file has twice. The first value of each is in `root`.
    pub(super) duplicates: Vec<Mistake>,
}

/// Shows no values: some are secrets.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layer").field(&self.source()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut table = self.root.clone().into_table()?;
        // `config` reads a key of the root as a path and makes a list of n + 1 items for `a[n]`. A key in
        // this form is unknown and has a mistake.
        table.retain(|key, _| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        Ok(table)
    }
}

impl Layer {
    /// Reads the TOML file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Layer, Mistake> {
        let source = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Layer::parse(&source, &text),
            Err(error) => Err(Mistake {
                source,
                line: None,
                key: String::new(),
                found: error.to_string(),
                expected: "a readable file in UTF-8".into(),
            }),
        }
    }

    /// Parses TOML. `source` is the name of the file in mistakes.
    pub(crate) fn parse(source: &str, text: &str) -> Result<Layer, Mistake> {
        let file = File { source, text };
        let (table, errors) = DeTable::parse_recoverable(text);
        let (duplicates, errors): (Vec<_>, Vec<_>) =
            errors.iter().partition(|error| error.message() == "duplicate key");
        // Further syntax errors can be consequences of the first.
        match errors.first() {
            Some(error) => Err(file.syntax_error(error)),
            None => Ok(Layer {
                root: Value::new(Some(&source.to_owned()), file.table(table.get_ref())),
                duplicates: duplicates.into_iter().map(|error| file.duplicate(error)).collect(),
            }),
        }
    }

    /// The value of one variable or flag. `keys` lead to it, the innermost first.
    pub(crate) fn single<'k>(source: &str, keys: impl Iterator<Item = &'k str>, value: &str) -> Layer {
        let source = source.to_owned();
        let leaf = Value::new(Some(&source), value);
        let root =
            keys.fold(leaf, |inner, key| Value::new(Some(&source), Map::from([(key.to_owned(), inner)])));
        Layer { root, duplicates: Vec::new() }
    }

    /// Merges layers key by key. The last one wins; a list replaces a list.
    #[expect(clippy::expect_used, reason = "the root of a layer is a table")]
    pub(crate) fn merge(layers: Vec<Layer>) -> Layer {
        let merged = Config::builder().add_source(layers).build().expect("a layer can be collected");
        Layer { root: merged.cache, duplicates: Vec::new() }
    }

    /// The name of the file, variable or flag.
    pub(crate) fn source(&self) -> &str {
        origin(&self.root).0
    }

    /// The value at a dotted key such as `connections[1].name`.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok()
    }

    /// A mistake at a dotted key.
    pub(crate) fn mistake_at(
        &self,
        key: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Mistake {
        Mistake::at(self.find(key).unwrap_or_else(|enclosing| enclosing), key, found, expected)
    }

    /// The value at a dotted key, or else the innermost value that encloses it.
    fn find(&self, key: &str) -> Result<&Value, &Value> {
        key.split(['.', '[', ']'])
            .filter(|part| !part.is_empty())
            .try_fold(&self.root, |value, part| child(value, part).ok_or(value))
    }
}

fn child<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match &value.kind {
        ValueKind::Table(table) => table.get(key),
        ValueKind::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

/// The source and the line of a value.
pub(super) fn origin(value: &Value) -> (&str, Option<usize>) {
    let origin = value.origin().unwrap_or_default();
    let with_line = || {
        let (source, line) = origin.rsplit_once(':')?;
        Some((source, Some(line.parse().ok()?)))
    };
    with_line().unwrap_or((origin, None))
}

/// Whether a value is the text of a variable or flag, which has no type: a number or a boolean if the key
/// needs one.
pub(super) fn is_untyped(value: &Value) -> bool {
    origin(value).1.is_none()
}

/// A TOML file.
struct File<'f> {
    source: &'f str,
    text: &'f str,
}

impl File<'_> {
    fn line(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    fn table(&self, table: &DeTable<'_>) -> ValueKind {
        let entry =
            |(key, value): (&Spanned<DeString<'_>>, _)| (key.get_ref().to_string(), self.value(value));
        ValueKind::Table(table.iter().map(entry).collect())
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Value {
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => i64::try_from(number).map_or(ValueKind::I128(number), ValueKind::I64),
                Err(_) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::INFINITY)),
            },
            DeValue::Float(number) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => ValueKind::Boolean(*value),
            // `config` has no kind for a date, and TOML has no nil.
            DeValue::Datetime(_) => ValueKind::Nil,
            DeValue::Array(items) => ValueKind::Array(items.iter().map(|item| self.value(item)).collect()),
            DeValue::Table(table) => self.table(table),
        };
        Value::new(Some(&format!("{}:{}", self.source, self.line(value.span().start))), kind)
    }

    /// The parser's messages contain no text of the file, and so no secret.
    fn syntax_error(&self, error: &toml::de::Error) -> Mistake {
        let message = error.message().trim_end_matches(", expected nothing");
        let expected = "TOML, such as [table], name = \"text\" or name = 1";
        self.mistake(error, String::new(), format!("a syntax error ({message})"), expected)
    }

    fn duplicate(&self, error: &toml::de::Error) -> Mistake {
        let key = error.span().and_then(|span| self.text.get(span)).unwrap_or_default().to_owned();
        let expected = "each key once: remove one of the two, or merge the two tables";
        self.mistake(error, key, "a duplicate key".into(), expected)
    }

    fn mistake(&self, error: &toml::de::Error, key: String, found: String, expected: &str) -> Mistake {
        let line = error.span().map(|span| self.line(span.start));
        Mistake { source: self.source.to_owned(), line, key, found, expected: expected.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_of_a_layer_has_no_value() {
        let layer = Layer::parse("a.toml", "[secrets]\nkey = 'hunter2'").unwrap();
        assert_eq!(format!("{layer:?}"), r#"Layer("a.toml")"#);
    }
}
