//! `PATCH /api/v2/connections/{id}`.

use futures_util::future::join_all;
use serde_json::json;

use super::{PATH, UNKNOWN, created, enabled, invalid, kinds, path_of, updated};
use crate::oauth::{CLIENT_ID, log_in, tenant as tenant_of_people};
use crate::support::{PASSWORD, Tenant, another_instance, send};

#[tokio::test]
async fn options_are_replaced_as_a_whole() {
    let tenant = Tenant::new().await;
    let connection =
        created(&tenant, json!({ "options": { "disable_signup": true, "upstream_params": {} } })).await;
    let options =
        json!({ "strategy_version": 2, "upstream_params": { "screen_name": { "alias": "login_hint" } } });
    let answer = updated(&tenant, &connection, json!({ "options": options })).await;
    let mut expected = connection.clone();
    expected["options"] = json!({
        "strategy_version": 2, "upstream_params": { "screen_name": { "alias": "login_hint" } },
        "authentication_methods": {
            "password": { "enabled": true, "api_behavior": "required", "signup_behavior": "allow" },
            "passkey": { "enabled": false },
        },
        "passkey_options": { "challenge_ui": "both", "progressive_enrollment_enabled": true, "local_enrollment_enabled": true },
        "brute_force_protection": true,
    });
    assert_eq!(answer, expected);
    let off = updated(&tenant, &connection, json!({ "options": { "brute_force_protection": false } })).await;
    assert_eq!(off["options"]["brute_force_protection"], false);
    assert_eq!(
        updated(&tenant, &connection, json!({ "options": null })).await["options"].as_object().unwrap().len(),
        3
    );
    assert_eq!(kinds(&tenant, &connection).await.len(), 4);
}

#[tokio::test]
async fn other_members_are_replaced_one_by_one() {
    let tenant = Tenant::new().await;
    let connection =
        created(&tenant, json!({ "metadata": { "a": "1", "b": "2" }, "display_name": "D" })).await;
    let answer =
        updated(&tenant, &connection, json!({ "metadata": { "c": "3" }, "realms": ["x", "y"] })).await;
    assert_eq!((&answer["metadata"], &answer["realms"]), (&json!({ "c": "3" }), &json!(["x", "y"])));
    assert_eq!((&answer["display_name"], &answer["options"]), (&json!("D"), &connection["options"]));
    let journal = tenant.journal(connection["id"].as_str().unwrap()).await;
    assert_eq!(
        journal[1].1,
        json!({ "metadata": { "before": { "a": "1", "b": "2" }, "after": { "c": "3" } }, "realms": { "after": ["x", "y"] } })
    );
}

#[tokio::test]
async fn if_none_match_answers_304_for_a_known_tag() {
    let tenant = Tenant::new().await;
    let connection = created(&tenant, json!({})).await;
    let path = path_of(&connection);
    let etag = tenant.get(&path).await.header("etag").unwrap().to_owned();
    let get = async || send(tenant.authorized("GET", &path).header("if-none-match", &etag)).await;
    let known = get().await;
    assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", Some(&*etag)));
    updated(&tenant, &connection, json!({ "display_name": "D" })).await;
    let new = get().await;
    assert_eq!((new.status, &new.json["display_name"]), (200, &json!("D")));
    assert_ne!(new.header("etag"), Some(&*etag));
}

#[tokio::test]
async fn if_match_rejects_a_stale_update() {
    let tenant = Tenant::new().await;
    let connection = created(&tenant, json!({})).await;
    let path = path_of(&connection);
    let first = tenant.get(&path).await.header("etag").unwrap().to_owned();
    let patch = async |name: &str| {
        send(
            tenant
                .authorized("PATCH", &path)
                .header("if-match", &first)
                .json(&json!({ "display_name": name })),
        )
        .await
    };
    let done = patch("one").await;
    assert_eq!(done.status, 200, "{}", done.text);
    let second = done.header("etag").unwrap();
    assert_ne!(second, first);
    let late = patch("two").await;
    assert_eq!((late.status, late.header("etag")), (412, Some(second)));
    assert_eq!(tenant.get(&path).await.json["display_name"], "one");
}

