//! No tenant, and no flood of lookups, takes more than its share of what all tenants use.

use std::time::Duration;

use futures_util::future::join_all;
use roster::base::worker::Worker;
use roster::db::{Db, Options, migrate};
use roster::journal::Author;
use roster::mail::{Mailer, Sender};
use roster::tenancy::Tenancy;
use roster::tenant_files::Provisioner;
use roster::tenant_files::model::built_in_dev;
use sqlx::{Connection, PgConnection, Row};

use crate::support::{execute, on_server, server, unique};

/// A database of its own for what concerns all tenants, with two tenants, `a` and `b`.
async fn database() -> (Options, Db) {
    let name = unique("database").replace('-', "_");
    execute(&format!("create database {name}"), &[]).await;
    on_server(async move {
        let shared = server().database.connect_options().unwrap();
        let mut url = url::Url::parse("postgres:///").unwrap();
        url.set_path(&name);
        url.query_pairs_mut()
            .append_pair("host", shared.get_socket().map_or(shared.get_host(), |path| path.to_str().unwrap()))
            .append_pair("port", &shared.get_port().to_string())
            .append_pair("user", shared.get_username());
        let options = Options { url: url.into(), ..server().database.clone() };
        migrate::run(&options).await.unwrap();
        let db = Db::open(&options, roster::server::COMPONENTS).unwrap();
        for tenant in ["a", "b"] {
            let mut config = built_in_dev();
            (config.name, config.hosts, config.loopback) =
                (tenant.into(), vec![format!("{tenant}.test")], false);
            let provisioner =
                Provisioner { db: &db, vault: &server().app.vault, author: Author::command("test") };
            provisioner.apply(&config).await.unwrap();
        }
        (options, db)
    })
    .await
}

#[tokio::test]
async fn mails_of_one_tenant_do_not_delay_those_of_another() {
    let (options, db) = database().await;
    on_server(async move {
        let mut connection = PgConnection::connect_with(&options.connect_options().unwrap()).await.unwrap();
        // The mails of `a` are due earlier. No content opens, so each delivery is a failed attempt.
        let insert = "insert into mails (tenant_id, mail_id, kind, recipient, subject, content, created_at, expires_at, next_attempt_at)
                      select tenant_id, n::text, 'email_verification', 'x@example.com', 'x', 'x', now(), now() + interval '1 day', now() - pause
                        from (values ('a', 100, interval '1 hour'), ('b', 3, interval '1 second')) t(tenant_id, count, pause)
                       cross join generate_series(1, count) n";
        sqlx::query(insert).execute(&mut connection).await.unwrap();
        let mut mailer = Mailer::new(db, server().app.vault.clone(), Some(Sender::Log));
        let mut attempted = async |tenant: &str| {
            let count = "select count(*) from mails where tenant_id = $1 and attempts > 0";
            sqlx::query_scalar::<_, i64>(count).bind(tenant).fetch_one(&mut connection).await.unwrap()
        };
        assert!(mailer.run().await.unwrap());
        assert_eq!((attempted("a").await, attempted("b").await), (16, 0));
        assert!(mailer.run().await.unwrap());
        assert_eq!((attempted("a").await, attempted("b").await), (16, 3));
        while mailer.run().await.unwrap() {}
        assert_eq!((attempted("a").await, attempted("b").await), (100, 3));
    })
    .await;
}

#[tokio::test]
async fn concurrent_lookups_of_a_host_are_one_statement() {
    let (options, db) = database().await;
    on_server(async move {
        let connect = options.connect_options().unwrap();
        let (mut locker, mut observer) =
            (PgConnection::connect_with(&connect).await.unwrap(), PgConnection::connect_with(&connect).await.unwrap());
        let mut transaction = locker.begin().await.unwrap();
        sqlx::query("lock table tenant_hosts").execute(&mut *transaction).await.unwrap();
        let tenancy = Tenancy::new(100, Duration::from_secs(60), None);
        let lookups = join_all((0..50).map(|_| tenancy.find(&db, &server().app.vault, "a.test")));
        let observe = async {
            let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            loop {
                let row = sqlx::query(waiting).fetch_one(&mut observer).await.unwrap();
                if row.get::<i64, _>(0) > 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // The others would have had the time to start a statement too.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let row = sqlx::query(waiting).fetch_one(&mut observer).await.unwrap();
            transaction.commit().await.unwrap();
            row.get::<i64, _>(0)
        };
        let (found, statements) = tokio::join!(lookups, observe);
        assert_eq!(statements, 1);
        assert!(found.iter().all(|tenant| &*tenant.as_ref().unwrap().id == "a"));
    })
    .await;
}
