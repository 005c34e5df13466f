//! `/api/v2/clients/{id}/credentials`.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use roster::tenancy::keys::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{PATH, create, path_of, update, without_encrypted};
use crate::support::{Tenant, send};

/// The key and the thumbprint in RFC 7638, 3.1.
const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
const THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn public_key() -> String {
    let n = URL_SAFE_NO_PAD.decode(MODULUS).unwrap();
    let der: PublicKeyX509Der<'_> = PublicKeyComponents { n, e: vec![1, 0, 1] }.as_der().unwrap();
    pem("PUBLIC KEY", der.as_ref())
}

/// A certificate for `example.com`, in DER.
fn certificate() -> Vec<u8> {
    STANDARD.decode(&SigningKey::generate("example.com").unwrap().0.x5c[0]).unwrap()
}

fn key() -> Value {
    json!({ "credential_type": "public_key", "name": "mine", "pem": public_key() })
}

async fn add_credential(tenant: &Tenant, client: &Value, credential: Value) -> Value {
    let answer = tenant.post(&format!("{}/credentials", path_of(client)), credential).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json
}

fn credential_path(client: &Value, credential: &Value) -> String {
    format!("{}/credentials/{}", path_of(client), credential["id"].as_str().unwrap())
}

fn reference_to(credential: &Value) -> Value {
    json!({ "private_key_jwt": { "credentials": [{ "id": credential["id"] }] } })
}

#[tokio::test]
async fn public_key_gets_its_thumbprint_as_kid() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let credential = add_credential(&tenant, &client, key()).await;
    assert_eq!(credential["id"].as_str().unwrap().len(), 27);
    assert_eq!(credential["created_at"], credential["updated_at"]);
    insta::assert_json_snapshot!(credential, { ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]" }, @r#"
    {
      "alg": "RS256",
      "created_at": "[time]",
      "credential_type": "public_key",
      "id": "[id]",
      "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
      "name": "mine",
      "updated_at": "[time]"
    }
    "#);
    assert_eq!(credential["kid"], THUMBPRINT);
    assert_eq!(tenant.get(&credential_path(&client, &credential)).await.json, credential);
    let listed = tenant.get(&format!("{}/credentials?include_totals=true", path_of(&client))).await;
    assert_eq!(listed.json, json!([credential]));
}

#[tokio::test]
async fn public_key_is_the_same_in_every_encoding() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let mut kids = Vec::new();
    for text in [
        pem("PUBLIC KEY", spki.as_ref()),
        pem("RSA PUBLIC KEY", pair.public_key().as_ref()),
        pem("PUBLIC KEY", spki.as_ref()).replace('\n', "\r\n"),
    ] {
        let credential = add_credential(
            &tenant,
            &client,
            json!({ "credential_type": "public_key", "pem": text, "alg": "PS256" }),
        )
        .await;
        assert_eq!((&credential["alg"], credential.get("name")), (&json!("PS256"), None));
        kids.push(credential["kid"].clone());
    }
    kids.dedup();
    assert_eq!(kids.len(), 1);
    let certificate = json!({ "credential_type": "public_key", "pem": pem("CERTIFICATE", &certificate()), "parse_expiry_from_cert": true, "kid": "my-own-kid-1" });
    let credential = add_credential(&tenant, &client, certificate).await;
    assert_eq!(credential["kid"], "my-own-kid-1");
    assert!(credential["expires_at"].as_str().unwrap() > "2030");
}

#[tokio::test]
async fn certificate_is_stored_as_digest_or_as_name() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let der = certificate();
    let text = pem("CERTIFICATE", &der);
    let own =
        add_credential(&tenant, &client, json!({ "credential_type": "x509_cert", "name": "n", "pem": text }))
            .await;
    assert_eq!(own["thumbprint_sha256"], URL_SAFE_NO_PAD.encode(Sha256::digest(&der)));
    assert!(own["expires_at"].is_string());
    assert_eq!((own.get("kid"), own.get("alg")), (None, None));
    let of_name =
        add_credential(&tenant, &client, json!({ "credential_type": "cert_subject_dn", "pem": text })).await;
    assert_eq!((&of_name["subject_dn"], of_name.get("expires_at")), (&json!("CN=example.com"), None));
    let name = add_credential(
        &tenant,
        &client,
        json!({ "credential_type": "cert_subject_dn", "subject_dn": "C=JP\nCN=x" }),
    )
    .await;
    assert_eq!(name["subject_dn"], "C=JP\nCN=x");
}

