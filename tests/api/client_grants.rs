//! `/api/v2/client-grants`, and the tokens that a grant allows.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Tenant, form, overtaken, send, sql};

const PATH: &str = "/api/v2/client-grants";
const API: &str = "https://api.example.com/";
const UNKNOWN: (u16, Option<&str>, &str) =
    (404, Some("inexistent_client_grant"), "The grant does not exist.");

async fn create(tenant: &Tenant, path: &str, body: Value) -> Value {
    let answer = tenant.post(path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

async fn create_client(tenant: &Tenant) -> Value {
    create(tenant, "/api/v2/clients", json!({ "name": "Grantee", "app_type": "non_interactive" })).await
}

fn path_of(grant: &Value) -> String {
    format!("{PATH}/{}", grant["id"].as_str().unwrap())
}

async fn request_token(tenant: &Tenant, client: &Value, audience: &str) -> Response {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client["client_id"].as_str().unwrap()),
        ("client_secret", client["client_secret"].as_str().unwrap()),
        ("audience", audience),
    ];
    send(form(tenant.request("POST", "/oauth/token"), &fields)).await
}

#[tokio::test]
async fn grant_gives_its_scopes_until_it_is_deleted() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let audience = tenant.audience.as_str();
    assert_eq!(request_token(&tenant, &client, audience).await.status, 403);
    let body = json!({ "client_id": client["client_id"], "audience": audience, "scope": ["read:users", "read:users"] });
    let grant = create(&tenant, PATH, body).await;
    assert!(grant["id"].as_str().unwrap().starts_with("cgr_"));
    assert_eq!(
        grant,
        json!({ "id": grant["id"], "client_id": client["client_id"], "audience": audience, "scope": ["read:users"], "subject_type": "client" })
    );
    assert_eq!(tenant.get(&path_of(&grant)).await.json, grant);
    assert_eq!(request_token(&tenant, &client, audience).await.json["scope"], "read:users");
    let changed = tenant.patch(&path_of(&grant), json!({ "scope": ["create:users"] })).await;
    assert_eq!((changed.status, &changed.json["scope"]), (200, &json!(["create:users"])));
    assert_eq!(request_token(&tenant, &client, audience).await.json["scope"], "create:users");
    assert_eq!(tenant.delete(&path_of(&grant)).await.status, 204);
    assert_eq!(tenant.delete(&path_of(&grant)).await.status, 204);
    assert_eq!(tenant.get(&path_of(&grant)).await.error(), UNKNOWN);
    assert_eq!(tenant.patch(&path_of(&grant), json!({ "scope": [] })).await.error(), UNKNOWN);
    assert_eq!(request_token(&tenant, &client, audience).await.status, 403);
    let kinds: Vec<String> =
        tenant.journal(grant["id"].as_str().unwrap()).await.into_iter().map(|entry| entry.0).collect();
    assert_eq!(kinds, ["client_grant.created", "client_grant.updated", "client_grant.deleted"]);
}

#[tokio::test]
async fn create_requires_an_existing_client_and_api() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let grant = |client_id: &Value, audience: &str| {
        tenant.post(PATH, json!({ "client_id": client_id, "audience": audience, "scope": ["do:anything"] }))
    };
    assert_eq!(
        grant(&json!("nobody"), API).await.error(),
        (404, Some("inexistent_client"), "The client does not exist")
    );
    assert_eq!(
        grant(&client["client_id"], API).await.error(),
        (404, Some("inexistent_resource_server"), "The resource server does not exist")
    );
    create(&tenant, "/api/v2/resource-servers", json!({ "identifier": API, "name": "API" })).await;
    assert_eq!(grant(&client["client_id"], API).await.status, 201);
    assert_eq!(
        grant(&client["client_id"], API).await.error(),
        (
            409,
            Some("client_grant_conflict"),
            "A client grant for this client and resource server already exists."
        )
    );
    let other = Tenant::new().await;
    let theirs = json!({ "client_id": client["client_id"], "audience": other.audience, "scope": [] });
    assert_eq!(other.post(PATH, theirs).await.status, 404);
}

