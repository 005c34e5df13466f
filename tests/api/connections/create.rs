//! `POST /api/v2/connections` with strategy `auth0`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{PATH, UNKNOWN, count, created, enabled, invalid, kinds, path_of, updated};
use crate::support::{Tenant, send, unique};

#[tokio::test]
async fn database_has_the_recorded_defaults() {
    let tenant = Tenant::new().await;
    let connection = created(&tenant, json!({})).await;
    let (id, name) = (connection["id"].as_str().unwrap(), &connection["name"]);
    assert!(id.len() == 20 && id.starts_with("con_"), "{id}");
    let recorded = json!({
        "id": id,
        "options": {
            "mfa": { "active": true, "return_enroll_settings": true }, "passwordPolicy": "good", "strategy_version": 2,
            "authentication_methods": { "password": { "enabled": true, "api_behavior": "required" }, "passkey": { "enabled": false } },
            "passkey_options": { "challenge_ui": "both", "progressive_enrollment_enabled": true, "local_enrollment_enabled": true },
            "brute_force_protection": true,
        },
        "strategy": "auth0", "name": name, "is_domain_connection": false, "enabled_clients": [], "realms": [name],
        "authentication": { "active": true }, "connected_accounts": { "active": false },
    });
    assert_eq!(connection, recorded);
    assert_eq!(tenant.get(&path_of(&connection)).await.json, connection);
    assert_eq!(kinds(&tenant, &connection).await, ["connection.created"]);
    assert_eq!(tenant.get(&format!("{PATH}/con_0000000000000000")).await.error(), UNKNOWN);
    assert_eq!(
        tenant.get(&format!("{}?fields=name", path_of(&connection))).await.json,
        json!({
            "id": id, "name": name, "is_domain_connection": false,
            "authentication": { "active": true }, "connected_accounts": { "active": false },
        })
    );
}

#[tokio::test]
async fn options_are_answered_as_they_were_sent() {
    let tenant = Tenant::new().await;
    let sent = json!({
        "passwordPolicy": "excellent", "password_history": { "enable": true, "size": 5 },
        "password_dictionary": { "enable": true, "dictionary": ["roster"] }, "validation": { "username": { "min": 2, "max": 20 } },
        "requires_username": true, "upstream_params": { "a": { "alias": "b" } }, "non_persistent_attrs": null,
        "customScripts": { "login": "function login() {}" }, "of_tomorrow": [1, { "x": null }], "passkey_options": null,
    });
    let more = json!({
        "options": sent, "display_name": "D", "is_domain_connection": true, "realms": ["r"], "show_as_button": true,
        "metadata": { "k": "v" }, "authentication": { "active": true }, "connected_accounts": { "active": false },
    });
    let connection = created(&tenant, more.clone()).await;
    for (name, value) in more.as_object().unwrap().iter().filter(|(name, _)| *name != "options") {
        assert_eq!(&connection[name], value, "{name}");
    }
    for (name, value) in sent.as_object().unwrap().iter().filter(|(name, _)| *name != "passkey_options") {
        assert_eq!(&connection["options"][name], value, "{name}");
    }
    assert_eq!(
        connection["options"]["passkey_options"]["challenge_ui"], "both",
        "null stands for the default"
    );
    let email = json!({ "options": { "attributes": { "email": { "identifier": { "active": true } } } } });
    let email = created(&tenant, email).await;
    assert_eq!(email["options"]["attributes"]["email"]["verification_method"], "link");
}

#[tokio::test]
async fn options_that_contradict_each_other_are_rejected() {
    let tenant = Tenant::new().await;
    let email = json!({ "identifier": { "active": true }, "profile_required": true, "signup": { "status": "required" } });
    let off = json!({ "identifier": { "active": false } });
    for (options, message) in [
        (
            json!({ "requires_username": true, "attributes": { "email": email } }),
            "Cannot set both options.attributes and options.requires_username",
        ),
        (
            json!({ "validation": { "username": { "min": 1, "max": 5 } }, "attributes": { "email": email } }),
            "Cannot set both options.attributes and options.validation",
        ),
        (
            json!({ "attributes": { "email": off, "username": off } }),
            "attributes must contain one active identifier",
        ),
        (
            json!({ "attributes": { "phone_number": { "identifier": { "active": true }, "profile_required": true, "signup": { "status": "inactive" } } } }),
            "attribute phone_number must also be required on signup",
        ),
        (
            json!({ "validation": { "username": { "min": 6, "max": 5 } } }),
            "The minimum length of a username is greater than the maximum length",
        ),
    ] {
        let answer = tenant.post(PATH, json!({ "name": "x", "strategy": "auth0", "options": options })).await;
        assert_eq!(invalid(&answer), message);
    }
    assert_eq!(count(&tenant).await, 1);
}

