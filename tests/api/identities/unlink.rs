//! `DELETE /api/v2/users/{id}/identities/{provider}/{user_id}`.

use serde_json::json;

use super::{assert_consistent, bare, has_password, link, linked, owner, unlink};
use crate::support::{PASSWORD, Tenant, path_of};

#[tokio::test]
async fn unlink_restores_the_user_with_profile_data_and_password() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = linked(
        &tenant,
        json!({ "given_name": "Second", "username": "second", "user_metadata": { "a": 1 }, "app_metadata": { "b": 1 } }),
    )
    .await;
    let answer = unlink(&tenant, &primary, bare(&secondary)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json.as_array().unwrap().len(), 1);
    assert_eq!(answer.json[0]["user_id"], bare(&primary));
    assert_eq!(answer.json[0]["profileData"], json!({ "email": primary["email"], "email_verified": false }));
    assert_eq!(tenant.get(&path_of(&primary)).await.json["identities"], primary["identities"]);
    let again = tenant.get(&path_of(&secondary)).await.json;
    for key in ["email", "email_verified", "given_name", "username", "name", "picture", "identities"] {
        assert_eq!(again[key], secondary[key], "{key}");
    }
    assert!(again.get("user_metadata").is_none() && again.get("app_metadata").is_none());
    assert!(again["created_at"].as_str() > secondary["created_at"].as_str());
    assert_eq!(again["created_at"], again["updated_at"]);
    assert_consistent(&tenant, &primary).await;
    assert_consistent(&tenant, &secondary).await;
    assert!(has_password(&tenant, bare(&secondary), PASSWORD).await);
    assert_eq!(link(&tenant, &primary, &secondary).await.status, 201, "and it can be linked again");
}

#[tokio::test]
async fn unlink_of_one_of_several_keeps_the_others() {
    let tenant = Tenant::new().await;
    let (primary, second) = linked(&tenant, json!({})).await;
    let third = tenant.user(json!({})).await;
    link(&tenant, &primary, &third).await;
    let answer = unlink(&tenant, &primary, bare(&second)).await;
    let ids: Vec<_> = answer.json.as_array().unwrap().iter().map(|i| i["user_id"].clone()).collect();
    assert_eq!(ids, [json!(bare(&primary)), json!(bare(&third))]);
    assert_eq!(answer.json[1]["profileData"]["email"], third["email"]);
}

#[tokio::test]
async fn errors_name_the_reason_and_change_nothing() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = linked(&tenant, json!({})).await;
    let missing = (404, Some("inexistent_identity"), "The identity does not exist.");
    assert_eq!(
        unlink(&tenant, &primary, bare(&primary)).await.error(),
        (400, Some("operation_not_supported"), "Main identity cannot be removed.")
    );
    assert_eq!(unlink(&tenant, &primary, "0123456789abcdef01234567").await.error(), missing);
    let other_provider = format!("{}/identities/google-oauth2/{}", path_of(&primary), bare(&secondary));
    assert_eq!(tenant.delete(&other_provider).await.error(), missing);
    let stranger = tenant.user(json!({})).await;
    assert_eq!(unlink(&tenant, &primary, bare(&stranger)).await.error(), missing);
    assert_eq!(unlink(&tenant, &stranger, bare(&secondary)).await.error(), missing);
    let nobody = json!({ "user_id": "auth0|nobody" });
    assert_eq!(
        unlink(&tenant, &nobody, bare(&secondary)).await.error(),
        (404, Some("inexistent_user"), "The user does not exist.")
    );
    assert_eq!(unlink(&tenant, &primary, "x%00").await.error().0, 400);
    let prefixed = unlink(&tenant, &primary, &format!("auth0%7C{}", bare(&secondary))).await;
    assert_eq!((prefixed.status, prefixed.json.as_array().unwrap().len()), (200, 2));
    assert_eq!(owner(&tenant, bare(&secondary)).await.as_deref(), primary["user_id"].as_str());
}

#[tokio::test]
async fn unlink_is_in_the_journal_of_both_users() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = linked(&tenant, json!({})).await;
    unlink(&tenant, &primary, bare(&secondary)).await;
    let (kind, changes) = tenant.journal(primary["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!((&*kind, &changes["identities"]["after"]), ("user.unlinked", &primary["identities"]));
    let history = tenant.journal(secondary["user_id"].as_str().unwrap()).await;
    let kinds: Vec<_> = history.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["user.created", "user.merged", "user.separated"]);
    assert_eq!(history[2].1["email"], json!({ "after": secondary["email"] }));
    assert_eq!(
        history[2].1["user_id"],
        json!({ "before": primary["user_id"], "after": secondary["user_id"] })
    );
}

#[tokio::test]
async fn block_outlives_link_and_unlink() {
    let tenant = Tenant::new().await;
    let (primary, blocked) = (tenant.user(json!({})).await, tenant.user(json!({ "blocked": true })).await);
    let refused = link(&tenant, &primary, &blocked).await;
    assert_eq!(
        refused.error(),
        (400, Some("operation_not_supported"), "Unable to link with the secondary account.")
    );
    tenant.patch(&path_of(&blocked), json!({ "blocked": false })).await;
    assert_eq!(link(&tenant, &primary, &blocked).await.status, 201);
    tenant.patch(&path_of(&primary), json!({ "blocked": true })).await;
    let path = format!("{}/identities/auth0/{}", path_of(&primary), bare(&blocked));
    assert_eq!(tenant.delete(&path).await.status, 200);
    assert_eq!(tenant.get(&path_of(&blocked)).await.json["blocked"], true);
}
