//! The grant types `password` and `password-realm`.

use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, claims, known_client, log_in, tenant};
use crate::support::{CONNECTION, PASSWORD, Tenant, execute, now, path_of, send, sql};

const REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";
const WRONG: &str = r#"{"error":"invalid_grant","error_description":"Wrong email or password."}"#;

#[tokio::test]
async fn login_accepts_email_and_username_in_any_case() {
    let tenant = tenant().await;
    let user = tenant.user(json!({ "username": "jane" })).await;
    for name in [user["email"].as_str().unwrap(), &user["email"].as_str().unwrap().to_uppercase(), "Jane"] {
        let answer = log_in(&tenant, name, PASSWORD, json!({})).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.json["access_token"].as_str().unwrap().len(), 32);
        assert_eq!(
            (&answer.json["scope"], &answer.json["expires_in"], &answer.json["token_type"]),
            (&json!("openid profile email address phone"), &json!(86400), &json!("Bearer"))
        );
        assert_eq!(claims(&answer.json["id_token"])["sub"], user["user_id"]);
    }
}

#[tokio::test]
async fn id_token_has_the_tenants_key_and_the_clients_lifetime() {
    let tenant = tenant().await;
    let user = tenant.user(json!({ "given_name": "Jane", "phone_number": "+4912345" })).await;
    execute(
        "update clients set settings = jsonb_set(settings, '{jwt_configuration,lifetime_in_seconds}', '60') where tenant_id = $1",
        &[&tenant.name],
    )
    .await;
    let answer = log_in(&tenant, user["email"].as_str().unwrap(), PASSWORD, json!({})).await;
    let token = answer.json["id_token"].as_str().unwrap();
    let keys = send(tenant.request("GET", "/.well-known/jwks.json")).await.json;
    let key = &keys["keys"][0];
    let key = jsonwebtoken::DecodingKey::from_rsa_components(
        key["n"].as_str().unwrap(),
        key["e"].as_str().unwrap(),
    )
    .unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.set_audience(&[CLIENT_ID]);
    rules.set_issuer(&[format!("https://{}/", tenant.host)]);
    let mut claims = jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims;
    let issued = claims["iat"].as_i64().unwrap();
    assert!((now() - issued).abs() < 3600, "{issued}");
    assert_eq!(claims["exp"].as_i64().unwrap(), issued + 60);
    for name in ["iat", "exp", "iss", "aud", "updated_at", "picture"] {
        claims.as_object_mut().unwrap().remove(name).expect(name);
    }
    let email = user["email"].as_str().unwrap();
    assert_eq!(
        claims,
        json!({
            "sub": user["user_id"], "email": email, "email_verified": false, "name": email,
            "nickname": email.split('@').next(), "given_name": "Jane",
            "phone_number": "+4912345", "phone_number_verified": false,
        })
    );
}

#[tokio::test]
async fn scopes_are_the_requested_ones_that_exist() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let (email, management) = (user["email"].as_str().unwrap(), tenant.audience.as_str());
    let own =
        "read:current_user update:current_user_metadata delete:current_user update:current_user_identities";
    for (audience, requested, granted) in [
        (None, json!("openid"), "openid profile email address phone"),
        (None, json!("openid email offline_access"), "openid email"),
        (None, json!(["openid", "profile"]), "openid profile"),
        (None, json!("extra-scope"), ""),
        (None, json!("read:current_user"), ""),
        (Some(management), json!("read:current_user create:users read:users"), "read:current_user"),
        (
            Some(management),
            json!(format!("{own} openid")),
            "openid read:current_user update:current_user_metadata update:current_user_identities delete:current_user",
        ),
        (Some(management), Value::Null, "openid profile email address phone"),
    ] {
        let answer =
            log_in(&tenant, email, PASSWORD, json!({ "audience": audience, "scope": requested })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json["scope"].as_str().unwrap_or_default(), granted, "{requested}");
        assert_eq!(answer.json.get("id_token").is_some(), granted.contains("openid"), "{requested}");
    }
}

