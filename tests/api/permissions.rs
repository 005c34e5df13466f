//! `/api/v2/roles/{id}/permissions` and `/api/v2/users/{id}/permissions`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::roles::role;
use crate::support::{Response, Tenant, path_of, send};

const API: &str = "https://api.example.com/";

fn permission(name: &str) -> Value {
    json!({ "resource_server_identifier": API, "permission_name": name })
}

fn all(names: &[&str]) -> Value {
    json!({ "permissions": names.iter().map(|name| permission(name)).collect::<Vec<_>>() })
}

async fn remove(tenant: &Tenant, path: &str, body: Value) -> Response {
    send(tenant.authorized("DELETE", path).json(&body)).await
}

/// A tenant with an API with these scopes; the path of the API.
async fn tenant_with(scopes: &[&str]) -> (Tenant, String) {
    let tenant = Tenant::new().await;
    let scopes: Vec<Value> =
        scopes.iter().map(|value| json!({ "value": value, "description": format!("To {value}") })).collect();
    let api = tenant
        .post("/api/v2/resource-servers", json!({ "name": "API", "identifier": API, "scopes": scopes }))
        .await;
    assert_eq!(api.status, 201, "{}", api.text);
    let path = format!("/api/v2/resource-servers/{}", api.json["id"].as_str().unwrap());
    (tenant, path)
}

