//! `POST /api/v2/users`.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{CONNECTION, PASSWORD, Tenant, path_of, unique};

#[tokio::test]
async fn create_answers_given_and_computed_attributes() {
    let tenant = Tenant::new().await;
    let body = json!({
        "connection": CONNECTION, "email": "Chuck@Example.com", "username": "Chuck", "password": PASSWORD, "given_name": "Chuck",
        "blocked": false, "verify_email": false, "user_metadata": { "hobby": "surfing" }, "app_metadata": { "plan": "full" },
    });
    let made = tenant.post("/api/v2/users", body).await;
    assert_eq!(made.status, 201);
    insta::assert_json_snapshot!(made.json, {
        ".created_at" => "[time]", ".updated_at" => "[time]", ".user_id" => "[id]", ".identities[0].user_id" => "[id]",
    }, @r#"
    {
      "app_metadata": {
        "plan": "full"
      },
      "blocked": false,
      "created_at": "[time]",
      "email": "chuck@example.com",
      "email_verified": false,
      "given_name": "Chuck",
      "identities": [
        {
          "connection": "Username-Password-Authentication",
          "isSocial": false,
          "provider": "auth0",
          "user_id": "[id]"
        }
      ],
      "name": "chuck@example.com",
      "nickname": "chuck",
      "picture": "https://s.gravatar.com/avatar/0b79e7da7bc7877560620cf8f2cc93ae?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fch.png",
      "updated_at": "[time]",
      "user_id": "[id]",
      "user_metadata": {
        "hobby": "surfing"
      },
      "username": "chuck"
    }
    "#);
    assert_eq!(
        made.json["user_id"],
        json!(format!("auth0|{}", made.json["identities"][0]["user_id"].as_str().unwrap()))
    );
    assert_eq!(made.header("content-type"), Some("application/json; charset=utf-8"));
}

#[tokio::test]
async fn create_drops_nulls_at_the_root_of_metadata() {
    let tenant = Tenant::new().await;
    let none = tenant.user(json!({})).await;
    assert!(none.get("user_metadata").is_none() && none.get("app_metadata").is_none());
    let empty = tenant.user(json!({ "user_metadata": {}, "app_metadata": {} })).await;
    assert_eq!(empty["user_metadata"], json!({}));
    assert!(empty.get("app_metadata").is_none());
    let nulls = tenant.user(json!({ "user_metadata": { "a": null, "b": { "c": null } } })).await;
    assert_eq!(nulls["user_metadata"], json!({ "b": { "c": null } }), "a null at the root is dropped");
}

#[tokio::test]
async fn create_takes_an_id_of_the_caller() {
    let tenant = Tenant::new().await;
    for (sent, id) in [("custom", "auth0|custom"), ("auth0|prefixed", "auth0|prefixed"), ("a|b", "auth0|a|b")]
    {
        assert_eq!(tenant.user(json!({ "user_id": sent })).await["user_id"], id);
    }
    let again = tenant.post("/api/v2/users", json!({ "connection": CONNECTION, "email": "new@example.com", "password": PASSWORD, "user_id": "custom" })).await;
    assert_eq!(again.error(), (409, Some("auth0_idp_error"), "The user already exists."));
}

#[tokio::test]
async fn email_is_unique_within_connection_and_tenant() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let email = format!("{}@example.com", unique("e"));
    tenant.user(json!({ "email": email })).await;
    other.user(json!({ "email": email })).await;
    let again = tenant
        .post(
            "/api/v2/users",
            json!({ "connection": CONNECTION, "email": email.to_uppercase(), "password": PASSWORD }),
        )
        .await;
    assert_eq!(again.error(), (409, Some("auth0_idp_error"), "The user already exists."));
}