#[tokio::test]
async fn errors_have_the_form_and_texts_of_oauth() {
    let tenant = Tenant::with(|config| {
        known_client(config);
        let mut machine = config.clients[0].clone();
        (machine.name, machine.client_id) = ("Machine".into(), Some("machine".into()));
        machine.client_secret = Some(CLIENT_SECRET.into());
        config.clients.push(machine);
    })
    .await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    let wrong = (403, "invalid_grant", "Wrong email or password.");
    let many = "x".repeat(100_000);
    for (name, password, more, expected) in [
        (email, "wrong", json!({}), wrong),
        ("unknown@example.com", PASSWORD, json!({}), wrong),
        ("%' or 1=1 --", PASSWORD, json!({}), wrong),
        (&*many, PASSWORD, json!({}), wrong),
        (email, &*many, json!({}), wrong),
        (
            email,
            PASSWORD,
            json!({ "username": null }),
            (400, "invalid_request", "Missing required parameter: username"),
        ),
        (
            email,
            PASSWORD,
            json!({ "username": "" }),
            (400, "invalid_request", "Missing required parameter: username"),
        ),
        (
            email,
            PASSWORD,
            json!({ "password": null }),
            (400, "invalid_request", "Missing required parameter: password"),
        ),
        (
            email,
            PASSWORD,
            json!({ "client_id": null }),
            (400, "invalid_request", "Missing required parameter: client_id"),
        ),
        (
            email,
            PASSWORD,
            json!({ "password": 5 }),
            (400, "invalid_request", "Parameter password must be a string, found integer"),
        ),
        (
            email,
            PASSWORD,
            json!({ "scope": 5 }),
            (400, "invalid_scope", "Scope must be an array or a string"),
        ),
        (email, PASSWORD, json!({ "client_secret": null }), (401, "access_denied", "Unauthorized")),
        (email, PASSWORD, json!({ "client_secret": "other" }), (401, "access_denied", "Unauthorized")),
        (email, PASSWORD, json!({ "client_id": "other" }), (401, "access_denied", "Unauthorized")),
        (
            email,
            PASSWORD,
            json!({ "client_id": "machine" }),
            (403, "unauthorized_client", "Grant type 'password' not allowed for the client."),
        ),
        (
            email,
            PASSWORD,
            json!({ "audience": "https://nowhere" }),
            (400, "invalid_request", "invalid audience specified for password grant exchange"),
        ),
        (
            email,
            PASSWORD,
            json!({ "grant_type": REALM }),
            (400, "invalid_request", "Missing required parameter: realm"),
        ),
        (
            email,
            PASSWORD,
            json!({ "grant_type": REALM, "realm": "nowhere" }),
            (
                400,
                "invalid_request",
                "The realm is not the name of a connection that is enabled for the client.",
            ),
        ),
        (
            email,
            PASSWORD,
            json!({ "organization": "org_1" }),
            (
                400,
                "invalid_request",
                "Organizations are not supported. Leave the parameter organization out.",
            ),
        ),
    ] {
        let answer = log_in(&tenant, name, password, more.clone()).await;
        let (error, description) = (answer.json["error"].as_str(), answer.json["error_description"].as_str());
        assert_eq!(
            (answer.status, error, description),
            (expected.0, Some(expected.1), Some(expected.2)),
            "{more}"
        );
    }
    assert_eq!(tenant.get(&path_of(&user)).await.json, user, "a rejected login changes no user");
}

#[tokio::test]
async fn login_attributes_are_read_only() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let before = tenant.get(&path_of(&user)).await;
    for _ in 0..2 {
        log_in(&tenant, user["email"].as_str().unwrap(), PASSWORD, json!({})).await;
    }
    let after = tenant.get(&path_of(&user)).await;
    assert_eq!((&after.json["logins_count"], &after.json["last_ip"]), (&json!(2), &json!("127.0.0.1")));
    assert!(after.json["last_login"].as_str() >= user["created_at"].as_str());
    assert!(after.json["updated_at"].as_str() > user["updated_at"].as_str());
    assert_ne!(before.header("etag"), after.header("etag"));
    for name in ["logins_count", "last_ip", "last_login"] {
        assert_eq!(tenant.patch(&path_of(&user), json!({ name: 1 })).await.status, 400, "{name}");
    }
    let entries = tenant.journal(user["user_id"].as_str().unwrap()).await;
    let expected = ("user.logged_in".to_owned(), json!({ "connection": CONNECTION }));
    assert_eq!(entries[1..], [expected.clone(), expected]);
}

#[tokio::test]
async fn logins_at_once_are_all_counted() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    let answers =
        futures_util::future::join_all((0..8).map(|_| log_in(&tenant, email, PASSWORD, json!({})))).await;
    assert!(answers.iter().all(|a| a.status == 200), "{answers:?}");
    assert_eq!(tenant.get(&path_of(&user)).await.json["logins_count"], 8);
}

