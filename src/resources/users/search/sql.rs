//! The searchable fields of users, and the statements that search a page of them.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::builder::{Bind, Builder, IndexAccess, index_access};
use crate::resources::users::attributes;
use crate::search::fields::Resource;
use crate::search::plan::{Comparison, Plan, Predicate};

/// The columns of a [`User`](crate::resources::users::model::User), of a table or CTE `u`.
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

/// The page of a list, its filter and its order.
#[derive(Debug, Default)]
pub struct PageSpec<'a> {
    /// The maximum number of users.
    pub limit: i64,
    /// The number of skipped users.
    pub offset: i64,
    /// Whether to count all matches.
    pub total: bool,
    /// The creation time and id of the last user before the page.
    pub after: Option<(OffsetDateTime, &'a str)>,
    /// Only users with an identity in the connection of this name.
    pub connection: Option<&'a str>,
    /// An order other than that of creation: the key, and an ORDER BY list of `made`, `id` and `key`.
    pub sort: Option<(SortKey<'a>, &'a str)>,
}

/// A sort key.
#[derive(Debug)]
pub enum SortKey<'a> {
    /// An expression over a user `u`.
    Sql(&'a str),
    /// A value in a JSON column: the column and the object keys.
    Path(&'a str, &'a [String]),
}

/// Rows probed in list order before any index is used.
const PROBE_ROWS: u32 = 200;
/// Matches among the probed rows from which on a search counts as dense.
const DENSE_MATCHES: u32 = 4;
/// The maximum number of candidates that are fetched and sorted, whether they match or not.
const MAX_CANDIDATES: u32 = 1_500;
/// The maximum number of rows scanned in list order for a dense search, or one with more candidates.
const MAX_SCANNED: u32 = 10_000;

/// The statement of a page, for any search. It returns a row per user; a page without users has one row with
/// null user columns. Column `is_sparse` says whether [`sparse_statement`] would have returned the same page.
pub fn statement(tenant: &str, plan: &Plan, spec: &PageSpec<'_>) -> (String, Builder) {
    let mut builder = Builder::new(tenant);
    (page_select(&mut builder, plan, spec, staged), builder)
}

/// The statement of a page for a batch of sparse searches. It reads at most `MAX_CANDIDATES` candidates of
/// an index, at a fraction of the cost of [`statement`]. If `is_sparse` is false, a search had more
/// candidates and the page is incomplete. `None` if no such statement exists for the page, or if it would
/// read a whole index.
pub fn sparse_statement(tenant: &str, plan: &Plan, spec: &PageSpec<'_>) -> Option<(String, Builder)> {
    if spec.sort.is_some() || spec.total || index_access(plan)? == IndexAccess::FullScan {
        return None;
    }
    let is_first = spec.offset == 0 && spec.after.is_none();
    let mut builder = Builder::for_batch(tenant);
    if !is_first || spec.connection.is_some() || !is_exact(plan) {
        let select = page_select(&mut builder, plan, spec, candidates_only);
        return Some((builder.batch_statement(&select)?, builder));
    }
    // Nearly all candidates match, so the number of matches stands for that of candidates and one scan is
    // enough.
    let condition = builder.condition(plan);
    let candidates = builder.candidates(plan)?;
    let candidate_condition = candidates.condition()?;
    let limit = builder.bind(Bind::Integer(spec.limit));
    let tenant = builder.tenant();
    let select = format!(
        "select null::bigint as total,
            u.matches <= {MAX_CANDIDATES} as is_sparse,
            {COLUMNS}
           from (select u.*, count(*) over () as matches
                   from (select * from users u where (u.tenant_id = {tenant}) is true and {candidate_condition} and {condition} limit {MAX_CANDIDATES} + 1) u) u
          order by u.created_at, u.user_id
          limit {limit}"
    );
    Some((builder.batch_statement(&select)?, builder))
}

