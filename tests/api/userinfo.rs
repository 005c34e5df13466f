//! `GET` and `POST /userinfo`.

use serde_json::json;

use crate::oauth::{log_in, tenant};
use crate::support::{PASSWORD, Tenant, execute, now, path_of, send};

async fn fetch(tenant: &Tenant, token: &str) -> crate::support::Response {
    send(tenant.request("GET", "/userinfo").bearer_auth(token)).await
}

#[tokio::test]
async fn opaque_token_selects_claims_by_its_scopes() {
    let tenant = tenant().await;
    let user = tenant.user(json!({ "family_name": "Doe", "email_verified": true })).await;
    let email = user["email"].as_str().unwrap();
    for (scope, names) in [
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid profile", vec!["family_name", "name", "nickname", "picture", "sub", "updated_at"]),
        ("openid phone", vec!["sub"]),
    ] {
        let login = log_in(&tenant, email, PASSWORD, json!({ "scope": scope })).await;
        let token = login.json["access_token"].as_str().unwrap();
        let answer = fetch(&tenant, token).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json.as_object().unwrap().keys().collect::<Vec<_>>(), names, "{scope}");
        assert_eq!(answer.json["sub"], user["user_id"]);
        let posted = send(tenant.request("POST", "/userinfo").bearer_auth(token)).await;
        assert_eq!(posted.json, answer.json);
    }
}

#[tokio::test]
async fn jwt_with_openid_is_accepted() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let more = json!({ "audience": tenant.audience, "scope": "openid email read:current_user" });
    let login = log_in(&tenant, user["email"].as_str().unwrap(), PASSWORD, more).await;
    let answer = fetch(&tenant, login.json["access_token"].as_str().unwrap()).await;
    assert_eq!(
        answer.json,
        json!({ "sub": user["user_id"], "email": user["email"], "email_verified": false })
    );
}

#[tokio::test]
async fn other_tokens_are_401_in_plain_text() {
    let (tenant, other) = (tenant().await, tenant().await);
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    let login = log_in(&tenant, email, PASSWORD, json!({})).await;
    let token = login.json["access_token"].as_str().unwrap();
    let without = log_in(&tenant, email, PASSWORD, json!({ "scope": "profile" })).await;
    let bare = json!({ "audience": tenant.audience, "scope": "read:current_user" });
    let management = log_in(&tenant, email, PASSWORD, bare).await;
    assert_eq!(fetch(&tenant, token).await.status, 200);
    for (tenant, token) in [
        (&other, token),
        (&tenant, "x"),
        (&tenant, &token[1..]),
        (&tenant, &tenant.token),
        (&tenant, login.json["id_token"].as_str().unwrap()),
        (&tenant, without.json["access_token"].as_str().unwrap()),
        (&tenant, management.json["access_token"].as_str().unwrap()),
    ] {
        let answer = fetch(tenant, token).await;
        assert_eq!((answer.status, &*answer.text), (401, "Unauthorized"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with(r#"Bearer realm="Users", error="invalid_token""#)
        );
    }
    let nothing = send(tenant.request("GET", "/userinfo")).await;
    assert_eq!((nothing.status, nothing.header("www-authenticate")), (401, Some(r#"Bearer realm="Users""#)));
}

#[tokio::test]
async fn token_ends_with_its_expiry_its_user_a_block_or_the_password() {
    let tenant = tenant().await;
    for end in ["time", "user", "block", "new user", "password"] {
        let user = tenant.user(json!({})).await;
        tenant.age_users().await;
        let login = log_in(&tenant, user["email"].as_str().unwrap(), PASSWORD, json!({})).await;
        let token = login.json["access_token"].as_str().unwrap();
        let jwt = &*tenant.own_token(&user, "openid profile", now() - 60).await;
        for token in [token, jwt] {
            assert_eq!(fetch(&tenant, token).await.status, 200, "{end}");
        }
        match end {
            "time" => {
                execute("update access_tokens set expires_at = now() where tenant_id = $1", &[&tenant.name])
                    .await;
            }
            "user" => assert_eq!(tenant.delete(&path_of(&user)).await.status, 204),
            "new user" => {
                assert_eq!(tenant.delete(&path_of(&user)).await.status, 204);
                tenant.user(json!({ "user_id": user["user_id"], "email": user["email"] })).await;
            }
            "password" => {
                assert_eq!(
                    tenant.patch(&path_of(&user), json!({ "password": "Another-Horse-2" })).await.status,
                    200
                );
            }
            _ => assert_eq!(tenant.patch(&path_of(&user), json!({ "blocked": true })).await.status, 200),
        }
        assert_eq!(fetch(&tenant, token).await.status, 401, "{end}");
        assert_eq!(fetch(&tenant, jwt).await.status, if end == "time" { 200 } else { 401 }, "{end}");
    }
}

#[tokio::test]
async fn login_after_a_change_of_the_password_gets_valid_tokens_whatever_the_clocks_are() {
    let tenant = tenant().await;
    let user = tenant.user(json!({})).await;
    let email = user["email"].as_str().unwrap();
    for behind in ["0 seconds", "3 seconds"] {
        assert_eq!(tenant.patch(&path_of(&user), json!({ "password": PASSWORD })).await.status, 200);
        let skew = format!(
            "update users set password_changed_at = password_changed_at + interval '{behind}' where tenant_id = $1"
        );
        execute(&skew, &[&tenant.name]).await;
        let login = log_in(&tenant, email, PASSWORD, json!({})).await;
        assert_eq!(
            fetch(&tenant, login.json["access_token"].as_str().unwrap()).await.status,
            200,
            "{behind}"
        );
        let more = json!({ "audience": tenant.audience, "scope": "openid read:current_user" });
        let login = log_in(&tenant, email, PASSWORD, more).await;
        let token = login.json["access_token"].as_str().unwrap();
        assert_eq!(fetch(&tenant, token).await.status, 200, "{behind}");
        let own = send(tenant.request("GET", &path_of(&user)).bearer_auth(token)).await;
        assert_eq!(own.status, 200, "{behind}: {}", own.text);
    }
}
