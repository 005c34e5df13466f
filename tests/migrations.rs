//! Migrations and the merge function, each test in a database of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use embedded_postgres::{EmbeddedPostgres, Options as EmbeddedOptions, Storage};
use refinery_core::{Migration, Runner};
use roster::db::{Options, connect, migrate};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

/// The server of this run: `DATABASE_URL`, or a throwaway.
static SERVER: LazyLock<String> = LazyLock::new(|| {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| {
        let options = EmbeddedOptions { storage: Storage::Ephemeral, download: true };
        let embedded = EmbeddedPostgres::start(options).expect("an ephemeral PostgreSQL");
        let url = embedded.url();
        embedded.stop_at_exit();
        url
    })
});

/// An empty database; it stays until the server goes.
async fn database() -> Options {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("migrations_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let server = tokio::task::spawn_blocking(|| SERVER.clone()).await.unwrap();
    let mut connection = connect(&Options::new(server.clone())).await.unwrap();
    connection.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    Options::new(url.to_string())
}

async fn value<T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>>(
    options: &Options,
    query: &str,
) -> T {
    let mut connection = connect(options).await.unwrap();
    sqlx::query(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap().get(0)
}

#[tokio::test]
async fn migrations_create_the_schema_once() {
    let options = database().await;
    assert_eq!(migrate::version(&options).await.unwrap(), None);
    assert_eq!(migrate::missing(&options).await.unwrap(), migrate::steps());
    assert_eq!(migrate::run(&options).await.unwrap(), migrate::steps());
    assert_eq!(migrate::run(&options).await.unwrap(), []);
    assert_eq!(migrate::version(&options).await.unwrap(), Some(migrate::newest()));
    assert_eq!(migrate::missing(&options).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_run_once_for_four_concurrent_instances() {
    let options = database().await;
    let runs = futures_util::future::join_all((0..4).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { migrate::run(&options).await })
    }))
    .await;
    let applied: Vec<usize> = runs.into_iter().map(|run| run.unwrap().expect("no error").len()).collect();
    assert_eq!(applied.iter().sum::<usize>(), migrate::steps().len(), "{applied:?}");
    assert_eq!(applied.iter().filter(|n| **n > 0).count(), 1, "{applied:?}");
    assert_eq!(
        value::<i64>(&options, "select count(*) from refinery_schema_history").await,
        i64::try_from(migrate::steps().len()).unwrap()
    );
}

fn migration(file: &str, sql: &str) -> Migration {
    Migration::unapplied(file, sql).unwrap()
}

#[tokio::test]
async fn changed_migration_is_rejected_with_its_file() {
    let options = database().await;
    migrate::run_with(&options, &Runner::new(&[migration("V0001__first.sql", "create table first ()")]))
        .await
        .unwrap();
    let changed = Runner::new(&[migration("V0001__first.sql", "create table first (n int)")]);
    let refused = migrate::run_with(&options, &changed).await.unwrap_err().to_string();
    assert!(refused.starts_with("migrations/V0001__first.sql is not what it was"), "{refused}");
}

#[tokio::test]
async fn failing_migration_leaves_only_the_ones_before_it() {
    let options = database().await;
    let runner = Runner::new(&[
        migration("V0001__fine.sql", "create table fine ()"),
        migration("V0002__bad.sql", "create table half (); select 1 / 0"),
    ]);
    let refused = migrate::run_with(&options, &runner).await.unwrap_err().to_string();
    assert!(refused.contains("division by zero"), "{refused}");
    assert!(
        value::<bool>(&options, "select to_regclass('fine') is not null and to_regclass('half') is null")
            .await
    );
    assert_eq!(migrate::version(&options).await.unwrap(), Some(1));
}

#[tokio::test]
async fn newer_database_is_not_changed_by_an_older_program() {
    let options = database().await;
    let all = [
        migration("V0001__one.sql", "create table one ()"),
        migration("V0002__two.sql", "create table two ()"),
    ];
    migrate::run_with(&options, &Runner::new(&all)).await.unwrap();
    assert_eq!(migrate::run_with(&options, &Runner::new(&all[..1])).await.unwrap(), []);
}

/// All migrations before one.
async fn migrate_before(options: &Options, step: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let names =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with('V')).collect();
    names.sort();
    let before = names.iter().take_while(|name| !name.ends_with(&format!("__{step}.sql")));
    let before: Vec<_> =
        before.map(|name| migration(name, &std::fs::read_to_string(folder.join(name)).unwrap())).collect();
    migrate::run_with(options, &Runner::new(&before)).await.unwrap();
}

