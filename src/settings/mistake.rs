//! Mistakes in the configuration. All of them are collected, sorted by source and line, and reported at once.

use std::collections::HashMap;
use std::fmt;

use config::Value;

use super::layer::{Layer, origin};

/// One mistake in the configuration, with the text that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, the environment variable or the flag.
    pub source: String,
    /// The line in the file, from 1. Variables, flags and mistakes about a whole file have none.
    pub line: Option<usize>,
    /// The dotted key, with list indexes from 0: `connections[1].password_policy`. Empty for a mistake about
    /// a whole file.
    pub key: String,
    /// The text in the source. Never a secret.
    pub found: String,
    /// The valid values.
    pub expected: String,
}

impl Mistake {
    /// A mistake at the origin of `value`.
    pub(crate) fn at(
        value: &Value,
        key: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Mistake {
        let (source, line) = origin(value);
        Mistake {
            source: source.to_owned(),
            line,
            key: key.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

/// All mistakes of one reading, in the order of the sources and their lines. Displayed one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// The mistakes collected so far, and the order of the sources.
pub(crate) struct Report {
    sources: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Report {
    /// Separates the readable layers from the mistakes of unreadable ones.
    pub(crate) fn of(layers: impl IntoIterator<Item = Result<Layer, Mistake>>) -> (Vec<Layer>, Report) {
        let (mut readable, mut report) = (Vec::new(), Report { sources: Vec::new(), mistakes: Vec::new() });
        for layer in layers {
            match layer {
                Ok(layer) => {
                    report.sources.push(layer.source().to_owned());
                    readable.push(layer);
                }
                Err(mistake) => {
                    report.sources.push(mistake.source.clone());
                    report.mistakes.push(mistake);
                }
            }
        }
        (readable, report)
    }

    pub(crate) fn extend(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        self.mistakes.extend(mistakes);
    }

    /// Returns `built` if no mistake was collected.
    pub(crate) fn or<T>(self, built: T) -> Result<T, Mistakes> {
        let Report { sources, mut mistakes } = self;
        mistakes.sort_by_key(|m| (sources.iter().position(|source| *source == m.source), m.line));
        if mistakes.is_empty() { Ok(built) } else { Err(Mistakes(mistakes)) }
    }
}

/// Reports each value that equals an earlier one. `values` are the keys with their values, in the order of
/// the files.
pub(crate) fn distinct<'l>(values: impl IntoIterator<Item = (&'l Layer, String, &'l str)>) -> Vec<Mistake> {
    let mut first = HashMap::new();
    let mut mistakes = Vec::new();
    // An empty value replaces a missing or wrong one, which has its own mistake.
    for (layer, key, value) in values.into_iter().filter(|(_, _, value)| !value.is_empty()) {
        let here = layer.mistake_at(&key, format!("{value:?} a second time"), "");
        match first.get(value) {
            None => drop(first.insert(value, here)),
            Some(Mistake { source, line, key, .. }) => {
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                let expected = format!("a value of its own ({source}{line}: {key} has this one)");
                mistakes.push(Mistake { expected, ..here });
            }
        }
    }
    mistakes
}
