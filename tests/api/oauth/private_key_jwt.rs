//! `/oauth/token` with client assertions (RFC 7523).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaSignatureEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Response, Tenant, form, now, send, unique};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key pair, and its public key in PEM.
fn pair() -> (String, KeyPair) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = STANDARD.encode(pair.public_key().as_ref());
    (format!("-----BEGIN RSA PUBLIC KEY-----\n{public}\n-----END RSA PUBLIC KEY-----"), pair)
}

/// A client with a grant that authenticates by its key only.
async fn client(tenant: &Tenant, public: &str, algorithm: &str) -> Value {
    let credential = json!({ "credential_type": "public_key", "pem": public, "alg": algorithm });
    let methods = json!({ "private_key_jwt": { "credentials": [credential] } });
    let body = json!({ "name": "App", "client_authentication_methods": methods });
    let made = tenant.post("/api/v2/clients", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let grant =
        json!({ "client_id": made.json["client_id"], "audience": tenant.audience, "scope": ["read:users"] });
    assert_eq!(tenant.post("/api/v2/client-grants", grant).await.status, 201);
    made.json
}

fn claims(tenant: &Tenant, client: &Value) -> Value {
    json!({
        "iss": client["client_id"],
        "sub": client["client_id"],
        "aud": format!("https://{}/", tenant.host),
        "iat": now(),
        "exp": now() + 240,
        "jti": unique("jti"),
    })
}

fn signed(key: &KeyPair, algorithm: &str, claims: &Value) -> String {
    let encoding: &'static RsaSignatureEncoding = match algorithm {
        "RS256" => &RSA_PKCS1_SHA256,
        "RS384" => &RSA_PKCS1_SHA384,
        "PS256" => &RSA_PSS_SHA256,
        other => panic!("{other}"),
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn request(tenant: &Tenant, more: &[(&str, &str)]) -> Response {
    let mut fields = vec![("grant_type", "client_credentials"), ("audience", tenant.audience.as_str())];
    fields.extend(more);
    send(form(tenant.request("POST", "/oauth/token"), &fields)).await
}

async fn present(tenant: &Tenant, assertion: &str) -> Response {
    request(tenant, &[("client_assertion", assertion), ("client_assertion_type", TYPE)]).await
}

#[tokio::test]
async fn assertion_is_valid_once() {
    let tenant = Tenant::new().await;
    let (public, key) = pair();
    for algorithm in ["RS256", "RS384", "PS256"] {
        let client = client(&tenant, &public, algorithm).await;
        let assertion = signed(&key, algorithm, &claims(&tenant, &client));
        let answer = present(&tenant, &assertion).await;
        assert_eq!((answer.status, &answer.json["scope"]), (200, &json!("read:users")), "{}", answer.text);
        assert_eq!(present(&tenant, &assertion).await.status, 401, "the second time");
        let other = if algorithm == "RS256" { "PS256" } else { "RS256" };
        assert_eq!(present(&tenant, &signed(&key, other, &claims(&tenant, &client))).await.status, 401);

        let mut at_endpoint = claims(&tenant, &client);
        at_endpoint["aud"] =
            json!(["https://elsewhere.example", format!("https://{}/oauth/token", tenant.host)]);
        let id = client["client_id"].as_str().unwrap();
        let assertion = signed(&key, algorithm, &at_endpoint);
        let named = [("client_id", id), ("client_assertion", &assertion), ("client_assertion_type", TYPE)];
        assert_eq!(request(&tenant, &named).await.status, 200);
    }
}

#[tokio::test]
async fn assertion_with_wrong_claims_or_signature_is_unauthorized() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let ((public, key), (_, foreign)) = (pair(), pair());
    let mine = client(&tenant, &public, "RS256").await;
    let id = mine["client_id"].as_str().unwrap();
    let is_rejected = async |assertion: &str, why: &str| {
        let named = [("client_id", id), ("client_assertion", assertion), ("client_assertion_type", TYPE)];
        let answer = request(&tenant, &named).await;
        assert_eq!(
            (answer.status, &answer.json["error"]),
            (401, &json!("access_denied")),
            "{why}: {}",
            answer.text
        );
    };
    for (name, value) in [
        ("iss", json!("another")),
        ("sub", json!("another")),
        ("aud", json!(format!("https://{}/", other.host))),
        ("aud", json!("https://elsewhere.example/")),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 4000)),
        ("exp", json!("soon")),
        ("iat", json!(now() + 6000)),
        ("nbf", json!(now() + 6000)),
        ("jti", json!("")),
        ("jti", Value::Null),
        ("exp", Value::Null),
    ] {
        let mut claims = claims(&tenant, &mine);
        claims[name] = value.clone();
        is_rejected(&signed(&key, "RS256", &claims), &format!("{name} {value}")).await;
    }
    let claims = claims(&tenant, &mine);
    is_rejected(&signed(&foreign, "RS256", &claims), "another key").await;
    let hs256 =
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(public.as_bytes()))
            .unwrap();
    is_rejected(&hs256, "the public key as a secret").await;
    let good = signed(&key, "RS256", &claims);
    let parts: Vec<&str> = good.split('.').collect();
    is_rejected(&format!("eyJhbGciOiJub25lIn0.{}.", parts[1]), "no signature").await;
    is_rejected(&format!("{}.{}.", parts[0], parts[1]), "an empty signature").await;
    for nonsense in ["", "x", "a.b.c", "..", "\u{1f409}"] {
        is_rejected(nonsense, nonsense).await;
    }
    assert_eq!(present(&tenant, &good).await.status, 200, "a rejected assertion is not used");
}

