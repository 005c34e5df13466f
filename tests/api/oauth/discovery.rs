//! `/.well-known/*`.

use serde_json::json;

use crate::support::{Tenant, send, server};

#[tokio::test]
async fn discovery_links_the_keys_that_verify_tokens() {
    let tenant = Tenant::new().await;
    let discovered = send(tenant.request("GET", "/.well-known/openid-configuration")).await;
    assert_eq!(discovered.json["issuer"], format!("https://{}/", tenant.host));
    assert_eq!(discovered.json["jwks_uri"], format!("https://{}/.well-known/jwks.json", tenant.host));
    let jwks = send(tenant.request("GET", "/.well-known/jwks.json")).await;
    let key = &jwks.json["keys"][0];
    assert_eq!((&key["alg"], &key["kty"], &key["use"]), (&json!("RS256"), &json!("RSA"), &json!("sig")));
    assert!(key["x5c"][0].is_string() && key["x5t"].is_string());
    assert!(key.get("d").is_none(), "the private key is not published");
    let decoding = jsonwebtoken::DecodingKey::from_rsa_components(
        key["n"].as_str().unwrap(),
        key["e"].as_str().unwrap(),
    )
    .unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&[&tenant.audience]);
    let header = jsonwebtoken::decode_header(&tenant.token).unwrap();
    assert_eq!(header.kid.as_deref(), key["kid"].as_str());
    jsonwebtoken::decode::<serde_json::Value>(&tenant.token, &decoding, &validation).unwrap();
}

#[tokio::test]
async fn host_without_a_tenant_is_404_with_the_remedy() {
    let url = format!("http://{}/.well-known/jwks.json", server().address);
    let answer = send(reqwest::Client::new().get(url).header("host", "unknown.example")).await;
    let (status, code, message) = answer.error();
    assert_eq!((status, code), (404, None));
    assert!(message.contains("unknown.example") && message.contains("roster tenant apply"), "{message}");
}
