//! `PATCH /api/v2/users/{id}`: the merge rules, then all other rules.

use futures_util::future::join_all;
use roster::base::identifiers::Requirement;
use roster::db::Options;
use roster::tenant_files::model::AttributesConfig;
use serde_json::json;

use crate::support::{
    CONNECTION, PASSWORD, Tenant, execute, instance_on, on_server, path_of, send, server, unique,
};

/// The user of the README's first example.
async fn jane(tenant: &Tenant) -> String {
    let made = tenant
        .user(json!({ "name": "Jane Doe", "user_metadata": { "hobby": "surfing" }, "app_metadata": { "plan": "full" } }))
        .await;
    assert_eq!(
        (&made["user_metadata"], &made["app_metadata"]),
        (&json!({ "hobby": "surfing" }), &json!({ "plan": "full" }))
    );
    path_of(&made)
}

#[tokio::test]
async fn update_merges_metadata_at_the_root() {
    let tenant = Tenant::new().await;
    let jane = jane(&tenant).await;
    let home = json!({ "user_metadata": { "addresses": { "home": "123 Main Street, Anytown, ST 12345" } } });
    let answer = tenant.patch(&jane, home).await;
    assert_eq!(answer.status, 200);
    let merged = json!({ "hobby": "surfing", "addresses": { "home": "123 Main Street, Anytown, ST 12345" } });
    assert_eq!(answer.json["user_metadata"], merged);
    assert_eq!(tenant.get(&jane).await.json, answer.json);
}

#[tokio::test]
async fn nested_objects_are_replaced() {
    let tenant = Tenant::new().await;
    let jane = jane(&tenant).await;
    tenant.patch(&jane, json!({ "user_metadata": { "addresses": { "home": "123 Main Street" } } })).await;
    let both =
        json!({ "user_metadata": { "addresses": { "home": "1 New Street", "work": "100 Industrial Way" } } });
    tenant.patch(&jane, both).await;
    let only_work = json!({ "user_metadata": { "addresses": { "work": "100 Industrial Way" } } });
    let answer = tenant.patch(&jane, only_work).await;
    assert_eq!(
        answer.json["user_metadata"],
        json!({ "hobby": "surfing", "addresses": { "work": "100 Industrial Way" } })
    );
}

#[tokio::test]
async fn null_deletes_a_key() {
    let tenant = Tenant::new().await;
    let user = path_of(&tenant.user(json!({ "user_metadata": { "color": "red", "size": 3 } })).await);
    let answer =
        tenant.patch(&user, json!({ "user_metadata": { "color": null, "never_there": null } })).await;
    assert_eq!(answer.json["user_metadata"], json!({ "size": 3 }));
}

#[tokio::test]
async fn empty_object_clears_the_field() {
    let tenant = Tenant::new().await;
    let jane = jane(&tenant).await;
    let answer = tenant.patch(&jane, json!({ "user_metadata": {}, "app_metadata": {} })).await;
    assert_eq!(answer.json["user_metadata"], json!({}), "user_metadata stays, empty");
    assert!(answer.json.get("app_metadata").is_none(), "app_metadata is gone");
    assert_eq!(tenant.get(&jane).await.json, answer.json);
}

#[tokio::test]
async fn deleting_the_last_key_equals_clearing_the_field() {
    let tenant = Tenant::new().await;
    let jane = jane(&tenant).await;
    let answer = tenant
        .patch(&jane, json!({ "user_metadata": { "hobby": null }, "app_metadata": { "plan": null } }))
        .await;
    assert_eq!(answer.json["user_metadata"], json!({}));
    assert!(answer.json.get("app_metadata").is_none());
}

#[tokio::test]
async fn null_clears_the_field() {
    let tenant = Tenant::new().await;
    let jane = jane(&tenant).await;
    let answer = tenant.patch(&jane, json!({ "user_metadata": null, "app_metadata": null })).await;
    assert_eq!(answer.json["user_metadata"], json!({}));
    assert!(answer.json.get("app_metadata").is_none());
}

#[tokio::test]
async fn absent_fields_are_unchanged() {
    let tenant = Tenant::new().await;
    let jane = jane(&tenant).await;
    let answer = tenant.patch(&jane, json!({ "app_metadata": { "plan": "free" }, "nickname": "jd" })).await;
    assert_eq!(answer.json["user_metadata"], json!({ "hobby": "surfing" }));
    assert_eq!(
        (&answer.json["nickname"], &answer.json["app_metadata"]),
        (&json!("jd"), &json!({ "plan": "free" }))
    );
}