#[tokio::test]
async fn grant_for_the_management_api_has_only_its_scopes() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let refused = (
        400,
        Some("invalid_body"),
        "Payload validation error: scope must be a subset of resource server scopes",
    );
    let body = |scope: &str| json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": [scope] });
    assert_eq!(tenant.post(PATH, body("read:everything")).await.error(), refused);
    let grant = create(&tenant, PATH, body("read:users")).await;
    let changed = tenant.patch(&path_of(&grant), json!({ "scope": ["read:everything"] })).await;
    assert_eq!(changed.error(), refused);
    assert_eq!(tenant.get(&path_of(&grant)).await.json, grant);
}

#[tokio::test]
async fn grant_for_the_management_api_is_one_under_all_names() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let ported = format!("https://{}:8443/api/v2/", tenant.host);
    let body = |audience: &str| json!({ "client_id": client["client_id"], "audience": audience, "scope": ["read:users"] });
    assert_eq!(create(&tenant, PATH, body(&ported)).await["audience"], tenant.audience.as_str());
    assert_eq!(tenant.post(PATH, body(&tenant.audience)).await.status, 409);
    let of_client = format!("{PATH}?client_id={}", client["client_id"].as_str().unwrap());
    assert_eq!(tenant.get(&of_client).await.json[0]["audience"], tenant.audience.as_str());
    let named = format!("{of_client}&audience={}", ported.replace(':', "%3A").replace('/', "%2F"));
    assert_eq!(tenant.get(&named).await.json[0]["audience"], tenant.audience.as_str());
    assert_eq!(request_token(&tenant, &client, &tenant.audience).await.status, 200);
}

#[tokio::test]
async fn list_has_pages_and_checkpoints() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    for n in 0..3 {
        let identifier = format!("https://api{n}.example.com/");
        create(&tenant, "/api/v2/resource-servers", json!({ "identifier": identifier, "name": "API" })).await;
        create(&tenant, PATH, json!({ "client_id": client["client_id"], "audience": identifier })).await;
    }
    let of_client = format!("{PATH}?client_id={}", client["client_id"].as_str().unwrap());
    let all = tenant.get(&of_client).await.json;
    assert_eq!(all.as_array().unwrap().len(), 3);
    let second = tenant.get(&format!("{of_client}&per_page=2&page=1&include_totals=true")).await.json;
    assert_eq!(second, json!({ "start": 2, "limit": 2, "client_grants": [all[2]], "total": 3 }));
    let first = tenant.get(&format!("{of_client}&take=2")).await.json;
    assert_eq!(first["client_grants"], json!([all[0], all[1]]));
    let next = first["next"].as_str().unwrap();
    assert_eq!(
        tenant.get(&format!("{of_client}&take=2&from={next}")).await.json,
        json!({ "client_grants": [all[2]] })
    );
    let of_api = tenant.get(&format!("{PATH}?audience=https%3A%2F%2Fapi1.example.com%2F")).await.json;
    assert_eq!(of_api.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn concurrent_creations_leave_one_grant() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let body = json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": [] });
    let answers = join_all((0..8).map(|_| tenant.post(PATH, body.clone()))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn client_deletion_deletes_its_grants() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let id = client["client_id"].as_str().unwrap();
    let grant = create(
        &tenant,
        PATH,
        json!({ "client_id": id, "audience": tenant.audience, "scope": ["read:users"] }),
    )
    .await;
    assert_eq!(tenant.delete(&format!("/api/v2/clients/{id}")).await.status, 204);
    assert_eq!(tenant.get(&path_of(&grant)).await.error(), UNKNOWN);
    let left = sql(
        "select grant_id from client_grants where tenant_id = $1 and client_id = $2",
        &[&tenant.name, id],
    )
    .await;
    assert!(left.is_empty());
    let journal = tenant.journal(grant["id"].as_str().unwrap()).await;
    assert_eq!(journal.last().unwrap().0, "client_grant.deleted");
}

#[tokio::test]
async fn create_refuses_invalid_bodies() {
    let tenant = Tenant::new().await;
    for (body, reason) in [
        (json!({ "client_id": "x" }), "Missing required property: audience"),
        (json!({ "audience": "x" }), "Missing required property: client_id"),
        (json!({ "client_id": "x", "audience": "x", "scope": [""] }), "String is too short (0 chars)"),
        (json!({ "client_id": "x", "audience": "x", "subject_type": "other" }), "No enum match for: other"),
        (json!({ "client_id": "x", "audience": "x", "subject_type": null }), "found type null"),
        (json!({ "client_id": "x", "audience": "x", "scope": null }), "found type null"),
        (
            json!({ "client_id": "x", "audience": "x", "scope": ["x".repeat(281)] }),
            "String is too long (281 chars)",
        ),
        (
            json!({ "client_id": "x", "audience": "x", "organization_usage": "maybe" }),
            "No enum match for: maybe",
        ),
        (json!({ "client_id": "x", "audience": "x", "allow_any_organization": "true" }), "found type string"),
        (json!({ "client_id": "x", "audience": "x", "allow_all_scopes": 1 }), "found type integer"),
        (
            json!({ "client_id": "x", "audience": "x", "authorization_details_types": [""] }),
            "String is too short (0 chars)",
        ),
        (
            json!({ "client_id": "x", "audience": "x", "default_for": "third_party_clients" }),
            "Cannot set both client_id and default_for",
        ),
        (
            json!({ "client_id": "x", "audience": "x", "extra": 1 }),
            "Additional properties not allowed: extra",
        ),
    ] {
        let answer = tenant.post(PATH, body).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (400, Some("invalid_body")));
        assert!(message.contains(reason), "{message}");
    }
}

