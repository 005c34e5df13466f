//! `POST /api/v2/tickets/password-change` and `/email-verification`.

use roster::base::identifiers::Requirement;
use serde_json::json;

use crate::support::{CONNECTION, Tenant, send, sql};

const PASSWORD_CHANGE: &str = "/api/v2/tickets/password-change";
const EMAIL_VERIFICATION: &str = "/api/v2/tickets/email-verification";

#[tokio::test]
async fn ticket_is_a_link_to_the_host_of_the_request() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    for (path, page) in [(PASSWORD_CHANGE, "lo/reset"), (EMAIL_VERIFICATION, "u/email-verification")] {
        let made = tenant.post(path, json!({ "user_id": user["user_id"], "ttl_sec": 0 })).await;
        assert_eq!((made.status, made.json.as_object().unwrap().len()), (201, 1));
        let link = made.json["ticket"].as_str().unwrap();
        let prefix = format!("https://{}/{page}?ticket=", tenant.host);
        assert_eq!(link.strip_prefix(&prefix).expect("the prefix").len(), 44, "{link}");
        assert!(link.ends_with('#'));
    }
    let journal = tenant.journal(user["user_id"].as_str().unwrap()).await;
    let kinds: Vec<_> =
        journal.iter().skip(1).map(|(kind, changes)| (kind.as_str(), &changes["kind"]["after"])).collect();
    assert_eq!(
        kinds,
        [("ticket.created", &json!("password_change")), ("ticket.created", &json!("email_verification"))]
    );
    let query = "select (expires_at - created_at)::text as lifetime from tickets where tenant_id = $1";
    assert!(sql(query, &[&tenant.name]).await.iter().all(|row| row[0] == "5 days"));
}

#[tokio::test]
async fn link_to_the_local_machine_is_http_and_has_only_our_port() {
    let tenant = Tenant::with(|config| config.hosts = vec![format!("{}.localhost", config.name)]).await;
    let user = tenant.user(json!({})).await;
    let port = crate::support::server().address.port();
    let (ours, bare) = (format!("{}:{port}", tenant.host), tenant.host.clone());
    for (host, linked) in [(ours.clone(), ours), (format!("{bare}:6666"), bare.clone()), (bare.clone(), bare)]
    {
        let request = tenant.authorized("POST", PASSWORD_CHANGE).json(&json!({ "user_id": user["user_id"] }));
        let mut request = request.build().unwrap();
        request.headers_mut().insert("host", host.parse().unwrap());
        let made = reqwest::Client::new().execute(request).await.unwrap().text().await.unwrap();
        assert!(
            made.starts_with(&format!("{{\"ticket\":\"http://{linked}/lo/reset?ticket=")),
            "{host}: {made}"
        );
    }
}

