//! `/api/v2/roles/{id}/users`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{ids, role};
use crate::support::{Tenant, path_of};

async fn users(tenant: &Tenant, number: usize) -> Vec<String> {
    let made = join_all((0..number).map(|_| tenant.user(json!({})))).await;
    made.iter().map(|user| user["user_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn list_of_members_has_four_fields_with_their_defaults() {
    let tenant = Tenant::new().await;
    let path = format!("/api/v2/roles/{}/users", role(&tenant).await);
    let user = tenant
        .user(json!({ "email": "jane@example.com", "given_name": "Jane", "user_metadata": { "a": 1 } }))
        .await;
    let added = tenant.post(&path, json!({ "users": [user["user_id"]] })).await;
    assert_eq!((added.status, added.text.as_str()), (200, "{}"));
    let row = json!({ "user_id": user["user_id"], "email": "jane@example.com", "picture": user["picture"], "name": "jane@example.com" });
    assert_eq!(tenant.get(&path).await.json, json!([row]));
    assert_eq!(
        tenant.get(&format!("{path}?include_totals=true&per_page=10")).await.json,
        json!({ "users": [row], "start": 0, "limit": 10, "total": 1 })
    );
}

#[tokio::test]
async fn add_members_is_all_or_nothing_and_idempotent() {
    let tenant = Tenant::new().await;
    let role = role(&tenant).await;
    let path = format!("/api/v2/roles/{role}/users");
    let users = users(&tenant, 3).await;
    let refused = tenant.post(&path, json!({ "users": [users[0], users[1], "auth0|nobody"] })).await;
    assert_eq!(refused.error(), (404, None, "One or more of the users do not exist."));
    assert_eq!(tenant.get(&path).await.json, json!([]));
    assert_eq!(
        tenant.post("/api/v2/roles/rol_nothing/users", json!({ "users": users })).await.error(),
        (404, None, "The role does not exist.")
    );
    for _ in 0..2 {
        let answer = tenant.post(&path, json!({ "users": [users[0], users[1], users[0]] })).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(tenant.post(&path, json!({ "users": users })).await.status, 200);
    assert_eq!(tenant.get(&path).await.json.as_array().unwrap().len(), 3);
    for user in &users {
        let added: Vec<_> =
            tenant.journal(user).await.into_iter().filter(|(kind, _)| kind == "user.roles_added").collect();
        assert_eq!(added, [("user.roles_added".to_owned(), json!({ "roles": { "after": [role] } }))]);
    }
    let bad = tenant.post(&path, json!({ "users": ["nobody"] })).await;
    assert_eq!(bad.error().1, Some("invalid_body"));
}

#[tokio::test]
async fn members_are_paged_in_the_order_of_assignment_then_id() {
    let tenant = Tenant::new().await;
    let path = format!("/api/v2/roles/{}/users", role(&tenant).await);
    let (mut first, mut second) = (users(&tenant, 3).await, users(&tenant, 2).await);
    tenant.post(&path, json!({ "users": second })).await;
    tenant.post(&path, json!({ "users": first })).await;
    first.sort();
    second.sort();
    let expected: Vec<&str> = second.iter().chain(&first).map(String::as_str).collect();
    assert_eq!(ids(&tenant.get(&path).await.json), expected);
    let mut seen = Vec::new();
    let mut from = String::new();
    loop {
        // Parameters of numbered pages are ignored, even invalid ones.
        let part =
            tenant.get(&format!("{path}?take=2&include_totals=true&per_page=1000&from={from}")).await.json;
        seen.extend(ids(&part["users"]).into_iter().map(str::to_owned));
        assert!(part.get("total").is_none() && part.get("start").is_none());
        match part.get("next") {
            Some(Value::String(next)) => from.clone_from(next),
            _ => break,
        }
    }
    assert_eq!(seen, expected);
    let whole = tenant.get(&format!("{path}?take=5")).await.json;
    assert_eq!(
        (whole["users"].as_array().unwrap().len(), whole.get("next")),
        (5, None),
        "no next after the last"
    );
    assert_eq!(
        tenant.get(&format!("{path}?from=nonsense")).await.error(),
        (
            400,
            Some("invalid_query_string"),
            "Query validation error: 'Not a valid checkpoint' on property from (Optional Id from which to start selection)."
        )
    );
}

#[tokio::test]
async fn numbered_pages_of_members_end_at_the_offset_cap() {
    let tenant = Tenant::new().await;
    let path = format!("/api/v2/roles/{}/users", role(&tenant).await);
    assert_eq!(tenant.get(&format!("{path}?page=9&per_page=100")).await.json, json!([]));
    assert_eq!(
        tenant.get(&format!("{path}?page=10&per_page=100")).await.error(),
        (
            400,
            Some("invalid_paging"),
            "Requesting page 10 exceeds the allowed maximum of 1000 records. To fetch results beyond 1000, use the checkpoint pagination method."
        )
    );
    let free = Tenant::with(|config| config.compat.offset_cap = None).await;
    let path = format!("/api/v2/roles/{}/users", role(&free).await);
    assert_eq!(free.get(&format!("{path}?page=10&per_page=100")).await.status, 200);
}

#[tokio::test]
async fn deletions_of_users_and_roles_delete_assignments() {
    let tenant = Tenant::new().await;
    let (role, other) = (role(&tenant).await, role(&tenant).await);
    let users = users(&tenant, 2).await;
    for role in [&role, &other] {
        tenant.post(&format!("/api/v2/roles/{role}/users"), json!({ "users": users })).await;
    }
    tenant.delete(&path_of(&json!({ "user_id": users[0] }))).await;
    assert_eq!(ids(&tenant.get(&format!("/api/v2/roles/{role}/users")).await.json), [&users[1]]);
    tenant.delete(&format!("/api/v2/roles/{role}")).await;
    let left = tenant.get(&format!("{}/roles", path_of(&json!({ "user_id": users[1] })))).await.json;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["id"], json!(other));
}