#[tokio::test]
async fn nulls_below_the_root_are_data() {
    let tenant = Tenant::new().await;
    let user = path_of(
        &tenant
            .user(json!({ "user_metadata": { "kept": { "x": null }, "list": [null, { "y": null }] } }))
            .await,
    );
    let answer =
        tenant.patch(&user, json!({ "user_metadata": { "sent": { "z": null }, "gone": null } })).await;
    let all = json!({ "kept": { "x": null }, "list": [null, { "y": null }], "sent": { "z": null } });
    assert_eq!(answer.json["user_metadata"], all);
}

#[tokio::test]
async fn numbers_keep_all_digits() {
    let tenant = Tenant::new().await;
    let user = path_of(&tenant.user(json!({})).await);
    let body =
        r#"{"user_metadata":{"n":12345678901234567890.123456789,"big":123456789012345678901234567890}}"#;
    send(tenant.authorized("PATCH", &user).header("content-type", "application/json").body(body)).await;
    let text = tenant.get(&user).await.text;
    assert!(
        text.contains("12345678901234567890.123456789") && text.contains("123456789012345678901234567890"),
        "{text}"
    );
}

#[tokio::test]
async fn null_restores_a_computed_attribute() {
    let tenant = Tenant::new().await;
    let made = tenant
        .user(json!({ "given_name": "Jane", "name": "Jane Doe", "picture": "https://example.com/j.png" }))
        .await;
    let answer =
        tenant.patch(&path_of(&made), json!({ "given_name": null, "name": null, "picture": null })).await;
    assert!(answer.json.get("given_name").is_none());
    assert_eq!(answer.json["name"], made["email"]);
    assert!(answer.json["picture"].as_str().unwrap().starts_with("https://s.gravatar.com/avatar/"));
}

#[tokio::test]
async fn updated_at_changes_and_created_at_does_not() {
    let tenant = Tenant::new().await;
    let made = tenant.user(json!({})).await;
    let answer = tenant.patch(&path_of(&made), json!({ "blocked": true })).await;
    assert_eq!(answer.json["created_at"], made["created_at"]);
    assert!(answer.json["updated_at"].as_str().unwrap() > made["updated_at"].as_str().unwrap());
    assert_eq!(answer.json["blocked"], true);
}

#[tokio::test]
async fn new_email_is_lower_case_and_unverified_and_frees_the_old_one() {
    let tenant = Tenant::new().await;
    let made = tenant.user(json!({ "email_verified": true })).await;
    let new = format!("New.{}@Example.com", unique("x"));
    let answer = tenant.patch(&path_of(&made), json!({ "email": new, "connection": CONNECTION })).await;
    assert_eq!(
        (&answer.json["email"], &answer.json["email_verified"]),
        (&json!(new.to_lowercase()), &json!(false))
    );
    assert_eq!(answer.json["name"], json!(new.to_lowercase()), "a computed name follows");
    tenant.user(json!({ "email": made["email"] })).await;
}

#[tokio::test]
async fn email_after_none_is_unverified() {
    let tenant = tenant_of_two_identifiers().await;
    let made = tenant
        .user(json!({
            "username": "jane", "email_verified": true, "phone_number": "+15550101", "phone_verified": true,
        }))
        .await;
    let user = path_of(&made);
    let removed = tenant.patch(&user, json!({ "email": null, "phone_number": null })).await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    let answer =
        tenant.patch(&user, json!({ "email": "other@example.com", "phone_number": "+15550102" })).await;
    assert_eq!(
        (&answer.json["email_verified"], &answer.json["phone_verified"]),
        (&json!(false), &json!(false))
    );
    let verified = tenant.patch(&user, json!({ "email": "third@example.com", "email_verified": true })).await;
    assert_eq!(verified.json["email_verified"], true);
    assert_eq!(
        tenant.patch(&user, json!({ "email": "third@example.com", "given_name": "x" })).await.json["email_verified"],
        true
    );
}