#[tokio::test]
async fn invalid_body_is_rejected_with_its_reason() {
    let tenant = Tenant::new().await;
    let metadata = Value::Object((0..11).map(|n| (format!("k{n}"), json!("v"))).collect());
    let long = "x".repeat(256);
    for (more, reason) in [
        (
            json!({ "name": "a--b" }),
            "String does not match pattern ^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$: a--b' on property name",
        ),
        (json!({ "name": "-a" }), "on property name"),
        (json!({ "name": "" }), "String is too short (0 chars), minimum 1' on property name"),
        (json!({ "name": "x".repeat(129) }), "String is too long (129 chars), maximum 128' on property name"),
        (json!({ "name": null }), "Expected type string but found type null' on property name"),
        (json!({ "strategy": "toaster" }), "No enum match for: toaster' on property strategy"),
        (json!({ "options": [] }), "Expected type object but found type array' on property options"),
        (
            json!({ "options": { "passwordPolicy": "strong" } }),
            "No enum match for: strong' on property options.passwordPolicy",
        ),
        (
            json!({ "options": { "disable_signup": "yes" } }),
            "Expected type boolean but found type string' on property options.disable_signup",
        ),
        (
            json!({ "options": { "validation": { "username": { "min": 0, "max": 5 } } } }),
            "Value 0 is less than minimum 1' on property options.validation.username.min",
        ),
        (
            json!({ "options": { "validation": { "username": { "min": 1.5, "max": 5 } } } }),
            "Expected type integer but found type number' on property options.validation.username.min",
        ),
        (
            json!({ "options": { "password_complexity_options": { "min_length": 10.0 } } }),
            "Expected type integer but found type number",
        ),
        (
            json!({ "options": { "password_complexity_options": { "min_length": 129 } } }),
            "Value 129 is greater than maximum 128",
        ),
        (
            json!({ "options": { "password_history": { "enable": true, "size": 25 } } }),
            "Value 25 is greater than maximum 24",
        ),
        (
            json!({ "options": { "attributes": {} } }),
            "Too few properties defined (0), minimum 1' on property options.attributes",
        ),
        (
            json!({ "options": { "attributes": { "shoe_size": {} } } }),
            "Additional properties not allowed: shoe_size' on property options.attributes",
        ),
        (
            json!({ "options": { "attributes": { "email": { "signup": { "status": "perhaps" } } } } }),
            "No enum match for: perhaps' on property options.attributes.email.signup.status",
        ),
        (
            json!({ "enabled_clients": ["a b"] }),
            "Object didn't pass validation for format client-id: a b' on property enabled_clients.0",
        ),
        (
            json!({ "enabled_clients": null }),
            "Expected type array but found type null' on property enabled_clients",
        ),
        (
            json!({ "metadata": metadata }),
            "Too many properties defined (11), maximum 10' on property metadata",
        ),
        (
            json!({ "metadata": { "k": 1 } }),
            "Expected type string but found type integer' on property metadata.k",
        ),
        (
            json!({ "metadata": { "k": long } }),
            "String is too long (256 chars), maximum 255' on property metadata.k",
        ),
        (json!({ "authentication": {} }), "Missing required property: active' on property authentication"),
        (json!({ "id": "con_1", "nonsense": 1 }), "Additional properties not allowed: nonsense,id"),
    ] {
        let mut body = json!({ "name": "x", "strategy": "auth0" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = tenant.post(PATH, body).await;
        assert!(invalid(&answer).contains(reason), "{reason}: {}", answer.text);
    }
    let answer = tenant.post(PATH, json!({})).await;
    assert!(invalid(&answer).contains("Missing required property: name"));
    for raw in
        [r#"{"name":"x","strategy":"auth0","options":{"a":"\u0000"}}"#, r#"{"name":"x\ud800"}"#, "[", "[]"]
    {
        let request = tenant.authorized("POST", PATH).header("content-type", "application/json").body(raw);
        assert_eq!(send(request).await.status, 400, "{raw}");
    }
    let unknown =
        tenant.post(PATH, json!({ "name": "x", "strategy": "auth0", "enabled_clients": ["nobody"] })).await;
    assert_eq!(unknown.error(), (400, Some("inexistent_client"), "The client does not exist"));
    assert_eq!(count(&tenant).await, 1);
}

#[tokio::test]
async fn name_is_unique_in_its_tenant_under_concurrency() {
    let tenant = Tenant::new().await;
    let body = json!({ "name": unique("c"), "strategy": "auth0" });
    let answers = join_all((0..8).map(|_| tenant.post(PATH, body.clone()))).await;
    let (created, rejected): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((created.len(), rejected.len()), (1, 7));
    for answer in rejected {
        assert_eq!(
            answer.error(),
            (409, Some("connection_conflict"), "A connection with the same name already exists")
        );
    }
    assert_eq!(Tenant::new().await.post(PATH, body).await.status, 201, "the name is free in another tenant");
}

#[tokio::test]
async fn options_are_enforced_for_new_users() {
    let tenant = Tenant::new().await;
    let connection = enabled(
        &tenant,
        json!({ "options": {
            "passwordPolicy": "low", "password_complexity_options": { "min_length": 3 },
            "requires_username": true, "validation": { "username": { "min": 3, "max": 5 } },
        } }),
    )
    .await;
    let user = async |password: &str, username: &str| {
        let body = json!({ "connection": connection["name"], "email": format!("{}@example.com", unique("u")), "password": password, "username": username });
        tenant.post("/api/v2/users", body).await
    };
    assert_eq!(user("abc", "jane").await.status, 201);
    assert_eq!(user("ab", "john").await.error().1, Some("invalid_password"));
    for username in ["jo", "johnny"] {
        assert_eq!(user("abc", username).await.status, 400, "{username}");
    }
    let plain = enabled(
        &tenant,
        json!({ "options": { "password_options": { "complexity": { "min_length": 20 } } } }),
    )
    .await;
    assert!(plain["options"].get("passwordPolicy").is_none(), "password_options replace the policy");
    let body =
        json!({ "connection": plain["name"], "email": "j@example.com", "password": "Correct-Horse-1" });
    assert_eq!(tenant.post("/api/v2/users", body).await.error().1, Some("invalid_password"));
    let disabled = created(&tenant, json!({})).await;
    let body =
        json!({ "connection": disabled["name"], "email": "j@example.com", "password": "Correct-Horse-1" });
    assert_eq!(tenant.post("/api/v2/users", body).await.error().2, "Connection is disabled.");
}

#[tokio::test]
async fn null_password_policy_is_answered_as_sent_and_enforced_as_good() {
    let tenant = Tenant::new().await;
    let options = json!({ "passwordPolicy": null });
    let connection = enabled(&tenant, json!({ "options": options })).await;
    assert_eq!(connection["options"].get("passwordPolicy"), Some(&Value::Null), "{connection}");
    let changed = updated(&tenant, &connection, json!({ "options": options })).await;
    assert_eq!(changed["options"].get("passwordPolicy"), Some(&Value::Null), "{changed}");
    let body = json!({ "connection": connection["name"], "email": "j@example.com", "password": "weakling" });
    assert_eq!(tenant.post("/api/v2/users", body).await.error().1, Some("invalid_password"));
}

#[tokio::test]
async fn options_sent_in_part_are_completed() {
    let tenant = Tenant::new().await;
    let off = json!({ "enabled": false });
    let behaviors = json!({ "enabled": true, "api_behavior": "required", "signup_behavior": "allow" });
    let methods = async |options: Value| {
        created(&tenant, json!({ "options": options })).await["options"]["authentication_methods"].clone()
    };
    assert_eq!(methods(json!({})).await, json!({ "password": behaviors, "passkey": off }));
    assert_eq!(
        methods(json!({ "authentication_methods": { "email_otp": { "enabled": true } } })).await,
        json!({ "password": behaviors, "passkey": off, "email_otp": { "enabled": true }, "phone_otp": off })
    );
    let own = json!({ "enabled": true, "api_behavior": "optional", "signup_behavior": "block" });
    assert_eq!(methods(json!({ "authentication_methods": { "password": own } })).await["password"], own);
    let email = json!({ "identifier": { "active": true }, "signup": { "status": "required" } });
    let connection = created(&tenant, json!({ "options": { "attributes": { "email": email } } })).await;
    assert_eq!(connection["options"]["attributes"]["email"]["unique"], true);
}

#[tokio::test]
async fn email_attribute_stays_unique_and_requesting_apps_are_refused() {
    let tenant = Tenant::new().await;
    let email = |unique: bool| {
        json!({ "options": { "attributes": {
        "email": { "identifier": { "active": true }, "unique": unique, "signup": { "status": "required" } },
    } } })
    };
    let non_unique = created(&tenant, email(false)).await;
    updated(&tenant, &non_unique, email(false)).await;
    for connection in [created(&tenant, json!({})).await, created(&tenant, email(true)).await] {
        let answer = tenant.patch(&path_of(&connection), email(false)).await;
        assert_eq!(answer.error(), (400, Some("invalid_body"), "cannot add non-unique email attribute"));
        assert_eq!(tenant.get(&path_of(&connection)).await.json, connection);
    }
    let app = |active: bool| json!({ "cross_app_access_requesting_app": { "active": active } });
    let connection = created(&tenant, app(false)).await;
    let mut body = app(true);
    (body["name"], body["strategy"]) = (json!("x"), json!("auth0"));
    assert_eq!(tenant.post(PATH, body.clone()).await.error().1, Some("operation_not_supported"));
    assert_eq!(
        tenant.patch(&path_of(&connection), app(true)).await.error().1,
        Some("operation_not_supported")
    );
    body["strategy"] = json!("oidc");
    assert_eq!(tenant.post(PATH, body).await.status, 201);
}
