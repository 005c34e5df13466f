//! From the tree to a plan: every test knows its field, and its values have the field's type.

use time::OffsetDateTime;

use super::ast::{Bound, Expr, Leaf, Pattern, SyntaxError, Test as Asked, Value};
use super::fields::{Field, Kind, Resource};
use super::indexed::Indexed;
use super::value::{interval, is_number};

/// What a query asks of a record. `And` and `Or` have two operands or more, none of them constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The same for all.
    Constant(bool),
    /// Every one of them.
    And(Vec<Plan>),
    /// At least one of them.
    Or(Vec<Plan>),
    /// Everything else.
    Not(Box<Plan>),
    /// One test.
    Test(Test),
}

/// A test that any one value of a field meets.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is a value.
    Exists(&'static Field),
    /// A text, or a truth value as a text.
    Text(&'static Field, Is),
    /// A time, from the first until the second.
    Time(&'static Field, Option<OffsetDateTime>, Option<OffsetDateTime>),
    /// A value in a document.
    Json(Path, Is),
    /// A number in a document.
    Number(Path, Is),
    /// Anything but empty objects, empty arrays and nulls in a document.
    JsonExists(Path),
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The column of the document.
    pub column: &'static str,
    /// The keys that lead there.
    pub keys: Vec<String>,
    /// The index on it, if it has one of its own.
    pub indexed: Option<Indexed>,
}

/// What a value is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    /// One of these.
    OneOf(Vec<String>),
    /// A text of this form.
    Like(Pattern),
    /// Between these.
    Between(Bound, Bound),
}

/// Tests a plan is made of at most. A word without a field is one of every field that words look at.
pub const MAX_TESTS: usize = 2_000;

impl Plan {
    /// What a query means for a resource.
    pub fn of(resource: &'static Resource, query: &Expr) -> Result<Self, SyntaxError> {
        Self::counted(resource, query, &mut 0)
    }

    /// The same, with so many tests before it.
    fn counted(resource: &'static Resource, query: &Expr, tests: &mut usize) -> Result<Self, SyntaxError> {
        let mut all = |operands: &[Expr]| {
            operands
                .iter()
                .map(|operand| Self::counted(resource, operand, tests))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match query {
            Expr::All => Self::Constant(true),
            Expr::And(operands) => Self::joined(all(operands)?, false, Self::And),
            Expr::Or(operands) => Self::joined(together(all(operands)?), true, Self::Or),
            Expr::Not(operand) => match Self::counted(resource, operand, tests)? {
                Self::Constant(value) => Self::Constant(!value),
                plan => Self::Not(Box::new(plan)),
            },
            Expr::Leaf(leaf) => {
                let words = resource.words.len();
                *tests += if leaf.field.is_none() { words } else { 1 };
                if *tests > MAX_TESTS {
                    let expected =
                        format!("at most {MAX_TESTS} tests, of which a word without a field makes {words}");
                    return Err(unexpected(leaf, &expected));
                }
                Self::of_leaf(resource, leaf)?
            }
        })
    }

    /// The same, by indexes on these paths where it asks for one.
    pub fn indexed(self, paths: &[Indexed]) -> Self {
        let all = |operands: Vec<Self>| operands.into_iter().map(|operand| operand.indexed(paths)).collect();
        match self {
            Self::And(operands) => Self::And(all(operands)),
            Self::Or(operands) => Self::Or(all(operands)),
            Self::Test(Test::Json(mut path, is)) => {
                path.indexed =
                    paths.iter().find(|indexed| indexed.leads_to(path.column, &path.keys)).cloned();
                Self::Test(Test::Json(path, is))
            }
            // No index proposes what is not.
            plan => plan,
        }
    }

    /// Operands joined by an operator that one `decisive` operand decides.
    fn joined(mut operands: Vec<Self>, decisive: bool, operator: fn(Vec<Self>) -> Self) -> Self {
        if operands.contains(&Self::Constant(decisive)) {
            return Self::Constant(decisive);
        }
        operands.retain(|operand| *operand != Self::Constant(!decisive));
        match operands.len() {
            0 => Self::Constant(!decisive),
            1 => operands.remove(0),
            _ => operator(operands),
        }
    }

    fn of_leaf(resource: &'static Resource, leaf: &Leaf) -> Result<Self, SyntaxError> {
        if let Asked::Word(pattern) = &leaf.test
            && pattern.leads_with_wildcard()
            && pattern.longest_text() < 3
        {
            return Err(unexpected(leaf, "at least 3 characters side by side behind a leading wildcard"));
        }
        let Some(path) = &leaf.field else {
            let fields = resource.fields.iter().filter(|field| resource.words.contains(&field.path));
            let tests = fields.map(|field| of_field(field, leaf)).collect::<Result<_, _>>()?;
            return Ok(Self::Or(tests));
        };
        if path.len() > crate::base::json::LEVELS {
            return Ok(Self::Constant(false));
        }
        if let Some((_, column)) = resource.objects.iter().find(|(object, _)| *object == path[0]) {
            let path = Path { column, keys: path[1..].to_vec(), indexed: None };
            return Ok(Self::Test(match is(&leaf.test) {
                None => Test::JsonExists(path),
                Some(is) => Test::Json(path, is),
            }));
        }
        match resource.fields.iter().find(|field| field.path == path) {
            Some(field) => of_field(field, leaf),
            None => Ok(Self::Constant(false)),
        }
    }
}

/// Equalities of one field become one test: clients ask for hundreds of addresses at once.
fn together(operands: Vec<Plan>) -> Vec<Plan> {
    let mut joined: Vec<Plan> = Vec::new();
    for operand in operands {
        let more = match &operand {
            Plan::Test(Test::Text(_, Is::OneOf(texts)) | Test::Json(_, Is::OneOf(texts))) => texts,
            _ => &vec![],
        };
        let known = joined.iter_mut().find_map(|known| match (known, &operand) {
            (Plan::Test(Test::Text(a, Is::OneOf(texts))), Plan::Test(Test::Text(b, Is::OneOf(_))))
                if a == b =>
            {
                Some(texts)
            }
            (Plan::Test(Test::Json(a, Is::OneOf(texts))), Plan::Test(Test::Json(b, Is::OneOf(_))))
                if a == b =>
            {
                Some(texts)
            }
            _ => None,
        });
        match known {
            Some(texts) => texts.extend_from_slice(more),
            None => joined.push(operand),
        }
    }
    joined
}

fn of_field(field: &'static Field, leaf: &Leaf) -> Result<Plan, SyntaxError> {
    let number = || {
        let keys = field.path.iter().map(|key| (*key).to_owned()).collect();
        Path { column: field.value, keys, indexed: None }
    };
    let Some(is) = is(&leaf.test) else {
        return Ok(Plan::Test(match field.kind {
            Kind::Number => Test::JsonExists(number()),
            _ => Test::Exists(field),
        }));
    };
    Ok(Plan::Test(match field.kind {
        Kind::Text | Kind::FoldedText => Test::Text(field, is),
        Kind::Presence => return Ok(Plan::Constant(false)),
        Kind::Boolean => match is {
            Is::OneOf(texts) if texts == ["true"] || texts == ["false"] => {
                Test::Text(field, Is::OneOf(texts))
            }
            _ => return Err(unexpected(leaf, "true or false")),
        },
        Kind::Number => {
            let fine = match &is {
                Is::OneOf(texts) => texts.iter().all(|text| is_number(text)),
                Is::Like(_) => false,
                Is::Between(low, high) => {
                    [low, high].into_iter().filter_map(given).all(|v| is_number(&v.text))
                }
            };
            if !fine {
                return Err(unexpected(leaf, "a number"));
            }
            Test::Number(number(), is)
        }
        Kind::Date | Kind::DateText => {
            let (low, high) = match is {
                Is::OneOf(texts) => {
                    let value = Bound::Inclusive(Value { text: texts.concat(), quoted: true });
                    (value.clone(), value)
                }
                Is::Like(_) => return Err(unexpected(leaf, "a date without wildcards")),
                Is::Between(low, high) => (low, high),
            };
            let date = |bound: &Bound| {
                let fault = || unexpected(leaf, "a date such as 2018-01-31 or 2018-01-31T10:00:00Z");
                given(bound).map(|value| interval(&value.text).ok_or_else(fault)).transpose()
            };
            let (from, until) = (date(&low)?, date(&high)?);
            // Behind the end of time there is nobody.
            if matches!((&low, from), (Bound::Exclusive(_), Some((_, None)))) {
                return Ok(Plan::Constant(false));
            }
            Test::Time(
                field,
                from.and_then(
                    |(start, end)| if matches!(low, Bound::Exclusive(_)) { end } else { Some(start) },
                ),
                until.and_then(
                    |(start, end)| if matches!(high, Bound::Exclusive(_)) { Some(start) } else { end },
                ),
            )
        }
    }))
}

/// What a value is to be; `None` if there only has to be one.
fn is(asked: &Asked) -> Option<Is> {
    Some(match asked {
        Asked::Exists => return None,
        Asked::Phrase(text) => Is::OneOf(vec![text.clone()]),
        Asked::Word(pattern) => match pattern.literal() {
            Some(text) => Is::OneOf(vec![text.to_owned()]),
            None => Is::Like(pattern.clone()),
        },
        Asked::Range { low, high } => Is::Between(low.clone(), high.clone()),
    })
}

/// The value of an end of a range that has one.
pub(crate) fn given(bound: &Bound) -> Option<&Value> {
    match bound {
        Bound::Open => None,
        Bound::Inclusive(value) | Bound::Exclusive(value) => Some(value),
    }
}

fn unexpected(leaf: &Leaf, expected: &str) -> SyntaxError {
    let found: String = leaf.test.to_string().chars().take(100).collect();
    SyntaxError { column: leaf.column, found, expected: expected.to_owned() }
}
