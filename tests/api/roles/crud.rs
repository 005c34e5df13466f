//! `/api/v2/roles` and `/api/v2/roles/{id}`.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Tenant, send};

#[tokio::test]
async fn role_is_created_fetched_updated_and_deleted() {
    let tenant = Tenant::new().await;
    let created = tenant.post("/api/v2/roles", json!({ "name": "Admin", "description": "All" })).await;
    let id = created.json["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (created.status, &created.json),
        (200, &json!({ "id": id, "name": "Admin", "description": "All" }))
    );
    assert!(id.starts_with("rol_") && id.len() == 20, "{id}");
    let path = format!("/api/v2/roles/{id}");
    assert_eq!(tenant.get(&path).await.json, created.json);
    let changed = tenant.patch(&path, json!({ "description": "Everything" })).await;
    assert_eq!(
        (changed.status, &changed.json),
        (200, &json!({ "id": id, "name": "Admin", "description": "Everything" }))
    );
    assert_eq!(tenant.patch(&path, json!({ "name": "Admin" })).await.json, changed.json);
    let deleted = tenant.delete(&path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (200, "{}"));
    insta::assert_json_snapshot!(tenant.journal(&id).await, @r#"
    [
      [
        "role.created",
        {
          "description": {
            "after": "All"
          },
          "name": {
            "after": "Admin"
          }
        }
      ],
      [
        "role.updated",
        {
          "description": {
            "after": "Everything",
            "before": "All"
          }
        }
      ],
      [
        "role.deleted",
        {
          "description": {
            "before": "Everything"
          },
          "name": {
            "before": "Admin"
          }
        }
      ]
    ]
    "#);
}

#[tokio::test]
async fn unknown_role_is_404_without_an_error_code() {
    let tenant = Tenant::new().await;
    let unknown = "/api/v2/roles/rol_0000000000000000";
    for answer in [
        tenant.get(unknown).await,
        tenant.patch(unknown, json!({ "name": "x" })).await,
        tenant.delete(unknown).await,
        tenant.get(&format!("{unknown}/users")).await,
        tenant.get(&format!("{unknown}/permissions")).await,
        tenant.post(&format!("{unknown}/users"), json!({ "users": [] })).await,
    ] {
        assert_eq!(answer.error(), (404, None, "The role does not exist."));
    }
}

#[tokio::test]
async fn name_of_a_role_is_unique_among_concurrent_requests() {
    let tenant = Tenant::new().await;
    let made = join_all((0..8).map(|_| tenant.post("/api/v2/roles", json!({ "name": "Admin" })))).await;
    assert_eq!(made.iter().filter(|answer| answer.status == 200).count(), 1);
    for refused in made.iter().filter(|answer| answer.status != 200) {
        assert_eq!(refused.error(), (409, None, "The role already exists."));
    }
    let other = tenant.post("/api/v2/roles", json!({ "name": "admin" })).await;
    assert_eq!(other.status, 200, "names are case-sensitive");
    let path = format!("/api/v2/roles/{}", other.json["id"].as_str().unwrap());
    assert_eq!(tenant.patch(&path, json!({ "name": "Admin" })).await.status, 409);
    assert_eq!(tenant.get(&path).await.json, json!({ "id": other.json["id"], "name": "admin" }));
}

#[tokio::test]
async fn invalid_bodies_are_rejected_with_the_violation() {
    let tenant = Tenant::new().await;
    for (body, message) in [
        (json!({}), "Payload validation error: 'Missing required property: name'."),
        (
            json!({ "name": 5 }),
            "Payload validation error: 'Expected type string but found type integer' on property name (Name of the role).",
        ),
        (
            json!({ "name": "" }),
            "Payload validation error: 'String is too short (0 chars), minimum 1' on property name (Name of the role).",
        ),
        (
            json!({ "name": "ü".repeat(301) }),
            "Payload validation error: 'String is too long (301 chars), maximum 300' on property name (Name of the role).",
        ),
        (
            json!({ "name": "x", "color": "red" }),
            "Payload validation error: 'Additional properties not allowed: color'.",
        ),
    ] {
        assert_eq!(tenant.post("/api/v2/roles", body).await.error(), (400, Some("invalid_body"), message));
    }
    assert_eq!(tenant.post("/api/v2/roles", json!({ "name": "𐍈".repeat(300) })).await.status, 200);
}

#[tokio::test]
async fn list_is_ordered_and_filtered_by_name() {
    let tenant = Tenant::new().await;
    for name in ["Reader", "Writer", "Rewriter", "100%_sure"] {
        tenant.post("/api/v2/roles", json!({ "name": name })).await;
    }
    let names = |path: &'static str| {
        let tenant = &tenant;
        async move {
            let list = tenant.get(path).await.json;
            let list = if list.is_array() { list } else { list["roles"].clone() };
            let names = list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned());
            names.collect::<Vec<_>>()
        }
    };
    assert_eq!(names("/api/v2/roles").await, ["100%_sure", "Reader", "Rewriter", "Writer"]);
    assert_eq!(names("/api/v2/roles?name_filter=WRITER").await, ["Rewriter", "Writer"]);
    assert_eq!(names("/api/v2/roles?name_filter=%25_").await, ["100%_sure"]);
    assert_eq!(names("/api/v2/roles?name_filter=nobody").await, [""; 0]);
    assert_eq!(names("/api/v2/roles?per_page=2&page=1").await, ["Rewriter", "Writer"]);
    let page =
        tenant.get("/api/v2/roles?include_totals=true&per_page=1&page=1&name_filter=writer").await.json;
    assert_eq!(
        (&page["start"], &page["limit"], &page["total"], &page["roles"][0]["name"]),
        (&json!(1), &json!(1), &json!(2), &json!("Writer"))
    );
    assert_eq!(tenant.get("/api/v2/roles?per_page=101").await.error().1, Some("invalid_query_string"));
}