/// The condition of a match, and the condition that a user is after the previous page.
fn conditions(builder: &mut Builder, plan: &Plan, spec: &PageSpec<'_>) -> (String, String) {
    let mut condition = builder.condition(plan);
    let after = spec.after.map_or_else(String::new, |(created_at, user_id)| {
        let created_at = builder.bind(Bind::Time(created_at));
        let user_id = builder.bind(Bind::Text(user_id.to_owned()));
        format!(" and (u.created_at, u.user_id) > ({created_at}, {user_id})")
    });
    if let Some(connection) = spec.connection {
        let connection = builder.bind(Bind::Text(connection.to_owned()));
        let tenant = builder.tenant();
        // Writing to a String cannot fail.
        let _ = write!(
            condition,
            " and exists (select from identities i where i.tenant_id = {tenant} and i.user_id = u.user_id and i.connection = {connection})"
        );
    }
    (condition, after)
}

/// Whether nearly all candidates of the index on metadata match.
fn is_exact(plan: &Plan) -> bool {
    match plan {
        Plan::And(operands) | Plan::Or(operands) => operands.iter().all(is_exact),
        Plan::Predicate(Predicate::Json(_, Comparison::OneOf(_))) => true,
        _ => false,
    }
}

/// The part of a statement that finds the matches.
struct Source {
    ctes: String,
    /// A FROM item with the columns of [`Fragments::match_columns`].
    matches: String,
    /// A boolean expression.
    is_sparse: String,
}

/// The SQL fragments that a [`Source`] is made of.
struct Fragments<'a> {
    /// The reference of the tenant.
    tenant: &'a str,
    /// A SELECT of candidates' ids.
    candidates: String,
    /// The columns of a match.
    match_columns: &'a str,
    /// The condition of a match.
    condition: &'a str,
    /// The condition that a user is after the previous page.
    after: &'a str,
    /// A SELECT of all matches, by any index.
    all_matches: &'a str,
    /// A SELECT of the matches among the ids of a FROM item.
    matches_among: &'a dyn Fn(&str) -> String,
    /// The number of matches up to the end of the page.
    needed: String,
}

fn page_select(
    builder: &mut Builder,
    plan: &Plan,
    spec: &PageSpec<'_>,
    source: fn(&Fragments<'_>) -> Source,
) -> String {
    let tenant = builder.tenant();
    let (condition, after) = conditions(builder, plan, spec);
    let candidates = builder.candidates(plan);
    let [limit, offset] =
        [spec.limit, spec.offset].map(|number| format!("{}::bigint", builder.bind(Bind::Integer(number))));
    let (key, order) = match &spec.sort {
        None => ("null".to_owned(), "made, id"),
        Some((SortKey::Sql(key), order)) => ((*key).to_owned(), *order),
        Some((SortKey::Path(column, keys), order)) => {
            (format!("{column} #> {}", builder.bind(Bind::Texts(keys.to_vec()))), *order)
        }
    };
    let match_columns = format!("u.user_id as id, u.created_at as made, {key} as key");
    // `offset 0` makes the planner fetch candidates one by one by their key.
    let matches_among = |ids: &str| {
        format!(
            "select {match_columns}
                from (select distinct user_id from {ids}) c
               cross join lateral (select * from users where tenant_id = {tenant} and user_id = c.user_id offset 0) u
               where {condition}{after}"
        )
    };
    let all_matches = match &candidates {
        None => {
            format!("select {match_columns} from users u where u.tenant_id = {tenant} and {condition}{after}")
        }
        Some(candidates) => match candidates.condition() {
            Some(candidate_condition) => {
                format!(
                    "select {match_columns} from users u where (u.tenant_id = {tenant}) is true and {candidate_condition} and {condition}{after}"
                )
            }
            None => matches_among(&format!("({}) c", candidates.select(tenant))),
        },
    };
    let in_list_order = spec.sort.is_none() && !spec.total;
    let unknown = || "null::boolean".to_owned();
    let Source { ctes, matches, is_sparse } = match candidates.filter(|_| in_list_order) {
        Some(candidates) => source(&Fragments {
            tenant,
            candidates: candidates.select(tenant),
            match_columns: &match_columns,
            condition: &condition,
            after: &after,
            all_matches: &all_matches,
            matches_among: &matches_among,
            needed: format!("{limit} + {offset}"),
        }),
        None if spec.total => Source {
            ctes: format!("matches as materialized ({all_matches}),"),
            matches: "matches".to_owned(),
            is_sparse: unknown(),
        },
        None => {
            Source { ctes: String::new(), matches: format!("({all_matches}) matches"), is_sparse: unknown() }
        }
    };
    let total = if spec.total { "(select count(*) from matches)" } else { "null::bigint" };
    format!(
        "with {ctes} page as (
             select * from {matches} order by {order} limit {limit} offset {offset}
         )
         select t.total,
            t.is_sparse,
            {COLUMNS}
           from (select {total} as total, {is_sparse} as is_sparse) t
           left join (page cross join lateral (select * from users where tenant_id = {tenant} and user_id = page.id offset 0) u) on true
          order by {order}"
    )
}

