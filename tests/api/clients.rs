//! `/api/v2/clients`.

use futures_util::future::join_all;
use roster::tenant_files::model::built_in_dev;
use serde_json::{Map, Value, json};

use crate::support::{Response, Tenant, apply, form, send, sql};

mod aliases;
mod credentials;
mod settings;

const PATH: &str = "/api/v2/clients";
const UNKNOWN: (u16, Option<&str>, &str) = (404, Some("inexistent_client"), "The client does not exist");

async fn create(tenant: &Tenant, more: Value) -> Value {
    let mut body = json!({ "name": "App" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = tenant.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

/// The answer to a creation as later answers repeat it.
fn without_encrypted(client: &Value) -> Value {
    let mut client = client.clone();
    assert_eq!(client.as_object_mut().unwrap().remove("encrypted"), Some(json!(true)));
    client
}

fn path_of(client: &Value) -> String {
    format!("{PATH}/{}", client["client_id"].as_str().unwrap())
}

async fn update(tenant: &Tenant, client: &Value, patch: Value) -> Value {
    let answer = tenant.patch(&path_of(client), patch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(tenant.get(&path_of(client)).await.json, answer.json);
    answer.json
}

async fn request_token(tenant: &Tenant, client: &Value) -> Response {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client["client_id"].as_str().unwrap()),
        ("client_secret", client["client_secret"].as_str().unwrap()),
        ("audience", tenant.audience.as_str()),
    ];
    send(form(tenant.request("POST", "/oauth/token"), &fields)).await
}

fn keys(count: usize) -> Value {
    Value::Object((0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<Map<_, _>>())
}

#[tokio::test]
async fn create_answers_defaults_and_a_secret() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    assert_eq!(client["client_id"].as_str().unwrap().len(), 32);
    assert_eq!(client["client_secret"].as_str().unwrap().len(), 64);
    assert_eq!(client["tenant"], tenant.name.as_str());
    insta::assert_json_snapshot!(client, {
        ".client_id" => "[id]",
        ".client_secret" => "[secret]",
        ".tenant" => "[tenant]",
        ".signing_keys[].cert" => "[cert]",
        ".signing_keys[].subject" => "[subject]",
    });
    assert_eq!(tenant.get(&path_of(&client)).await.json, without_encrypted(&client));
    assert_eq!(tenant.get(&format!("{PATH}/nobody")).await.error(), UNKNOWN);
}

#[tokio::test]
async fn create_merges_the_body_into_the_defaults() {
    let tenant = Tenant::new().await;
    let sent = json!({
        "token_endpoint_auth_method": "none",
        "jwt_configuration": { "alg": "RS256" },
        "refresh_token": { "expiration_type": "expiring", "leeway": null },
        "client_metadata": { "a": "b", "gone": null },
    });
    let client = create(&tenant, sent).await;
    assert_eq!(client["grant_types"], json!(["authorization_code", "implicit", "refresh_token"]));
    assert_eq!(
        client["jwt_configuration"],
        json!({ "alg": "RS256", "lifetime_in_seconds": 36000, "secret_encoded": false })
    );
    assert_eq!(client["refresh_token"]["infinite_token_lifetime"], false);
    assert_eq!(client["client_metadata"], json!({ "a": "b" }));
}

#[tokio::test]
async fn secret_is_sealed_and_not_in_the_journal() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({ "client_metadata": { "a": "b" } })).await;
    let rotated = tenant.post(&format!("{}/rotate-secret", path_of(&client)), json!({})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    update(&tenant, &client, json!({ "client_secret": "a secret of one's own" })).await;
    assert_eq!(tenant.delete(&path_of(&client)).await.status, 204);
    let id = client["client_id"].as_str().unwrap();
    let journal = tenant.journal(id).await;
    let kinds: Vec<&str> = journal.iter().map(|entry| entry.0.as_str()).collect();
    assert_eq!(kinds, ["client.created", "client.secret_rotated", "client.updated", "client.deleted"]);
    for secret in [&client["client_secret"], &rotated.json["client_secret"], &json!("a secret of one's own")]
    {
        assert!(!format!("{journal:?}").contains(secret.as_str().unwrap()));
    }
    assert_eq!(journal[0].1["client_metadata"], json!({ "a": { "after": "b" } }));
    let stored = sql("select settings from clients where tenant_id = $1", &[&tenant.name]).await;
    assert!(stored.iter().all(|row| row[0].get("client_secret").is_none()));
}

#[tokio::test]
async fn secret_is_visible_with_a_scope_for_keys_only() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({ "description": "d" })).await;
    let read = async |scope: &str, query: &str| {
        let token = tenant.token_with(&[scope]).await;
        send(tenant.request("GET", &format!("{}{query}", path_of(&client))).bearer_auth(token)).await
    };
    assert_eq!(read("read:client_keys", "").await.json, without_encrypted(&client));
    let mut without = without_encrypted(&client);
    without.as_object_mut().unwrap().retain(|name, _| name != "client_secret" && name != "signing_keys");
    assert_eq!(read("read:clients", "").await.json, without);
    assert_eq!(
        read("read:client_summary", "").await.json,
        json!({ "tenant": tenant.name, "client_id": client["client_id"], "name": "App", "description": "d" })
    );
    for secret in ["client_secret", "encryption_key", "signing_keys", "client_authentication_methods"] {
        let refused = read("read:clients", &format!("?fields=name,{secret}")).await;
        assert_eq!(refused.error().1, Some("insufficient_scope"), "{secret}");
    }
    assert_eq!(read("read:clients", "?fields=client_secret&include_fields=false").await.json, without);
}

