//! `/api/v2/tenants/settings`: the merge, its limits and its effects.

use serde_json::{Value, json};

use crate::support::{CONNECTION, PASSWORD, Response, Tenant, form, send, sql, unique};

const PATH: &str = "/api/v2/tenants/settings";

async fn updated(tenant: &Tenant, body: Value) -> Value {
    let answer = tenant.patch(PATH, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

async fn settings(tenant: &Tenant) -> Value {
    let answer = tenant.get(PATH).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

#[tokio::test]
async fn new_tenant_has_defaults() {
    let tenant = Tenant::new().await;
    assert_eq!(
        settings(&tenant).await,
        json!({
            "allowed_logout_urls": [],
            "enabled_locales": ["en"],
            "flags": {
                "allow_changing_enable_sso": false,
                "disable_clickjack_protection_headers": false,
                "disable_impersonation": true,
                "enable_sso": true,
                "mfa_show_factor_list_on_enrollment": false,
                "new_universal_login_experience_enabled": true,
                "revoke_refresh_token_grant": false,
                "universal_login": true,
            },
            "idle_session_lifetime": 72,
            "sandbox_version": "18",
            "sandbox_versions_available": ["18", "16", "12"],
            "session_lifetime": 168,
            "universal_login": { "passwordless": { "allow_magiclink_verify_without_session": true } },
        })
    );
}

#[tokio::test]
async fn objects_merge_at_their_first_level_and_empty_ones_clear() {
    let tenant = Tenant::new().await;
    let flags = settings(&tenant).await["flags"].clone();
    let answer =
        updated(&tenant, json!({ "flags": { "genai_trial": true, "enable_sso": false }, "error_page": { "html": "a", "url": "" } })).await;
    assert_eq!(answer["error_page"], json!({ "html": "a", "url": "" }));
    updated(&tenant, json!({ "error_page": { "html": "b", "show_log_link": true } })).await;
    let now = settings(&tenant).await;
    assert_eq!(now["error_page"], json!({ "html": "b", "url": "", "show_log_link": true }));
    let mut expected = flags.clone();
    (expected["genai_trial"], expected["enable_sso"]) = (json!(true), json!(false));
    assert_eq!(now["flags"], expected);
    updated(&tenant, json!({ "error_page": {}, "flags": {}, "session_cookie": {} })).await;
    let now = settings(&tenant).await;
    assert_eq!(
        (&now["error_page"], &now["flags"], &now["session_cookie"]),
        (&json!({}), &json!({}), &json!({}))
    );
    let quota = |n: i64| json!({ "client_credentials": { "per_day": n } });
    updated(&tenant, json!({ "default_token_quota": { "clients": quota(1), "organizations": quota(2) } }))
        .await;
    let answer = updated(
        &tenant,
        json!({ "default_token_quota": { "clients": { "client_credentials": { "per_hour": 3 } } } }),
    )
    .await;
    let expected =
        json!({ "clients": { "client_credentials": { "per_hour": 3 } }, "organizations": quota(2) });
    assert_eq!(answer["default_token_quota"], expected, "an object below the first level is replaced");
}

#[tokio::test]
async fn null_removes_and_an_empty_array_is_stored() {
    let tenant = Tenant::new().await;
    let body = json!({
        "acr_values_supported": ["foo", "bar"], "mtls": { "enable_endpoint_aliases": true }, "allowed_logout_urls": ["https://*.example.com/{organization_name}"],
        "change_password": { "enabled": true }, "customize_mfa_in_postlogin_action": true, "enabled_locales": ["fr", "en"],
    });
    let answer = updated(&tenant, body.clone()).await;
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&answer[name], value);
    }
    let answer = updated(
        &tenant,
        json!({ "acr_values_supported": [], "allowed_logout_urls": [], "enabled_locales": ["de"] }),
    )
    .await;
    assert_eq!(
        (&answer["acr_values_supported"], &answer["allowed_logout_urls"], &answer["enabled_locales"]),
        (&json!([]), &json!([]), &json!(["de"]))
    );
    let names = [
        "acr_values_supported",
        "mtls",
        "change_password",
        "customize_mfa_in_postlogin_action",
        "device_flow",
    ];
    let nulls: Value = names.map(|name| (name, Value::Null)).into_iter().collect();
    updated(&tenant, nulls).await;
    let now = settings(&tenant).await;
    assert!(names.iter().all(|name| now.get(name).is_none()), "{now}");
}

#[tokio::test]
async fn update_answers_more_flags_and_no_sandbox_versions() {
    let tenant = Tenant::new().await;
    let answer = updated(&tenant, json!({ "friendly_name": "Acme" })).await;
    assert_eq!(answer["flags"]["cannot_change_enforce_client_authentication_on_passwordless_start"], true);
    assert_eq!(answer["universal_login"]["is_custom_template_set"], false);
    assert_eq!(answer["universal_login"]["identifier_first"], true);
    assert!(answer.get("sandbox_versions_available").is_none());
    let now = settings(&tenant).await;
    assert_eq!(now["friendly_name"], "Acme");
    assert!(now["flags"].get("cannot_change_enforce_client_authentication_on_passwordless_start").is_none());
    assert!(now["universal_login"].get("is_custom_template_set").is_none());
}

#[tokio::test]
async fn fields_select_members_except_the_sandbox() {
    let tenant = Tenant::new().await;
    let some = tenant.get(&format!("{PATH}?fields=session_lifetime,nothing")).await.json;
    assert_eq!(
        some,
        json!({ "session_lifetime": 168, "sandbox_version": "18", "sandbox_versions_available": ["18", "16", "12"] })
    );
    let others = tenant.get(&format!("{PATH}?fields=flags,sandbox_version&include_fields=false")).await.json;
    assert!(
        others.get("flags").is_none()
            && others["sandbox_version"] == "18"
            && others["session_lifetime"] == 168
    );
}

#[tokio::test]
async fn lifetimes_in_minutes_are_answered_in_hours() {
    let tenant = Tenant::new().await;
    let body = json!({ "session_lifetime_in_minutes": 120, "idle_session_lifetime_in_minutes": 90 });
    let answer = updated(&tenant, body).await;
    assert_eq!((&answer["session_lifetime"], &answer["idle_session_lifetime"]), (&json!(2), &json!(1.5)));
    assert!(answer.get("session_lifetime_in_minutes").is_none());
    let both = tenant.patch(PATH, json!({ "session_lifetime": 1, "session_lifetime_in_minutes": 60 })).await;
    assert_eq!(
        both.error(),
        (
            400,
            Some("invalid_body"),
            "Payload validation error: 'Cannot set both session_lifetime and session_lifetime_in_minutes'."
        )
    );
}

#[tokio::test]
async fn invalid_body_is_rejected_and_changes_nothing() {
    let tenant = Tenant::new().await;
    let before = settings(&tenant).await;
    for (body, reason) in [
        (json!({}), "Too few properties defined (0), minimum 1"),
        (json!({ "universal_login": { "theme": {} } }), "Additional properties not allowed: theme"),
        (json!({ "universal_login": null }), "Expected type object but found type null"),
        (
            json!({ "sandbox_versions_available": [] }),
            "Additional properties not allowed: sandbox_versions_available",
        ),
        (json!({ "flags": null }), "Expected type object but found type null"),
        (json!({ "flags": { "unheard_of": true } }), "Additional properties not allowed: unheard_of"),
        (json!({ "flags": { "enable_sso": null } }), "Expected type boolean but found type null"),
        (json!({ "flags": [] }), "Expected type object but found type array"),
        (json!({ "friendly_name": null }), "Expected type string but found type null"),
        (json!({ "support_email": "nobody" }), "format email-or-empty: nobody"),
        (json!({ "support_url": "nowhere" }), "format absolute-uri-or-empty: nowhere"),
        (json!({ "picture_url": "/logo.png" }), "format absolute-uri-or-empty: /logo.png"),
        (json!({ "default_redirection_uri": "http://a.example" }), "format absolute-https-uri-or-empty"),
        (json!({ "allowed_logout_urls": ["a b"] }), "format url-with-placeholders: a b"),
        (json!({ "session_lifetime": 0 }), "Value 0 is less than minimum 1"),
        (json!({ "session_lifetime": 0.01 }), "Value 0.01 is not a number of minutes in hours"),
        (json!({ "session_lifetime": -1.5 }), "Value -1.5 is not a number of minutes in hours"),
        (json!({ "session_lifetime_in_minutes": 1.5 }), "Expected type integer but found type number"),
        (
            json!({ "session_lifetime": 3_000_000_000_i64 }),
            "Value 3000000000 is greater than maximum 2147483647",
        ),
        (json!({ "idle_session_lifetime_in_minutes": "1" }), "Expected type integer but found type string"),
        (json!({ "sandbox_version": "123456789" }), "String is too long (9 chars), maximum 8"),
        (json!({ "enabled_locales": [] }), "Array is too short (0), minimum 1"),
        (json!({ "enabled_locales": ["xx"] }), "No enum match for: xx"),
        (json!({ "session_cookie": { "mode": "eternal" } }), "No enum match for: eternal"),
        (
            json!({ "session_cookie": { "mode": "persistent", "x": 1 } }),
            "Additional properties not allowed: x",
        ),
        (json!({ "default_token_quota": {} }), "Too few properties defined (0), minimum 1"),
        (
            json!({ "default_token_quota": { "clients": {} } }),
            "Missing required property: client_credentials",
        ),
        (
            json!({ "default_token_quota": { "clients": { "client_credentials": { "per_day": 0 } } } }),
            "Value 0 is less than minimum 1",
        ),
        (json!({ "acr_values_supported": [""] }), "String is too short (0 chars), minimum 1"),
        (json!({ "country_codes": { "list": ["de"] } }), "String does not match pattern ^[A-Z]{2}$: de"),
        (json!({ "error_page": { "html": 5 } }), "Expected type string but found type integer"),
        (json!({ "device_flow": { "mask": "x".repeat(21) } }), "String is too long (21 chars), maximum 20"),
        (json!({ "resource_parameter_profile": "x" }), "No enum match for: x"),
        (
            json!({ "friendly_name": "changed", "mtls": 1 }),
            "Expected type object,null but found type integer",
        ),
    ] {
        let answer = tenant.patch(PATH, body).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (400, Some("invalid_body")), "{message}");
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!(settings(&tenant).await, before);
    assert!(!tenant.journal(&tenant.name).await.iter().any(|(kind, _)| kind == "tenant_settings.updated"));
}

#[tokio::test]
async fn journal_has_an_entry_for_each_effective_update() {
    let tenant = Tenant::new().await;
    let body = json!({ "friendly_name": "Acme", "flags": { "enable_sso": false } });
    updated(&tenant, body.clone()).await;
    let etag = tenant.get(PATH).await.header("etag").unwrap().to_owned();
    updated(&tenant, body).await;
    assert_eq!(tenant.get(PATH).await.header("etag"), Some(etag.as_str()));
    let entries = tenant.journal(&tenant.name).await;
    let entries: Vec<&Value> = entries
        .iter()
        .filter(|(kind, _)| kind == "tenant_settings.updated")
        .map(|(_, changes)| changes)
        .collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["friendly_name"], json!({ "after": "Acme" }));
    assert_eq!(entries[0]["flags"]["after"]["enable_sso"], false);
}