/// The matches in the order of creation, by the cheapest of four sources. The number of candidates is unknown
/// before they are counted, so the first rows in list order are probed:
///
/// 1. `probe` alone, if it completes the page;
/// 2. up to [`MAX_CANDIDATES`] candidates, fetched and sorted, if the probe has hardly any match;
/// 3. a longer scan in list order, if the probe is dense or the candidates are more;
/// 4. all candidates, sorted, if that scan does not complete the page.
fn staged(fragments: &Fragments<'_>) -> Source {
    let Fragments { tenant, candidates, match_columns, condition, after, all_matches, matches_among, needed } =
        fragments;
    let candidate_matches =
        matches_among(&format!("candidates where (select count(*) from candidates) <= {MAX_CANDIDATES}"));
    let list_scan = |max_rows: &str| {
        format!(
            "select {match_columns}
               from (select * from users u where u.tenant_id = {tenant}{after} order by u.created_at, u.user_id limit {max_rows}) u
              where {condition}
              order by u.created_at, u.user_id
              limit {needed}"
        )
    };
    let probe = list_scan(&PROBE_ROWS.to_string());
    let scan = list_scan(&format!("case when (select is_dense from density) then {MAX_SCANNED} else 0 end"));
    let ctes = format!(
        "probe as materialized (
             {probe}
         ), candidates as materialized (
             select user_id from ({candidates}) c where (select count(*) from probe) < least({DENSE_MATCHES}, {needed}) limit {MAX_CANDIDATES} + 1
         ), density as materialized (
             select probe.n < {needed} and (probe.n >= {DENSE_MATCHES} or (select count(*) from candidates) > {MAX_CANDIDATES}) as is_dense,
                    probe.n < least({DENSE_MATCHES}, {needed}) and (select count(*) from candidates) <= {MAX_CANDIDATES} as is_sparse
               from (select count(*) as n from probe) probe
         ), candidate_matches as (
             {candidate_matches}
         ), scan as materialized (
             {scan}
         ), all_matches as (
             {all_matches}
                and (select is_dense from density)
                and (select count(*) from scan) < {needed}
         ),"
    );
    let matches = format!(
        "(select * from probe where (select count(*) from probe) >= {needed}
             union all select * from candidate_matches
             union all select * from scan where (select count(*) from scan) >= {needed}
             union all select * from all_matches) matches"
    );
    Source { ctes, matches, is_sparse: "(select is_sparse from density)".to_owned() }
}

/// The matches among up to [`MAX_CANDIDATES`] candidates; none if there are more candidates.
fn candidates_only(fragments: &Fragments<'_>) -> Source {
    let is_sparse = format!("(select count(*) from candidates) <= {MAX_CANDIDATES}");
    let matches = (fragments.matches_among)(&format!("candidates where {is_sparse}"));
    let candidates = &fragments.candidates;
    Source {
        ctes: format!(
            "candidates as materialized (select user_id from ({candidates}) c limit {MAX_CANDIDATES} + 1),"
        ),
        matches: format!("({matches}) matches"),
        is_sparse,
    }
}
