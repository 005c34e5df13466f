//! Tenant files: a file owns the keys that it names, the API owns all others.

use roster::tenant_files::model::{TenantConfig, read_file};
use serde_json::{Value, json};

use crate::support::{CONNECTION, Tenant, apply, overtaken, sql, try_apply, unique};

/// A tenant file with a name.
fn file(name: &str, text: &str) -> TenantConfig {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tenant.toml");
    std::fs::write(&path, format!("name = '{name}'\nhosts = ['{name}.test']\n{text}")).unwrap();
    read_file(&path).unwrap()
}

const FILE: &str = "
    token_lifetime = 100
    [limits]
    metadata_bytes = 5000
    [compat]
    offset_cap = 60
    signup_user_exists_error = false
    [[connections]]
    name = 'Username-Password-Authentication'
    password_policy = 'fair'
    username_max = 20
    enabled_clients = ['Site']
    attributes = { email = 'required', username = 'optional' }
    [[clients]]
    name = 'Management'
    app_type = 'non_interactive'
    [[clients.grants]]
    audience = 'management'
    scope = '*'
    [[clients]]
    name = 'Site'
    app_type = 'spa'
    client_secret = 'from-the-file'
    grant_types = ['password']
    client_metadata = { team = 'platform' }
";

/// A tenant from a file.
async fn tenant(text: &str) -> (Tenant, TenantConfig) {
    let config = file(&unique("f"), text);
    let made = config.clone();
    (Tenant::with(|config| *config = made).await, config)
}

/// Everything that a write of a tenant changes: journal rows, versions, times.
async fn writes(tenant: &Tenant) -> Vec<Vec<Value>> {
    let mut all = sql("select count(*) as n from journal where tenant_id = $1", &[&tenant.name]).await;
    all.extend(
        sql("select tenant_settings_version, updated_at from tenants where tenant_id = $1", &[&tenant.name])
            .await,
    );
    all.extend(
        sql(
            "select client_id, version, updated_at from clients where tenant_id = $1 order by client_id",
            &[&tenant.name],
        )
        .await,
    );
    all.extend(
        sql(
            "select connection_id, version, updated_at from connections where tenant_id = $1",
            &[&tenant.name],
        )
        .await,
    );
    all.extend(
        sql("select grant_id, updated_at from client_grants where tenant_id = $1", &[&tenant.name]).await,
    );
    all
}

async fn client(tenant: &Tenant, name: &str) -> Value {
    let clients = tenant.get("/api/v2/clients").await.json;
    clients.as_array().unwrap().iter().find(|client| client["name"] == name).unwrap().clone()
}

async fn options(tenant: &Tenant) -> Value {
    tenant.get(&format!("/api/v2/connections?name={CONNECTION}")).await.json[0]["options"].clone()
}

#[tokio::test]
async fn file_applied_twice_writes_nothing() {
    let (tenant, config) = tenant(FILE).await;
    let before = writes(&tenant).await;
    assert_eq!(apply(&config).await, Vec::<String>::new());
    assert_eq!(writes(&tenant).await, before);
}