#[tokio::test]
async fn etag_serves_304_and_rejects_a_stale_update() {
    let tenant = Tenant::new().await;
    let conditional = |etag: &str, name: &str| {
        send(
            tenant.authorized("PATCH", PATH).header("if-match", etag).json(&json!({ "friendly_name": name })),
        )
    };
    let first = tenant.get(PATH).await.header("etag").unwrap().to_owned();
    let known = send(tenant.authorized("GET", PATH).header("if-none-match", &first)).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    let done = conditional(&first, "one").await;
    assert_eq!(done.status, 200);
    let second = done.header("etag").unwrap().to_owned();
    assert_ne!(second, first);
    let refused = conditional(&first, "two").await;
    assert_eq!((refused.error().0, refused.header("etag")), (412, Some(second.as_str())));
    assert_eq!(settings(&tenant).await["friendly_name"], "one");
    assert_eq!(conditional(&second, "three").await.status, 200);
}

#[tokio::test]
async fn settings_belong_to_one_tenant() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let before = settings(&other).await;
    updated(&tenant, json!({ "friendly_name": "Acme", "flags": {} })).await;
    assert_eq!(settings(&other).await, before);
    assert_eq!(
        sql(
            "select count(*) as n from journal where tenant_id = $1 and kind = 'tenant_settings.updated'",
            &[&other.name]
        )
        .await[0][0],
        0
    );
}

