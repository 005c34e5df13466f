//! `/api/v2/users/{id}/roles`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::role;
use crate::support::{Response, Tenant, path_of, send};

const TOO_MANY: (u16, Option<&str>, &str) =
    (400, Some("operation_not_supported"), "No more roles can be assigned to this user.");

async fn unassign(tenant: &Tenant, path: &str, roles: Value) -> Response {
    send(tenant.authorized("DELETE", path).json(&json!({ "roles": roles }))).await
}

async fn total(tenant: &Tenant, path: &str) -> i64 {
    tenant.get(&format!("{path}?include_totals=true&per_page=1")).await.json["total"].as_i64().unwrap()
}

#[tokio::test]
async fn roles_are_assigned_listed_and_unassigned() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let path = format!("{}/roles", path_of(&user));
    let one = tenant.post("/api/v2/roles", json!({ "name": "a", "description": "A" })).await.json;
    let other = tenant.post("/api/v2/roles", json!({ "name": "b", "description": "" })).await.json;
    for _ in 0..2 {
        let added = tenant.post(&path, json!({ "roles": [other["id"], one["id"], one["id"]] })).await;
        assert_eq!((added.status, added.text.as_str()), (204, ""));
    }
    assert_eq!(tenant.get(&path).await.json, json!([one, other]));
    assert_eq!(
        tenant.get(&format!("{path}?include_totals=true&per_page=1&page=1")).await.json,
        json!({ "roles": [other], "start": 1, "limit": 1, "total": 2 })
    );
    for _ in 0..2 {
        assert_eq!(unassign(&tenant, &path, json!([one["id"]])).await.status, 204);
    }
    assert_eq!(tenant.get(&path).await.json, json!([other]));
    let journal = tenant.journal(user["user_id"].as_str().unwrap()).await;
    let kinds: Vec<&str> = journal.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["user.created", "user.roles_added", "user.roles_removed"]);
    let mut added = vec![one["id"].clone(), other["id"].clone()];
    added.sort_by_key(|id| id.as_str().unwrap().to_owned());
    assert_eq!(journal[1].1, json!({ "roles": { "after": added } }));
    assert_eq!(journal[2].1, json!({ "roles": { "before": [one["id"]] } }));
}

#[tokio::test]
async fn unknown_user_or_role_is_404_and_nothing_changes() {
    let tenant = Tenant::new().await;
    let (path, role) = (format!("{}/roles", path_of(&tenant.user(json!({})).await)), role(&tenant).await);
    let unknown = "/api/v2/users/auth0%7Cnobody/roles";
    let no_user = (404, Some("inexistent_user"), "The user does not exist.");
    let no_role = (404, None, "The role does not exist.");
    assert_eq!(tenant.get(unknown).await.error(), no_user);
    assert_eq!(tenant.post(unknown, json!({ "roles": [role] })).await.error(), no_user);
    assert_eq!(unassign(&tenant, unknown, json!([role])).await.error(), no_user);
    assert_eq!(tenant.post(&path, json!({ "roles": [role, "rol_nothing"] })).await.error(), no_role);
    assert_eq!(total(&tenant, &path).await, 0);
    tenant.post(&path, json!({ "roles": [role] })).await;
    assert_eq!(unassign(&tenant, &path, json!([role, "rol_nothing"])).await.error(), no_role);
    assert_eq!(total(&tenant, &path).await, 1);
    for body in
        [json!({}), json!({ "roles": [] }), json!({ "roles": [""] }), json!({ "roles": [role], "x": 1 })]
    {
        assert_eq!(tenant.post(&path, body).await.error().1, Some("invalid_body"));
    }
}

#[tokio::test]
async fn limit_of_50_roles_holds_for_concurrent_requests() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let path = format!("{}/roles", path_of(&user));
    let roles = join_all((0..60).map(|_| role(&tenant))).await;
    let six = join_all(roles.chunks(6).map(|six| tenant.post(&path, json!({ "roles": six })))).await;
    assert_eq!(six.iter().filter(|answer| answer.status == 204).count(), 8);
    assert_eq!(six.iter().find(|answer| answer.status != 204).unwrap().error(), TOO_MANY);
    assert_eq!(total(&tenant, &path).await, 48);
    // One by one, of the user and of the roles.
    let one_by_one = join_all(roles.iter().enumerate().map(|(n, role)| {
        let members = format!("/api/v2/roles/{role}/users");
        let (tenant, path, user) = (&tenant, &path, &user);
        async move {
            if n % 2 == 0 {
                tenant.post(path, json!({ "roles": [role] })).await
            } else {
                tenant.post(&members, json!({ "users": [user["user_id"]] })).await
            }
        }
    }))
    .await;
    assert_eq!(one_by_one.iter().filter(|answer| answer.status == 400).count(), 10);
    assert!(one_by_one.iter().all(|answer| matches!(answer.status, 200 | 204 | 400)));
    assert_eq!(total(&tenant, &path).await, 50);
    let assigned = tenant.get(&format!("{path}?per_page=1")).await.json;
    assert_eq!(
        tenant.post(&path, json!({ "roles": [assigned[0]["id"]] })).await.status,
        204,
        "it is assigned already"
    );
}

#[tokio::test]
async fn assign_while_the_role_is_deleted_leaves_no_row() {
    let tenant = Tenant::new().await;
    let path = format!("{}/roles", path_of(&tenant.user(json!({})).await));
    for _ in 0..10 {
        let role = role(&tenant).await;
        let role_path = format!("/api/v2/roles/{role}");
        let (assigned, deleted) =
            tokio::join!(tenant.post(&path, json!({ "roles": [role] })), tenant.delete(&role_path));
        assert_eq!(deleted.status, 200);
        assert!(matches!(assigned.status, 204 | 404), "{}", assigned.text);
    }
    assert_eq!(total(&tenant, &path).await, 0);
}

#[tokio::test]
async fn concurrent_assign_and_update_of_a_user_both_succeed() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let (user_path, path) = (path_of(&user), format!("{}/roles", path_of(&user)));
    let roles = join_all((0..40).map(|_| role(&tenant))).await;
    let (assigned, patched) = tokio::join!(
        join_all(roles.iter().map(|role| tenant.post(&path, json!({ "roles": [role] })))),
        join_all(
            (0..40).map(|n| tenant.patch(&user_path, json!({ "user_metadata": { format!("k{n}"): n } })))
        ),
    );
    for answer in assigned.iter().chain(&patched) {
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
    }
    assert_eq!(total(&tenant, &path).await, 40);
    assert_eq!(tenant.get(&user_path).await.json["user_metadata"].as_object().unwrap().len(), 40);
}
