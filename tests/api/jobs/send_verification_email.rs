//! `POST /api/v2/jobs/verification-email` and `GET /api/v2/jobs/{id}`.

use serde_json::{Value, json};

use crate::support::smtp::{Behaviour, MailServer};
use crate::support::{Tenant, path_of, send};
use crate::tickets::{path, submit};

const JOBS: &str = "/api/v2/jobs/verification-email";

async fn job(tenant: &Tenant, user: &Value) -> Value {
    let made = tenant.post(JOBS, json!({ "user_id": user["user_id"] })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json
}

async fn status(tenant: &Tenant, job: &Value) -> String {
    let fetched = tenant.get(&format!("/api/v2/jobs/{}", job["id"].as_str().unwrap())).await;
    assert_eq!(fetched.status, 200, "{}", fetched.text);
    fetched.json["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn job_is_completed_when_its_mail_is_sent() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    let user = tenant.user(json!({ "verify_email": false })).await;
    let job = job(&tenant, &user).await;
    insta::assert_json_snapshot!(job, { ".created_at" => "[time]", ".id" => "[id]" }, @r#"
    {
      "created_at": "[time]",
      "id": "[id]",
      "status": "pending",
      "type": "verification_email"
    }
    "#);
    assert_eq!(status(&tenant, &job).await, "pending");
    assert_eq!(server.deliver(&tenant, 0).await, 1);
    assert_eq!(status(&tenant, &job).await, "completed");
    let link = path(&tenant, &server.mail().link());
    assert_eq!(submit(&tenant, &link, &[]).await.status, 200);
    assert_eq!(tenant.get(&path_of(&user)).await.json["email_verified"], true);
}

#[tokio::test]
async fn job_fails_with_its_mail_or_for_a_verified_address() {
    let (tenant, server) = (Tenant::new().await, MailServer::start().await);
    server.set(Behaviour::Rejects("550 no such mailbox"));
    let pending = job(&tenant, &tenant.user(json!({ "verify_email": false })).await).await;
    server.deliver(&tenant, 0).await;
    assert_eq!(status(&tenant, &pending).await, "failed");
    let verified = job(&tenant, &tenant.user(json!({ "email_verified": true })).await).await;
    assert_eq!(
        (status(&tenant, &verified).await, server.deliver(&tenant, 0).await),
        ("failed".to_owned(), 0)
    );
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_the_violation() {
    let tenant = Tenant::new().await;
    let id = tenant.user(json!({})).await["user_id"].clone();
    let mut responses = Vec::new();
    for body in [
        json!({}),
        json!({ "user_id": "auth0|5f7c8ec7c33c6c004bbafe82" }),
        json!({ "user_id": id, "client_id": "#<Random>" }),
        json!({ "user_id": id, "client_id": "unknown" }),
        json!({ "user_id": id, "organization_id": "org_0000000000000000" }),
        json!({ "user_id": id, "identity": { "provider": "auth0", "user_id": "another" } }),
        json!({ "user_id": id, "identity": { "provider": "auth0" } }),
    ] {
        let answer = tenant.post(JOBS, body).await;
        let (status, code, message) = answer.error();
        responses.push(format!("{status} {} {message}", code.unwrap_or("-")));
    }
    let unknown = tenant.get("/api/v2/jobs/job_0000000000000000").await;
    let (status, code, message) = unknown.error();
    responses.push(format!("{status} {} {message}", code.unwrap_or("-")));
    insta::assert_snapshot!(responses.join("\n"), @r#"
    400 invalid_body Payload validation error: 'Missing required property: user_id'.
    404 inexistent_user The user does not exist.
    400 invalid_body Payload validation error: 'Object didn't pass validation for format client-id: #<Random>' on property client_id (client_id of the client (application). If no value provided, the global Client ID will be used).
    400 inexistent_client The client does not exist
    400 inexistent_organization The organization does not exist
    400 inexistent_identity The user exists, but does not contain the given identity.
    400 invalid_body Payload validation error: 'Missing required property: user_id' on property identity.
    404 inexistent_job Job not found.
    "#);
}

#[tokio::test]
async fn scopes_of_jobs_are_those_of_users() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "verify_email": false })).await;
    let job = job(&tenant, &user).await;
    let path = format!("/api/v2/jobs/{}", job["id"].as_str().unwrap());
    for (scope, create, fetch) in
        [("update:users", 201, 403), ("read:users", 403, 200), ("create:users", 403, 200)]
    {
        let token = tenant.token_with(&[scope]).await;
        let body = json!({ "user_id": user["user_id"] });
        assert_eq!(send(tenant.request("POST", JOBS).bearer_auth(&token).json(&body)).await.status, create);
        assert_eq!(send(tenant.request("GET", &path).bearer_auth(&token)).await.status, fetch);
    }
    assert_eq!(Tenant::new().await.get(&path).await.status, 404);
}

#[tokio::test]
async fn job_of_a_deleted_user_has_failed() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "verify_email": false })).await;
    let job = job(&tenant, &user).await;
    assert_eq!(status(&tenant, &job).await, "pending");
    assert_eq!(tenant.delete(&path_of(&user)).await.status, 204);
    assert_eq!(status(&tenant, &job).await, "failed");
}
