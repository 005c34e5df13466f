//! Linking by a token of the other account (`link_with`).

use serde_json::{Value, json};

use super::{assert_consistent, bare};
use crate::support::{PASSWORD, Response, Tenant, now, path_of, send};

fn id_claims(tenant: &Tenant, user: &Value) -> Value {
    json!({ "iss": format!("https://{}/", tenant.host), "sub": user["user_id"], "aud": "app", "iat": now(), "exp": now() + 3600 })
}

/// A user's own access token, issued to the client `app`.
async fn own_token(tenant: &Tenant, user: &Value) -> String {
    tenant.own_token(user, "openid update:current_user_identities", now()).await
}

async fn link_with(tenant: &Tenant, primary: &Value, proof: &str) -> Response {
    let path = format!("{}/identities", path_of(primary));
    let token = own_token(tenant, primary).await;
    send(tenant.request("POST", &path).bearer_auth(token).json(&json!({ "link_with": proof }))).await
}

#[tokio::test]
async fn owner_of_both_accounts_links_and_unlinks_them() {
    let tenant = Tenant::new().await;
    let (primary, secondary) = (tenant.user(json!({})).await, tenant.user(json!({})).await);
    let proof = tenant.sign(id_claims(&tenant, &secondary)).await;
    let answer = link_with(&tenant, &primary, &proof).await;
    assert_eq!(
        (answer.status, &answer.json[1]["user_id"]),
        (201, &json!(bare(&secondary))),
        "{}",
        answer.text
    );
    let again = link_with(&tenant, &primary, &proof).await;
    assert_eq!(again.error().0, 409, "the token does not link twice");
    let path = format!("{}/identities/auth0/{}", path_of(&primary), bare(&secondary));
    let own = own_token(&tenant, &primary).await;
    assert_eq!(send(tenant.request("DELETE", &path).bearer_auth(own)).await.status, 200);
    assert_consistent(&tenant, &secondary).await;
}

#[tokio::test]
async fn link_with_is_verified() {
    let tenant = Tenant::new().await;
    let stranger = Tenant::new().await;
    let (primary, secondary) = (tenant.user(json!({})).await, tenant.user(json!({})).await);
    let claims = id_claims(&tenant, &secondary);
    let good = tenant.sign(claims.clone()).await;
    let changed = |key: &str, value: Value| {
        let mut claims = claims.clone();
        claims[key] = value;
        if claims[key].is_null() {
            claims.as_object_mut().unwrap().remove(key);
        }
        tenant.sign(claims)
    };
    let (body, signature) = good.rsplit_once('.').unwrap();
    let invalid = "Invalid token (link_with).";
    let wrong_aud = "JWT (link_with) must have an aud claim that matches that of the calling token's azp.";
    for (proof, message) in [
        (stranger.sign(claims.clone()).await, invalid),
        (format!("{body}.{}", signature.chars().rev().collect::<String>()), invalid),
        (format!("{body}."), invalid),
        ("nonsense".into(), invalid),
        // {"alg":"none"} and {"alg":"HS256"}
        (good.replacen(good.split('.').next().unwrap(), "eyJhbGciOiJub25lIn0", 1), invalid),
        (
            good.replacen(good.split('.').next().unwrap(), "eyJhbGciOiJIUzI1NiJ9", 1),
            "JWT (link_with) must have an alg of RS256.",
        ),
        (changed("exp", json!(now() - 1)).await, invalid),
        (changed("exp", Value::Null).await, invalid),
        (changed("iat", json!(now() + 6000)).await, invalid),
        (changed("iat", Value::Null).await, invalid),
        (
            changed("iss", json!("https://elsewhere.example.com/")).await,
            "JWT (link_with) must have the same issuer as the calling user.",
        ),
        (changed("aud", json!("another")).await, wrong_aud),
        (changed("aud", json!(["another", "third"])).await, wrong_aud),
        (changed("aud", Value::Null).await, "JWT (link_with) contains an invalid aud claim."),
        (changed("aud", json!(7)).await, "JWT (link_with) contains an invalid aud claim."),
        (changed("sub", Value::Null).await, "JWT (link_with) must contains sub claim."),
        (changed("sub", json!(7)).await, "JWT (link_with) contains an invalid sub claim."),
        (changed("sub", json!("app@clients")).await, "JWT (link_with) contains an invalid sub claim."),
    ] {
        let answer = link_with(&tenant, &primary, &proof).await;
        assert_eq!(answer.error(), (400, Some("invalid_token"), message), "{proof}");
        assert!(!answer.text.contains(&proof));
    }
    assert_eq!(tenant.get(&path_of(&secondary)).await.status, 200);
}

#[tokio::test]
async fn scope_of_the_own_identities_links_no_account_by_id() {
    let tenant = Tenant::new().await;
    let (mine, other) = (tenant.user(json!({})).await, tenant.user(json!({})).await);
    let token = own_token(&tenant, &mine).await;
    let post = |user: &Value, body: Value| {
        let path = format!("{}/identities", path_of(user));
        send(tenant.request("POST", &path).bearer_auth(&token).json(&body))
    };
    let named = json!({ "provider": "auth0", "user_id": bare(&other) });
    assert_eq!(
        post(&mine, named).await.error(),
        (
            403,
            Some("insufficient_scope"),
            "Some fields cannot be updated with the permissions granted by the bearer token scopes"
        )
    );
    let proof = tenant.sign(id_claims(&tenant, &mine)).await;
    let not_mine =
        (403, Some("insufficient_scope"), "User to be acted on does not match subject in bearer token.");
    assert_eq!(post(&other, json!({ "link_with": proof })).await.error(), not_mine);
    let path = format!("{}/identities/auth0/x", path_of(&other));
    assert_eq!(send(tenant.request("DELETE", &path).bearer_auth(&token)).await.error(), not_mine);
    assert_eq!(tenant.get(&path_of(&other)).await.status, 200);
}

#[tokio::test]
async fn link_with_ends_with_the_deletion_or_another_password_of_its_account() {
    let tenant = Tenant::new().await;
    for end in ["nothing", "creation", "password"] {
        let (primary, secondary) = (tenant.user(json!({})).await, tenant.user(json!({})).await);
        tenant.age_users().await;
        let mut claims = id_claims(&tenant, &secondary);
        claims["iat"] = json!(now() - 60);
        let proof = tenant.sign(claims).await;
        match end {
            "creation" => {
                assert_eq!(tenant.delete(&path_of(&secondary)).await.status, 204);
                tenant.user(json!({ "user_id": secondary["user_id"] })).await;
            }
            "password" => {
                let patch = json!({ "password": format!("{PASSWORD}-2") });
                assert_eq!(tenant.patch(&path_of(&secondary), patch).await.status, 200);
            }
            _ => {}
        }
        let answer = link_with(&tenant, &primary, &proof).await;
        if end == "nothing" {
            assert_eq!(answer.status, 201, "{}", answer.text);
        } else {
            assert_eq!(answer.error(), (400, Some("invalid_token"), "Invalid token (link_with)."), "{end}");
            assert_eq!(tenant.get(&path_of(&secondary)).await.status, 200, "{end}");
        }
    }
}
