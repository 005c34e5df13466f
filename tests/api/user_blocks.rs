//! Blocks after failed logins, and `/api/v2/user-blocks`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::oauth::{known_client, log_in, login, tenant};
use crate::support::{CONNECTION, PASSWORD, Response, Tenant, execute, path_of, send, server};

/// The failed attempts that block an account for an IP address, and for all.
const LIMIT: usize = 10;
const LIMIT_FOR_ALL: usize = 100;

async fn wrong(tenant: &Tenant, name: &str, times: usize) {
    for n in 0..times {
        assert_eq!(log_in(tenant, name, "wrong", json!({})).await.status, 403, "attempt {n}");
    }
}

/// A login from another address of this machine.
async fn log_in_from(address: [u8; 4], tenant: &Tenant, name: &str, password: &str) -> Response {
    let client = reqwest::Client::builder().local_address(std::net::IpAddr::from(address)).build().unwrap();
    let url = format!("http://{}/oauth/token", server().address);
    send(client.post(url).header("host", &tenant.host).json(&login(name, password, &json!({})))).await
}

fn blocks_of(user: &Value) -> String {
    path_of(user).replace("/users/", "/user-blocks/")
}

#[tokio::test]
async fn ten_wrong_passwords_block_one_address_until_it_is_unblocked() {
    let tenant = tenant().await;
    let user = tenant.user(json!({ "username": "jane" })).await;
    let email = user["email"].as_str().unwrap();
    assert_eq!(tenant.get(&blocks_of(&user)).await.text, r#"{"blocked_for":[]}"#);
    // E-mail address and username are one account.
    wrong(&tenant, email, 5).await;
    wrong(&tenant, "jane", 5).await;
    let blocked = log_in(&tenant, "JANE", PASSWORD, json!({})).await;
    assert_eq!(
        (blocked.status, &*blocked.text),
        (
            429,
            r#"{"error":"too_many_attempts","error_description":"Your account has been blocked after multiple consecutive login attempts. An administrator can unblock it."}"#
        )
    );
    assert_eq!(log_in_from([127, 0, 0, 2], &tenant, email, PASSWORD).await.status, 200, "another address");
    assert_eq!(log_in(&tenant, email, PASSWORD, json!({})).await.status, 429, "a success elsewhere");

    let blocks =
        json!({ "blocked_for": [{ "identifier": "jane", "ip": "127.0.0.1", "connection": CONNECTION }] });
    assert_eq!(tenant.get(&blocks_of(&user)).await.json, blocks);
    for identifier in [email, "Jane"] {
        let path =
            format!("/api/v2/user-blocks?identifier={identifier}&consider_brute_force_enablement=true");
        assert_eq!(tenant.get(&path).await.json, blocks, "{identifier}");
    }
    assert_eq!(tenant.delete(&blocks_of(&user)).await.status, 204);
    assert_eq!(tenant.get(&blocks_of(&user)).await.json, json!({ "blocked_for": [] }));
    assert_eq!(log_in(&tenant, email, PASSWORD, json!({})).await.status, 200);
    let kinds: Vec<String> =
        tenant.journal(user["user_id"].as_str().unwrap()).await.into_iter().map(|(kind, _)| kind).collect();
    assert!(kinds.contains(&"user.unblocked".to_owned()), "{kinds:?}");

    wrong(&tenant, email, LIMIT).await;
    assert_eq!(tenant.delete("/api/v2/user-blocks?identifier=jane").await.status, 204);
    assert_eq!(log_in(&tenant, email, PASSWORD, json!({})).await.status, 200);
}

#[tokio::test]
async fn successful_login_resets_the_count() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    for _ in 0..2 {
        wrong(&tenant, email, LIMIT - 1).await;
        assert_eq!(log_in(&tenant, email, PASSWORD, json!({})).await.status, 200);
    }
    let left =
        crate::support::sql("select account from login_attempts where tenant_id = $1", &[&tenant.name]).await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn new_password_deletes_the_blocks() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    wrong(&tenant, email, LIMIT).await;
    tenant.patch(&path_of(&user), json!({ "password": "Another-Horse-2" })).await;
    assert_eq!(log_in(&tenant, email, "Another-Horse-2", json!({})).await.status, 200);
}

#[tokio::test]
async fn deletion_of_a_user_deletes_the_blocks() {
    let tenant = tenant().await;
    let jane = json!({ "email": "jane@example.com", "user_id": "jane" });
    let user = tenant.user(jane.clone()).await;
    wrong(&tenant, "jane@example.com", LIMIT).await;
    tenant.delete(&path_of(&user)).await;
    tenant.user(jane).await;
    assert_eq!(log_in(&tenant, "jane@example.com", PASSWORD, json!({})).await.status, 200);
}

#[tokio::test]
async fn unknown_identifier_is_blocked_like_a_known_one() {
    let tenant = tenant().await;
    wrong(&tenant, "nobody@example.com", LIMIT).await;
    assert_eq!(log_in(&tenant, "Nobody@example.com", PASSWORD, json!({})).await.status, 429);
    let path = "/api/v2/user-blocks?identifier=nobody@example.com";
    assert_eq!(tenant.get(path).await.json["blocked_for"][0]["ip"], "127.0.0.1");
    assert_eq!(tenant.delete(path).await.status, 204);
    wrong(&tenant, "nobody@example.com", 1).await;
}

