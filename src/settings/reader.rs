//! Reads configuration key by key and remembers every mistake instead of stopping at the first, so that one start of
//! the program is enough to mend all files and variables.
//!
//! A [`Node`] is a value that knows where it was written; a [`Section`] is one table of it, seen through a stack of
//! layers of which the last one wins. The layers are read one by one and never merged: a mistake is reported although a
//! later layer hides it today.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::rc::Rc;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// One thing wrong in the configuration, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, or the environment variable.
    pub source: String,
    /// The line in the file, from 1, when it is known.
    pub line: Option<usize>,
    /// The dotted key, with array indices from 0: `connections[1].password_policy`. Empty when it is about the file.
    pub key: String,
    /// What was written there. Never a secret.
    pub found: String,
    /// What may be written there.
    pub expected: String,
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

/// All mistakes of one reading, in the order of the files and their lines; displayed as one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// The mistakes so far, and the order of the sources in which they will be told.
pub(crate) struct Report {
    sources: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Report {
    /// Keeps apart the sources that can be read and the mistakes of those that cannot.
    pub(crate) fn of(sources: impl IntoIterator<Item = Result<Node, Mistake>>) -> (Vec<Node>, Report) {
        let (mut nodes, mut report) = (Vec::new(), Report { sources: Vec::new(), mistakes: Vec::new() });
        for source in sources {
            match source {
                Ok(node) => {
                    report.sources.push(node.source.to_string());
                    nodes.push(node);
                }
                Err(mistake) => {
                    report.sources.push(mistake.source.clone());
                    report.mistakes.push(mistake);
                }
            }
        }
        (nodes, report)
    }

    pub(crate) fn extend(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        self.mistakes.extend(mistakes);
    }

    /// What was built, unless there are mistakes.
    pub(crate) fn or<T>(self, built: T) -> Result<T, Mistakes> {
        let Report { sources, mut mistakes } = self;
        mistakes.sort_by_key(|m| (sources.iter().position(|source| *source == m.source), m.line));
        if mistakes.is_empty() { Ok(built) } else { Err(Mistakes(mistakes)) }
    }
}

/// A value and where it was written.
#[derive(Debug)]
pub(crate) struct Node {
    source: Rc<str>,
    line: Option<usize>,
    value: Value,
}

/// What was written, before anybody knows what it should mean.
#[derive(Debug)]
pub(crate) enum Value {
    Text(String),
    /// The text of an environment variable: a number or a boolean where the key wants one.
    Word(String),
    Integer(i64),
    Boolean(bool),
    /// What no key wants, as it was written: a float, a date, a number out of range.
    Other(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Value {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Word(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            Value::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            Value::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Value::Text(text) | Value::Word(text) => format!("{text:?}"),
            Value::Integer(value) => value.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Other(text) => text.clone(),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
        }
    }
}

impl Node {
    /// Reads the TOML file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Node, Mistake> {
        let source = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Node::parse(&source, &text),
            Err(error) => Err(Mistake {
                source,
                line: None,
                key: String::new(),
                found: error.to_string(),
                expected: "a readable file in UTF-8".into(),
            }),
        }
    }

    /// Reads TOML; `source` is the name that mistakes will have.
    pub(crate) fn parse(source: &str, text: &str) -> Result<Node, Mistake> {
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        match DeTable::parse(text) {
            Ok(table) => {
                let source = Rc::from(source);
                Ok(Node { value: table_of(&source, table.get_ref(), &line), line: None, source })
            }
            // The parser's sentences are constants: nothing of a secret can be in them.
            Err(error) => Err(Mistake {
                source: source.into(),
                line: error.span().map(|span| line(span.start)),
                key: String::new(),
                found: format!("a syntax error ({})", error.message()),
                expected: "TOML".into(),
            }),
        }
    }

