//! Users with several identities.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Tenant, on_server, path_of, server, sql};

mod link;
mod link_with;
mod lists;
mod races;
mod unlink;
mod update;

/// A second connection.
const SECOND: &str = "Second";

async fn tenant_of_two() -> Tenant {
    Tenant::with(|config| {
        let mut second = config.connections[0].clone();
        second.name = SECOND.into();
        config.connections.push(second);
    })
    .await
}

/// The id of a user's primary identity.
fn bare(user: &Value) -> &str {
    user["user_id"].as_str().unwrap().strip_prefix("auth0|").unwrap()
}

async fn link(tenant: &Tenant, primary: &Value, secondary: &Value) -> Response {
    let body = json!({ "provider": "auth0", "user_id": bare(secondary) });
    tenant.post(&format!("{}/identities", path_of(primary)), body).await
}

async fn unlink(tenant: &Tenant, primary: &Value, identity: &str) -> Response {
    tenant.delete(&format!("{}/identities/auth0/{identity}", path_of(primary))).await
}

/// Two users with an address each, linked.
async fn linked(tenant: &Tenant, secondary: Value) -> (Value, Value) {
    let (primary, secondary) = (tenant.user(json!({})).await, tenant.user(secondary).await);
    let answer = link(tenant, &primary, &secondary).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    (primary, secondary)
}

/// The user of an identity in the table; `None` without such an identity.
async fn owner(tenant: &Tenant, identity: &str) -> Option<String> {
    let query = "select user_id from identities where tenant_id = $1 and identity_id = $2";
    let rows = sql(query, &[&tenant.name, identity]).await;
    rows.first().map(|row| row[0].as_str().unwrap().to_owned())
}

/// Whether an identity has this password.
async fn has_password(tenant: &Tenant, identity: &str, password: &str) -> bool {
    let query = "select hash from passwords where tenant_id = $1 and identity_id = $2";
    let rows = sql(query, &[&tenant.name, identity]).await;
    let Some(row) = rows.first() else { return false };
    let (password, hash) = (password.to_owned(), row[0].as_str().unwrap().to_owned());
    let verification =
        on_server(async move { server().app.hasher.verify("t", password, Some(hash)).await.unwrap() }).await;
    verification == roster::base::passwords::Verification::Passed
}

/// Asserts that the document of a user and the table of identities agree, and that each identity has its
/// password.
async fn assert_consistent(tenant: &Tenant, user: &Value) {
    let document = tenant.get(&path_of(user)).await.json;
    let id = document["user_id"].as_str().unwrap();
    let mut told: Vec<String> = document["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["user_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told[0], bare(&document));
    told.sort();
    let query = "select identity_id from identities where tenant_id = $1 and user_id = $2";
    let mut kept: Vec<String> =
        sql(query, &[&tenant.name, id]).await.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect();
    kept.sort();
    assert_eq!(told, kept);
    for identity in told {
        assert!(has_password(tenant, &identity, PASSWORD).await, "the password of {identity} is gone");
    }
}
