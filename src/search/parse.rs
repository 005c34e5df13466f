//! The parser: recursive descent over the characters of a query, in one pass.
//!
//! ```text
//! group       := disjunction+
//! disjunction := conjunction (("OR" | "||") conjunction)*
//! conjunction := clause (("AND" | "&&") clause)*
//! clause      := ("NOT" | "!" | "-" | "+")? primary
//! primary     := "(" group ")" | "*:*" | path ":" value | word | phrase
//! value       := "(" group ")" | range | (">" | ">=" | "<" | "<=") (word | phrase) | word | phrase
//! range       := ("[" | "{") bound "TO" bound ("]" | "}")
//! ```

use super::ast::{Bound, Expr, Leaf, Pattern, Piece, SyntaxError, Test, Value};

/// The maximum length of a query, in characters. Its URL has at most 65,534 bytes, and an encoded character
/// takes three bytes or more.
pub(super) const MAX_LENGTH: usize = 32_768;
/// The maximum nesting depth of parentheses.
pub(super) const MAX_DEPTH: usize = 50;
/// The maximum number of names in a field's path.
pub(super) const MAX_PATH: usize = 128;
/// The maximum number of terms in a query.
pub(super) const MAX_TERMS: usize = 1_000;

const VALUE: &str = "a value after ':', in quotes if it is an operator";
const NO_BOOST: &str = "no boost (not supported; escape the character as '\\^')";
const NO_FUZZY: &str =
    "no fuzzy or proximity search (not supported; use wildcards, or escape the character as '\\~')";

/// Parses a query. A blank query matches every record.
pub fn parse(q: &str) -> Result<Expr, SyntaxError> {
    let mut parser = Parser { chars: q.chars().collect(), at: 0, depth: 0, terms: 0 };
    if parser.chars.len() > MAX_LENGTH {
        return parser.error_at(MAX_LENGTH, format!("at most {MAX_LENGTH} characters"));
    }
    if let Some(nul) = parser.chars.iter().position(|c| *c == '\0') {
        return parser.error_at(nul, "a query without NUL");
    }
    parser.skip_space();
    if parser.peek().is_none() {
        return Ok(Expr::All);
    }
    let expr = parser.group(None)?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => parser.expected("a '(' before it"),
    }
}

/// The role of a clause among adjacent clauses, in Lucene's terms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occur {
    Optional,
    Required,
    Prohibited,
}

type Clause = (Occur, Expr);

/// Joins clauses by one operator.
fn combine(operator: fn(Vec<Expr>) -> Expr, clauses: Vec<Clause>) -> Expr {
    let operand = |(occur, expr)| if occur == Occur::Prohibited { Expr::Not(Box::new(expr)) } else { expr };
    let mut operands: Vec<Expr> = clauses.into_iter().map(operand).collect();
    if operands.len() == 1 { operands.remove(0) } else { operator(operands) }
}

/// Joins adjacent clauses. If one is required, the optional ones have no effect.
fn combine_adjacent(mut clauses: Vec<Clause>) -> Expr {
    let has = |occur| clauses.iter().any(|clause| clause.0 == occur);
    if has(Occur::Required) {
        clauses.retain(|clause| clause.0 != Occur::Optional);
    } else if has(Occur::Optional) {
        let (optional, prohibited): (Vec<_>, Vec<_>) =
            clauses.into_iter().partition(|clause| clause.0 == Occur::Optional);
        clauses = vec![(Occur::Required, combine(Expr::Or, optional))];
        clauses.extend(prohibited);
    }
    combine(Expr::And, clauses)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    terms: usize,
}

impl Parser {
    /// Adjacent clauses, up to the end or a `)`. Inside the group of a field, `field` is its path.
    fn group(&mut self, field: Option<&[String]>) -> Result<Expr, SyntaxError> {
        let mut clauses = vec![self.disjunction(field)?];
        while !matches!(self.peek(), None | Some(')')) {
            clauses.push(self.disjunction(field)?);
        }
        Ok(combine_adjacent(clauses))
    }