/// Creates an API with two scopes that requires a grant for tokens of users.
async fn create_api(tenant: &Tenant) -> Value {
    let body = json!({
        "identifier": API,
        "name": "API",
        "scopes": [{ "value": "read" }, { "value": "write" }],
        "subject_type_authorization": { "user": { "policy": "require_client_grant" } },
    });
    create(tenant, "/api/v2/resource-servers", body).await
}

#[tokio::test]
async fn settings_are_stored_updated_and_removed() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    create_api(&tenant).await;
    let sent = json!({
        "client_id": client["client_id"], "audience": API, "scope": ["read"], "subject_type": "user",
        "organization_usage": "allow", "allow_any_organization": true,
        "authorization_details_types": ["payment"], "allow_all_scopes": false,
    });
    let grant = create(&tenant, PATH, sent.clone()).await;
    let mut expected = sent;
    expected["id"] = grant["id"].clone();
    assert_eq!(grant, expected);
    let path = path_of(&grant);
    let changed =
        tenant.patch(&path, json!({ "authorization_details_types": [], "organization_usage": "deny" })).await;
    (expected["authorization_details_types"], expected["organization_usage"]) = (json!([]), json!("deny"));
    assert_eq!((changed.status, &changed.json), (200, &expected));
    let nulls = json!({ "organization_usage": null, "allow_any_organization": null, "allow_all_scopes": null, "scope": null });
    let left = json!({
        "id": grant["id"], "client_id": client["client_id"], "audience": API, "scope": [], "subject_type": "user",
        "authorization_details_types": [],
    });
    assert_eq!(tenant.patch(&path, nulls).await.json, left);
    assert_eq!(tenant.get(&path).await.json, left);
    for (body, reason) in [
        (json!({}), "Too few properties defined (0), minimum 1"),
        (json!({ "subject_type": "client" }), "Additional properties not allowed: subject_type"),
        (json!({ "audience": "x" }), "Additional properties not allowed: audience"),
        (json!({ "authorization_details_types": null }), "Expected type array but found type null"),
        (json!({ "scope": "read" }), "Expected type array,null but found type string"),
    ] {
        let answer = tenant.patch(&path, body).await;
        assert_eq!((answer.error().0, answer.error().1), (400, Some("invalid_body")));
        assert!(answer.error().2.contains(reason), "{}", answer.text);
    }
    assert_eq!(tenant.get(&path).await.json, left);
    let changes = tenant.journal(grant["id"].as_str().unwrap()).await;
    assert_eq!(
        changes[1].1,
        json!({
            "authorization_details_types": { "before": ["payment"], "after": [] },
            "organization_usage": { "before": "allow", "after": "deny" },
        })
    );
    assert_eq!(changes.len(), 3);
}

