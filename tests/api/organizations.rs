//! `/api/v2/organizations`, and the client grants associated with them.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Tenant, execute, unique};

const PATH: &str = "/api/v2/organizations";
const UNKNOWN: (u16, Option<&str>, &str) = (404, None, "No organization found by that id or name");
const UNKNOWN_TO_GRANTS: (u16, Option<&str>, &str) = (404, None, "No organization found by that id");
const UNKNOWN_GRANT: (u16, Option<&str>, &str) =
    (404, Some("inexistent_client_grant"), "The grant does not exist.");

async fn created(tenant: &Tenant, path: &str, body: Value) -> Value {
    let answer = tenant.post(path, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

async fn organization(tenant: &Tenant) -> Value {
    created(tenant, PATH, json!({ "name": unique("org") })).await
}

/// A grant of a new client for the Management API.
async fn grant(tenant: &Tenant, more: Value) -> Value {
    let client = created(tenant, "/api/v2/clients", json!({ "name": "Grantee" })).await;
    let mut body =
        json!({ "client_id": client["client_id"], "audience": tenant.audience, "scope": ["read:users"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    created(tenant, "/api/v2/client-grants", body).await
}

fn path_of(organization: &Value) -> String {
    format!("{PATH}/{}", organization["id"].as_str().unwrap())
}

fn grants_of(organization: &Value) -> String {
    format!("{}/client-grants", path_of(organization))
}

fn organizations_of(grant: &Value) -> String {
    format!("/api/v2/client-grants/{}/organizations", grant["id"].as_str().unwrap())
}

async fn add(tenant: &Tenant, organization: &Value, grant: &Value) {
    created(tenant, &grants_of(organization), json!({ "grant_id": grant["id"] })).await;
}

/// The ids in a list, sorted.
fn ids(list: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> = list.as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn organization_is_answered_as_sent_until_its_deletion() {
    let tenant = Tenant::new().await;
    let mut expected = json!({
        "name": "acme-1_x",
        "display_name": "Acme <Users>",
        "branding": { "logo_url": "https://example.com/logo.gif", "colors": { "primary": "#fff", "page_background": "#00Ff00" } },
        "metadata": { "plan": "gold", "größe.$": "" },
        "token_quota": { "client_credentials": { "enforce": true, "per_day": 5 } },
    });
    let organization = created(&tenant, PATH, expected.clone()).await;
    let id = organization["id"].as_str().unwrap();
    assert!(id.len() == 20 && id.starts_with("org_"), "{id}");
    expected["id"] = json!(id);
    (expected["third_party_client_access"], expected["is_app_entitlement_active"]) =
        (json!("block"), json!(false));
    assert_eq!(organization, expected);
    assert_eq!(tenant.get(&path_of(&organization)).await.json, expected);
    assert_eq!(tenant.get(&format!("{PATH}/name/acme-1_x")).await.json, expected);
    assert_eq!(tenant.get(&format!("{PATH}/acme-1_x")).await.error(), UNKNOWN);
    assert_eq!(tenant.delete(&path_of(&organization)).await.status, 204);
    assert_eq!(tenant.delete(&path_of(&organization)).await.error(), UNKNOWN);
    for path in [path_of(&organization), format!("{PATH}/name/acme-1_x")] {
        assert_eq!(tenant.get(&path).await.error(), UNKNOWN);
    }
    assert_eq!(tenant.patch(&path_of(&organization), json!({})).await.error(), UNKNOWN);
    let journal = tenant.journal(id).await;
    assert_eq!(journal.len(), 2);
    assert_eq!(
        (&*journal[0].0, &journal[0].1["name"]),
        ("organization.created", &json!({ "after": "acme-1_x" }))
    );
    assert_eq!(
        (&*journal[1].0, &journal[1].1["name"]),
        ("organization.deleted", &json!({ "before": "acme-1_x" }))
    );
}

#[tokio::test]
async fn update_replaces_named_members_and_metadata_as_a_whole() {
    let tenant = Tenant::new().await;
    let body = json!({ "name": "first", "display_name": "First", "metadata": { "a": "1", "b": "2" } });
    let organization = created(&tenant, PATH, body).await;
    let path = path_of(&organization);
    let patch =
        json!({ "name": "second", "metadata": { "b": "3", "c": null }, "branding": { "logo_url": null } });
    let changed = tenant.patch(&path, patch).await;
    let expected = json!({
        "id": organization["id"], "name": "second", "display_name": "First", "metadata": { "b": "3" }, "branding": { "logo_url": null },
        "third_party_client_access": "block", "is_app_entitlement_active": false,
    });
    assert_eq!((changed.status, &changed.json), (200, &expected));
    assert_eq!(tenant.patch(&path, json!({})).await.json, expected);
    assert_eq!(tenant.get(&format!("{PATH}/name/first")).await.error(), UNKNOWN);
    let cleared =
        tenant.patch(&path, json!({ "metadata": null, "token_quota": null, "branding": {} })).await.json;
    assert_eq!(
        cleared,
        json!({
            "id": organization["id"], "name": "second", "display_name": "First", "branding": {},
            "third_party_client_access": "block", "is_app_entitlement_active": false,
        })
    );
    let journal = tenant.journal(organization["id"].as_str().unwrap()).await;
    assert_eq!(journal.len(), 3, "an update without effect has no entry");
    assert_eq!(
        journal[1],
        (
            "organization.updated".to_owned(),
            json!({
                "name": { "before": "first", "after": "second" },
                "metadata": { "before": { "a": "1", "b": "2" }, "after": { "b": "3" } },
                "branding": { "after": { "logo_url": null } },
            })
        )
    );
}

#[tokio::test]
async fn name_is_unique_in_its_tenant_under_concurrency() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let taken = (409, None, "An organization with this name already exists.");
    let answers = join_all((0..4).map(|_| tenant.post(PATH, json!({ "name": "acme" })))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    assert_eq!(tenant.post(PATH, json!({ "name": "acme" })).await.error(), taken);
    let second = organization(&tenant).await;
    assert_eq!(tenant.patch(&path_of(&second), json!({ "name": "acme" })).await.error(), taken);
    assert_eq!(tenant.get(&path_of(&second)).await.json, second);
    created(&other, PATH, json!({ "name": "acme" })).await;
}

#[tokio::test]
async fn invalid_body_is_rejected_and_changes_nothing() {
    let tenant = Tenant::new().await;
    let organization = organization(&tenant).await;
    let pattern = "String does not match pattern ^(?!org_)[a-z0-9][a-z0-9_-]*$";
    let many: Value = (0..26).map(|n| (n.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (body, reason) in [
        (json!({ "name": "" }), "String is too short (0 chars), minimum 1"),
        (json!({ "name": "x".repeat(51) }), "String is too long (51 chars), maximum 50"),
        (json!({ "name": "Acme" }), pattern),
        (json!({ "name": "org_acme" }), pattern),
        (json!({ "name": "-acme" }), pattern),
        (json!({ "name": "acme\n" }), pattern),
        (json!({ "name": "äcme" }), pattern),
        (json!({ "name": null }), "Expected type string but found type null"),
        (json!({ "display_name": "" }), "String is too short (0 chars), minimum 1"),
        (json!({ "display_name": "x".repeat(256) }), "String is too long (256 chars), maximum 255"),
        (json!({ "branding": null }), "Expected type object but found type null"),
        (json!({ "branding": { "logo_url": "http://example.com/" } }), "format strict-https-uri-or-null"),
        (
            json!({ "branding": { "colors": { "primary": "#fff" } } }),
            "Missing required property: page_background",
        ),
        (
            json!({ "branding": { "colors": { "primary": "red", "page_background": "#fff" } } }),
            "format html-color",
        ),
        (json!({ "branding": { "font": "x" } }), "Additional properties not allowed: font"),
        (json!({ "metadata": many }), "Too many properties defined (26), maximum 25"),
        (json!({ "metadata": { "a": 1 } }), "Expected type string but found type integer"),
        (json!({ "metadata": { "a": "x".repeat(256) } }), "String is too long (256 chars), maximum 255"),
        (json!({ "metadata": { "x".repeat(256): "a" } }), "Property name is too long, maximum 255"),
        (json!({ "token_quota": {} }), "Missing required property: client_credentials"),
        (json!({ "enabled_connections": [] }), "Additional properties not allowed: enabled_connections"),
        (json!({ "id": "org_0000000000000000" }), "Additional properties not allowed: id"),
    ] {
        let mut new = json!({ "name": "new" });
        new.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        for answer in [tenant.patch(&path_of(&organization), body).await, tenant.post(PATH, new).await] {
            let (status, code, message) = answer.error();
            assert_eq!((status, code), (400, Some("invalid_body")), "{reason}");
            assert!(message.contains(reason), "{message}");
        }
    }
    for (body, reason) in [
        (json!({}), "Missing required property: name"),
        (json!({ "name": "x", "metadata": null }), "Expected type object but found type null"),
    ] {
        assert!(tenant.post(PATH, body).await.error().2.contains(reason));
    }
    assert_eq!(tenant.get(PATH).await.json, json!([organization]));
}

#[tokio::test]
async fn list_is_paged_by_number_and_by_checkpoint() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    assert_eq!(tenant.get(&format!("{PATH}?take=2")).await.json, json!({ "organizations": [] }));
    for _ in 0..3 {
        organization(&tenant).await;
        organization(&other).await;
    }
    let all = tenant.get(PATH).await.json;
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(
        tenant.get(&format!("{PATH}?per_page=2&page=1&include_totals=true")).await.json,
        json!({ "start": 2, "limit": 2, "organizations": [all[2]], "total": 3 })
    );
    assert_eq!(
        tenant.get(&format!("{PATH}?page=9&include_totals=true")).await.json,
        json!({ "start": 450, "limit": 50, "organizations": [], "total": 3 })
    );
    let first = tenant.get(&format!("{PATH}?take=2")).await.json;
    assert_eq!(first["organizations"], json!([all[0], all[1]]));
    let next = first["next"].as_str().unwrap();
    assert_eq!(
        tenant.get(&format!("{PATH}?take=2&from={next}")).await.json,
        json!({ "organizations": [all[2]] })
    );
}

#[tokio::test]
async fn client_grant_is_added_once_and_removed() {
    let tenant = Tenant::new().await;
    let (organization, grant) =
        (organization(&tenant).await, grant(&tenant, json!({ "organization_usage": "require" })).await);
    let grants = grants_of(&organization);
    let associated = created(&tenant, &grants, json!({ "grant_id": grant["id"] })).await;
    assert_eq!(
        associated,
        json!({
            "grant_id": grant["id"], "client_id": grant["client_id"], "audience": tenant.audience,
            "scope": ["read:users"], "organization_usage": "require",
        })
    );
    assert_eq!(
        tenant.post(&grants, json!({ "grant_id": grant["id"] })).await.error(),
        (409, None, "The client grant has already been added to this organization.")
    );
    assert_eq!(
        tenant.get(&format!("{grants}?include_totals=true")).await.json,
        json!({ "start": 0, "limit": 50, "client_grants": [grant], "total": 1 })
    );
    assert_eq!(tenant.get(&organizations_of(&grant)).await.json, json!([organization]));
    let association = format!("{grants}/{}", grant["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(tenant.delete(&association).await.status, 204);
    }
    assert_eq!(tenant.get(&grants).await.json, json!([]));
    assert_eq!(tenant.get(&organizations_of(&grant)).await.json, json!([]));
    let changes: Vec<_> = tenant.journal(organization["id"].as_str().unwrap()).await.split_off(1);
    let change = |kind: &str, side: &str| {
        (format!("organization.client_grants_{kind}"), json!({ "client_grants": { side: [grant["id"]] } }))
    };
    assert_eq!(changes, [change("added", "after"), change("removed", "before")]);
}

#[tokio::test]
async fn unknown_organization_or_grant_is_not_associated() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let (mine, granted) = (organization(&tenant).await, grant(&tenant, json!({})).await);
    let theirs = (organization(&other).await, grant(&other, json!({})).await);
    let post = |organization: &Value, grant: &Value| {
        let path = grants_of(organization);
        let body = json!({ "grant_id": grant["id"] });
        let tenant = &tenant;
        async move { tenant.post(&path, body).await }
    };
    assert_eq!(post(&theirs.0, &granted).await.error(), UNKNOWN_TO_GRANTS);
    assert_eq!(post(&mine, &theirs.1).await.error(), UNKNOWN_GRANT);
    assert_eq!(post(&theirs.0, &theirs.1).await.error(), UNKNOWN_TO_GRANTS);
    for body in
        [json!({}), json!({ "grant_id": "" }), json!({ "grant_id": 1 }), json!({ "grant_id": "x", "y": 1 })]
    {
        assert_eq!(tenant.post(&grants_of(&mine), body).await.error().1, Some("invalid_body"));
    }
    assert_eq!(tenant.get(&grants_of(&theirs.0)).await.error(), UNKNOWN_TO_GRANTS);
    assert_eq!(tenant.delete(&format!("{}/cgr_x", grants_of(&theirs.0))).await.error(), UNKNOWN_TO_GRANTS);
    assert_eq!(tenant.delete(&format!("{}/cgr_x", grants_of(&mine))).await.status, 204);
    assert_eq!(tenant.get(&organizations_of(&theirs.1)).await.error(), UNKNOWN_GRANT);
    assert_eq!(tenant.get(&grants_of(&mine)).await.json, json!([]));
    assert_eq!(tenant.journal(mine["id"].as_str().unwrap()).await.len(), 1);
}

#[tokio::test]
async fn association_is_deleted_with_either_side() {
    let tenant = Tenant::new().await;
    let (kept, gone) = (organization(&tenant).await, organization(&tenant).await);
    let (first, second) = (grant(&tenant, json!({})).await, grant(&tenant, json!({})).await);
    for organization in [&kept, &gone] {
        add(&tenant, organization, &first).await;
        add(&tenant, organization, &second).await;
    }
    tenant.delete(&path_of(&gone)).await;
    assert_eq!(tenant.get(&organizations_of(&first)).await.json, json!([kept]));
    assert_eq!(
        tenant.delete(&format!("/api/v2/client-grants/{}", first["id"].as_str().unwrap())).await.status,
        204
    );
    assert_eq!(tenant.get(&grants_of(&kept)).await.json, json!([second]));
    assert_eq!(
        tenant.delete(&format!("/api/v2/clients/{}", second["client_id"].as_str().unwrap())).await.status,
        204
    );
    assert_eq!(tenant.get(&grants_of(&kept)).await.json, json!([]));
    assert_eq!(tenant.get(&organizations_of(&second)).await.error(), UNKNOWN_GRANT);
}

#[tokio::test]
async fn lists_of_associations_are_filtered_and_paged() {
    let tenant = Tenant::new().await;
    let (organization, other) = (organization(&tenant).await, organization(&tenant).await);
    let (first, second) = (grant(&tenant, json!({})).await, grant(&tenant, json!({})).await);
    add(&tenant, &organization, &first).await;
    add(&tenant, &organization, &second).await;
    add(&tenant, &other, &first).await;
    let grants = grants_of(&organization);
    let all = tenant.get(&grants).await.json;
    let mut both = [first["id"].as_str().unwrap(), second["id"].as_str().unwrap()];
    both.sort_unstable();
    assert_eq!(ids(&all), both);
    let page = tenant.get(&format!("{grants}?per_page=1&page=1&include_totals=true")).await.json;
    assert_eq!(page, json!({ "start": 1, "limit": 1, "client_grants": [all[1]], "total": 2 }));
    let id = |grant: &Value| grant["id"].as_str().unwrap().to_owned();
    let client = first["client_id"].as_str().unwrap();
    let ported = format!("https%3A%2F%2F{}%3A8443%2Fapi%2Fv2%2F", tenant.host);
    for (query, count) in [
        (format!("client_id={client}"), 1),
        (format!("grant_ids={}&grant_ids=cgr_none", id(&second)), 1),
        (format!("grant_ids={}&grant_ids={}", id(&first), id(&second)), 2),
        (format!("audience={ported}"), 2),
        ("audience=urn%3Anone&client_id=".to_owned(), 0),
    ] {
        let found = tenant.get(&format!("{grants}?{query}")).await.json;
        assert_eq!(found.as_array().unwrap().len(), count, "{query}");
    }
    let too_many = "grant_ids=x&".repeat(11);
    assert_eq!(tenant.get(&format!("{grants}?{too_many}")).await.error().1, Some("invalid_query_string"));

    let organizations = organizations_of(&first);
    let all = tenant.get(&organizations).await.json;
    let part = tenant.get(&format!("{organizations}?take=1")).await.json;
    assert_eq!(part, json!({ "organizations": [all[0]], "next": all[0]["id"] }));
    let rest =
        tenant.get(&format!("{organizations}?take=1&from={}", all[0]["id"].as_str().unwrap())).await.json;
    assert_eq!(rest, json!({ "organizations": [all[1]] }));
    assert_eq!(
        tenant.get(&format!("{organizations}?include_totals=true&per_page=1&page=1")).await.json,
        json!({ "start": 1, "limit": 1, "organizations": [all[1]], "total": 2 })
    );
}

#[tokio::test]
async fn grants_are_limited_to_100_under_concurrency() {
    let tenant = Tenant::new().await;
    let organization = organization(&tenant).await;
    let base = grant(&tenant, json!({})).await;
    let parameters =
        [tenant.name.as_str(), base["client_id"].as_str().unwrap(), organization["id"].as_str().unwrap()];
    let inserted = execute(
        "insert into client_grants (tenant_id, grant_id, client_id, audience, scope)
         select $1, 'cgr_' || n, $2, 'urn:' || n, '{}' from generate_series(1, 102) n where $3 <> ''",
        &parameters,
    )
    .await;
    assert_eq!(inserted, 102);
    execute(
        "insert into organization_client_grants (tenant_id, organization_id, grant_id)
         select $1, $3, 'cgr_' || n from generate_series(1, 99) n where $2 <> ''",
        &parameters,
    )
    .await;
    let grants = grants_of(&organization);
    let answers =
        join_all((100..103).map(|n| tenant.post(&grants, json!({ "grant_id": format!("cgr_{n}") })))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
    assert_eq!(
        tenant.post(&grants, json!({ "grant_id": base["id"] })).await.error(),
        (409, None, "Quota exceeded; cannot add more than 100 client grants to a single organization")
    );
    assert_eq!(tenant.get(&format!("{grants}?include_totals=true")).await.json["total"], 100);
}

#[tokio::test]
async fn clients_are_found_by_organizations_of_their_grants() {
    let tenant = Tenant::new().await;
    let organization = organization(&tenant).await;
    let any = grant(&tenant, json!({ "allow_any_organization": true })).await;
    let (first, second) = (grant(&tenant, json!({})).await, grant(&tenant, json!({})).await);
    grant(&tenant, json!({ "allow_any_organization": false })).await;
    add(&tenant, &organization, &first).await;
    add(&tenant, &organization, &second).await;
    let found =
        async |query: &str| tenant.get(&format!("/api/v2/clients?fields=client_id&{query}")).await.json;
    let is = |document: &Value, grant: &Value| document["client_id"] == grant["client_id"];
    let allowing = found("take=5&q=client_grant.allow_any_organization:true").await;
    assert!(
        allowing["clients"].as_array().unwrap().len() == 1 && is(&allowing["clients"][0], &any),
        "{allowing}"
    );
    let query = format!("take=1&q=client_grant.organization_id:{}", organization["id"].as_str().unwrap());
    let part = found(&query).await;
    let rest = found(&format!("{query}&from={}", part["next"].as_str().unwrap())).await;
    let clients = [&part["clients"][0], &rest["clients"][0]];
    for grant in [&first, &second] {
        assert!(clients.iter().any(|client| is(client, grant)), "{clients:?}");
    }
    assert!(rest.get("next").is_none());
    let numbered = found(&query.replace("take=1", "per_page=1&page=1&include_totals=true")).await;
    assert_eq!((&numbered["total"], &numbered["clients"]), (&json!(2), &rest["clients"]));
}

#[tokio::test]
async fn access_of_third_parties_and_entitlements_are_stored() {
    let tenant = Tenant::new().await;
    let sent =
        json!({ "name": "acme", "third_party_client_access": "allow", "is_app_entitlement_active": true });
    let organization = created(&tenant, PATH, sent.clone()).await;
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(&organization[name], value, "{name}");
    }
    let patch = json!({ "third_party_client_access": "block", "is_app_entitlement_active": false });
    let changed = tenant.patch(&path_of(&organization), patch.clone()).await.json;
    for (name, value) in patch.as_object().unwrap() {
        assert_eq!(&changed[name], value, "{name}");
    }
    assert_eq!(tenant.get(PATH).await.json, json!([changed]));
    assert_eq!(tenant.get(&format!("{PATH}/name/acme")).await.json, changed);
    for body in
        [json!({ "third_party_client_access": "maybe" }), json!({ "is_app_entitlement_active": null })]
    {
        assert_eq!(tenant.patch(&path_of(&organization), body).await.error().1, Some("invalid_body"));
    }
}
