//! `POST /dbconnections/change_password`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::smtp::MailServer;
use crate::support::{CONNECTION, PASSWORD, Response, Tenant, form, on_server, send, sql};
use crate::tickets::{has_password, open, path, set_password};

const PATH: &str = "/dbconnections/change_password";

async fn request_link(tenant: &Tenant, email: &str) -> Response {
    let body = json!({ "client_id": "any", "email": email, "connection": CONNECTION });
    send(tenant.request("POST", PATH).json(&body)).await
}

#[tokio::test]
async fn link_in_the_mail_sets_a_password() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({ "verify_email": false })).await;
    let email = user["email"].as_str().unwrap();
    let answer = request_link(&tenant, &email.to_uppercase()).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, "We've just sent you an email to reset your password.")
    );
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(has_password(&tenant, &user, PASSWORD).await, "the request changes nothing");
    assert_eq!(server.deliver(&tenant, 0).await, 1);
    let mail = server.mail();
    assert_eq!((mail.to.as_str(), mail.header("Subject")), (email, Some("Reset your password")));
    let link = path(&tenant, &mail.link());
    assert_eq!(open(&tenant, &link).await.status, 200);
    assert_eq!(set_password(&tenant, &link, "Another-Horse-2").await.status, 200);
    assert!(has_password(&tenant, &user, "Another-Horse-2").await);
    assert_eq!(set_password(&tenant, &link, PASSWORD).await.status, 410);
}

#[tokio::test]
async fn answer_does_not_show_whether_an_address_is_known() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({ "verify_email": false })).await;
    let answers = [
        request_link(&tenant, user["email"].as_str().unwrap()).await,
        request_link(&tenant, "nobody@example.com").await,
    ];
    let visible = |answer: &Response| {
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers.remove("x-request-id");
        (answer.status, headers, answer.text.clone())
    };
    assert_eq!(visible(&answers[0]), visible(&answers[1]));
    assert_eq!(server.deliver(&tenant, 0).await, 1);
    let kinds = |journal: Vec<(String, Value)>| journal.last().map(|(kind, _)| kind.clone());
    assert_eq!(
        kinds(tenant.journal(user["user_id"].as_str().unwrap()).await).as_deref(),
        Some("password_change.requested")
    );
    assert_eq!(kinds(tenant.journal("nobody@example.com").await).as_deref(), Some("password_change.refused"));
}

#[tokio::test]
async fn identity_gets_at_most_ten_mails_an_hour() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({ "verify_email": false })).await;
    for _ in 0..12 {
        assert_eq!(request_link(&tenant, user["email"].as_str().unwrap()).await.status, 200);
    }
    assert_eq!(server.deliver(&tenant, 0).await, 10);
}

/// Waits until this many requests for a link wait for a lock.
async fn wait_for_blocked(requests: usize) {
    let query = "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%a ticket for a new password and its mail%'";
    while sql(query, &[]).await.len() < requests {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn simultaneous_requests_do_not_exceed_the_limit() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({ "verify_email": false })).await;
    let email = user["email"].as_str().unwrap();
    for _ in 0..9 {
        assert_eq!(request_link(&tenant, email).await.status, 200);
    }
    // All requests are counted, or wait to be counted, before one of them can create a ticket.
    let (locked, rows_locked) = tokio::sync::oneshot::channel();
    let name = tenant.name.clone();
    let holder = tokio::spawn(on_server(async move {
        use sqlx::Connection;
        let options = crate::support::server().database.connect_options().unwrap();
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query("select from identities where tenant_id = $1 for update")
            .bind(name)
            .execute(&mut *transaction)
            .await
            .unwrap();
        locked.send(()).unwrap();
        wait_for_blocked(3).await;
        transaction.commit().await.unwrap();
    }));
    rows_locked.await.unwrap();
    for answer in join_all((0..3).map(|_| request_link(&tenant, email))).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    holder.await.unwrap();
    assert_eq!(server.deliver(&tenant, 0).await, 10);
    let other = tenant.user(json!({ "verify_email": false })).await;
    join_all((0..30).map(|_| request_link(&tenant, other["email"].as_str().unwrap()))).await;
    assert_eq!(server.deliver(&tenant, 0).await, 10, "all of the limit is used");
}

#[tokio::test]
async fn form_is_accepted_like_json() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({ "verify_email": false })).await;
    let fields =
        [("client_id", "any"), ("email", user["email"].as_str().unwrap()), ("connection", CONNECTION)];
    assert_eq!(send(form(tenant.request("POST", PATH), &fields)).await.status, 200);
    assert_eq!(server.deliver(&tenant, 0).await, 1);
}

#[tokio::test]
async fn invalid_requests_have_the_error_shape_of_signup() {
    let tenant = Tenant::new().await;
    let mut responses = Vec::new();
    for body in [
        json!({ "connection": CONNECTION }),
        json!({ "email": "a@example.com" }),
        json!({ "email": 1, "connection": CONNECTION }),
        json!({ "email": "x", "connection": CONNECTION }),
        json!({ "email": "a@example.com", "connection": "Unknown" }),
        json!({ "email": "a@example.com", "connection": CONNECTION, "client_id": "<>" }),
        json!({ "email": "a\0@example.com", "connection": CONNECTION }),
        json!([]),
    ] {
        let answer = send(tenant.request("POST", PATH).json(&body)).await;
        assert_eq!(answer.status, 400);
        responses.push(answer.text);
    }
    insta::assert_snapshot!(responses.join("\n"), @r#"
    {"code":"invalid_request","description":"email is required","name":"BadRequestError","statusCode":400}
    {"code":"invalid_request","description":"connection is required","name":"BadRequestError","statusCode":400}
    {"code":"invalid_request","description":"email must be a string","name":"BadRequestError","statusCode":400}
    {"code":"invalid_request","description":"email is not an email address","name":"BadRequestError","statusCode":400}
    {"code":"invalid_connection","description":"The connection does not exist.","name":"BadRequestError","statusCode":400}
    {"code":"invalid_request","description":"client_id is not the id of a client","name":"BadRequestError","statusCode":400}
    {"code":"invalid_request","description":"Payload validation error: 'Strings must not contain the character U+0000'.","name":"BadRequestError","statusCode":400}
    {"code":"invalid_request","description":"Payload validation error: 'Expected type object but found type array'.","name":"BadRequestError","statusCode":400}
    "#);
}
