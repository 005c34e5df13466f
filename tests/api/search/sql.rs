//! The SQL of fifty queries: its text and bound values, that PostgreSQL accepts it, and the tenant in every
//! table.

use std::fmt::Write;

use roster::resources::users::search::builder::Builder;
use roster::resources::users::search::sql::{PageSpec, SortKey, USERS, sparse_statement, statement};
use roster::search::{Plan, parse};
use sqlx::{Connection, Executor, Row};

use crate::support::{Tenant, execute, on_server, server};

const QUERIES: [&str; 50] = [
    r#"email:"Jane@Example.com""#,
    "email:jane*",
    "email:*example.com",
    "email:j?ne*",
    r"email:ja\*ne*",
    r#"email.domain:"example.com""#,
    "name:jane",
    "name:[a TO b}",
    "name:{* TO m]",
    "nickname:jane",
    r#"name:"""#,
    "given_name:Jane family_name:Doe",
    "username:jane",
    "username:Ja*",
    "username:[a TO b]",
    "phone_number:\"+123\"",
    "user_id:\"auth0|1\"",
    "user_id:auth0*",
    "jane",
    "\"jane doe\"",
    "last_ip:\"192.0.2.1\"",
    "email_verified:true",
    "blocked:false",
    "logins_count:5",
    "logins_count:>=5",
    "logins_count:[1 TO 10}",
    "_exists_:logins_count",
    "created_at:[2026-01-01 TO *]",
    "created_at:2026",
    "last_login:{2026 TO 2027}",
    "_exists_:last_login",
    "identities.connection:\"Username-Password-Authentication\"",
    "identities.isSocial:true",
    "_exists_:identities",
    "app_metadata.plan:full",
    "app_metadata.plan:\"f\\\"ull\" AND user_metadata.color:red",
    "app_metadata.plan:full AND email:jane@example.com",
    "app_metadata.plan:full OR email:jane*",
    "app_metadata.plan:full OR logins_count:0",
    "user_metadata.addresses.city:Paris",
    "user_metadata.a\\.b.\\\"c:5",
    "user_metadata.n:true",
    "app_metadata.n:[1 TO 5]",
    "app_metadata.s:[a TO \"5\"}",
    "app_metadata.s:fu*",
    "app_metadata.s:f.u*l?",
    "_exists_:app_metadata.plan.name",
    "NOT app_metadata.plan:full",
    "(app_metadata.a:1 OR app_metadata.b:2) AND NOT blocked:true",
    "nobody.has.it:1 OR (email:a@b.cd AND *)",
];

fn plan(q: &str) -> Plan {
    Plan::of(&USERS, &parse(q).unwrap()).unwrap()
}

#[test]
fn conditions_and_candidates_bind_every_value() {
    let mut text = String::new();
    for q in QUERIES {
        let mut builder = Builder::new("acme");
        let condition = builder.condition(&plan(q));
        let candidates = builder.candidates(&plan(q)).map(|candidates| candidates.select("$1"));
        let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(text, "{q}\n    where {condition}\n    from {}", candidates.unwrap_or("users".into()))
            .unwrap();
        for (n, value) in builder.binds().iter().enumerate().skip(1) {
            writeln!(text, "    ${} = {value:?}", n + 1).unwrap();
        }
    }
    insta::assert_snapshot!("sql", text);
}

#[test]
fn statements_have_the_text_of_the_snapshots() {
    let (plan, spec) = (plan("app_metadata.plan:full"), PageSpec::default());
    insta::assert_snapshot!("whole", statement("acme", &plan, &spec).0);
    insta::assert_snapshot!("sparse", sparse_statement("acme", &plan, &spec).unwrap().0);
    insta::assert_snapshot!(
        "sparse_from_offset",
        sparse_statement("acme", &plan, &PageSpec { offset: 50, ..spec }).unwrap().0
    );
}

