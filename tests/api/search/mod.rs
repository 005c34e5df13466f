//! Search: the parser, an independent in-memory evaluator, and the results of the API.

mod cases;
mod evaluator;
mod hostile;
mod indexes;
mod model;
mod oracle;
mod queries;
mod sql;
mod strict;
mod syntax;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::support::{CONNECTION, PASSWORD, Response, Tenant, execute};

/// The attributes that no endpoint writes.
const LOGIN_ATTRIBUTES: [&str; 3] = ["logins_count", "last_login", "last_ip"];

/// Creates a user with these attributes. Login attributes and times are written to the table.
async fn create(tenant: &Tenant, attributes: &Map<String, Value>) {
    let mut body = attributes.clone();
    let identity = body["user_id"].as_str().unwrap().trim_start_matches("auth0|").to_owned();
    body.retain(|name, _| {
        !LOGIN_ATTRIBUTES.contains(&name.as_str()) && !name.ends_with("_at") && name != "identities"
    });
    body.extend([
        ("connection".to_owned(), json!(CONNECTION)),
        ("password".to_owned(), json!(PASSWORD)),
        ("user_id".to_owned(), json!(identity)),
        ("verify_email".to_owned(), json!(false)),
    ]);
    let created = tenant.post("/api/v2/users", body.into()).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let logins: Map<_, _> = LOGIN_ATTRIBUTES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), attributes.get(*name)?.clone())))
        .collect();
    let parameters = [
        &tenant.name,
        created.json["user_id"].as_str().unwrap(),
        &Value::from(logins).to_string(),
        attributes["created_at"].as_str().unwrap(),
    ];
    let statement = "update users set profile = profile || $3::jsonb, created_at = $4::timestamptz, \
                     updated_at = $4::timestamptz where tenant_id = $1 and user_id = $2";
    assert_eq!(execute(statement, &parameters).await, 1);
}

/// The response to a query, with the total.
async fn search(tenant: &Tenant, query: &str) -> Response {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    tenant.get(&format!("/api/v2/users?search_engine=v3&per_page=100&include_totals=true&q={query}")).await
}

/// The users of a query without the total, which runs other statements.
async fn page(tenant: &Tenant, query: &str) -> Vec<Value> {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    let answer = tenant.get(&format!("/api/v2/users?search_engine=v3&per_page=100&q={query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json.as_array().unwrap().clone()
}

/// The users that a query matches; `None` if it is rejected.
async fn find(tenant: &Tenant, query: &str) -> Option<Vec<Value>> {
    let answer = search(tenant, query).await;
    if answer.status != 200 {
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (400, Some("invalid_query_string")), "{query}: {message}");
        assert!(message.contains("column"), "{query}: {message}");
        return None;
    }
    let users = answer.json["users"].as_array().unwrap().clone();
    assert_eq!(answer.json["total"], users.len(), "{query}");
    assert_eq!(page(tenant, query).await, users, "{query}");
    Some(users)
}