#[tokio::test]
async fn secret_changes_with_a_scope_for_keys_only() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    for (scope, body) in [
        ("update:clients", json!({ "client_secret": "mine" })),
        ("update:client_keys", json!({ "description": "mine" })),
        ("update:client_keys", json!({ "client_secret": "mine", "description": "mine" })),
    ] {
        let token = tenant.token_with(&[scope]).await;
        let answer = send(tenant.request("PATCH", &path_of(&client)).bearer_auth(token).json(&body)).await;
        assert_eq!(answer.error().0, 403, "{scope} {body}");
    }
    assert_eq!(tenant.get(&path_of(&client)).await.json, without_encrypted(&client));
}

#[tokio::test]
async fn old_secret_is_invalid_immediately() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let grant =
        json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": ["read:users"] });
    assert_eq!(tenant.post("/api/v2/client-grants", grant).await.status, 201);
    assert_eq!(request_token(&tenant, &client).await.status, 200);
    let rotated = tenant.post(&format!("{}/rotate-secret", path_of(&client)), json!({})).await.json;
    assert_ne!(rotated["client_secret"], client["client_secret"]);
    assert_eq!(request_token(&tenant, &client).await.status, 401);
    assert_eq!(request_token(&tenant, &rotated).await.status, 200);
    let own = update(&tenant, &client, json!({ "client_secret": "one's own" })).await;
    assert_eq!(own["client_secret"], "one's own");
    assert_eq!(request_token(&tenant, &own).await.status, 200);
    // A scope to change keys shows no other key.
    let key = json!({ "encryption_key": { "pub": "-", "cert": "-", "subject": "-" } });
    assert_eq!(tenant.patch(&path_of(&client), key).await.status, 200);
    let token = tenant.token_with(&["update:client_keys"]).await;
    let path = format!("{}/rotate-secret", path_of(&client));
    let rotated = send(tenant.request("POST", &path).bearer_auth(token).json(&json!({}))).await.json;
    assert!(rotated["client_secret"].is_string(), "{rotated}");
    assert!(rotated.get("encryption_key").is_none() && rotated.get("signing_keys").is_none(), "{rotated}");
    let nobody = tenant.post(&format!("{PATH}/nobody/rotate-secret"), json!({})).await;
    assert_eq!(nobody.error(), UNKNOWN);
}