    fn disjunction(&mut self, field: Option<&[String]>) -> Result<Clause, SyntaxError> {
        let first = self.conjunction(field)?;
        if !self.operator("OR", "||") {
            return Ok(first);
        }
        let mut clauses = vec![first, self.conjunction(field)?];
        while self.operator("OR", "||") {
            clauses.push(self.conjunction(field)?);
        }
        Ok((Occur::Optional, combine(Expr::Or, clauses)))
    }

    fn conjunction(&mut self, field: Option<&[String]>) -> Result<Clause, SyntaxError> {
        let first = self.clause(field)?;
        if !self.operator("AND", "&&") {
            return Ok(first);
        }
        let mut clauses = vec![first, self.clause(field)?];
        while self.operator("AND", "&&") {
            clauses.push(self.clause(field)?);
        }
        Ok((Occur::Required, combine(Expr::And, clauses)))
    }

    fn clause(&mut self, field: Option<&[String]>) -> Result<Clause, SyntaxError> {
        let occur = if self.eat("+") {
            Occur::Required
        } else if self.eat("-") || self.operator("NOT", "!") {
            Occur::Prohibited
        } else {
            Occur::Optional
        };
        self.skip_space();
        let expr = self.primary(field)?;
        match self.peek() {
            Some('^') => return self.expected(NO_BOOST),
            Some('~') => return self.expected(NO_FUZZY),
            Some(c) if !c.is_whitespace() && c != ')' && !self.ahead("&&") && !self.ahead("||") => {
                return self.expected("a space");
            }
            _ => self.skip_space(),
        }
        Ok((occur, expr))
    }

    fn primary(&mut self, field: Option<&[String]>) -> Result<Expr, SyntaxError> {
        let start = self.at;
        match self.peek() {
            None | Some(')' | ']' | '}' | ':' | '+' | '-' | '!') => return self.expected("a term"),
            Some('[' | '{' | '<' | '>') if field.is_none() => {
                return self.expected("a field and ':' before a range");
            }
            Some('(' | '"' | '[' | '{' | '<' | '>' | '/') => return self.value(field, start),
            Some(_) if self.keyword().is_some() || self.ahead("&&") || self.ahead("||") => {
                return self.expected("a term");
            }
            Some(_) => {}
        }
        let pieces = self.word(true)?;
        if self.peek() != Some(':') {
            return self.word_test(field, start, pieces);
        }
        if field.is_some() {
            return self.expected("no field inside the group of a field (escape ':' in a value as '\\:')");
        }
        if pieces == [Piece::AnyRun] {
            self.at += 1;
            return if self.eat("*") {
                self.leaf(None, start, Test::Exists)
            } else {
                self.expected("'*' after '*:'")
            };
        }
        let path = self.path(start, self.at)?;
        self.at += 1;
        self.skip_space();
        match self.peek() {
            None | Some(')' | ']' | '}' | ':' | '!') => self.expected(VALUE),
            Some(_) if self.keyword().is_some() => self.expected(VALUE),
            Some(_) if path == ["_exists_"] => self.exists(start),
            Some(_) => self.value(Some(&path), start),
        }
    }

    /// The test of a field. `start` is the index of the field, or of the value inside the field's group.
    fn value(&mut self, field: Option<&[String]>, start: usize) -> Result<Expr, SyntaxError> {
        let test =
            match self.peek() {
                Some('(') => return self.parenthesized(field),
                Some('"') => Test::Phrase(self.quoted()?),
                Some('[' | '{') => self.range()?,
                Some('<' | '>') => self.comparison()?,
                Some('/') => return self.expected(
                    "no regular expression (not supported; use wildcards, or escape the character as '\\/')",
                ),
                _ => {
                    let pieces = self.word(false)?;
                    return self.word_test(field, start, pieces);
                }
            };
        self.leaf(field, start, test)
    }

