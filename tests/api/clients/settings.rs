//! The settings of a client: defaults, merge, limits.

use roster::resources::clients::fields::merged_names;
use roster::resources::clients::model::GRANT_TYPES;
use serde_json::{Value, json};

use super::{PATH, create, path_of, update, without_encrypted};
use crate::support::{Tenant, send};

#[tokio::test]
async fn defaults_depend_on_the_body() {
    let tenant = Tenant::new().await;
    let four = json!(["authorization_code", "implicit", "refresh_token", "client_credentials"]);
    let three = json!(["authorization_code", "implicit", "refresh_token"]);
    for (sent, grant_types, lifetimes) in [
        (json!({ "app_type": "spa" }), &four, (2_592_000, 1_296_000)),
        (json!({ "token_endpoint_auth_method": "none" }), &three, (2_592_000, 1_296_000)),
        (json!({ "token_endpoint_auth_method": "client_secret_post" }), &four, (31_557_600, 2_592_000)),
        (json!({ "token_endpoint_auth_method": "client_secret_basic" }), &four, (2_592_000, 1_296_000)),
        (
            json!({ "client_authentication_methods": { "private_key_jwt": { "credentials": [] } } }),
            &four,
            (2_592_000, 1_296_000),
        ),
        (json!({ "app_type": "resource_server" }), &json!([]), (2_592_000, 1_296_000)),
        (
            json!({ "app_type": "express_configuration" }),
            &json!(["authorization_code", "client_credentials"]),
            (2_592_000, 1_296_000),
        ),
    ] {
        let client = create(&tenant, sent.clone()).await;
        assert_eq!(&client["grant_types"], grant_types, "{sent}");
        let token = &client["refresh_token"];
        assert_eq!(
            (&token["token_lifetime"], &token["idle_token_lifetime"]),
            (&json!(lifetimes.0), &json!(lifetimes.1))
        );
        let special = sent["app_type"] == "resource_server" || sent["app_type"] == "express_configuration";
        assert_eq!(client["oidc_conformant"], special, "{sent}");
        let signs = special || sent.get("client_authentication_methods").is_some();
        let jwt = if signs {
            json!({ "alg": "RS256", "secret_encoded": false })
        } else {
            json!({ "lifetime_in_seconds": 36000, "secret_encoded": false })
        };
        assert_eq!(client["jwt_configuration"], jwt, "{sent}");
    }
}

#[tokio::test]
async fn third_party_has_its_own_defaults_and_no_organizations() {
    let tenant = Tenant::new().await;
    let public =
        create(&tenant, json!({ "is_first_party": false, "token_endpoint_auth_method": "none" })).await;
    let token = &public["refresh_token"];
    assert_eq!(
        (
            &token["rotation_type"],
            &token["expiration_type"],
            &token["infinite_token_lifetime"],
            &token["infinite_idle_token_lifetime"]
        ),
        (&json!("rotating"), &json!("expiring"), &json!(false), &json!(false))
    );
    assert_eq!(
        (&public["third_party_security_mode"], &public["oidc_conformant"]),
        (&json!("permissive"), &json!(true))
    );
    let strict =
        create(&tenant, json!({ "is_first_party": false, "third_party_security_mode": "strict" })).await;
    assert_eq!(strict["grant_types"], json!(["authorization_code"]));
    assert_eq!(
        strict["jwt_configuration"],
        json!({ "alg": "RS256", "lifetime_in_seconds": 3600, "secret_encoded": false })
    );
    assert_eq!(
        (&strict["refresh_token"]["expiration_type"], &strict["third_party_security_mode"]),
        (&json!("expiring"), &json!("strict"))
    );
    let id = strict["client_id"].as_str().unwrap();
    assert!(id.len() == 26 && id.starts_with("tpc_"), "{id}");
    assert_eq!(strict["refresh_token"]["infinite_token_lifetime"], true);

    let refused = tenant
        .post(PATH, json!({ "name": "x", "is_first_party": false, "organization_usage": "allow" }))
        .await;
    assert!(refused.error().2.starts_with("Organizations are only available to first party clients"));
    let patched =
        tenant.patch(&path_of(&strict), json!({ "organization_require_behavior": "no_prompt" })).await;
    assert_eq!(patched.error().0, 403);
    let first = create(&tenant, json!({ "organization_usage": "allow" })).await;
    let patched = tenant.patch(&path_of(&first), json!({ "is_first_party": false })).await;
    assert_eq!(patched.error().0, 403);
    update(&tenant, &first, json!({ "is_first_party": false, "organization_usage": null })).await;
}

