//! Random users and random queries: the API and the evaluator return the same users and reject the same
//! queries.

use std::cell::Cell;

use futures_util::future::join_all;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use roster::search::{Bound, Expr, Leaf, Piece, Test, Value as Operand};
use serde_json::{Map, Value, json};

use super::evaluator::{matches, rejects};
use super::queries::{leaf_of, pattern, pieces, ranges, trees};
use super::{create, find};
use crate::support::Tenant;

/// The number of tenants, in all tests together.
const TENANTS: u32 = 60;

/// A small set of texts, so that queries match users. Pairs differ in case, in type, or as patterns.
const TEXTS: [&str; 16] = [
    "jane",
    "Jane",
    "Jane Smith",
    "Änna",
    "änna",
    "50% _x\\y",
    "50a_x",
    "two\nlines",
    "a*b?",
    "1",
    "1.0",
    "10",
    "true",
    "2018-01",
    "2018-01-05",
    "\u{1f409}\"(x)",
];
/// Parts of these texts that are long enough for a leading wildcard.
const PARTS: [&str; 7] = ["ane", "Jan", "nna", "50%", "two\n", "201", "\u{1f409}\"("];
const SHORT: [&str; 8] = ["j", "J", "Ä", "%", "_x", "x", "\u{1f409}", "1"];
const TIMES: [&str; 5] = [
    "2017-12-31T23:59:59.999Z",
    "2018-01-01T00:00:00.000Z",
    "2018-01-15T12:30:45.678Z",
    "2018-01-31T23:59:59.999Z",
    "2020-02-29T00:00:00.000Z",
];
const DATES: [&str; 15] = [
    "2017",
    "2017-12",
    "2017-12-31",
    "2018-01",
    "2018-01-01",
    "2018-01-15",
    "2018-01-15T12:30",
    "2018-01-15T12:30:45",
    "2018-01-15T12:30:45.6",
    "2018-01-15T14:30:45.678+02:00",
    "2018-01-15T12:30:45.678Z",
    "2020",
    "2020-02-29",
    "0001",
    "9999",
];
const NO_DATES: [&str; 3] = ["2018-01-32", "2018-01T10:00", "now"];
const NUMBERS: [&str; 7] = ["-1", "0", "1", "1.0", "2.5", "1e1", "10"];
const NO_NUMBERS: [&str; 3] = ["01", "1.", "ten"];

fn some(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    select(texts).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => some(&TEXTS).prop_map(Value::from),
        3 => select(vec![json!(-1), json!(0), json!(1), json!(1.0), json!(2.5), json!(10), json!(-2.5)]),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn metadata() -> impl Strategy<Value = Value> {
    let value = scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..3).prop_map(Value::from),
            3 => btree_map(key(), inner, 0..3).prop_map(Value::from_iter),
        ]
    });
    btree_map(key(), value, 0..4).prop_map(Value::from_iter)
}

fn key() -> impl Strategy<Value = String> + Clone {
    some(&["a", "b", "c d", "a:b*"])
}

/// The attributes of a user. [`with_index`] makes the address and the id unique.
fn user() -> impl Strategy<Value = Map<String, Value>> {
    let text = || option::weighted(0.6, some(&TEXTS).prop_map(Value::from));
    let flag = || option::weighted(0.6, any::<bool>().prop_map(Value::from));
    let texts = (text(), text(), text(), text());
    let flags = (flag(), flag());
    let document = || option::weighted(0.7, metadata());
    let logins = (
        option::weighted(0.6, select(vec![json!(0), json!(1), json!(2), json!(10), json!(11)])),
        option::weighted(0.6, some(&TIMES).prop_map(Value::from)),
        option::weighted(0.3, some(&["10.0.0.1", "10.0.0.12"]).prop_map(Value::from)),
    );
    (texts, flags, document(), document(), logins, some(&TIMES), any::<bool>()).prop_map(
        |(texts, flags, user_metadata, app_metadata, logins, created_at, sub)| {
            let attributes = [
                ("name", texts.0),
                ("given_name", texts.1),
                ("family_name", texts.2),
                ("nickname", texts.3),
                ("email_verified", flags.0),
                ("blocked", flags.1),
                ("user_metadata", user_metadata),
                ("app_metadata", app_metadata),
                ("logins_count", logins.0),
                ("last_login", logins.1),
                ("last_ip", logins.2),
                ("created_at", Some(created_at.into())),
                ("email", Some(json!(if sub { "@Sub.example.com" } else { "@example.com" }))),
            ];
            attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        },
    )
}

