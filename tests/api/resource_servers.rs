//! `/api/v2/resource-servers`, and the tokens for these APIs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use roster::tenant_files::model::{GrantConfig, Selection};
use serde_json::{Value, json};

use crate::support::{Response, Tenant, send, sql};

const PATH: &str = "/api/v2/resource-servers";
const API: &str = "https://api.example.com/";
const ENCODED: &str = "/api/v2/resource-servers/https%3A%2F%2Fapi.example.com%2F";
const UNKNOWN: (u16, Option<&str>, &str) =
    (404, Some("inexistent_resource_server"), "The resource server does not exist");

async fn create(tenant: &Tenant, body: Value) -> Value {
    let answer = tenant.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

fn path_of(server: &Value) -> String {
    format!("{PATH}/{}", server["id"].as_str().unwrap())
}

#[tokio::test]
async fn create_answers_defaults_and_fetch_takes_both_ids() {
    let tenant = Tenant::new().await;
    let server = create(&tenant, json!({ "identifier": API, "name": "API" })).await;
    assert_eq!(server["id"].as_str().unwrap().len(), 24);
    insta::assert_json_snapshot!(server, { ".id" => "[id]" }, @r#"
    {
      "allow_offline_access": false,
      "id": "[id]",
      "identifier": "https://api.example.com/",
      "name": "API",
      "signing_alg": "RS256",
      "skip_consent_for_verifiable_first_party_clients": false,
      "subject_type_authorization": {
        "client": {
          "policy": "require_client_grant"
        },
        "user": {
          "policy": "allow_all"
        }
      },
      "token_lifetime": 86400,
      "token_lifetime_for_web": 7200
    }
    "#);
    assert_eq!(tenant.get(&path_of(&server)).await.json, server);
    assert_eq!(tenant.get(ENCODED).await.json, server);
    assert_eq!(
        tenant.get(&format!("{ENCODED}?fields=name&include_fields=true")).await.json,
        json!({ "name": "API" })
    );
    assert_eq!(tenant.get(&format!("{PATH}/nothing")).await.error(), UNKNOWN);
    assert_eq!(tenant.patch(&format!("{PATH}/nothing"), json!({})).await.error(), UNKNOWN);
    // An identifier that equals the id of another API does not hide that API.
    let twin = create(&tenant, json!({ "identifier": server["id"], "name": "Twin" })).await;
    assert_eq!(tenant.get(&path_of(&server)).await.json, server);
    assert_eq!(tenant.delete(&path_of(&server)).await.status, 204);
    assert_eq!(tenant.get(&path_of(&server)).await.json, twin);
}

#[tokio::test]
async fn secret_is_sealed_and_not_in_the_journal() {
    let tenant = Tenant::new().await;
    let given = "a secret of this test";
    let server = create(&tenant, json!({ "identifier": API, "signing_alg": "HS256" })).await;
    let minted = server["signing_secret"].as_str().unwrap().to_owned();
    assert!(minted.len() >= 32);
    let path = path_of(&server);
    assert_eq!(
        tenant.patch(&path, json!({ "signing_alg": "RS256" })).await.json["signing_secret"],
        json!(minted)
    );
    assert_eq!(
        tenant.patch(&path, json!({ "signing_alg": "HS256" })).await.json["signing_secret"],
        json!(minted)
    );
    assert_eq!(
        tenant.patch(&path, json!({ "signing_secret": given })).await.json["signing_secret"],
        json!(given)
    );
    assert_eq!(tenant.get(&path).await.json["signing_secret"], json!(given));
    let other = create(&tenant, json!({ "identifier": "urn:other" })).await;
    assert!(other.get("signing_secret").is_none());
    let other = tenant.patch(&path_of(&other), json!({ "signing_alg": "HS256" })).await;
    assert!(
        other.json["signing_secret"].as_str().unwrap().len() >= 32,
        "generated on the first change to HS256"
    );
    let rows = sql("select encode(signing_secret, 'escape') as sealed, settings::text as document from resource_servers where tenant_id = $1 and identifier = $2", &[&tenant.name, API]).await;
    let stored = format!("{rows:?}");
    let journal = tenant.journal(server["id"].as_str().unwrap()).await;
    let journal_text = format!("{journal:?}");
    for secret in [given, &minted] {
        assert!(!stored.contains(secret) && !journal_text.contains(secret));
    }
    let kinds: Vec<(&str, &Value)> =
        journal.iter().map(|(kind, changes)| (kind.as_str(), &changes["signing_secret"])).collect();
    assert_eq!(kinds[0], ("resource_server.created", &json!({ "after": "*****" })));
    assert_eq!(kinds[3], ("resource_server.updated", &json!({ "after": "*****" })));
    let short = tenant.patch(&path, json!({ "signing_secret": "short" })).await;
    assert!(!short.text.contains("short\"") && short.error().1 == Some("invalid_body"));
}

#[tokio::test]
async fn update_replaces_settings_and_null_removes_them() {
    let tenant = Tenant::new().await;
    let encryption = json!({ "format": "compact-nested-jwe", "encryption_key": { "alg": "RSA-OAEP-256", "kid": "k", "pem": "-----BEGIN PUBLIC KEY-----" } });
    let server = create(
        &tenant,
        json!({ "identifier": API, "name": "API", "token_encryption": encryption, "consent_policy": null,
                "proof_of_possession": { "mechanism": "mtls", "required": true }, "scopes": [{ "value": "a" }] }),
    )
    .await;
    assert_eq!(
        server["token_encryption"],
        json!({ "format": "compact-nested-jwe", "encryption_key": { "alg": "RSA-OAEP-256", "kid": "k" } })
    );
    let changed = tenant
        .patch(
            ENCODED,
            json!({ "name": "New", "token_encryption": null, "proof_of_possession": { "mechanism": "dpop" }, "scopes": [] }),
        )
        .await;
    let mut expected = server;
    expected.as_object_mut().unwrap().remove("token_encryption");
    expected["name"] = json!("New");
    expected["proof_of_possession"] = json!({ "mechanism": "dpop" });
    expected["scopes"] = json!([]);
    assert_eq!((changed.status, &changed.json), (200, &expected));
    assert_eq!(tenant.patch(ENCODED, json!({})).await.json, expected);
    let kinds: Vec<String> =
        tenant.journal(expected["id"].as_str().unwrap()).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        ["resource_server.created", "resource_server.updated"],
        "a change without a difference has no entry"
    );
}

#[tokio::test]
async fn concurrent_updates_are_all_applied() {
    let tenant = Tenant::new().await;
    let path = path_of(&create(&tenant, json!({ "identifier": API })).await);
    let patches = [
        json!({ "name": "x" }),
        json!({ "token_lifetime": 60 }),
        json!({ "allow_offline_access": true }),
        json!({ "scopes": [{ "value": "a" }] }),
        json!({ "token_dialect": "access_token" }),
    ];
    let answers = join_all(patches.iter().map(|patch| tenant.patch(&path, patch.clone()))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let server = tenant.get(&path).await.json;
    for patch in &patches {
        for (name, value) in patch.as_object().unwrap() {
            assert_eq!(&server[name], value);
        }
    }
}

#[tokio::test]
async fn identifier_is_unique_in_the_tenant() {
    let tenant = Tenant::new().await;
    let answers = join_all((0..8).map(|_| tenant.post(PATH, json!({ "identifier": API })))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!(
        refused.error(),
        (409, Some("resource_server_conflict"), "A resource server with the same identifier already exists.")
    );
    let other = Tenant::new().await;
    let theirs = create(&other, json!({ "identifier": API, "name": "Theirs" })).await;
    assert_eq!(tenant.get(&path_of(&theirs)).await.status, 404);
    assert_eq!(tenant.delete(&path_of(&theirs)).await.status, 204);
    assert_eq!(other.get(ENCODED).await.json, theirs);
}

#[tokio::test]
async fn create_refuses_invalid_bodies() {
    let tenant = Tenant::new().await;
    let missing = "Payload validation error: 'Missing required property: identifier'.";
    assert_eq!(tenant.post(PATH, json!({})).await.error(), (400, Some("invalid_body"), missing));
    for body in [
        json!({ "identifier": "" }),
        json!({ "identifier": "x".repeat(601) }),
        json!({ "identifier": API, "name": "<b>" }),
        json!({ "identifier": API, "scopes": [{ "description": "x" }] }),
        json!({ "identifier": API, "scopes": [{ "value": "x", "more": 1 }] }),
        json!({ "identifier": API, "scopes": [{ "value": "x" }, { "value": "x" }] }),
        json!({ "identifier": API, "signing_alg": "none" }),
        json!({ "identifier": API, "signing_alg": null }),
        json!({ "identifier": API, "token_lifetime": -1 }),
        json!({ "identifier": API, "token_lifetime": 2_592_001 }),
        json!({ "identifier": API, "token_lifetime": 1.5 }),
        json!({ "identifier": API, "token_encryption": { "format": "compact-nested-jwe", "encryption_key": [] } }),
        json!({ "identifier": API, "subject_type_authorization": { "client": { "policy": "allow_all" } } }),
        json!({ "identifier": API, "is_system": true }),
    ] {
        let answer = tenant.post(PATH, body.clone()).await;
        assert_eq!((answer.error().0, answer.error().1), (400, Some("invalid_body")), "{body}");
    }
    let widest = json!({ "identifier": "𐍈".repeat(600), "scopes": [{ "value": "𐍈".repeat(280) }] });
    create(&tenant, widest).await;
    let server = create(&tenant, json!({ "identifier": API })).await;
    let answer = tenant.patch(&path_of(&server), json!({ "identifier": "other" })).await;
    assert_eq!(
        answer.error().2,
        "Payload validation error: 'Additional properties not allowed: identifier'."
    );
}

#[tokio::test]
async fn management_api_is_listed_and_cannot_be_changed() {
    let tenant = Tenant::new().await;
    let list = tenant.get(PATH).await.json;
    assert_eq!(list.as_array().unwrap().len(), 1);
    let system = &list[0];
    assert_eq!(
        (&system["identifier"], &system["name"], &system["is_system"], &system["token_lifetime"]),
        (&json!(tenant.audience), &json!("Auth0 Management API"), &json!(true), &json!(86400))
    );
    let scopes = system["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!({ "value": "read:client_grants", "description": "Read Client Grants" })));
    let by_identifier = format!("{PATH}/{}", tenant.audience.replace(':', "%3A").replace('/', "%2F"));
    for path in [path_of(system), by_identifier] {
        assert_eq!(tenant.get(&path).await.json, *system);
        let code = Some("operation_not_supported");
        assert_eq!(
            tenant.patch(&path, json!({ "name": "x" })).await.error(),
            (400, code, "System resource servers cannot be patched.")
        );
        assert_eq!(
            tenant.delete(&path).await.error(),
            (400, code, "System resource servers cannot be deleted.")
        );
    }
    assert_eq!(
        tenant.post(PATH, json!({ "identifier": tenant.audience })).await.error(),
        (400, Some("invalid_body"), "The selected identifier is reserved.")
    );
}

#[tokio::test]
async fn list_has_pages_filters_and_fields() {
    let tenant = Tenant::new().await;
    for n in 0..4 {
        create(&tenant, json!({ "identifier": format!("urn:{n}") })).await;
    }
    let identifiers = |list: &Value| {
        let mut found: Vec<String> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|server| server["identifier"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        found
    };
    let whole = identifiers(&tenant.get(PATH).await.json);
    assert_eq!(whole.len(), 5);
    let mut paged = Vec::new();
    for page in 0..3 {
        let list = tenant
            .get(&format!("{PATH}?per_page=2&page={page}&include_totals=true&fields=identifier"))
            .await
            .json;
        assert_eq!(
            (&list["start"], &list["limit"], &list["total"]),
            (&json!(page * 2), &json!(2), &json!(5))
        );
        assert_eq!(list["resource_servers"][0].as_object().unwrap().len(), 1);
        paged.extend(identifiers(&list["resource_servers"]));
    }
    paged.sort();
    assert_eq!(paged, whole);
    let some = tenant
        .get(&format!(
            "{PATH}?identifiers=urn%3A1&identifiers=urn%3A3&identifiers=urn%3A9&include_totals=true"
        ))
        .await
        .json;
    assert_eq!(
        (identifiers(&some["resource_servers"]), &some["total"]),
        (vec!["urn:1".into(), "urn:3".into()], &json!(2))
    );
    let without =
        tenant.get(&format!("{PATH}?fields=scopes,name&include_fields=false&per_page=1")).await.json;
    assert!(without[0].get("scopes").is_none() && without[0].get("identifier").is_some());
    assert_eq!(
        tenant.get(&format!("{PATH}?{}", "identifiers=x&".repeat(11))).await.error().1,
        Some("invalid_query_string")
    );
}

#[tokio::test]
async fn checkpoints_visit_every_api_once() {
    let tenant = Tenant::new().await;
    for n in 0..4 {
        create(&tenant, json!({ "identifier": format!("urn:{n}") })).await;
    }
    let whole = tenant.get(PATH).await.json;
    for take in 1..=6 {
        let (mut found, mut from) = (Vec::new(), String::new());
        loop {
            let part = tenant.get(&format!("{PATH}?take={take}&from={from}&include_totals=true")).await.json;
            assert!(part.get("total").is_none());
            found.extend(part["resource_servers"].as_array().unwrap().clone());
            match part.get("next") {
                Some(next) => from = next.as_str().unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(Value::from(found), whole, "take={take}");
    }
    assert_eq!(whole[0]["is_system"], true);
    let some = tenant.get(&format!("{PATH}?identifiers=urn%3A1&identifiers=urn%3A2&take=1")).await.json;
    let rest = tenant
        .get(&format!(
            "{PATH}?identifiers=urn%3A1&identifiers=urn%3A2&take=1&from={}",
            some["next"].as_str().unwrap()
        ))
        .await
        .json;
    assert_eq!(rest["resource_servers"].as_array().unwrap().len(), 1);
    assert_ne!(rest["resource_servers"], some["resource_servers"]);
    assert!(rest.get("next").is_none());
}

/// A tenant whose management client also has a grant for [`API`].
async fn tenant_with_grant() -> Tenant {
    Tenant::with(|config| {
        config.clients[0].grants.push(GrantConfig {
            audience: API.into(),
            scope: Selection::List(vec!["read".into(), "write".into()]),
        });
    })
    .await
}

async fn token_for(tenant: &Tenant, audience: &str) -> Response {
    send(tenant.request("POST", "/oauth/token").json(&json!({
        "grant_type": "client_credentials",
        "client_id": tenant.client.client_id,
        "client_secret": tenant.client.client_secret,
        "audience": audience,
    })))
    .await
}

/// Header and claims of a token.
fn decoded(answer: &Response) -> (Value, Value) {
    let token = answer.json["access_token"].as_str().expect("a token");
    let part = |n: usize| {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
    };
    (part(0), part(1))
}

#[tokio::test]
async fn token_for_an_api_requires_a_grant() {
    let tenant = tenant_with_grant().await;
    let not_enabled = token_for(&tenant, API).await;
    assert_eq!(
        (not_enabled.status, &not_enabled.json),
        (
            403,
            &json!({ "error": "access_denied", "error_description": "Service not enabled within domain: https://api.example.com/" })
        )
    );
    create(&tenant, json!({ "identifier": API, "token_lifetime": 600 })).await;
    create(&tenant, json!({ "identifier": "urn:other" })).await;
    let answer = token_for(&tenant, API).await;
    assert_eq!(
        (&answer.json["expires_in"], &answer.json["scope"], &answer.json["token_type"]),
        (&json!(600), &json!("read write"), &json!("Bearer"))
    );
    let (header, claims) = decoded(&answer);
    assert_eq!(
        (&header["alg"], &header["typ"], &claims["aud"]),
        (&json!("RS256"), &json!("JWT"), &json!(API))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_eq!(claims["gty"], "client-credentials");
    let refused =
        send(tenant.request("GET", PATH).bearer_auth(answer.json["access_token"].as_str().unwrap())).await;
    assert_eq!(
        refused.error(),
        (401, None, "Invalid token"),
        "a token for an API does not manage the tenant"
    );
    let no_grant = token_for(&tenant, "urn:other").await;
    assert_eq!((no_grant.status, &no_grant.json["error"]), (403, &json!("access_denied")));
    assert!(
        no_grant.json["error_description"]
            .as_str()
            .unwrap()
            .starts_with("Client is not authorized to access \"urn:other\".")
    );
    assert_eq!(token_for(&tenant, &tenant.audience).await.json["expires_in"], 86400);
}

#[tokio::test]
async fn token_has_the_algorithm_and_dialect_of_its_api() {
    let tenant = tenant_with_grant().await;
    let secret = "a secret of this test";
    let path = path_of(
        &create(&tenant, json!({ "identifier": API, "signing_alg": "HS256", "signing_secret": secret }))
            .await,
    );
    let answer = token_for(&tenant, API).await;
    let (text, signature) = answer.json["access_token"].as_str().unwrap().rsplit_once('.').unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    aws_lc_rs::hmac::verify(&key, text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    assert_eq!(decoded(&answer).0, json!({ "alg": "HS256", "typ": "JWT" }));

    let jwk = tenant.request("GET", "/.well-known/jwks.json");
    let jwk = send(jwk).await.json["keys"][0].clone();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let key = aws_lc_rs::signature::RsaPublicKeyComponents { n: number("n"), e: number("e") };
    for (alg, verification) in [
        ("RS256", &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256),
        ("RS512", &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA512),
        ("PS256", &aws_lc_rs::signature::RSA_PSS_2048_8192_SHA256),
    ] {
        tenant.patch(&path, json!({ "signing_alg": alg })).await;
        let answer = token_for(&tenant, API).await;
        let (text, signature) = answer.json["access_token"].as_str().unwrap().rsplit_once('.').unwrap();
        key.verify(verification, text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        assert_eq!((&decoded(&answer).0["alg"], &decoded(&answer).0["kid"]), (&json!(alg), &jwk["kid"]));
    }

    for (dialect, policies, typ, has_permissions) in [
        ("access_token_authz", true, "JWT", true),
        ("access_token_authz", false, "JWT", false),
        ("rfc9068_profile", true, "at+jwt", false),
        ("rfc9068_profile_authz", true, "at+jwt", true),
    ] {
        tenant.patch(&path, json!({ "token_dialect": dialect, "enforce_policies": policies })).await;
        let (header, claims) = decoded(&token_for(&tenant, API).await);
        assert_eq!(header["typ"], typ);
        assert_eq!(claims.get("permissions"), has_permissions.then(|| json!(["read", "write"])).as_ref());
        let client = if typ == "JWT" { "azp" } else { "client_id" };
        assert_eq!(claims[client], json!(tenant.client.client_id));
        assert_eq!(claims.get("jti").is_some(), typ == "at+jwt");
    }
}

#[tokio::test]
async fn token_is_refused_if_the_api_requires_the_unsupported() {
    let tenant = tenant_with_grant().await;
    let path = path_of(&create(&tenant, json!({ "identifier": API })).await);
    let key = json!({ "format": "compact-nested-jwe", "encryption_key": { "alg": "RSA-OAEP-256" } });
    for (patch, undo, status, error) in [
        (json!({ "token_encryption": key }), json!({ "token_encryption": null }), 400, "invalid_request"),
        (
            json!({ "proof_of_possession": { "mechanism": "mtls", "required": true } }),
            json!({ "proof_of_possession": null }),
            400,
            "invalid_request",
        ),
        (
            json!({ "subject_type_authorization": { "client": { "policy": "deny_all" } } }),
            json!({ "subject_type_authorization": {} }),
            403,
            "access_denied",
        ),
    ] {
        tenant.patch(&path, patch).await;
        let refused = token_for(&tenant, API).await;
        assert_eq!((refused.status, &refused.json["error"]), (status, &json!(error)));
        tenant.patch(&path, undo).await;
        assert_eq!(token_for(&tenant, API).await.status, 200);
    }
}

#[tokio::test]
async fn delete_deletes_the_client_grants_for_the_api() {
    let tenant = tenant_with_grant().await;
    let server = create(&tenant, json!({ "identifier": API, "signing_alg": "HS256" })).await;
    for _ in 0..2 {
        assert_eq!(tenant.delete(ENCODED).await.status, 204);
    }
    create(&tenant, json!({ "identifier": API })).await;
    assert_eq!(token_for(&tenant, API).await.status, 403);
    let journal = tenant.journal(server["id"].as_str().unwrap()).await;
    assert_eq!(journal.len(), 2);
    assert_eq!(journal[1].0, "resource_server.deleted");
    assert_eq!(journal[1].1["signing_secret"], json!({ "before": "*****" }));
    let grants = sql(
        "select changes from journal where tenant_id = $1 and kind = 'client_grant.deleted'",
        &[&tenant.name],
    )
    .await;
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0][0]["audience"], json!({ "before": API }));
}

#[tokio::test]
async fn policies_that_are_not_sent_are_those_of_auth0() {
    let tenant = Tenant::new().await;
    let of_user = |policy: &str| json!({ "client": { "policy": "require_client_grant" }, "user": { "policy": policy } });
    let server = create(&tenant, json!({ "identifier": API })).await;
    assert_eq!(server["subject_type_authorization"], of_user("allow_all"));
    let patch = json!({ "subject_type_authorization": { "user": { "policy": "deny_all" } } });
    let changed = tenant.patch(&path_of(&server), patch).await.json;
    assert_eq!(changed["subject_type_authorization"], of_user("deny_all"));
    // An API of an earlier version.
    let text =
        "update resource_servers set settings = settings - 'subject_type_authorization' where tenant_id = $1";
    crate::support::execute(text, &[&tenant.name]).await;
    let listed = tenant.get(PATH).await.json;
    let found = listed
        .as_array()
        .unwrap()
        .iter()
        .all(|api| api["subject_type_authorization"] == of_user("allow_all"));
    assert!(found, "{listed}");
    assert!(
        listed.as_array().unwrap().iter().all(|api| api.get("is_system").is_none_or(|is| *is == true)),
        "{listed}"
    );
}

#[tokio::test]
async fn client_that_names_the_api_is_answered() {
    let tenant = Tenant::new().await;
    let server = create(&tenant, json!({ "identifier": API })).await;
    assert_eq!(server.get("client_id"), None);
    let body =
        json!({ "name": "API client", "app_type": "resource_server", "resource_server_identifier": API });
    let client = tenant.post("/api/v2/clients", body).await.json;
    let path = path_of(&server);
    let answers = [
        tenant.get(&path).await.json,
        tenant.patch(&path, json!({ "name": "API" })).await.json,
        tenant.get(&format!("{PATH}?identifiers=https%3A%2F%2Fapi.example.com%2F")).await.json[0].clone(),
    ];
    for answer in answers {
        assert_eq!(answer["client_id"], client["client_id"], "{answer}");
    }
}

#[tokio::test]
async fn identifier_may_be_encoded_twice() {
    let tenant = Tenant::new().await;
    let server = create(&tenant, json!({ "identifier": API })).await;
    let twice = format!("{PATH}/https:%252F%252Fapi.example.com%252F");
    assert_eq!(tenant.get(&twice).await.json, server);
    assert_eq!(tenant.patch(&twice, json!({ "name": "API" })).await.json["name"], "API");
    // An identifier that has percent signs of its own comes first.
    let own = create(&tenant, json!({ "identifier": "https:%2F%2Fapi.example.com%2F" })).await;
    assert_eq!(tenant.get(&twice).await.json, own);
    assert_eq!(tenant.delete(&twice).await.status, 204);
    assert_eq!(tenant.delete(&twice).await.status, 204);
    assert_eq!(tenant.get(&path_of(&server)).await.error(), UNKNOWN);
    assert_eq!(tenant.get(&format!("{PATH}/%2500")).await.error(), UNKNOWN);
    let management = tenant.audience.replace('/', "%252F");
    assert_eq!(tenant.get(&format!("{PATH}/{management}")).await.json["is_system"], true);
}

#[tokio::test]
async fn api_of_auth0_has_fixed_settings_and_cannot_be_changed() {
    let tenant = Tenant::new().await;
    let identifier = format!("https://{}/me/", tenant.host);
    let policy = json!({ "policy_id": "019b76da-a800-73c9-b656-b349ae415c17" });
    let sent = json!({
        "name": "Mine", "identifier": identifier, "token_lifetime": 5, "signing_alg": "HS256", "scopes": [],
        "authorization_policy": policy,
    });
    let api = create(&tenant, sent).await;
    for (name, value) in [
        ("name", json!("Auth0 My Account API")),
        ("is_system", json!(true)),
        ("token_lifetime", json!(600)),
        ("token_lifetime_for_web", json!(600)),
        ("signing_alg", json!("RS256")),
        ("allow_offline_access", json!(true)),
        ("skip_consent_for_verifiable_first_party_clients", json!(true)),
        (
            "subject_type_authorization",
            json!({ "client": { "policy": "deny_all" }, "user": { "policy": "require_client_grant" } }),
        ),
        ("proof_of_possession", json!({ "mechanism": "dpop", "required": false })),
        ("authorization_policy", policy),
    ] {
        assert_eq!(api[name], value, "{name}");
    }
    assert_eq!((api["scopes"].as_array().unwrap().len(), api.get("signing_secret")), (8, None));
    let express = create(&tenant, json!({ "identifier": "urn:auth0:express-configure", "name": "x" })).await;
    assert_eq!(
        (&express["name"], &express["is_system"]),
        (&json!("Okta OIN Express Configuration API"), &json!(true))
    );
    for api in [&api, &express] {
        let refused = tenant.patch(&path_of(api), json!({ "name": "x" })).await;
        assert_eq!(
            refused.error(),
            (400, Some("operation_not_supported"), "System resource servers cannot be patched.")
        );
        assert_eq!(tenant.get(&path_of(api)).await.json, *api);
        assert_eq!(tenant.delete(&path_of(api)).await.status, 204);
        assert_eq!(tenant.get(&path_of(api)).await.error(), UNKNOWN);
    }
    let other = create(&tenant, json!({ "identifier": "https://other.example/me/", "name": "Mine" })).await;
    assert_eq!((&other["name"], other.get("is_system")), (&json!("Mine"), None));
}

#[tokio::test]
async fn management_api_has_one_identifier_at_a_host() {
    let tenant = Tenant::with(|config| config.hosts.push(format!("second-{}.test", config.name))).await;
    let client = tenant
        .post("/api/v2/clients", json!({ "name": "App", "grant_types": ["client_credentials"] }))
        .await
        .json;
    for host in [tenant.host.clone(), format!("{}:8443", tenant.host), format!("second-{}.test", tenant.name)]
    {
        let identifier = format!("https://{host}/api/v2/");
        let ask = async |method: &str, path: &str, body: Option<Value>| {
            let request = tenant.authorized(method, path);
            let request = body.iter().fold(request, reqwest::RequestBuilder::json);
            let mut request = request.build().unwrap();
            request.headers_mut().insert("host", host.parse().unwrap());
            let answer = reqwest::Client::new().execute(request).await.unwrap();
            serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap_or_default()
        };
        let list = ask("GET", PATH, None).await;
        assert_eq!(list[0]["identifier"], identifier.as_str());
        let grant =
            json!({ "client_id": client["client_id"], "audience": identifier, "scope": ["read:users"] });
        let grant = ask("POST", "/api/v2/client-grants", Some(grant)).await;
        assert_eq!(grant["audience"], identifier.as_str(), "{grant}");
        let path = format!("/api/v2/client-grants/{}", grant["id"].as_str().unwrap());
        assert_eq!(ask("GET", &path, None).await["audience"], identifier.as_str());
        let settings =
            ask("PATCH", "/api/v2/tenants/settings", Some(json!({ "default_audience": identifier }))).await;
        assert_eq!(settings["default_audience"], identifier.as_str());
        for audience in [Some(&identifier), None] {
            let mut body = json!({
                "grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"],
            });
            body.as_object_mut()
                .unwrap()
                .extend(audience.map(|audience| ("audience".to_owned(), json!(audience))));
            let token = ask("POST", "/oauth/token", Some(body)).await;
            assert_eq!(crate::oauth::claims(&token["access_token"])["aud"], identifier.as_str());
        }
        assert_eq!(tenant.delete(&path).await.status, 204);
    }
}
