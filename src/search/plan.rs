//! The plan of a query: a tree of predicates with resolved fields and values of the field's type.

use time::OffsetDateTime;

use super::ast::{Bound, Expr, Leaf, Pattern, SyntaxError, Test, Value};
use super::fields::{Field, Kind, Resource};
use super::indexed::IndexedPath;
use super::value::{interval, is_number};

/// The condition of a query on a record. `And` and `Or` have at least two operands, none of them constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The same result for every record.
    Constant(bool),
    /// Matches if all operands match.
    And(Vec<Plan>),
    /// Matches if at least one operand matches.
    Or(Vec<Plan>),
    /// Matches if the operand does not.
    Not(Box<Plan>),
    /// A predicate on one field.
    Predicate(Predicate),
}

/// A predicate on a field. It holds if it holds for at least one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// The field has a value.
    Exists(&'static Field),
    /// A text, or a boolean as text.
    Text(&'static Field, Comparison),
    /// A time: at or after the first bound and before the second, where bound_value.
    Time(&'static Field, Option<OffsetDateTime>, Option<OffsetDateTime>),
    /// A scalar of any type in a JSON column.
    Json(Path, Comparison),
    /// A number in a JSON column.
    Number(Path, Comparison),
    /// A string, number or boolean at or below a path of a JSON column.
    JsonExists(Path),
}

/// A path in a JSON column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The SQL expression of the column.
    pub column: &'static str,
    /// The object keys.
    pub keys: Vec<String>,
    /// The path's own index, if any.
    pub indexed: Option<IndexedPath>,
}

/// A comparison with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal to one of these texts.
    OneOf(Vec<String>),
    /// Matches a pattern.
    Like(Pattern),
    /// Between two bounds.
    Between(Bound, Bound),
}

/// The maximum number of predicates in a plan. A word without a field counts once for each field it searches.
pub const MAX_PREDICATES: usize = 2_000;

impl Plan {
    /// The plan of a query on a resource. Fails if a test does not fit its field's type, or with too many
    /// predicates.
    pub fn of(resource: &'static Resource, query: &Expr) -> Result<Self, SyntaxError> {
        Self::build(resource, query, &mut 0)
    }

    /// `predicates` counts the predicates of the whole plan.
    fn build(resource: &'static Resource, query: &Expr, predicates: &mut usize) -> Result<Self, SyntaxError> {
        let mut all = |operands: &[Expr]| {
            operands
                .iter()
                .map(|operand| Self::build(resource, operand, predicates))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match query {
            Expr::All => Self::Constant(true),
            Expr::And(operands) => Self::join(all(operands)?, false, Self::And),
            Expr::Or(operands) => Self::join(merge_equalities(all(operands)?), true, Self::Or),
            Expr::Not(operand) => match Self::build(resource, operand, predicates)? {
                Self::Constant(value) => Self::Constant(!value),
                plan => Self::Not(Box::new(plan)),
            },
            Expr::Leaf(leaf) => {
                let words = resource.words.len();
                *predicates += if leaf.field.is_none() { words } else { 1 };
                if *predicates > MAX_PREDICATES {
                    let expected =
                        format!("at most {MAX_PREDICATES} tests (a word without a field counts as {words})");
                    return Err(unexpected(leaf, &expected));
                }
                Self::from_leaf(resource, leaf)?
            }
        })
    }

    /// Assigns indexes of metadata paths to the predicates on these paths.
    pub fn with_indexes(self, paths: &[IndexedPath]) -> Self {
        let all =
            |operands: Vec<Self>| operands.into_iter().map(|operand| operand.with_indexes(paths)).collect();
        match self {
            Self::And(operands) => Self::And(all(operands)),
            Self::Or(operands) => Self::Or(all(operands)),
            Self::Predicate(Predicate::Json(mut path, comparison)) => {
                path.indexed =
                    paths.iter().find(|indexed| indexed.is_path_of(path.column, &path.keys)).cloned();
                Self::Predicate(Predicate::Json(path, comparison))
            }
            // An index finds no candidates for a negation.
            plan => plan,
        }
    }

    /// Joins operands and folds constants. A constant operand equal to `dominant` decides the result.
    fn join(mut operands: Vec<Self>, dominant: bool, operator: fn(Vec<Self>) -> Self) -> Self {
        if operands.contains(&Self::Constant(dominant)) {
            return Self::Constant(dominant);
        }
        operands.retain(|operand| *operand != Self::Constant(!dominant));
        match operands.len() {
            0 => Self::Constant(!dominant),
            1 => operands.remove(0),
            _ => operator(operands),
        }
    }

    fn from_leaf(resource: &'static Resource, leaf: &Leaf) -> Result<Self, SyntaxError> {
        if let Test::Word(pattern) = &leaf.test
            && pattern.leads_with_wildcard()
            && pattern.longest_text() < 3
        {
            return Err(unexpected(leaf, "at least 3 consecutive characters after a leading wildcard"));
        }
        let Some(path) = &leaf.field else {
            let fields = resource.fields.iter().filter(|field| resource.words.contains(&field.path));
            let operands = fields.map(|field| field_predicate(field, leaf)).collect::<Result<_, _>>()?;
            return Ok(Self::Or(operands));
        };
        if path.len() > crate::base::json::MAX_LEVELS {
            return Ok(Self::Constant(false));
        }
        if let Some((_, column)) = resource.objects.iter().find(|(object, _)| *object == path[0]) {
            let path = Path { column, keys: path[1..].to_vec(), indexed: None };
            return Ok(Self::Predicate(match comparison(&leaf.test) {
                None => Predicate::JsonExists(path),
                Some(comparison) => Predicate::Json(path, comparison),
            }));
        }
        match resource.fields.iter().find(|field| field.path == path) {
            Some(field) => field_predicate(field, leaf),
            None => Ok(Self::Constant(false)),
        }
    }
}

