use roster::search::{parse, strict};
use serde_json::json;

use super::find;
use crate::support::Tenant;

#[test]
fn strict_check_rejects_what_auth0_rejects() {
    let range = "Range searches are not available on user_metadata fields.";
    let wildcard = "Wildcard searches are not available on user_metadata fields.";
    let one = "The wildcard '?' is not supported.";
    let short = "Wildcards other than a trailing '*' need literals of three characters or more.";
    for (query, column, violation) in [
        ("user_metadata.n:[1 TO 2]", 1, range),
        ("name:x AND NOT user_metadata.n:>5", 16, range),
        ("user_metadata.city:Par*", 1, wildcard),
        ("email:x OR (a b user_metadata.city:(x *ris))", 39, wildcard),
        ("name:jane?", 1, one),
        ("name:*sa", 1, short),
        ("name:j*n", 1, short),
        ("name:jane*s*", 1, short),
        ("*sa", 1, short),
    ] {
        let checked = strict::check(&parse(query).unwrap());
        assert_eq!(checked, Err(format!("column {column}: {violation} (search.auth0_strict)")), "{query}");
    }
}

#[test]
fn strict_check_accepts_what_auth0_accepts() {
    for query in [
        "name:j*",
        "name:*usa",
        "name:*john*",
        "name:jane*smith",
        "app_metadata.plan:ful*",
        "app_metadata.level:[1 TO 3}",
        "logins_count:{100 TO *]",
        "_exists_:user_metadata.city",
        "user_metadata.city:\"Par*\"",
        r"user_metadata.city:Par\*",
        "NOT (user_metadata.n:5 OR user_metadata.addresses.city:\"Paris\")",
    ] {
        assert_eq!(strict::check(&parse(query).unwrap()), Ok(()), "{query}");
    }
}

#[tokio::test]
async fn strict_tenant_rejects_what_auth0_rejects() {
    let (tenant, strict) =
        (Tenant::new().await, Tenant::with(|config| config.search.auth0_strict = true).await);
    for tenant in [&tenant, &strict] {
        tenant.user(json!({ "name": "jane", "user_metadata": { "city": "Paris", "n": 5 } })).await;
    }
    for query in ["user_metadata.city:Par*", "user_metadata.n:[1 TO 5]", "name:j*e", "name:jan?"] {
        assert_eq!(find(&tenant, query).await.map(|users| users.len()), Some(1), "{query}");
        assert_eq!(find(&strict, query).await, None, "{query}");
    }
    for query in ["user_metadata.city:Paris", "user_metadata.n:5", "name:j*", "name:*ane"] {
        assert_eq!(find(&strict, query).await.map(|users| users.len()), Some(1), "{query}");
    }
}
