//! Every statement there is, on the migrated schema: it can be prepared, it speaks of the tenant, and its parameters
//! and columns are those of the snapshot.

use std::fmt::Write;

use roster::server::statements;
use sqlx::{Column, Connection, Executor, Statement as _, TypeInfo};

use crate::support::{on_server, server};

#[tokio::test]
async fn every_statement_can_be_prepared_and_has_the_types_of_the_snapshot() {
    let text = on_server(async {
        let mut connection =
            sqlx::PgConnection::connect_with(&server().database.connect_options().unwrap()).await.unwrap();
        let mut text = String::new();
        for statement in statements() {
            let described = (&mut connection).prepare(sqlx::SqlStr::from_static(statement.sql)).await;
            let described =
                described.unwrap_or_else(|e| panic!("{}: {e}\n{}", statement.name, statement.sql));
            let parameters = match described.parameters() {
                Some(sqlx::Either::Left(types)) => {
                    types.iter().map(|t| t.name().to_owned()).collect::<Vec<_>>().join(", ")
                }
                _ => String::new(),
            };
            let columns: Vec<String> = described
                .columns()
                .iter()
                .map(|c| format!("{} {}", c.name(), c.type_info().name()))
                .collect();
            writeln!(text, "{}({parameters}) -> {}", statement.name, columns.join(", ")).unwrap();
        }
        connection.close().await.unwrap();
        text
    })
    .await;
    insta::assert_snapshot!("statements", text);
}

#[test]
fn every_statement_names_the_tenant_unless_it_is_global() {
    for statement in statements() {
        let tenant_first = statement.sql.contains("tenant_id") && statement.sql.contains("$1");
        assert!(statement.is_global || tenant_first, "{}:\n{}", statement.name, statement.sql);
    }
    // A statement that works without a tenant is an exception, and this is all of them.
    let all = statements();
    // A key is rotated in all tenants, column by column.
    let global = all.iter().filter(|s| s.is_global && !s.name.starts_with("keys."));
    let global: Vec<&str> = global.map(|s| s.name).collect();
    assert_eq!(
        global,
        [
            "migrate.try_lock",
            "migrate.history_exists",
            "tenancy.by_host",
            "tenancy.list",
            "connections.claim_deletion",
            "search.try_lock",
            "search.list_indexes",
            "search.analyze",
            "mail.claim",
            "mail.sweep"
        ]
    );
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = statements().iter().map(|s| s.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
