//! Every statement on the migrated schema: it can be prepared with the types that its file declares, it names the
//! tenant, and its columns are those of the snapshot.

use std::fmt::Write;

use roster::db::Statement;
use roster::server::statements;
use sqlx::postgres::PgTypeInfo;
use sqlx::{Column, Connection, Executor, Statement as _, TypeInfo};

use crate::support::{on_server, server};

/// The parameters of the text of a statement: `$1`, `$2` ...
fn numbers(statement: &Statement) -> Vec<usize> {
    let body: Vec<&str> = statement.sql.lines().filter(|line| !line.starts_with("--")).collect();
    let body = body.join("\n");
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    let mut numbers: Vec<usize> = body.split('$').skip(1).filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[test]
fn statements_declare_their_parameters() {
    for statement in statements() {
        let declared = statement.parameters().count();
        assert_eq!(numbers(statement), (1..=declared).collect::<Vec<_>>(), "{}", statement.name);
        assert!(statement.sql.starts_with("-- "), "{} begins with what it does", statement.name);
    }
}

#[tokio::test]
async fn statements_can_be_prepared_with_their_declared_types() {
    let text = on_server(async {
        let mut connection =
            sqlx::PgConnection::connect_with(&server().database.connect_options().unwrap()).await.unwrap();
        let mut text = String::new();
        for statement in statements() {
            let parameters: Vec<_> = statement.parameters().collect();
            let types: Vec<PgTypeInfo> =
                parameters.iter().map(|p| PgTypeInfo::with_name(p.sql_type)).collect();
            let sql = sqlx::SqlStr::from_static(statement.sql);
            let described = (&mut connection).prepare_with(sql, &types).await;
            let described =
                described.unwrap_or_else(|e| panic!("{}: {e}\n{}", statement.name, statement.sql));
            let columns: Vec<String> = described
                .columns()
                .iter()
                .map(|c| format!("{} {}", c.name(), c.type_info().name()))
                .collect();
            let parameters: Vec<String> =
                parameters.iter().map(|p| format!("{} {}", p.name, p.sql_type)).collect();
            writeln!(text, "{}({}) -> {}", statement.name, parameters.join(", "), columns.join(", "))
                .unwrap();
        }
        connection.close().await.unwrap();
        text
    })
    .await;
    insta::assert_snapshot!("statements", text);
}

#[test]
fn statements_name_the_tenant_unless_they_are_global() {
    for statement in statements() {
        let names_tenant = statement.sql.contains("tenant_id") && statement.sql.contains("$1");
        assert!(statement.is_global || names_tenant, "{}:\n{}", statement.name, statement.sql);
    }
    // Statements without a tenant are exceptions, and these are all of them, beside those of the key rotation, which
    // goes through all tenants.
    let all = statements();
    let global = all.iter().filter(|s| s.is_global && !s.name.starts_with("keys."));
    let global: Vec<&str> = global.map(|s| s.name).collect();
    assert_eq!(
        global,
        [
            "db.backend",
            "migrate.try_lock",
            "migrate.history_exists",
            "migrate.missing_tables",
            "tenancy.by_host",
            "tenancy.list",
            "erasure.claim",
            "search.try_lock",
            "search.list_indexes",
            "search.analyze",
            "mail.claim",
            "mail.sweep"
        ]
    );
}

#[test]
fn statement_names_are_unique() {
    let mut names: Vec<&str> = statements().iter().map(|s| s.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
