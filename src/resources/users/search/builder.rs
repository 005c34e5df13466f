//! Builds the SQL of a plan: a WHERE condition in which every value is bound, and index candidates.
//!
//! The condition alone decides whether a user matches; it reads the document. The [`Candidates`] of an index
//! are a superset of the matches.

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use time::OffsetDateTime;

use super::jsonpath::{self, JsonPath};
use crate::base::error::{Error, codes};
use crate::base::timestamp::timestamp;
use crate::db::array_literal;
use crate::search::ast::{Bound, Pattern, Piece};
use crate::search::fields::{Field, Kind};
use crate::search::plan::{Comparison, Path, Plan, Predicate, bound_value};

/// A bound value.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    /// `text`.
    Text(String),
    /// `text[]`.
    Texts(Vec<String>),
    /// `bigint`.
    Integer(i64),
    /// `timestamptz`.
    Time(OffsetDateTime),
    /// `jsonpath`.
    JsonPath(String),
}

impl Bind {
    fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    fn time(&self) -> Option<OffsetDateTime> {
        if let Self::Time(time) = self { Some(*time) } else { None }
    }

    /// The text form of the types that a batch binds as text and casts.
    fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) | Self::JsonPath(text) => Some(text.into()),
            Self::Texts(texts) => Some(array_literal(texts.iter().map(|text| Some(&**text))).into()),
            Self::Integer(_) | Self::Time(_) => None,
        }
    }
}

/// Collects the bound values of a statement, of which the tenant is the first.
#[derive(Debug)]
pub struct Builder {
    tenant: String,
    binds: Vec<Bind>,
    /// Whether the statement runs a batch of searches. The values of a search are the columns of a row `k`
    /// then.
    is_batch: bool,
}

/// Planning one SELECT for each operand of a larger OR takes longer than a scan in list order.
const MAX_OR_OPERANDS: usize = 50;

/// The maximum length of a prepared statement, in bytes. The server-side plan of a search with a thousand
/// predicates would occupy tens of megabytes for the lifetime of its connection.
const MAX_PREPARED_LENGTH: usize = 8 * 1024;

/// The sources of candidates: a superset of the matching users, from indexes.
#[derive(Debug, Default)]
pub struct Candidates {
    /// A condition on `users u` that the index on metadata serves.
    metadata: Option<String>,
    /// SELECTs of user ids.
    selects: Vec<String>,
}