#[tokio::test]
async fn session_transfer_gets_defaults_on_its_creation() {
    let tenant = Tenant::new().await;
    let filled = json!({
        "can_create_session_transfer_token": false,
        "allowed_authentication_methods": [],
        "enforce_device_binding": "ip",
        "allow_refresh_token": false,
        "enforce_online_refresh_tokens": true,
        "enforce_cascade_revocation": true,
    });
    let mut sent = filled.clone();
    sent["allow_refresh_token"] = json!(true);
    let client = create(&tenant, json!({ "session_transfer": { "allow_refresh_token": true } })).await;
    assert_eq!(client["session_transfer"], sent);
    for patch in [json!({ "delegation": null }), json!({})] {
        let client = create(&tenant, json!({})).await;
        assert_eq!(client.get("session_transfer"), None);
        let answer = update(&tenant, &client, json!({ "session_transfer": patch })).await;
        assert_eq!(answer["session_transfer"], filled);
        let merged = update(&tenant, &client, json!({ "session_transfer": { "enforce_device_binding": null, "delegation": { "allow_delegated_access": true } } })).await;
        assert_eq!(merged["session_transfer"].get("enforce_device_binding"), None);
        assert_eq!(merged["session_transfer"]["delegation"], json!({ "allow_delegated_access": true }));
        assert_eq!(
            update(&tenant, &client, json!({ "session_transfer": {} })).await["session_transfer"],
            json!({})
        );
    }
}

#[tokio::test]
async fn oidc_logout_has_an_alias() {
    let tenant = Tenant::new().await;
    let logout = json!({ "backchannel_logout_urls": ["https://a.example/logout"] });
    for name in ["oidc_logout", "oidc_backchannel_logout"] {
        let client = create(&tenant, json!({ name: logout })).await;
        assert_eq!((&client["oidc_logout"], &client["oidc_backchannel_logout"]), (&logout, &logout));
        let patched =
            update(&tenant, &client, json!({ name: { "backchannel_logout_initiators": { "mode": "all" } } }))
                .await;
        assert_eq!(patched["oidc_logout"]["backchannel_logout_urls"], logout["backchannel_logout_urls"]);
        assert_eq!(patched["oidc_logout"], patched["oidc_backchannel_logout"]);
        let gone = update(&tenant, &client, json!({ name: null })).await;
        assert_eq!((gone.get("oidc_logout"), gone.get("oidc_backchannel_logout")), (None, None));
    }
    let both = create(&tenant, json!({ "oidc_backchannel_logout": {}, "oidc_logout": logout })).await;
    assert_eq!(both["oidc_logout"], logout);
}