/// Merges equalities of one field into one predicate, because clients send hundreds of addresses in one query.
fn merge_equalities(operands: Vec<Plan>) -> Vec<Plan> {
    let mut merged: Vec<Plan> = Vec::new();
    for mut operand in operands {
        if !merged.iter_mut().any(|known| merge_equality(known, &mut operand)) {
            merged.push(operand);
        }
    }
    merged
}

/// Moves the texts of an equality into a known one of the same field; `false` if it is not one.
fn merge_equality(known: &mut Plan, operand: &mut Plan) -> bool {
    match (known, operand) {
        (
            Plan::Predicate(Predicate::Text(a, Comparison::OneOf(texts))),
            Plan::Predicate(Predicate::Text(b, Comparison::OneOf(more))),
        ) if a == b => texts.append(more),
        (
            Plan::Predicate(Predicate::Json(a, Comparison::OneOf(texts))),
            Plan::Predicate(Predicate::Json(b, Comparison::OneOf(more))),
        ) if a == b => texts.append(more),
        _ => return false,
    }
    true
}

fn field_predicate(field: &'static Field, leaf: &Leaf) -> Result<Plan, SyntaxError> {
    let json_path = || {
        let keys = field.path.iter().map(|key| (*key).to_owned()).collect();
        Path { column: field.value, keys, indexed: None }
    };
    let Some(comparison) = comparison(&leaf.test) else {
        return Ok(Plan::Predicate(match field.kind {
            Kind::Number => Predicate::JsonExists(json_path()),
            _ => Predicate::Exists(field),
        }));
    };
    Ok(Plan::Predicate(match field.kind {
        Kind::Text | Kind::FoldedText => Predicate::Text(field, comparison),
        Kind::Presence => return Ok(Plan::Constant(false)),
        Kind::Boolean => match comparison {
            Comparison::OneOf(texts) if texts == ["true"] || texts == ["false"] => {
                Predicate::Text(field, Comparison::OneOf(texts))
            }
            _ => return Err(unexpected(leaf, "true or false")),
        },
        Kind::Number => {
            let is_numeric = match &comparison {
                Comparison::OneOf(texts) => texts.iter().all(|text| is_number(text)),
                Comparison::Like(_) => false,
                Comparison::Between(low, high) => {
                    [low, high].into_iter().filter_map(bound_value).all(|value| is_number(&value.text))
                }
            };
            if !is_numeric {
                return Err(unexpected(leaf, "a number"));
            }
            Predicate::Number(json_path(), comparison)
        }
        Kind::Date | Kind::DateText => return time_predicate(field, leaf, comparison),
    }))
}

/// An inclusive bound covers the whole interval of its date, an exclusive one excludes the whole interval.
fn time_predicate(field: &'static Field, leaf: &Leaf, comparison: Comparison) -> Result<Plan, SyntaxError> {
    let (low, high) = match comparison {
        Comparison::OneOf(texts) => {
            let value = Bound::Inclusive(Value { text: texts.concat(), quoted: true });
            (value.clone(), value)
        }
        Comparison::Like(_) => return Err(unexpected(leaf, "a date without wildcards")),
        Comparison::Between(low, high) => (low, high),
    };
    let date = |bound: &Bound| {
        let invalid = || unexpected(leaf, "a date such as 2018-01-31 or 2018-01-31T10:00:00Z");
        bound_value(bound).map(|value| interval(&value.text).ok_or_else(invalid)).transpose()
    };
    let (from, until) = (date(&low)?, date(&high)?);
    // No record is later than the last representable time.
    if matches!((&low, from), (Bound::Exclusive(_), Some((_, None)))) {
        return Ok(Plan::Constant(false));
    }
    let is_exclusive = |bound| matches!(bound, Bound::Exclusive(_));
    let from = from.and_then(|(start, end)| if is_exclusive(low) { end } else { Some(start) });
    let until = until.and_then(|(start, end)| if is_exclusive(high) { Some(start) } else { end });
    Ok(Plan::Predicate(Predicate::Time(field, from, until)))
}

/// The comparison of a test; `None` for a test of existence.
fn comparison(test: &Test) -> Option<Comparison> {
    Some(match test {
        Test::Exists => return None,
        Test::Phrase(text) => Comparison::OneOf(vec![text.clone()]),
        Test::Word(pattern) => match pattern.literal() {
            Some(text) => Comparison::OneOf(vec![text.to_owned()]),
            None => Comparison::Like(pattern.clone()),
        },
        Test::Range { low, high } => Comparison::Between(low.clone(), high.clone()),
    })
}

/// The value of a bound; `None` if the range is unbounded there.
pub(crate) fn bound_value(bound: &Bound) -> Option<&Value> {
    match bound {
        Bound::Open => None,
        Bound::Inclusive(value) | Bound::Exclusive(value) => Some(value),
    }
}

fn unexpected(leaf: &Leaf, expected: &str) -> SyntaxError {
    let found: String = leaf.test.to_string().chars().take(100).collect();
    SyntaxError { column: leaf.column, found, expected: expected.to_owned() }
}
