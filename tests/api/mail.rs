//! The queue of mail and its worker, against a mail server on a real socket.

use serde_json::{Value, json};

use crate::support::smtp::{MailServer, Manner};
use crate::support::{Tenant, sql};

/// The rows of a tenant's mails: attempts, whether sent, failed, erased, and the last error.
async fn rows(tenant: &Tenant) -> Vec<Vec<Value>> {
    sql(
        "select attempts, sent_at is not null as sent, failed_at is not null as failed, content is null as erased, last_error from mails where tenant_id = $1",
        &[&tenant.name],
    )
    .await
}

#[tokio::test]
async fn a_mail_is_delivered_once_whoever_delivers() {
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
async fn a_mail_says_who_sends_it_and_that_no_person_did() {
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
async fn a_server_that_refuses_for_now_is_asked_again_later() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Manner::Refuses("451 try again later"));
    assert_eq!((server.deliver(&tenant, 0).await, server.deliver(&tenant, 0).await), (1, 0));
    let row = rows(&tenant).await.remove(0);
    assert_eq!(row[..4], [json!(1), json!(false), json!(false), json!(false)]);
    assert!(row[4].as_str().unwrap().contains("try again later"));
    server.set(Manner::Takes);
    assert_eq!(server.deliver(&tenant, 1).await, 1);
    server.mail();
    assert_eq!(rows(&tenant).await[0][..3], [json!(2), json!(true), json!(false)]);
}

#[tokio::test]
async fn a_server_that_refuses_for_good_is_not_asked_again() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Manner::Refuses("550 no such mailbox"));
    assert_eq!((server.deliver(&tenant, 0).await, server.deliver(&tenant, 24).await), (1, 0));
    assert_eq!(rows(&tenant).await[0][..4], [json!(1), json!(false), json!(true), json!(true)]);
}

#[tokio::test]
async fn a_mail_is_given_up_after_many_attempts() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Manner::Refuses("451 try again later"));
    let mut attempts = 0;
    while server.deliver(&tenant, 2 * attempts).await == 1 {
        attempts += 1;
    }
    assert_eq!(attempts, i64::from(roster::mail::model::ATTEMPTS));
    assert_eq!(rows(&tenant).await[0][..4], [json!(attempts), json!(false), json!(true), json!(true)]);
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_caller_anything_and_no_mail() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    server.set(Manner::Hangs);
    tenant.user(json!({})).await;
    let (tried, created) =
        tokio::join!(server.deliver(&tenant, 0), tenant.user(json!({ "verify_email": false })));
    assert_eq!((tried, created["email_verified"].clone()), (1, json!(false)));
    assert_eq!(rows(&tenant).await[0][4], "the mail server did not answer in time");
    server.set(Manner::Takes);
    assert_eq!(server.deliver(&tenant, 1).await, 1);
    server.mail();
}

#[tokio::test]
async fn a_server_that_disappears_gets_the_same_mail_again() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    server.set(Manner::Disappears);
    assert_eq!(server.deliver(&tenant, 0).await, 1);
    server.set(Manner::Takes);
    assert_eq!((server.deliver(&tenant, 1).await, server.deliver(&tenant, 2).await), (1, 0));
    let ids: Vec<_> =
        server.mails().iter().map(|mail| mail.header("Message-ID").map(str::to_owned)).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "a copy can be recognised");
}

#[tokio::test]
async fn what_nobody_could_send_in_time_is_not_sent() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({})).await;
    assert_eq!((server.deliver(&tenant, 121).await, server.mails().len()), (1, 0));
    assert_eq!(rows(&tenant).await[0][2], true);
}

#[tokio::test]
async fn a_user_that_is_gone_gets_no_mail() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({})).await;
    tenant.delete(&crate::support::path_of(&user)).await;
    assert_eq!(server.deliver(&tenant, 0).await, 0);
}

#[tokio::test]
async fn a_new_user_gets_a_verification_mail_unless_there_is_no_need() {
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
async fn a_change_sends_a_verification_mail_only_when_asked_to() {
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
async fn a_domain_of_other_letters_gets_its_mail() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    tenant.user(json!({ "email": "jörg@exämple.org" })).await;
    tenant.user(json!({ "email": "jane@exämple.org" })).await;
    assert_eq!(server.deliver(&tenant, 0).await, 2);
    assert_eq!(server.mail().to, "jane@xn--exmple-cua.org");
    let told =
        sql("select last_error from mails where tenant_id = $1 and failed_at is not null", &[&tenant.name])
            .await;
    assert!(told[0][0].as_str().unwrap().contains("SMTPUTF8"), "{told:?}");
}

#[tokio::test]
async fn the_queue_holds_no_link_in_the_clear() {
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
