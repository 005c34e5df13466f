//! Resources of Auth0 that Roster does not have.

use roster::resources::stubs::{Answer, FIXED, RESOURCES};
use serde_json::{Value, json};

use crate::support::{Tenant, send};

fn concrete(path: &str) -> String {
    path.replace("{prompt}", "login").replace("{language}", "pt-BR").replace("{template}", "verify_email")
}

#[tokio::test]
async fn stubs_accept_what_they_answer_and_no_other_values() {
    let tenant = Tenant::new().await;
    for fixed in FIXED {
        let path = concrete(fixed.path);
        let send = async |body: &Value| send(tenant.authorized(fixed.method, &path).json(body)).await;
        let present: Value = serde_json::from_str(fixed.document()).unwrap();
        let answer = send(&present).await;
        assert_eq!((answer.status, &answer.json), (200, &present), "{path}");
        let mut others = match &present {
            Value::Array(_) => vec![json!(["all-applications"]), json!([{}])],
            Value::Object(members) => members.keys().map(|name| json!({ name: "other" })).collect(),
            _ => panic!("{path}"),
        };
        if present.is_object() {
            let mut more = present.clone();
            more["unheard_of"] = json!(true);
            others.push(more);
        }
        for other in others {
            let answer = send(&other).await;
            let (status, code, message) = answer.error();
            assert_eq!((status, code), (400, Some("operation_not_supported")), "{path}: {other}");
            assert!(
                message.starts_with("Roster does not have this resource: its values are fixed"),
                "{message}"
            );
        }
    }
    assert!(tenant.journal(&tenant.name).await.iter().all(|(kind, _)| kind.starts_with("tenant.")));
}

#[tokio::test]
async fn stubs_answer_as_a_tenant_without_any() {
    let tenant = Tenant::new().await;
    for resource in RESOURCES {
        let path = concrete(resource.path);
        let answer = tenant.get(&path).await;
        match resource.answer {
            Answer::Document(text) => assert_eq!((answer.status, &*answer.text), (200, text), "{path}"),
            Answer::Paged(text) => {
                let mut expected: Value = serde_json::from_str(text).unwrap();
                expected["per_page"] = json!(50);
                assert_eq!((answer.status, answer.json), (200, expected.clone()), "{path}");
                expected["per_page"] = json!(7);
                assert_eq!(tenant.get(&format!("{path}?page=0&per_page=7")).await.json, expected, "{path}");
            }
            Answer::NotFound(kind) => {
                assert_eq!(answer.error(), (404, kind.code, kind.message), "{path}");
            }
            Answer::List(plural) => {
                assert_eq!((answer.status, answer.json), (200, json!([])), "{path}");
                let total = tenant.get(&format!("{path}?page=0&per_page=100&include_totals=true")).await.json;
                assert_eq!(total, json!({ "start": 0, "limit": 100, "total": 0, plural: [] }), "{path}");
                assert_eq!(
                    tenant.get(&format!("{path}?take=50")).await.json,
                    json!({ plural: [] }),
                    "{path}"
                );
            }
        }
        let written = tenant.post(&path, json!({ "name": "x" })).await;
        assert_eq!(written.status, 405, "{path}");
    }
}

#[test]
fn stub_documents_are_json() {
    for resource in RESOURCES {
        if let Answer::Document(text) = resource.answer {
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{}", resource.path);
        }
    }
}