#[tokio::test]
async fn email_and_connection_replace_the_user_id() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let ids = sql("select connection_id from connections where tenant_id = $1", &[&tenant.name]).await;
    let connection = ids[0][0].as_str().unwrap();
    let email = user["email"].as_str().unwrap().to_uppercase();
    let made = tenant.post(PASSWORD_CHANGE, json!({ "connection_id": connection, "email": email })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let identity = json!({ "provider": "auth0", "user_id": user["identities"][0]["user_id"], "connection_id": connection });
    for path in [PASSWORD_CHANGE, EMAIL_VERIFICATION] {
        let made = tenant.post(path, json!({ "user_id": user["user_id"], "identity": identity })).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
}

#[tokio::test]
async fn new_password_of_former_clients_is_taken_and_not_set() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let body = json!({ "user_id": user["user_id"], "new_password": "Another-Horse-2" });
    assert_eq!(tenant.post(PASSWORD_CHANGE, body).await.status, 201);
    let body = json!({ "user_id": user["user_id"], "new_password": "" });
    assert_eq!(tenant.post(PASSWORD_CHANGE, body).await.error().1, Some("invalid_body"));
    let id = user["user_id"].as_str().unwrap();
    let journal = tenant.journal(id).await;
    assert!(!format!("{journal:?}").contains("Another-Horse-2"));
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_the_violation() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    let id = user["user_id"].clone();
    let identity = user["identities"][0]["user_id"].clone();
    let unknown = "auth0|5f7c8ec7c33c6c004bbafe82";
    let elsewhere = "con_0000000000000000";
    let mut responses = Vec::new();
    for body in [
        json!({}),
        json!({ "user_id": unknown }),
        json!({ "user_id": "nobody" }),
        json!({ "user_id": id, "ttl_sec": -1 }),
        json!({ "user_id": id, "result_url": "javascript:alert(1)" }),
        json!({ "user_id": id, "client_id": "unknown" }),
        json!({ "user_id": id, "client_id": tenant.client.client_id, "result_url": "https://example.com" }),
        json!({ "user_id": id, "organization_id": "org_0000000000000000" }),
        json!({ "user_id": id, "identity": { "provider": "auth0", "user_id": "another" } }),
        json!({ "user_id": id, "identity": { "provider": "auth0", "user_id": identity, "connection_id": elsewhere } }),
        json!({ "user_id": id, "connection_id": elsewhere, "email": "a@example.com" }),
        json!({ "connection_id": elsewhere, "email": "a@example.com" }),
        json!({ "connection_id": elsewhere }),
        json!({ "email": "a@example.com" }),
        json!({ "user_id": id, "surprise": true }),
    ] {
        let answer = tenant.post(PASSWORD_CHANGE, body).await;
        let (status, code, message) = answer.error();
        responses.push(format!("{status} {} {message}", code.unwrap_or("-")));
    }
    insta::assert_snapshot!(responses.join("\n"), @r#"
    400 invalid_body Payload validation error: 'Missing required property: user_id'.
    404 inexistent_user User not found.
    400 invalid_body Payload validation error: 'Object didn't pass validation for format user-id: nobody' on property user_id (user_id of for whom the ticket should be created).
    400 invalid_body Payload validation error: 'Value -1 is less than minimum 0' on property ttl_sec (Number of seconds for which the ticket is valid).
    400 invalid_body Payload validation error: 'Object didn't pass validation for format url: javascript:alert(1)' on property result_url (URL the user will be redirected to once the ticket is used).
    400 inexistent_client The client does not exist
    400 invalid_body Payload validation error: 'Cannot specify result_url when using client_id'.
    400 inexistent_organization The organization does not exist
    400 inexistent_identity The user exists, but does not contain the given identity.
    400 inexistent_connection Identity connection does not exist.
    400 invalid_body Payload validation error: 'Cannot specify connection_id or email when using user_id'.
    400 inexistent_connection The connection with id con_0000000000000000 does not exist.
    400 invalid_body Payload validation error: 'Missing required property: email'.
    400 invalid_body Payload validation error: 'Missing required property: connection_id'.
    400 invalid_body Payload validation error: 'Additional properties not allowed: surprise'.
    "#);
    assert!(
        sql("select digest from tickets where tenant_id = $1 and kind = 'password_change'", &[&tenant.name])
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn user_without_an_address_gets_no_ticket() {
    let tenant = Tenant::with(|config| {
        config.connections[0].attributes.as_mut().unwrap().email = Some(Requirement::Optional);
    })
    .await;
    let user = tenant.user(json!({ "username": "nameless" })).await;
    assert_eq!(tenant.patch(&crate::support::path_of(&user), json!({ "email": null })).await.status, 200);
    for path in [PASSWORD_CHANGE, EMAIL_VERIFICATION] {
        let answer = tenant.post(path, json!({ "user_id": user["user_id"] })).await;
        assert_eq!(answer.error().2, "The user does not have an email address.");
    }
}

#[tokio::test]
async fn scope_of_tickets_is_create_user_tickets() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({})).await;
    for path in [PASSWORD_CHANGE, EMAIL_VERIFICATION] {
        for (scope, status) in [("update:users", 403), ("create:user_tickets", 201)] {
            let token = tenant.token_with(&[scope]).await;
            let request =
                tenant.request("POST", path).bearer_auth(token).json(&json!({ "user_id": user["user_id"] }));
            assert_eq!(send(request).await.status, status);
        }
    }
    let other = Tenant::new().await;
    assert_eq!(other.post(PASSWORD_CHANGE, json!({ "user_id": user["user_id"] })).await.status, 404);
    assert_eq!(CONNECTION, user["identities"][0]["connection"]);
}