    /// The value of an environment variable, inside the tables that `keys` name.
    pub(crate) fn variable(name: &str, keys: &[&str], value: &str) -> Node {
        let source: Rc<str> = name.into();
        let node = |value| Node { source: source.clone(), line: None, value };
        keys.iter().rev().fold(node(Value::Word(value.into())), |inner, key| {
            node(Value::Table(BTreeMap::from([((*key).to_owned(), inner)])))
        })
    }

    fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(table) => table.get(key),
            Value::List(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    fn mistake(&self, key: String, found: impl Into<String>, expected: impl Into<String>) -> Mistake {
        let (source, line) = (self.source.to_string(), self.line);
        Mistake { source, line, key, found: found.into(), expected: expected.into() }
    }

    /// A mistake at a key below this node, such as `connections[1].name`.
    pub(crate) fn mistake_at(
        &self,
        key: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Mistake {
        self.at(key).mistake(key.to_owned(), found, expected)
    }

    /// The node at a key, or the nearest one around it.
    fn at(&self, key: &str) -> &Node {
        key.split(['.', '[', ']'])
            .filter(|part| !part.is_empty())
            .try_fold(self, |node, part| node.get(part).ok_or(node))
            .unwrap_or_else(|nearest| nearest)
    }
}

fn table_of(source: &Rc<str>, table: &DeTable<'_>, line: &dyn Fn(usize) -> usize) -> Value {
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
        // The key's line and not the value's: a value of many lines begins where its key is.
        (key.get_ref().to_string(), node_of(source, line(key.span().start), value, line))
    };
    Value::Table(table.iter().map(entry).collect())
}

fn node_of(source: &Rc<str>, at: usize, value: &Spanned<DeValue<'_>>, line: &dyn Fn(usize) -> usize) -> Node {
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Other(number.to_string()), Value::Integer),
        DeValue::Float(number) => Value::Other(number.to_string()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(date) => Value::Other(date.to_string()),
        DeValue::Array(items) => Value::List(
            items.iter().map(|item| node_of(source, line(item.span().start), item, line)).collect(),
        ),
        DeValue::Table(table) => table_of(source, table, line),
    };
    Node { source: source.clone(), line: Some(at), value }
}

