//! `/api/v2/roles` and `/api/v2/roles/{id}`.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Tenant, form, send};

#[tokio::test]
async fn role_is_created_fetched_updated_and_deleted() {
    let tenant = Tenant::new().await;
    let created = tenant.post("/api/v2/roles", json!({ "name": "Admin", "description": "All" })).await;
    let id = created.json["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (created.status, &created.json),
        (200, &json!({ "id": id, "name": "Admin", "description": "All", "type": "tenant" }))
    );
    assert!(id.starts_with("rol_") && id.len() == 20, "{id}");
    let path = format!("/api/v2/roles/{id}");
    assert_eq!(tenant.get(&path).await.json, created.json);
    let changed = tenant.patch(&path, json!({ "description": "Everything" })).await;
    assert_eq!(
        (changed.status, &changed.json),
        (200, &json!({ "id": id, "name": "Admin", "description": "Everything", "type": "tenant" }))
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
    assert_eq!(
        tenant.get(&path).await.json,
        json!({ "id": other.json["id"], "name": "admin", "description": "", "type": "tenant" })
    );
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
    assert_eq!(one.get(&path).await.json["name"], made.json["name"]);
}

#[tokio::test]
async fn role_without_a_description_has_an_empty_one_after_its_creation() {
    let tenant = Tenant::new().await;
    let created = tenant.post("/api/v2/roles", json!({ "name": "Admin" })).await.json;
    assert_eq!(created, json!({ "id": created["id"], "name": "Admin", "type": "tenant" }));
    let path = format!("/api/v2/roles/{}", created["id"].as_str().unwrap());
    let user = tenant.user(json!({})).await;
    let of_user = format!("{}/roles", crate::support::path_of(&user));
    assert_eq!(tenant.post(&of_user, json!({ "roles": [created["id"]] })).await.status, 204);
    let expected = json!({ "id": created["id"], "name": "Admin", "description": "", "type": "tenant" });
    assert_eq!(tenant.get(&path).await.json, expected);
    assert_eq!(tenant.get("/api/v2/roles").await.json, json!([expected]));
    assert_eq!(tenant.get(&of_user).await.json, json!([expected]));
    assert_eq!(tenant.patch(&path, json!({ "name": "Admin" })).await.json, expected);
}

#[tokio::test]
async fn role_of_an_organization_has_an_owner_and_ends_with_it() {
    let tenant = Tenant::new().await;
    let organization =
        tenant.post("/api/v2/organizations", json!({ "name": "acme" })).await.json["id"].clone();
    let body =
        json!({ "name": "Operator", "description": "d", "type": "organization", "owner_id": organization });
    let created = tenant.post("/api/v2/roles", body.clone()).await;
    let mut expected = body;
    expected["id"] = created.json["id"].clone();
    assert_eq!((created.status, &created.json), (200, &expected));
    let path = format!("/api/v2/roles/{}", created.json["id"].as_str().unwrap());
    assert_eq!(tenant.get(&path).await.json, expected);
    expected["description"] = json!("e");
    assert_eq!(tenant.patch(&path, json!({ "description": "e" })).await.json, expected);
    for (more, code, reason) in [
        (json!({ "type": "organization" }), "invalid_body", "Missing required property: owner_id"),
        (
            json!({ "owner_id": organization }),
            "invalid_body",
            "Only a role of type organization has an owner_id",
        ),
        (
            json!({ "type": "tenant", "owner_id": organization }),
            "invalid_body",
            "Only a role of type organization",
        ),
        (json!({ "type": "other" }), "invalid_body", "No enum match for: other"),
        (
            json!({ "type": "organization", "owner_id": "org_0" }),
            "inexistent_organization",
            "The organization does not exist",
        ),
    ] {
        let mut body = json!({ "name": "x" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = tenant.post("/api/v2/roles", body).await;
        let (status, found, message) = answer.error();
        assert_eq!((status, found), (400, Some(code)), "{more}");
        assert!(message.contains(reason), "{message}");
    }
    let organization = format!("/api/v2/organizations/{}", organization.as_str().unwrap());
    assert_eq!(tenant.delete(&organization).await.status, 204);
    assert_eq!(tenant.get(&path).await.status, 404);
    let journal = tenant.journal(created.json["id"].as_str().unwrap()).await;
    assert_eq!(journal.last().unwrap().0, "role.deleted");
}

#[tokio::test]
async fn form_body_has_lists_under_bracketed_names() {
    let tenant = Tenant::new().await;
    let role = tenant.post("/api/v2/roles", json!({ "name": "Admin" })).await.json["id"].clone();
    let role = role.as_str().unwrap();
    let api =
        json!({ "identifier": "urn:api", "name": "API", "scopes": [{ "value": "a" }, { "value": "b" }] });
    tenant.post("/api/v2/resource-servers", api).await;
    let permissions = format!("/api/v2/roles/{role}/permissions");
    let fields = ["a", "b"].map(|name| {
        [("permissions[][permission_name]", name), ("permissions[][resource_server_identifier]", "urn:api")]
    });
    let answer = send(form(tenant.authorized("POST", &permissions), &fields.concat())).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let names: Vec<_> = tenant
        .get(&permissions)
        .await
        .json
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["permission_name"].clone())
        .collect();
    assert_eq!(names, ["a", "b"]);
    let of_user = format!("{}/roles", crate::support::path_of(&tenant.user(json!({})).await));
    assert_eq!(send(form(tenant.authorized("POST", &of_user), &[("roles[]", role)])).await.status, 204);
    assert_eq!(tenant.get(&of_user).await.json[0]["id"], role);
    let many: Vec<(String, &str)> = (0..60).map(|n| (format!("x{n}[]"), "a")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    for fields in [&[("roles[][a][b]", "x")][..], &[("roles[]a", "x")], &[("roles[][a", "x")], &many] {
        let answer = send(form(tenant.authorized("POST", &of_user), fields)).await;
        assert_eq!(answer.error(), (400, Some("invalid_body"), "Invalid form payload"), "{fields:?}");
    }
}