#[tokio::test]
async fn client_with_a_key_uses_one_credential_and_no_secret() {
    let tenant = Tenant::new().await;
    let (public, key) = pair();
    let client = client(&tenant, &public, "RS256").await;
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let assertion = signed(&key, "RS256", &claims(&tenant, &client));
    assert_eq!(request(&tenant, &[("client_id", id), ("client_secret", secret)]).await.status, 401);
    assert_eq!(request(&tenant, &[("client_id", id)]).await.status, 401);
    let invalid = [
        vec![
            ("client_secret", secret),
            ("client_assertion", assertion.as_str()),
            ("client_assertion_type", TYPE),
        ],
        vec![("client_assertion", assertion.as_str())],
        vec![("client_assertion", assertion.as_str()), ("client_assertion_type", "x")],
    ];
    for fields in invalid {
        let answer = request(&tenant, &fields).await;
        assert_eq!((answer.status, &answer.json["error"]), (400, &json!("invalid_request")));
    }
    assert_eq!(present(&tenant, &assertion).await.status, 200);
}

#[tokio::test]
async fn key_ends_with_its_expiry_deletion_or_reference() {
    let tenant = Tenant::new().await;
    let (public, key) = pair();
    let client = client(&tenant, &public, "RS256").await;
    let path = format!("/api/v2/clients/{}", client["client_id"].as_str().unwrap());
    let credential =
        client["client_authentication_methods"]["private_key_jwt"]["credentials"][0]["id"].clone();
    let one = format!("{path}/credentials/{}", credential.as_str().unwrap());
    let status = async || present(&tenant, &signed(&key, "RS256", &claims(&tenant, &client))).await.status;
    assert_eq!(status().await, 200);
    assert_eq!(tenant.patch(&one, json!({ "expires_at": "2020-01-01T00:00:00Z" })).await.status, 200);
    assert_eq!(status().await, 401);
    assert_eq!(tenant.patch(&one, json!({ "expires_at": null })).await.status, 200);
    assert_eq!(status().await, 200);
    for credentials in [json!([]), json!([{ "id": credential }])] {
        let methods =
            json!({ "client_authentication_methods": { "private_key_jwt": { "credentials": credentials } } });
        assert_eq!(tenant.patch(&path, methods).await.status, 200);
        assert_eq!(status().await, if credentials == json!([]) { 401 } else { 200 });
    }
    assert_eq!(tenant.delete(&one).await.status, 204);
    assert_eq!(status().await, 401);
}
