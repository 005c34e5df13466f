//! `PATCH /api/v2/users/{id}` of users with several identities.

use roster::base::identifiers::Requirement;
use serde_json::{Value, json};

use super::{SECOND, bare, has_password, link, linked, tenant_of_two, unlink};
use crate::support::{CONNECTION, PASSWORD, Tenant, now, path_of, send, sql, unique};

/// A user with a secondary identity in the other connection.
async fn across_connections(tenant: &Tenant) -> (Value, Value) {
    linked(tenant, json!({ "connection": SECOND, "username": "second", "email_verified": true })).await
}

async fn known_by(tenant: &Tenant, identity: &str) -> Vec<Value> {
    let query =
        "select email, username, phone_number from identities where tenant_id = $1 and identity_id = $2";
    sql(query, &[&tenant.name, identity]).await.remove(0)
}

#[tokio::test]
async fn connection_of_a_secondary_addresses_the_secondary() {
    let tenant = Tenant::with(|config| {
        let mut second = config.connections[0].clone();
        second.name = SECOND.into();
        second.attributes.as_mut().unwrap().email = Some(Requirement::Optional);
        config.connections.push(second);
    })
    .await;
    let (primary, secondary) = across_connections(&tenant).await;
    let before = known_by(&tenant, bare(&primary)).await;
    let new = format!("{}@example.com", unique("new"));
    for (patch, data) in [
        (
            json!({ "email": new.to_uppercase() }),
            json!({ "email": new, "email_verified": false, "username": "second" }),
        ),
        (
            json!({ "email_verified": true }),
            json!({ "email": new, "email_verified": true, "username": "second" }),
        ),
        (
            json!({ "username": "Other" }),
            json!({ "email": new, "email_verified": true, "username": "other" }),
        ),
        (
            json!({ "phone_number": "+15550199", "phone_verified": true }),
            json!({ "email": new, "email_verified": true, "username": "other", "phone_number": "+15550199", "phone_verified": true }),
        ),
        (
            json!({ "phone_number": "+15550198" }),
            json!({ "email": new, "email_verified": true, "username": "other", "phone_number": "+15550198", "phone_verified": false }),
        ),
        (
            json!({ "email": null, "app_metadata": { "a": 1 } }),
            json!({ "email_verified": true, "username": "other", "phone_number": "+15550198", "phone_verified": false }),
        ),
    ] {
        let mut body = patch.clone();
        body["connection"] = json!(SECOND);
        let answer = tenant.patch(&path_of(&primary), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json["identities"][1]["profileData"], data, "{patch}");
        assert_eq!(answer.json["identities"][0], primary["identities"][0]);
        for key in ["email", "email_verified", "username", "phone_number", "name"] {
            assert_eq!(answer.json.get(key), primary.get(key), "{patch}");
        }
    }
    assert_eq!(known_by(&tenant, bare(&primary)).await, before);
    assert_eq!(known_by(&tenant, bare(&secondary)).await, [json!(null), json!("other"), json!("+15550198")]);
    let document = tenant.get(&path_of(&primary)).await.json;
    assert_eq!(document["app_metadata"], json!({ "a": 1 }), "metadata stays the user's");
    tenant.user(json!({ "connection": SECOND, "email": secondary["email"] })).await;
    let last = tenant.patch(&path_of(&primary), json!({ "connection": SECOND, "username": null })).await;
    let message = "Payload validation error: 'Missing required property: email'.";
    assert_eq!(last.error(), (400, Some("invalid_body"), message), "the primary's address is another one");
    let (_, changes) = tenant.journal(primary["user_id"].as_str().unwrap()).await.remove(2);
    assert_eq!(changes["identities"]["before"][1]["profileData"]["email"], secondary["email"]);
    assert_eq!(changes["identities"]["after"][1]["profileData"]["email"], json!(new));
    assert_eq!(changes.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn password_of_a_secondary_is_its_own() {
    let tenant = tenant_of_two().await;
    let (primary, secondary) = across_connections(&tenant).await;
    let patch = json!({ "connection": SECOND, "password": "An0ther-Secret" });
    let answer = tenant.patch(&path_of(&primary), patch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.json.get("last_password_reset").is_none());
    assert!(has_password(&tenant, bare(&secondary), "An0ther-Secret").await);
    assert!(has_password(&tenant, bare(&primary), PASSWORD).await);
    tenant.age_users().await;
    for (issued_at, status) in [(now() - 60, 401), (now(), 200)] {
        let token = tenant.own_token(&primary, "read:current_user", issued_at).await;
        let answer = send(tenant.request("GET", &path_of(&primary)).bearer_auth(token)).await;
        assert_eq!(answer.status, status, "it can have been the password of the token's login");
    }
    let (_, changes) = tenant.journal(primary["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!(changes, json!({ "password": { "after": "*****" } }));
    unlink(&tenant, &primary, bare(&secondary)).await;
    assert!(has_password(&tenant, bare(&secondary), "An0ther-Secret").await);
}

#[tokio::test]
async fn attributes_of_the_primary_are_rejected_for_a_secondary() {
    let tenant = tenant_of_two().await;
    let (primary, _) = across_connections(&tenant).await;
    let before = tenant.get(&path_of(&primary)).await.json;
    for (patch, names) in [
        (json!({ "nickname": "x" }), "nickname"),
        (json!({ "name": "x", "given_name": null, "email": "x@example.com" }), "given_name, name"),
        (
            json!({ "picture": null, "family_name": "x", "password": "An0ther-Secret" }),
            "family_name, picture",
        ),
    ] {
        let mut body = patch;
        body["connection"] = json!(SECOND);
        let message = format!(
            "The following user attributes cannot be updated: {names}. The specified connection belongs to a secondary identity."
        );
        let answer = tenant.patch(&path_of(&primary), body).await;
        assert_eq!(answer.error(), (400, Some("operation_not_supported"), &*message));
    }
    assert_eq!(tenant.get(&path_of(&primary)).await.json, before);
    let blocked = tenant.patch(&path_of(&primary), json!({ "connection": SECOND, "blocked": true })).await;
    assert_eq!((blocked.status, &blocked.json["blocked"]), (200, &json!(true)));
}

#[tokio::test]
async fn email_of_another_user_is_rejected_for_a_secondary() {
    let tenant = tenant_of_two().await;
    let (primary, _) = across_connections(&tenant).await;
    let there = tenant.user(json!({ "connection": SECOND })).await;
    let taken = json!({ "connection": SECOND, "email": there["email"] });
    let answer = tenant.patch(&path_of(&primary), taken).await;
    assert_eq!(answer.error().2, "The specified new email already exists");
    let free = json!({ "connection": SECOND, "email": primary["email"] });
    assert_eq!(tenant.patch(&path_of(&primary), free).await.status, 200, "in another connection it is free");
}

#[tokio::test]
async fn connection_of_both_addresses_the_primary() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = linked(&tenant, json!({})).await;
    let new = format!("{}@example.com", unique("new"));
    let patch = json!({ "connection": CONNECTION, "email": new, "nickname": "n" });
    let answer = tenant.patch(&path_of(&primary), patch).await;
    assert_eq!(
        (&answer.json["email"], &answer.json["nickname"]),
        (&json!(new), &json!("n")),
        "{}",
        answer.text
    );
    assert_eq!(answer.json["identities"][1]["profileData"]["email"], secondary["email"]);
    assert_eq!(known_by(&tenant, bare(&secondary)).await[0], secondary["email"]);
}

#[tokio::test]
async fn update_of_the_primary_keeps_its_secondaries() {
    let tenant = tenant_of_two().await;
    let (primary, secondary) = across_connections(&tenant).await;
    let third = tenant.user(json!({ "connection": SECOND })).await;
    link(&tenant, &primary, &third).await;
    let before = tenant.get(&path_of(&primary)).await.json["identities"].clone();
    let new = format!("{}@example.com", unique("new"));
    let answer = tenant.patch(&path_of(&primary), json!({ "email": new, "phone_number": "+15550177" })).await;
    assert_eq!((&answer.json["email"], &answer.json["identities"]), (&json!(new), &before));
    assert_eq!(known_by(&tenant, bare(&primary)).await, [json!(new), json!(null), json!("+15550177")]);
    assert_eq!(known_by(&tenant, bare(&secondary)).await[0], secondary["email"]);
}
