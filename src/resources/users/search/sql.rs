//! Searches of users: their fields, and the statement that answers a part of the list of those who are meant.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::builder::{Bind, Builder, READ_WHOLE, rank};
use crate::resources::users::store::{is_in_connection, known_as, user_columns};
use crate::search::fields::Kind::{Boolean, Date, DateText, FoldedText, Number, Presence, Text};
use crate::search::fields::{Field, Resource};
use crate::search::plan::{Is, Plan, Test};

/// The identities of a user.
const IDENTITIES: &str = "jsonb_array_elements(u.identities) i(identity)";

/// Users, as their documents show them.
pub static USERS: Resource = Resource {
    fields: &[
        Field::new(&["email"], FoldedText, "u.profile ->> 'email'").terms(&["email"]),
        Field::new(&["name"], FoldedText, concat!("coalesce(u.profile ->> 'name', ", known_as!(), ")"))
            .terms(&["name", "email", "username", "phone_number"]),
        Field::new(&["given_name"], FoldedText, "u.profile ->> 'given_name'").terms(&["given_name"]),
        Field::new(&["family_name"], FoldedText, "u.profile ->> 'family_name'").terms(&["family_name"]),
        Field::new(
            &["nickname"],
            FoldedText,
            concat!("coalesce(u.profile ->> 'nickname', split_part(", known_as!(), ", '@', 1))"),
        )
        .terms(&["nickname"]),
        Field::new(&["username"], Text, "u.profile ->> 'username'").terms(&["username"]),
        Field::new(&["phone_number"], Text, "u.profile ->> 'phone_number'").terms(&["phone_number"]),
        Field::new(&["user_id"], Text, "u.user_id"),
        Field::new(&["last_ip"], Text, "u.profile ->> 'last_ip'"),
        Field::new(&["email", "domain"], Text, "substring(u.profile ->> 'email' from '[^@]*$')"),
        Field::new(&["email_verified"], Boolean, "u.profile ->> 'email_verified'"),
        Field::new(&["phone_verified"], Boolean, "u.profile ->> 'phone_verified'"),
        Field::new(&["blocked"], Boolean, "u.profile ->> 'blocked'"),
        Field::new(&["logins_count"], Number, "u.profile"),
        Field::new(&["created_at"], Date, "u.created_at"),
        Field::new(&["updated_at"], Date, "u.updated_at"),
        Field::new(&["last_login"], DateText, "(u.profile ->> 'last_login')"),
        Field::new(&["identities"], Presence, "u.identities"),
        Field::new(&["identities", "connection"], Text, "i.identity ->> 'connection'").of(IDENTITIES),
        Field::new(&["identities", "provider"], Text, "i.identity ->> 'provider'").of(IDENTITIES),
        Field::new(&["identities", "user_id"], Text, "i.identity ->> 'user_id'").of(IDENTITIES),
        Field::new(&["identities", "isSocial"], Boolean, "i.identity ->> 'isSocial'").of(IDENTITIES),
    ],
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

/// Which part of those who are meant, in which order.
#[derive(Debug, Default)]
pub struct Part<'a> {
    /// How many at most.
    pub limit: i64,
    /// How many of the first are left out.
    pub offset: i64,
    /// Is the number of all of them wanted?
    pub total: bool,
    /// Only those made after this time, or at it with a greater id.
    pub behind: Option<(OffsetDateTime, &'a str)>,
    /// Only those with an identity in a connection of this name.
    pub connection: Option<&'a str>,
    /// An order other than that of creation: by what, and the order of `made`, `id` and `key`.
    pub sort: Option<(Key<'a>, &'a str)>,
}

/// What users are sorted by.
#[derive(Debug)]
pub enum Key<'a> {
    /// An expression over a user `u`.
    Sql(&'a str),
    /// A value in an object: its column, and the keys that lead there.
    Path(&'a str, &'a [String]),
}

/// So many users are asked in the order of the list before any index is.
const NEAR: u32 = 200;
/// If so many of those are meant, many are.
const SIGN: u32 = 4;
/// So many candidates are fetched and sorted, whoever they are.
const FEW: u32 = 1_500;
/// Where there are more, or signs of it, so many users are asked in the order of the list before all candidates are.
const FAR: u32 = 10_000;

/// The statement of a part of a list: a row for every user, or one without a user. In all of them `few` says whether
/// [`few`] would have been enough.
pub fn statement(tenant: &str, plan: &Plan, part: &Part<'_>) -> (String, Builder) {
    let mut builder = Builder::new(tenant);
    (written(&mut builder, plan, part, staged), builder)
}

/// A statement for many searches that only looks at what an index proposes, and at that only if it is not much: a fraction
/// of the price of the one that holds for all. `few` says whether it was not; if it was, what is answered is not the part that
/// was asked for. `None` where there is no such one, or where an index has to be read from end to end.
pub fn few(tenant: &str, plan: &Plan, part: &Part<'_>) -> Option<(String, Builder)> {
    if part.sort.is_some() || part.total || rank(plan)? >= READ_WHOLE {
        return None;
    }
    let is_first = part.offset == 0 && part.behind.is_none();
    let mut builder = Builder::of_many(tenant);
    // Where candidates are not meant after all, they have to be counted.
    if !is_first || part.connection.is_some() || !is_exact(plan) {
        let select = written(&mut builder, plan, part, only_few);
        return Some((builder.for_many(&select)?, builder));
    }
    let meant = builder.condition(plan);
    let candidates = builder.candidates(plan)?;
    let proposed = candidates.condition()?;
    let limit = builder.bind(Bind::Integer(part.limit));
    let (tenant, columns) = (builder.tenant(), user_columns!());
    let select = format!(
        "select null::bigint as total,
            u.found <= {FEW} as few,
            {columns}
           from (select u.*, count(*) over () as found
                   from (select * from users u where (u.tenant_id = {tenant}) is true and {proposed} and {meant} limit {FEW} + 1) u) u
          order by u.created_at, u.user_id
          limit {limit}"
    );
    Some((builder.for_many(&select)?, builder))
}

/// What those have to meet who are meant, and what puts them behind the parts before.
fn conditions(builder: &mut Builder, plan: &Plan, part: &Part<'_>) -> (String, String) {
    let mut meant = builder.condition(plan);
    let behind = part.behind.map_or_else(String::new, |(created_at, user_id)| {
        let created_at = builder.bind(Bind::Time(created_at));
        let user_id = builder.bind(Bind::Text(user_id.to_owned()));
        format!(" and (u.created_at, u.user_id) > ({created_at}, {user_id})")
    });
    if let Some(connection) = part.connection {
        let connection = builder.bind(Bind::Text(connection.to_owned()));
        // Writing to a String cannot fail.
        let _ = write!(meant, concat!(" and ", is_in_connection!("{}", "{}")), builder.tenant(), connection);
    }
    (meant, behind)
}

/// Does the index on metadata propose hardly anybody who is not meant?
fn is_exact(plan: &Plan) -> bool {
    match plan {
        Plan::And(operands) | Plan::Or(operands) => operands.iter().all(is_exact),
        Plan::Test(Test::Json(_, Is::OneOf(_))) => true,
        _ => false,
    }
}

/// Where those who are meant come from, if an index proposes candidates.
struct Source {
    ctes: String,
    hits: String,
    few: String,
}

/// What a [`Source`] is made of.
struct Parts<'a> {
    /// The name of the tenant.
    tenant: &'a str,
    /// Selects of candidates' ids.
    propose: String,
    /// The columns of those who are meant.
    hit: &'a str,
    /// What they meet.
    meant: &'a str,
    behind: &'a str,
    /// All of them, by any index.
    all: &'a str,
    /// Those among some ids.
    of: &'a dyn Fn(&str) -> String,
    /// How many are wanted.
    wanted: String,
}