#[tokio::test]
async fn invalid_update_is_rejected_and_changes_nothing() {
    let tenant = Tenant::new().await;
    let connection = created(&tenant, json!({})).await;
    for (body, reason) in [
        (json!({}), "Too few properties defined (0), minimum 1"),
        (json!({ "name": "other" }), "Additional properties not allowed: name"),
        (json!({ "strategy": "okta" }), "Additional properties not allowed: strategy"),
        (json!({ "options": { "passwordPolicy": 1 } }), "on property options.passwordPolicy"),
        (
            json!({ "options": { "requires_username": true, "attributes": { "email": { "identifier": { "active": true } } } } }),
            "Cannot set both",
        ),
        (json!({ "enabled_clients": "all" }), "on property enabled_clients"),
        (json!({ "display_name": "x".repeat(129) }), "on property display_name"),
    ] {
        let answer = tenant.patch(&path_of(&connection), body).await;
        assert!(invalid(&answer).contains(reason), "{}", answer.text);
    }
    let nobody = json!({ "display_name": "x", "enabled_clients": ["nobody"] });
    assert_eq!(tenant.patch(&path_of(&connection), nobody).await.error().1, Some("inexistent_client"));
    assert_eq!(tenant.get(&path_of(&connection)).await.json, connection);
    assert_eq!(kinds(&tenant, &connection).await, ["connection.created"]);
    let elsewhere = Tenant::new().await;
    let change = json!({ "display_name": "x" });
    assert_eq!(elsewhere.patch(&path_of(&connection), change.clone()).await.error(), UNKNOWN);
    assert_eq!(tenant.patch(&format!("{PATH}/nobody"), change).await.error(), UNKNOWN);
}

#[tokio::test]
async fn concurrent_updates_of_different_members_all_remain() {
    let tenant = Tenant::new().await;
    let connection = created(&tenant, json!({})).await;
    let changes = [
        json!({ "display_name": "D" }),
        json!({ "options": { "disable_signup": true } }),
        json!({ "metadata": { "a": "b" } }),
        json!({ "realms": ["r"] }),
        json!({ "enabled_clients": [tenant.client.client_id] }),
        json!({ "show_as_button": true }),
    ];
    let path = path_of(&connection);
    let answers = join_all(changes.iter().map(|change| tenant.patch(&path, change.clone()))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let after = tenant.get(&path).await.json;
    for change in &changes {
        for (name, value) in change.as_object().unwrap().iter().filter(|(name, _)| *name != "options") {
            assert_eq!(&after[name], value);
        }
    }
    assert_eq!(after["options"]["disable_signup"], true);
    assert_eq!(kinds(&tenant, &connection).await.len(), 7);
}

#[tokio::test]
async fn update_is_visible_to_the_next_request_on_any_instance() {
    let (tenant, other) = (tenant_of_people().await, another_instance().await);
    let connection = enabled(&tenant, json!({})).await;
    let path = path_of(&connection);
    let clients = async |body| assert_eq!(tenant.patch(&format!("{path}/clients"), body).await.status, 204);
    let sign_up = async |email: &str| {
        let body = json!({ "client_id": CLIENT_ID, "connection": connection["name"], "email": email, "password": PASSWORD });
        send(tenant.request_to(other, "POST", "/dbconnections/signup").json(&body)).await.status
    };
    let realm = json!({ "grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": connection["name"] });
    let log_in = async || {
        let body = crate::oauth::login("a@example.com", PASSWORD, &realm);
        send(tenant.request_to(other, "POST", "/oauth/token").json(&body)).await.status
    };
    assert_eq!(sign_up("a@example.com").await, 400, "not enabled for the client yet");
    clients(json!([{ "client_id": CLIENT_ID, "status": true }])).await;
    assert_eq!((sign_up("a@example.com").await, log_in().await), (200, 200));
    tenant.patch(&path, json!({ "options": { "disable_signup": true } })).await;
    assert_eq!((sign_up("b@example.com").await, log_in().await), (400, 200));
    clients(json!([{ "client_id": CLIENT_ID, "status": false }])).await;
    assert_eq!(log_in().await, 400);
    clients(json!([{ "client_id": CLIENT_ID, "status": true }])).await;
    assert_eq!(log_in().await, 200);
    assert_eq!(tenant.delete(&path).await.status, 202);
    assert_eq!((sign_up("c@example.com").await, log_in().await), (400, 400));
}

#[tokio::test]
async fn connection_of_another_strategy_has_no_login_and_signup() {
    let tenant = tenant_of_people().await;
    let okta = created(&tenant, json!({ "strategy": "okta", "enabled_clients": [CLIENT_ID] })).await;
    let realm =
        json!({ "grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": okta["name"] });
    assert_eq!(log_in(&tenant, "a@example.com", PASSWORD, realm).await.status, 400);
    let body = json!({ "client_id": CLIENT_ID, "connection": okta["name"], "email": "a@example.com", "password": PASSWORD });
    assert_eq!(send(tenant.request("POST", "/dbconnections/signup").json(&body)).await.status, 400);
}
