//! Paths and members that differ between Auth0's documentation and its API reference.

use serde_json::json;

use super::{PATH, create, path_of};
use crate::support::Tenant;

#[tokio::test]
async fn path_aliases_reach_the_same_client() {
    let tenant = Tenant::new().await;
    let made = tenant.post("/api/v2/applications", json!({ "name": "App" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/api/v2/client/{}", made.json["client_id"].as_str().unwrap());
    assert_eq!(tenant.patch(&path, json!({ "description": "d" })).await.json["description"], "d");
    assert_eq!(tenant.get(&path).await.json, tenant.get(&path_of(&made.json)).await.json);
    assert_eq!(tenant.delete(&path).await.status, 204);
    assert_eq!(tenant.get(&path).await.error().1, Some("inexistent_client"));
    assert_eq!(tenant.get("/api/v2/applications").await.error().0, 405);
}

#[tokio::test]
async fn metadata_example_of_auth0_works_with_its_alias() {
    let tenant = Tenant::new().await;
    let sent = json!({ "name": "App", "clientMetadata": { "mycolor": "red", "myflavor": "grape" } });
    let made = tenant.post(PATH, sent).await;
    assert_eq!(
        (made.status, &made.json["client_metadata"]),
        (201, &json!({ "mycolor": "red", "myflavor": "grape" }))
    );
    assert_eq!(made.json.get("clientMetadata"), None);
    let path = format!("/api/v2/client/{}", made.json["client_id"].as_str().unwrap());
    let changed = tenant.patch(&path, json!({ "clientMetadata": { "mycolor": "blue" } })).await;
    assert_eq!(changed.json["client_metadata"], json!({ "mycolor": "blue", "myflavor": "grape" }));
    let deleted = tenant.patch(&path, json!({ "client_metadata": { "myflavor": null } })).await;
    assert_eq!(deleted.json["client_metadata"], json!({ "mycolor": "blue" }));
    assert_eq!(tenant.get(&path).await.json["client_metadata"], json!({ "mycolor": "blue" }));
}

#[tokio::test]
async fn body_with_alias_and_name_is_refused() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let both = json!({ "name": "x", "clientMetadata": { "a": "b" }, "client_metadata": { "a": "c" } });
    for answer in [tenant.post(PATH, both.clone()).await, tenant.patch(&path_of(&client), both).await] {
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (400, Some("invalid_body")));
        assert!(message.contains("client_metadata or clientMetadata"), "{message}");
    }
    assert_eq!(tenant.get(&path_of(&client)).await.json["name"], "App");
}
