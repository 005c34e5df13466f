//! `GET /api/v2/users-by-email`.

use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::{Response, Tenant, on_server, path_of, server, unique};

async fn by_email(tenant: &Tenant, email: &Value, more: &str) -> Response {
    let email = email.as_str().expect("an address").replace('+', "%2B");
    tenant.get(&format!("/api/v2/users-by-email?email={email}{more}")).await
}

/// A tenant with two connections, so that two users can have one address.
async fn with_two_connections() -> Tenant {
    Tenant::with(|config| {
        let mut second = config.connections[0].clone();
        second.name = "second".into();
        config.connections.push(second);
    })
    .await
}

#[tokio::test]
async fn email_finds_users_in_all_connections() {
    let tenant = with_two_connections().await;
    let first = tenant.user(json!({ "email": format!("{}+a@example.com", unique("u")) })).await;
    let second = tenant.user(json!({ "email": first["email"], "connection": "second" })).await;
    tenant.user(json!({})).await;
    let found = by_email(&tenant, &first["email"], "").await;
    assert_eq!((found.status, found.json), (200, json!([first, second])));
}

#[tokio::test]
async fn email_is_stored_in_lower_case_and_looked_up_as_sent() {
    let tenant = Tenant::new().await;
    let name = unique("Jane");
    let jane = tenant.user(json!({ "email": format!("{name}@Example.COM") })).await;
    let found = by_email(&tenant, &jane["email"], "").await;
    assert_eq!(found.json[0]["email"], format!("{}@example.com", name.to_lowercase()));
    assert_eq!(by_email(&tenant, &json!(format!("{name}@Example.COM")), "").await.text, "[]");
    assert_eq!(by_email(&tenant, &json!("nobody@example.com"), "").await.text, "[]");
}

#[tokio::test]
async fn changed_email_is_found_at_once_and_the_old_one_is_not() {
    let tenant = Tenant::new().await;
    let jane = tenant.user(json!({})).await;
    let email = json!(format!("{}@example.com", unique("new")));
    tenant.patch(&path_of(&jane), json!({ "email": email })).await;
    assert_eq!(by_email(&tenant, &email, "").await.json[0]["user_id"], jane["user_id"]);
    assert_eq!(by_email(&tenant, &jane["email"], "").await.text, "[]");
    tenant.delete(&path_of(&jane)).await;
    assert_eq!(by_email(&tenant, &email, "").await.text, "[]");
}

#[tokio::test]
async fn linked_identity_finds_no_user_twice_or_by_its_own_email() {
    let tenant = Tenant::new().await;
    let jane = tenant.user(json!({})).await;
    let other = format!("{}@example.com", unique("other"));
    let (name, id) = (tenant.name.clone(), jane["user_id"].as_str().unwrap().to_owned());
    let (email, elsewhere) = (jane["email"].as_str().unwrap().to_owned(), other.clone());
    on_server(async move {
        let options = server().database.connect_options().unwrap();
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        for (identity, email) in [("1", email), ("2", elsewhere)] {
            sqlx::query("insert into identities (tenant_id, provider, identity_id, user_id, connection, email) values ($1, 'email', $2, $3, 'email', $4)")
                .bind(&name).bind(identity).bind(&id).bind(email).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    })
    .await;
    assert_eq!(by_email(&tenant, &jane["email"], "").await.json, json!([jane]));
    assert_eq!(by_email(&tenant, &json!(other), "").await.text, "[]");
}

#[tokio::test]
async fn fields_are_included_or_excluded() {
    let tenant = Tenant::new().await;
    let jane = tenant.user(json!({})).await;
    assert_eq!(
        by_email(&tenant, &jane["email"], "&fields=email").await.json,
        json!([{ "email": jane["email"] }])
    );
    let without = by_email(&tenant, &jane["email"], "&fields=email&include_fields=false").await.json;
    assert!(without[0].get("email").is_none() && without[0]["user_id"] == jane["user_id"]);
}

#[tokio::test]
async fn email_is_required() {
    let tenant = Tenant::new().await;
    assert_eq!(
        tenant.get("/api/v2/users-by-email").await.error(),
        (400, Some("invalid_query_string"), "Query validation error: 'Missing required property: email'.")
    );
    assert_eq!(
        tenant.get("/api/v2/users-by-email?email=%00").await.error().2,
        "Query validation error: 'Text must not contain the character U+0000' on property email."
    );
}

#[tokio::test]
async fn users_of_another_tenant_are_not_found() {
    let (one, other) = (Tenant::new().await, Tenant::new().await);
    let jane = one.user(json!({})).await;
    assert_eq!(by_email(&other, &jane["email"], "").await.text, "[]");
    let twin = other.user(json!({ "email": jane["email"] })).await;
    assert_eq!(by_email(&other, &jane["email"], "").await.json, json!([twin]));
}
