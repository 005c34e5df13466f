//! Tickets and the pages that their links lead to.

mod create;
mod redeem;

use serde_json::{Value, json};

use crate::support::{Response, Tenant, form, send, sql};

/// Creates a ticket for a user; the path and query of its link.
pub(crate) async fn ticket(tenant: &Tenant, kind: &str, user: &Value, more: Value) -> String {
    let mut body = json!({ "user_id": user["user_id"] });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let made = tenant.post(&format!("/api/v2/tickets/{kind}"), body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    path(tenant, made.json["ticket"].as_str().unwrap())
}

/// The path and query of a link; fails if it leads to another host.
pub(crate) fn path(tenant: &Tenant, link: &str) -> String {
    let path = link.strip_prefix(&format!("https://{}", tenant.host)).expect("a link to this tenant");
    path.strip_suffix('#').unwrap_or(path).to_owned()
}

/// Opens a link.
pub(crate) async fn open(tenant: &Tenant, link: &str) -> Response {
    send(tenant.request("GET", link)).await
}

/// Submits the form of a link, with further fields.
pub(crate) async fn submit(tenant: &Tenant, link: &str, fields: &[(&str, &str)]) -> Response {
    let (path, ticket) = link.split_once("?ticket=").unwrap();
    let fields: Vec<(&str, &str)> = [("ticket", ticket)].into_iter().chain(fields.iter().copied()).collect();
    send(form(tenant.request("POST", path), &fields)).await
}

/// Sets a password with a link.
pub(crate) async fn set_password(tenant: &Tenant, link: &str, password: &str) -> Response {
    submit(tenant, link, &[("password", password), ("confirmation", password)]).await
}

/// Is this the password of a user?
pub(crate) async fn has_password(tenant: &Tenant, user: &Value, password: &str) -> bool {
    let id = user["user_id"].as_str().unwrap().split_once('|').unwrap().1;
    let hash =
        sql("select hash from passwords where tenant_id = $1 and identity_id = $2", &[&tenant.name, id])
            .await;
    let hash = hash[0][0].as_str().unwrap().to_owned();
    let verification =
        roster::base::passwords::Hasher::new(1).verify("t", password.to_owned(), Some(hash)).await.unwrap();
    verification == roster::base::passwords::Verification::Passed
}