#[tokio::test]
async fn concurrent_updates_all_remain() {
    let tenant = Tenant::new().await;
    let names = [
        "enable_pipeline2",
        "genai_trial",
        "enable_sso",
        "enable_legacy_profile",
        "change_pwd_flow_v1",
        "enable_apis_section",
    ];
    let writers = names
        .iter()
        .map(|name| tenant.patch(PATH, json!({ "flags": { *name: true }, "country_codes": { "list": [] } })));
    for answer in futures_util::future::join_all(writers).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let now = settings(&tenant).await;
    assert!(names.iter().all(|name| now["flags"][*name] == true), "{now}");
}

async fn sign_up(tenant: &Tenant, client_id: &Value, email: &str) -> Response {
    let body =
        json!({ "client_id": client_id, "connection": CONNECTION, "email": email, "password": PASSWORD });
    send(tenant.request("POST", "/dbconnections/signup").json(&body)).await
}

#[tokio::test]
async fn signup_reports_an_existing_user_according_to_the_flag() {
    let tenant = Tenant::new().await;
    let client = tenant.post("/api/v2/clients", json!({ "name": "Site" })).await.json;
    let email = tenant.user(json!({})).await["email"].as_str().unwrap().to_owned();
    let flag =
        |is_reported: bool| json!({ "flags": { "enable_public_signup_user_exists_error": is_reported } });
    for is_reported in [false, true, false] {
        updated(&tenant, flag(is_reported)).await;
        let answer = sign_up(&tenant, &client["client_id"], &email).await;
        let code = if is_reported { "user_exists" } else { "invalid_signup" };
        assert_eq!((answer.status, &answer.json["code"]), (400, &json!(code)));
    }
    updated(&tenant, json!({ "flags": {} })).await;
    assert_eq!(sign_up(&tenant, &client["client_id"], &email).await.json["code"], "user_exists");
    let new = format!("{}@example.com", unique("new"));
    assert_eq!(sign_up(&tenant, &client["client_id"], &new).await.status, 200);
}