#[tokio::test]
async fn migration_adds_the_global_client_of_a_tenant() {
    let options = database().await;
    migrate_before(&options, "complete_clients").await;
    let mut connection = connect(&options).await.unwrap();
    connection
        .execute("insert into tenants (tenant_id, settings) values ('a', '{}'), ('b', '{}')")
        .await
        .unwrap();
    migrate::run(&options).await.unwrap();
    let made = "select count(*) from clients c join journal j on j.subject = c.client_id and j.tenant_id = c.tenant_id where c.settings -> 'global' = 'true' and j.kind = 'client.created'";
    assert_eq!(value::<i64>(&options, made).await, 2);
}

#[tokio::test]
async fn user_written_during_the_search_migration_is_found() {
    let options = database().await;
    migrate_before(&options, "index_users_for_search").await;
    let mut connection = connect(&options).await.unwrap();
    connection.execute("insert into tenants (tenant_id, settings) values ('a', '{}')").await.unwrap();
    let mut writing = connection.begin().await.unwrap();
    let insert = "insert into users (tenant_id, user_id, profile, identities, created_at, updated_at) values ('a', 'auth0|1', '{\"email\": \"jane@example.com\"}', '[]', now(), now())";
    writing.execute(insert).await.unwrap();
    let migrating = tokio::spawn({
        let options = options.clone();
        async move { migrate::run(&options).await }
    });
    let waits = "select exists (select from pg_locks where relation = 'users'::regclass and not granted)";
    while !value::<bool>(&options, waits).await {
        tokio::task::yield_now().await;
    }
    writing.commit().await.unwrap();
    migrating.await.unwrap().unwrap();
    assert_eq!(value::<String>(&options, "select email from user_terms").await, "jane@example.com");
    let valid = "select indisvalid from pg_index where indexrelid = 'users_metadata_idx'::regclass";
    assert!(value::<bool>(&options, valid).await);
}

#[tokio::test]
async fn migration_can_run_outside_of_a_transaction() {
    let options = database().await;
    let concurrently = "-- refinery: no-transaction\ndrop index concurrently if exists i;\n-- refinery: next-statement\ncreate index concurrently i on t (n);";
    let runner = Runner::new(&[
        migration("V0001__t.sql", "create table t (n int)"),
        migration("V0002__i.sql", concurrently),
    ]);
    migrate::run_with(&options, &runner).await.unwrap();
    assert!(
        value::<bool>(&options, "select indisvalid from pg_index where indexrelid = 'i'::regclass").await
    );
}