impl Builder {
    /// A builder for the statement of one search.
    pub fn new(tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), binds: vec![Bind::Text(tenant.to_owned())], is_batch: false }
    }

    /// A builder for a statement that [`Builder::batch_statement`] completes.
    pub fn for_batch(tenant: &str) -> Self {
        Self { is_batch: true, ..Self::new(tenant) }
    }

    pub(super) fn tenant_id(&self) -> &str {
        &self.tenant
    }

    /// The SQL reference of the tenant.
    pub fn tenant(&self) -> &'static str {
        if self.is_batch { "k.p1" } else { "$1" }
    }

    /// Binds a value and returns its SQL reference.
    pub fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("{}{}", if self.is_batch { "k.p" } else { "$" }, self.binds.len())
    }

    /// The bound values, in order.
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The statement with its bound values.
    pub fn query<'q>(&'q self, sql: &'q str) -> Query<'q, Postgres, PgArguments> {
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(sql.len() <= MAX_PREPARED_LENGTH);
        self.binds.iter().fold(query, |query, value| match value {
            Bind::Text(text) => query.bind(text),
            Bind::Texts(texts) => query.bind(texts),
            Bind::Integer(number) => query.bind(number),
            Bind::Time(time) => query.bind(time),
            Bind::JsonPath(path) => query.bind(JsonPath(path)),
        })
    }

    /// The statement that runs a SELECT of users for a batch of searches. Its rows have the 1-based index of
    /// their search as `n`. `None` if it is too long to be prepared.
    pub fn batch_statement(&self, select: &str) -> Option<String> {
        let (mut arrays, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (n, value) in self.binds.iter().enumerate() {
            let (element, cast) = match value {
                Bind::Text(_) => ("text", ""),
                // PostgreSQL has no arrays of arrays of different lengths.
                Bind::Texts(_) => ("text", "::text[]"),
                Bind::JsonPath(_) => ("text", "::jsonpath"),
                Bind::Integer(_) => ("bigint", ""),
                Bind::Time(_) => ("timestamptz", ""),
            };
            let name = format!("p{}", n + 1);
            arrays.push(format!("${}::{element}[]", n + 1));
            values.push(format!("{name}{cast} as {name}"));
            names.push(name);
        }
        let (arrays, names, values) = (arrays.join(", "), names.join(", "), values.join(", "));
        // `offset 0` keeps the casts in the subquery, so that they run once per search and not once per user.
        let sql = format!(
            "select k.n, f.*
           from (select n, {values} from unnest({arrays}) with ordinality as k({names}, n) offset 0) k
          cross join lateral (
         {select}
         ) f
          order by k.n, f.created_at, f.user_id"
        );
        (sql.len() <= MAX_PREPARED_LENGTH).then_some(sql)
    }

    /// A batch statement with the values of searches that share it.
    pub fn batch_query<'q>(sql: &'q str, searches: &[&'q Self]) -> Query<'q, Postgres, PgArguments> {
        let query = sqlx::query(sqlx::AssertSqlSafe(sql));
        let Some(first) = searches.first() else { return query };
        (0..first.binds.len()).fold(query, |query, n| {
            let values = searches.iter().map(|search| &search.binds[n]);
            match first.binds[n] {
                Bind::Integer(_) => query.bind(values.map(Bind::integer).collect::<Vec<_>>()),
                Bind::Time(_) => query.bind(values.map(Bind::time).collect::<Vec<_>>()),
                _ => query.bind(values.map(Bind::text).collect::<Vec<_>>()),
            }
        })
    }

    /// The condition of a plan on a user `u`. It is never null, so that `not` is the complement.
    pub fn condition(&mut self, plan: &Plan) -> String {
        match plan {
            Plan::Constant(value) => value.to_string(),
            Plan::And(operands) => self.join(operands, " and "),
            Plan::Or(operands) => self.join(operands, " or "),
            Plan::Not(operand) => format!("not {}", self.condition(operand)),
            Plan::Predicate(predicate) => format!("(({}) is true)", self.predicate(predicate)),
        }
    }

    fn join(&mut self, operands: &[Plan], operator: &str) -> String {
        let operands: Vec<String> = operands.iter().map(|operand| self.condition(operand)).collect();
        format!("({})", operands.join(operator))
    }

    fn predicate(&mut self, predicate: &Predicate) -> String {
        match predicate {
            Predicate::Exists(field) => any_value(field, format!("{} is not null", field.value)),
            Predicate::Text(field, comparison) => {
                let folded = field.kind == Kind::FoldedText;
                let value =
                    if folded { format!("fold_case({})", field.value) } else { field.value.to_owned() };
                let condition = self.text(&value, comparison, folded);
                any_value(field, condition)
            }
            Predicate::Time(field, low, high) => self.time(field, [(">=", low), ("<", high)]),
            Predicate::Json(path, comparison) => self.json(path, &jsonpath::scalar_filter(comparison)),
            Predicate::Number(path, comparison) => self.json(path, &jsonpath::number_filter(comparison)),
            Predicate::JsonExists(path) => {
                format!("{} @? {}", path.column, self.bind(Bind::JsonPath(jsonpath::scalars(path))))
            }
        }
    }

    fn time(&mut self, field: &Field, bounds: [(&str, &Option<OffsetDateTime>); 2]) -> String {
        let is_text = field.kind == Kind::DateText;
        let collation = if is_text { " collate \"C\"" } else { "" };
        let conditions: Vec<String> = bounds
            .into_iter()
            .filter_map(|(operator, bound)| {
                let bound = (*bound)?;
                let bound = if is_text { Bind::Text(timestamp(bound)) } else { Bind::Time(bound) };
                Some(format!("{}{collation} {operator} {}", field.value, self.bind(bound)))
            })
            .collect();
        if conditions.is_empty() { format!("{} is not null", field.value) } else { conditions.join(" and ") }
    }

    fn text(&mut self, value: &str, comparison: &Comparison, folded: bool) -> String {
        match comparison {
            Comparison::OneOf(texts) => format!("{value} = {}", self.equal_operand(texts, folded)),
            Comparison::Like(pattern) => format!("{value} like {}", self.operand(&like(pattern), folded)),
            Comparison::Between(low, high) => {
                let conditions: Vec<String> = [(">", low), ("<", high)]
                    .into_iter()
                    .filter_map(|(operator, bound)| {
                        let operand = self.operand(&bound_value(bound)?.text, folded);
                        let or_equal = if matches!(bound, Bound::Inclusive(_)) { "=" } else { "" };
                        Some(format!("({value}) collate \"C\" {operator}{or_equal} {operand}"))
                    })
                    .collect();
                conditions.join(" and ")
            }
        }
    }

    /// A text operand. The subquery folds it once per statement.
    fn operand(&mut self, text: &str, folded: bool) -> String {
        let name = self.bind(Bind::Text(text.to_owned()));
        if folded { format!("(select fold_case({name}))") } else { name }
    }

    /// The right side of `=` for one or several texts.
    fn equal_operand(&mut self, texts: &[String], folded: bool) -> String {
        let [text] = texts else {
            let name = self.bind(Bind::Texts(texts.to_vec()));
            let all = format!("(select array_agg(fold_case(text)) from unnest({name}::text[]) text)::text[]");
            return format!("any({})", if folded { all } else { name });
        };
        self.operand(text, folded)
    }

    fn json(&mut self, path: &Path, filter: &str) -> String {
        let text = jsonpath::filtered(None, path, filter);
        format!("{} @? {}", path.column, self.bind(Bind::JsonPath(text)))
    }

    /// The candidates of a plan; `None` if no index serves it.
    pub fn candidates(&mut self, plan: &Plan) -> Option<Candidates> {
        let access = index_access(plan)?;
        match plan {
            Plan::And(operands) => {
                let mut cheapest = operands.iter().filter(|operand| index_access(operand) == Some(access));
                let mut first = self.candidates(cheapest.next()?)?;
                // One scan of the index on metadata combines conditions. Of other indexes one condition is
                // enough.
                if first.selects.is_empty() {
                    let is_metadata =
                        |operand: &&Plan| matches!(operand, Plan::Predicate(Predicate::Json(..)));
                    for other in cheapest.filter(is_metadata) {
                        let other = self.candidates(other)?.metadata;
                        first.metadata = first.metadata.zip(other).map(|(a, b)| format!("{a} and {b}"));
                    }
                }
                Some(first)
            }
            Plan::Or(operands) => {
                let mut all = Candidates::default();
                let mut metadata = Vec::new();
                for operand in operands {
                    let candidates = self.candidates(operand)?;
                    metadata.extend(candidates.metadata.map(|condition| format!("({condition})")));
                    all.selects.extend(candidates.selects);
                }
                all.metadata = (!metadata.is_empty()).then(|| format!("({})", metadata.join(" or ")));
                Some(all)
            }
            Plan::Predicate(Predicate::Json(path, comparison @ Comparison::OneOf(_))) => {
                let filter = jsonpath::scalar_filter(comparison);
                let text = jsonpath::filtered(Some(&self.tenant), path, &filter);
                let text = self.bind(Bind::JsonPath(text));
                let metadata = Some(format!("searchable(u.tenant_id, {}) @? {text}", path.column));
                Some(Candidates { metadata, selects: vec![] })
            }
            Plan::Predicate(Predicate::Json(path, comparison)) => {
                let (key, (low, high)) = (path.indexed.as_ref()?.key(), search_key_range(comparison)?);
                let range = format!(
                    "{} and ({key}) collate \"C\" <= {}",
                    self.bind(Bind::Text(low)),
                    self.bind(Bind::Text(high))
                );
                let tenant = self.tenant();
                let select = |condition: &str| {
                    format!(
                        "select u.user_id from users u where u.tenant_id = {tenant} and ({key}) collate \"C\" {condition}"
                    )
                };
                // `m` is the key of a user with several values at the path.
                let selects = vec![select(&format!(">= {range}")), select("= 'm'")];
                Some(Candidates { metadata: None, selects })
            }
            Plan::Predicate(Predicate::Text(field, comparison)) => {
                Some(Candidates { metadata: None, selects: self.term_selects(field, comparison)? })
            }
            Plan::Constant(_) | Plan::Not(_) | Plan::Predicate(_) => None,
        }
    }

    /// SELECTs of user ids from `user_terms`.
    fn term_selects(&mut self, field: &Field, comparison: &Comparison) -> Option<Vec<String>> {
        if field.path == ["user_id"] {
            let Comparison::OneOf(ids) = comparison else { return None };
            return Some(vec![format!(
                "select unnest({}::text[]) as user_id",
                self.bind(Bind::Texts(ids.clone()))
            )]);
        }
        let condition: Box<dyn Fn(&str) -> String> = match comparison {
            Comparison::OneOf(texts) => {
                let operand = self.equal_operand(texts, true);
                Box::new(move |column| format!("{column} = {operand}"))
            }
            Comparison::Like(pattern) => {
                if let Some(Piece::Text(prefix)) = pattern.0.first() {
                    let operand = self.operand(prefix, true);
                    // Sorts after every text with the prefix: 300 times the last code point exceeds any
                    // stored name.
                    let end = format!("{operand} || repeat(chr(1114111), 300)");
                    Box::new(move |column| format!("{column} >= {operand} and {column} <= {end}"))
                } else {
                    let operand = self.operand(&like(pattern), true);
                    Box::new(move |column| format!("{column} like {operand}"))
                }
            }
            Comparison::Between(..) => {
                let condition = self.text("t.column", comparison, true);
                Box::new(move |column| condition.replace("t.column", column))
            }
        };
        let tenant = self.tenant();
        let select = |column: &&str| {
            let condition = condition(&format!("t.{column}"));
            format!("select t.user_id from user_terms t where t.tenant_id = {tenant} and {condition}")
        };
        Some(field.terms.iter().map(select).collect())
    }
}

/// How an index serves a plan, the cheapest access first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum IndexAccess {
    /// Equality of a user id or a term.
    Lookup,
    /// Equality in the index on metadata.
    Metadata,
    /// A range of adjacent keys.
    Range,
    /// All entries of the tenant.
    FullScan,
}

