//! Searches of users: their fields, and the statements that answer a part of the list of matches.
//!
//! The document of a user decides whether it matches; indexes only propose candidates. PostgreSQL cannot
//! estimate how many users match, so a statement has stages that read little first:
//!
//! 1. `probed`: the first [`PROBE_ROWS`] users in the order of the list.
//! 2. `candidates`, if hardly any of those match: up to [`MAX_CANDIDATES`] users that an index proposes,
//!    sorted.
//! 3. `scanned`, if many match or there are more candidates: the first [`MAX_SCANNED`] users in the order of
//!    the list.
//! 4. `from_all`, if those do not fill the page: all candidates, sorted.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::builder::{Bind, Builder, READ_WHOLE, rank};
use crate::resources::users::attributes;
use crate::search::fields::Resource;
use crate::search::plan::{Is, Plan, Test};

/// What makes a [`User`](crate::resources::users::model::User), of a table or CTE `u`.
const COLUMNS: &str = "u.user_id,
            u.profile::text,
            u.identities::text,
            u.user_metadata::text,
            u.app_metadata::text,
            u.version,
            u.created_at,
            u.updated_at";

/// Users, as their documents show them.
pub static USERS: Resource = Resource {
    fields: &attributes::search_fields(),
    objects: &[("user_metadata", "u.user_metadata"), ("app_metadata", "u.app_metadata")],
    words: &[
        &["email"],
        &["name"],
        &["given_name"],
        &["family_name"],
        &["nickname"],
        &["username"],
        &["phone_number"],
        &["user_id"],
    ],
};

/// A part of the list of matches, and its order.
#[derive(Debug, Default)]
pub struct Part<'a> {
    /// The largest number of users.
    pub limit: i64,
    /// The number of users before the part.
    pub offset: i64,
    /// Whether the number of all matches is answered.
    pub total: bool,
    /// Only users created after this time, or at it with a greater id.
    pub behind: Option<(OffsetDateTime, &'a str)>,
    /// Only users with an identity in a connection of this name.
    pub connection: Option<&'a str>,
    /// An order other than that of creation: its key, and `order by` of `made`, `id` and `key`.
    pub sort: Option<(Key<'a>, &'a str)>,
}

/// A sort key.
#[derive(Debug)]
pub enum Key<'a> {
    /// An expression over a user `u`.
    Sql(&'a str),
    /// A value in metadata: the column, and the path in it.
    Path(&'a str, &'a [String]),
}

/// Users probed in the order of the list before any index is used.
const PROBE_ROWS: u32 = 200;
/// Matches among the probed users from which on matches count as dense.
const DENSE_MATCHES: u32 = 4;
/// Candidates that are fetched and sorted whatever part of the list is requested.
const MAX_CANDIDATES: u32 = 1_500;
/// Users scanned in the order of the list before all candidates are sorted.
const MAX_SCANNED: u32 = 10_000;

/// The statement of a part of a list: a row for each user, or one without a user. Its column `few` says
/// whether [`few`] would have been enough.
pub fn statement(tenant: &str, plan: &Plan, part: &Part<'_>) -> (String, Builder) {
    let mut builder = Builder::new(tenant);
    (written(&mut builder, plan, part, staged), builder)
}

/// A statement for many searches that reads up to [`MAX_CANDIDATES`] candidates and nothing else, at a
/// fraction of the cost of [`statement`]. If its column `few` is false, there are more candidates and its
/// rows are not the requested part. `None` where no index proposes candidates, or where one has to be read
/// from end to end.
pub fn few(tenant: &str, plan: &Plan, part: &Part<'_>) -> Option<(String, Builder)> {
    if part.sort.is_some() || part.total || rank(plan)? >= READ_WHOLE {
        return None;
    }
    let is_first = part.offset == 0 && part.behind.is_none();
    let mut builder = Builder::of_many(tenant);
    // Candidates that may not match have to be counted apart from the matches.
    if !is_first || part.connection.is_some() || !is_exact(plan) {
        let select = written(&mut builder, plan, part, only_few);
        return Some((builder.for_many(&select)?, builder));
    }
    let condition = builder.condition(plan);
    let candidates = builder.candidates(plan)?;
    let proposed = candidates.condition()?;
    let limit = builder.bind(Bind::Integer(part.limit));
    let tenant = builder.tenant();
    let select = format!(
        "select null::bigint as total,
            u.found <= {MAX_CANDIDATES} as few,
            {COLUMNS}
           from (select u.*, count(*) over () as found
                   from (select * from users u where (u.tenant_id = {tenant}) is true and {proposed} and {condition} limit {MAX_CANDIDATES} + 1) u) u
          order by u.created_at, u.user_id
          limit {limit}"
    );
    Some((builder.for_many(&select)?, builder))
}

