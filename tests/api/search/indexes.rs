//! The index of a path returns all matches as candidates: results with and without it are equal.

use roster::resources::users::search::indexes::{build, list, remove};
use roster::search::indexed::IndexedPath;
use serde_json::json;

use super::search;
use crate::support::{Tenant, on_server, server};

#[tokio::test]
async fn path_index_does_not_change_results() {
    let indexed = IndexedPath::parse("app_metadata.a-1.b_2").unwrap();
    let (first, second) = on_server({
        let indexed = indexed.clone();
        async move {
            let database = &server().database;
            let other = IndexedPath::parse("user_metadata.other").unwrap();
            // Concurrently: neither build waits for the other's snapshot.
            let (first, _) = tokio::join!(build(database, &indexed), build(database, &other));
            (first.unwrap(), build(database, &indexed).await.unwrap())
        }
    })
    .await;
    assert_eq!((first, second), (true, false));
    let with = Tenant::with(|config| config.search.indexed = vec![indexed.clone()]).await;
    let without = Tenant::new().await;
    let long = "x".repeat(5000);
    for value in [
        json!("abc"),
        json!("abd"),
        json!(format!("{long}1")),
        json!(format!("{long}2")),
        json!("\u{10ffff}\u{10ffff}"),
        json!(5),
        json!(5.5),
        json!(-5),
        json!(0),
        serde_json::from_str("1e400").unwrap_or(json!(1e300)),
        json!(-1e-308),
        json!(["abc", 7]),
        json!([["abz"]]),
        json!([9]),
        json!([]),
        json!(null),
        json!({ "c": 1 }),
        json!(true),
    ] {
        for tenant in [&with, &without] {
            tenant.user(json!({ "app_metadata": { "a-1": { "b_2": value } } })).await;
        }
    }
    let mut found = 0;
    for test in [
        "ab*",
        "abc*d*",
        "*abc",
        "[abc TO abd}",
        "{abc TO *]",
        "[* TO abd]",
        "[5 TO 7]",
        "{5 TO *]",
        "[* TO 5}",
        "[-10 TO 0]",
        "{-1 TO 1}",
        "[1e200 TO *]",
        "[\"5\" TO x]",
        "\"abc\"",
        "5",
        "[-1e-320 TO 0]",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("{long}*"), format!("[{long}2 TO *]"), format!("[* TO {long}1]")])
    {
        let q = format!("app_metadata.a-1.b_2:{test}");
        let (a, b) = (search(&with, &q).await, search(&without, &q).await);
        assert_eq!((a.status, b.status), (200, 200), "{q}: {} {}", a.text, b.text);
        assert_eq!(a.json["total"], b.json["total"], "{}", &q[..q.len().min(80)]);
        found += a.json["total"].as_u64().unwrap();
    }
    assert!(found > 40, "{found}");
    on_server(async move {
        let database = &server().database;
        assert!(
            list(database)
                .await
                .unwrap()
                .iter()
                .any(|index| index.path == "app_metadata.a-1.b_2" && index.valid)
        );
        assert!(remove(database, &indexed).await.unwrap());
        assert!(!remove(database, &indexed).await.unwrap());
    })
    .await;
}

#[test]
fn indexed_path_has_plain_keys() {
    for good in ["app_metadata.plan", "user_metadata.a.b-c._d", "app_metadata.9"] {
        assert!(IndexedPath::parse(good).is_some(), "{good}");
    }
    let (long, deep) =
        (format!("app_metadata.{}", "x".repeat(64)), format!("app_metadata{}", ".a".repeat(11)));
    for bad in [
        "",
        "plan",
        "app_metadata",
        "app_metadata.",
        "app_metadata.a..b",
        "email.x",
        "app_metadata.a'b",
        "app_metadata.é",
        &long,
        &deep,
    ] {
        assert!(IndexedPath::parse(bad).is_none(), "{bad}");
    }
}