/// A tenant whose users have an e-mail address or a username.
async fn tenant_of_two_identifiers() -> Tenant {
    Tenant::with(|config| {
        config.connections[0].attributes = Some(AttributesConfig {
            email: Some(Requirement::Optional),
            username: Some(Requirement::Optional),
            phone_number: None,
        });
    })
    .await
}

fn missing(name: &str) -> String {
    format!("Payload validation error: 'Missing required property: {name}'.")
}

#[tokio::test]
async fn required_identifier_cannot_be_removed() {
    let tenant = Tenant::with(|config| {
        let mut other = config.connections[0].clone();
        (other.name, other.attributes) = ("Plain".into(), None);
        config.connections.push(other.clone());
        other.name = "Phones".into();
        other.attributes = Some(AttributesConfig {
            email: Some(Requirement::Required),
            username: Some(Requirement::Required),
            phone_number: Some(Requirement::Required),
        });
        config.connections.push(other);
    })
    .await;
    let all = json!({ "username": "jane", "phone_number": "+15550101" });
    for (connection, more, rejected, removed) in [
        (CONNECTION, all.clone(), vec!["email"], vec!["username", "phone_number"]),
        ("Plain", json!({ "phone_number": "+15550101" }), vec!["email"], vec!["username", "phone_number"]),
        ("Phones", all, vec!["email", "username", "phone_number"], vec![]),
    ] {
        let mut more = more;
        more["connection"] = json!(connection);
        let user = path_of(&tenant.user(more).await);
        let before = tenant.get(&user).await.json;
        for name in rejected {
            for patch in
                [json!({ name: null }), json!({ name: null, "nickname": "x", "user_metadata": { "a": 1 } })]
            {
                let answer = tenant.patch(&user, patch).await;
                assert_eq!(answer.error(), (400, Some("invalid_body"), &*missing(name)), "{connection}");
            }
        }
        assert_eq!(tenant.get(&user).await.json, before, "{connection}");
        for name in removed {
            let answer = tenant.patch(&user, json!({ name: null })).await;
            assert_eq!(answer.status, 200, "{connection} {name}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn last_identifier_cannot_be_removed() {
    let tenant = tenant_of_two_identifiers().await;
    let user = tenant.user(json!({ "username": "jane", "phone_number": "+15550101" })).await;
    let path = path_of(&user);
    assert_eq!(tenant.patch(&path, json!({ "email": null })).await.status, 200);
    let before = tenant.get(&path).await.json;
    for patch in [json!({ "username": null }), json!({ "username": null, "phone_number": "+15550102" })] {
        let answer = tenant.patch(&path, patch).await;
        assert_eq!(answer.error(), (400, Some("invalid_body"), &*missing("email")));
    }
    assert_eq!(tenant.get(&path).await.json, before);
    assert_eq!(tenant.patch(&path, json!({ "phone_number": null })).await.status, 200, "no identifier");
    assert_eq!(tenant.patch(&path, json!({ "email": "new@example.com" })).await.status, 200);
    assert_eq!(tenant.patch(&path, json!({ "username": null })).await.status, 200);
    let tag = "\"0-0\"";
    let stale = tenant.authorized("PATCH", &path).header("if-match", tag).json(&json!({ "email": null }));
    assert_eq!(send(stale).await.error().0, 412, "the precondition comes first");
}

#[tokio::test]
async fn removals_at_once_leave_one_identifier() {
    let tenant = tenant_of_two_identifiers().await;
    for n in 0..8 {
        let user = tenant.user(json!({ "username": format!("jane{n}") })).await;
        let path = path_of(&user);
        let (one, other) = tokio::join!(
            tenant.patch(&path, json!({ "email": null })),
            tenant.patch(&path, json!({ "username": null }))
        );
        assert_eq!(
            (one.status.min(other.status), one.status.max(other.status)),
            (200, 400),
            "{one:?} {other:?}"
        );
    }
    let user = tenant.user(json!({ "username": "overtaken" })).await;
    let id = user["user_id"].as_str().unwrap();
    let removal = ["update users set profile = profile - 'username' where tenant_id = $1 and user_id = $2"];
    let path = path_of(&user);
    let request = tenant.patch(&path, json!({ "email": null }));
    let answer = crate::support::overtaken(&removal, [&tenant.name, id], request).await;
    assert_eq!(answer.error(), (400, Some("invalid_body"), &*missing("email")));
}

#[tokio::test]
async fn identifiers_of_another_user_are_rejected() {
    let tenant = Tenant::new().await;
    let other = tenant.user(json!({ "username": "other", "phone_number": "+15550100" })).await;
    let user = path_of(&tenant.user(json!({ "username": "me" })).await);
    for (patch, code, message) in [
        (
            json!({ "email": other["email"] }),
            Some("auth0_idp_error"),
            "The specified new email already exists",
        ),
        (json!({ "username": "OTHER" }), Some("auth0_idp_error"), "The username provided is in use already."),
        (
            json!({ "phone_number": "+15550100" }),
            Some("auth0_idp_error"),
            "The phone number provided is in use already.",
        ),
    ] {
        let answer = tenant.patch(&user, patch).await;
        assert_eq!(answer.error(), (400, code, message));
    }
}

#[tokio::test]
async fn password_is_hashed_and_never_shown() {
    let tenant = Tenant::new().await;
    let made = tenant.user(json!({})).await;
    let answer = tenant.patch(&path_of(&made), json!({ "password": "An0ther-Secret", "connection": CONNECTION, "app_metadata": { "foo": "bar" } })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.json["last_password_reset"].is_string());
    assert!(!answer.text.contains("An0ther") && !answer.text.contains("argon2"));
    let journal = tenant.journal(made["user_id"].as_str().unwrap()).await;
    assert_eq!(journal[1].1["password"], json!({ "after": "*****" }));
    assert!(!format!("{journal:?}").contains("An0ther"));
}

#[tokio::test]
async fn errors_name_the_reason_and_change_nothing() {
    let tenant = Tenant::with(|config| {
        let mut disabled = config.connections[0].clone();
        disabled.name = "Disabled".into();
        disabled.enabled_clients = roster::tenant_files::model::Selection::List(vec![]);
        config.connections.push(disabled);
    })
    .await;
    let made = tenant.user(json!({ "username": "jane", "user_metadata": { "a": 1 } })).await;
    let user = path_of(&made);
    let without_username = path_of(&tenant.user(json!({})).await);
    let not_supported = Some("operation_not_supported");
    for (path, patch, code, message) in [
        (
            &user,
            json!({ "password": PASSWORD, "email": "x@example.com" }),
            not_supported,
            "Cannot update password and email simultaneously",
        ),
        (
            &user,
            json!({ "password": PASSWORD, "email_verified": true }),
            not_supported,
            "Cannot update password and email_verified simultaneously",
        ),
        (
            &user,
            json!({ "username": "x", "email": "x@example.com" }),
            not_supported,
            "Cannot update username and email simultaneously",
        ),
        (
            &user,
            json!({ "username": "x", "email_verified": true }),
            not_supported,
            "Cannot update username and email_verified simultaneously",
        ),
        (
            &user,
            json!({ "username": "x", "password": PASSWORD }),
            not_supported,
            "Cannot update username and password simultaneously",
        ),
        (
            &user,
            json!({ "password": "weak" }),
            Some("invalid_password"),
            "PasswordStrengthError: Password is too weak",
        ),
        (
            &user,
            json!({ "email": "x@example.com", "connection": "nowhere" }),
            Some("inexistent_connection"),
            "Connection does not exist.",
        ),
        (
            &user,
            json!({ "email": "x@example.com", "connection": "Disabled" }),
            not_supported,
            "Connection is not supported for this operation.",
        ),
        (
            &without_username,
            json!({ "username": "x" }),
            not_supported,
            "Cannot update username for users without an username already set.",
        ),
        (
            &user,
            json!({ "user_metadata": "x" }),
            Some("invalid_body"),
            "Payload validation error: 'Expected type object,null but found type string' on property user_metadata (User metadata to which this user has read/write access).",
        ),
        (
            &user,
            json!({ "app_metadata": { "email": 1 } }),
            Some("invalid_body"),
            "Payload validation error: 'Property name is reserved: email' on property app_metadata.email.",
        ),
        (
            &user,
            json!({ "user_metadata": { "a.b": 1 } }),
            Some("invalid_body"),
            "Payload validation error: 'Property names must not contain . or $: a.b' on property user_metadata.a.b.",
        ),
        (
            &user,
            json!({ "user_metadata": { "a": [{ "$b": 1 }] } }),
            Some("invalid_body"),
            "Payload validation error: 'Property names must not contain . or $: $b' on property user_metadata.a.0.$b.",
        ),
    ] {
        let before = tenant.get(path).await.json;
        let answer = tenant.patch(path, patch.clone()).await;
        assert_eq!(answer.error(), (400, code, message), "{patch}");
        assert_eq!(tenant.get(path).await.json, before, "{patch}");
    }
    let unknown = tenant.patch(&user, json!({ "logins_count": 7, "identities": [] })).await;
    insta::assert_snapshot!(unknown.error().2, @r#"Payload validation error: 'Additional properties not allowed: logins_count,identities (consider storing them in app_metadata or user_metadata. See "Users Metadata" in https://auth0.com/docs/api/v2/changes for more details)'."#);
}

#[tokio::test]
async fn metadata_bytes_limits_a_field_after_the_merge() {
    let tenant = Tenant::with(|config| config.limits.metadata_bytes = 1000).await;
    for field in ["user_metadata", "app_metadata"] {
        let message =
            format!("Payload validation error: 'Too large, maximum 1000 bytes' on property {field}.");
        let refused = (400, Some("invalid_body"), message.as_str());
        let half = |key: &str| json!({ field: { key: "x".repeat(600) } });
        let user = path_of(&tenant.user(half("a")).await);
        let before = tenant.get(&user).await.json;
        // With another identifier the change is another statement.
        for other in [json!({}), json!({ "email": "new@example.com" })] {
            let mut patch = half("b");
            patch.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
            assert_eq!(tenant.patch(&user, patch).await.error(), refused);
            assert_eq!(tenant.get(&user).await.json, before);
        }
        let exchanged = json!({ field: { "a": null, "b": "x".repeat(980) } });
        assert_eq!(tenant.patch(&user, exchanged).await.status, 200);
        // Of many changes at once, those that do not fit are refused alone.
        let patches =
            (0..20).map(|n| tenant.patch(&user, json!({ field: { "c": "x".repeat(n % 2 * 100) } })));
        for (n, answer) in join_all(patches).await.into_iter().enumerate() {
            assert_eq!(answer.status, if n % 2 == 0 { 200 } else { 400 }, "{}", answer.text);
        }
        // A number of few characters that is answered with many digits.
        let digits = format!(
            r#"{{"connection":"{CONNECTION}","email":"{field}@example.com","password":"{PASSWORD}","{field}":{{"a":[1e300,1e300,1e300,1e300]}}}}"#
        );
        let creation = tenant
            .authorized("POST", "/api/v2/users")
            .header("content-type", "application/json")
            .body(digits);
        assert_eq!(send(creation).await.error(), refused);
    }
}

#[tokio::test]
async fn metadata_beyond_a_lowered_limit_can_shrink() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "user_metadata": { "a": "x".repeat(2000), "b": 1 } })).await;
    let lower = "update tenants set settings = jsonb_set(settings, '{limits,metadata_bytes}', '1000') where tenant_id = $1";
    execute(lower, &[&tenant.name]).await;
    let path = path_of(&user);
    assert_eq!(tenant.patch(&path, json!({ "user_metadata": { "b": null } })).await.status, 200);
    assert_eq!(tenant.patch(&path, json!({ "app_metadata": { "b": 1 } })).await.status, 200);
    assert_eq!(tenant.patch(&path, json!({ "user_metadata": { "c": 1 } })).await.status, 400);
}