#[tokio::test]
async fn update_merges_objects_at_their_first_level() {
    let tenant = Tenant::new().await;
    let start = json!({
        "callbacks": ["https://a.example", "https://b.example"],
        "description": "d",
        "mobile": { "android": { "app_package_name": "a", "x": 1 }, "ios": { "team_id": "t" } },
        "organization_usage": "deny",
        "client_metadata": { "a": "1", "b": "2" },
    });
    let client = create(&tenant, start).await;
    let patch = json!({
        "callbacks": ["https://c.example"],
        "mobile": { "android": { "app_package_name": "b" } },
        "jwt_configuration": { "lifetime_in_seconds": 60 },
        "native_social_login": { "apple": { "enabled": true }, "google": null },
        "organization_usage": null,
        "client_metadata": { "a": null, "c": "3" },
    });
    let answer = update(&tenant, &client, patch).await;
    let mut expected = without_encrypted(&client);
    expected["callbacks"] = json!(["https://c.example"]);
    expected["mobile"] = json!({ "android": { "app_package_name": "b" }, "ios": { "team_id": "t" } });
    expected["jwt_configuration"]["lifetime_in_seconds"] = json!(60);
    expected["native_social_login"] = json!({ "apple": { "enabled": true } });
    expected["client_metadata"] = json!({ "b": "2", "c": "3" });
    expected.as_object_mut().unwrap().remove("organization_usage");
    assert_eq!(answer, expected);
    let cleared = update(&tenant, &client, json!({ "mobile": {}, "client_metadata": {} })).await;
    assert_eq!((&cleared["mobile"], &cleared["client_metadata"]), (&json!({}), &json!({})));
    assert_eq!(tenant.patch(&format!("{PATH}/nobody"), json!({ "name": "x" })).await.error(), UNKNOWN);
}

#[tokio::test]
async fn client_metadata_has_limits_before_and_after_the_merge() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({ "client_metadata": keys(10) })).await;
    let over = tenant.patch(&path_of(&client), json!({ "client_metadata": { "k10": "v" } })).await;
    assert_eq!(
        over.error(),
        (
            400,
            Some("invalid_body"),
            "Payload validation error: 'Too many properties defined (11), maximum 10' on property client_metadata (Metadata associated with the client)."
        )
    );
    assert_eq!(tenant.get(&path_of(&client)).await.json, without_encrypted(&client));
    let swapped = update(&tenant, &client, json!({ "client_metadata": { "k0": null, "k10": "v" } })).await;
    assert_eq!(swapped["client_metadata"].as_object().unwrap().len(), 10);
    let special = json!({ ":,-+=_*?\"/\\()<>@\t k1": "v".repeat(255) });
    assert_eq!(create(&tenant, json!({ "client_metadata": special })).await["client_metadata"], special);
    for bad in [
        keys(11),
        json!({ "a": "v".repeat(256) }),
        json!({ "k".repeat(256): "v" }),
        json!({ "a;b": "v" }),
        json!({ "a\u{e9}": "v" }),
        json!({ "a": 5 }),
        json!({ "a": ["x"] }),
        json!("x"),
    ] {
        let answer = tenant.post(PATH, json!({ "name": "x", "client_metadata": bad })).await;
        assert_eq!(answer.error().1, Some("invalid_body"), "{bad}");
    }
}

#[tokio::test]
async fn concurrent_updates_are_all_applied() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let path = path_of(&client);
    let answers = join_all((0..14).map(|n| {
        let patch = json!({ "client_metadata": { format!("k{n}"): "v" }, "mobile": { format!("x{n}"): n } });
        tenant.patch(&path, patch)
    }))
    .await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 10, "the limit holds in a race");
    let now = tenant.get(&path).await.json;
    assert_eq!(now["client_metadata"].as_object().unwrap().len(), 10);
    assert_eq!(now["mobile"].as_object().unwrap().len(), 10);
}

#[tokio::test]
async fn if_match_guards_an_update() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let path = path_of(&client);
    let tag = tenant.get(&path).await.header("etag").unwrap().to_owned();
    let patch = |description: &str| {
        tenant
            .authorized("PATCH", &path)
            .header("if-match", &tag)
            .json(&json!({ "description": description }))
    };
    assert_eq!(send(patch("one")).await.status, 200);
    let late = send(patch("two")).await;
    assert_eq!(late.error().1, Some("precondition_failed"));
    let present = tenant.get(&path).await;
    assert_eq!((late.header("etag"), &present.json["description"]), (present.header("etag"), &json!("one")));
    let known = present.header("etag").unwrap();
    assert_eq!(send(tenant.authorized("GET", &path).header("if-none-match", known)).await.status, 304);
}