    fn parenthesized(&mut self, field: Option<&[String]>) -> Result<Expr, SyntaxError> {
        let column = self.at + 1;
        if self.depth == MAX_DEPTH {
            return self.expected(format!("at most {MAX_DEPTH} nested parentheses"));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let expr = self.group(field)?;
        if !self.eat(")") {
            return self.expected(format!("')' for the '(' of column {column}"));
        }
        self.depth -= 1;
        Ok(expr)
    }

    /// The path of a field after `_exists_:`.
    fn exists(&mut self, start: usize) -> Result<Expr, SyntaxError> {
        let from = self.at;
        let path = match self.peek() {
            Some('(' | '[' | '{' | '<' | '>' | '/') => return self.expected("the name of a field"),
            Some('"') => {
                self.quoted()?;
                self.path(from + 1, self.at - 1)?
            }
            _ => {
                self.word(false)?;
                self.path(from, self.at)?
            }
        };
        self.leaf(Some(&path), start, Test::Exists)
    }

    fn word_test(
        &mut self,
        field: Option<&[String]>,
        start: usize,
        pieces: Vec<Piece>,
    ) -> Result<Expr, SyntaxError> {
        let test = if pieces == [Piece::AnyRun] { Test::Exists } else { Test::Word(Pattern(pieces)) };
        self.leaf(field, start, test)
    }

    fn leaf(&mut self, field: Option<&[String]>, start: usize, test: Test) -> Result<Expr, SyntaxError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return self.error_at(start, format!("at most {MAX_TERMS} terms"));
        }
        if field.is_none() && test == Test::Exists {
            return Ok(Expr::All);
        }
        Ok(Expr::Leaf(Leaf { field: field.map(<[_]>::to_vec), column: start + 1, test }))
    }

    /// The path in a range of characters, split at its dots.
    fn path(&self, from: usize, to: usize) -> Result<Vec<String>, SyntaxError> {
        let (mut path, mut name, mut at) = (Vec::new(), String::new(), from);
        while at < to {
            match self.chars[at] {
                '*' | '?' => return self.error_at(at, "the name of a field without wildcards"),
                '.' if name.is_empty() => return self.error_at(at, "a name before the '.'"),
                '.' => path.push(std::mem::take(&mut name)),
                c => {
                    at += usize::from(c == '\\');
                    name.push(self.chars[at]);
                }
            }
            at += 1;
        }
        if name.is_empty() {
            return self.error_at(to, "the name of a field");
        }
        path.push(name);
        if path.len() > MAX_PATH {
            return self.error_at(from, format!("at most {MAX_PATH} names in the path of a field"));
        }
        Ok(path)
    }

    /// An unquoted word. If it may be a field, it ends before a `:`.
    fn word(&mut self, may_be_field: bool) -> Result<Vec<Piece>, SyntaxError> {
        let mut pieces = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                c if c.is_whitespace() || c == ')' => break,
                ':' if may_be_field => break,
                '*' if pieces.last() == Some(&Piece::AnyRun) => {}
                '*' => pieces.push(Piece::AnyRun),
                '?' => pieces.push(Piece::AnyOne),
                '^' => return self.expected(NO_BOOST),
                '~' => return self.expected(NO_FUZZY),
                '"' | '(' | '[' | ']' | '{' | '}' => return self.expected("a space or '\\' before it"),
                _ => {
                    let c = self.character()?;
                    match pieces.last_mut() {
                        Some(Piece::Text(text)) => text.push(c),
                        _ => pieces.push(Piece::Text(c.into())),
                    }
                    continue;
                }
            }
            self.at += 1;
        }
        if pieces.is_empty() { self.expected("a value") } else { Ok(pieces) }
    }

    /// A phrase. As in Lucene, `\` escapes any character.
    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let column = self.at + 1;
        let mut text = String::new();
        self.at += 1;
        loop {
            match self.peek() {
                None => return self.expected(format!("'\"' for the '\"' of column {column}")),
                Some('"') => break,
                Some(_) => text.push(self.character()?),
            }
        }
        self.at += 1;
        Ok(text)
    }

    fn comparison(&mut self) -> Result<Test, SyntaxError> {
        let above = self.eat(">") || !self.eat("<");
        let bound = if self.eat("=") { Bound::Inclusive } else { Bound::Exclusive };
        self.skip_space();
        let from = self.at;
        let value = if self.peek() == Some('"') {
            Value { text: self.quoted()?, quoted: true }
        } else {
            match Pattern(self.word(false)?).literal() {
                Some(text) => Value { text: text.to_owned(), quoted: false },
                None => return self.error_at(from, "a value without wildcards"),
            }
        };
        let value = bound(value);
        Ok(if above {
            Test::Range { low: value, high: Bound::Open }
        } else {
            Test::Range { low: Bound::Open, high: value }
        })
    }

    fn range(&mut self) -> Result<Test, SyntaxError> {
        let bound = |inclusive| if inclusive { Bound::Inclusive } else { Bound::Exclusive };
        let inclusive = self.eat("[") || !self.eat("{");
        let low = self.bound()?.map_or(Bound::Open, bound(inclusive));
        let follows = self.chars.get(self.at + 2);
        if !self.ahead("TO") || follows.is_some_and(|c| c.is_alphanumeric()) {
            return self.expected("'TO'");
        }
        self.at += 2;
        if !follows.is_some_and(|c| c.is_whitespace() || *c == '"') {
            return self.expected("a space and a value after 'TO'");
        }
        let high = self.bound()?;
        let inclusive = self.eat("]");
        if !inclusive && !self.eat("}") {
            return self.expected("']' or '}'");
        }
        let high = high.map_or(Bound::Open, bound(inclusive));
        Ok(if low == Bound::Open && high == Bound::Open { Test::Exists } else { Test::Range { low, high } })
    }

    /// The value of one end of a range; `None` for `*`.
    fn bound(&mut self) -> Result<Option<Value>, SyntaxError> {
        self.skip_space();
        if self.peek() == Some('"') {
            let text = self.quoted()?;
            self.skip_space();
            return Ok(Some(Value { text, quoted: true }));
        }
        let from = self.at;
        let mut text = String::new();
        let mut wildcard = false;
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace() && !matches!(c, ']' | '}')) {
            wildcard |= matches!(c, '*' | '?');
            text.push(self.character()?);
        }
        let open = wildcard && self.chars[from..self.at] == ['*'];
        if text.is_empty() || wildcard && !open {
            return self.error_at(from, "a value without wildcards, or '*' alone");
        }
        self.skip_space();
        Ok((!open).then_some(Value { text, quoted: false }))
    }

    /// One character, or the character after a `\`.
    fn character(&mut self) -> Result<char, SyntaxError> {
        self.at += usize::from(self.peek() == Some('\\'));
        let Some(c) = self.peek() else { return self.expected("a character after '\\'") };
        self.at += 1;
        Ok(c)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn ahead(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(n, c)| self.chars.get(self.at + n) == Some(&c))
    }

    fn eat(&mut self, text: &str) -> bool {
        let ahead = self.ahead(text);
        self.at += if ahead { text.len() } else { 0 };
        ahead
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// The operator in capitals at the current position.
    fn keyword(&self) -> Option<&'static str> {
        let ends = |c: Option<&char>| c.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'));
        let here = |word: &&str| self.ahead(word) && ends(self.chars.get(self.at + word.len()));
        ["AND", "OR", "NOT"].into_iter().find(here)
    }

    fn operator(&mut self, word: &str, symbol: &str) -> bool {
        let found = self.eat(symbol) || self.keyword() == Some(word) && self.eat(word);
        if found {
            self.skip_space();
        }
        found
    }

    fn expected<T>(&self, expected: impl Into<String>) -> Result<T, SyntaxError> {
        self.error_at(self.at, expected)
    }

    fn error_at<T>(&self, at: usize, expected: impl Into<String>) -> Result<T, SyntaxError> {
        let rest = self.chars.get(at..).unwrap_or_default();
        let length = rest.iter().take(20).take_while(|c| c.is_alphanumeric()).count().max(1);
        let found: String = rest.iter().take(length).collect();
        let found = match rest.first() {
            None => "end of query".to_owned(),
            Some(c) if c.is_control() => format!("'{}'", c.escape_default()),
            Some(_) => format!("'{found}'"),
        };
        Err(SyntaxError { column: at + 1, found, expected: expected.into() })
    }
}