#[tokio::test]
async fn limit_of_1000_roles_holds_for_concurrent_requests() {
    let tenant = Tenant::new().await;
    let make = |n: usize| tenant.post("/api/v2/roles", json!({ "name": format!("role {n}") }));
    for chunk in (0..995).collect::<Vec<_>>().chunks(40) {
        assert!(join_all(chunk.iter().map(|n| make(*n))).await.iter().all(|answer| answer.status == 200));
    }
    let made = join_all((995..1015).map(make)).await;
    assert_eq!(made.iter().filter(|answer| answer.status == 200).count(), 5);
    let refused = made.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(
        refused.error(),
        (403, Some("too_many_entities"), "You reached the limit of entities of this type for this tenant.")
    );
    assert_eq!(tenant.get("/api/v2/roles?include_totals=true").await.json["total"], 1000);
}

#[tokio::test]
async fn scopes_of_roles_are_required() {
    let tenant = Tenant::new().await;
    let token = tenant.token_with(&["read:roles"]).await;
    assert_eq!(send(tenant.request("GET", "/api/v2/roles").bearer_auth(&token)).await.status, 200);
    let refused = send(tenant.request("POST", "/api/v2/roles").bearer_auth(&token).json(&json!({}))).await;
    assert_eq!(
        refused.error(),
        (403, Some("insufficient_scope"), "Insufficient scope, expected any of: create:roles")
    );
    for path in ["/api/v2/roles/rol_x/users", "/api/v2/users/auth0%7Cx/roles"] {
        assert_eq!(
            send(tenant.request("GET", path).bearer_auth(&token)).await.error(),
            (403, Some("insufficient_scope"), "Insufficient scope, expected all of: read:users,read:roles")
        );
        let both = tenant.token_with(&["read:users", "read:roles"]).await;
        assert_eq!(send(tenant.request("GET", path).bearer_auth(&both)).await.status, 404);
    }
}

#[tokio::test]
async fn roles_of_another_tenant_are_not_found() {
    let (one, other) = (Tenant::new().await, Tenant::new().await);
    let made = one.post("/api/v2/roles", json!({ "name": "Admin" })).await;
    assert_eq!(other.post("/api/v2/roles", json!({ "name": "Admin" })).await.status, 200);
    let path = format!("/api/v2/roles/{}", made.json["id"].as_str().unwrap());
    assert_eq!(other.get(&path).await.status, 404);
    assert_eq!(other.patch(&path, json!({ "name": "x" })).await.status, 404);
    assert_eq!(other.delete(&path).await.status, 404);
    let user = other.user(json!({})).await;
    let answer = other.post(&format!("{path}/users"), json!({ "users": [user["user_id"]] })).await;
    assert_eq!(answer.status, 404);
    assert_eq!(one.get(&path).await.json, made.json);
}
