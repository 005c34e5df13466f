//! `/api/v2/connections/{id}/clients` and `/api/v2/clients/{id}/connections`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{PATH, UNKNOWN, created, enabled, invalid, kinds, path_of, updated};
use crate::support::{CONNECTION, Tenant, send};

/// Creates clients; their ids in order.
async fn clients(tenant: &Tenant, count: usize) -> Vec<String> {
    let answers =
        join_all((0..count).map(|_| tenant.post("/api/v2/clients", json!({ "name": "App" })))).await;
    let mut ids: Vec<String> =
        answers.iter().map(|answer| answer.json["client_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

async fn set(tenant: &Tenant, connection: &Value, body: Value) {
    let answer = tenant.patch(&format!("{}/clients", path_of(connection)), body).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
}

fn on(id: &str) -> Value {
    json!({ "client_id": id, "status": true })
}

fn off(id: &str) -> Value {
    json!({ "client_id": id, "status": false })
}

async fn listed(tenant: &Tenant, connection: &Value, query: &str) -> Value {
    tenant.get(&format!("{}/clients{query}", path_of(connection))).await.json
}

#[tokio::test]
async fn update_enables_and_disables_clients() {
    let tenant = Tenant::new().await;
    let (ids, connection) = (clients(&tenant, 3).await, created(&tenant, json!({})).await);
    assert_eq!(listed(&tenant, &connection, "").await, json!({ "clients": [] }));
    set(&tenant, &connection, json!([on(&ids[0]), on(&ids[1]), off(&ids[2])])).await;
    set(&tenant, &connection, json!([on(&ids[0]), off(&ids[1]), on(&ids[2]), off(&ids[2]), on(&ids[2])]))
        .await;
    assert_eq!(
        listed(&tenant, &connection, "").await,
        json!({ "clients": [{ "client_id": ids[0] }, { "client_id": ids[2] }] })
    );
    assert_eq!(tenant.get(&path_of(&connection)).await.json["enabled_clients"], json!([ids[0], ids[2]]));
    let journal = tenant.journal(connection["id"].as_str().unwrap()).await;
    assert_eq!(
        journal[2],
        (
            "connection.updated".into(),
            json!({ "enabled_clients": { &ids[1]: { "before": true }, &ids[2]: { "after": true } } })
        )
    );
    set(&tenant, &connection, json!([on(&ids[0])])).await;
    assert_eq!(kinds(&tenant, &connection).await.len(), 3, "an update without effect has no journal entry");
}

#[tokio::test]
async fn enabled_clients_replaces_all_clients() {
    let tenant = Tenant::new().await;
    let ids = clients(&tenant, 3).await;
    let connection = created(&tenant, json!({ "enabled_clients": [ids[1], ids[0], ids[1]] })).await;
    assert_eq!(connection["enabled_clients"], json!([ids[0], ids[1]]));
    let after = updated(&tenant, &connection, json!({ "enabled_clients": [ids[2], ids[1]] })).await;
    assert_eq!(after["enabled_clients"], json!([ids[1], ids[2]]));
    let journal = tenant.journal(connection["id"].as_str().unwrap()).await;
    assert_eq!(
        journal[1].1,
        json!({ "enabled_clients": { &ids[0]: { "before": true }, &ids[2]: { "after": true } } })
    );
    assert_eq!(
        updated(&tenant, &connection, json!({ "enabled_clients": null })).await["enabled_clients"],
        json!([])
    );
}

#[tokio::test]
async fn concurrent_updates_merge() {
    let tenant = Tenant::new().await;
    let (ids, connection) = (clients(&tenant, 20).await, enabled(&tenant, json!({})).await);
    join_all(ids.iter().map(|id| set(&tenant, &connection, json!([on(id), off(&tenant.client.client_id)]))))
        .await;
    assert_eq!(tenant.get(&path_of(&connection)).await.json["enabled_clients"], json!(ids));
    assert_eq!(kinds(&tenant, &connection).await.len(), 21);
}

#[tokio::test]
async fn concurrent_replacements_leave_one_of_them() {
    let tenant = Tenant::new().await;
    let (ids, connection) = (clients(&tenant, 8).await, created(&tenant, json!({})).await);
    let path = path_of(&connection);
    join_all(ids.iter().map(|id| tenant.patch(&path, json!({ "enabled_clients": [id] })))).await;
    let left = tenant.get(&path).await.json["enabled_clients"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
}

#[tokio::test]
async fn list_is_paged_by_checkpoint() {
    let tenant = Tenant::new().await;
    let ids = clients(&tenant, 5).await;
    let connection = created(&tenant, json!({ "enabled_clients": ids })).await;
    let (mut seen, mut from) = (Vec::new(), String::new());
    loop {
        let part = listed(&tenant, &connection, &format!("?take=2&from={from}")).await;
        seen.extend(
            part["clients"]
                .as_array()
                .unwrap()
                .iter()
                .map(|client| client["client_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = part["next"].as_str() else { break };
        from = next.to_owned();
    }
    assert_eq!(seen, ids);
    for (query, reason) in [
        ("?take=0", "less than minimum 1"),
        ("?take=1001", "greater than maximum 1000"),
        ("?from=%00", "U+0000"),
    ] {
        let answer = tenant.get(&format!("{}/clients{query}", path_of(&connection))).await;
        assert!(answer.error().2.contains(reason), "{}", answer.text);
    }
    assert_eq!(tenant.get(&format!("{PATH}/nobody/clients")).await.error(), UNKNOWN);
}

#[tokio::test]
async fn invalid_body_and_unknown_client_change_nothing() {
    let tenant = Tenant::new().await;
    let (ids, connection) = (clients(&tenant, 1).await, created(&tenant, json!({})).await);
    let path = format!("{}/clients", path_of(&connection));
    let many = json!((0..51).map(|n| on(&format!("c{n}"))).collect::<Vec<_>>());
    for (body, reason) in [
        (json!({}), "Expected type array but found type object"),
        (json!([]), "Array is too short (0), minimum 1"),
        (many, "Array is too long (51), maximum 50"),
        (json!([on(&ids[0]), 5]), "Expected type object but found type integer' on property 1"),
        (json!([{ "client_id": ids[0] }]), "Missing required property: status' on property 0"),
        (
            json!([{ "client_id": ids[0], "status": "true" }]),
            "Expected type boolean but found type string' on property 0.status",
        ),
        (json!([{ "client_id": "a b", "status": true }]), "format client-id: a b' on property 0.client_id"),
        (
            json!([{ "client_id": ids[0], "status": true, "x": 1 }]),
            "Additional properties not allowed: x' on property 0",
        ),
    ] {
        let answer = tenant.patch(&path, body).await;
        assert!(invalid(&answer).contains(reason), "{}", answer.text);
    }
    for unknown in [on("nobody"), off("nobody")] {
        let answer = tenant.patch(&path, json!([on(&ids[0]), unknown])).await;
        assert_eq!(answer.error(), (404, Some("inexistent_client"), "The client does not exist"));
    }
    let theirs = clients(&Tenant::new().await, 1).await;
    assert_eq!(tenant.patch(&path, json!([on(&theirs[0])])).await.status, 404);
    assert_eq!(tenant.patch(&format!("{PATH}/nobody/clients"), json!([on(&ids[0])])).await.error(), UNKNOWN);
    assert_eq!(listed(&tenant, &connection, "").await, json!({ "clients": [] }));
    assert_eq!(kinds(&tenant, &connection).await, ["connection.created"]);
}

#[tokio::test]
async fn disabling_one_of_all_clients_enables_the_others() {
    let tenant = Tenant::new().await;
    let ids = clients(&tenant, 2).await;
    let shared = tenant.get(&format!("{PATH}?name={CONNECTION}")).await.json[0].clone();
    let all: Vec<&str> =
        shared["enabled_clients"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(all.len(), 4);
    let part = listed(&tenant, &shared, "?take=3").await;
    assert_eq!(
        part,
        json!({ "clients": all[..3].iter().map(|id| json!({ "client_id": id })).collect::<Vec<_>>(), "next": all[2] })
    );
    set(&tenant, &shared, json!([on(&ids[0])])).await;
    let newcomer = clients(&tenant, 1).await.remove(0);
    assert_eq!(
        listed(&tenant, &shared, "").await["clients"].as_array().unwrap().len(),
        5,
        "still enabled for all clients"
    );
    set(&tenant, &shared, json!([off(&ids[1])])).await;
    let left = tenant.get(&path_of(&shared)).await.json["enabled_clients"].clone();
    let mut expected: Vec<&str> =
        all.iter().copied().filter(|id| *id != ids[1]).chain([newcomer.as_str()]).collect();
    expected.sort_unstable();
    assert_eq!(left, json!(expected));
    clients(&tenant, 1).await;
    assert_eq!(listed(&tenant, &shared, "").await["clients"].as_array().unwrap().len(), 4);
    let journal = tenant.journal(shared["id"].as_str().unwrap()).await;
    assert_eq!(journal.last().unwrap().1, json!({ "enabled_clients": { &ids[1]: { "before": true } } }));
}

#[tokio::test]
async fn deleted_client_is_disabled_for_all_connections() {
    let tenant = Tenant::new().await;
    let ids = clients(&tenant, 2).await;
    let (a, b) = (
        created(&tenant, json!({ "enabled_clients": ids })).await,
        created(&tenant, json!({ "enabled_clients": [ids[0]] })).await,
    );
    assert_eq!(tenant.delete(&format!("/api/v2/clients/{}", ids[0])).await.status, 204);
    assert_eq!(listed(&tenant, &a, "").await, json!({ "clients": [{ "client_id": ids[1] }] }));
    assert_eq!(listed(&tenant, &b, "").await, json!({ "clients": [] }));
    for connection in [&a, &b] {
        let journal = tenant.journal(connection["id"].as_str().unwrap()).await;
        assert_eq!(
            journal[1],
            ("connection.updated".into(), json!({ "enabled_clients": { &ids[0]: { "before": true } } }))
        );
    }
}

#[tokio::test]
async fn client_deleted_while_enabled_leaves_nothing() {
    let tenant = Tenant::new().await;
    let (ids, connection) = (clients(&tenant, 10).await, created(&tenant, json!({})).await);
    let path = format!("{}/clients", path_of(&connection));
    join_all(ids.iter().map(async |id| {
        let client = format!("/api/v2/clients/{id}");
        let (enabled, deleted) = tokio::join!(tenant.patch(&path, json!([on(id)])), tenant.delete(&client));
        assert!([204, 404].contains(&enabled.status), "{}", enabled.text);
        assert_eq!(deleted.status, 204, "{}", deleted.text);
    }))
    .await;
    assert_eq!(listed(&tenant, &connection, "").await, json!({ "clients": [] }));
}

#[tokio::test]
async fn list_of_client_is_filtered_and_paged() {
    let tenant = Tenant::new().await;
    let id = clients(&tenant, 1).await.remove(0);
    let path = format!("/api/v2/clients/{id}/connections");
    let okta = created(&tenant, json!({ "name": "Okta", "strategy": "okta", "enabled_clients": [id] })).await;
    created(&tenant, json!({ "name": "Other" })).await;
    let names = async |query: &str| {
        let answer = tenant.get(&format!("{path}{query}")).await.json;
        answer["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("?take=50").await, ["Okta", CONNECTION]);
    assert_eq!(names("?strategy=okta").await, ["Okta"]);
    let first = tenant.get(&format!("{path}?take=1")).await.json;
    let mut expected = okta.clone();
    expected.as_object_mut().unwrap().remove("enabled_clients");
    assert_eq!(first, json!({ "connections": [expected], "next": "Okta" }));
    assert_eq!(names("?take=1&from=Okta").await, [CONNECTION]);
    assert_eq!(
        tenant.get("/api/v2/clients/nobody/connections").await.error(),
        (404, Some("inexistent_client"), "The client does not exist")
    );
    for (scopes, status) in [
        (&["read:connections"][..], 403),
        (&["read:clients"], 403),
        (&["read:connections", "read:clients"], 200),
        (&["read:connections", "read:client_summary"], 200),
    ] {
        let token = tenant.token_with(scopes).await;
        assert_eq!(send(tenant.request("GET", &path).bearer_auth(token)).await.status, status, "{scopes:?}");
    }
}