/// A client for logins and for client credentials.
async fn client(tenant: &Tenant) -> Value {
    let grant_types = ["password", "http://auth0.com/oauth/grant-type/password-realm", "client_credentials"];
    let body = json!({ "name": "Site", "grant_types": grant_types, "token_endpoint_auth_method": "client_secret_post" });
    tenant.post("/api/v2/clients", body).await.json
}

async fn token(tenant: &Tenant, client: &Value, more: &[(&str, &str)]) -> Response {
    let mut fields = vec![
        ("client_id", client["client_id"].as_str().unwrap()),
        ("client_secret", client["client_secret"].as_str().unwrap()),
    ];
    fields.extend(more);
    send(form(tenant.request("POST", "/oauth/token"), &fields)).await
}

#[tokio::test]
async fn default_audience_applies_to_a_request_without_one() {
    let tenant = Tenant::new().await;
    let client = client(&tenant).await;
    let user = tenant.user(json!({})).await;
    let api = "https://api.example.com/";
    tenant
        .post(
            "/api/v2/resource-servers",
            json!({ "identifier": api, "name": "API", "scopes": [{ "value": "read" }] }),
        )
        .await;
    tenant
        .post(
            "/api/v2/client-grants",
            json!({ "client_id": client["client_id"], "audience": api, "scope": ["read"] }),
        )
        .await;
    let credentials = [("grant_type", "client_credentials")];
    let person =
        [("grant_type", "password"), ("username", user["email"].as_str().unwrap()), ("password", PASSWORD)];
    let missing = token(&tenant, &client, &credentials).await;
    assert_eq!(
        (missing.status, &missing.json["error_description"]),
        (400, &json!("Missing required parameter: audience"))
    );
    assert_eq!(token(&tenant, &client, &person).await.json["access_token"].as_str().unwrap().len(), 32);
    updated(&tenant, json!({ "default_audience": api })).await;
    let answer = token(&tenant, &client, &credentials).await;
    assert_eq!((answer.status, &answer.json["scope"]), (200, &json!("read")), "{}", answer.text);
    assert_eq!(crate::oauth::claims(&answer.json["access_token"])["aud"], api);
    let answer = token(&tenant, &client, &person).await;
    assert_eq!(crate::oauth::claims(&answer.json["access_token"])["aud"][0], api);
    // Other names of the Management API become its identifier.
    let other_name = format!("https://{}:8443/api/v2/", tenant.host);
    assert_eq!(
        updated(&tenant, json!({ "default_audience": other_name })).await["default_audience"],
        tenant.audience.as_str()
    );
    assert_eq!(token(&tenant, &client, &credentials).await.status, 403);
    let body =
        json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": ["read:users"] });
    tenant.post("/api/v2/client-grants", body).await;
    assert_eq!(token(&tenant, &client, &credentials).await.json["scope"], "read:users");
    updated(&tenant, json!({ "default_audience": "" })).await;
    assert_eq!(token(&tenant, &client, &credentials).await.status, 400);
}