/// Two values of each property that merges; the second is merged into the first.
fn samples() -> Vec<(&'static str, Value, Value)> {
    let express = json!({
        "initiate_login_uri_template": "https://{organization_name}.example/login",
        "user_attribute_profile_id": "uap_1",
        "connection_profile_id": "cop_1",
        "enable_client": true,
        "enable_organization": false,
        "okta_oin_client_id": "abc",
        "admin_login_domain": "admin.example",
    });
    let mut submitted = express.clone();
    submitted["oin_submission_id"] = json!("s");
    let mine = json!({ "allowed_strategies": ["okta"], "connection_deletion_behavior": "allow" });
    vec![
        (
            "oidc_logout",
            json!({ "backchannel_logout_urls": [""] }),
            json!({ "backchannel_logout_session_metadata": { "include": true } }),
        ),
        (
            "oidc_backchannel_logout",
            json!({ "x": 1 }),
            json!({ "backchannel_logout_initiators": { "mode": "custom", "selected_initiators": ["rp-logout"] } }),
        ),
        (
            "session_transfer",
            json!({ "allow_refresh_token": true }),
            json!({ "enforce_device_binding": "asn" }),
        ),
        (
            "jwt_configuration",
            json!({ "lifetime_in_seconds": 60 }),
            json!({ "alg": "PS256", "scopes": { "a": {} } }),
        ),
        ("encryption_key", json!({ "pub": "p", "own": [1] }), json!({ "cert": "c" })),
        (
            "addons",
            json!({ "slack": { "team": "t" }, "samlp": { "mappings": { "a": ["b"] }, "signResponse": true } }),
            json!({ "samlp": { "audience": "a" }, "sharepoint": { "external_url": ["u"] } }),
        ),
        (
            "mobile",
            json!({ "ios": { "team_id": "t" } }),
            json!({ "android": { "sha256_cert_fingerprints": ["aa"] } }),
        ),
        (
            "native_social_login",
            json!({ "apple": { "enabled": true } }),
            json!({ "google": { "enabled": false } }),
        ),
        (
            "fedcm_login",
            json!({ "google": { "is_enabled": true } }),
            json!({ "google": { "is_enabled": false } }),
        ),
        (
            "refresh_token",
            json!({ "leeway": 5 }),
            json!({ "policies": [{ "audience": "https://a", "scope": ["s"] }] }),
        ),
        (
            "default_organization",
            json!({ "organization_id": "org_1", "flows": ["client_credentials"] }),
            json!({ "organization_id": "org_2", "flows": [] }),
        ),
        ("signed_request_object", json!({ "required": true }), json!({ "credentials": [] })),
        (
            "token_vault_privileged_access",
            json!({ "credentials": [], "ip_allowlist": ["10.0.0.0/8", "::1"] }),
            json!({ "credentials": [] }),
        ),
        (
            "token_exchange",
            json!({ "allow_any_profile_of_type": [] }),
            json!({ "allow_any_profile_of_type": ["custom_authentication"] }),
        ),
        (
            "token_quota",
            json!({ "client_credentials": { "enforce": true, "per_hour": 1 } }),
            json!({ "client_credentials": { "per_day": 5 } }),
        ),
        ("identity_assertion_authorization_grant", json!({ "active": true }), json!({ "active": false })),
        ("anonymous_sessions", json!({ "active": true }), json!({ "active": false })),
        (
            "b2b_integration_configuration",
            json!({ "sso_profiles": [] }),
            json!({ "integration_type": "oin" }),
        ),
        ("express_configuration", express, submitted),
        ("my_organization_configuration", mine.clone(), mine),
    ]
}