/// How an index serves a plan; `None` if no index does.
pub(super) fn index_access(plan: &Plan) -> Option<IndexAccess> {
    match plan {
        Plan::And(operands) => operands.iter().filter_map(index_access).min(),
        Plan::Or(operands) if operands.len() > MAX_OR_OPERANDS => None,
        Plan::Or(operands) => operands
            .iter()
            .try_fold(IndexAccess::Lookup, |worst, operand| Some(index_access(operand)?.max(worst))),
        Plan::Predicate(Predicate::Json(_, Comparison::OneOf(_))) => Some(IndexAccess::Metadata),
        Plan::Predicate(Predicate::Json(path, comparison)) => {
            path.indexed.as_ref().and(search_key_range(comparison)).map(|_| IndexAccess::Range)
        }
        Plan::Predicate(Predicate::Text(field, comparison)) if field.path == ["user_id"] => {
            matches!(comparison, Comparison::OneOf(_)).then_some(IndexAccess::Lookup)
        }
        Plan::Predicate(Predicate::Text(field, _)) if field.terms.is_empty() => None,
        Plan::Predicate(Predicate::Text(field, comparison)) => match comparison {
            // A computed name can be empty; it is not in `user_terms` then.
            Comparison::OneOf(texts) => (!texts.iter().any(String::is_empty)).then_some(IndexAccess::Lookup),
            Comparison::Like(pattern) if pattern.leads_with_wildcard() => Some(IndexAccess::FullScan),
            Comparison::Like(_) => Some(IndexAccess::Range),
            Comparison::Between(low, _) => {
                let has_low = bound_value(low).is_some_and(|value| !value.text.is_empty());
                (field.kind == Kind::FoldedText && has_low).then_some(IndexAccess::FullScan)
            }
        },
        Plan::Constant(_) | Plan::Not(_) | Plan::Predicate(_) => None,
    }
}