#[tokio::test]
async fn file_resets_only_the_keys_that_it_names() {
    let (tenant, config) = tenant(FILE).await;
    let site = client(&tenant, "Site").await;
    let path = format!("/api/v2/clients/{}", site["client_id"].as_str().unwrap());
    let changed = tenant
        .patch(
            &path,
            json!({
                "app_type": "native", "grant_types": [], "description": "mine", "client_secret": "another",
                "callbacks": ["https://a.example/"], "client_metadata": { "team": "other", "own": "x" },
                "jwt_configuration": { "lifetime_in_seconds": 7 },
            }),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let flags = json!({ "enable_public_signup_user_exists_error": true, "enable_sso": false });
    tenant.patch("/api/v2/tenants/settings", json!({ "friendly_name": "Acme", "flags": flags })).await;
    let grants = tenant.get("/api/v2/client-grants").await.json;
    let grant = format!("/api/v2/client-grants/{}", grants[0]["id"].as_str().unwrap());
    tenant
        .patch(&grant, json!({ "scope": ["read:users"], "authorization_details_types": ["payment"] }))
        .await;
    // A change of the connection as the API makes it.
    crate::support::execute(
        "update connections set options = options || '{\"passwordPolicy\": \"low\", \"disable_signup\": true, \"import_mode\": true, \"attributes\": {\"phone_number\": {\"identifier\": {\"active\": true}}}}', enabled_clients = '{}' where tenant_id = $1",
        &[&tenant.name],
    )
    .await;

    let report = apply(&config).await;
    assert_eq!(
        report,
        [
            format!("changed tenant {}", tenant.name),
            format!("changed grant of Management for {}", tenant.audience),
            "changed client Site".to_owned(),
            format!("changed connection {CONNECTION}"),
        ]
    );
    let now = tenant.get(&path).await.json;
    for (name, value) in [
        ("app_type", json!("spa")),
        ("grant_types", json!(["password"])),
        ("client_secret", json!("from-the-file")),
        ("client_metadata", json!({ "team": "platform", "own": "x" })),
        ("description", json!("mine")),
        ("callbacks", json!(["https://a.example/"])),
        ("jwt_configuration", json!({ "lifetime_in_seconds": 7, "secret_encoded": false })),
    ] {
        assert_eq!(now[name], value, "{name}");
    }
    let settings = tenant.get("/api/v2/tenants/settings").await.json;
    assert_eq!(settings["friendly_name"], "Acme");
    assert_eq!(settings["flags"]["enable_sso"], false);
    assert_eq!(settings["flags"]["enable_public_signup_user_exists_error"], false);
    let grant = tenant.get(&grant).await.json;
    assert!(grant["scope"].as_array().unwrap().len() > 1);
    assert_eq!(grant["authorization_details_types"], json!(["payment"]));
    let options = options(&tenant).await;
    assert_eq!(
        (&options["passwordPolicy"], &options["attributes"]["username"]["validation"]["max_length"]),
        (&json!("fair"), &json!(20))
    );
    assert_eq!((&options["disable_signup"], &options["import_mode"]), (&json!(true), &json!(true)));
    assert_eq!(options["attributes"]["email"]["signup"]["status"], "required");
    assert_eq!(options["attributes"]["phone_number"]["identifier"]["active"], true);
    let before = writes(&tenant).await;
    assert!(apply(&config).await.is_empty());
    assert_eq!(writes(&tenant).await, before);
}

#[tokio::test]
async fn key_removed_from_the_file_keeps_its_value() {
    let (tenant, config) = tenant(FILE).await;
    let (before, site, had) = (writes(&tenant).await, client(&tenant, "Site").await, options(&tenant).await);
    let less = "
        [[connections]]
        name = 'Username-Password-Authentication'
        [[clients]]
        name = 'Site'
        app_type = 'spa'
    ";
    assert!(apply(&file(&config.name, less)).await.is_empty());
    assert_eq!(writes(&tenant).await, before);
    assert_eq!(client(&tenant, "Site").await, site);
    assert_eq!(options(&tenant).await, had);
    assert_eq!(tenant.get("/api/v2/client-grants").await.json.as_array().unwrap().len(), 1);
    let lifetime = |wanted: i64| async move {
        let row = sql("select settings from tenants where tenant_id = $1", &[&config.name]).await;
        assert_eq!(row[0][0]["token_lifetime"], wanted);
        assert_eq!(row[0][0]["limits"]["metadata_bytes"], 5000);
    };
    lifetime(100).await;
}

#[tokio::test]
async fn options_that_the_named_ones_exclude_are_removed() {
    let text = |identifiers: &str| {
        format!(
            "[[connections]]\nname = '{CONNECTION}'\n{identifiers}\n[[clients]]\nname = 'M'\napp_type = 'spa'\n[[clients.grants]]\naudience = 'management'\nscope = '*'"
        )
    };
    let (tenant, _) = tenant(&text("attributes = { email = 'required' }")).await;
    assert!(options(&tenant).await.get("attributes").is_some());
    let by_username = file(&tenant.name, &text("requires_username = true"));
    assert_eq!(apply(&by_username).await, [format!("changed connection {CONNECTION}")]);
    let now = options(&tenant).await;
    assert!(now.get("attributes").is_none() && now["requires_username"] == true, "{now}");
    assert!(apply(&by_username).await.is_empty());
    let not_required = file(&tenant.name, &text("requires_username = false"));
    assert_eq!(apply(&not_required).await, [format!("changed connection {CONNECTION}")]);
    assert!(options(&tenant).await.get("requires_username").is_none());
    assert!(apply(&not_required).await.is_empty());
    let by_email = file(&tenant.name, &text("attributes = { email = 'required' }"));
    assert_eq!(apply(&by_email).await, [format!("changed connection {CONNECTION}")]);
    let now = options(&tenant).await;
    assert!(now.get("attributes").is_some() && now.get("requires_username").is_none(), "{now}");
    assert!(apply(&by_email).await.is_empty());
}

#[tokio::test]
async fn enabled_clients_stay_if_the_file_does_not_name_them() {
    let text = |more: &str| {
        format!(
            "[[connections]]\nname = '{CONNECTION}'\n{more}\n[[clients]]\nname = 'M'\napp_type = 'spa'\n[[clients.grants]]\naudience = 'management'\nscope = '*'"
        )
    };
    let (tenant, _) = tenant(&text("enabled_clients = ['M']")).await;
    let disabled = [
        "update connections set version = version + 1 where tenant_id = $1 and name = $2",
        "delete from connection_clients where tenant_id = $1",
    ];
    let config = file(&tenant.name, &text("requires_username = true"));
    let report = Box::pin(overtaken(&disabled, [&tenant.name, CONNECTION], apply(&config))).await;
    assert_eq!(report, [format!("changed connection {CONNECTION}")]);
    let connection = tenant.get(&format!("/api/v2/connections?name={CONNECTION}")).await.json;
    assert_eq!(connection[0]["enabled_clients"], serde_json::json!([]));
    // And enabled clients stay enabled.
    assert_eq!(apply(&file(&tenant.name, &text("enabled_clients = ['M']"))).await.len(), 1);
    assert_eq!(apply(&file(&tenant.name, &text("disable_signup = true"))).await.len(), 1);
    let connection = tenant.get(&format!("/api/v2/connections?name={CONNECTION}")).await.json;
    assert_eq!(connection[0]["enabled_clients"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn management_audience_stays_when_the_domain_changes() {
    let (tenant, config) = tenant(FILE).await;
    let moved = format!("{}-moved.test", tenant.name);
    let mut config = config;
    config.hosts.insert(0, moved.clone());
    assert_eq!(
        apply(&config).await,
        [
            format!("changed tenant {}", tenant.name),
            format!("changed hosts of {}: {moved}, {}", tenant.name, tenant.host)
        ]
    );
    let grants = tenant.get("/api/v2/client-grants").await.json;
    assert_eq!((grants.as_array().unwrap().len(), &grants[0]["audience"]), (1, &json!(tenant.audience)));
}

#[tokio::test]
async fn secret_in_the_file_replaces_and_a_generated_one_stays() {
    let text = |more: &str| {
        format!(
            "[[clients]]\nname = 'Site'\napp_type = 'spa'\n{more}\n[[clients.grants]]\naudience = 'management'\nscope = '*'"
        )
    };
    let (tenant, config) = tenant(&text("")).await;
    let generated = client(&tenant, "Site").await["client_secret"].clone();
    assert!(apply(&config).await.is_empty());
    assert_eq!(client(&tenant, "Site").await["client_secret"], generated);
    let rotated = format!(
        "/api/v2/clients/{}/rotate-secret",
        client(&tenant, "Site").await["client_id"].as_str().unwrap()
    );
    let rotated = tenant.post(&rotated, json!({})).await.json["client_secret"].clone();
    assert!(apply(&config).await.is_empty());
    assert_eq!(client(&tenant, "Site").await["client_secret"], rotated);
    assert_eq!(apply(&file(&tenant.name, &text("client_secret = 'mine'"))).await, ["changed client Site"]);
    assert_eq!(client(&tenant, "Site").await["client_secret"], "mine");
}

#[tokio::test]
async fn client_metadata_of_file_and_api_share_the_limit() {
    let text = |keys: usize| {
        let keys: Vec<String> = (0..keys).map(|n| format!("f{n} = 'x'")).collect();
        format!(
            "[[clients]]\nname = 'Site'\napp_type = 'spa'\nclient_metadata = {{ {} }}\n[[clients.grants]]\naudience = 'management'\nscope = '*'",
            keys.join(", ")
        )
    };
    let (tenant, _) = tenant(&text(6)).await;
    let path = format!("/api/v2/clients/{}", client(&tenant, "Site").await["client_id"].as_str().unwrap());
    let own: Value = (0..4).map(|n| (format!("a{n}"), json!("x"))).collect();
    assert_eq!(tenant.patch(&path, json!({ "client_metadata": own })).await.status, 200);
    let before = writes(&tenant).await;
    let refused = try_apply(&file(&tenant.name, &text(7))).await.unwrap_err();
    assert!(refused.message.contains("would have 11 keys"), "{}", refused.message);
    assert_eq!(writes(&tenant).await, before);
}

/// Concurrent changes of other keys of the same rows through the API: no update is lost.
#[tokio::test]
async fn file_and_api_at_once_lose_no_update() {
    let (tenant, mut config) = tenant(FILE).await;
    let path = format!("/api/v2/clients/{}", client(&tenant, "Site").await["client_id"].as_str().unwrap());
    for run in 0..5 {
        config.clients[1].grant_types = Some(vec!["password".into(), format!("run{run}")]);
        config.token_lifetime = 200 + run;
        let applied = apply(&config);
        let settings = tenant.patch("/api/v2/tenants/settings", json!({ "friendly_name": run.to_string() }));
        let described = tenant.patch(&path, json!({ "description": run.to_string() }));
        let (_, settings, described) = tokio::join!(applied, settings, described);
        assert_eq!((settings.status, described.status), (200, 200));
        let now = tenant.get(&path).await.json;
        assert_eq!(
            (&now["description"], &now["grant_types"][1]),
            (&json!(run.to_string()), &json!(format!("run{run}")))
        );
        assert_eq!(tenant.get("/api/v2/tenants/settings").await.json["friendly_name"], run.to_string());
    }
}
