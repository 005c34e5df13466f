//! Connections of other strategies: documents with secrets.

use serde_json::{Value, json};

use super::{PATH, created, enabled, erase, path_of, updated};
use crate::support::{PASSWORD, Tenant, path_of as path_of_user, send, sql};

#[tokio::test]
async fn connection_of_any_strategy_is_answered_as_sent() {
    let tenant = Tenant::new().await;
    for (strategy, options) in [
        (
            "google-oauth2",
            json!({ "client_id": "a", "client_secret": "b", "allowed_audiences": ["x"], "scope": ["email"] }),
        ),
        (
            "samlp",
            json!({ "signInEndpoint": "https://x.test", "signingCert": "c", "decryptionKey": { "key": "k", "cert": "c" } }),
        ),
        (
            "waad",
            json!({ "tenant_domain": "x.test", "app_id": "1", "app_secret": "s", "validation": "not of a database" }),
        ),
        ("sms", json!({ "from": "+1", "twilio_sid": "s", "twilio_token": "t", "template": "x" })),
        ("oidc", json!({ "issuer": "https://x.test", "nothing": null, "deep": { "list": [1, 2.5] } })),
        ("twitter", json!({})),
    ] {
        let connection = created(&tenant, json!({ "strategy": strategy, "options": options })).await;
        assert_eq!((&connection["options"], &connection["strategy"]), (&options, &json!(strategy)));
        assert_eq!(tenant.get(&path_of(&connection)).await.json, connection);
        let after = updated(&tenant, &connection, json!({ "options": connection["options"] })).await;
        assert_eq!(after, connection, "writing an answer back changes nothing");
        let found = tenant.get(&format!("{PATH}?strategy={strategy}")).await.json;
        assert_eq!(found, json!([connection]));
        let user =
            json!({ "connection": connection["name"], "email": "a@example.com", "password": PASSWORD });
        let message = if strategy == "sms" {
            "Connection is disabled."
        } else {
            "Connection does not support user creation through the API. It must either be a database or passwordless connection."
        };
        assert_eq!(
            tenant.post("/api/v2/users", user).await.error(),
            (400, Some("operation_not_supported"), message)
        );
        assert_eq!(tenant.delete(&path_of(&connection)).await.status, 202);
    }
    let okta = created(&tenant, json!({ "name": "Okta", "strategy": "okta" })).await;
    assert_eq!((&okta["display_name"], &okta["show_as_button"]), (&json!("Okta"), &json!(false)));
}

