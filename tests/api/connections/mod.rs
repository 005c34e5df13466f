mod clients;
mod create;
mod delete;
mod list;
mod strategies;
mod update;

use serde_json::{Value, json};

use crate::support::{Response, Tenant, on_server, server, unique};

const PATH: &str = "/api/v2/connections";
const UNKNOWN: (u16, Option<&str>, &str) =
    (404, Some("inexistent_connection"), "The connection does not exist");

/// Creates a database connection under a unique name.
async fn created(tenant: &Tenant, more: Value) -> Value {
    let mut body = json!({ "name": unique("c"), "strategy": "auth0" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = tenant.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

fn path_of(connection: &Value) -> String {
    format!("{PATH}/{}", connection["id"].as_str().unwrap())
}

/// A new connection that is enabled for the tenant's client.
async fn enabled(tenant: &Tenant, more: Value) -> Value {
    let mut more = more;
    more["enabled_clients"] = json!([tenant.client.client_id]);
    created(tenant, more).await
}

async fn updated(tenant: &Tenant, connection: &Value, patch: Value) -> Value {
    let answer = tenant.patch(&path_of(connection), patch).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(tenant.get(&path_of(connection)).await.json, answer.json);
    answer.json
}

/// The kinds of the journal entries of a connection.
async fn kinds(tenant: &Tenant, connection: &Value) -> Vec<String> {
    let journal = tenant.journal(connection["id"].as_str().unwrap()).await;
    journal.into_iter().map(|(kind, _)| kind).collect()
}

/// The number of connections of a tenant.
async fn count(tenant: &Tenant) -> usize {
    tenant.get(PATH).await.json.as_array().unwrap().len()
}

/// The message of a 400 with `invalid_body`.
fn invalid(answer: &Response) -> &str {
    let (status, code, message) = answer.error();
    assert_eq!((status, code), (400, Some("invalid_body")), "{message}");
    message
}

/// Erases the users of deleted connections, as of a number of minutes from now.
async fn erase(tenant: &Tenant, minutes: i64) {
    let name = tenant.name.clone();
    on_server(async move {
        let at = time::OffsetDateTime::now_utc() + time::Duration::minutes(minutes);
        while roster::resources::users::erasure::erase_due(&server().app.db, at, Some(&name)).await.unwrap() {
        }
    })
    .await;
}