/// A test of a text field.
fn text_test(text: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = Test> {
    let begin = prop_oneof![
        8 => some(&SHORT).prop_map(|text| vec![Piece::Text(text)]),
        4 => some(&PARTS).prop_map(|text| vec![Piece::Text(text)]),
        4 => some(&PARTS).prop_map(|text| vec![Piece::AnyRun, Piece::Text(text)]),
        2 => some(&PARTS).prop_map(|text| vec![Piece::AnyOne, Piece::Text(text)]),
        1 => some(&SHORT).prop_map(|text| vec![Piece::AnyRun, Piece::Text(text)]),
    ];
    let word = (begin, vec(pieces(some(&SHORT)), 0..3), prop::bool::weighted(0.7))
        .prop_filter_map("a word", |(begin, more, open)| {
            pattern([begin, more, if open { vec![Piece::AnyRun] } else { Vec::new() }].concat())
        })
        .prop_map(Test::Word);
    let literal = text.clone().prop_map(|text| Test::Word(pattern(vec![Piece::Text(text)]).unwrap()));
    prop_oneof![
        3 => text.clone().prop_map(Test::Phrase),
        2 => literal,
        3 => word,
        2 => ranges(text),
        1 => Just(Test::Exists),
    ]
}

/// A test without wildcards, for other fields.
fn value_test(text: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = Test> {
    prop_oneof![
        3 => text.clone().prop_map(Test::Phrase),
        4 => ranges(text),
        1 => Just(Test::Exists),
    ]
}

fn path(field: &str) -> Vec<String> {
    field.split('.').map(str::to_owned).collect()
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let test_of = |fields: &'static [&'static str], test: BoxedStrategy<Test>| {
        (select(fields), test).prop_map(|(field, test)| leaf_of(Some(path(field)), test))
    };
    let known = prop_oneof![
        6 => some(&TEXTS),
        2 => (0..4, any::<bool>())
            .prop_map(|(n, sub)| format!("U{n}@{}example.com", if sub { "sub." } else { "" })),
    ];
    let ids = prop_oneof![
        (0..4).prop_map(|n| format!("auth0|u{n}")),
        (0..4).prop_map(|n| format!("u{n}")),
        some(&["example.com", "sub.example.com", "Sub.example.com", "auth0", "10.0.0.1", "u1@example.com"]),
    ];
    let values = prop_oneof![4 => some(&TEXTS), 2 => some(&NUMBERS)];
    let metadata =
        (select(vec!["user_metadata", "app_metadata"]), vec(key(), 0..4), text_test(values.boxed()))
            .prop_map(|(root, keys, test)| leaf_of(Some([vec![root.to_owned()], keys].concat()), test));
    prop_oneof![
        6 => test_of(&["email", "name", "given_name", "family_name", "nickname"], text_test(known.clone()).boxed()),
        3 => test_of(
            &["user_id", "username", "last_ip", "email.domain", "identities.user_id", "identities.provider"],
            text_test(ids).boxed(),
        ),
        3 => test_of(
            &["email_verified", "blocked", "phone_verified", "identities.isSocial"],
            prop_oneof![
                30 => some(&["true", "false"]).prop_map(Test::Phrase),
                1 => Just(Test::Exists),
            ]
            .boxed(),
        ),
        2 => test_of(&["logins_count"], value_test(some(&NUMBERS)).boxed()),
        3 => test_of(&["created_at", "updated_at", "last_login"], value_test(some(&DATES)).boxed()),
        9 => metadata,
        1 => test_of(&["identities", "unknown", "picture", "name.first", "_id"], text_test(some(&TEXTS)).boxed()),
        2 => text_test(known).prop_filter("has a field", |test| !matches!(test, Test::Range { .. } | Test::Exists))
            .prop_map(|test| leaf_of(None, test)),
    ]
}

/// A test that does not fit its field. One such test makes the API reject the query.
fn misfit() -> impl Strategy<Value = Leaf> {
    let test_of = |field: &'static str, texts: BoxedStrategy<String>| {
        value_test(texts).prop_map(move |test| leaf_of(Some(path(field)), test))
    };
    prop_oneof![
        some(&["True", "1"]).prop_map(|text| leaf_of(Some(path("blocked")), Test::Phrase(text))),
        test_of("logins_count", some(&NO_NUMBERS).boxed()),
        test_of("last_login", some(&NO_DATES).boxed()),
    ]
}

/// The paths and values of a user's scalars. Arrays have no path segment.
fn scalars(value: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| scalars(item, path, found)),
        Value::Object(members) => {
            for (name, member) in members {
                path.push(name.clone());
                scalars(member, path, found);
                path.pop();
            }
        }
        _ => found.push((path.clone(), value.clone())),
    }
}