fn written(builder: &mut Builder, plan: &Plan, part: &Part<'_>, source: fn(&Parts<'_>) -> Source) -> String {
    let tenant = builder.tenant();
    let (meant, behind) = conditions(builder, plan, part);
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
    let hit = format!("u.user_id as id, u.created_at as made, {key} as key");
    let of = |ids: &str| {
        format!(
            "select {hit}
                from (select distinct user_id from {ids}) c
               cross join lateral (select * from users where tenant_id = {tenant} and user_id = c.user_id offset 0) u
               where {meant}{behind}"
        )
    };
    let all = match &candidates {
        None => format!("select {hit} from users u where u.tenant_id = {tenant} and {meant}{behind}"),
        Some(candidates) => match candidates.condition() {
            Some(condition) => {
                format!(
                    "select {hit} from users u where (u.tenant_id = {tenant}) is true and {condition} and {meant}{behind}"
                )
            }
            None => of(&format!("({}) c", candidates.select(tenant))),
        },
    };
    let in_order = part.sort.is_none() && !part.total;
    let nothing = || "null::boolean".to_owned();
    let Source { ctes, hits, few } = match candidates.filter(|_| in_order) {
        Some(candidates) => source(&Parts {
            tenant,
            propose: candidates.select(tenant),
            hit: &hit,
            meant: &meant,
            behind: &behind,
            all: &all,
            of: &of,
            wanted: format!("{limit} + {offset}"),
        }),
        None if part.total => {
            Source { ctes: format!("hits as materialized ({all}),"), hits: "hits".to_owned(), few: nothing() }
        }
        None => Source { ctes: String::new(), hits: format!("({all}) hits"), few: nothing() },
    };
    let total = if part.total { "(select count(*) from hits)" } else { "null::bigint" };
    let columns = user_columns!();
    format!(
        "with {ctes} page as (
             select * from {hits} order by {order} limit {limit} offset {offset}
         )
         select t.total,
            t.few,
            {columns}
           from (select {total} as total, {few} as few) t
           left join (page cross join lateral (select * from users where tenant_id = {tenant} and user_id = page.id offset 0) u) on true
          order by {order}"
    )
}

