//! `GET /api/v2/users/{id}`.

use serde_json::json;

use crate::support::{Tenant, path_of, send};

#[tokio::test]
async fn fields_are_included_exactly() {
    let tenant = Tenant::new().await;
    let jane = path_of(&tenant.user(json!({ "user_metadata": { "hobby": "surfing" } })).await);
    let answer = tenant.get(&format!("{jane}?fields=user_metadata&include_fields=true")).await;
    assert_eq!(answer.text.replace(' ', ""), r#"{"user_metadata":{"hobby":"surfing"}}"#);
    assert_eq!(
        tenant.get(&format!("{jane}?fields=user_metadata")).await.json,
        answer.json,
        "including is the default"
    );
}

#[tokio::test]
async fn fields_can_be_excluded() {
    let tenant = Tenant::new().await;
    let made = tenant.user(json!({ "app_metadata": { "a": 1 } })).await;
    let answer = tenant
        .get(&format!("{}?fields=app_metadata,identities,name&include_fields=false", path_of(&made)))
        .await;
    let mut expected = made.clone();
    for gone in ["app_metadata", "identities", "name"] {
        expected.as_object_mut().unwrap().remove(gone);
    }
    assert_eq!(answer.json, expected);
}

#[tokio::test]
async fn unknown_user_is_404_and_a_malformed_id_400() {
    let tenant = Tenant::new().await;
    assert_eq!(
        tenant.get("/api/v2/users/auth0%7Cnobody").await.error(),
        (404, Some("inexistent_user"), "The user does not exist.")
    );
    let malformed = tenant.get("/api/v2/users/6560cd0f6caaac5b4692f454").await;
    assert_eq!(
        malformed.error(),
        (
            400,
            Some("invalid_uri"),
            "Object didn't pass validation for format user-id: 6560cd0f6caaac5b4692f454"
        )
    );
}

#[tokio::test]
async fn id_may_hold_any_encoded_character() {
    let tenant = Tenant::new().await;
    for id in ["slash/inside", "per%cent", "plus+plus", "ünïcode", "hash#", "q?x=1"] {
        let made = tenant.user(json!({ "user_id": id })).await;
        let encoded = percent_encoding::utf8_percent_encode(
            made["user_id"].as_str().unwrap(),
            percent_encoding::NON_ALPHANUMERIC,
        )
        .to_string();
        let answer = tenant.get(&format!("/api/v2/users/{encoded}")).await;
        assert_eq!((answer.status, &answer.json["user_id"]), (200, &made["user_id"]), "{id}");
    }
}

#[tokio::test]
async fn if_none_match_of_the_current_state_is_304() {
    let tenant = Tenant::new().await;
    let jane = path_of(&tenant.user(json!({})).await);
    let etag = tenant.get(&jane).await.header("etag").unwrap().to_owned();
    let known = send(tenant.authorized("GET", &jane).header("if-none-match", &etag)).await;
    assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", Some(&*etag)));
    tenant.patch(&jane, json!({ "nickname": "x" })).await;
    assert_eq!(send(tenant.authorized("GET", &jane).header("if-none-match", &etag)).await.status, 200);
}

#[tokio::test]
async fn scope_read_current_user_reads_the_own_user_only() {
    let tenant = Tenant::new().await;
    let jane = path_of(&tenant.user(json!({})).await);
    let token = tenant.token_with(&["read:current_user"]).await;
    let answer = send(tenant.request("GET", &jane).bearer_auth(token)).await;
    assert_eq!(
        (answer.error().0, answer.error().2),
        (403, "User to be acted on does not match subject in bearer token.")
    );
}
