//! `POST /api/v2/users/{id}/identities`.

use serde_json::json;

use super::{SECOND, assert_consistent, bare, has_password, link, linked, owner, tenant_of_two};
use crate::support::{CONNECTION, PASSWORD, Tenant, path_of, send, unique};

#[tokio::test]
async fn link_answers_both_identities_with_profile_data() {
    let tenant = Tenant::new().await;
    let primary = tenant
        .user(json!({ "email": "one@example.com", "user_id": "one", "name": "One", "user_metadata": { "a": 1 } }))
        .await;
    let secondary = tenant
        .user(json!({
            "email": "two@example.com", "user_id": "two", "username": "two", "given_name": "Two", "family_name": "Second",
            "nickname": "t", "picture": "https://example.com/2.png", "phone_number": "+15550102", "blocked": false,
            "email_verified": true, "user_metadata": { "b": 2 }, "app_metadata": { "c": 3 },
        }))
        .await;
    let answer = link(&tenant, &primary, &secondary).await;
    insta::assert_json_snapshot!((answer.status, &answer.json), @r#"
    [
      201,
      [
        {
          "connection": "Username-Password-Authentication",
          "isSocial": false,
          "profileData": {
            "email": "one@example.com",
            "email_verified": false,
            "name": "One"
          },
          "provider": "auth0",
          "user_id": "one"
        },
        {
          "connection": "Username-Password-Authentication",
          "isSocial": false,
          "profileData": {
            "email": "two@example.com",
            "email_verified": true,
            "family_name": "Second",
            "given_name": "Two",
            "nickname": "t",
            "phone_number": "+15550102",
            "phone_verified": false,
            "picture": "https://example.com/2.png",
            "username": "two"
          },
          "provider": "auth0",
          "user_id": "two"
        }
      ]
    ]
    "#);
}

#[tokio::test]
async fn link_keeps_the_primary_and_removes_the_secondary_user() {
    let tenant = Tenant::new().await;
    let primary = tenant.user(json!({ "user_metadata": { "p": 1 }, "app_metadata": { "pa": 1 } })).await;
    let secondary = tenant.user(json!({ "user_metadata": { "s": 1 }, "app_metadata": { "sa": 1 } })).await;
    let before = tenant.get(&path_of(&primary)).await;
    link(&tenant, &primary, &secondary).await;
    assert_eq!(
        tenant.get(&path_of(&secondary)).await.error(),
        (404, Some("inexistent_user"), "The user does not exist.")
    );
    assert_eq!(tenant.delete(&path_of(&secondary)).await.status, 204);
    let after = tenant.get(&path_of(&primary)).await;
    for key in ["email", "name", "user_metadata", "app_metadata", "created_at"] {
        assert_eq!(after.json[key], before.json[key]);
    }
    assert!(after.json["updated_at"].as_str() > before.json["updated_at"].as_str());
    assert_ne!(after.header("etag"), before.header("etag"));
    assert!(after.json["identities"][0].get("profileData").is_none());
    assert_eq!(after.json["identities"][1]["profileData"]["email"], secondary["email"]);
    assert!(!after.text.contains("\"sa\""));
    assert_consistent(&tenant, &primary).await;
}

#[tokio::test]
async fn secondary_is_named_by_id_number_or_connection() {
    let tenant = tenant_of_two().await;
    let primary = tenant.user(json!({})).await;
    let other = tenant.user(json!({})).await;
    let numbered = tenant.user(json!({ "user_id": "4711" })).await;
    let elsewhere = tenant.user(json!({ "connection": SECOND, "email": primary["email"] })).await;
    let second = tenant.get(&format!("/api/v2/connections?name={SECOND}")).await.json[0]["id"].clone();
    let path = format!("{}/identities", path_of(&primary));
    for (body, count) in [
        (json!({ "provider": "auth0", "user_id": other["user_id"] }), 2),
        (json!({ "provider": "auth0", "user_id": 4711 }), 3),
        (json!({ "provider": "auth0", "user_id": bare(&elsewhere), "connection_id": second }), 4),
    ] {
        let answer = tenant.post(&path, body).await;
        assert_eq!((answer.status, answer.json.as_array().unwrap().len()), (201, count), "{}", answer.text);
    }
    assert_eq!(tenant.get(&path_of(&numbered)).await.status, 404);
    assert_consistent(&tenant, &primary).await;
}

#[tokio::test]
async fn identifiers_of_the_secondary_stay_taken() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = linked(&tenant, json!({ "username": "second" })).await;
    let taken = |more: serde_json::Value| {
        let mut body = json!({ "connection": CONNECTION, "password": PASSWORD, "email": format!("{}@example.com", unique("x")) });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tenant.post("/api/v2/users", body)
    };
    assert_eq!(taken(json!({ "email": secondary["email"] })).await.status, 409);
    assert_eq!(taken(json!({ "username": "second" })).await.status, 400);
    assert_eq!(taken(json!({ "user_id": bare(&secondary) })).await.status, 409);
    assert_eq!(tenant.get(&path_of(&primary)).await.json["identities"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn identities_of_the_secondary_move_along() {
    let tenant = Tenant::new().await;
    let (second, third) = linked(&tenant, json!({})).await;
    let first = tenant.user(json!({})).await;
    let answer = link(&tenant, &first, &second).await;
    let ids: Vec<_> = answer.json.as_array().unwrap().iter().map(|i| i["user_id"].clone()).collect();
    assert_eq!(ids, [&first, &second, &third].map(|user| json!(bare(user))));
    assert_eq!(answer.json[2]["profileData"]["email"], third["email"]);
    assert_eq!(owner(&tenant, bare(&third)).await.as_deref(), first["user_id"].as_str());
    assert_consistent(&tenant, &first).await;
}

#[tokio::test]
async fn errors_name_the_reason_and_change_nothing() {
    let tenant = tenant_of_two().await;
    let (primary, secondary) = linked(&tenant, json!({})).await;
    let other = tenant.user(json!({})).await;
    let in_second = tenant.user(json!({ "connection": SECOND })).await;
    let connections = tenant.get("/api/v2/connections").await.json;
    let first = connections
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == CONNECTION)
        .map(|c| c["id"].clone())
        .unwrap();
    let nobody = json!({ "user_id": "auth0|nobody" });
    let named = |user: &serde_json::Value| json!({ "provider": "auth0", "user_id": bare(user) });
    let with = |mut body: serde_json::Value, key: &str, value: serde_json::Value| {
        body[key] = value;
        body
    };
    let not_found = (400, "inexistent_identity", "Provided secondary account not found.");
    let not_configured = (400, "inexistent_connection", "The provider/connection is not configured.");
    let exists = (409, "identity_already_exists", "Specified identity already exists.");
    let invalid = |message| (400, "invalid_body", message);
    for (user, body, refusal) in [
        (
            &primary,
            named(&primary),
            (400, "operation_not_supported", "Main identity and the new one are the same."),
        ),
        (&primary, json!({ "provider": "auth0", "user_id": "nobody" }), not_found),
        (
            &primary,
            json!({ "provider": "auth0", "user_id": "auth0|" }),
            invalid(
                "Payload validation error: 'Object didn't pass validation for format user-id: auth0|' on property user_id (user_id of the secondary user account being linked).",
            ),
        ),
        (&primary, with(named(&in_second), "connection_id", first.clone()), not_found),
        (&primary, json!({ "provider": "google-oauth2", "user_id": "1" }), not_configured),
        (&primary, with(named(&other), "connection_id", json!("con_0123456789abcdef")), not_configured),
        (&primary, named(&secondary), exists),
        (&other, named(&secondary), exists),
        (&nobody, named(&other), (404, "inexistent_user", "The user does not exist.")),
        (&secondary, named(&other), (404, "inexistent_user", "The user does not exist.")),
        (
            &primary,
            json!({}),
            invalid("Payload validation error: 'Too few properties defined (0), minimum 1'."),
        ),
        (
            &primary,
            json!({ "provider": "auth0" }),
            invalid("Payload validation error: 'Missing required property: user_id'."),
        ),
        (
            &primary,
            json!({ "connection_id": first }),
            invalid(
                "Payload validation error: 'Missing required property: provider'. (also) Payload validation error: 'Missing required property: user_id'.",
            ),
        ),
        (
            &primary,
            with(named(&other), "link_with", json!("a.b.c")),
            invalid(
                "Payload validation error: 'link_with and provider exclude each other'. (also) Payload validation error: 'link_with and user_id exclude each other'.",
            ),
        ),
        (
            &primary,
            with(named(&other), "more", json!(1)),
            invalid("Payload validation error: 'Additional properties not allowed: more'."),
        ),
        (
            &primary,
            json!({ "provider": "auth0", "user_id": 1.5 }),
            invalid(
                "Payload validation error: 'Expected type string but found type number' on property user_id (user_id of the secondary user account being linked).",
            ),
        ),
        (
            &primary,
            json!({ "provider": "Auth 0", "user_id": "1" }),
            invalid(
                "Payload validation error: 'String does not match pattern ^[a-z0-9-]+$: Auth 0' on property provider (Identity provider of the secondary user account being linked).",
            ),
        ),
    ] {
        let answer = tenant.post(&format!("{}/identities", path_of(user)), body.clone()).await;
        assert_eq!(answer.error(), (refusal.0, Some(refusal.1), refusal.2), "{body}");
    }
    assert_eq!(tenant.get(&path_of(&primary)).await.json["identities"].as_array().unwrap().len(), 2);
    for user in [&other, &in_second] {
        assert_eq!(tenant.get(&path_of(user)).await.status, 200);
    }
}

#[tokio::test]
async fn link_requires_the_scope() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let token = tenant.token_with(&["read:users", "update:users_app_metadata"]).await;
    let path = format!("{}/identities", path_of(&user));
    for request in
        [tenant.request("POST", &path), tenant.request("DELETE", &format!("{path}/auth0/{}", bare(&user)))]
    {
        let answer = send(request.bearer_auth(&token).json(&json!({}))).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text, @r#"{"error":"Forbidden","errorCode":"insufficient_scope","message":"Insufficient scope, expected any of: update:users,update:current_user_identities","statusCode":403}"#);
        }
    }
}

