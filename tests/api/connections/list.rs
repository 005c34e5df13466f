//! `GET /api/v2/connections`.

use serde_json::{Value, json};

use crate::support::{CONNECTION, Tenant, send};

async fn tenant_of_three() -> Tenant {
    Tenant::with(|config| {
        for name in ["Alpha", "Beta"] {
            let mut connection = config.connections[0].clone();
            connection.name = name.into();
            connection.enabled_clients =
                roster::tenant_files::model::Selection::List(vec!["Application".into()]);
            config.connections.push(connection);
        }
    })
    .await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn list_filters_by_name() {
    let tenant = Tenant::new().await;
    let path = format!("/api/v2/connections?include_totals=true&name={CONNECTION}&per_page=50");
    let answer = tenant.get(&path).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.json, {
        ".connections[].id" => insta::dynamic_redaction(|id, _| {
            assert!(id.as_str().unwrap().starts_with("con_"));
            "[id]"
        }),
        ".connections[].enabled_clients" => insta::dynamic_redaction(|clients, _| {
            assert_eq!(clients.as_slice().unwrap().len(), 2, "all clients of the tenant");
            "[clients]"
        }),
    }, @r#"
    {
      "connections": [
        {
          "authentication": {
            "active": true
          },
          "connected_accounts": {
            "active": false
          },
          "enabled_clients": "[clients]",
          "id": "[id]",
          "is_domain_connection": false,
          "name": "Username-Password-Authentication",
          "options": {
            "attributes": {
              "email": {
                "identifier": {
                  "active": true
                },
                "signup": {
                  "status": "required"
                }
              },
              "username": {
                "identifier": {
                  "active": true
                },
                "signup": {
                  "status": "optional"
                },
                "validation": {
                  "max_length": 128,
                  "min_length": 1
                }
              }
            },
            "authentication_methods": {
              "passkey": {
                "enabled": false
              },
              "password": {
                "api_behavior": "required",
                "enabled": true
              }
            },
            "brute_force_protection": true,
            "disable_signup": false,
            "mfa": {
              "active": true,
              "return_enroll_settings": true
            },
            "passkey_options": {
              "challenge_ui": "both",
              "local_enrollment_enabled": true,
              "progressive_enrollment_enabled": true
            },
            "passwordPolicy": "good",
            "password_complexity_options": {},
            "strategy_version": 2
          },
          "realms": [
            "Username-Password-Authentication"
          ],
          "strategy": "auth0"
        }
      ],
      "limit": 50,
      "start": 0,
      "total": 1
    }
    "#);
}

#[tokio::test]
async fn list_is_paged_in_the_order_of_names() {
    let tenant = tenant_of_three().await;
    let all = ["Alpha", "Beta", CONNECTION];
    let list = async |query: &str| tenant.get(&format!("/api/v2/connections{query}")).await;
    assert_eq!(names(&list("").await.json), all);
    assert_eq!(names(&list("?strategy=auth0").await.json), all);
    assert_eq!(names(&list("?strategy=google-oauth2&strategy=auth0").await.json), all);
    assert_eq!(list("?strategy=google-oauth2").await.json, json!([]));
    assert_eq!(names(&list("?page=1&per_page=2").await.json), all[2..]);
    let past = list("?page=7&per_page=2&include_totals=true").await.json;
    assert_eq!(past, json!({ "start": 14, "limit": 2, "total": 3, "connections": [] }));
    assert_eq!(list("").await.json[0]["enabled_clients"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn fields_select_or_exclude_members() {
    let tenant = Tenant::new().await;
    let list = async |query: &str| tenant.get(&format!("/api/v2/connections?{query}")).await.json;
    let (authentication, accounts) = (json!({ "active": true }), json!({ "active": false }));
    let named = list("fields=name").await;
    assert_eq!(
        named,
        json!([{
            "name": CONNECTION, "is_domain_connection": false, "id": named[0]["id"],
            "authentication": authentication, "connected_accounts": accounts,
        }])
    );
    assert!(named[0]["id"].is_string());
    let without = list("fields=options,enabled_clients,id&include_fields=false").await;
    assert_eq!(
        without,
        json!([{
            "name": CONNECTION, "is_domain_connection": false, "strategy": "auth0", "realms": [CONNECTION],
            "authentication": authentication, "connected_accounts": accounts,
        }])
    );
}

#[tokio::test]
async fn invalid_parameter_and_missing_scope_are_rejected() {
    let tenant = Tenant::new().await;
    for (query, reason) in [
        ("per_page=0", "'Value 0 is less than minimum 1' on property per_page"),
        ("per_page=101", "'Value 101 is greater than maximum 100' on property per_page"),
        ("page=-1", "'Value -1 is less than minimum 0' on property page"),
        ("page=x", "'Expected type integer but found type string' on property page"),
        ("include_totals=1", "on property include_totals"),
        ("name=%00", "U+0000"),
    ] {
        let answer = tenant.get(&format!("/api/v2/connections?{query}")).await;
        let (status, code, message) = answer.error();
        assert_eq!((status, code), (400, Some("invalid_query_string")));
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!(tenant.get("/api/v2/connections?page=92233720368547758").await.json, json!([]));
    let token = tenant.token_with(&["read:users"]).await;
    let refused = send(tenant.request("GET", "/api/v2/connections").bearer_auth(token)).await;
    assert_eq!((refused.status, refused.json["errorCode"].as_str()), (403, Some("insufficient_scope")));
}

#[tokio::test]
async fn list_has_checkpoints_and_links() {
    let tenant = tenant_of_three().await;
    let (mut seen, mut from) = (Vec::new(), String::new());
    loop {
        let part = tenant.get(&format!("/api/v2/connections?take=2&from={from}&include_totals=true")).await;
        assert!(part.header("link").is_none() && part.json.get("total").is_none(), "{}", part.text);
        seen.extend(names(&part.json["connections"]).into_iter().map(str::to_owned));
        let Some(next) = part.json["next"].as_str() else { break };
        from = next.to_owned();
    }
    assert_eq!(seen, ["Alpha", "Beta", CONNECTION]);
    let links = async |query: &str| {
        let answer = tenant.get(&format!("/api/v2/connections{query}")).await;
        answer.header("link").unwrap().replace(&format!("https://{}/api/v2/connections?", tenant.host), "")
    };
    assert_eq!(links("").await, r#"<page=0&per_page=50>; rel="first", <page=0&per_page=50>; rel="last""#);
    assert_eq!(
        links("?per_page=1&page=1&strategy=auth0").await,
        r#"<strategy=auth0&page=0&per_page=1>; rel="first", <strategy=auth0&page=0&per_page=1>; rel="prev", <strategy=auth0&page=2&per_page=1>; rel="next", <strategy=auth0&page=2&per_page=1>; rel="last""#
    );
}