/// The condition that matches meet, and the one that puts them after the previous parts.
fn conditions(builder: &mut Builder, plan: &Plan, part: &Part<'_>) -> (String, String) {
    let mut condition = builder.condition(plan);
    let behind = part.behind.map_or_else(String::new, |(created_at, user_id)| {
        let created_at = builder.bind(Bind::Time(created_at));
        let user_id = builder.bind(Bind::Text(user_id.to_owned()));
        format!(" and (u.created_at, u.user_id) > ({created_at}, {user_id})")
    });
    if let Some(connection) = part.connection {
        let connection = builder.bind(Bind::Text(connection.to_owned()));
        let tenant = builder.tenant();
        // Writing to a String cannot fail.
        let _ = write!(
            condition,
            " and exists (select from identities i where i.tenant_id = {tenant} and i.user_id = u.user_id and i.connection = {connection})"
        );
    }
    (condition, behind)
}

/// Whether nearly all candidates that the index on metadata proposes match.
fn is_exact(plan: &Plan) -> bool {
    match plan {
        Plan::And(operands) | Plan::Or(operands) => operands.iter().all(is_exact),
        Plan::Test(Test::Json(_, Is::OneOf(_))) => true,
        _ => false,
    }
}

/// The source of matches: common table expressions, the table or subselect of the matches, and the value of
/// `few`.
struct Source {
    ctes: String,
    hits: String,
    few: String,
}

/// The text that a [`Source`] is made of.
struct Parts<'a> {
    /// The parameter of the tenant.
    tenant: &'a str,
    /// Selects ids of candidates.
    proposed: String,
    /// The columns of a match.
    columns: &'a str,
    /// The condition of a match.
    condition: &'a str,
    /// Puts matches after the previous parts.
    behind: &'a str,
    /// Selects all matches, by any index.
    all: &'a str,
    /// Selects the matches among some ids.
    among: &'a dyn Fn(&str) -> String,
    /// The end of the part: limit and offset.
    wanted: String,
}