#[tokio::test]
async fn objects_merge_at_their_first_level_and_no_deeper() {
    let tenant = Tenant::new().await;
    tenant.post("/api/v2/resource-servers", json!({ "identifier": "https://a", "name": "A" })).await;
    let samples = samples();
    let mut names: Vec<&str> = samples.iter().map(|(name, ..)| *name).collect();
    let mut all = merged_names();
    names.sort_unstable();
    all.sort_unstable();
    assert_eq!(names, all);
    for (name, first, second) in samples {
        let client = create(&tenant, json!({})).await;
        let before = update(&tenant, &client, json!({ name: first })).await[name].clone();
        let mut expected = before.as_object().unwrap().clone();
        expected.extend(second.as_object().unwrap().clone());
        let after = update(&tenant, &client, json!({ name: second })).await;
        assert_eq!(after[name], Value::Object(expected), "{name}");
        let emptied = tenant.patch(&path_of(&client), json!({ name: {} })).await;
        if emptied.status == 200 {
            assert_eq!(emptied.json[name], json!({}), "{name}");
        } else {
            // The schema has a minimum number of members, or required ones.
            assert_eq!(emptied.error().1, Some("invalid_body"), "{name}");
            assert_eq!(tenant.get(&path_of(&client)).await.json, after);
        }
        assert_eq!(update(&tenant, &client, json!({ name: null })).await.get(name), None, "{name}");
        // The same at creation.
        assert!(create(&tenant, json!({ name: first })).await.get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn settings_are_stored_and_answered() {
    let tenant = Tenant::new().await;
    let sent = json!({
        "client_aliases": ["urn:a"],
        "allowed_origins": ["https://*.example"],
        "web_origins": ["http://localhost:3000"],
        "callbacks": ["com.example.app:/callback", "https://{organization_name}.example/cb"],
        "allowed_logout_urls": ["https://a.example"],
        "initiate_login_uri": "https://a.example/{x}",
        "cross_origin_loc": "https://a.example",
        "logo_uri": "",
        "sso": true,
        "form_template": "<form>",
        "resource_server_identifier": "https://api.example",
        "redirection_policy": "allow_always",
        "require_proof_of_possession": true,
        "async_approval_notification_channels": ["email"],
        "compliance_level": "none",
        "par_request_expiry": 10,
    });
    let client = create(&tenant, sent.clone()).await;
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(&client[name], value, "{name}");
    }
    assert_eq!(tenant.get(&path_of(&client)).await.json, without_encrypted(&client));
}

#[tokio::test]
async fn invalid_setting_is_refused_with_its_path() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let before = tenant.get(&path_of(&client)).await.json;
    for (body, place) in [
        (
            json!({ "addons": { "toaster": {} } }),
            "Additional properties not allowed: toaster' on property addons",
        ),
        (json!({ "addons": { "slack": {} } }), "Missing required property: team"),
        (
            json!({ "addons": { "aws": { "lifetime_in_seconds": 1 } } }),
            "on property addons.aws.lifetime_in_seconds",
        ),
        (
            json!({ "addons": { "azure_blob": { "storageAccessKey": "é".repeat(44) } } }),
            "addons.azure_blob.storageAccessKey",
        ),
        (
            json!({ "addons": { "azure_blob": { "storageAccessKey": format!("{}==", "é".repeat(43)) } } }),
            "addons.azure_blob.storageAccessKey",
        ),
        (json!({ "addons": { "sharepoint": { "external_url": 1 } } }), "None of the valid schemas were met"),
        (json!({ "refresh_token": { "token_lifetime": 157_788_001 } }), "greater than maximum 157788000"),
        (json!({ "refresh_token": { "leeway": -1 } }), "less than minimum 0"),
        (json!({ "refresh_token": { "x": 1 } }), "Additional properties not allowed: x"),
        (
            json!({ "session_transfer": { "allowed_authentication_methods": ["smoke"] } }),
            "No enum match for: smoke",
        ),
        (json!({ "token_quota": { "client_credentials": {} } }), "Too few properties defined (0), minimum 1"),
        (json!({ "token_quota": { "client_credentials": { "per_day": 0 } } }), "less than minimum 1"),
        (
            json!({ "default_organization": { "organization_id": "org_1" } }),
            "Missing required property: flows",
        ),
        (json!({ "default_organization": { "organization_id": null, "flows": [] } }), "Expected type string"),
        (
            json!({ "native_social_login": { "apple": { "enabled": 1 } } }),
            "native_social_login.apple.enabled",
        ),
        (json!({ "callbacks": ["not a url"] }), "format callback-url"),
        (json!({ "callbacks": ["https://a.example", 1] }), "on property callbacks.1"),
        (json!({ "allowed_origins": ["nothing"] }), "format url-with-placeholders"),
        (json!({ "client_aliases": [""] }), "String is too short"),
        (json!({ "client_aliases": ["x".repeat(601)] }), "String is too long"),
        (json!({ "client_authentication_methods": {} }), "Too few properties"),
        (
            json!({ "client_authentication_methods": { "private_key_jwt": { "credentials": [] }, "tls_client_auth": { "credentials": [] } } }),
            "Too many properties defined (2), maximum 1",
        ),
        (
            json!({ "token_vault_privileged_access": { "credentials": [], "ip_allowlist": ["10.0.0.0/33"] } }),
            "ip_allowlist.0",
        ),
        (json!({ "jwt_configuration": { "alg": "none" } }), "No enum match for: none"),
        (json!({ "par_request_expiry": 9 }), "less than minimum 10"),
        (json!({ "async_approval_notification_channels": [] }), "Array is too short"),
        (json!({ "global": true }), "Additional properties not allowed: global"),
        (json!({ "signing_keys": [] }), "Additional properties not allowed: signing_keys"),
    ] {
        let answer = tenant.patch(&path_of(&client), body.clone()).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (400, Some("invalid_body")), "{body}");
        assert!(message.contains(place), "{body}: {message}");
        let mut whole = body.clone();
        whole["name"] = json!("x");
        assert_eq!(tenant.post(PATH, whole).await.status, 400, "{body}");
    }
    assert_eq!(tenant.patch(&path_of(&client), json!({})).await.error().1, Some("invalid_body"));
    assert_eq!(tenant.get(&path_of(&client)).await.json, before);
}