#[tokio::test]
async fn unknown_user_is_404() {
    let tenant = Tenant::new().await;
    for patch in [json!({ "nickname": "x" }), json!({ "email": "x@example.com" })] {
        let answer = tenant.patch("/api/v2/users/auth0%7Cnobody", patch).await;
        assert_eq!(answer.error(), (404, Some("inexistent_user"), "The user does not exist."));
    }
}

#[tokio::test]
async fn scopes_limit_the_fields_of_a_patch() {
    let tenant = Tenant::new().await;
    let user = path_of(&tenant.user(json!({})).await);
    let token = tenant.token_with(&["update:users_app_metadata"]).await;
    let patch = |body| send(tenant.request("PATCH", &user).bearer_auth(&token).json(&body));
    assert_eq!(patch(json!({ "app_metadata": { "a": 1 } })).await.status, 200);
    for body in [
        json!({ "user_metadata": { "a": 1 } }),
        json!({ "nickname": "x" }),
        json!({ "app_metadata": {}, "blocked": true }),
    ] {
        let answer = patch(body).await;
        assert_eq!((answer.status, answer.json["errorCode"].as_str()), (403, Some("insufficient_scope")));
    }
}

#[tokio::test]
async fn update_honours_if_match() {
    let tenant = Tenant::new().await;
    let made = send(
        tenant
            .authorized("POST", "/api/v2/users")
            .json(&json!({ "connection": CONNECTION, "email": "a@example.com", "password": PASSWORD })),
    )
    .await;
    let (user, first) = (path_of(&made.json), made.header("etag").unwrap().to_owned());
    let tied = |tag: String, n: i32| {
        send(
            tenant
                .authorized("PATCH", &user)
                .header("if-match", tag)
                .json(&json!({ "user_metadata": { "n": n } })),
        )
    };
    let answer = tied(first.clone(), 1).await;
    assert_eq!(answer.status, 200);
    let second = answer.header("etag").unwrap().to_owned();
    let refused = tied(first, 2).await;
    assert_eq!((refused.error().0, refused.header("etag")), (412, Some(&*second)));
    assert_eq!(tied(format!("\"other\", {second}"), 3).await.status, 200);
    assert_eq!(tied("*".into(), 4).await.status, 200);
    assert_eq!(tied("nonsense".into(), 5).await.error().0, 400);
    assert_eq!(tenant.get(&user).await.json["user_metadata"], json!({ "n": 4 }));
}