impl Candidates {
    /// The condition on a user `u`, if the index on metadata alone serves the plan.
    pub fn condition(&self) -> Option<&str> {
        self.metadata.as_deref().filter(|_| self.selects.is_empty())
    }

    /// A SELECT of the candidates' ids, with duplicates. `tenant` is the SQL reference of the tenant.
    pub fn select(&self, tenant: &str) -> String {
        // `is true` hides the tenant from the planner. The key of the index on metadata contains the tenant;
        // with a plain condition, the planner would prefer an index on the tenant alone.
        let metadata = self.metadata.iter().map(|condition| {
            format!("select u.user_id from users u where (u.tenant_id = {tenant}) is true and {condition}")
        });
        self.selects.iter().cloned().chain(metadata).collect::<Vec<_>>().join(" union all ")
    }
}

/// Whether PostgreSQL cancelled a search by its statement timeout.
pub(crate) fn is_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("57014"))
}

/// The error response of a failed search.
pub(crate) fn search_error(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let kind = match code.as_deref() {
        _ if is_timeout(&error) => codes::SEARCH_TIMEOUT,
        // Class 22: data exception; class 54: program limit exceeded.
        Some(code) if code.starts_with("22") || code.starts_with("54") => codes::INVALID_QUERY,
        _ => return error.into(),
    };
    Error { cause: Some(error.to_string()), ..kind.into() }
}

