//! The tree of a query: what was written, before anyone asks what the fields mean. Printed, it parses to the same tree.

use std::fmt::{self, Display, Formatter, Write as _};

/// A query, its operators resolved to booleans. `And` and `Or` have two operands or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// `*` or `*:*`: everything.
    All,
    /// Every one of them.
    And(Vec<Expr>),
    /// At least one of them.
    Or(Vec<Expr>),
    /// Everything else.
    Not(Box<Expr>),
    /// A test of one field, or of the default fields.
    Leaf(Leaf),
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The field's path, unescaped and split at the dots that were not escaped; never empty, and without empty
    /// segments. `None` for a bare word or phrase.
    pub field: Option<Vec<String>>,
    /// Where the test begins in the query: the 1-based column, in characters. For the errors of what comes later.
    pub column: usize,
    /// What the field is asked.
    pub test: Test,
}

/// What a field is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Unquoted: `jane`, `jan*`, `true`, `5`, `2018-01-01T10:00:00Z`.
    Word(Pattern),
    /// Between double quotes, unescaped. A wildcard in it is a character like others.
    Phrase(String),
    /// `[a TO b]`, `{a TO b}`, `>=a`, `<b`. Never open at both ends: `[* TO *]` is [`Test::Exists`].
    Range {
        /// The lower end.
        low: Bound,
        /// The upper end.
        high: Bound,
    },
    /// `_exists_:field`, `field:*`, `field:[* TO *]`. The field is always there.
    Exists,
}

/// An unquoted word: never empty, no two texts or two [`Piece::AnyRun`] side by side, no empty text, and not one
/// [`Piece::AnyRun`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub Vec<Piece>);

impl Pattern {
    /// The word, if it has no wildcard.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Does it begin with a wildcard? Then it needs a text of some length, see [`Pattern::longest_text`].
    pub fn leads_with_wildcard(&self) -> bool {
        !matches!(self.0.first(), Some(Piece::Text(_)))
    }

    /// The characters of its longest text.
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
    /// These characters, unescaped.
    Text(String),
    /// `*`: any number of characters, none included.
    AnyRun,
    /// `?`: exactly one character.
    AnyOne,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `*`: without end.
    Open,
    /// `[` or `]`: the value belongs to the range.
    Inclusive(Value),
    /// `{` or `}`: the value does not.
    Exclusive(Value),
}

/// A value at the end of a range, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The characters.
    pub text: String,
    /// Whether it stood between double quotes: then it is a string or a date, never a number.
    pub quoted: bool,
}

/// A query that cannot be read: where, what stands there, and what should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The 1-based column, in characters.
    pub column: usize,
    /// What stands there, such as `end of query` or `')'`.
    pub found: String,
    /// What was expected, or what to write instead.
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

/// An expression beside an operator.
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

/// An unquoted text, what means something behind a `\`. Some characters and words do at the beginning only.
fn write_escaped(f: &mut Formatter<'_>, text: &str, begins: bool, also: &str) -> fmt::Result {
    for (n, c) in text.chars().enumerate() {
        let first = begins && n == 0;
        let operator = first && (matches!(text, "AND" | "OR" | "NOT") || "+-!<>/&|".contains(c));
        if operator || c.is_whitespace() || "\\():^[]\"{}~*?".contains(c) || also.contains(c) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}