#[tokio::test]
async fn every_statement_is_valid_and_names_the_tenant() {
    on_server(async {
        let options = server().database.connect_options().unwrap();
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        let after = Some((time::OffsetDateTime::UNIX_EPOCH, "auth0|1"));
        let parts = [
            PageSpec::default(),
            PageSpec { total: true, connection: Some("c"), ..PageSpec::default() },
            PageSpec { after, ..PageSpec::default() },
            PageSpec {
                sort: Some((SortKey::Sql("u.profile ->> 'email'"), "key desc nulls last, made, id")),
                ..PageSpec::default()
            },
            PageSpec { offset: 50, ..PageSpec::default() },
        ];
        let keys = ["a".to_owned()];
        let by_metadata = PageSpec {
            sort: Some((SortKey::Path("u.app_metadata", &keys), "key, made, id")),
            ..PageSpec::default()
        };
        for q in QUERIES {
            for spec in parts.iter().chain([&by_metadata]) {
                let all = statement("acme", &plan(q), spec);
                for (sql, builder) in
                    [Some(all), sparse_statement("acme", &plan(q), spec)].into_iter().flatten()
                {
                    assert!(!sql.contains("acme"), "{sql}");
                    let tables = ["from users ", "from user_terms ", "from identities "]
                        .map(|table| sql.matches(table).count());
                    let is_tenant = format!("tenant_id = {}", builder.tenant());
                    assert_eq!(sql.matches(&is_tenant).count(), tables.iter().sum::<usize>(), "{sql}");
                    let sql = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(sql));
                    (&mut connection).prepare(sql).await.unwrap_or_else(|e| panic!("{q}: {e}"));
                }
            }
        }
        connection.close().await.unwrap();
    })
    .await;
}

/// A batch of searches of several tenants returns the rows of [`statement`] for each search.
#[tokio::test]
async fn batch_returns_the_rows_of_each_search() {
    let tenants = [Tenant::new().await, Tenant::new().await];
    for (index, tenant) in tenants.iter().enumerate() {
        // Three users share each plan, in no order of their ids.
        let insert = "insert into users (tenant_id, user_id, profile, app_metadata, identities, created_at, updated_at)
            select $1, 'auth0|' || md5(n::text), jsonb_build_object('email', 'user' || n || '@example.com'),
                   jsonb_build_object('n', n, 'plan', 'p' || n % 500), '[]', timestamptz '2020-01-01' + n * interval '1 second', now()
              from generate_series(1, 1500) n
             where n % 3 >= $2::int";
        assert_eq!(execute(insert, &[&tenant.name, &index.to_string()]).await, [1500, 1000][index]);
    }
    let names = tenants.map(|tenant| tenant.name.clone());
    on_server(async move {
        let options = server().database.connect_options().unwrap();
        let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
        let mut with_several_users = 0;
        let after = Some((time::OffsetDateTime::from_unix_timestamp(1_577_837_000).unwrap(), "auth0|1"));
        for spec in [
            PageSpec { limit: 50, ..PageSpec::default() },
            PageSpec { limit: 2, ..PageSpec::default() },
            PageSpec { limit: 2, offset: 1, ..PageSpec::default() },
            PageSpec { limit: 50, after, ..PageSpec::default() },
            PageSpec { limit: 50, connection: Some("c"), ..PageSpec::default() },
        ] {
            for shape in [
                "app_metadata.plan:p#",
                "app_metadata.n:(# OR 1#)",
                "app_metadata.plan:p# AND app_metadata.n:#",
                "email:USER#@example.com",
                "email:user#*",
                "email:(user#@example.com OR user1#@example.com)",
                "app_metadata.plan:p# OR email:user1#@example.com",
                "email:user#* AND created_at:[2020-01-01T00:00:50Z TO *]",
            ] {
                let searches: Vec<(&str, Plan)> =
                    (20..60).map(|n| (&*names[n % 2], plan(&shape.replace('#', &n.to_string())))).collect();
                let batch: Vec<_> = searches
                    .iter()
                    .map(|(tenant, plan)| sparse_statement(tenant, plan, &spec).expect(shape))
                    .collect();
                assert!(batch.iter().all(|(sql, _)| *sql == batch[0].0), "{shape}");
                let values: Vec<&Builder> = batch.iter().map(|(_, values)| values).collect();
                let rows =
                    Builder::batch_query(&batch[0].0, &values).fetch_all(&mut connection).await.unwrap();
                let user = |row: &sqlx::postgres::PgRow| row.get::<Option<String>, _>("user_id");
                for (n, (tenant, plan)) in (1_i64..).zip(&searches) {
                    let own = rows.iter().filter(|row| row.get::<i64, _>("n") == n);
                    let found: Vec<String> = own.filter_map(user).collect();
                    let (sql, values) = statement(tenant, plan, &spec);
                    let alone = values.query(&sql).fetch_all(&mut connection).await.unwrap();
                    let alone: Vec<String> = alone.iter().filter_map(user).collect();
                    assert_eq!(found, alone, "{shape}: {n}");
                    with_several_users += usize::from(found.len() > 1);
                }
            }
        }
        assert!(with_several_users > 500, "{with_several_users}");
        connection.close().await.unwrap();
    })
    .await;
}
