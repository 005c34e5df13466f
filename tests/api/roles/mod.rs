//! Roles, their members and the roles of users.

mod crud;
mod members;
mod of_user;

use serde_json::{Value, json};

use crate::support::{Tenant, unique};

/// Creates a role with a unique name; its id.
pub(crate) async fn role(tenant: &Tenant) -> String {
    let made = tenant.post("/api/v2/roles", json!({ "name": unique("role") })).await;
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}

/// The user ids in a list of members.
pub(crate) fn ids(users: &Value) -> Vec<&str> {
    users.as_array().unwrap().iter().map(|user| user["user_id"].as_str().unwrap()).collect()
}