#[tokio::test]
async fn list_has_pages_checkpoints_and_filters() {
    let tenant = Tenant::new().await;
    for app_type in ["spa", "native", "native"] {
        create(&tenant, json!({ "app_type": app_type, "is_first_party": app_type == "spa" })).await;
    }
    let all = tenant.get(PATH).await.json;
    let total = all.as_array().unwrap().len();
    let page = tenant.get(&format!("{PATH}?per_page=2&page=1&include_totals=true")).await.json;
    assert_eq!(
        (&page["start"], &page["limit"], &page["total"], &page["clients"][0]),
        (&json!(2), &json!(2), &json!(total), &all[2])
    );
    let first = tenant.get(&format!("{PATH}?take=1")).await.json;
    let rest = tenant.get(&format!("{PATH}?take=100&from={}", first["next"].as_str().unwrap())).await.json;
    assert_eq!((&first["clients"][0], &rest["clients"][0]), (&all[0], &all[1]));
    assert_eq!(rest.get("next"), None);
    let count =
        async |query: &str| tenant.get(&format!("{PATH}?{query}")).await.json.as_array().unwrap().len();
    assert_eq!(count("app_type=native").await, 2);
    assert_eq!(count("app_type=spa,native").await, 3);
    assert_eq!(count("is_global=false").await, total);
    assert_eq!(count("is_first_party=false").await, 2);
    let named = tenant.get(&format!("{PATH}?fields=name&app_type=spa")).await.json;
    assert_eq!(named, json!([{ "tenant": tenant.name, "name": "App" }]));
    assert_eq!(count("external_client_id=https://elsewhere.example").await, 0);
    let long = "x".repeat(121);
    let refused = tenant.get(&format!("{PATH}?external_client_id={long}")).await;
    assert_eq!(refused.error().1, Some("invalid_query_string"));
}

#[tokio::test]
async fn list_by_query_has_any_page_and_no_filter() {
    let tenant = Tenant::new().await;
    for q in ["client_grant.organization_id:org_abc", "client_grant.allow_any_organization:true"] {
        let found = tenant.get(&format!("{PATH}?take=5&q={q}")).await;
        assert_eq!((found.status, &found.json), (200, &json!({ "clients": [] })));
        assert_eq!(tenant.get(&format!("{PATH}?q={q}")).await.json, json!([]));
        let refused = tenant.get(&format!("{PATH}?take=5&is_first_party=true&q={q}")).await;
        assert_eq!(refused.error().1, Some("invalid_query_string"));
    }
    for q in [
        "x",
        "name:x",
        "client_grant.organization_id:x y",
        "client_grant.allow_any_organization:false",
        "*:*",
    ] {
        let answer = tenant.get(&format!("{PATH}?take=5&q={q}")).await;
        assert_eq!(answer.error().1, Some("invalid_query_string"), "{q}");
    }
}

#[tokio::test]
async fn global_client_is_never_deleted_and_gets_no_token() {
    let tenant = Tenant::new().await;
    let mut config = built_in_dev();
    (config.name, config.hosts, config.loopback) = (tenant.name.clone(), vec![tenant.host.clone()], false);
    assert!(apply(&config).await.is_empty(), "applied again");
    let listed = tenant.get(&format!("{PATH}?is_global=true&include_totals=true")).await.json;
    assert_eq!(listed["total"], 1);
    let global = &listed["clients"][0];
    assert_eq!((&global["global"], &global["name"]), (&json!(true), &json!("All Applications")));
    for absent in ["jwt_configuration", "grant_types", "is_token_endpoint_ip_header_trusted", "client_secret"]
    {
        assert_eq!(global.get(absent), None, "{absent}");
    }
    for listed in ["", "?is_global=false", "?fields=client_id"] {
        let all = tenant.get(&format!("{PATH}{listed}")).await.json;
        assert!(all.as_array().unwrap().iter().all(|client| client["client_id"] != global["client_id"]));
    }
    let connections = tenant.get("/api/v2/connections").await;
    assert!(connections.text.contains("enabled_clients"));
    assert!(!connections.text.contains(global["client_id"].as_str().unwrap()));
    let refused = tenant.delete(&path_of(global)).await;
    assert_eq!(refused.error(), (400, Some("operation_not_supported"), "Global client cannot be deleted."));
    let page = json!({ "custom_login_page": "<p>Hello</p>", "grant_types": ["client_credentials"] });
    let changed = update(&tenant, global, page).await;
    assert_eq!(changed["custom_login_page"], "<p>Hello</p>");
    let rotated = tenant.post(&format!("{}/rotate-secret", path_of(global)), json!({})).await;
    assert_eq!(rotated.error(), UNKNOWN);
    let id = &global["client_id"];
    let grant = json!({ "client_id": id, "audience": tenant.audience, "scope": ["read:users"] });
    assert_eq!(tenant.post("/api/v2/client-grants", grant).await.error(), UNKNOWN);
    let credential = json!({ "credential_type": "cert_subject_dn", "subject_dn": "CN=example.com" });
    let refused = tenant.post(&format!("{}/credentials", path_of(global)), credential).await;
    assert_eq!(refused.error(), UNKNOWN);
    let connection = &connections.json[0];
    let path = format!("/api/v2/connections/{}", connection["id"].as_str().unwrap());
    let refused = tenant.patch(&path, json!({ "enabled_clients": [id] })).await;
    assert_eq!(refused.error().0, 400);
    let enable = json!([{ "client_id": id, "status": true }]);
    assert_eq!(tenant.patch(&format!("{path}/clients"), enable).await.error().0, 404);
    assert_eq!(&tenant.get(&path).await.json, connection);
    let own = tenant.patch(&path_of(global), json!({ "client_secret": "mine" })).await.json;
    assert_eq!(
        request_token(&tenant, &json!({ "client_id": id, "client_secret": "mine" })).await.status,
        401,
        "{own}"
    );
}

