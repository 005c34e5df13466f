//! Errors of the database that a request cannot cause.

use serde_json::json;

use crate::support::{Tenant, execute};

#[tokio::test]
async fn exhausted_resources_are_503_and_change_nothing() {
    let tenant = Tenant::new().await;
    for (code, name) in [("53100", "disk"), ("53200", "memory")] {
        // The trigger concerns this tenant alone.
        let function = format!("fail_{name}_{}", tenant.name.replace('-', "_"));
        let statements = [
            format!(
                "create function {function}() returns trigger language plpgsql as $$ begin raise exception 'none left' using errcode = '{code}'; end $$"
            ),
            format!(
                "create trigger {function} before insert on roles for each row when (new.tenant_id = '{}') execute function {function}()",
                tenant.name
            ),
        ];
        for statement in &statements {
            execute(statement, &[]).await;
        }
        let answer = tenant.post("/api/v2/roles", json!({ "name": name })).await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(!answer.text.contains("none left"), "{}", answer.text);
        execute(&format!("drop trigger {function} on roles"), &[]).await;
    }
    assert_eq!(tenant.get("/api/v2/roles").await.json, json!([]));
}
