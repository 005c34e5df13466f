//! The syntax tree of a query. Field names are not resolved yet. A printed tree parses to the same tree.

use std::fmt::{self, Display, Formatter, Write as _};

/// A query whose operators are resolved to boolean ones. `And` and `Or` have at least two operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// `*` or `*:*`: matches every record.
    All,
    /// Matches if all operands match.
    And(Vec<Expr>),
    /// Matches if at least one operand matches.
    Or(Vec<Expr>),
    /// Matches if the operand does not.
    Not(Box<Expr>),
    /// A test of one field, or of the default fields.
    Leaf(Leaf),
}

/// One test of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The field's path, unescaped and split at its unescaped dots. Neither the path nor a segment is empty.
    /// `None` for a bare word or phrase.
    pub field: Option<Vec<String>>,
    /// The 1-based column of the test's first character, for errors of later stages.
    pub column: usize,
    /// The test of the field's values.
    pub test: Test,
}

/// A test of a field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Unquoted: `jane`, `jan*`, `true`, `5`, `2018-01-01T10:00:00Z`.
    Word(Pattern),
    /// Between double quotes, unescaped. A wildcard is an ordinary character here.
    Phrase(String),
    /// `[a TO b]`, `{a TO b}`, `>=a`, `<b`. At least one end is bounded: `[* TO *]` is [`Test::Exists`].
    Range { low: Bound, high: Bound },
    /// `_exists_:field`, `field:*`, `field:[* TO *]`. The leaf always has a field.
    Exists,
}

/// An unquoted word. It is never empty and never a lone [`Piece::AnyRun`]; a text is never empty; two texts
/// or two [`Piece::AnyRun`] are never adjacent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub Vec<Piece>);

impl Pattern {
    /// The word; `None` if it has a wildcard.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it begins with a wildcard. Such a pattern needs a text of minimum length, see
    /// [`Pattern::longest_text`].
    pub fn leads_with_wildcard(&self) -> bool {
        !matches!(self.0.first(), Some(Piece::Text(_)))
    }

    /// The length of its longest text, in characters.
    pub fn longest_text(&self) -> usize {
        let length = |piece: &Piece| match piece {
            Piece::Text(text) => text.chars().count(),
            Piece::AnyRun | Piece::AnyOne => 0,
        };
        self.0.iter().map(length).max().unwrap_or_default()
    }
}

/// A piece of an unquoted word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Literal characters, unescaped.
    Text(String),
    /// `*`: zero or more characters.
    AnyRun,
    /// `?`: exactly one character.
    AnyOne,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `*`: unbounded.
    Open,
    /// `[` or `]`: the range includes the value.
    Inclusive(Value),
    /// `{` or `}`: the range excludes the value.
    Exclusive(Value),
}

/// A value at the end of a range, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub text: String,
    /// Whether it was quoted. A quoted value is a string or a date, never a number.
    pub quoted: bool,
}

/// A syntax error: its column, the unexpected text and the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The 1-based column, in characters.
    pub column: usize,
    /// The unexpected text, such as `end of query` or `')'`.
    pub found: String,
    /// The expected text, or the correct spelling.
    pub expected: String,
}

impl Display for SyntaxError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: expected {}, found {}", self.column, self.expected, self.found)
    }
}

impl std::error::Error for SyntaxError {}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*:*"),
            Self::And(operands) => write_joined(f, operands, " AND "),
            Self::Or(operands) => write_joined(f, operands, " OR "),
            Self::Not(operand) => write!(f, "NOT {}", Operand(operand)),
            Self::Leaf(leaf) => leaf.fmt(f),
        }
    }
}

fn write_joined(f: &mut Formatter<'_>, operands: &[Expr], operator: &str) -> fmt::Result {
    for (n, operand) in operands.iter().enumerate() {
        write!(f, "{}{}", if n == 0 { "" } else { operator }, Operand(operand))?;
    }
    Ok(())
}

/// An operand, in parentheses if it has an operator itself.
struct Operand<'a>(&'a Expr);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::All | Expr::Leaf(_) => self.0.fmt(f),
            _ => write!(f, "({})", self.0),
        }
    }
}

impl Display for Leaf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.test == Test::Exists {
            f.write_str("_exists_:")?;
        }
        for (n, segment) in self.field.iter().flatten().enumerate() {
            f.write_str(if n == 0 { "" } else { "." })?;
            write_escaped(f, segment, true, ".")?;
        }
        match &self.test {
            Test::Exists => Ok(()),
            test if self.field.is_some() => write!(f, ":{test}"),
            test => test.fmt(f),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(Pattern(pieces)) => {
                for (n, piece) in pieces.iter().enumerate() {
                    match piece {
                        Piece::Text(text) => write_escaped(f, text, n == 0, "")?,
                        Piece::AnyRun => f.write_char('*')?,
                        Piece::AnyOne => f.write_char('?')?,
                    }
                }
                Ok(())
            }
            Self::Phrase(text) => write_quoted(f, text),
            Self::Range { low, high } => {
                f.write_char(if matches!(low, Bound::Exclusive(_)) { '{' } else { '[' })?;
                write!(f, "{low} TO {high}")?;
                f.write_char(if matches!(high, Bound::Exclusive(_)) { '}' } else { ']' })
            }
            Self::Exists => f.write_char('*'),
        }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_char('*'),
            Self::Inclusive(value) | Self::Exclusive(value) if value.quoted => write_quoted(f, &value.text),
            Self::Inclusive(value) | Self::Exclusive(value) => write_escaped(f, &value.text, true, ""),
        }
    }
}

fn write_quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// Writes an unquoted text and escapes syntax characters. Some characters and words are syntax only at the
/// start of a word.
fn write_escaped(f: &mut Formatter<'_>, text: &str, at_start: bool, also: &str) -> fmt::Result {
    for (n, c) in text.chars().enumerate() {
        let first = at_start && n == 0;
        let operator = first && (matches!(text, "AND" | "OR" | "NOT") || "+-!<>/&|".contains(c));
        if operator || c.is_whitespace() || "\\():^[]\"{}~*?".contains(c) || also.contains(c) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}
