//! `DELETE /api/v2/users/{id}`.

use serde_json::{Value, json};

use crate::support::{Tenant, path_of, send, sql};

#[tokio::test]
async fn delete_removes_the_user_and_frees_its_email() {
    let tenant = Tenant::new().await;
    let made = tenant.user(json!({ "username": "jane" })).await;
    let gone = tenant.delete(&path_of(&made)).await;
    assert_eq!(
        (gone.status, gone.text.as_str(), gone.header("content-type")),
        (204, "", Some("application/json; charset=utf-8"))
    );
    assert_eq!(tenant.get(&path_of(&made)).await.status, 404);
    let terms = sql("select user_id from user_terms where tenant_id = $1", &[&tenant.name]).await;
    assert_eq!(terms, Vec::<Vec<Value>>::new());
    tenant.user(json!({ "email": made["email"], "username": "jane" })).await;
}

#[tokio::test]
async fn delete_of_an_unknown_user_is_204() {
    let tenant = Tenant::new().await;
    assert_eq!(tenant.delete("/api/v2/users/auth0%7Cnobody").await.status, 204);
}

#[tokio::test]
async fn delete_honours_if_match() {
    let tenant = Tenant::new().await;
    let jane = path_of(&tenant.user(json!({})).await);
    let old = tenant.get(&jane).await.header("etag").unwrap().to_owned();
    let new = tenant.patch(&jane, json!({ "nickname": "x" })).await.header("etag").unwrap().to_owned();
    let refused = send(tenant.authorized("DELETE", &jane).header("if-match", &old)).await;
    assert_eq!((refused.status, refused.header("etag")), (412, Some(&*new)));
    assert_eq!(send(tenant.authorized("DELETE", &jane).header("if-match", &new)).await.status, 204);
    assert_eq!(tenant.get(&jane).await.status, 404);
}
