//! The size of documents: a single request is bounded by its body, a document that many requests grow by the
//! database.

use serde_json::{Value, json};

use crate::support::{Tenant, sql};

/// JSON columns without a constraint, with the reason.
const EXEMPT: &[(&str, &str)] = &[
    ("client_credentials.public_key", "derived from a PEM of bounded length"),
    ("jobs.details", "written once, by a request"),
    ("journal.changes", "the difference of two bounded documents"),
    ("signing_keys.public_key", "generated"),
    ("tenants.settings", "written by the operator's file"),
    ("users.app_metadata", "bounded by the limit of the tenant, in the statement"),
    ("users.user_metadata", "bounded by the limit of the tenant, in the statement"),
];

#[tokio::test]
async fn every_document_has_a_size_constraint_or_a_reason() {
    let columns = sql(
        "select name, is_bounded from (
             select c.table_name || '.' || c.column_name as name,
                    exists (select from pg_constraint k
                             where k.conname = c.table_name || '_' || c.column_name || '_size') as is_bounded
               from information_schema.columns c
               join information_schema.tables t using (table_schema, table_name)
              where c.data_type = 'jsonb' and c.table_schema = 'public' and t.table_type = 'BASE TABLE'
              order by 1) c",
        &[],
    )
    .await;
    let unbounded: Vec<_> =
        columns.iter().filter(|row| row[1] == false).map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(unbounded, EXEMPT.iter().map(|(column, _)| *column).collect::<Vec<_>>());
    assert!(columns.len() > unbounded.len());
}

#[tokio::test]
async fn documents_that_requests_grow_are_bounded() {
    let tenant = Tenant::new().await;
    let large = "x".repeat(400_000);
    let digits = "9".repeat(200);
    // Paths of resources, each with patches that enlarge one document.
    let client = format!("/api/v2/clients/{}", tenant.client.client_id);
    let patches: Vec<(String, Vec<Value>)> = vec![
        (
            client,
            ["aws", "samlp", "firebase"].map(|addon| json!({ "addons": { addon: { "any": large } } })).into(),
        ),
        (
            "/api/v2/tenants/settings".into(),
            ["change_password", "guardian_mfa_page", "error_page"]
                .map(|page| json!({ page: { "html": large } }))
                .into(),
        ),
    ];
    for (path, patches) in patches {
        let last = patches.len() - 1;
        for (n, patch) in patches.into_iter().enumerate() {
            let before = tenant.get(&path).await.json;
            let answer = tenant.patch(&path, patch).await;
            if n < last {
                assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            } else {
                let message = "Payload validation error: 'The document would be larger than 1000000 bytes'.";
                assert_eq!(answer.error(), (400, Some("invalid_body"), message), "{path}");
                assert_eq!(tenant.get(&path).await.json, before, "{path}");
            }
        }
    }
    // A number of few characters that is answered with many digits, under a name that is not sealed.
    let numbers = format!("[{}]", vec!["1e200"; 6000].join(","));
    assert!(numbers.len() * 10 < numbers.replace("1e200", &digits).len());
    let body = format!(r#"{{"name":"large","strategy":"samlp","options":{{"scopes":{numbers}}}}}"#);
    let request = tenant.authorized("POST", "/api/v2/connections").header("content-type", "application/json");
    let answer = crate::support::send(request.body(body)).await;
    assert_eq!(answer.error().0, 400, "{}", answer.text);
    assert!(answer.error().2.contains("larger than 1000000 bytes"), "{}", answer.text);
}
