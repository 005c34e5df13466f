//! `POST /dbconnections/signup`.

use futures_util::future::join_all;
use roster::base::identifiers::Requirement;
use roster::base::passwords::Policy;
use roster::tenant_files::model::{AttributesConfig, Selection};
use serde_json::{Value, json};

use crate::oauth::{CLIENT_ID, known_client, log_in, tenant};
use crate::support::{CONNECTION, PASSWORD, Response, Tenant, send, sql};

async fn sign_up(tenant: &Tenant, more: Value) -> Response {
    let mut body = json!({ "client_id": CLIENT_ID, "connection": CONNECTION, "password": PASSWORD });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    send(tenant.request("POST", "/dbconnections/signup").json(&body)).await
}

async fn users_of(tenant: &Tenant) -> usize {
    sql("select user_id from users where tenant_id = $1", &[&tenant.name]).await.len()
}

/// An error response: its code (or `error`), and its description; fails if it has the Management API's shape.
fn error_of(answer: &Response) -> (u16, &str, &str) {
    assert!(answer.json.get("message").is_none() || answer.json.get("name").is_some(), "{}", answer.text);
    let code = answer.json["code"].as_str().or(answer.json["error"].as_str()).expect(&answer.text);
    (answer.status, code, answer.json["description"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn signup_creates_a_user_who_can_log_in() {
    let tenant = tenant().await;
    let answer = sign_up(
        &tenant,
        json!({
            "email": "Jane@Example.com", "username": "Jane", "given_name": "Jane", "picture": "https://x.test/y.png",
            "user_metadata": { "plan": "silver" },
            "app_metadata": { "plan": "full" }, "user_id": "chosen", "email_verified": true, "blocked": true, "nonsense": 5,
        }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let id = answer.json["_id"].as_str().unwrap().to_owned();
    assert!(id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    let stored = json!({
        "_id": id, "email": "jane@example.com", "email_verified": false, "username": "jane", "given_name": "Jane",
        "picture": "https://x.test/y.png", "user_metadata": { "plan": "silver" },
    });
    assert_eq!(answer.json, stored);
    let mut user = tenant.get(&format!("/api/v2/users/auth0%7C{id}")).await.json;
    for name in ["created_at", "updated_at"] {
        user.as_object_mut().unwrap().remove(name).unwrap();
    }
    assert_eq!(
        user,
        json!({
            "user_id": format!("auth0|{id}"), "email": "jane@example.com", "email_verified": false, "username": "jane",
            "given_name": "Jane", "name": "jane@example.com", "nickname": "jane", "picture": "https://x.test/y.png",
            "user_metadata": { "plan": "silver" },
            "identities": [{ "connection": CONNECTION, "provider": "auth0", "user_id": id, "isSocial": false }],
        })
    );
    assert_eq!(log_in(&tenant, "jane", PASSWORD, json!({})).await.status, 200);
    let entries = sql(
        "select actor, client_id, j::text as whole from journal j where tenant_id = $1 and kind = 'user.created'",
        &[&tenant.name],
    )
    .await;
    assert_eq!((&entries[0][0], &entries[0][1]), (&json!("anonymous"), &json!(CLIENT_ID)));
    assert!(!entries[0][2].as_str().unwrap().contains(PASSWORD));
}

#[tokio::test]
async fn weak_password_is_answered_with_the_whole_policy() {
    let tenant = tenant().await;
    let answer = sign_up(&tenant, json!({ "email": "jane@example.com", "password": "mypassword" })).await;
    assert_eq!(answer.status, 400);
    let item = |code: &str, message: &str, verified: bool| json!({ "code": code, "message": message, "verified": verified });
    let expected = json!({
        "name": "PasswordStrengthError",
        "message": "Password is too weak",
        "code": "invalid_password",
        "description": {
            "rules": [
                { "code": "lengthAtLeast", "message": "At least %d characters in length", "format": [8], "verified": true },
                {
                    "code": "containsAtLeast",
                    "message": "Contain at least %d of the following %d types of characters:",
                    "format": [3, 4],
                    "items": [
                        item("lowerCase", "lower case letters (a-z)", true),
                        item("upperCase", "upper case letters (A-Z)", false),
                        item("numbers", "numbers (i.e. 0-9)", false),
                        item("specialCharacters", "special characters (e.g. !@#$%^&*)", false),
                    ],
                    "verified": false,
                },
            ],
            "verified": false,
        },
        "policy": "* At least 8 characters in length\n* Contain at least 3 of the following 4 types of characters:\n * lower case letters (a-z)\n * upper case letters (A-Z)\n * numbers (i.e. 0-9)\n * special characters (e.g. !@#$%^&*)",
        "statusCode": 400,
    });
    assert_eq!(answer.json, expected);
    assert_eq!(
        error_of(&sign_up(&tenant, json!({ "email": "j@example.com", "password": "" })).await).1,
        "invalid_password"
    );
    assert_eq!(users_of(&tenant).await, 0);
}

#[tokio::test]
async fn taken_identifiers_are_shown_if_the_tenant_allows_it() {
    for (is_shown, email, username) in [
        (
            true,
            (400, "user_exists", "The user already exists."),
            (400, "username_exists", "The username provided is in use already."),
        ),
        (false, (400, "invalid_signup", "Invalid sign up"), (400, "invalid_signup", "Invalid sign up")),
    ] {
        let tenant = Tenant::with(|config| {
            known_client(config);
            config.compat.signup_user_exists_error = is_shown;
            config.named.insert("compat.signup_user_exists_error".into());
        })
        .await;
        tenant.user(json!({ "email": "jane@example.com", "username": "jane" })).await;
        let answer = sign_up(&tenant, json!({ "email": "JANE@example.com" })).await;
        assert_eq!(error_of(&answer), email);
        assert_eq!(answer.json["name"], "BadRequestError");
        assert_eq!(answer.json["statusCode"], 400);
        assert_eq!(
            error_of(&sign_up(&tenant, json!({ "email": "j@example.com", "username": "JANE" })).await),
            username
        );
        assert_eq!(users_of(&tenant).await, 1);
    }
}

#[tokio::test]
async fn invalid_signups_are_rejected_with_the_reason() {
    let tenant = Tenant::with(|config| {
        known_client(config);
        let mut other = config.connections[0].clone();
        (other.name, other.disable_signup) = ("Disabled".into(), true);
        config.connections.push(other.clone());
        (other.name, other.disable_signup) = ("Foreign".into(), false);
        other.enabled_clients = Selection::List(vec!["Management".into()]);
        config.connections.push(other.clone());
        (other.name, other.attributes, other.enabled_clients) = ("Plain".into(), None, Selection::All);
        config.connections.push(other);
    })
    .await;
    let invalid_signup = (400, "invalid_signup", "Invalid sign up");
    let email = "jane@example.com";
    for (more, expected) in [
        (json!({ "connection": "Disabled" }), invalid_signup),
        (json!({ "connection": "Foreign" }), invalid_signup),
        (json!({ "connection": "nowhere" }), invalid_signup),
        (json!({ "client_id": "nobody" }), invalid_signup),
        (json!({ "client_id": null }), (400, "invalid_request", "Missing required field: client_id")),
        (json!({ "connection": null }), (400, "invalid_request", "Missing required field: connection")),
        (json!({ "password": null }), (400, "invalid_request", "Missing required field: password")),
        (json!({ "email": null }), (400, "invalid_request", "Missing required field: email")),
        (
            json!({ "connection": "Plain", "username": "jane" }),
            (400, "invalid_request", "The connection does not take the field username"),
        ),
        (
            json!({ "username": email }),
            (
                400,
                "invalid_request",
                "Payload validation error: 'Username does not have a format or length that the connection allows'.",
            ),
        ),
        (
            json!({ "username": "+4912345" }),
            (
                400,
                "invalid_request",
                "Payload validation error: 'Username does not have a format or length that the connection allows'.",
            ),
        ),
        (
            json!({ "email": "jane" }),
            (
                400,
                "invalid_request",
                "Payload validation error: 'Object didn't pass validation for format email: jane' on property email (The user's email).",
            ),
        ),
        (
            json!({ "password": 5 }),
            (
                400,
                "invalid_request",
                "Payload validation error: 'Expected type string,null but found type integer' on property password (The user's password).",
            ),
        ),
        (
            json!({ "email": "a\u{0}@example.com" }),
            (
                400,
                "invalid_request",
                "Payload validation error: 'Strings must not contain the character U+0000'.",
            ),
        ),
    ] {
        let mut body = json!({ "email": email });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        assert_eq!(error_of(&sign_up(&tenant, body).await), expected, "{more}");
    }
    let broken =
        tenant.request("POST", "/dbconnections/signup").header("content-type", "application/json").body("{");
    assert_eq!(error_of(&send(broken).await).1, "invalid_request");
    assert_eq!(users_of(&tenant).await, 0);
}

#[tokio::test]
async fn user_metadata_is_at_most_ten_short_strings() {
    let tenant = tenant().await;
    let fields = |n: usize| Value::Object((0..n).map(|i| (format!("f{i}"), json!("x"))).collect());
    for (metadata, error) in [
        (json!(5), "invalid user_metadata type (expected object)"),
        (json!({ "a": 5 }), "invalid user_metadata.a type (only strings are allowed)"),
        (json!({ "a": null }), "invalid user_metadata.a type (only strings are allowed)"),
        (json!({ "a": ["x"] }), "invalid user_metadata.a type (only strings are allowed)"),
        (fields(11), "invalid user_metadata (at most 10 fields are allowed)"),
        (
            json!({ "a": "ü".repeat(501) }),
            "invalid user_metadata.a length (at most 500 characters are allowed)",
        ),
        (json!({ "a.b": "x" }), "invalid user_metadata name (. and $ are not allowed)"),
    ] {
        let answer =
            sign_up(&tenant, json!({ "email": "jane@example.com", "user_metadata": metadata })).await;
        assert_eq!((answer.status, answer.json), (400, json!({ "error": error })));
    }
    let long = json!({ "email": "jane@example.com", "user_metadata": { "n".repeat(101): "x" } });
    assert_eq!(sign_up(&tenant, long).await.status, 400);
    assert_eq!(users_of(&tenant).await, 0);
    for (n, metadata) in
        [json!({ "n".repeat(100): "ü".repeat(500) }), fields(10), json!({})].into_iter().enumerate()
    {
        let answer =
            sign_up(&tenant, json!({ "email": format!("jane{n}@example.com"), "user_metadata": metadata }))
                .await;
        assert_eq!((answer.status, &answer.json["user_metadata"]), (200, &metadata));
    }
}

/// A value for each identifier.
const IDENTIFIERS: [(&str, &str); 3] =
    [("email", "jane@example.com"), ("username", "jane"), ("phone_number", "+4912345")];

#[tokio::test]
async fn connection_sets_the_identifiers_of_a_signup() {
    const REQUIRED: Option<Requirement> = Some(Requirement::Required);
    const OPTIONAL: Option<Requirement> = Some(Requirement::Optional);
    for requirements in [
        [REQUIRED, None, None],
        [None, REQUIRED, None],
        [None, None, REQUIRED],
        [REQUIRED, OPTIONAL, None],
        [None, REQUIRED, REQUIRED],
        [REQUIRED, REQUIRED, REQUIRED],
    ] {
        let [email, username, phone_number] = requirements;
        let tenant = Tenant::with(|config| {
            known_client(config);
            config.connections[0].attributes = Some(AttributesConfig { email, username, phone_number });
        })
        .await;
        let mut minimal = json!({});
        for ((name, value), _) in
            IDENTIFIERS.iter().zip(requirements).filter(|(_, requirement)| *requirement == REQUIRED)
        {
            minimal[name] = json!(value);
        }
        for ((name, value), requirement) in IDENTIFIERS.into_iter().zip(requirements) {
            let mut body = minimal.clone();
            if requirement == REQUIRED {
                body[name] = Value::Null;
                let rejected = sign_up(&tenant, body.clone()).await;
                assert_eq!(error_of(&rejected).2, format!("Missing required field: {name}"));
                body.as_object_mut().unwrap().remove(name);
                (body["connection"], body["password"]) = (json!(CONNECTION), json!(PASSWORD));
                let rejected = tenant.post("/api/v2/users", body).await;
                let missing = format!("Payload validation error: 'Missing required property: {name}'.");
                assert_eq!(rejected.error().2, missing);
            } else if requirement.is_none() {
                body[name] = json!(value);
                let rejected = sign_up(&tenant, body).await;
                assert_eq!(error_of(&rejected).2, format!("The connection does not take the field {name}"));
            }
        }
        assert_eq!(users_of(&tenant).await, 0);
        let mut answer = sign_up(&tenant, minimal.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json.as_object_mut().unwrap().remove("_id").unwrap();
        for (name, verified) in [("email", "email_verified"), ("phone_number", "phone_verified")] {
            if minimal.get(name).is_some() {
                minimal[verified] = json!(false);
            }
        }
        assert_eq!(answer.json, minimal);
        for ((_, value), _) in
            IDENTIFIERS.into_iter().zip(requirements).filter(|(_, requirement)| *requirement == REQUIRED)
        {
            assert_eq!(log_in(&tenant, value, PASSWORD, json!({})).await.status, 200, "{value}");
        }
    }
}

#[tokio::test]
async fn one_of_the_optional_identifiers_is_required() {
    let tenant = Tenant::with(|config| {
        known_client(config);
        let optional = Some(Requirement::Optional);
        config.connections[0].attributes =
            Some(AttributesConfig { email: optional, username: optional, phone_number: optional });
    })
    .await;
    let missing = "Payload validation error: 'Missing required property: email'.";
    assert_eq!(error_of(&sign_up(&tenant, json!({})).await), (400, "invalid_request", missing));
    for (name, value) in IDENTIFIERS {
        assert_eq!(sign_up(&tenant, json!({ name: value })).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn requires_username_applies_to_signup_alone() {
    let tenant = Tenant::with(|config| {
        known_client(config);
        (config.connections[0].attributes, config.connections[0].requires_username) = (None, true);
        config.connections[0].password_policy = Policy::Low;
    })
    .await;
    let missing = sign_up(&tenant, json!({ "email": "jane@example.com" })).await;
    assert_eq!(error_of(&missing).2, "Missing required field: username");
    let answer = sign_up(
        &tenant,
        json!({ "email": "jane@example.com", "username": "jane", "password": "mypassword" }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    tenant.user(json!({})).await;
}

#[tokio::test]
async fn one_of_many_concurrent_signups_gets_the_address() {
    let tenant = tenant().await;
    let answers = join_all((0..8).map(|_| sign_up(&tenant, json!({ "email": "race@example.com" })))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400, 400, 400, 400, 400, 400]);
    assert_eq!(users_of(&tenant).await, 1);
}
