//! The tree of a query: what was written, before anyone asks what the fields mean. Printed, it parses to the same tree.

use std::fmt;

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

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: expected {}, found {}", self.column, self.expected, self.found)
    }
}

impl std::error::Error for SyntaxError {}
