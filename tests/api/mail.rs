//! The mail queue and its worker, with a mail server on a real socket.

use serde_json::{Value, json};

use crate::support::smtp::{Behaviour, MailServer};
use crate::support::{Tenant, sql};

/// The mails of a tenant: attempts, is sent, is failed, is erased, last error.
async fn rows(tenant: &Tenant) -> Vec<Vec<Value>> {
    sql(
        "select attempts, sent_at is not null as sent, failed_at is not null as failed, content is null as erased, last_error from mails where tenant_id = $1",
        &[&tenant.name],
    )
    .await
}

#[tokio::test]
async fn mail_is_delivered_once_by_concurrent_workers() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let mut addresses = Vec::new();
    for _ in 0..12 {
        addresses.push(tenant.user(json!({})).await["email"].as_str().unwrap().to_owned());
    }
    let workers = (0..6).map(|_| server.deliver(&tenant, 0));
    let tried: usize = futures_util::future::join_all(workers).await.into_iter().sum();
    assert_eq!((tried, server.deliver(&tenant, 1).await), (12, 0));
    let mut recipients: Vec<String> = server.mails().into_iter().map(|mail| mail.to).collect();
    recipients.sort();
    addresses.sort();
    assert_eq!(recipients, addresses);
    for row in rows(&tenant).await {
        assert_eq!(row, [json!(1), json!(true), json!(false), json!(true), Value::Null]);
    }
}

#[tokio::test]
async fn mail_has_the_headers_of_an_automatic_sender() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.deliver(&tenant, 0).await;
    let mail = server.mail();
    assert_eq!(mail.header("From"), Some("Roster <no-reply@example.com>"));
    assert_eq!(mail.header("Subject"), Some("Verify your email address"));
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.header("Message-ID").unwrap().starts_with("<mail_"), "{mail:?}");
    assert!(mail.source.contains("text/plain") && mail.source.contains("text/html"));
    assert!(mail.link().starts_with(&format!("https://{}/u/email-verification?ticket=", tenant.host)));
}

#[tokio::test]
async fn temporary_failure_is_repeated_later() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Behaviour::Rejects("451 try again later"));
    assert_eq!((server.deliver(&tenant, 0).await, server.deliver(&tenant, 0).await), (1, 0));
    let row = rows(&tenant).await.remove(0);
    assert_eq!(row[..4], [json!(1), json!(false), json!(false), json!(false)]);
    assert!(row[4].as_str().unwrap().contains("try again later"));
    server.set(Behaviour::Accepts);
    assert_eq!(server.deliver(&tenant, 1).await, 1);
    server.mail();
    assert_eq!(rows(&tenant).await[0][..3], [json!(2), json!(true), json!(false)]);
}

#[tokio::test]
async fn permanent_failure_is_not_repeated() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Behaviour::Rejects("550 no such mailbox"));
    assert_eq!((server.deliver(&tenant, 0).await, server.deliver(&tenant, 24).await), (1, 0));
    assert_eq!(rows(&tenant).await[0][..4], [json!(1), json!(false), json!(true), json!(true)]);
}

#[tokio::test]
async fn mail_is_given_up_after_the_last_attempt() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Behaviour::Rejects("451 try again later"));
    let mut attempts = 0;
    while server.deliver(&tenant, 2 * attempts).await == 1 {
        attempts += 1;
    }
    assert_eq!(attempts, i64::from(roster::mail::model::MAX_ATTEMPTS));
    assert_eq!(rows(&tenant).await[0][..4], [json!(attempts), json!(false), json!(true), json!(true)]);
}

#[tokio::test]
async fn unresponsive_server_delays_no_request_and_loses_no_mail() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    server.set(Behaviour::Hangs);
    tenant.user(json!({})).await;
    let (tried, created) =
        tokio::join!(server.deliver(&tenant, 0), tenant.user(json!({ "verify_email": false })));
    assert_eq!((tried, created["email_verified"].clone()), (1, json!(false)));
    assert_eq!(rows(&tenant).await[0][4], "the mail server did not answer in time");
    server.set(Behaviour::Accepts);
    assert_eq!(server.deliver(&tenant, 1).await, 1);
    server.mail();
}

#[tokio::test]
async fn broken_connection_repeats_the_mail_with_its_message_id() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Behaviour::Disconnects);
    assert_eq!(server.deliver(&tenant, 0).await, 1);
    server.set(Behaviour::Accepts);
    assert_eq!((server.deliver(&tenant, 1).await, server.deliver(&tenant, 2).await), (1, 0));
    let ids: Vec<_> =
        server.mails().iter().map(|mail| mail.header("Message-ID").map(str::to_owned)).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "a copy is recognisable");
}

#[tokio::test]
async fn mail_with_an_expired_link_is_not_sent() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    assert_eq!((server.deliver(&tenant, 121).await, server.mails().len()), (1, 0));
    assert_eq!(rows(&tenant).await[0][2], true);
}

#[tokio::test]
async fn deleted_user_gets_no_mail() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({})).await;
    tenant.delete(&crate::support::path_of(&user)).await;
    assert_eq!(server.deliver(&tenant, 0).await, 0);
}

#[tokio::test]
async fn new_user_gets_a_verification_mail_if_unverified() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({ "verify_email": false })).await;
    tenant.user(json!({ "email_verified": true })).await;
    let refused =
        json!({ "connection": crate::support::CONNECTION, "email": "a@example.com", "password": "weak" });
    assert_eq!(tenant.post("/api/v2/users", refused).await.status, 400);
    assert_eq!(server.deliver(&tenant, 0).await, 0);
    let user = tenant.user(json!({ "verify_email": true })).await;
    assert_eq!(server.deliver(&tenant, 0).await, 1);
    assert_eq!(server.mail().to, user["email"]);
}

#[tokio::test]
async fn update_sends_a_verification_mail_only_on_request() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({ "email_verified": true })).await;
    let path = crate::support::path_of(&user);
    for body in
        [json!({ "email": "first@example.com" }), json!({ "email_verified": true, "verify_email": true })]
    {
        assert_eq!(tenant.patch(&path, body).await.status, 200);
        assert_eq!(server.deliver(&tenant, 0).await, 0);
    }
    let body = json!({ "email": "second@example.com", "verify_email": true });
    assert_eq!(tenant.patch(&path, body).await.json["email_verified"], false);
    assert_eq!(server.deliver(&tenant, 0).await, 1);
    assert_eq!(server.mail().to, "second@example.com");
    assert_eq!(tenant.patch(&path, json!({ "verify_email": true })).await.status, 200);
    assert_eq!(server.deliver(&tenant, 0).await, 1);
}

#[tokio::test]
async fn internationalized_domain_gets_its_mail() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({ "email": "jörg@exämple.org" })).await;
    tenant.user(json!({ "email": "jane@exämple.org" })).await;
    assert_eq!(server.deliver(&tenant, 0).await, 2);
    assert_eq!(server.mail().to, "jane@xn--exmple-cua.org");
    let errors =
        sql("select last_error from mails where tenant_id = $1 and failed_at is not null", &[&tenant.name])
            .await;
    assert!(errors[0][0].as_str().unwrap().contains("SMTPUTF8"), "{errors:?}");
}

#[tokio::test]
async fn queue_contains_no_link_in_the_clear() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    let before = sql(
        "select m, t from mails m join tickets t using (tenant_id, digest) where tenant_id = $1",
        &[&tenant.name],
    )
    .await;
    server.deliver(&tenant, 0).await;
    let link = server.mail().link();
    let ticket = link.split(['=', '#']).nth(1).unwrap();
    assert!(!json!(before).to_string().contains(ticket));
}