#[tokio::test]
async fn alias_is_unique_in_the_tenant() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let first = create(&tenant, json!({ "client_aliases": ["a", "b", "a"] })).await;
    assert_eq!(first["client_aliases"], json!(["a", "b", "a"]));
    create(&other, json!({ "client_aliases": ["a"] })).await;
    let second = create(&tenant, json!({ "client_aliases": ["c"] })).await;
    let taken = [
        tenant.post(PATH, json!({ "name": "x", "client_aliases": ["d", "b"] })).await,
        tenant.patch(&path_of(&second), json!({ "client_aliases": ["b"] })).await,
    ];
    for answer in taken {
        assert_eq!((answer.error().0, answer.error().2), (409, "Another client exists with the same alias."));
    }
    update(&tenant, &first, json!({ "client_aliases": ["a", "d"] })).await;
    update(&tenant, &second, json!({ "client_aliases": ["b", "c"] })).await;
    assert_eq!(tenant.delete(&path_of(&first)).await.status, 204);
    update(&tenant, &second, json!({ "client_aliases": ["a"] })).await;
}

#[tokio::test]
async fn secrets_in_settings_are_hidden_and_masked_in_the_journal() {
    let tenant = Tenant::new().await;
    let addons = json!({
        "firebase": { "secret": "hush-1", "client_email": "e" },
        "wams": { "masterkey": "hush-2" },
        "box": { "token": "hush-3" },
    });
    let client = create(&tenant, json!({ "addons": addons, "encryption_key": { "pub": "hush-4" } })).await;
    assert_eq!(client["addons"], addons);
    let token = tenant.token_with(&["read:clients", "update:clients"]).await;
    let seen = send(tenant.request("GET", &path_of(&client)).bearer_auth(&token)).await.json;
    assert_eq!(seen["addons"], json!({ "firebase": { "client_email": "e" }, "wams": {}, "box": {} }));
    assert_eq!(seen.get("encryption_key"), None);
    let patch = json!({ "addons": { "wams": { "masterkey": "hush-5" } }, "description": "d" });
    let answer = send(tenant.request("PATCH", &path_of(&client)).bearer_auth(&token).json(&patch)).await;
    assert_eq!((answer.status, &answer.json["addons"]["wams"]), (200, &json!({})));
    assert_eq!((answer.json.get("client_secret"), answer.json.get("encryption_key")), (None, None));
    assert_eq!(tenant.delete(&path_of(&client)).await.status, 204);
    let journal = tenant.journal(client["client_id"].as_str().unwrap()).await;
    assert!(!format!("{journal:?}").contains("hush-"), "{journal:?}");
    let masked = |side: &str| json!({ side: "*****" });
    assert_eq!(
        (&journal[0].1["addons"], &journal[0].1["encryption_key"]),
        (&masked("after"), &masked("after"))
    );
    assert_eq!(
        journal[1].1,
        json!({ "addons": { "before": "*****", "after": "*****" }, "description": { "after": "d" } })
    );
    assert_eq!(journal[2].1["addons"], masked("before"));
}

