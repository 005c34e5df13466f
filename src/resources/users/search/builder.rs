//! From a plan to SQL: one where-clause whose values are all bound, and where to look for candidates.
//!
//! The where-clause alone decides; it asks the document. What an index proposes ([`Candidates`]) may be more than what is
//! meant, never less.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo, Postgres};
use sqlx::query::Query;
use sqlx::types::Type;
use time::OffsetDateTime;

use crate::base::error::{Error, codes};
use crate::db::array_literal;
use crate::search::ast::{Bound, Pattern, Piece};
use crate::search::fields::{Field, Kind};
use crate::search::plan::{Is, Path, Plan, Test, given};
use crate::search::value::is_number;

/// A value of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A number.
    Integer(i64),
    /// A time.
    Time(OffsetDateTime),
    /// A path with filters through a JSON document.
    JsonPath(String),
}

impl Bind {
    fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    fn time(&self) -> Option<OffsetDateTime> {
        if let Self::Time(time) = self { Some(*time) } else { None }
    }

    /// What is cast to the type it has.
    fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) | Self::JsonPath(text) => Some(text.into()),
            Self::Texts(texts) => Some(array_literal(texts.iter().map(|text| Some(&**text))).into()),
            Self::Integer(_) | Self::Time(_) => None,
        }
    }
}

/// The text of a statement as it grows, and its values, of which the tenant is the first.
#[derive(Debug)]
pub struct Builder {
    tenant: String,
    binds: Vec<Bind>,
    /// Is the statement run for many searches at once, each a row `k` of values?
    of_many: bool,
}

/// Arrays directly within arrays: so many are opened at every step, beside the one that the next step opens by itself.
pub(super) const OPENED: &str = "[*][*][*]";

/// Planning the selects of more operands than this takes longer than asking many users.
const MOST_OPERANDS: usize = 50;

/// A connection keeps the plans of statements that are at most so long, in bytes: those of common searches. One of a
/// thousand tests would take tens of megabytes for as long as the connection lives.
const KEPT: usize = 8 * 1024;

/// What can be asked for candidates: records that an index proposes.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Of `users u`, by the index on metadata.
    metadata: Option<String>,
    /// Selects of ids.
    terms: Vec<String>,
}