#[tokio::test]
async fn block_is_reported_after_the_right_password_only() {
    let tenant = tenant().await;
    let user = tenant.user(json!({ "blocked": true })).await;
    let email = user["email"].as_str().unwrap();
    let answer = log_in(&tenant, email, PASSWORD, json!({})).await;
    assert_eq!(
        (answer.status, &*answer.text),
        (403, r#"{"error":"unauthorized","error_description":"user is blocked"}"#)
    );
    assert_eq!(log_in(&tenant, email, "wrong", json!({})).await.text, WRONG);
    assert_eq!(tenant.get(&path_of(&user)).await.json, user);
    let entries = tenant.journal(user["user_id"].as_str().unwrap()).await;
    let reasons: Vec<&Value> = entries[1..].iter().map(|(_, changes)| &changes["reason"]).collect();
    assert_eq!(reasons, ["blocked", "wrong_password"]);
}

#[tokio::test]
async fn bcrypt_hash_is_replaced_at_the_first_login() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    let hash = bcrypt::hash("imported", 4).unwrap();
    let update = "update passwords set hash = $1 where tenant_id = $2";
    assert_eq!(execute(update, &[&hash, &tenant.name]).await, 1);
    assert_eq!(log_in(&tenant, email, PASSWORD, json!({})).await.text, WRONG);
    let at_once = (0..4).map(|_| log_in(&tenant, email, "imported", json!({})));
    for answer in futures_util::future::join_all(at_once).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let kept = sql("select hash from passwords where tenant_id = $1", &[&tenant.name]).await;
    assert!(kept[0][0].as_str().unwrap().starts_with("$argon2id$"));
    assert_eq!(log_in(&tenant, email, "imported", json!({})).await.status, 200);
    assert_eq!(log_in(&tenant, email, "imported ", json!({})).await.text, WRONG);
}

#[tokio::test]
async fn old_password_ends_with_the_change() {
    let tenant = tenant().await;
    for _ in 0..5 {
        let user = tenant.user(json!({})).await;
        let (email, path) = (user["email"].as_str().unwrap(), path_of(&user));
        let change = async {
            let changed = tenant.patch(&path, json!({ "password": "Another-Horse-2" })).await;
            assert_eq!(changed.status, 200);
            log_in(&tenant, email, PASSWORD, json!({})).await.text
        };
        let at_once =
            futures_util::future::join_all((0..4).map(|_| log_in(&tenant, email, PASSWORD, json!({}))));
        let (after, during) = tokio::join!(change, at_once);
        assert_eq!(after, WRONG);
        assert!(during.iter().all(|answer| [200, 403].contains(&answer.status)));
        let entries = tenant.journal(user["user_id"].as_str().unwrap()).await;
        let changed = entries.iter().position(|(kind, _)| kind == "user.updated").unwrap();
        assert!(entries[changed..].iter().all(|(kind, _)| kind != "user.logged_in"), "{entries:?}");
    }
}