#[tokio::test]
async fn passwordless_connections_have_users() {
    let tenant = Tenant::new().await;
    for (strategy, known_by, value, other) in [
        ("sms", "phone_number", "+15550142", "+15550143"),
        ("email", "email", "jane@example.com", "joan@example.com"),
    ] {
        let connection = enabled(&tenant, json!({ "name": strategy, "strategy": strategy })).await;
        let body = |more: Value| {
            let mut body = json!({ "connection": strategy, known_by: value });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let created = tenant.post("/api/v2/users", body(json!({ "app_metadata": { "a": 1 } }))).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let user = created.json;
        let id = user["identities"][0]["user_id"].as_str().unwrap();
        assert_eq!((id.len(), &user["user_id"]), (24, &json!(format!("{strategy}|{id}"))));
        assert_eq!(
            user["identities"],
            json!([{ "connection": strategy, "provider": strategy, "user_id": id, "isSocial": false }])
        );
        assert_eq!((&user[known_by], &user["name"]), (&json!(value), &json!(value)));
        assert_eq!(tenant.get(&path_of_user(&user)).await.json, user);
        let mails = sql("select digest from mails where tenant_id = $1", &[&tenant.name]).await;
        assert!(mails.is_empty(), "the login code verifies the address");
        let found = tenant.get(&format!("/api/v2/users?q=identities.connection:{strategy}")).await.json;
        assert_eq!(found, json!([user]));

        let not_supported = Some("operation_not_supported");
        let no_password = "Cannot set password for a connection that is not a database.";
        for (more, status, code, message) in [
            (json!({}), 409, Some("auth0_idp_error"), "The user already exists."),
            (json!({ known_by: other, "password": PASSWORD }), 400, not_supported, no_password),
            (
                json!({ known_by: other, "username": "jane" }),
                400,
                not_supported,
                "Cannot set username for connection without requires_username.",
            ),
        ] {
            let answer = tenant.post("/api/v2/users", body(more.clone())).await;
            assert_eq!(answer.error(), (status, code, message), "{more}");
        }
        let mut nobody = body(json!({}));
        nobody.as_object_mut().unwrap().remove(known_by);
        let missing = format!("Payload validation error: 'Missing required property: {known_by}'.");
        let answer = tenant.post("/api/v2/users", nobody).await;
        assert_eq!(answer.error(), (400, Some("invalid_body"), &*missing));

        let path = path_of_user(&user);
        for password in [json!(PASSWORD), json!(null)] {
            let refused = tenant.patch(&path, json!({ "password": password })).await;
            assert_eq!(refused.error(), (400, not_supported, no_password));
        }
        let patched = tenant.patch(&path, json!({ known_by: other, "app_metadata": { "b": 2 } })).await.json;
        assert_eq!(
            (&patched[known_by], &patched["app_metadata"]),
            (&json!(other), &json!({ "a": 1, "b": 2 }))
        );
        let removed = tenant.patch(&path, json!({ known_by: null })).await;
        assert_eq!(removed.error(), (400, Some("invalid_body"), &*missing));
        let asked = json!({ "verify_email": true, "email_verified": false });
        assert_eq!(tenant.patch(&path, asked).await.status, 200);
        assert!(sql("select digest from mails where tenant_id = $1", &[&tenant.name]).await.is_empty());
        assert_eq!(tenant.get(&path).await.json[known_by], other);

        assert_eq!(tenant.delete(&path_of(&connection)).await.status, 202);
        erase(&tenant, 24 * 60).await;
        assert_eq!(tenant.get(&path).await.status, 404);
    }
}

#[tokio::test]
async fn secrets_are_sealed_and_masked_in_the_journal() {
    let tenant = Tenant::new().await;
    let options =
        json!({ "client_id": "a", "client_secret": "first-hush", "gateway": [{ "secret": "second-hush" }] });
    let connection = created(&tenant, json!({ "strategy": "oidc", "options": options })).await;
    updated(&tenant, &connection, json!({ "options": { "client_id": "a", "client_secret": "third-hush" } }))
        .await;
    let stored = sql(
        "select options, secrets from connections where tenant_id = $1 and strategy = 'oidc'",
        &[&tenant.name],
    )
    .await;
    assert_eq!(stored[0][0], json!({ "client_id": "a", "client_secret": "*****" }));
    assert!(stored[0][1].as_str().unwrap().starts_with("\\x"));
    updated(&tenant, &connection, json!({ "display_name": "D" })).await;
    assert_eq!(tenant.get(&path_of(&connection)).await.json["options"]["client_secret"], "third-hush");
    tenant.delete(&path_of(&connection)).await;
    let journal = tenant.journal(connection["id"].as_str().unwrap()).await;
    assert!(!format!("{journal:?}").contains("hush"), "{journal:?}");
    let secrets: Vec<_> = journal.iter().map(|(_, changes)| changes.get("secrets").cloned()).collect();
    assert_eq!(
        secrets,
        [
            Some(json!({ "after": "*****" })),
            Some(json!({ "before": "*****", "after": "*****" })),
            None,
            Some(json!({ "before": "*****" }))
        ]
    );
}

#[tokio::test]
async fn secrets_are_answered_to_read_connections_alone() {
    let tenant = Tenant::new().await;
    let connection =
        created(&tenant, json!({ "strategy": "oidc", "options": { "client_secret": "hush" } })).await;
    let read = async |scope: &str| {
        let token = tenant.token_with(&[scope]).await;
        send(tenant.request("GET", &path_of(&connection)).bearer_auth(token)).await
    };
    assert_eq!(read("read:connections").await.json["options"]["client_secret"], "hush");
    assert_eq!(read("update:connections").await.status, 403);
}
