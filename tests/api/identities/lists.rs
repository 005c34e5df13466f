//! Lists that are empty for every user: organizations and second factors.

use serde_json::json;

use crate::support::{Tenant, path_of, send};

#[tokio::test]
async fn organizations_and_enrollments_are_empty() {
    let tenant = Tenant::new().await;
    let user = path_of(&tenant.user(json!({})).await);
    for (path, body) in [
        ("organizations", json!([])),
        (
            "organizations?include_totals=true&per_page=20&page=2",
            json!({ "organizations": [], "start": 40, "limit": 20, "total": 0 }),
        ),
        ("enrollments", json!([])),
    ] {
        let answer = tenant.get(&format!("{user}/{path}")).await;
        assert_eq!((answer.status, answer.json), (200, body));
        let unknown = tenant.get(&format!("/api/v2/users/auth0%7Cnobody/{path}")).await;
        assert_eq!(unknown.error(), (404, Some("inexistent_user"), "The user does not exist."));
    }
    let too_many = tenant.get(&format!("{user}/organizations?per_page=101")).await;
    insta::assert_snapshot!(too_many.error().2, @"Query validation error: 'Value 101 is greater than maximum 100' on property per_page (Number of results per page. Defaults to 50).");
}

#[tokio::test]
async fn lists_require_the_scope() {
    let tenant = Tenant::new().await;
    let user = path_of(&tenant.user(json!({})).await);
    for (path, scope, status) in [
        ("organizations", "read:organizations", 200),
        ("organizations", "read:current_user", 403),
        ("enrollments", "read:current_user", 403),
        ("enrollments", "read:organizations", 403),
    ] {
        let token = tenant.token_with(&[scope]).await;
        let answer = send(tenant.request("GET", &format!("{user}/{path}")).bearer_auth(token)).await;
        assert_eq!(answer.status, status, "{path} with {scope}");
    }
}
