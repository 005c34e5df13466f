//! Malicious and extreme queries: each gets a result or a validation error.

use serde_json::json;

use super::{page, search};
use crate::support::{Tenant, sql};

#[tokio::test]
async fn hostile_query_is_answered_or_rejected() {
    let tenant = Tenant::new().await;
    let name = "a'); drop table users; --";
    tenant.user(json!({ "name": name, "user_metadata": { "it's": { "100%": "x'y\\" } } })).await;
    tenant.user(json!({ "name": format!("{}c", "a".repeat(299)) })).await;
    for (query, count) in [
        // Syntax of SQL, of LIKE, of JSON paths and of the language.
        (r#"name:"a'); drop table users; --""#.to_owned(), Some(1)),
        (r"name:a'\)*--".to_owned(), Some(1)),
        (r"user_metadata.it's.100%:x'y\\".to_owned(), Some(1)),
        (r"user_metadata.it's.100%:x'*".to_owned(), Some(1)),
        (r#"user_metadata.it's.100%:["x'" TO "x'z"]"#.to_owned(), Some(1)),
        (r"_exists_:user_metadata.it's.100%".to_owned(), Some(1)),
        (r#"user_metadata.\"\)\ or\ 1=1:"x""#.to_owned(), Some(0)),
        (r"user_metadata.$.a\[*\]:x".to_owned(), None),
        (r#"user_metadata.\$\[\*\]:"\" || true""#.to_owned(), Some(0)),
        (r#"_exists_:user_metadata.\"\ \?\ \(true\)"#.to_owned(), Some(0)),
        ("name:\"$1\" OR name:\"$1::text\" OR name:\"%\" OR name:\"_\"".to_owned(), Some(0)),
        ("name:\"\\\\\" OR name:'' OR name:'a'".to_owned(), Some(0)),
        ("user_metadata.a:1e999 OR logins_count:1e999".to_owned(), Some(0)),
        ("logins_count:[-99999999999999999999999 TO 99999999999999999999999]".to_owned(), Some(0)),
        ("logins_count:1e99999999".to_owned(), None),
        ("logins_count:NaN".to_owned(), None),
        ("logins_count:Infinity".to_owned(), None),
        ("created_at:[0001 TO 9999]".to_owned(), Some(2)),
        ("created_at:0000".to_owned(), None),
        ("created_at:infinity".to_owned(), None),
        ("created_at:99999".to_owned(), None),
        ("created_at:2018-01-01T00:00-99:00".to_owned(), None),
        // Characters.
        ("name:\0".to_owned(), None),
        ("name:\"\0\"".to_owned(), None),
        ("user_metadata.\0:x".to_owned(), None),
        ("\u{feff}\u{202e}\u{fffd}\u{10ffff}".to_owned(), Some(0)),
        ("name:\u{1}\u{7f}".to_owned(), Some(0)),
        ("\"".to_owned(), None),
        ("\\".to_owned(), None),
        ("'".to_owned(), Some(0)),
        // Sizes.
        (vec!["name:x"; 2_000].join(" OR "), None),
        ((0..900).map(|n| format!("name:x{n}")).collect::<Vec<_>>().join(" OR "), Some(0)),
        ((0..900).map(|n| format!("user_metadata.k{n}:[1 TO 2]")).collect::<Vec<_>>().join(" "), Some(0)),
        (vec!["x"; 250].join(" "), Some(0)),
        (vec!["x"; 251].join(" "), None),
        ("NOT (".repeat(50) + "name:x" + &")".repeat(50), Some(0)),
        ("(".repeat(10_000) + "a" + &")".repeat(10_000), None),
        ("-".repeat(10_000), None),
        ("\\".repeat(10_001), None),
        (format!("name:\"{}\"", "x".repeat(10_000)), Some(0)),
        (format!("user_metadata.{}:x", vec!["a"; 127].join(".")), Some(0)),
        (format!("user_metadata.{}:x", vec!["a"; 5_000].join(".")), None),
        (format!("user_metadata.n:{}", "9".repeat(10_000)), Some(0)),
        (format!("name:aaa{}b", "*a".repeat(200)), Some(0)),
        // More values than a row can have columns.
        (format!("email:x@example.com {}", "-a ".repeat(210)), Some(0)),
        (format!("name:*aaa{}b", "*a".repeat(100)), Some(0)),
        (format!("name:aaa{}c", "*?".repeat(100)), Some(1)),
        ("name:*a*a*a*a*b".to_owned(), None),
    ] {
        let answer = search(&tenant, &query).await;
        let shown: String = query.chars().take(80).collect();
        if let Some(count) = count {
            assert_eq!(answer.status, 200, "{shown}: {}", answer.text);
            assert_eq!(answer.json["total"], count, "{shown}");
            // Reaches the sparse streak, then runs the sparse statement.
            for _ in 0..5 {
                assert_eq!(page(&tenant, &query).await.len(), count, "{shown}");
            }
        } else {
            let (status, code, message) = answer.error();
            assert_eq!((status, code), (400, Some("invalid_query_string")), "{shown}: {message}");
            assert!(message.len() < 500, "{shown}: {message}");
        }
        for leak in ["sqlx", "postgres", "jsonb", "panicked", "relation \"", "syntax error at"] {
            assert!(!answer.text.to_lowercase().contains(leak), "{shown}: {}", answer.text);
        }
    }
    let remaining = sql("select user_id from users where tenant_id = $1", &[&tenant.name]).await;
    assert_eq!(remaining.len(), 2);
}

#[tokio::test]
async fn query_matches_no_user_of_another_tenant() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    other.user(json!({ "name": "jane" })).await;
    for query in ["*", "name:jane", "jane", "NOT name:john", "name:j* OR tenant_id:*", "_exists_:email"] {
        assert_eq!(search(&tenant, query).await.json["total"], 0, "{query}");
        assert_eq!(search(&other, query).await.json["total"], 1, "{query}");
    }
}