async fn names(tenant: &Tenant, path: &str) -> Vec<String> {
    let list = tenant.get(&format!("{path}?per_page=100")).await.json;
    list.as_array()
        .unwrap()
        .iter()
        .map(|permission| permission["permission_name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn permissions_of_a_role_are_added_listed_and_removed() {
    let (tenant, _) = tenant_with(&["read", "write"]).await;
    let role = role(&tenant).await;
    let path = format!("/api/v2/roles/{role}/permissions");
    for _ in 0..2 {
        let added = tenant.post(&path, all(&["write", "read", "read"])).await;
        assert_eq!((added.status, added.text.as_str()), (201, "{}"));
    }
    let read = json!({ "permission_name": "read", "description": "To read", "resource_server_name": "API", "resource_server_identifier": API });
    assert_eq!(
        tenant.get(&format!("{path}?include_totals=true&per_page=1")).await.json,
        json!({ "permissions": [read], "start": 0, "limit": 1, "total": 2 })
    );
    for _ in 0..2 {
        let removed = remove(&tenant, &path, all(&["read", "never there"])).await;
        assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    }
    assert_eq!(names(&tenant, &path).await, ["write"]);
    let journal = tenant.journal(&role).await;
    let kinds: Vec<&str> = journal.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["role.created", "role.permissions_added", "role.permissions_removed"]);
    assert_eq!(journal[1].1["permissions"]["after"].as_array().unwrap().len(), 2);
    assert_eq!(journal[2].1, json!({ "permissions": { "before": [permission("read")] } }));
}

#[tokio::test]
async fn permissions_of_a_user_have_all_their_sources() {
    let (tenant, _) = tenant_with(&["read", "write"]).await;
    let user = tenant.user(json!({})).await;
    let path = format!("{}/permissions", path_of(&user));
    let added = tenant.post(&path, all(&["read"])).await;
    assert_eq!((added.status, added.text.as_str()), (201, "{}"));
    let direct = json!({ "source_id": "", "source_name": "", "source_type": "DIRECT" });
    assert_eq!(tenant.get(&path).await.json[0]["sources"], json!([direct]));
    let mut sources = vec![direct];
    for name in ["Alpha", "Beta"] {
        let role = tenant.post("/api/v2/roles", json!({ "name": name })).await.json;
        let role_path = format!("/api/v2/roles/{}", role["id"].as_str().unwrap());
        tenant.post(&format!("{role_path}/permissions"), all(&["read", "write"])).await;
        tenant.post(&format!("{role_path}/users"), json!({ "users": [user["user_id"]] })).await;
        sources.push(json!({ "source_id": role["id"], "source_name": name, "source_type": "ROLE" }));
    }
    let described = |name: &str, sources: &[Value]| json!({ "permission_name": name, "description": format!("To {name}"), "resource_server_name": "API", "resource_server_identifier": API, "sources": sources });
    assert_eq!(
        tenant.get(&format!("{path}?include_totals=true")).await.json,
        json!({ "permissions": [described("read", &sources), described("write", &sources[1..])], "start": 0, "limit": 50, "total": 2 })
    );
    for _ in 0..2 {
        assert_eq!(remove(&tenant, &path, all(&["read", "write"])).await.status, 204);
    }
    assert_eq!(tenant.get(&path).await.json[0]["sources"], json!(sources[1..]));
    let journal = tenant.journal(user["user_id"].as_str().unwrap()).await;
    let own: Vec<&(String, Value)> =
        journal.iter().filter(|(kind, _)| kind.starts_with("user.permissions")).collect();
    assert_eq!(
        own,
        [
            &(
                "user.permissions_added".to_owned(),
                json!({ "permissions": { "after": [permission("read")] } })
            ),
            &(
                "user.permissions_removed".to_owned(),
                json!({ "permissions": { "before": [permission("read")] } })
            ),
        ]
    );
}

#[tokio::test]
async fn unknown_permission_is_404_and_nothing_is_added() {
    let (tenant, _) = tenant_with(&["read"]).await;
    let (role, user) = (role(&tenant).await, path_of(&tenant.user(json!({})).await));
    let (of_role, of_user) = (format!("/api/v2/roles/{role}/permissions"), format!("{user}/permissions"));
    let code = Some("inexistent_resource_server_permission");
    let message = "This permission does not exist: 'https://api.example.com/ - fly'";
    for path in [&of_role, &of_user] {
        assert_eq!(tenant.post(path, all(&["read", "fly"])).await.error(), (404, code, message));
    }
    let elsewhere = json!({ "permissions": [permission("read"), { "resource_server_identifier": "urn:none", "permission_name": "x" }] });
    assert_eq!(
        tenant.post(&of_user, elsewhere.clone()).await.error(),
        (404, code, "This permission does not exist: 'urn:none - x'")
    );
    assert_eq!(
        tenant.post(&of_role, elsewhere.clone()).await.error(),
        (404, Some("inexistent_resource_server"), "The resource server does not exist.")
    );
    for path in [&of_role, &of_user] {
        assert_eq!(tenant.get(path).await.json, json!([]));
        assert_eq!(remove(&tenant, path, elsewhere.clone()).await.status, 204);
    }
    let no_user = (404, Some("inexistent_user"), "The user does not exist.");
    let no_role = (404, None, "The role does not exist.");
    for (path, refusal) in
        [("/api/v2/users/auth0%7Cx/permissions", no_user), ("/api/v2/roles/rol_x/permissions", no_role)]
    {
        assert_eq!(tenant.get(path).await.error(), refusal);
        assert_eq!(tenant.post(path, all(&["read"])).await.error(), refusal);
        assert_eq!(remove(&tenant, path, all(&["read"])).await.error(), refusal);
    }
    for body in
        [json!({}), json!({ "permissions": [] }), json!({ "permissions": [{ "permission_name": "x" }] })]
    {
        assert_eq!(tenant.post(&of_role, body).await.error().1, Some("invalid_body"));
    }
}

#[tokio::test]
async fn deletions_of_scopes_and_apis_delete_assignments() {
    let (tenant, api) = tenant_with(&["read", "write", "fly"]).await;
    let (role, user) = (role(&tenant).await, path_of(&tenant.user(json!({})).await));
    let paths = [format!("/api/v2/roles/{role}/permissions"), format!("{user}/permissions")];
    for path in &paths {
        tenant.post(path, all(&["read", "write", "fly"])).await;
    }
    let scopes =
        json!([{ "value": "write", "description": "New" }, { "value": "read" }, { "value": "swim" }]);
    assert_eq!(tenant.patch(&api, json!({ "scopes": scopes })).await.json["scopes"], scopes);
    for path in &paths {
        assert_eq!(names(&tenant, path).await, ["read", "write"]);
        let list = tenant.get(path).await.json;
        assert_eq!((list[0].get("description"), &list[1]["description"]), (None, &json!("New")));
    }
    tenant.delete(&api).await;
    for path in &paths {
        assert_eq!(tenant.get(path).await.json, json!([]));
    }
}

#[tokio::test]
async fn add_while_the_scope_is_deleted_leaves_no_row() {
    let (tenant, api) = tenant_with(&["read"]).await;
    let path = format!("/api/v2/roles/{}/permissions", role(&tenant).await);
    for _ in 0..10 {
        let with = json!({ "scopes": [{ "value": "read" }, { "value": "write" }] });
        tenant.patch(&api, with).await;
        let (added, changed) = tokio::join!(
            tenant.post(&path, all(&["write"])),
            tenant.patch(&api, json!({ "scopes": [{ "value": "read" }] }))
        );
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert!(matches!(added.status, 201 | 404), "{}", added.text);
        assert_eq!(tenant.get(&path).await.json, json!([]));
    }
}

#[tokio::test]
async fn limit_of_1000_permissions_holds_for_concurrent_requests() {
    let scopes: Vec<String> = (0..1100).map(|n| format!("scope:{n}")).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let (tenant, _) = tenant_with(&scopes).await;
    let (role, user) = (role(&tenant).await, path_of(&tenant.user(json!({})).await));
    for (path, message) in [
        (format!("/api/v2/roles/{role}/permissions"), "No more permissions can be assigned to this role."),
        (format!("{user}/permissions"), "No more permissions can be assigned to this user."),
    ] {
        let refusal = (400, Some("operation_not_supported"), message);
        assert_eq!(tenant.post(&path, all(&scopes[..1001])).await.error(), refusal);
        assert_eq!(tenant.post(&path, all(&scopes[..995])).await.status, 201);
        let raced = join_all(scopes[995..1015].iter().map(|scope| tenant.post(&path, all(&[scope])))).await;
        assert_eq!(raced.iter().filter(|answer| answer.status == 201).count(), 5);
        assert!(raced.iter().all(|answer| answer.status == 201 || answer.error() == refusal));
        let page = tenant.get(&format!("{path}?include_totals=true&per_page=100&page=9")).await.json;
        assert_eq!((&page["total"], page["permissions"].as_array().unwrap().len()), (&json!(1000), 100));
    }
}

#[tokio::test]
async fn permissions_of_another_tenant_are_not_found() {
    let ((one, _), other) = (tenant_with(&["read"]).await, Tenant::new().await);
    let (mine, theirs) = (role(&one).await, role(&other).await);
    let path = |role: &str| format!("/api/v2/roles/{role}/permissions");
    assert_eq!(one.post(&path(&mine), all(&["read"])).await.status, 201);
    assert_eq!(other.post(&path(&theirs), all(&["read"])).await.status, 404);
    assert_eq!(other.get(&path(&mine)).await.status, 404);
    assert_eq!(remove(&other, &path(&mine), all(&["read"])).await.status, 404);
    assert_eq!(names(&one, &path(&mine)).await, ["read"]);
}
