//! The table of root attributes, against the documents that the API answers.

use roster::resources::users::attributes::{ATTRIBUTES, Source};
use serde_json::{Value, json};

use crate::oauth::{log_in, tenant};
use crate::support::{PASSWORD, Tenant, path_of};

/// A user with every attribute, as the API answers it.
async fn complete_user(tenant: &Tenant) -> Value {
    let user = tenant
        .user(json!({
            "username": "jane", "phone_number": "+15550100", "given_name": "Jane", "family_name": "Doe",
            "name": "Jane Doe", "nickname": "jd", "picture": "https://example.com/j.png", "blocked": false,
            "user_metadata": { "a": 1 }, "app_metadata": { "a": 1 },
        }))
        .await;
    tenant.patch(&path_of(&user), json!({ "password": "An0ther-Secret" })).await;
    let login = log_in(tenant, user["email"].as_str().unwrap(), "An0ther-Secret", json!({})).await;
    assert_eq!(login.status, 200, "{}", login.text);
    tenant.get(&path_of(&user)).await.json
}

#[tokio::test]
async fn answered_attributes_are_in_the_table() {
    let tenant = tenant().await;
    let user = complete_user(&tenant).await;
    let mut answered: Vec<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
    let mut table: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
    answered.sort_unstable();
    table.sort_unstable();
    assert_eq!(answered, table);
}

#[tokio::test]
async fn attributes_sort_or_search_unless_exempt() {
    let tenant = tenant().await;
    let user = complete_user(&tenant).await;
    tenant.user(json!({ "password": PASSWORD })).await;
    for attribute in &ATTRIBUTES {
        let name = attribute.name;
        let sorted = tenant.get(&format!("/api/v2/users?sort={name}:1")).await;
        assert_eq!(sorted.status, if attribute.sort.is_some() { 200 } else { 400 }, "{name}");
        let found = tenant.get(&format!("/api/v2/users?q=_exists_:{name}")).await;
        assert_eq!(found.status, 200, "{name}: {}", found.text);
        let is_found = found.json.as_array().unwrap().iter().any(|found| found["user_id"] == user["user_id"]);
        assert_eq!(is_found, !attribute.search.is_empty() || attribute.source == Source::Metadata, "{name}");
        assert!(attribute.sort.is_some() || is_found || !attribute.exemption.is_empty(), "{name}");
    }
}