/// Locks a user until it is released.
async fn hold(
    tenant: &Tenant,
    path: &str,
) -> (tokio::task::JoinHandle<()>, tokio::sync::oneshot::Sender<()>) {
    let id = tenant.get(path).await.json["user_id"].as_str().unwrap().to_owned();
    let (locked, wait_locked) = tokio::sync::oneshot::channel();
    let (release, wait_release) = tokio::sync::oneshot::channel::<()>();
    let name = tenant.name.clone();
    let holder = tokio::spawn(on_server(async move {
        use sqlx::Connection;
        let options = server().database.connect_options().unwrap();
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query("select from users where tenant_id = $1 and user_id = $2 for update")
            .bind(name)
            .bind(id)
            .execute(&mut *transaction)
            .await
            .unwrap();
        locked.send(()).unwrap();
        wait_release.await.unwrap();
        transaction.commit().await.unwrap();
    }));
    wait_locked.await.unwrap();
    (holder, release)
}

#[tokio::test]
async fn locked_user_delays_its_own_changes_only() {
    let tenant = Tenant::new().await;
    let (held, mut others) = (jane(&tenant).await, Vec::new());
    for _ in 0..6 {
        others.push(path_of(&tenant.user(json!({})).await));
    }
    let (holder, release) = hold(&tenant, &held).await;
    let change = |path: &str, n: usize| {
        send(tenant.authorized("PATCH", path).json(&json!({ "user_metadata": { "n": n } })))
    };
    let waiting: Vec<_> = (0..3).map(|n| tokio::spawn(change(&held, n))).collect();
    for n in 0..5 {
        let all = others.iter().map(|path| change(path, n));
        assert!(futures_util::future::join_all(all).await.iter().all(|answer| answer.status == 200));
    }
    assert!(waiting.iter().all(|answer| !answer.is_finished()), "a change waits for the lock of its user");
    release.send(()).unwrap();
    holder.await.unwrap();
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn lock_held_for_long_answers_503() {
    let tenant = Tenant::new().await;
    let held = jane(&tenant).await;
    let before = tenant.get(&held).await.json;
    let (holder, release) = hold(&tenant, &held).await;
    let lock_timeout = std::time::Duration::from_millis(100);
    let impatient = instance_on(Options { lock_timeout, ..server().database.clone() }).await;
    let change = tenant.request_to(impatient, "PATCH", &held).bearer_auth(&tenant.token);
    let refused = send(change.json(&json!({ "user_metadata": { "n": 1 } }))).await;
    assert_eq!(refused.error(), (503, None, "Other changes got in the way. Please try again."));
    release.send(()).unwrap();
    holder.await.unwrap();
    assert_eq!(tenant.get(&held).await.json, before);
}