#[tokio::test]
async fn link_is_in_the_journal_of_both_users() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = linked(&tenant, json!({ "user_metadata": { "a": 1 } })).await;
    let (kind, changes) = tenant.journal(primary["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!(kind, "user.linked");
    assert_eq!(changes["identities"]["before"], primary["identities"]);
    assert_eq!(changes["identities"]["after"], tenant.get(&path_of(&primary)).await.json["identities"]);
    let (kind, changes) = tenant.journal(secondary["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!(kind, "user.merged");
    assert_eq!(changes["user_id"], json!({ "before": secondary["user_id"], "after": primary["user_id"] }));
    assert_eq!(changes["email"], json!({ "before": secondary["email"] }));
    assert_eq!(changes["user_metadata"], json!({ "a": { "before": 1 } }));
    assert_eq!(changes["identities"], json!({ "before": secondary["identities"] }));
}

#[tokio::test]
async fn deletion_of_the_primary_deletes_all_identities() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = linked(&tenant, json!({ "username": "second" })).await;
    assert_eq!(tenant.delete(&path_of(&primary)).await.status, 204);
    assert_eq!(tenant.get(&path_of(&secondary)).await.status, 404);
    assert_eq!(owner(&tenant, bare(&secondary)).await, None);
    assert!(!has_password(&tenant, bare(&secondary), PASSWORD).await);
    let again = json!({ "email": secondary["email"], "username": "second", "user_id": bare(&secondary) });
    tenant.user(again).await;
}

#[tokio::test]
async fn link_does_not_reach_another_tenant() {
    let (one, other) = (Tenant::new().await, Tenant::new().await);
    let (here, there) = (one.user(json!({})).await, other.user(json!({})).await);
    assert_eq!(link(&one, &here, &there).await.status, 400);
    assert_eq!(link(&one, &there, &here).await.status, 404);
    assert_eq!(other.get(&path_of(&there)).await.status, 200);
}