/// Builds a value from layers of which the last one wins. What was built stands in for the wrong keys with blanks: it
/// is good for further checks, and for use only when there are no mistakes.
pub(crate) fn read<T>(layers: &[Node], build: impl FnOnce(&mut Section<'_>) -> T) -> (T, Vec<Mistake>) {
    let mut root = Section::new(String::new(), layers.iter().collect());
    let built = build(&mut root);
    root.refuse_unknown();
    (built, root.mistakes)
}

/// Reports each value that an earlier one has taken already; `values` are the keys with their values, by file.
pub(crate) fn distinct<'n>(values: impl IntoIterator<Item = (&'n Node, String, &'n str)>) -> Vec<Mistake> {
    let mut first = HashMap::new();
    let mut mistakes = Vec::new();
    // An empty value stands for one that is missing or wrong, which has been said.
    for (node, key, value) in values.into_iter().filter(|(_, _, value)| !value.is_empty()) {
        let here = node.mistake_at(&key, format!("{value:?} a second time"), "");
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

/// One table of the configuration. Asking for a key is what makes it a known key; the others are refused at the end.
pub(crate) struct Section<'a> {
    path: String,
    layers: Vec<&'a Node>,
    known: Vec<&'a str>,
    mistakes: Vec<Mistake>,
}

impl<'a> Section<'a> {
    fn new(path: String, layers: Vec<&'a Node>) -> Self {
        Section { path, layers, known: Vec::new(), mistakes: Vec::new() }
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn last(&self, key: &str) -> Option<&'a Node> {
        self.layers.iter().rev().find_map(|layer| layer.get(key))
    }

    /// The keys that are written, those below other tables with the path that leads to them: `limits.metadata_bytes`.
    pub(crate) fn named(&self) -> BTreeSet<String> {
        fn collect(node: &Node, path: &str, named: &mut BTreeSet<String>) {
            match &node.value {
                Value::Table(table) => {
                    for (key, node) in table {
                        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                        collect(node, &path, named);
                    }
                }
                _ => drop(named.insert(path.to_owned())),
            }
        }
        let mut named = BTreeSet::new();
        self.layers.iter().for_each(|layer| collect(layer, "", &mut named));
        named
    }

    /// Reports a key whose value is wrong only together with others.
    pub(crate) fn report(&mut self, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        if let Some(node) = self.last(key).or(self.layers.last().copied()) {
            self.mistakes.push(node.mistake(self.key(key), found, expected));
        }
    }

    /// Is there a value, right or wrong?
    pub(crate) fn has(&self, key: &str) -> bool {
        self.last(key).is_some()
    }

    /// Reports those of the keys that are in no layer.
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
        shown: impl Fn(&Value) -> String,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let mut last = None;
        for node in self.layers.iter().filter_map(|layer| layer.get(key)) {
            match parse(&node.value) {
                Some(value) => last = Some(value),
                None => self.mistakes.push(node.mistake(self.key(key), shown(&node.value), expected)),
            }
        }
        last
    }

    /// A value that `parse` understands.
    pub(crate) fn value<T>(
        &mut self,
        key: &'a str,
        expected: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        self.scalar(key, expected, Value::shown, parse)
    }

    /// A text that is valid.
    pub(crate) fn text(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.value(key, expected, |value| value.text().filter(|text| valid(text)).map(str::to_owned))
    }

    /// A text that is valid and that no mistake may show.
    pub(crate) fn secret(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl Fn(&str) -> bool,
    ) -> Option<SecretString> {
        self.scalar(key, expected, hidden, |value| {
            value.text().filter(|text| valid(text)).map(SecretString::from)
        })
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &'a str) -> Option<bool> {
        self.value(key, "true or false", Value::boolean)
    }

    /// A whole number.
    pub(crate) fn integer<T: TryFrom<i64>>(&mut self, key: &'a str, range: RangeInclusive<i64>) -> Option<T> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.value(key, &expected, |value| {
            value
                .integer()
                .filter(|number| range.contains(number))
                .and_then(|number| T::try_from(number).ok())
        })
    }

    /// One of the names, as the value beside it.
    pub(crate) fn one_of<T: Copy>(&mut self, key: &'a str, names: &[(&str, T)]) -> Option<T> {
        let expected = match names {
            [(only, _)] => (*only).to_owned(),
            _ => format!("one of {}", list_of(names.iter().map(|(name, _)| *name))),
        };
        self.value(key, &expected, |value| {
            names.iter().find(|(name, _)| value.text() == Some(name)).map(|(_, value)| *value)
        })
    }

    /// Whether the key is written `"*"` or `["*"]`.
    pub(crate) fn is_star(&mut self, key: &'a str) -> bool {
        self.known.push(key);
        let is_star = |node: &Node| node.value.text() == Some("*");
        self.last(key).is_some_and(|node| match &node.value {
            Value::List(items) => matches!(&items[..], [only] if is_star(only)),
            _ => is_star(node),
        })
    }

    /// A list of valid texts; none when one of them is not.
    pub(crate) fn list(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        self.texts(key, expected, Value::shown, valid)
    }

    /// A list of valid texts that no mistake may show.
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
        shown: impl Fn(&Value) -> String,
        valid: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        self.known.push(key);
        let node = self.last(key)?;
        let items: Vec<(&Node, Option<&str>)> = match &node.value {
            Value::List(items) => items.iter().map(|item| (item, item.value.text())).collect(),
            // A variable has its items separated by commas.
            Value::Word(words) => words.split(',').map(|word| (node, Some(word.trim()))).collect(),
            other => {
                let expected = format!("a list, each item {expected}");
                self.mistakes.push(node.mistake(self.key(key), shown(other), expected));
                return None;
            }
        };
        let wrong = |text: Option<&str>| !text.is_some_and(&valid);
        for (index, (item, _)) in items.iter().enumerate().filter(|(_, (_, text))| wrong(*text)) {
            let key = format!("{}[{index}]", self.key(key));
            self.mistakes.push(item.mistake(key, shown(&item.value), expected));
        }
        items.iter().map(|(_, text)| text.filter(|text| valid(text)).map(str::to_owned)).collect()
    }

    fn items(&mut self, key: &'a str, expected: &str) -> Option<&'a [Node]> {
        self.known.push(key);
        let node = self.last(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            other => {
                self.mistakes.push(node.mistake(self.key(key), other.shown(), expected));
                None
            }
        }
    }

    /// A table of texts whose keys are free.
    pub(crate) fn map(
        &mut self,
        key: &'a str,
        expected: &str,
        valid: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, String> {
        self.table(key, |map| {
            let keys = map.layers.iter().filter_map(|layer| match &layer.value {
                Value::Table(table) => Some(table.keys().map(String::as_str)),
                _ => None,
            });
            let keys: Vec<&'a str> = keys.flatten().collect();
            keys.into_iter()
                .filter_map(|key| Some((key.to_owned(), map.text(key, expected, &valid)?)))
                .collect()
        })
    }

    /// The table below a key; all its keys are absent when it is absent itself.
    pub(crate) fn table<T>(&mut self, key: &'a str, build: impl FnOnce(&mut Section<'a>) -> T) -> T {
        self.known.push(key);
        let nodes = self.layers.iter().filter_map(|layer| layer.get(key)).collect();
        self.enter(self.key(key), nodes, build)
    }

    /// The tables of a list, such as `[[connections]]`.
    pub(crate) fn tables<T>(&mut self, key: &'a str, build: impl Fn(&mut Section<'a>) -> T) -> Vec<T> {
        let items = self
            .items(key, "a list of tables, each headed by its name in double brackets")
            .unwrap_or_default();
        let path = self.key(key);
        let enter = |(index, item)| self.enter(format!("{path}[{index}]"), vec![item], &build);
        items.iter().enumerate().map(enter).collect()
    }

    fn enter<T>(
        &mut self,
        path: String,
        nodes: Vec<&'a Node>,
        build: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        let (tables, others): (Vec<_>, Vec<_>) =
            nodes.into_iter().partition(|node| matches!(node.value, Value::Table(_)));
        // What stands in a table's place could be a secret that has lost its key.
        let mistake = |node: &Node| node.mistake(path.clone(), "a value", "a table");
        self.mistakes.extend(others.into_iter().map(mistake));
        let mut section = Section::new(path, tables);
        let built = build(&mut section);
        section.refuse_unknown();
        self.mistakes.append(&mut section.mistakes);
        built
    }

    fn refuse_unknown(&mut self) {
        self.known.dedup();
        for layer in std::mem::take(&mut self.layers) {
            let Value::Table(table) = &layer.value else { continue };
            for (key, node) in table.iter().filter(|(key, _)| !self.known.contains(&key.as_str())) {
                let mut expected = format!("one of {}", list_of(self.known.iter().copied()));
                if let Some(near) = nearest(key, &self.known) {
                    expected.push_str("; did you mean ");
                    expected.push_str(near);
                    expected.push('?');
                }
                self.mistakes.push(node.mistake(self.key(key), "an unknown key", expected));
            }
        }
    }
}

/// What is told of a secret.
fn hidden(_: &Value) -> String {
    "a value that is not shown".into()
}

fn list_of<'s>(names: impl Iterator<Item = &'s str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let close = 1 + key.len() / 4;
    let distances = known.iter().map(|name| (distance(key, name), *name));
    distances.filter(|(distance, _)| *distance <= close).min().map(|(_, name)| name)
}

/// How many characters to insert, remove or replace to get from one text to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.chars().enumerate() {
            let replaced = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[to.chars().count()]
}
