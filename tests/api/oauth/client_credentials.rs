//! `POST /oauth/token` with `client_credentials`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Response, Tenant, send};

fn body(tenant: &Tenant, more: Value) -> Value {
    let mut body = json!({
        "grant_type": "client_credentials", "client_id": tenant.client.client_id, "client_secret": tenant.client.client_secret,
        "audience": tenant.audience,
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

async fn token(tenant: &Tenant, more: Value) -> Response {
    send(tenant.request("POST", "/oauth/token").json(&body(tenant, more))).await
}

fn claims(answer: &Response) -> Value {
    let token = answer.json["access_token"].as_str().expect("a token");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn token_of_a_granted_client_opens_the_api() {
    let tenant = Tenant::new().await;
    let answer = token(&tenant, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        (Some("no-store"), Some("no-cache"))
    );
    assert_eq!((&answer.json["token_type"], &answer.json["expires_in"]), (&json!("Bearer"), &json!(86400)));
    let claims = claims(&answer);
    assert_eq!(claims["iss"], format!("https://{}/", tenant.host));
    assert_eq!(claims["sub"], format!("{}@clients", tenant.client.client_id));
    assert_eq!((&claims["aud"], &claims["azp"]), (&json!(tenant.audience), &json!(tenant.client.client_id)));
    assert_eq!((&claims["gty"], &claims["scope"]), (&json!("client-credentials"), &answer.json["scope"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 86400);
    let opened = send(
        tenant
            .request("GET", "/api/v2/users/auth0%7Cx")
            .bearer_auth(answer.json["access_token"].as_str().unwrap()),
    );
    assert_eq!(opened.await.status, 404);
}

#[tokio::test]
async fn request_accepts_forms_basic_authentication_and_null() {
    let tenant = Tenant::new().await;
    let (id, secret) = (tenant.client.client_id.as_str(), tenant.client.client_secret.as_str());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("audience", &tenant.audience),
    ];
    let encoded = serde_urlencoded::to_string(form).unwrap();
    let request =
        || tenant.request("POST", "/oauth/token").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(request().body(encoded)).await.status, 200);
    let basic = STANDARD.encode(format!("{id}:{secret}"));
    let without_client = serde_urlencoded::to_string([form[0], form[3]]).unwrap();
    let by_header =
        send(request().header("authorization", format!("Basic {basic}")).body(without_client)).await;
    assert_eq!(by_header.status, 200, "{}", by_header.text);
    assert_eq!(token(&tenant, json!({ "organization": null, "extra": 1 })).await.status, 200);
}

/// A token request whose client is in the `Authorization` header.
async fn by_header(tenant: &Tenant, credentials: &str, more: Value) -> Response {
    let mut body = json!({ "grant_type": "client_credentials", "audience": tenant.audience });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let header = format!("Basic {}", STANDARD.encode(credentials));
    send(tenant.request("POST", "/oauth/token").header("authorization", header).json(&body)).await
}

#[tokio::test]
async fn request_has_one_client_and_one_credential() {
    let tenant = Tenant::new().await;
    let (id, secret) = (tenant.client.client_id.as_str(), tenant.client.client_secret.as_str());
    let basic = format!("{id}:{secret}");
    let two_credentials = "A client can authenticate in one way only";
    let two_clients = "The client_id is not that of the Authorization header";
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for (more, description) in [
        (json!({ "client_secret": secret }), two_credentials),
        (json!({ "client_secret": "wrong" }), two_credentials),
        (json!({ "client_id": id, "client_secret": secret }), two_credentials),
        (json!({ "client_id": "another", "client_secret": "theirs" }), two_credentials),
        (json!({ "client_assertion": "a.b.c", "client_assertion_type": kind }), two_credentials),
        (json!({ "client_id": "another" }), two_clients),
    ] {
        let answer = by_header(&tenant, &basic, more.clone()).await;
        assert_eq!(answer.status, 400, "{more}: {}", answer.text);
        assert_eq!(
            answer.json,
            json!({ "error": "invalid_request", "error_description": description }),
            "{more}"
        );
    }
    for more in [
        json!({ "client_id": id }),
        json!({ "client_id": "", "client_secret": "" }),
        json!({ "client_secret": null }),
    ] {
        let answer = by_header(&tenant, &basic, more.clone()).await;
        assert_eq!(answer.status, 200, "{more}: {}", answer.text);
    }
}

#[tokio::test]
async fn secret_in_the_header_is_encoded_as_a_form_or_not_at_all() {
    let secrets = [
        "plain",
        "a b",
        "a+b",
        "a%20b",
        "100%",
        "%",
        "a:b",
        "ä+ö %26",
        "%2B+%2b",
        "+",
        "%C3",
        "\"{}=&\"",
        "a%00b",
    ];
    let tenant = Tenant::with(|config| {
        for (n, secret) in secrets.iter().enumerate() {
            let mut client = config.clients[0].clone();
            (client.name, client.client_id) = (format!("Client {n}"), Some(format!("client{n}")));
            client.client_secret = Some((*secret).to_owned().into());
            config.clients.push(client);
        }
    })
    .await;
    for (n, secret) in secrets.iter().enumerate() {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let percent =
            percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
        for sent in [*secret, &encoded, &percent] {
            let answer = by_header(&tenant, &format!("client{n}:{sent}"), json!({})).await;
            assert_eq!(answer.status, 200, "{secret} as {sent}: {}", answer.text);
        }
        for wrong in [format!("{secret}x"), format!("{encoded}+"), String::new()] {
            let answer = by_header(&tenant, &format!("client{n}:{wrong}"), json!({})).await;
            assert_eq!(
                (answer.status, &answer.json["error"]),
                (401, &json!("access_denied")),
                "{secret} as {wrong}"
            );
        }
    }
}

#[tokio::test]
async fn audience_accepts_any_host_of_the_tenant_with_any_port() {
    let tenant = Tenant::new().await;
    let with_port = format!("https://{}:8443/api/v2/", tenant.host);
    let answer = token(&tenant, json!({ "audience": with_port })).await;
    assert_eq!(claims(&answer)["aud"], with_port);
    let opened = send(
        tenant
            .request("GET", "/api/v2/users/auth0%7Cx")
            .bearer_auth(answer.json["access_token"].as_str().unwrap()),
    );
    assert_eq!(opened.await.status, 404);
}

#[tokio::test]
async fn scope_narrows_the_grant_and_never_widens_it() {
    let tenant = Tenant::new().await;
    let answer = token(&tenant, json!({ "scope": "read:users read:everything" })).await;
    assert_eq!(answer.json["scope"], "read:users");
    assert_eq!(
        token(&tenant, json!({ "scope": ["read:users", "read:roles"] })).await.json["scope"],
        "read:roles read:users"
    );
}

#[tokio::test]
async fn errors_have_the_form_and_texts_of_oauth() {
    let tenant = Tenant::with(|config| {
        let mut without_grant = config.clients[0].clone();
        (without_grant.name, without_grant.client_id) = ("No grant".into(), Some("NoGrant".into()));
        without_grant.client_secret = Some("secret".to_owned().into());
        without_grant.grants.clear();
        let mut without_type = without_grant.clone();
        (without_type.name, without_type.client_id) = ("No type".into(), Some("NoType".into()));
        without_type.grant_types = Some(vec!["password".into()]);
        config.clients.extend([without_grant, without_type]);
    })
    .await;
    let not_authorized = format!(
        "Client is not authorized to access \"{}\". You need to create a \"client-grant\" associated to this API. See: https://auth0.com/docs/api/management/v2/client-grants/post-client-grants",
        tenant.audience
    );
    for (more, status, error, description) in [
        (json!({ "client_secret": "wrong" }), 401, "access_denied", "Unauthorized"),
        (json!({ "client_id": "unknown" }), 401, "access_denied", "Unauthorized"),
        (json!({ "client_secret": null }), 401, "access_denied", "Unauthorized"),
        (json!({ "client_id": null }), 400, "invalid_request", "Missing required parameter: client_id"),
        (
            json!({ "client_id": 5 }),
            400,
            "invalid_request",
            "Parameter client_id must be a string, found integer",
        ),
        (json!({ "audience": null }), 400, "invalid_request", "Missing required parameter: audience"),
        (
            json!({ "audience": "https://nowhere.example/" }),
            403,
            "access_denied",
            "Service not enabled within domain: https://nowhere.example/",
        ),
        (
            json!({ "client_id": "NoGrant", "client_secret": "secret" }),
            403,
            "access_denied",
            not_authorized.as_str(),
        ),
        (
            json!({ "client_id": "NoType", "client_secret": "secret" }),
            403,
            "unauthorized_client",
            "Grant type 'client_credentials' not allowed for the client.",
        ),
        (
            json!({ "grant_type": "unknown" }),
            403,
            "unsupported_grant_type",
            "Unsupported grant type: unknown",
        ),
        (json!({ "grant_type": null }), 400, "invalid_request", "Missing required parameter: grant_type"),
        (json!({ "scope": { "a": 1 } }), 400, "invalid_scope", "Scope must be an array or a string"),
        (
            json!({ "organization": "org_1" }),
            400,
            "invalid_request",
            "Organizations are not supported. Leave the parameter organization out.",
        ),
    ] {
        let answer = token(&tenant, more.clone()).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.text);
        assert_eq!(answer.json, json!({ "error": error, "error_description": description }), "{more}");
        assert!(answer.header("cache-control").unwrap().contains("no-store"));
    }
}

#[tokio::test]
async fn client_of_another_tenant_is_unauthorized() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let body = body(
        &tenant,
        json!({ "client_id": other.client.client_id, "client_secret": other.client.client_secret }),
    );
    assert_eq!(send(tenant.request("POST", "/oauth/token").json(&body)).await.status, 401);
}