#[tokio::test]
async fn client_can_have_a_grant_for_each_subject_type() {
    let tenant = Tenant::new().await;
    let body = json!({ "name": "Site", "grant_types": ["password", "client_credentials"] });
    let client = create(&tenant, "/api/v2/clients", body).await;
    create_api(&tenant).await;
    let user = tenant.user(json!({})).await;
    let log_in = || {
        let fields = [
            ("grant_type", "password"),
            ("client_id", client["client_id"].as_str().unwrap()),
            ("client_secret", client["client_secret"].as_str().unwrap()),
            ("audience", API),
            ("username", user["email"].as_str().unwrap()),
            ("password", PASSWORD),
            ("scope", "read write"),
        ];
        send(form(tenant.request("POST", "/oauth/token"), &fields))
    };
    let grant = |subject: &str, scope: &[&str]| {
        let body = json!({ "client_id": client["client_id"], "audience": API, "scope": scope, "subject_type": subject });
        tenant.post(PATH, body)
    };
    assert_eq!(grant("client", &["write"]).await.status, 201);
    assert_eq!(log_in().await.status, 403, "a grant for the client does not apply to users");
    let of_users = grant("user", &["read"]).await;
    assert_eq!(of_users.status, 201);
    assert_eq!(grant("user", &[]).await.status, 409);
    assert_eq!(log_in().await.json["scope"], "read");
    assert_eq!(request_token(&tenant, &client, API).await.json["scope"], "write");
    tenant.patch(&path_of(&of_users.json), json!({ "allow_all_scopes": true })).await;
    assert_eq!(log_in().await.json["scope"], "read write");
    tenant.delete(&path_of(&of_users.json)).await;
    assert_eq!(log_in().await.status, 403);
    assert_eq!(request_token(&tenant, &client, API).await.status, 200);
}

#[tokio::test]
async fn allow_all_scopes_gives_the_present_scopes_of_the_api() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let api = create_api(&tenant).await;
    let all = |audience: &str| json!({ "client_id": client["client_id"], "audience": audience, "allow_all_scopes": true });
    let grant = create(&tenant, PATH, all(API)).await;
    assert_eq!((grant.get("scope"), &grant["allow_all_scopes"]), (None, &json!(true)));
    assert_eq!(tenant.get(&path_of(&grant)).await.json, grant);
    assert_eq!(request_token(&tenant, &client, API).await.json["scope"], "read write");
    let path = format!("/api/v2/resource-servers/{}", api["id"].as_str().unwrap());
    tenant.patch(&path, json!({ "scopes": [{ "value": "sing" }] })).await;
    assert_eq!(request_token(&tenant, &client, API).await.json["scope"], "sing");
    create(&tenant, PATH, all(&tenant.audience)).await;
    let answer = request_token(&tenant, &client, &tenant.audience).await;
    assert!(answer.json["scope"].as_str().unwrap().contains("update:tenant_settings"), "{}", answer.text);
}

#[tokio::test]
async fn grant_that_requires_an_organization_gives_no_token() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let body = json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": ["read:users"], "organization_usage": "require" });
    let grant = create(&tenant, PATH, body).await;
    let refused = request_token(&tenant, &client, &tenant.audience).await;
    assert_eq!((refused.status, &refused.json["error"]), (403, &json!("access_denied")));
    tenant.patch(&path_of(&grant), json!({ "organization_usage": "allow" })).await;
    assert_eq!(request_token(&tenant, &client, &tenant.audience).await.status, 200);
}

#[tokio::test]
async fn list_has_filters() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    create_api(&tenant).await;
    let body = |more: Value| {
        let mut body = json!({ "client_id": client["client_id"], "audience": API });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let of_client = create(&tenant, PATH, body(json!({ "allow_any_organization": true }))).await;
    let of_users = create(&tenant, PATH, body(json!({ "subject_type": "user" }))).await;
    let all = tenant.get(&format!("{PATH}?include_totals=true")).await.json;
    assert_eq!(all["total"], 3, "includes the grant of the management client");
    let audience = API.replace(':', "%3A").replace('/', "%2F");
    for (query, expected) in [
        ("subject_type=user".to_owned(), vec![&of_users]),
        ("allow_any_organization=true".to_owned(), vec![&of_client]),
        (format!("audience={audience}&subject_type=client"), vec![&of_client]),
        (
            format!(
                "audience={audience}&client_id={}&subject_type=user",
                client["client_id"].as_str().unwrap()
            ),
            vec![&of_users],
        ),
        (format!("audience={audience}&client_id=nobody"), vec![]),
        ("audience=urn%3Anone".to_owned(), vec![]),
    ] {
        let list = tenant.get(&format!("{PATH}?{query}&include_totals=true")).await.json;
        assert_eq!(list["client_grants"], json!(expected), "{query}");
        assert_eq!(list["total"], expected.len(), "{query}");
    }
    let refused = tenant.get(&format!("{PATH}?subject_type=other")).await;
    assert_eq!(refused.error().1, Some("invalid_query_string"));
}