/// The text of a statement whose matches come from a source, if an index proposes candidates.
fn written(builder: &mut Builder, plan: &Plan, part: &Part<'_>, source: fn(&Parts<'_>) -> Source) -> String {
    let tenant = builder.tenant();
    let (condition, behind) = conditions(builder, plan, part);
    let candidates = builder.candidates(plan);
    let [limit, offset] =
        [part.limit, part.offset].map(|number| format!("{}::bigint", builder.bind(Bind::Integer(number))));
    let (key, order) = match &part.sort {
        None => ("null".to_owned(), "made, id"),
        Some((Key::Sql(key), order)) => ((*key).to_owned(), *order),
        Some((Key::Path(column, keys), order)) => {
            (format!("{column} #> {}", builder.bind(Bind::Texts(keys.to_vec()))), *order)
        }
    };
    let columns = format!("u.user_id as id, u.created_at as made, {key} as key");
    let among = |ids: &str| {
        format!(
            "select {columns}
                from (select distinct user_id from {ids}) c
               cross join lateral (select * from users where tenant_id = {tenant} and user_id = c.user_id offset 0) u
               where {condition}{behind}"
        )
    };
    let all = match &candidates {
        None => format!("select {columns} from users u where u.tenant_id = {tenant} and {condition}{behind}"),
        Some(candidates) => match candidates.condition() {
            Some(proposed) => {
                format!(
                    "select {columns} from users u where (u.tenant_id = {tenant}) is true and {proposed} and {condition}{behind}"
                )
            }
            None => among(&format!("({}) c", candidates.select(tenant))),
        },
    };
    let in_order = part.sort.is_none() && !part.total;
    let nothing = || "null::boolean".to_owned();
    let Source { ctes, hits, few } = match candidates.filter(|_| in_order) {
        Some(candidates) => source(&Parts {
            tenant,
            proposed: candidates.select(tenant),
            columns: &columns,
            condition: &condition,
            behind: &behind,
            all: &all,
            among: &among,
            wanted: format!("{limit} + {offset}"),
        }),
        None if part.total => {
            Source { ctes: format!("hits as materialized ({all}),"), hits: "hits".to_owned(), few: nothing() }
        }
        None => Source { ctes: String::new(), hits: format!("({all}) hits"), few: nothing() },
    };
    let total = if part.total { "(select count(*) from hits)" } else { "null::bigint" };
    format!(
        "with {ctes} page as (
             select * from {hits} order by {order} limit {limit} offset {offset}
         )
         select t.total,
            t.few,
            {COLUMNS}
           from (select {total} as total, {few} as few) t
           left join (page cross join lateral (select * from users where tenant_id = {tenant} and user_id = page.id offset 0) u) on true
          order by {order}"
    )
}

/// The matches in the order of creation, in the stages that the module's documentation lists.
fn staged(parts: &Parts<'_>) -> Source {
    let Parts { tenant, proposed, columns, condition, behind, all, among, wanted } = parts;
    let from_candidates =
        among(&format!("candidates where (select count(*) from candidates) <= {MAX_CANDIDATES}"));
    let first = |limit: &str| {
        format!(
            "select {columns}
               from (select * from users u where u.tenant_id = {tenant}{behind} order by u.created_at, u.user_id limit {limit}) u
              where {condition}
              order by u.created_at, u.user_id
              limit {wanted}"
        )
    };
    let probed = first(&PROBE_ROWS.to_string());
    let scanned = first(&format!("case when (select many from choice) then {MAX_SCANNED} else 0 end"));
    let ctes = format!(
        "probed as materialized (
             {probed}
         ), candidates as materialized (
             select user_id from ({proposed}) c where (select count(*) from probed) < least({DENSE_MATCHES}, {wanted}) limit {MAX_CANDIDATES} + 1
         ), choice as materialized (
             select probed.n < {wanted} and (probed.n >= {DENSE_MATCHES} or (select count(*) from candidates) > {MAX_CANDIDATES}) as many,
                    probed.n < least({DENSE_MATCHES}, {wanted}) and (select count(*) from candidates) <= {MAX_CANDIDATES} as few
               from (select count(*) as n from probed) probed
         ), from_candidates as (
             {from_candidates}
         ), scanned as materialized (
             {scanned}
         ), from_all as (
             {all}
                and (select many from choice)
                and (select count(*) from scanned) < {wanted}
         ),"
    );
    let hits = format!(
        "(select * from probed where (select count(*) from probed) >= {wanted}
             union all select * from from_candidates
             union all select * from scanned where (select count(*) from scanned) >= {wanted}
             union all select * from from_all) hits"
    );
    Source { ctes, hits, few: "(select few from choice)".to_owned() }
}

/// The matches among up to [`MAX_CANDIDATES`] candidates, sorted.
fn only_few(parts: &Parts<'_>) -> Source {
    let found =
        (parts.among)(&format!("candidates where (select count(*) from candidates) <= {MAX_CANDIDATES}"));
    let proposed = &parts.proposed;
    Source {
        ctes: format!(
            "candidates as materialized (select user_id from ({proposed}) c limit {MAX_CANDIDATES} + 1),"
        ),
        hits: format!("({found}) hits"),
        few: format!("(select count(*) from candidates) <= {MAX_CANDIDATES}"),
    }
}