#[tokio::test]
async fn former_names_stay_in_step_with_the_present_ones() {
    let tenant = Tenant::new().await;
    let (former, present) = ("cross_origin_auth", "cross_origin_authentication");
    let in_step = |client: &Value, value: bool| {
        assert_eq!((&client[former], &client[present]), (&json!(value), &json!(value)), "{client}");
    };
    let client = create(&tenant, json!({ former: true })).await;
    in_step(&client, true);
    in_step(&create(&tenant, json!({ present: true })).await, true);
    in_step(&create(&tenant, json!({ present: false, former: true })).await, false);
    in_step(&update(&tenant, &client, json!({ former: false })).await, false);
    in_step(&update(&tenant, &client, json!({ present: true })).await, true);
    in_step(&update(&tenant, &client, json!({ former: true, present: false })).await, false);
    let answer = tenant.patch(&path_of(&client), json!({ former: null })).await;
    assert_eq!(answer.error().0, 400);
}

#[tokio::test]
async fn grant_types_are_those_of_auth0() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({ "grant_types": GRANT_TYPES })).await;
    assert_eq!(client["grant_types"], json!(GRANT_TYPES));
    let before = update(&tenant, &client, json!({ "grant_types": ["client_credentials"] })).await;
    let body = json!({ "name": "x", "grant_types": ["client_credential", "password", "pasword"] });
    let expected = (400, Some("invalid_body"), "Invalid grant types: client_credential, pasword");
    assert_eq!(tenant.post(PATH, body.clone()).await.error(), expected);
    assert_eq!(tenant.patch(&path_of(&client), body).await.error(), expected);
    assert_eq!(tenant.get(&path_of(&client)).await.json, before);
}

#[tokio::test]
async fn urls_of_clients_and_tenant_settings_follow_one_rule() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let lists = ["callbacks", "allowed_logout_urls", "web_origins", "allowed_origins"];
    for good in
        ["http://localhost:*", "com.example.app://host/callback", "https://{tenant}.example.com:{port}/*"]
    {
        for list in lists {
            update(&tenant, &client, json!({ list: [good] })).await;
        }
        // What people follow or see in a browser is on the web.
        let is_web = good.starts_with("http");
        for (name, value, is_valid) in [
            ("allowed_logout_urls", json!([good]), true),
            ("support_url", json!(good), is_web),
            ("picture_url", json!(good), is_web),
        ] {
            let answer = tenant.patch("/api/v2/tenants/settings", json!({ name: value })).await;
            assert_eq!(answer.status, if is_valid { 200 } else { 400 }, "{}", answer.text);
            assert!(!is_valid || answer.json[name] == value, "{}", answer.text);
        }
        let logo = tenant.patch(&path_of(&client), json!({ "logo_uri": good })).await;
        assert_eq!(logo.status, if is_web { 200 } else { 400 }, "{}", logo.text);
    }
    for bad in ["nowhere", "https://", "http://:80", "/path", "https://a b"] {
        for list in lists {
            assert_eq!(
                tenant.patch(&path_of(&client), json!({ list: [bad] })).await.error().0,
                400,
                "{list}: {bad}"
            );
        }
        for body in [json!({ "allowed_logout_urls": [bad] }), json!({ "support_url": bad })] {
            assert_eq!(tenant.patch("/api/v2/tenants/settings", body).await.error().0, 400, "{bad}");
        }
    }
}