/// The merge function as a table of cases: current value, patch, result. NULL is SQL's.
#[tokio::test]
async fn merge_metadata_keeps_every_rule() {
    let options = database().await;
    migrate::run(&options).await.unwrap();
    let mut connection = connect(&options).await.unwrap();
    for (current, patch, result, rule) in [
        (
            Some(r#"{"a":1,"b":2}"#),
            Some(r#"{"b":3,"c":4}"#),
            Some(r#"{"a":1,"b":3,"c":4}"#),
            "merged at the root",
        ),
        (Some(r#"{"a":1}"#), Some("{}"), Some("{}"), "an empty object clears"),
        (Some(r#"{"a":1,"b":2}"#), Some(r#"{"b":null}"#), Some(r#"{"a":1}"#), "null deletes"),
        (Some(r#"{"a":1}"#), Some(r#"{"z":null}"#), Some(r#"{"a":1}"#), "null for a key that is not there"),
        (
            Some(r#"{"a":{"x":1,"y":2}}"#),
            Some(r#"{"a":{"z":3}}"#),
            Some(r#"{"a":{"z":3}}"#),
            "nested objects are replaced",
        ),
        (Some(r#"{"a":[1,2]}"#), Some(r#"{"a":[3]}"#), Some(r#"{"a":[3]}"#), "arrays are replaced"),
        (
            Some(r#"{"a":{"x":1}}"#),
            Some(r#"{"a":{"x":null}}"#),
            Some(r#"{"a":{"x":null}}"#),
            "nulls nested in the patch are data",
        ),
        (
            Some(r#"{"old":{"x":null},"l":[null]}"#),
            Some(r#"{"a":1,"b":null}"#),
            Some(r#"{"old":{"x":null},"l":[null],"a":1}"#),
            "nulls nested in what is stored are data",
        ),
        (Some("{}"), Some(r#"{"a":null}"#), Some("{}"), "all deleted"),
        (None, Some(r#"{"a":1,"b":null}"#), Some(r#"{"a":1}"#), "nothing stored yet"),
        (None, Some("{}"), Some("{}"), "cleared before it was there"),
        (Some(r#"{"a":1}"#), None, Some(r#"{"a":1}"#), "not sent"),
        (None, None, None, "neither"),
        (
            Some(r#"{"a":1}"#),
            Some(r#"{"":2,"\"":null,"$.x":3}"#),
            Some(r#"{"a":1,"":2,"$.x":3}"#),
            "odd names",
        ),
        (
            Some(r#"{"n":12345678901234567890.123456789}"#),
            Some(r#"{"m":1e30}"#),
            Some(r#"{"n":12345678901234567890.123456789,"m":1000000000000000000000000000000}"#),
            "digits are kept",
        ),
    ] {
        let query = sqlx::query(
            "select merge_metadata($1::text::jsonb, $2::text::jsonb) is not distinct from $3::text::jsonb",
        );
        let row = query.bind(current).bind(patch).bind(result).fetch_one(&mut connection).await.unwrap();
        assert!(row.get::<bool, _>(0), "{rule}");
    }
    connection.close().await.unwrap();
}

/// Everything of a schema that a definition can show, a line each.
const CATALOG: &str = "
    select string_agg(line, E'\\n' order by line) from (
        select format('column %s.%s %s %s default %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                      a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), 'none')) as line
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'c', 'v')
         union all
        select format('options %s %s', relname, reloptions) from pg_class
         where relnamespace = 'public'::regnamespace and reloptions is not null
         union all
        select pg_get_indexdef(indexrelid) from pg_index
          join pg_class c on c.oid = indrelid and c.relnamespace = 'public'::regnamespace
         union all
        select format('constraint %s of %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint
         where connamespace = 'public'::regnamespace
         union all
        select pg_get_triggerdef(t.oid) from pg_trigger t
          join pg_class c on c.oid = t.tgrelid and c.relnamespace = 'public'::regnamespace
         where not t.tgisinternal
         union all
        select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace and prokind = 'f'
         union all
        select format('comment on %s: %s', objoid::regclass, description) from pg_description
         where classoid = 'pg_class'::regclass and objoid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
    ) lines
     where line not like '%refinery_schema_history%'";

#[tokio::test]
async fn schema_file_equals_the_migrations() {
    let (migrated, from_file) = (database().await, database().await);
    migrate::run(&migrated).await.unwrap();
    let mut connection = connect(&from_file).await.unwrap();
    connection.execute(include_str!("../migrations/schema.sql")).await.unwrap();
    let [expected, found] =
        [value::<String>(&migrated, CATALOG).await, value::<String>(&from_file, CATALOG).await];
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (expected_lines, found_lines) = (lines(&expected), lines(&found));
    let missing: Vec<_> = expected_lines.difference(&found_lines).collect();
    let beyond: Vec<_> = found_lines.difference(&expected_lines).collect();
    assert!(
        missing.is_empty() && beyond.is_empty(),
        "write the file again with migrations/dump-schema; it lacks {missing:#?} and has {beyond:#?}"
    );
    assert_eq!(expected, found);
}