#[tokio::test]
async fn default_directory_applies_to_a_login_without_a_realm() {
    let tenant = Tenant::with(|config| {
        let mut second = config.connections[0].clone();
        second.name = "second".into();
        config.connections.push(second);
    })
    .await;
    let client = client(&tenant).await;
    let user = tenant.user(json!({ "connection": "second" })).await;
    let person =
        [("grant_type", "password"), ("username", user["email"].as_str().unwrap()), ("password", PASSWORD)];
    assert_eq!(token(&tenant, &client, &person).await.status, 403);
    updated(&tenant, json!({ "default_directory": "second" })).await;
    assert_eq!(token(&tenant, &client, &person).await.status, 200);
    updated(&tenant, json!({ "default_directory": "nowhere" })).await;
    let answer = token(&tenant, &client, &person).await;
    let expected = "Authorization server not configured with default connection.";
    assert_eq!((answer.status, &answer.json["error_description"]), (403, &json!(expected)));
}

#[tokio::test]
async fn universal_login_and_recorded_flags_are_taken() {
    let tenant = Tenant::new().await;
    let colors = json!({ "primary": "#2A2E35", "page_background": "#FF4F40" });
    updated(&tenant, json!({ "universal_login": {} })).await;
    assert_eq!(settings(&tenant).await["universal_login"], json!({}));
    let answer = updated(&tenant, json!({ "universal_login": { "colors": colors }, "flags": { "use_scope_descriptions_for_consent": true } })).await;
    assert_eq!(
        (&answer["universal_login"]["colors"], &answer["universal_login"]["identifier_first"]),
        (&colors, &json!(true))
    );
    let now = settings(&tenant).await;
    assert_eq!(now["universal_login"], json!({ "colors": colors }));
    assert_eq!(now["flags"]["use_scope_descriptions_for_consent"], true);
    // Additions of an answer change nothing where they are sent back, not even alone.
    updated(&tenant, json!({ "universal_login": { "identifier_first": true }, "flags": { "cannot_change_enforce_client_authentication_on_passwordless_start": true } })).await;
    assert_eq!(settings(&tenant).await, now);
}

#[tokio::test]
async fn empty_redirection_uri_removes_the_setting() {
    let tenant = Tenant::new().await;
    updated(&tenant, json!({ "default_redirection_uri": "https://a.example/login" })).await;
    let answer = updated(&tenant, json!({ "default_redirection_uri": "" })).await;
    assert_eq!(answer.get("default_redirection_uri"), None);
    assert_eq!(settings(&tenant).await.get("default_redirection_uri"), None);
}
