use roster::search::{parse, strict};
use serde_json::json;

use super::find;
use crate::support::Tenant;

#[test]
fn what_auth0_refuses_is_refused_when_asked_for() {
    let range = "Range searches are not available on user_metadata fields.";
    let wildcard = "Wildcard searches are not available on user_metadata fields.";
    let one = "The wildcard '?' is not supported.";
    let short = "Wildcards that match more than a beginning need literals of three characters or more.";
    for (query, column, because) in [
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
        let refused = strict::check(&parse(query).unwrap());
        assert_eq!(refused, Err(format!("column {column}: {because} (search.auth0_strict)")), "{query}");
    }
}

#[test]
fn what_auth0_answers_is_answered() {
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
async fn a_tenant_may_want_to_be_as_strict() {
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