#[tokio::test]
async fn concurrent_guesses_do_not_exceed_the_limit() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    let answers = join_all((0..40).map(|_| log_in(&tenant, email, "wrong", json!({})))).await;
    let verified = answers.iter().filter(|a| a.status == 403).count();
    let rejected = answers.iter().filter(|a| a.status == 429).count();
    assert_eq!((verified, rejected), (LIMIT, 40 - LIMIT));
}

#[tokio::test]
async fn concurrent_guesses_logins_and_unblocks_do_not_deadlock() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let (email, path) = (user["email"].as_str().unwrap(), blocks_of(&user));
    let work = (0..60u8).map(|n| {
        let (tenant, path) = (&tenant, &path);
        async move {
            match n % 3 {
                0 => log_in_from([127, 0, 1, n % 5 + 1], tenant, email, "wrong").await.status,
                1 => log_in_from([127, 0, 1, n % 5 + 1], tenant, email, PASSWORD).await.status,
                _ => tenant.delete(path).await.status,
            }
        }
    });
    for status in join_all(work).await {
        assert!([200, 204, 403, 429].contains(&status), "{status}");
    }
}

#[tokio::test]
async fn hundred_wrong_passwords_block_all_addresses() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    for host in 1..=LIMIT_FOR_ALL / LIMIT {
        let address = [127, 0, 2, u8::try_from(host).unwrap()];
        let guesses = join_all((0..LIMIT).map(|_| log_in_from(address, &tenant, email, "wrong"))).await;
        let statuses: Vec<u16> = guesses.iter().map(|a| a.status).collect();
        assert_eq!(statuses, [403; LIMIT]);
    }
    assert_eq!(log_in_from([127, 0, 2, 99], &tenant, email, PASSWORD).await.status, 429);
    let blocks = tenant.get(&blocks_of(&user)).await.json["blocked_for"].as_array().unwrap().clone();
    assert_eq!(blocks.len(), 11, "{blocks:?}");
    assert_eq!(blocks[0], json!({ "identifier": email, "connection": CONNECTION }));
    // Rejected attempts do not count, so one address alone cannot block the account for the others.
    let other = tenant.user(json!({})).await;
    let email = other["email"].as_str().unwrap();
    wrong(&tenant, email, LIMIT).await;
    for _ in 0..LIMIT_FOR_ALL / LIMIT {
        let rejected = join_all((0..LIMIT).map(|_| log_in(&tenant, email, "wrong", json!({})))).await;
        assert!(rejected.iter().all(|a| a.status == 429));
    }
    assert_eq!(log_in_from([127, 0, 2, 1], &tenant, email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn blocks_lapse_after_thirty_days() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    wrong(&tenant, email, LIMIT).await;
    let age = "update login_attempts set attempted_at = now() - interval '31 days' where tenant_id = $1";
    execute(age, &[&tenant.name]).await;
    assert_eq!(tenant.get(&blocks_of(&user)).await.json, json!({ "blocked_for": [] }));
    wrong(&tenant, email, 1).await;
    assert_eq!(log_in(&tenant, email, PASSWORD, json!({})).await.status, 200);
    wrong(&tenant, "nobody", 1).await;
    execute(age, &[&tenant.name]).await;
    wrong(&tenant, email, 1).await;
    let left = crate::support::sql(
        "select account from login_attempts where tenant_id = $1 and account = '-nobody'",
        &[&tenant.name],
    )
    .await;
    assert!(left.is_empty(), "lapsed rows are deleted: {left:?}");
}

#[tokio::test]
async fn connection_without_protection_counts_no_attempts() {
    let tenant = Tenant::with(|config| {
        known_client(config);
        config.connections[0].brute_force_protection = false;
    })
    .await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    wrong(&tenant, email, LIMIT + 1).await;
    assert_eq!(log_in(&tenant, email, PASSWORD, json!({})).await.status, 200);
}

#[tokio::test]
async fn unknown_users_and_missing_parameters_are_rejected() {
    let tenant = tenant().await;
    let unknown = tenant.get("/api/v2/user-blocks/auth0%7Cnobody").await;
    assert_eq!(unknown.error(), (404, Some("inexistent_user"), "The user does not exist."));
    assert_eq!(tenant.delete("/api/v2/user-blocks/auth0%7Cnobody").await.status, 404);
    assert_eq!(tenant.get("/api/v2/user-blocks/nobody").await.status, 400);
    assert_eq!(tenant.get("/api/v2/user-blocks").await.error().1, Some("invalid_query_string"));
    assert_eq!(tenant.delete("/api/v2/user-blocks?identifier=").await.status, 400);
    assert_eq!(tenant.get("/api/v2/user-blocks?identifier=nobody").await.json, json!({ "blocked_for": [] }));
    let reader = tenant.token_with(&["read:users"]).await;
    let answer = send(tenant.request("DELETE", "/api/v2/user-blocks?identifier=x").bearer_auth(reader)).await;
    assert_eq!(answer.error().2, "Insufficient scope, expected any of: update:users");
}