impl Builder {
    /// Nothing but the tenant.
    pub fn new(tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), binds: vec![Bind::Text(tenant.to_owned())], of_many: false }
    }

    /// The same for a statement that [`Builder::for_many`] completes.
    pub fn of_many(tenant: &str) -> Self {
        Self { of_many: true, ..Self::new(tenant) }
    }

    /// The tenant whose users are searched.
    pub(super) fn tenant_id(&self) -> &str {
        &self.tenant
    }

    /// The name of the tenant.
    pub fn tenant(&self) -> &'static str {
        if self.of_many { "k.p1" } else { "$1" }
    }

    /// The name of one more value.
    pub fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("{}{}", if self.of_many { "k.p" } else { "$" }, self.binds.len())
    }

    /// All values, in order.
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The statement with its values.
    pub fn query<'q>(&'q self, sql: &'q str) -> Query<'q, Postgres, PgArguments> {
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(sql.len() <= KEPT);
        self.binds.iter().fold(query, |query, value| match value {
            Bind::Text(text) => query.bind(text),
            Bind::Texts(texts) => query.bind(texts),
            Bind::Integer(number) => query.bind(number),
            Bind::Time(time) => query.bind(time),
            Bind::JsonPath(path) => query.bind(JsonPath(path)),
        })
    }

    /// The statement that runs a select of users for many searches at once. Its rows have the place of their search, from
    /// 1, as `n`. Nothing if it is too long to be kept.
    pub fn for_many(&self, select: &str) -> Option<String> {
        let (mut arrays, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (n, value) in self.binds.iter().enumerate() {
            let (of, cast) = match value {
                Bind::Text(_) => ("text", ""),
                // There are no arrays of arrays of different lengths.
                Bind::Texts(_) => ("text", "::text[]"),
                Bind::JsonPath(_) => ("text", "::jsonpath"),
                Bind::Integer(_) => ("bigint", ""),
                Bind::Time(_) => ("timestamptz", ""),
            };
            let name = format!("p{}", n + 1);
            arrays.push(format!("${}::{of}[]", n + 1));
            values.push(format!("{name}{cast} as {name}"));
            names.push(name);
        }
        let (arrays, names, values) = (arrays.join(", "), names.join(", "), values.join(", "));
        // Cast once for each search, not for each record.
        let sql = format!(
            "select k.n, f.*
           from (select n, {values} from unnest({arrays}) with ordinality as k({names}, n) offset 0) k
          cross join lateral (
         {select}
         ) f
          order by k.n, f.created_at, f.user_id"
        );
        (sql.len() <= KEPT).then_some(sql)
    }

    /// That statement with the values of searches that all have it.
    pub fn query_many<'q>(sql: &'q str, searches: &[&'q Self]) -> Query<'q, Postgres, PgArguments> {
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

    /// What has to be true of a record: never null.
    pub fn condition(&mut self, plan: &Plan) -> String {
        match plan {
            Plan::Constant(value) => value.to_string(),
            Plan::And(operands) => self.joined(operands, " and "),
            Plan::Or(operands) => self.joined(operands, " or "),
            Plan::Not(operand) => format!("not {}", self.condition(operand)),
            Plan::Test(test) => format!("(({}) is true)", self.test(test)),
        }
    }

    fn joined(&mut self, operands: &[Plan], operator: &str) -> String {
        let operands: Vec<String> = operands.iter().map(|operand| self.condition(operand)).collect();
        format!("({})", operands.join(operator))
    }

    fn test(&mut self, test: &Test) -> String {
        match test {
            Test::Exists(field) => any(field, format!("{} is not null", field.value)),
            Test::Text(field, is) => {
                let folded = field.kind == Kind::FoldedText;
                let value =
                    if folded { format!("fold_case({})", field.value) } else { field.value.to_owned() };
                let condition = self.text(&value, is, folded);
                any(field, condition)
            }
            Test::Time(field, low, high) => {
                let ends = [(">=", low), ("<", high)].into_iter().filter_map(|(operator, end)| {
                    let end = (*end)?;
                    let end = match field.kind {
                        Kind::DateText => self.bind(Bind::Text(crate::base::timestamp::timestamp(end))),
                        _ => self.bind(Bind::Time(end)),
                    };
                    let collation = if field.kind == Kind::DateText { " collate \"C\"" } else { "" };
                    Some(format!("{}{collation} {operator} {end}", field.value))
                });
                let ends: Vec<String> = ends.collect();
                if ends.is_empty() { format!("{} is not null", field.value) } else { ends.join(" and ") }
            }
            Test::Json(path, is) => self.json(path, &values(is)),
            Test::Number(path, is) => self.json(path, &numbers(is)),
            Test::JsonExists(path) => {
                let mut text = steps(path, String::from("$"));
                text += ".** ? (@.type() == \"string\" || @.type() == \"number\" || @.type() == \"boolean\")";
                format!("{} @? {}", path.column, self.bind(Bind::JsonPath(text)))
            }
        }
    }

    fn text(&mut self, value: &str, is: &Is, folded: bool) -> String {
        match is {
            Is::OneOf(texts) => format!("{value} = {}", self.one_of(texts, folded)),
            Is::Like(pattern) => format!("{value} like {}", self.operand(&like(pattern), folded)),
            Is::Between(low, high) => {
                let ends: Vec<String> = [(">", low), ("<", high)]
                    .into_iter()
                    .filter_map(|(operator, bound)| {
                        let end = self.operand(&given(bound)?.text, folded);
                        let or_equal = if matches!(bound, Bound::Inclusive(_)) { "=" } else { "" };
                        Some(format!("({value}) collate \"C\" {operator}{or_equal} {end}"))
                    })
                    .collect();
                ends.join(" and ")
            }
        }
    }

    /// A text to compare with, folded once.
    fn operand(&mut self, text: &str, folded: bool) -> String {
        let name = self.bind(Bind::Text(text.to_owned()));
        if folded { format!("(select fold_case({name}))") } else { name }
    }

    /// The same of several texts.
    fn one_of(&mut self, texts: &[String], folded: bool) -> String {
        let [text] = texts else {
            let name = self.bind(Bind::Texts(texts.to_vec()));
            let all = format!("(select array_agg(fold_case(text)) from unnest({name}::text[]) text)::text[]");
            return format!("any({})", if folded { all } else { name });
        };
        self.operand(text, folded)
    }

    fn json(&mut self, path: &Path, filter: &str) -> String {
        let text = format!("{}[*][*] ? ({filter})", steps(path, String::from("$")));
        format!("{} @? {}", path.column, self.bind(Bind::JsonPath(text)))
    }

    /// Where an index can propose what a plan asks for; `None` if every record has to be asked.
    pub fn candidates(&mut self, plan: &Plan) -> Option<Candidates> {
        rank(plan)?;
        match plan {
            Plan::And(operands) => {
                let best = rank(plan)?;
                let mut best = operands.iter().filter(|operand| rank(operand) == Some(best));
                let mut first = self.candidates(best.next()?)?;
                // The index on metadata can be asked for all at once, of others one is enough.
                if first.terms.is_empty() {
                    let is_metadata = |operand: &&Plan| matches!(operand, Plan::Test(Test::Json(..)));
                    for other in best.filter(is_metadata) {
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
                    let found = self.candidates(operand)?;
                    metadata.extend(found.metadata.map(|condition| format!("({condition})")));
                    all.terms.extend(found.terms);
                }
                all.metadata = (!metadata.is_empty()).then(|| format!("({})", metadata.join(" or ")));
                Some(all)
            }
            Plan::Test(Test::Json(path, is @ Is::OneOf(_))) => {
                let mut text = String::from("$");
                step(&mut text, &self.tenant);
                let text = format!("{}[*][*] ? ({})", steps(path, text), values(is));
                let text = self.bind(Bind::JsonPath(text));
                let metadata = Some(format!("searchable(u.tenant_id, {}) @? {text}", path.column));
                Some(Candidates { metadata, terms: vec![] })
            }
            Plan::Test(Test::Json(path, is)) => {
                let (key, (low, high)) = (path.indexed.as_ref()?.key(), keys(is)?);
                let ends = format!(
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
                let terms = vec![select(&format!(">= {ends}")), select("= 'm'")];
                Some(Candidates { metadata: None, terms })
            }
            Plan::Test(Test::Text(field, is)) => {
                Some(Candidates { metadata: None, terms: self.terms(field, is)? })
            }
            Plan::Constant(_) | Plan::Not(_) | Plan::Test(_) => None,
        }
    }

    /// Selects of ids from `user_terms`.
    fn terms(&mut self, field: &Field, is: &Is) -> Option<Vec<String>> {
        if field.path == ["user_id"] {
            let Is::OneOf(ids) = is else { return None };
            return Some(vec![format!(
                "select unnest({}::text[]) as user_id",
                self.bind(Bind::Texts(ids.clone()))
            )]);
        }
        let condition: Box<dyn Fn(&str) -> String> = match is {
            Is::OneOf(texts) => {
                let operand = self.one_of(texts, true);
                Box::new(move |column| format!("{column} = {operand}"))
            }
            Is::Like(pattern) => {
                if let Some(Piece::Text(prefix)) = pattern.0.first() {
                    let operand = self.operand(prefix, true);
                    // No name has so many characters, and no character lies behind this one.
                    let end = format!("{operand} || repeat(chr(1114111), 300)");
                    Box::new(move |column| format!("{column} >= {operand} and {column} <= {end}"))
                } else {
                    let operand = self.operand(&like(pattern), true);
                    Box::new(move |column| format!("{column} like {operand}"))
                }
            }
            Is::Between(..) => {
                let condition = self.text("t.column", is, true);
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

/// The [`rank`] of what takes all texts of a tenant, not only some next to each other.
pub(super) const READ_WHOLE: u8 = 3;

/// How well an index serves a plan, the best with 0; `None` if none does.
pub(super) fn rank(plan: &Plan) -> Option<u8> {
    match plan {
        Plan::And(operands) => operands.iter().filter_map(rank).min(),
        Plan::Or(operands) if operands.len() > MOST_OPERANDS => None,
        Plan::Or(operands) => operands.iter().try_fold(0, |worst, operand| Some(rank(operand)?.max(worst))),
        Plan::Test(Test::Json(_, Is::OneOf(_))) => Some(1),
        Plan::Test(Test::Json(path, is)) => path.indexed.as_ref().and(keys(is)).map(|_| 2),
        Plan::Test(Test::Text(field, is)) if field.path == ["user_id"] => {
            matches!(is, Is::OneOf(_)).then_some(0)
        }
        Plan::Test(Test::Text(field, _)) if field.terms.is_empty() => None,
        Plan::Test(Test::Text(field, is)) => match is {
            // A computed name can be empty, and is nowhere but in the document.
            Is::OneOf(texts) => (!texts.iter().any(String::is_empty)).then_some(0),
            Is::Like(pattern) if pattern.leads_with_wildcard() => Some(READ_WHOLE),
            Is::Like(_) => Some(2),
            Is::Between(low, _) => {
                let is_given = given(low).is_some_and(|value| !value.text.is_empty());
                (field.kind == Kind::FoldedText && is_given).then_some(READ_WHOLE)
            }
        },
        Plan::Constant(_) | Plan::Not(_) | Plan::Test(_) => None,
    }
}

impl Candidates {
    /// What a user `u` has to meet to be one of them, if they all come from the index on metadata.
    pub fn condition(&self) -> Option<&str> {
        self.metadata.as_deref().filter(|_| self.terms.is_empty())
    }

    /// A select of their ids, of one some perhaps more than once, with the tenant's name.
    pub fn select(&self, tenant: &str) -> String {
        // The tenant stands in the index already; were it a condition of its own, its own indexes would seem to serve.
        let metadata = self.metadata.iter().map(|condition| {
            format!("select u.user_id from users u where (u.tenant_id = {tenant}) is true and {condition}")
        });
        self.terms.iter().cloned().chain(metadata).collect::<Vec<_>>().join(" union all ")
    }
}

/// Was a search given up because it took too long?
pub(crate) fn took_too_long(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("57014"))
}

/// What a failed search means.
pub(crate) fn refusal(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let meaning = match code.as_deref() {
        _ if took_too_long(&error) => codes::SEARCH_TIMEOUT,
        // 22: a value that cannot be; 54: too complex.
        Some(code) if code.starts_with("22") || code.starts_with("54") => codes::INVALID_QUERY,
        _ => return error.into(),
    };
    Error { cause: Some(error.to_string()), ..meaning.into() }
}

/// A condition of a field's value, or of any of its values.
fn any(field: &Field, condition: String) -> String {
    match field.of {
        Some(of) => format!("exists (select from {of} where {condition})"),
        None => condition,
    }
}

/// One step further through a document.
pub(super) fn step(text: &mut String, key: &str) {
    // A text always has a form as JSON; writing to a String cannot fail.
    let _ = write!(text, ".{}", serde_json::Value::from(key));
}

fn steps(path: &Path, mut text: String) -> String {
    for (n, key) in path.keys.iter().enumerate() {
        text += if n == 0 { "" } else { OPENED };
        step(&mut text, key);
    }
    text
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a value of any type has to be.
fn values(is: &Is) -> String {
    match is {
        Is::OneOf(texts) => {
            let mut filters = Vec::new();
            for text in texts {
                filters.push(format!("@ == {}", quoted(text)));
                if is_number(text) || text == "true" || text == "false" {
                    filters.push(format!("@ == {text}"));
                }
            }
            filters.join(" || ")
        }
        Is::Like(pattern) => match pattern.0.as_slice() {
            [Piece::Text(prefix), Piece::AnyRun] => format!("@ starts with {}", quoted(prefix)),
            _ => format!("@ like_regex {} flag \"s\"", quoted(&regex(pattern))),
        },
        Is::Between(low, high) => {
            let numeric = is_numeric(low, high);
            between(low, high, |text| if numeric { text.to_owned() } else { quoted(text) })
        }
    }
}

/// What a number has to be.
fn numbers(is: &Is) -> String {
    match is {
        Is::OneOf(texts) => texts.iter().map(|text| format!("@ == {text}")).collect::<Vec<_>>().join(" || "),
        Is::Between(low, high) => between(low, high, str::to_owned),
        // The plan has no such thing.
        Is::Like(_) => String::from("false == true"),
    }
}

fn between(low: &Bound, high: &Bound, literal: impl Fn(&str) -> String) -> String {
    let ends = [(">", low), ("<", high)].into_iter().filter_map(|(operator, bound)| {
        let or_equal = if matches!(bound, Bound::Inclusive(_)) { "=" } else { "" };
        Some(format!("@ {operator}{or_equal} {}", literal(&given(bound)?.text)))
    });
    ends.collect::<Vec<_>>().join(" && ")
}

/// Between which keys of `search_key` a value lies, both included; `None` if nearly all do.
fn keys(is: &Is) -> Option<(String, String)> {
    // What stands behind the first two hundred characters is not in a key.
    let text = |text: &str| format!("s{}", text.chars().take(200).collect::<String>());
    let last = |key: String| key + &"\u{10ffff}".repeat(300);
    Some(match is {
        Is::OneOf(_) => return None,
        Is::Like(pattern) => match pattern.0.first() {
            Some(Piece::Text(prefix)) => (text(prefix), last(text(prefix))),
            _ => return None,
        },
        Is::Between(low, high) if is_numeric(low, high) => (
            given(low).map_or("n".into(), |value| number_key(&value.text)),
            given(high).map_or("o".into(), |value| number_key(&value.text)),
        ),
        Is::Between(low, high) => (
            given(low).map_or("s".into(), |value| text(&value.text)),
            given(high).map_or("t".into(), |value| last(text(&value.text))),
        ),
    })
}

/// As `search_key` writes a number.
fn number_key(text: &str) -> String {
    let number = text.parse::<f64>().unwrap_or_default().clamp(-1e300, 1e300);
    let bits = if number.abs() < 1e-300 { 0 } else { number.to_bits() };
    if number < 0.0 && bits != 0 { format!("n0{:016x}", !bits) } else { format!("n1{bits:016x}") }
}

fn is_numeric(low: &Bound, high: &Bound) -> bool {
    [low, high].into_iter().filter_map(given).all(|value| !value.quoted && is_number(&value.text))
}

/// As a pattern of `like`.
fn like(pattern: &Pattern) -> String {
    written(pattern, "%", "_", |c| matches!(c, '%' | '_' | '\\'))
}

/// As a regular expression.
fn regex(pattern: &Pattern) -> String {
    format!("^{}$", written(pattern, ".*", ".", |c| c.is_ascii_punctuation()))
}

fn written(pattern: &Pattern, any_run: &str, any_one: &str, special: fn(char) -> bool) -> String {
    let mut text = String::new();
    for piece in &pattern.0 {
        match piece {
            Piece::AnyRun => text += any_run,
            Piece::AnyOne => text += any_one,
            Piece::Text(literal) => {
                for c in literal.chars() {
                    if special(c) {
                        text.push('\\');
                    }
                    text.push(c);
                }
            }
        }
    }
    text
}

/// A value of type `jsonpath`.
struct JsonPath<'a>(&'a str);

impl Type<Postgres> for JsonPath<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(4072))
    }
}

impl Encode<'_, Postgres> for JsonPath<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // The version of the format, then the text.
        buffer.push(1);
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}