#[tokio::test]
async fn fields_exclude_tenant_if_the_tenant_is_so_configured() {
    let tenant = Tenant::with(|config| config.compat.clients_keep_tenant = false).await;
    let client = create(&tenant, json!({ "app_type": "spa" })).await;
    let named = tenant.get(&format!("{PATH}?fields=name&app_type=spa")).await.json;
    assert_eq!(named, json!([{ "name": "App" }]));
    let path = path_of(&client);
    assert_eq!(tenant.get(&format!("{path}?fields=name")).await.json, json!({ "name": "App" }));
    assert_eq!(tenant.get(&path).await.json["tenant"], tenant.name.as_str());
    let patched = tenant.patch(&format!("{path}?fields=description"), json!({ "description": "d" })).await;
    assert_eq!(patched.json, tenant.get(&path).await.json, "a PATCH ignores fields");
}

#[tokio::test]
async fn create_refuses_invalid_bodies() {
    let tenant = Tenant::new().await;
    for (body, reason) in [
        (json!({}), "Missing required property: name"),
        (json!({ "name": "a<b" }), "String does not match pattern ^[^<>]+$: a<b"),
        (
            json!({ "name": "x", "favourite_colour": 1 }),
            "Additional properties not allowed: favourite_colour",
        ),
        (json!({ "name": "x", "app_type": "toaster" }), "No enum match for: toaster"),
        (json!({ "name": "x", "description": "d".repeat(141) }), "String is too long (141 chars)"),
        (json!({ "name": "x", "client_secret": "s" }), "Additional properties not allowed: client_secret"),
        (
            json!({ "name": "x", "initiate_login_uri": "http://x" }),
            "Object didn't pass validation for format absolute-https-uri",
        ),
    ] {
        let answer = tenant.post(PATH, body).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (400, Some("invalid_body")));
        assert!(message.contains(reason), "{message}");
    }
}

#[tokio::test]
async fn list_links_to_its_pages_in_the_recorded_order() {
    let tenant = Tenant::new().await;
    for _ in 0..4 {
        create(&tenant, json!({ "app_type": "spa" })).await;
    }
    let link = async |query: &str| {
        let answer = tenant.get(&format!("{PATH}?app_type=spa{query}")).await;
        answer.header("link").map(str::to_owned)
    };
    let page = |number: u8, rel: &str| {
        format!("<https://{}{PATH}?app_type=spa&page={number}&per_page=2>; rel=\"{rel}\"", tenant.host)
    };
    let first = [page(0, "first"), page(1, "next"), page(1, "last")].join(", ");
    assert_eq!(link("&per_page=2").await, Some(first));
    let last = [page(0, "first"), page(0, "prev"), page(1, "last")].join(", ");
    assert_eq!(link("&page=1&per_page=2").await, Some(last));
    assert_eq!(link("&take=2").await, None);
}