#[tokio::test]
async fn public_client_logs_in_with_a_form_without_a_secret() {
    let tenant = Tenant::with(|config| {
        known_client(config);
        config.clients[1].token_endpoint_auth_method = Some("none".into());
    })
    .await;
    let user = tenant.user(json!({})).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", CLIENT_ID),
        ("username", user["email"].as_str().unwrap()),
        ("password", PASSWORD),
        ("extra", "value"),
    ];
    let request = tenant.request("POST", "/oauth/token").body(serde_urlencoded::to_string(form).unwrap());
    let answer = send(request.header("content-type", "application/x-www-form-urlencoded")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn realm_selects_the_connection_else_the_clients_first() {
    let tenant = Tenant::with(|config| {
        known_client(config);
        let mut other = config.connections[0].clone();
        other.name = "A-Other".into();
        config.connections.push(other.clone());
        other.name = "AA-Closed".into();
        other.enabled_clients = roster::tenant_files::model::Selection::List(vec!["Management".into()]);
        config.connections.push(other);
    })
    .await;
    let mut ids = Vec::new();
    for (connection, password) in
        [(CONNECTION, PASSWORD), ("A-Other", "Other-Horse-2"), ("AA-Closed", PASSWORD)]
    {
        let user = json!({ "connection": connection, "email": "jane@example.com", "password": password });
        let made = tenant.post("/api/v2/users", user).await;
        ids.push(made.json["user_id"].clone());
    }
    let of = |realm: &str| json!({ "grant_type": REALM, "realm": realm });
    let first = log_in(&tenant, "jane@example.com", "Other-Horse-2", json!({})).await;
    assert_eq!(claims(&first.json["id_token"])["sub"], ids[1]);
    let named = log_in(&tenant, "jane@example.com", PASSWORD, of(CONNECTION)).await;
    assert_eq!(claims(&named.json["id_token"])["sub"], ids[0]);
    assert_eq!(log_in(&tenant, "jane@example.com", PASSWORD, of("A-Other")).await.text, WRONG);
    assert_eq!(log_in(&tenant, "jane@example.com", PASSWORD, of("AA-Closed")).await.status, 400);
}

#[tokio::test]
async fn identifiers_are_those_of_the_connection() {
    use roster::base::identifiers::Requirement;
    let tenant = Tenant::with(|config| {
        known_client(config);
        let attributes = config.connections[0].attributes.as_mut().unwrap();
        (attributes.email, attributes.phone_number) = (None, Some(Requirement::Required));
    })
    .await;
    let user = tenant.user(json!({ "phone_number": "+491234567", "username": "jane" })).await;
    for (name, status) in [("+491234567", 200), ("jane", 200), (user["email"].as_str().unwrap(), 403)] {
        assert_eq!(log_in(&tenant, name, PASSWORD, json!({})).await.status, status, "{name}");
    }
    let plain = super::tenant().await;
    plain.user(json!({ "phone_number": "+491234567" })).await;
    assert_eq!(log_in(&plain, "+491234567", PASSWORD, json!({})).await.status, 403);
}

#[tokio::test]
async fn current_user_scopes_reach_the_own_user_only() {
    let tenant = tenant().await;
    let (jane, john) =
        (tenant.user(json!({ "user_metadata": { "a": 1 } })).await, tenant.user(json!({})).await);
    let token = async |scope: &str| {
        let more = json!({ "audience": tenant.audience, "scope": scope });
        let answer = log_in(&tenant, jane["email"].as_str().unwrap(), PASSWORD, more).await;
        answer.json["access_token"].as_str().unwrap().to_owned()
    };
    let call = async |token: &str, method: &str, path: &str, body: Option<Value>| {
        let request = tenant.request(method, path).bearer_auth(token);
        send(body.iter().fold(request, reqwest::RequestBuilder::json)).await
    };
    let (own, others) = (path_of(&jane), path_of(&john));
    let metadata = json!({ "user_metadata": { "b": 2 } });
    let reading = token("read:current_user").await;
    assert_eq!(call(&reading, "GET", &own, None).await.json["user_id"], jane["user_id"]);
    assert_eq!(call(&reading, "PATCH", &own, Some(metadata.clone())).await.status, 403);
    assert_eq!(call(&reading, "DELETE", &own, None).await.status, 403);
    let own_subject = "User to be acted on does not match subject in bearer token.";
    assert_eq!(
        call(&reading, "GET", &others, None).await.error(),
        (403, Some("insufficient_scope"), own_subject)
    );

    let writing = token("update:current_user_metadata openid").await;
    let answer = call(&writing, "PATCH", &own, Some(metadata.clone())).await;
    assert_eq!(answer.json["user_metadata"], json!({ "a": 1, "b": 2 }), "{}", answer.text);
    assert_eq!(call(&writing, "PATCH", &others, Some(metadata)).await.error().2, own_subject);
    for body in [
        json!({ "app_metadata": { "plan": "full" } }),
        json!({ "user_metadata": {}, "app_metadata": {} }),
        json!({ "user_metadata": {}, "name": "x" }),
        json!({ "email_verified": true }),
        json!({ "password": "Another-Horse-3" }),
        json!({ "blocked": false }),
    ] {
        assert_eq!(call(&writing, "PATCH", &own, Some(body.clone())).await.status, 403, "{body}");
    }
    for (method, path) in [("GET", own.as_str()), ("DELETE", &own), ("POST", "/api/v2/users")] {
        assert_eq!(call(&writing, method, path, None).await.status, 403, "{method} {path}");
    }
    let entries = tenant.journal(jane["user_id"].as_str().unwrap()).await;
    assert_eq!(entries.last().unwrap().0, "user.updated");
    let authors = sql(
        "select actor, client_id from journal where tenant_id = $1 and kind = 'user.updated'",
        &[&tenant.name],
    )
    .await;
    assert_eq!(authors, [[jane["user_id"].clone(), json!(CLIENT_ID)]]);

    let leaving = token("delete:current_user").await;
    assert_eq!(call(&leaving, "DELETE", &others, None).await.status, 403);
    assert_eq!(call(&leaving, "DELETE", &own, None).await.status, 204);
    assert_eq!(tenant.get(&own).await.status, 404);
    let machine = send(tenant.request("POST", "/oauth/token").json(&json!({
        "grant_type": "client_credentials", "client_id": tenant.client.client_id,
        "client_secret": tenant.client.client_secret, "audience": tenant.audience,
    })))
    .await;
    assert!(!machine.json["scope"].as_str().unwrap().contains("current_user"));
}

#[tokio::test]
async fn secrets_are_not_in_the_journal_nor_tokens_in_tables() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    let answer = log_in(&tenant, email, PASSWORD, json!({})).await;
    log_in(&tenant, email, "Wrong-Horse-9", json!({})).await;
    log_in(&tenant, "Typed-Horse-8", "x", json!({})).await;
    let token = answer.json["access_token"].as_str().unwrap();
    let rows = sql("select j::text as whole from journal j where j.tenant_id = $1", &[&tenant.name]).await;
    let tokens =
        sql("select t::text as whole from access_tokens t where t.tenant_id = $1", &[&tenant.name]).await;
    let text = format!("{rows:?} {tokens:?}");
    assert!(text.contains("user.logged_in") && text.contains("user.login_failed"), "{text}");
    for secret in [PASSWORD, "Wrong-Horse-9", "Typed-Horse-8", token, CLIENT_SECRET, "argon2"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn discovery_lists_userinfo_and_grant_types() {
    let tenant = tenant().await;
    let found = send(tenant.request("GET", "/.well-known/openid-configuration")).await.json;
    assert_eq!(found["userinfo_endpoint"], format!("https://{}/userinfo", tenant.host));
    assert_eq!(found["grant_types_supported"], json!(["client_credentials", "password", REALM]));
}

#[tokio::test]
async fn token_for_an_api_has_the_users_permissions() {
    let tenant = tenant().await;
    let user = tenant.user(json!({ "email": "jane@example.com" })).await;
    let api = |identifier: &str, enforced: bool| {
        json!({
            "identifier": identifier, "name": identifier, "token_lifetime": 600, "enforce_policies": enforced,
            "token_dialect": if enforced { "access_token_authz" } else { "access_token" },
            "scopes": [{ "value": "read:cars" }, { "value": "sell:cars" }, { "value": "buy:cars" }],
        })
    };
    for (identifier, enforced) in [("https://open.example/", false), ("https://cars.example/", true)] {
        let made = tenant.post("/api/v2/resource-servers", api(identifier, enforced)).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let permission = json!({ "permissions": [{ "resource_server_identifier": "https://cars.example/", "permission_name": "read:cars" }] });
    tenant.post(&format!("{}/permissions", crate::support::path_of(&user)), permission).await;
    let role = tenant.post("/api/v2/roles", json!({ "name": "seller" })).await.json["id"].clone();
    let permission = json!({ "permissions": [{ "resource_server_identifier": "https://cars.example/", "permission_name": "sell:cars" }] });
    tenant.post(&format!("/api/v2/roles/{}/permissions", role.as_str().unwrap()), permission).await;
    tenant.post(&format!("{}/roles", crate::support::path_of(&user)), json!({ "roles": [role] })).await;

    let request = |audience: &str| {
        log_in(
            &tenant,
            "jane@example.com",
            PASSWORD,
            json!({ "audience": audience, "scope": "openid email read:cars sell:cars unknown:cars" }),
        )
    };
    let open = request("https://open.example/").await;
    assert_eq!(
        (&open.json["scope"], &open.json["expires_in"]),
        (&json!("openid email read:cars sell:cars"), &json!(600))
    );
    let cars = log_in(
        &tenant,
        "jane@example.com",
        PASSWORD,
        json!({ "audience": "https://cars.example/", "scope": "read:cars buy:cars" }),
    )
    .await;
    let claims = claims(&cars.json["access_token"]);
    assert_eq!((&claims["scope"], &claims["sub"]), (&json!("read:cars"), &user["user_id"]));
    assert_eq!(
        (&claims["aud"], &claims["permissions"]),
        (&json!("https://cars.example/"), &json!(["read:cars", "sell:cars"]))
    );
    let token = cars.json["access_token"].as_str().unwrap();
    let other = send(tenant.request("GET", "/api/v2/users").bearer_auth(token)).await;
    assert_eq!(other.status, 401, "a token for one API");
}