#[tokio::test]
async fn client_is_created_with_its_credentials() {
    let tenant = Tenant::new().await;
    let sent = json!({
        "client_authentication_methods": { "private_key_jwt": { "credentials": [key()] } },
        "signed_request_object": { "required": true, "credentials": [key()] },
    });
    let client = create(&tenant, sent).await;
    let methods = &client["client_authentication_methods"]["private_key_jwt"]["credentials"][0];
    assert_eq!(
        (&methods["kid"], &methods["name"], &methods["alg"]),
        (&json!(THUMBPRINT), &json!("mine"), &json!("RS256"))
    );
    assert!(methods["created_at"].is_string() && methods.get("expires_at").is_none());
    let mut later = without_encrypted(&client);
    later["client_authentication_methods"] = reference_to(methods);
    let request = &client["signed_request_object"]["credentials"][0];
    later["signed_request_object"]["credentials"] = json!([{ "id": request["id"] }]);
    assert_eq!(tenant.get(&path_of(&client)).await.json, later);
    let whole = methods.clone();
    assert_eq!(tenant.get(&credential_path(&client, methods)).await.json, whole);
    for credential in [methods, request] {
        let kinds: Vec<String> =
            tenant.journal(credential["id"].as_str().unwrap()).await.into_iter().map(|e| e.0).collect();
        assert_eq!(kinds, ["client_credential.created"]);
    }
    let bad = json!({ "name": "x", "client_authentication_methods": { "private_key_jwt": { "credentials": [key(), { "credential_type": "public_key", "pem": "x" }] } } });
    let refused = tenant.post(PATH, bad).await;
    assert!(
        refused.error().2.contains("client_authentication_methods.private_key_jwt.credentials.1.pem"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn client_can_name_only_its_own_credentials() {
    let tenant = Tenant::new().await;
    let (client, other) = (create(&tenant, json!({})).await, create(&tenant, json!({})).await);
    let (mine, theirs) =
        (add_credential(&tenant, &client, key()).await, add_credential(&tenant, &other, key()).await);
    let answer =
        update(&tenant, &client, json!({ "client_authentication_methods": reference_to(&mine) })).await;
    assert_eq!(answer["client_authentication_methods"], reference_to(&mine));
    for wrong in [&theirs, &json!({ "id": "cred_nobody" })] {
        let patch = json!({ "description": "d", "client_authentication_methods": reference_to(wrong) });
        assert_eq!(tenant.patch(&path_of(&client), patch).await.error().1, Some("invalid_body"));
    }
    assert_eq!(tenant.get(&path_of(&client)).await.json, answer);
    let replaced = json!({ "tls_client_auth": { "credentials": [] } });
    let answer = update(&tenant, &client, json!({ "client_authentication_methods": replaced })).await;
    assert_eq!(answer["client_authentication_methods"], replaced, "a client has one method");

    assert_eq!(tenant.get(&credential_path(&client, &theirs)).await.error().1, Some("inexistent_credential"));
    assert_eq!(
        tenant.patch(&credential_path(&client, &theirs), json!({ "expires_at": null })).await.error().0,
        404
    );
    assert_eq!(tenant.delete(&credential_path(&client, &theirs)).await.status, 204);
    assert_eq!(tenant.get(&credential_path(&other, &theirs)).await.status, 200);
    for path in [format!("{PATH}/nobody/credentials")] {
        assert_eq!(tenant.get(&path).await.error().1, Some("inexistent_client"));
        assert_eq!(tenant.post(&path, key()).await.error().1, Some("inexistent_client"));
    }
}

#[tokio::test]
async fn update_changes_and_removes_the_expiry() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let credential = add_credential(&tenant, &client, key()).await;
    let path = credential_path(&client, &credential);
    let later = tenant.patch(&path, json!({ "expires_at": "2023-05-16T11:07:30.535694+02:00" })).await;
    assert_eq!((later.status, &later.json["expires_at"]), (200, &json!("2023-05-16T09:07:30.535Z")));
    assert!(later.json["updated_at"].as_str() >= credential["updated_at"].as_str());
    assert_eq!(tenant.get(&path).await.json, later.json);
    assert_eq!(tenant.patch(&path, json!({})).await.json["expires_at"], later.json["expires_at"]);
    assert_eq!(tenant.patch(&path, json!({ "expires_at": null })).await.json.get("expires_at"), None);
    let before = tenant.get(&path).await.json;
    for bad in [
        json!({ "expires_at": "tomorrow" }),
        json!({ "expires_at": 5 }),
        json!({ "expires_at": "9999-12-31T23:59:59-12:00" }),
        json!({ "name": "x" }),
    ] {
        assert_eq!(tenant.patch(&path, bad.clone()).await.error().1, Some("invalid_body"), "{bad}");
    }
    assert_eq!(tenant.get(&path).await.json, before);
}

#[tokio::test]
async fn delete_removes_the_credential_from_the_settings() {
    let tenant = Tenant::new().await;
    let sent =
        json!({ "client_authentication_methods": { "private_key_jwt": { "credentials": [key(), key()] } } });
    let client = create(&tenant, sent).await;
    let credentials = &client["client_authentication_methods"]["private_key_jwt"]["credentials"];
    let path = credential_path(&client, &credentials[0]);
    for _ in 0..2 {
        assert_eq!(tenant.delete(&path).await.status, 204);
    }
    assert_eq!(tenant.get(&path).await.error().0, 404);
    let now = tenant.get(&path_of(&client)).await.json;
    assert_eq!(now["client_authentication_methods"], reference_to(&credentials[1]));
    let about_client = tenant.journal(client["client_id"].as_str().unwrap()).await;
    assert!(about_client[1].1["client_authentication_methods"].is_object(), "{about_client:?}");
    let about_credential = tenant.journal(credentials[0]["id"].as_str().unwrap()).await;
    assert_eq!(about_credential[1].0, "client_credential.deleted");
    assert_eq!(tenant.delete(&path_of(&client)).await.status, 204);
    assert_eq!(tenant.get(&credential_path(&client, &credentials[1])).await.error().0, 404);
    let about_other = tenant.journal(credentials[1]["id"].as_str().unwrap()).await;
    assert_eq!(about_other.last().unwrap().0, "client_credential.deleted", "deleted with its client");
}

#[tokio::test]
async fn client_never_names_a_concurrently_deleted_credential() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    for _ in 0..25 {
        let credential = add_credential(&tenant, &client, key()).await;
        let (path, one) = (path_of(&client), credential_path(&client, &credential));
        let patch =
            tenant.patch(&path, json!({ "client_authentication_methods": reference_to(&credential) }));
        let (patched, deleted) = tokio::join!(patch, tenant.delete(&one));
        assert!([200, 400].contains(&patched.status) && deleted.status == 204, "{}", patched.text);
        let now = tenant.get(&path).await.json;
        let left = now.pointer("/client_authentication_methods/private_key_jwt/credentials");
        assert!(left.is_none_or(|left| left == &json!([])), "{now}");
    }
}

#[tokio::test]
async fn create_refuses_invalid_credentials() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let path = format!("{}/credentials", path_of(&client));
    let der = certificate();
    let text = pem("CERTIFICATE", &der);
    let small: PublicKeyX509Der<'_> =
        PublicKeyComponents { n: vec![0xff; 64], e: vec![1, 0, 1] }.as_der().unwrap();
    let mut longer = der.clone();
    longer.push(0);
    let of = |pem: String| json!({ "credential_type": "public_key", "pem": pem });
    for bad in [
        json!({}),
        json!({ "credential_type": "password" }),
        json!({ "credential_type": "public_key" }),
        of(String::new()),
        of("-----BEGIN PUBLIC KEY-----".into()),
        of("-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----".into()),
        of(pem("PUBLIC KEY", b"")),
        of(pem("PUBLIC KEY", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff])),
        of(pem("PUBLIC KEY", &der)),
        of(pem("PUBLIC KEY", small.as_ref())),
        of(pem("RSA PUBLIC KEY", &[0x30, 0])),
        of(pem("PRIVATE KEY", &der)),
        of(pem("CERTIFICATE", &longer)),
        of(pem("CERTIFICATE", &der[..200])),
        of(format!("{text}{text}")),
        of("x".repeat(16_385)),
        json!({ "credential_type": "public_key", "pem": public_key(), "alg": "HS256" }),
        json!({ "credential_type": "public_key", "pem": public_key(), "alg": "none" }),
        json!({ "credential_type": "public_key", "pem": public_key(), "kid": "short" }),
        json!({ "credential_type": "public_key", "pem": public_key(), "kid": "with spaces in it" }),
        json!({ "credential_type": "public_key", "pem": public_key(), "name": "n".repeat(129) }),
        json!({ "credential_type": "public_key", "pem": public_key(), "parse_expiry_from_cert": true }),
        json!({ "credential_type": "public_key", "pem": public_key(), "subject_dn": "CN=x" }),
        json!({ "credential_type": "x509_cert", "pem": public_key() }),
        json!({ "credential_type": "x509_cert", "pem": text, "kid": "0123456789" }),
        json!({ "credential_type": "cert_subject_dn" }),
        json!({ "credential_type": "cert_subject_dn", "pem": text, "subject_dn": "CN=x" }),
        json!({ "credential_type": "cert_subject_dn", "subject_dn": "" }),
    ] {
        let answer = tenant.post(&path, bad.clone()).await;
        assert_eq!(
            (answer.error().0, answer.error().1),
            (400, Some("invalid_body")),
            "{bad}: {}",
            answer.text
        );
    }
    assert_eq!(tenant.get(&path).await.json, json!([]));
}

#[tokio::test]
async fn settings_with_credentials_have_their_own_scope() {
    let tenant = Tenant::new().await;
    let client = create(&tenant, json!({})).await;
    let credential = add_credential(&tenant, &client, key()).await;
    let patch = async |scope: &str, body: Value| {
        let token = tenant.token_with(&[scope]).await;
        send(tenant.request("PATCH", &path_of(&client)).bearer_auth(token).json(&body)).await
    };
    let methods = json!({ "client_authentication_methods": reference_to(&credential) });
    let answer = patch("update:client_credentials", methods.clone()).await;
    assert_eq!((answer.status, answer.json.get("client_authentication_methods")), (200, None));
    assert_eq!(patch("update:client_keys", methods).await.error().0, 403);
    assert_eq!(patch("update:client_credentials", json!({ "name": "x" })).await.error().0, 403);
}