#[tokio::test]
async fn concurrent_deletion_of_api_or_client_deletes_the_grant() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let client_id = client["client_id"].as_str().unwrap();
    let api = json!({ "name": "API", "identifier": API });
    for path in ["resource-servers/https%3A%2F%2Fapi.example.com%2F", &format!("clients/{client_id}")] {
        let answer = tenant.post("/api/v2/resource-servers", api.clone()).await;
        assert!([201, 409].contains(&answer.status), "{}", answer.text);
        let made = [
            "select from clients where tenant_id = $1 and client_id = $2 for key share",
            "select from resource_servers where tenant_id = $1 and identifier = 'https://api.example.com/' for key share",
            "insert into client_grants (tenant_id, grant_id, client_id, audience, scope)
             values ($1, 'cgr_' || gen_random_uuid(), $2, 'https://api.example.com/', '{}')",
        ];
        let path = format!("/api/v2/{path}");
        let answer = overtaken(&made, [&tenant.name, client_id], tenant.delete(&path)).await;
        assert_eq!(answer.status, 204);
        let left = "select grant_id from client_grants where tenant_id = $1 and client_id = $2";
        assert_eq!(sql(left, &[&tenant.name, client_id]).await.len(), 0, "{path}");
    }
    let entries = "select kind from journal where tenant_id = $1 and kind = 'client_grant.deleted'";
    assert_eq!(sql(entries, &[&tenant.name]).await.len(), 2);
}

#[tokio::test]
async fn default_grant_has_no_client() {
    let tenant = Tenant::new().await;
    create_api(&tenant).await;
    let body = json!({ "audience": API, "scope": ["read"], "default_for": "third_party_clients" });
    let grant = create(&tenant, PATH, body.clone()).await;
    let mut expected = body.clone();
    (expected["id"], expected["subject_type"]) = (grant["id"].clone(), json!("client"));
    assert_eq!(grant, expected);
    assert_eq!(tenant.get(&path_of(&grant)).await.json, grant);
    let listed = tenant.get(&format!("{PATH}?audience=https%3A%2F%2Fapi.example.com%2F")).await.json;
    assert_eq!(listed, json!([grant]));
    assert_eq!(tenant.post(PATH, body).await.status, 409);
    let unknown = json!({ "audience": "urn:none", "default_for": "third_party_clients" });
    assert_eq!(tenant.post(PATH, unknown).await.status, 404);
    // It gives no client a token.
    let client = create_client(&tenant).await;
    assert_eq!(request_token(&tenant, &client, API).await.status, 403);
    assert_eq!(tenant.delete(&path_of(&grant)).await.status, 204);
}

#[tokio::test]
async fn grant_for_the_management_api_takes_every_published_scope() {
    let tenant = Tenant::new().await;
    let client = create_client(&tenant).await;
    let scopes: Vec<&str> = roster::auth::published_scopes::PUBLISHED.iter().map(|(name, _)| *name).collect();
    assert!(scopes.len() > 270);
    let grant = create(
        &tenant,
        PATH,
        json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": scopes }),
    )
    .await;
    assert_eq!(grant["scope"], json!(scopes));
    let apis = tenant.get("/api/v2/resource-servers").await.json;
    let listed: Vec<&str> =
        apis[0]["scopes"].as_array().unwrap().iter().map(|s| s["value"].as_str().unwrap()).collect();
    assert_eq!(listed, scopes);
    assert!(apis[0]["scopes"].as_array().unwrap().contains(
        &json!({ "value": "read:guardian_factors", "description": "Read Guardian factors configuration" })
    ));
}