/// Those who are meant, in the order of creation, where an index proposes candidates. How many it would propose nobody
/// knows before they are counted, so a few users are asked in the order of the list. If hardly any is meant, a few candidates
/// are fetched and sorted. If many are meant, or the candidates are more than a few, the first come soon enough in the order
/// of the list; and if they do not, all candidates have to be sorted.
fn staged(parts: &Parts<'_>) -> Source {
    let Parts { tenant, propose, hit, meant, behind, all, of, wanted } = parts;
    let few = of(&format!("few where (select count(*) from few) <= {FEW}"));
    let walk = |most: &str| {
        format!(
            "select {hit}
               from (select * from users u where u.tenant_id = {tenant}{behind} order by u.created_at, u.user_id limit {most}) u
              where {meant}
              order by u.created_at, u.user_id
              limit {wanted}"
        )
    };
    let (near, far) =
        (walk(&NEAR.to_string()), walk(&format!("case when (select so from many) then {FAR} else 0 end")));
    let ctes = format!(
        "near as materialized (
             {near}
         ), few as materialized (
             select user_id from ({propose}) c where (select count(*) from near) < least({SIGN}, {wanted}) limit {FEW} + 1
         ), many as materialized (
             select near.n < {wanted} and (near.n >= {SIGN} or (select count(*) from few) > {FEW}) as so,
                    near.n < least({SIGN}, {wanted}) and (select count(*) from few) <= {FEW} as few
               from (select count(*) as n from near) near
         ), of_few as (
             {few}
         ), far as materialized (
             {far}
         ), of_all as (
             {all}
                and (select so from many)
                and (select count(*) from far) < {wanted}
         ),"
    );
    let hits = format!(
        "(select * from near where (select count(*) from near) >= {wanted}
             union all select * from of_few
             union all select * from far where (select count(*) from far) >= {wanted}
             union all select * from of_all) hits"
    );
    Source { ctes, hits, few: "(select few from many)".to_owned() }
}

/// Only a few candidates, sorted.
fn only_few(parts: &Parts<'_>) -> Source {
    let found = (parts.of)(&format!("few where (select count(*) from few) <= {FEW}"));
    let propose = &parts.propose;
    Source {
        ctes: format!("few as materialized (select user_id from ({propose}) c limit {FEW} + 1),"),
        hits: format!("({found}) hits"),
        few: format!("(select count(*) from few) <= {FEW}"),
    }
}
