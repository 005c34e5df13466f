//! `GET` and `POST /userinfo`.

use serde_json::json;

use crate::oauth::{log_in, tenant};
use crate::support::{PASSWORD, Tenant, execute, path_of, send};

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
async fn token_ends_with_its_expiry_its_user_or_a_block() {
    let tenant = tenant().await;
    for end in ["time", "user", "block"] {
        let user = tenant.user(json!({})).await;
        let login = log_in(&tenant, user["email"].as_str().unwrap(), PASSWORD, json!({})).await;
        let token = login.json["access_token"].as_str().unwrap();
        let more = json!({ "audience": tenant.audience, "scope": "openid profile" });
        let jwt = log_in(&tenant, user["email"].as_str().unwrap(), PASSWORD, more).await;
        let jwt = jwt.json["access_token"].as_str().unwrap();
        for token in [token, jwt] {
            assert_eq!(fetch(&tenant, token).await.status, 200, "{end}");
        }
        match end {
            "time" => {
                execute("update access_tokens set expires_at = now() where tenant_id = $1", &[&tenant.name])
                    .await;
            }
            "user" => assert_eq!(tenant.delete(&path_of(&user)).await.status, 204),
            _ => assert_eq!(tenant.patch(&path_of(&user), json!({ "blocked": true })).await.status, 200),
        }
        assert_eq!(fetch(&tenant, token).await.status, 401, "{end}");
        assert_eq!(fetch(&tenant, jwt).await.status, if end == "time" { 200 } else { 401 }, "{end}");
    }
}
