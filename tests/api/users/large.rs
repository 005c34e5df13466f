//! Users with large documents: the work of a statement grows with the document, not with its square, and
//! requests succeed.

use roster::server::statements;
use serde_json::{Map, Value, json};
use sqlx::{Connection, Row};

use crate::support::{CONNECTION, Tenant, execute, on_server, path_of, server};

/// Root keys of a large document of about 900 KB: below the limit of a body.
const KEYS: usize = 12_000;

fn document(keys: usize) -> Value {
    let member = |n: usize| (format!("key_{n}"), json!(format!("value {n:-<50}")));
    Value::Object((0..keys).map(member).collect::<Map<_, _>>())
}

fn link_body(user: &Value) -> Value {
    json!({ "provider": "auth0", "user_id": user["user_id"] })
}

#[tokio::test]
async fn large_user_can_be_changed_linked_cleared_and_deleted() {
    let tenant = Tenant::new().await;
    let user = tenant.user(json!({ "user_metadata": document(KEYS) })).await;
    let (path, other) = (path_of(&user), tenant.user(json!({})).await);
    let answer = tenant.patch(&path, json!({ "user_metadata": { "key_7": null, "new": 1 } })).await;
    let mut expected = document(KEYS);
    expected["new"] = json!(1);
    expected.as_object_mut().unwrap().remove("key_7");
    assert_eq!((answer.status, &answer.json["user_metadata"]), (200, &expected));
    let email = json!({ "email": format!("new-{}", user["email"].as_str().unwrap()) });
    assert_eq!(tenant.patch(&path, email.clone()).await.json["email"], email["email"]);
    assert_eq!(tenant.post(&format!("{path}/identities"), link_body(&other)).await.status, 201);
    let (provider, identity_id) = other["user_id"].as_str().unwrap().split_once('|').unwrap();
    let identity = format!("{path}/identities/{provider}/{identity_id}");
    assert_eq!(tenant.delete(&identity).await.status, 200);
    assert_eq!(tenant.get(&path).await.json["user_metadata"], expected);
    let cleared = tenant.patch(&path, json!({ "user_metadata": {} })).await;
    assert_eq!((cleared.status, &cleared.json["user_metadata"]), (200, &json!({})));
    let (_, changes) = tenant.journal(user["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!(changes["user_metadata"].as_object().unwrap().len(), KEYS);
    tenant.patch(&path, json!({ "user_metadata": document(KEYS) })).await;
    assert_eq!(tenant.delete(&path).await.status, 204);
    assert_eq!(tenant.get(&path).await.status, 404);
}

#[tokio::test]
async fn large_user_can_be_linked_as_the_secondary() {
    let tenant = Tenant::new().await;
    let (user, large) =
        (tenant.user(json!({})).await, tenant.user(json!({ "user_metadata": document(KEYS) })).await);
    let answer = tenant.post(&format!("{}/identities", path_of(&user)), link_body(&large)).await;
    assert_eq!((answer.status, answer.json.as_array().map(Vec::len)), (201, Some(2)), "{}", answer.text);
    let (kind, changes) = tenant.journal(large["user_id"].as_str().unwrap()).await.pop().unwrap();
    assert_eq!((&*kind, changes["user_metadata"].as_object().unwrap().len()), ("user.merged", KEYS));
}

/// A statement and its arguments as SQL.
struct Case {
    statement: &'static str,
    arguments: String,
}

/// The statements over a user `auth0|1` whose metadata is the document `:doc` and whose keys, all null, are
/// `:nulls`.
fn cases(tenant: &str, connection_id: &str) -> Vec<Case> {
    let author = "'(test,,,,)'";
    let update = |patch: &str| Case {
        statement: "users.update",
        arguments: format!(
            "array['{tenant}'], array['auth0|1'], '{{\"{{}}\"}}', '{{\"{{}}\"}}', array[{patch}], array[null], \
             array[null], array[{author}], array[2000000], array[null::timestamptz]"
        ),
    };
    let update_identity = |patch: &str| Case {
        statement: "users.update_identity",
        arguments: format!(
            "'{tenant}', 'auth0|1', '{{\"email\": \"new@example.com\"}}', '{{}}', {patch}, null, null, {author}, \
             'auth0', '1', null, false, null, null, null, 2000000, null, null"
        ),
    };
    let case = |statement, arguments: String| Case { statement, arguments };
    vec![
        update("'{\"new\": 1}'"),
        update("'{}'"),
        update(":nulls"),
        update_identity("'{\"new\": 1}'"),
        update_identity("'{}'"),
        update_identity(":nulls"),
        case(
            "users.create",
            format!(
                "array['{tenant}'], array['auth0|3'], array['{{}}'], array[:doc], array[:doc], array['[]'], \
                 array[now()], array['auth0'], array['3'], array['{CONNECTION}'], array[null], array[{author}], \
                 array[null], array['{connection_id}'], array[2000000], true"
            ),
        ),
        case("users.delete", format!("'{tenant}', 'auth0|1', null, {author}, null")),
        case(
            "identities.link",
            format!(
                "'{tenant}', 'auth0|2', 'auth0|1', 'auth0', '1', null, '{{email}}', {author}, null, null"
            ),
        ),
        case(
            "identities.link",
            format!(
                "'{tenant}', 'auth0|1', 'auth0|2', 'auth0', '2', null, '{{email}}', {author}, null, null"
            ),
        ),
        case(
            "identities.unlink",
            format!("'{tenant}', 'auth0|1', 'auth0', '1b', now(), '{{email}}', {author}, null"),
        ),
        case("erasure.erase", format!("'{tenant}', 'deleted', {author}, array['auth0|1']")),
        case("erasure.erase_by_email", format!("'{tenant}', 'deleted', {author}, 'a@example.com'")),
    ]
}

/// The blocks and rows that each case reads and writes with a document of some keys. Every case is rolled
/// back.
async fn work(tenant: &Tenant, connection_id: &str, keys: usize) -> Vec<(f64, f64)> {
    let (name, document) = (tenant.name.clone(), document(keys));
    let nulls: Map<String, Value> =
        document.as_object().unwrap().keys().map(|key| (key.clone(), Value::Null)).collect();
    let (document, nulls) = (document.to_string(), Value::Object(nulls).to_string());
    let cases = cases(&name, connection_id);
    on_server(async move {
        let options = server().database.connect_options().unwrap();
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        let mut counts = Vec::new();
        for case in cases {
            let statement = statements().into_iter().find(|s| s.name == case.statement).unwrap();
            let types: Vec<&str> = statement.parameters().map(|parameter| parameter.sql_type).collect();
            let types = types.iter().zip(1..).map(|(sql_type, n)| {
                let is_author = statement.sql.contains(&format!("${n}::journal_author"));
                if is_author { "journal_author" } else { *sql_type }
            });
            let types = types.collect::<Vec<_>>().join(", ");
            let arguments = case
                .arguments
                .replace(":doc", &format!("'{document}'"))
                .replace(":nulls", &format!("'{nulls}'"));
            let mut transaction = connection.begin().await.unwrap();
            for sql in [
                "update users set user_metadata = $1::jsonb where tenant_id = $2 and user_id = 'auth0|1'",
                "update users set app_metadata = $1::jsonb where tenant_id = $2 and user_id = 'auth0|1'",
            ] {
                sqlx::query(sql).bind(&document).bind(&name).execute(&mut *transaction).await.unwrap();
            }
            let prepare = format!("prepare counted ({types}) as {}", statement.sql);
            sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut *transaction).await.unwrap();
            let explain =
                format!("explain (analyze, buffers, timing off, format json) execute counted({arguments})");
            let plan: Value = sqlx::raw_sql(sqlx::AssertSqlSafe(explain))
                .fetch_one(&mut *transaction)
                .await
                .unwrap_or_else(|e| panic!("{}: {e}", case.statement))
                .get(0);
            sqlx::raw_sql("deallocate counted").execute(&mut *transaction).await.unwrap();
            transaction.rollback().await.unwrap();
            counts.push(totals(&plan[0]["Plan"]));
        }
        connection.close().await.unwrap();
        counts
    })
    .await
}

/// The blocks and rows of a plan, summed over its nodes. The blocks of a node include those of its children,
/// which changes the sum by a constant factor.
fn totals(plan: &Value) -> (f64, f64) {
    let number = |name: &str| plan[name].as_f64().unwrap_or(0.0);
    let children = plan["Plans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_children: Vec<_> = children.iter().map(totals).collect();
    let blocks = ["Hit", "Read"].map(|kind| number(&format!("Shared {kind} Blocks"))).iter().sum::<f64>();
    let rows = (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops").max(1.0);
    of_children.iter().fold((blocks, rows), |sum, child| (sum.0 + child.0, sum.1 + child.1))
}

/// Eight times the keys take at most fourteen times the work. The slack is for an index that grows by a
/// level. One lookup per key that reads the stored document each time takes more than twenty times the
/// blocks.
#[tokio::test]
async fn statements_read_documents_in_linear_work() {
    let tenant = Tenant::new().await;
    let (small, large) = (1000, 8000);
    let insert = "insert into users (tenant_id, user_id, profile, identities, created_at, updated_at)
         select $1, 'auth0|' || n, jsonb_build_object('email', n || '@example.com'),
                jsonb_build_array(jsonb_build_object('connection', 'deleted', 'provider', 'auth0', 'user_id', n, 'isSocial', false))
                || case n when '1' then '[{\"connection\": \"deleted\", \"provider\": \"auth0\", \"user_id\": \"1b\", \"profileData\": {}}]' else '[]' end::jsonb,
                now(), now()
           from unnest(array['1', '2']) n
          where $2 = ''";
    assert_eq!(execute(insert, &[&tenant.name, ""]).await, 2);
    let insert = "insert into identities (tenant_id, provider, identity_id, user_id, connection, email)
         values ($1, 'auth0', '1', 'auth0|1', 'deleted', $2), ($1, 'auth0', '2', 'auth0|2', 'deleted', null), ($1, 'auth0', '1b', 'auth0|1', 'deleted', null)";
    assert_eq!(execute(insert, &[&tenant.name, "a@example.com"]).await, 3);
    let connections = tenant.get(&format!("/api/v2/connections?name={CONNECTION}")).await.json;
    let connection_id = connections[0]["id"].as_str().unwrap();
    let of_small = work(&tenant, connection_id, small).await;
    let of_large = work(&tenant, connection_id, large).await;
    for ((case, before), after) in cases(&tenant.name, connection_id).iter().zip(of_small).zip(of_large) {
        let context = format!("{} {}: {before:?} {after:?}", case.statement, case.arguments);
        assert!(before.1 > 0.0 && after.1 > 0.0, "the plan was read: {context}");
        assert!(after.0 <= 14.0 * before.0.max(100.0), "blocks: {context}");
        assert!(after.1 <= 14.0 * before.1.max(100.0), "rows: {context}");
    }
}