#[tokio::test]
async fn client_for_express_configuration_has_its_defaults_no_secret_and_no_grants() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({ "app_type": "express_configuration" })).await;
    for (name, value) in [
        ("callbacks", json!(["https://system-admin.okta.com/admin/app/generic/oauth20redirect"])),
        ("organization_usage", json!("require")),
        ("organization_require_behavior", json!("pre_login_prompt")),
        ("client_authentication_methods", json!({ "private_key_jwt": { "credentials": [] } })),
    ] {
        assert_eq!(client[name], value, "{name}");
    }
    assert_eq!(client.get("client_secret"), None);
    assert_eq!(tenant.get(&path_of(&client)).await.json, without_encrypted(&client));
    let grant =
        json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": ["read:users"] });
    let refused = tenant.post("/api/v2/client-grants", grant).await;
    assert_eq!((refused.error().0, refused.error().1), (400, Some("validation_error")));
    let journal = tenant.journal(client["client_id"].as_str().unwrap()).await;
    assert_eq!(journal[0].1.get("client_secret"), None);
}

#[tokio::test]
async fn empty_oidc_logout_of_a_creation_gets_the_default_initiators() {
    let tenant = Tenant::new().await;
    let initiators = json!({ "mode": "custom", "selected_initiators": ["rp-logout", "idp-logout"] });
    let client = create(&tenant, json!({ "oidc_logout": {} })).await;
    assert_eq!(client["oidc_logout"], json!({ "backchannel_logout_initiators": initiators }));
    assert_eq!(client["oidc_backchannel_logout"], client["oidc_logout"]);
    let all = json!({ "backchannel_logout_initiators": { "mode": "all" } });
    assert_eq!(create(&tenant, json!({ "oidc_logout": all })).await["oidc_logout"], all);
    assert_eq!(create(&tenant, json!({})).await.get("oidc_logout"), None);
    assert_eq!(update(&tenant, &client, json!({ "oidc_logout": {} })).await["oidc_logout"], json!({}));
}

#[tokio::test]
async fn refresh_token_policies_name_apis_that_exist() {
    let tenant = Tenant::new().await;
    let policy = |audience: &str| json!({ "refresh_token": { "policies": [{ "audience": audience, "scope": ["read"] }] } });
    let client = create(&tenant, policy(&tenant.audience)).await;
    let mut body = policy("urn:api");
    body["name"] = json!("x");
    for refused in
        [tenant.post(PATH, body.clone()).await, tenant.patch(&path_of(&client), policy("urn:api")).await]
    {
        let (status, code, message) = refused.error();
        assert_eq!((status, code), (400, Some("invalid_body")));
        assert!(message.contains("refresh_token.policies"), "{message}");
    }
    assert_eq!(tenant.get(&path_of(&client)).await.json, without_encrypted(&client));
    tenant.post("/api/v2/resource-servers", json!({ "identifier": "urn:api", "name": "API" })).await;
    assert_eq!(tenant.post(PATH, body).await.status, 201);
    update(&tenant, &client, policy("urn:api")).await;
}

#[tokio::test]
async fn settings_of_2026_are_stored_and_answered() {
    let tenant = Tenant::new().await;
    let sent = json!({
        "identity_assertion_authorization_grant": { "active": true },
        "anonymous_sessions": { "active": false },
        "token_vault_privileged_access": { "credentials": [], "grants": [{ "connection": "c", "scopes": ["s"] }] },
    });
    let client = create(&tenant, sent.clone()).await;
    let changed = update(&tenant, &create(&tenant, json!({})).await, sent.clone()).await;
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!((&client[name], &changed[name]), (value, value), "{name}");
    }
    let removed = update(&tenant, &client, json!({ "identity_assertion_authorization_grant": null })).await;
    assert_eq!(removed.get("identity_assertion_authorization_grant"), None);
}