/// A test close to a value of one of the users.
fn close_test(scalars: Vec<(Vec<String>, Value)>) -> impl Strategy<Value = Leaf> {
    (select(scalars), 0..10, 1..20_usize).prop_map(|((path, value), way, cut)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let quoted = value.is_string();
        let is_date = path.len() == 1 && matches!(path[0].as_str(), "created_at" | "last_login");
        let begin: String = text.chars().take(cut).collect();
        let end: String = text.chars().skip(text.chars().count().saturating_sub(cut + 2)).collect();
        let operand = || Operand { text: text.clone(), quoted };
        let test = match way {
            0 if quoted && !is_date => pattern(vec![Piece::Text(begin), Piece::AnyRun]).map(Test::Word),
            1 if quoted && !is_date && end.chars().count() > 2 => {
                pattern(vec![Piece::AnyRun, Piece::Text(end)]).map(Test::Word)
            }
            2..=5 if value.is_boolean() => None,
            2 => Some(Test::Range { low: Bound::Inclusive(operand()), high: Bound::Open }),
            3 => Some(Test::Range { low: Bound::Exclusive(operand()), high: Bound::Open }),
            4 => Some(Test::Range { low: Bound::Open, high: Bound::Inclusive(operand()) }),
            5 => Some(Test::Range { low: Bound::Open, high: Bound::Exclusive(operand()) }),
            6 if is_date => Some(Test::Phrase(text[..[4, 7, 10, 16, 19][cut % 5]].to_owned())),
            6 if quoted => Some(Test::Phrase(text.to_uppercase())),
            7 => Some(Test::Exists),
            8 if quoted => return leaf_of(None, Test::Phrase(text)),
            _ => None,
        };
        leaf_of(Some(path), test.unwrap_or(Test::Phrase(text)))
    })
}

/// Users, and queries close to their values.
fn scenarios() -> impl Strategy<Value = (Vec<Map<String, Value>>, Vec<Expr>)> {
    vec(user(), 1..7).prop_flat_map(|users| {
        let users: Vec<_> = users.into_iter().enumerate().map(with_index).collect();
        let mut found = Vec::new();
        for user in &users {
            scalars(&Value::from(user.clone()), &mut Vec::new(), &mut found);
        }
        let leaf = prop_oneof![30 => close_test(found), 9 => leaf(), 1 => misfit()];
        (Just(users), vec(trees(leaf, 3), 1..60))
    })
}

fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (total, selective, rejected) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_u32));
    let mut runner =
        TestRunner::new(Config { cases: TENANTS / 4, failure_persistence: None, ..Config::default() });
    let result = runner.run(&scenarios(), |(users, queries)| {
        runtime.block_on(async {
            let tenant = Tenant::new().await;
            join_all(users.iter().map(|user| create(&tenant, user))).await;
            let documents = tenant.get("/api/v2/users?per_page=100").await.json.as_array().unwrap().clone();
            prop_assert_eq!(documents.len(), users.len());
            for expr in &queries {
                let found = find(&tenant, &expr.to_string()).await;
                total.set(total.get() + 1);
                let expected =
                    (!rejects(expr)).then(|| ids(documents.iter().filter(|user| matches(user, expr))));
                match &expected {
                    None => rejected.set(rejected.get() + 1),
                    Some(ids) if !ids.is_empty() && ids.len() < users.len() => {
                        selective.set(selective.get() + 1);
                    }
                    Some(_) => {}
                }
                prop_assert_eq!(
                    found.map(|found| ids(found.iter())),
                    expected,
                    "{} of {:#?}",
                    expr,
                    documents
                );
            }
            Ok(())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (total, selective, rejected) = (total.get(), selective.get(), rejected.get());
    // Far from the usual ratios 0.4 and 0.035, so that chance does not fail a run.
    assert!(selective * 20 > total, "{selective} of {total} queries match some users and not all");
    assert!(rejected > 0 && rejected * 2 < total, "{rejected} of {total} queries are rejected");
}

/// Adds the index among the users to the id and the address.
fn with_index((index, mut user): (usize, Map<String, Value>)) -> Map<String, Value> {
    let domain = user["email"].as_str().unwrap().to_owned();
    user.insert("email".into(), format!("u{index}{domain}").into());
    user.insert("user_id".into(), format!("auth0|u{index}").into());
    user
}

fn ids<'a>(users: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut ids: Vec<String> = users.map(|user| user["user_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn api_agrees_with_the_evaluator_1() {
    run();
}

#[test]
fn api_agrees_with_the_evaluator_2() {
    run();
}

#[test]
fn api_agrees_with_the_evaluator_3() {
    run();
}

#[test]
fn api_agrees_with_the_evaluator_4() {
    run();
}