/// A condition on the field's value; for a multi-valued field, on any of its values.
fn any_value(field: &Field, condition: String) -> String {
    match field.of {
        Some(of) => format!("exists (select from {of} where {condition})"),
        None => condition,
    }
}

/// The range of `search_key()` that contains the matches, both ends included; `None` if it contains most
/// keys.
fn search_key_range(comparison: &Comparison) -> Option<(String, String)> {
    // A key contains the first 200 characters of a text.
    let text = |text: &str| format!("s{}", text.chars().take(200).collect::<String>());
    let last = |key: String| key + &"\u{10ffff}".repeat(300);
    Some(match comparison {
        Comparison::OneOf(_) => return None,
        Comparison::Like(pattern) => match pattern.0.first() {
            Some(Piece::Text(prefix)) => (text(prefix), last(text(prefix))),
            _ => return None,
        },
        Comparison::Between(low, high) if jsonpath::is_numeric(low, high) => (
            bound_value(low).map_or("n".into(), |value| number_key(&value.text)),
            bound_value(high).map_or("o".into(), |value| number_key(&value.text)),
        ),
        Comparison::Between(low, high) => (
            bound_value(low).map_or("s".into(), |value| text(&value.text)),
            bound_value(high).map_or("t".into(), |value| last(text(&value.text))),
        ),
    })
}

/// The `search_key()` of a number.
fn number_key(text: &str) -> String {
    let number = text.parse::<f64>().unwrap_or_default().clamp(-1e300, 1e300);
    let bits = if number.abs() < 1e-300 { 0 } else { number.to_bits() };
    if number < 0.0 && bits != 0 { format!("n0{:016x}", !bits) } else { format!("n1{bits:016x}") }
}

/// A pattern of `like`.
fn like(pattern: &Pattern) -> String {
    jsonpath::translate(pattern, "%", "_", |c| matches!(c, '%' | '_' | '\\'))
}
