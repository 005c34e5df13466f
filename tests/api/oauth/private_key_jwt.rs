//! `/oauth/token` for clients that sign an assertion (RFC 7523).

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

/// A pair of keys, and the public one as a client is given it.
fn pair() -> (String, KeyPair) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = STANDARD.encode(pair.public_key().as_ref());
    (format!("-----BEGIN RSA PUBLIC KEY-----\n{public}\n-----END RSA PUBLIC KEY-----"), pair)
}

/// A client that authenticates by a key alone, with a grant.
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
        "exp": now() + 60,
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

async fn ask(tenant: &Tenant, more: &[(&str, &str)]) -> Response {
    let mut fields = vec![("grant_type", "client_credentials"), ("audience", tenant.audience.as_str())];
    fields.extend(more);
    send(form(tenant.request("POST", "/oauth/token"), &fields)).await
}

async fn shown(tenant: &Tenant, assertion: &str) -> Response {
    ask(tenant, &[("client_assertion", assertion), ("client_assertion_type", TYPE)]).await
}

#[tokio::test]
async fn a_signed_assertion_is_good_for_one_token() {
    let tenant = Tenant::new().await;
    let (public, key) = pair();
    for algorithm in ["RS256", "RS384", "PS256"] {
        let client = client(&tenant, &public, algorithm).await;
        let assertion = signed(&key, algorithm, &claims(&tenant, &client));
        let answer = shown(&tenant, &assertion).await;
        assert_eq!((answer.status, &answer.json["scope"]), (200, &json!("read:users")), "{}", answer.text);
        assert_eq!(shown(&tenant, &assertion).await.status, 401, "the second time");
        let other = if algorithm == "RS256" { "PS256" } else { "RS256" };
        assert_eq!(shown(&tenant, &signed(&key, other, &claims(&tenant, &client))).await.status, 401);

        let mut at_endpoint = claims(&tenant, &client);
        at_endpoint["aud"] =
            json!(["https://elsewhere.example", format!("https://{}/oauth/token", tenant.host)]);
        let id = client["client_id"].as_str().unwrap();
        let assertion = signed(&key, algorithm, &at_endpoint);
        let named = [("client_id", id), ("client_assertion", &assertion), ("client_assertion_type", TYPE)];
        assert_eq!(ask(&tenant, &named).await.status, 200);
    }
}

#[tokio::test]
async fn an_assertion_of_another_or_for_another_or_out_of_time_is_refused() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let ((public, key), (_, foreign)) = (pair(), pair());
    let mine = client(&tenant, &public, "RS256").await;
    let id = mine["client_id"].as_str().unwrap();
    let refused = async |assertion: &str, why: &str| {
        let named = [("client_id", id), ("client_assertion", assertion), ("client_assertion_type", TYPE)];
        let answer = ask(&tenant, &named).await;
        assert_eq!(
            (answer.status, &answer.json["error"]),
            (401, &json!("access_denied")),
            "{why}: {}",
            answer.text
        );
    };
    for (name, value) in [
        ("iss", json!("somebody")),
        ("sub", json!("somebody")),
        ("aud", json!(format!("https://{}/", other.host))),
        ("aud", json!("https://elsewhere.example/")),
        ("exp", json!(now() - 1)),
        ("exp", json!(now() + 400)),
        ("exp", json!("soon")),
        ("iat", json!(now() + 60)),
        ("nbf", json!(now() + 60)),
        ("jti", json!("")),
        ("jti", Value::Null),
        ("exp", Value::Null),
    ] {
        let mut claims = claims(&tenant, &mine);
        claims[name] = value.clone();
        refused(&signed(&key, "RS256", &claims), &format!("{name} {value}")).await;
    }
    let claims = claims(&tenant, &mine);
    refused(&signed(&foreign, "RS256", &claims), "another key").await;
    let hs256 =
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(public.as_bytes()))
            .unwrap();
    refused(&hs256, "the public key as a secret").await;
    let good = signed(&key, "RS256", &claims);
    let parts: Vec<&str> = good.split('.').collect();
    refused(&format!("eyJhbGciOiJub25lIn0.{}.", parts[1]), "no signature").await;
    refused(&format!("{}.{}.", parts[0], parts[1]), "an empty signature").await;
    for nonsense in ["", "x", "a.b.c", "..", "\u{1f409}"] {
        refused(nonsense, nonsense).await;
    }
    assert_eq!(shown(&tenant, &good).await.status, 200, "nothing of this was used up");
}

#[tokio::test]
async fn a_client_with_a_key_shows_no_secret_and_only_one_proof() {
    let tenant = Tenant::new().await;
    let (public, key) = pair();
    let client = client(&tenant, &public, "RS256").await;
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let assertion = signed(&key, "RS256", &claims(&tenant, &client));
    assert_eq!(ask(&tenant, &[("client_id", id), ("client_secret", secret)]).await.status, 401);
    assert_eq!(ask(&tenant, &[("client_id", id)]).await.status, 401);
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
        let answer = ask(&tenant, &fields).await;
        assert_eq!((answer.status, &answer.json["error"]), (400, &json!("invalid_request")));
    }
    assert_eq!(shown(&tenant, &assertion).await.status, 200);
}

#[tokio::test]
async fn a_key_that_is_void_or_gone_or_not_named_is_refused_at_once() {
    let tenant = Tenant::new().await;
    let (public, key) = pair();
    let client = client(&tenant, &public, "RS256").await;
    let path = format!("/api/v2/clients/{}", client["client_id"].as_str().unwrap());
    let credential =
        client["client_authentication_methods"]["private_key_jwt"]["credentials"][0]["id"].clone();
    let one = format!("{path}/credentials/{}", credential.as_str().unwrap());
    let status = async || shown(&tenant, &signed(&key, "RS256", &claims(&tenant, &client))).await.status;
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