#[tokio::test]
async fn errors_name_the_reason() {
    let tenant = Tenant::with(|config| {
        let mut plain = config.connections[0].clone();
        (plain.name, plain.attributes) = ("Plain".into(), None);
        let mut disabled = plain.clone();
        (disabled.name, disabled.enabled_clients) =
            ("Disabled".into(), roster::tenant_files::model::Selection::List(vec![]));
        config.connections.extend([plain, disabled]);
    })
    .await;
    tenant.user(json!({ "username": "taken" })).await;
    let body = |more: serde_json::Value| {
        let mut body = json!({ "connection": CONNECTION, "email": "a@example.com", "password": PASSWORD });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
            if value.is_null() {
                body.as_object_mut().unwrap().remove(key);
            }
        }
        body
    };
    let invalid = Some("invalid_body");
    for (more, status, code, message) in [
        (
            json!({ "connection": null }),
            400,
            invalid,
            "Payload validation error: 'Missing required property: connection'.",
        ),
        (
            json!({ "email": null }),
            400,
            invalid,
            "Payload validation error: 'Missing required property: email'.",
        ),
        (
            json!({ "password": null }),
            400,
            invalid,
            "Payload validation error: 'Missing required property: password'.",
        ),
        (
            json!({ "email": "x" }),
            400,
            invalid,
            "Payload validation error: 'Object didn't pass validation for format email: x' on property email (The user's email).",
        ),
        (
            json!({ "b": 1 }),
            400,
            invalid,
            "Payload validation error: 'Additional properties not allowed: b'.",
        ),
        (
            json!({ "user_id": "a b" }),
            400,
            invalid,
            r"Payload validation error: 'String does not match pattern ^\S*$: a b' on property user_id (The external user's id provided by the identity provider).",
        ),
        (
            json!({ "phone_number": "0155" }),
            400,
            invalid,
            r"Payload validation error: 'String does not match pattern ^\+[0-9]{1,15}$: 0155' on property phone_number (The user's phone number, following the E.164 recommendation).",
        ),
        (
            json!({ "connection": "nowhere" }),
            400,
            Some("inexistent_connection"),
            "The connection does not exist.",
        ),
        (
            json!({ "connection": "Disabled" }),
            400,
            Some("operation_not_supported"),
            "Connection is disabled.",
        ),
        (
            json!({ "connection": "Plain", "username": "x" }),
            400,
            Some("operation_not_supported"),
            "Cannot set username for connection without requires_username.",
        ),
        (
            json!({ "username": "TAKEN" }),
            400,
            Some("auth0_idp_error"),
            "The username provided is in use already.",
        ),
        (
            json!({ "username": "with space" }),
            400,
            invalid,
            "Payload validation error: 'Username does not have a format or length that the connection allows'.",
        ),
        (
            json!({ "password": "weak" }),
            400,
            Some("invalid_password"),
            "PasswordStrengthError: Password is too weak",
        ),
    ] {
        let answer = tenant.post("/api/v2/users", body(more.clone())).await;
        assert_eq!(answer.error(), (status, code, message), "{more}");
    }
    let empty =
        tenant.post("/api/v2/users", json!({ "email": "x", "given_name": "", "blocked": "yes" })).await;
    insta::assert_snapshot!(empty.error().2, @"Payload validation error: 'Missing required property: connection'. (also) Payload validation error: 'String is too short (0 chars), minimum 1' on property given_name (The user's given name(s)). (also) Payload validation error: 'Object didn't pass validation for format email: x' on property email (The user's email). (also) Payload validation error: 'Expected type boolean but found type string' on property blocked (Whether this user was blocked by an administrator).");
}

#[tokio::test]
async fn concurrent_creations_with_one_email_succeed_once() {
    let tenant = Tenant::new().await;
    let body = json!({ "connection": CONNECTION, "email": "race@example.com", "password": PASSWORD });
    let answers =
        futures_util::future::join_all((0..8).map(|_| tenant.post("/api/v2/users", body.clone()))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn concurrent_creations_succeed_or_fail_each_on_its_own() {
    let tenant = Tenant::with(|config| config.limits.metadata_bytes = 1000).await;
    // Passwordless users, since hashing would spread the creations over time.
    let connection =
        json!({ "name": "email", "strategy": "email", "enabled_clients": [tenant.client.client_id] });
    assert_eq!(tenant.post("/api/v2/connections", connection).await.status, 201);
    let create = |n: usize| {
        let mut body = json!({ "connection": "email", "email": format!("user{}@example.com", n % 30), "email_verified": true });
        match n {
            3 => body["user_metadata"] = json!({ "a": "x".repeat(1000) }),
            4 => body["nickname"] = json!(""),
            _ => {}
        }
        tenant.post("/api/v2/users", body)
    };
    let answers = join_all((0..120).map(create)).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(409), count(400)), (30, 88, 2));
    for answer in &answers {
        match answer.status {
            201 => {
                assert_eq!(tenant.get(&path_of(&answer.json)).await.json, answer.json);
                assert_eq!(tenant.journal(answer.json["user_id"].as_str().unwrap()).await.len(), 1);
            }
            409 => assert_eq!(answer.error().2, "The user already exists."),
            _ => assert_eq!(answer.error().1, Some("invalid_body")),
        }
    }
}
