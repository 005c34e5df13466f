//! Resources of Auth0 that Roster does not have.

use roster::resources::stubs::{Answer, RESOURCES};
use serde_json::{Value, json};

use crate::support::Tenant;

#[tokio::test]
async fn stubs_answer_as_a_tenant_without_any() {
    let tenant = Tenant::new().await;
    for resource in RESOURCES {
        let path = resource
            .path
            .replace("{prompt}", "login")
            .replace("{language}", "pt-BR")
            .replace("{template}", "verify_email");
        let answer = tenant.get(&path).await;
        match resource.answer {
            Answer::Document(text) => assert_eq!((answer.status, &*answer.text), (200, text), "{path}"),
            Answer::NotFound(message) => assert_eq!(answer.error(), (404, None, message), "{path}"),
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
