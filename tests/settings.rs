//! Settings and tenant files, read from a temporary directory. Mistakes are compared in their displayed form,
//! without the path of the directory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test at its line")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use insta::assert_snapshot;
use roster::base::passwords::Policy;
use roster::settings::{Flag, LogFormat, Mistakes, Settings};
use roster::tenant_files::model::{
    EnabledClients, GrantConfig, Scope, TenantConfig, built_in_dev, read_directory, read_file,
};
use secrecy::ExposeSecret;
use tempfile::TempDir;

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A temporary directory with files.
struct Dir(TempDir);

impl Dir {
    fn with(files: &[(&str, &str)]) -> Dir {
        let dir = Dir(tempfile::tempdir().unwrap());
        for (name, text) in files {
            fs::write(dir.0.path().join(name), text).unwrap();
        }
        dir
    }

    fn load(&self, environment: &str, vars: &[(&str, &str)]) -> Result<Settings, Mistakes> {
        self.load_with_flags(environment, vars, &[])
    }

    fn load_with_flags(
        &self,
        environment: &str,
        vars: &[(&str, &str)],
        flags: &[Flag],
    ) -> Result<Settings, Mistakes> {
        let vars: Vec<_> = vars.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Settings::load(self.0.path(), environment, &vars, flags)
    }

    fn refused<T>(&self, result: Result<T, Mistakes>) -> String {
        let mistakes = result.err().expect("mistakes").to_string();
        mistakes.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn shipped(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config").join(path)
}

fn url(settings: &Settings) -> Option<&str> {
    settings.database.url.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn built_in_defaults_hold_without_files_and_variables() {
    let dir = Dir::with(&[]);
    let settings = dir.load("development", &[]).unwrap();
    assert_eq!(settings.server.http.unwrap().to_string(), "127.0.0.1:8080");
    assert_eq!(settings.server.https, None);
    assert_eq!(settings.server.shutdown_timeout, Duration::from_secs(30));
    assert_eq!(
        settings.server.keep_alive,
        Duration::from_secs(75),
        "longer than proxies keep connections idle"
    );
    assert_eq!(settings.server.header_timeout, Duration::from_secs(10));
    assert_eq!(settings.server.body_limit, 1_048_576);
    assert!(!settings.server.trust_forwarded_for);
    assert_eq!(settings.database.acquire_timeout, Duration::from_secs(5));
    assert_eq!(settings.database.statement_timeout, Duration::from_secs(10));
    assert_eq!(url(&settings), None);
    assert!(settings.database.pool_size() >= 4);
    assert!(settings.passwords.computations() >= 1);
    assert_eq!(
        (settings.log.format, &*settings.log.filter),
        (None, "info,actix_server=warn,refinery_core=warn,sqlx::postgres::notice=warn")
    );
    assert_eq!(settings.tenants.directory, dir.0.path().join("tenants"));
    assert_eq!(
        (settings.tenants.cache_size, settings.tenants.cache_seconds),
        (10_000, Duration::from_secs(5))
    );
}

#[test]
fn later_layer_wins_key_by_key() {
    let dir = Dir::with(&[
        ("default.toml", "[server]\nworkers = 2\nbody_limit = 2048\n[log]\nfilter = 'warn'\nformat = 'text'"),
        ("staging.toml", "[server]\nworkers = 3\nhttp = false\n[log]\nfilter = 'error'"),
        ("development.toml", "[server]\nworkers = 9"),
    ]);
    let settings = dir.load("staging", &[("ROSTER__LOG__FILTER", "debug")]).unwrap();
    assert_eq!(settings.log.filter, "debug", "a variable overrides the files");
    assert_eq!(settings.server.workers, Some(3), "staging.toml overrides default.toml");
    assert_eq!(settings.server.http, None, "false disables a default");
    assert_eq!(settings.server.body_limit, 2048, "default.toml overrides the built-in one");
    assert_eq!(settings.log.format, Some(LogFormat::Text));
    assert_eq!(settings.server.shutdown_timeout, Duration::from_secs(30));
}

#[test]
fn variable_takes_the_type_of_its_key() {
    let dir = Dir::with(&[]);
    let vars = [
        ("ROSTER__DATABASE__MAX_CONNECTIONS", "7"),
        ("ROSTER__DATABASE__ACQUIRE_TIMEOUT", "3"),
        ("ROSTER__SERVER__TRUST_FORWARDED_FOR", "true"),
        ("ROSTER__SERVER__HTTP", "false"),
        ("ROSTER__SERVER__HTTPS", "[::]:8443"),
        ("ROSTER__SERVER__TLS_CERTIFICATE", "8443"),
        ("ROSTER__LOG__FORMAT", "json"),
        ("ROSTER__SECRETS__KEY", KEY),
        ("ROSTER__PASSWORDS__CONCURRENCY", ""),
        ("ROSTER_ENV", "development"),
        ("ROSTER_CONFIG_DIR", "elsewhere"),
        ("PATH", "/bin"),
    ];
    let settings = dir.load("development", &vars).unwrap();
    assert_eq!(settings.database.pool_size(), 7);
    assert_eq!(settings.database.acquire_timeout, Duration::from_secs(3));
    assert!(settings.server.trust_forwarded_for);
    assert_eq!(settings.server.http, None);
    assert_eq!(settings.server.https.unwrap().to_string(), "[::]:8443");
    assert_eq!(settings.server.tls_certificate, Some("8443".into()));
    assert_eq!(settings.log.format, Some(LogFormat::Json));
    assert_eq!(settings.secrets.key.unwrap().expose_secret(), KEY);
    assert_eq!(settings.passwords.concurrency, None, "an empty variable is unset");
}

#[test]
fn mail_needs_a_server_and_a_sender() {
    let dir = Dir::with(&[]);
    let settings = dir.load("development", &[]).unwrap();
    assert!(settings.mail.smtp_url.is_none() && settings.mail.from.is_none());
    let url = ("ROSTER__MAIL__SMTP_URL", "smtps://a%40b:secret@mx.example.com");
    let from = ("ROSTER__MAIL__FROM", "Roster <no-reply@example.com>");
    let settings = dir.load("development", &[url, from]).unwrap();
    assert_eq!(settings.mail.smtp_url.unwrap().expose_secret(), url.1);
    assert_eq!(settings.mail.from.as_deref(), Some(from.1));
    assert_snapshot!(dir.refused(dir.load("development", &[url])), @"ROSTER__MAIL__SMTP_URL: mail.from: found nothing, expected a sender, because mail.smtp_url is set");
    let unencrypted = ("ROSTER__MAIL__SMTP_URL", "smtp://a:secret@mx.example.com");
    let nobody = ("ROSTER__MAIL__FROM", "nobody");
    assert_snapshot!(dir.refused(dir.load("development", &[unencrypted, nobody])), @r#"
    ROSTER__MAIL__SMTP_URL: mail.smtp_url: found a value that is not shown, expected smtps://user:password@host, smtp://user:password@host?tls=required, or smtp://host without a password
    ROSTER__MAIL__FROM: mail.from: found "nobody", expected a sender such as Roster <no-reply@example.com>
    "#);
}

#[test]
fn database_url_applies_without_roster_database_url() {
    let dir = Dir::with(&[("default.toml", "[database]\nurl = 'postgres://file/a'")]);
    let own = ("ROSTER__DATABASE__URL", "postgres://own/a");
    let common = ("DATABASE_URL", "postgresql://common/a");
    assert_eq!(url(&dir.load("x", &[]).unwrap()), Some("postgres://file/a"));
    assert_eq!(url(&dir.load("x", &[common]).unwrap()), Some("postgresql://common/a"));
    assert_eq!(url(&dir.load("x", &[own, common]).unwrap()), Some("postgres://own/a"));
    assert_eq!(url(&dir.load("x", &[(own.0, ""), common]).unwrap()), Some("postgresql://common/a"));
    let of_another_program = ("DATABASE_URL", "mysql://common/a");
    assert_eq!(url(&dir.load("x", &[own, of_another_program]).unwrap()), Some("postgres://own/a"));
    assert_snapshot!(dir.refused(dir.load("x", &[of_another_program])), @"DATABASE_URL: database.url: found a value that is not shown, expected a URL that starts with postgres://");
}

#[test]
fn mistakes_of_all_layers_are_reported_at_once() {
    let dir = Dir::with(&[
        (
            "default.toml",
            "databse = 1\n[server]\nhttp = 'here'\nworkers = 0\n\n[log]\nformat = 'xml'\nfilter = '=='\nfilters = 1",
        ),
        (
            "production.toml",
            "tenants = 5\n[server]\nworkers = 1.5\nbody_limit = 99999999999999999999\ntrust_forwarded_for = 'yes'\n\
             https = true\n[passwords]\nconcurrency = [1]",
        ),
    ]);
    let vars = [
        ("ROSTER__SERVER__WORKERS", "many"),
        ("ROSTER__DATABASE__MAX_CONECTIONS", "4"),
        ("ROSTER__DATABASE", "4"),
        ("ROSTER__TENANTS__DIRECTORY", "/nowhere"),
        ("ROSTER__", "4"),
    ];
    assert_snapshot!(dir.refused(dir.load("production", &vars)), @r#"
    default.toml:1: databse: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail; did you mean database?
    default.toml:3: server.http: found "here", expected an IP address with a port such as 127.0.0.1:8080, or false
    default.toml:4: server.workers: found 0, expected a whole number from 1 to 1024
    default.toml:7: log.format: found "xml", expected one of text, json
    default.toml:8: log.filter: found "==", expected a filter such as info or warn,roster=debug
    default.toml:9: log.filters: found an unknown key, expected one of format, filter; did you mean filter?
    production.toml:1: tenants: found a value, expected a table
    production.toml:3: server.workers: found 1.5, expected a whole number from 1 to 1024
    production.toml:4: server.body_limit: found 99999999999999999999, expected a whole number from 1024 to 1073741824
    production.toml:5: server.trust_forwarded_for: found "yes", expected true or false
    production.toml:6: server.https: found true, expected an IP address with a port such as 127.0.0.1:8080, or false
    production.toml:8: passwords.concurrency: found a list, expected a whole number from 1 to 1024
    ROSTER__SERVER__WORKERS: server.workers: found "many", expected a whole number from 1 to 1024
    ROSTER__DATABASE__MAX_CONECTIONS: database.max_conections: found an unknown key, expected one of url, password, max_connections, acquire_timeout, statement_timeout; did you mean ROSTER__DATABASE__MAX_CONNECTIONS?
    ROSTER__DATABASE: database: found a value, expected a variable for each key, such as ROSTER__DATABASE__URL
    ROSTER__TENANTS__DIRECTORY: tenants.directory: found "/nowhere", expected a directory that exists
    ROSTER__: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail
    "#);
    fs::write(dir.0.path().join("production.toml"), "[server\nworkers = 0").unwrap();
    assert_snapshot!(dir.refused(dir.load("production", &[])), @r#"
    default.toml:1: databse: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail; did you mean database?
    default.toml:3: server.http: found "here", expected an IP address with a port such as 127.0.0.1:8080, or false
    default.toml:4: server.workers: found 0, expected a whole number from 1 to 1024
    default.toml:7: log.format: found "xml", expected one of text, json
    default.toml:8: log.filter: found "==", expected a filter such as info or warn,roster=debug
    default.toml:9: log.filters: found an unknown key, expected one of format, filter; did you mean filter?
    production.toml:1: found a syntax error (unclosed table, expected `]`), expected TOML, such as [table], name = "text" or name = 1
    "#);
}

#[test]
fn flag_overrides_variables_and_files() {
    let dir = Dir::with(&[("default.toml", "[server]\nhttp = '127.0.0.1:1'\n[log]\nformat = 'json'")]);
    let vars = [("ROSTER__SERVER__HTTP", "127.0.0.1:2")];
    let flags = [Flag::new("--http", "server.http", "127.0.0.1:3")];
    let settings = dir.load_with_flags("x", &vars, &flags).unwrap();
    assert_eq!(settings.server.http.unwrap().port(), 3);
    assert_eq!(dir.load("x", &vars).unwrap().server.http.unwrap().port(), 2);
    assert_eq!(dir.load("x", &[]).unwrap().server.http.unwrap().port(), 1);
    assert_eq!(settings.log.format, Some(LogFormat::Json), "a key without a flag");
}

#[test]
fn origin_names_the_layer_of_the_value() {
    let dir = Dir::with(&[
        ("default.toml", &format!("[secrets]\nprevious_keys = ['{KEY}']\n[server]\nhttp = 'a'\nworkers = 0")),
        ("b.toml", "[mail]\nsmtp_url = 'smtp://mx.example.com'\n\n[server]\nhttp = 'b'"),
    ]);
    let vars =
        [("ROSTER__SECRETS__KEY", KEY), ("ROSTER__SERVER__HTTP", "c"), ("ROSTER__SERVER__WORKERS", "3")];
    let flags = [Flag::new("--http", "server.http", "d"), Flag::new("--log-format", "log.format", "xml")];
    assert_snapshot!(dir.refused(dir.load_with_flags("b", &vars, &flags)), @r#"
    default.toml:2: secrets.previous_keys: found the key 4c8cbf5d a second time, expected each key once and not the key of secrets.key: remove the repetition
    default.toml:4: server.http: found "a", expected an IP address with a port such as 127.0.0.1:8080, or false
    default.toml:5: server.workers: found 0, expected a whole number from 1 to 1024
    b.toml:2: mail.from: found nothing, expected a sender, because mail.smtp_url is set
    b.toml:5: server.http: found "b", expected an IP address with a port such as 127.0.0.1:8080, or false
    ROSTER__SERVER__HTTP: server.http: found "c", expected an IP address with a port such as 127.0.0.1:8080, or false
    --http: server.http: found "d", expected an IP address with a port such as 127.0.0.1:8080, or false
    --log-format: log.format: found "xml", expected one of text, json
    "#);
}

#[test]
fn list_of_a_later_layer_replaces_the_list_of_an_earlier_one() {
    let (two, three) =
        ("QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=", "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=");
    let dir = Dir::with(&[
        ("default.toml", &format!("[secrets]\nprevious_keys = ['{two}', '{three}']")),
        ("a.toml", &format!("[secrets]\nprevious_keys = ['{three}']")),
        ("b.toml", "[secrets]\nprevious_keys = []"),
    ]);
    let count = |environment| dir.load(environment, &[]).unwrap().secrets.previous_keys.len();
    assert_eq!((count("x"), count("a"), count("b")), (2, 1, 0));
}

#[test]
fn duplicate_keys_are_reported_with_all_other_mistakes() {
    let dir = Dir::with(&[(
        "default.toml",
        "[server]\nworkers = 1\nworkers = 2\nhttp = 'here'\n[log]\nfilter = 'info'\n[server]\nhtpp = false\n\
         [log]\nfilter = 'warn'",
    )]);
    assert_snapshot!(dir.refused(dir.load("x", &[("ROSTER__LOG__FORMAT", "xml")])), @r#"
    default.toml:3: workers: found a duplicate key, expected each key once: remove one of the two, or merge the two tables
    default.toml:4: server.http: found "here", expected an IP address with a port such as 127.0.0.1:8080, or false
    default.toml:7: server: found a duplicate key, expected each key once: remove one of the two, or merge the two tables
    default.toml:8: server.htpp: found an unknown key, expected one of http, https, tls_certificate, tls_private_key, workers, keep_alive, header_timeout, shutdown_timeout, body_limit, body_memory, body_memory_per_address, body_min_rate, body_timeout, write_timeout, unread_memory, trust_forwarded_for; did you mean http?
    default.toml:9: log: found a duplicate key, expected each key once: remove one of the two, or merge the two tables
    default.toml:10: filter: found a duplicate key, expected each key once: remove one of the two, or merge the two tables
    ROSTER__LOG__FORMAT: log.format: found "xml", expected one of text, json
    "#);
}

#[test]
fn syntax_error_names_its_line_and_fix() {
    let texts = [
        "[log]\nfilter = info",
        "[log]\nfilter = 'info",
        "[log]\nfilter",
        "[log\nfilter = 'info'",
        "[server]\nworkers = 1.2.3",
        "[secrets]\nprevious_keys = [\n  'a'\n  'b'\n]",
        "log = 1\nlog.filter = 'info'",
    ];
    let refused = |text| {
        let dir = Dir::with(&[("default.toml", text)]);
        dir.refused(dir.load("x", &[]))
    };
    assert_snapshot!(texts.map(refused).join("\n"), @r#"
    default.toml:2: found a syntax error (invalid float, expected `inf`), expected TOML, such as [table], name = "text" or name = 1
    default.toml:2: found a syntax error (invalid literal string, expected `'`), expected TOML, such as [table], name = "text" or name = 1
    default.toml:2: found a syntax error (key with no value, expected `=`), expected TOML, such as [table], name = "text" or name = 1
    default.toml:1: found a syntax error (unclosed table, expected `]`), expected TOML, such as [table], name = "text" or name = 1
    default.toml:2: found a syntax error (invalid float), expected TOML, such as [table], name = "text" or name = 1
    default.toml:4: found a syntax error (missing comma between array elements, expected `,`), expected TOML, such as [table], name = "text" or name = 1
    default.toml:2: found a syntax error (cannot extend value of type integer with a dotted key), expected TOML, such as [table], name = "text" or name = 1
    "#);
}

#[test]
fn value_of_a_file_has_the_type_that_is_written() {
    let dir = Dir::with(&[(
        "default.toml",
        "[server]\nworkers = '3'\ntrust_forwarded_for = 1\nbody_limit = 0xffff_ffff_ffff_ffff\nhttp = 2026-01-01\n\
         shutdown_timeout = true\n[log]\nfilter = 1\nformat = ['json']\n[passwords]\nconcurrency = 1e3\n\
         [secrets]\nprevious_keys = 'a,b'\n[database]\nacquire_timeout = 1_000_000_000_000_000_000_000_000_000_000_000_000_000_000",
    )]);
    assert_snapshot!(dir.refused(dir.load("x", &[])), @r#"
    default.toml:2: server.workers: found "3", expected a whole number from 1 to 1024
    default.toml:3: server.trust_forwarded_for: found 1, expected true or false
    default.toml:4: server.body_limit: found 18446744073709551615, expected a whole number from 1024 to 1073741824
    default.toml:5: server.http: found a date or time, expected an IP address with a port such as 127.0.0.1:8080, or false
    default.toml:6: server.shutdown_timeout: found true, expected a whole number from 0 to 86400
    default.toml:8: log.filter: found 1, expected a filter such as info or warn,roster=debug
    default.toml:9: log.format: found a list, expected one of text, json
    default.toml:11: passwords.concurrency: found 1000.0, expected a whole number from 1 to 1024
    default.toml:13: secrets.previous_keys: found a value that is not shown, expected a list, each item 32 bytes in base64, as from `openssl rand -base64 32`
    default.toml:15: database.acquire_timeout: found 1e42, expected a whole number from 1 to 86400
    "#);
}

#[test]
fn unknown_variable_is_reported_with_the_name_it_resembles() {
    let vars = [
        ("ROSTER__DATABSE__URL", "postgres://u:hunter2@h/d"),
        ("ROSTER__DATABASE__URLS", "hunter2"),
        ("ROSTER__DATABASE__URL__HOST", "hunter2"),
        ("ROSTER__Server__Htpp", "false"),
        ("ROSTER__SERVER.HTTP", "false"),
        ("ROSTER__NOTHING__LIKE__IT", "1"),
        ("ROSTER_SERVICE_HOST", "10.0.0.1"),
        ("ROSTER__SERVER__HTTP", "127.0.0.1:1"),
    ];
    let dir = Dir::with(&[]);
    assert_snapshot!(dir.refused(dir.load("x", &vars)), @"
    ROSTER__DATABSE__URL: databse: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail; did you mean ROSTER__DATABASE__URL?
    ROSTER__DATABASE__URLS: database.urls: found an unknown key, expected one of url, password, max_connections, acquire_timeout, statement_timeout; did you mean ROSTER__DATABASE__URL?
    ROSTER__DATABASE__URL__HOST: database.url: found a value that is not shown, expected a URL that starts with postgres://
    ROSTER__Server__Htpp: server.htpp: found an unknown key, expected one of http, https, tls_certificate, tls_private_key, workers, keep_alive, header_timeout, shutdown_timeout, body_limit, body_memory, body_memory_per_address, body_min_rate, body_timeout, write_timeout, unread_memory, trust_forwarded_for; did you mean ROSTER__SERVER__HTTP?
    ROSTER__SERVER.HTTP: server.http: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail
    ROSTER__NOTHING__LIKE__IT: nothing: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail
    ");
}

/// `config` reads such keys as paths and would make a list of the length of the index.
#[test]
fn key_in_the_form_of_a_path_is_unknown() {
    let dir = Dir::with(&[("default.toml", "'server.http' = false\n'log[99999999999999]' = 1\n")]);
    assert_snapshot!(dir.refused(dir.load("x", &[("ROSTER__LOG[99999999999999]", "1")])), @"
    default.toml:1: server.http: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail
    default.toml:2: log[99999999999999]: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail
    ROSTER__LOG[99999999999999]: log[99999999999999]: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail
    ");
}

#[test]
fn variable_that_is_not_utf8_is_a_mistake() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(b"hunter2\xff".to_vec());
    let vars = ["ROSTER__SECRETS__KEY", "DATABASE_URL", "PATH"].map(|name| (name.into(), bytes.clone()));
    let dir = Dir::with(&[]);
    let settings = Settings::load(dir.0.path(), "x", &vars, &[]);
    assert_snapshot!(dir.refused(settings), @"
    ROSTER__SECRETS__KEY: secrets.key: found bytes that are not UTF-8, expected a text in UTF-8
    DATABASE_URL: database.url: found bytes that are not UTF-8, expected a text in UTF-8
    ");
}

#[test]
fn variable_with_file_at_its_end_names_a_file_with_the_value() {
    let dir = Dir::with(&[
        ("url", "postgres://file/a\n"),
        ("password", "p@ss word\r\n"),
        ("key", &format!("{KEY}\n")),
        ("workers", "3"),
        ("empty", "\n"),
    ]);
    let file = |name: &str| dir.0.path().join(name).display().to_string();
    let (url_file, password, key, workers) = (file("url"), file("password"), file("key"), file("workers"));
    let smtp = ("ROSTER__MAIL__SMTP_URL", "smtps://roster@mx.example.com");
    let from = ("ROSTER__MAIL__FROM", "no-reply@example.com");
    let vars = [
        ("ROSTER__DATABASE__URL_FILE", &*url_file),
        ("ROSTER__DATABASE__PASSWORD_FILE", &password),
        ("ROSTER__SECRETS__KEY_FILE", &key),
        ("ROSTER__MAIL__SMTP_PASSWORD_FILE", &password),
        ("ROSTER__SERVER__WORKERS_FILE", &workers),
        ("ROSTER__SECRETS__PREVIOUS_KEYS_FILE", ""),
        smtp,
        from,
        // Of another program, as beside ROSTER__DATABASE__URL.
        ("DATABASE_URL", "mysql://common/a"),
    ];
    let settings = dir.load("x", &vars).unwrap();
    assert_eq!(url(&settings), Some("postgres://file/a"));
    assert_eq!(settings.secrets.key.as_ref().unwrap().expose_secret(), KEY);
    assert_eq!(settings.server.workers, Some(3));
    for secret in [&settings.database.password, &settings.mail.smtp_password] {
        assert_eq!(secret.as_ref().unwrap().expose_secret(), "p@ss word", "without the line break");
    }
    let settings = dir.load("x", &[("DATABASE_URL_FILE", &url_file)]).unwrap();
    assert_eq!(url(&settings), Some("postgres://file/a"));

    let (none, empty) = (file("none"), file("empty"));
    let vars = [
        ("ROSTER__SECRETS__KEY_FILE", &*none),
        ("ROSTER__DATABASE__URL_FILE", &empty),
        ("ROSTER__DATABASE__PASSWORD", "hunter2"),
        ("ROSTER__DATABASE__PASSWORD_FILE", &password),
        ("ROSTER__SECRETS__PREVIOUS_KEYS_FILE", &password),
        ("ROSTER__SECRET__KEY_FILE", &key),
    ];
    assert_snapshot!(dir.refused(dir.load("x", &vars)), @"
    ROSTER__SECRETS__KEY_FILE: secrets.key: found none (No such file or directory (os error 2)), expected the path of a readable text file with the value
    ROSTER__DATABASE__URL_FILE: database.url: found empty (an empty file), expected the path of a readable text file with the value
    ROSTER__DATABASE__PASSWORD_FILE: database.password: found ROSTER__DATABASE__PASSWORD beside it, expected one of ROSTER__DATABASE__PASSWORD and ROSTER__DATABASE__PASSWORD_FILE
    ROSTER__SECRETS__PREVIOUS_KEYS_FILE: secrets.previous_keys[0]: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`
    ROSTER__SECRET__KEY_FILE: secret: found an unknown key, expected one of database, server, secrets, log, tenants, passwords, mail; did you mean ROSTER__SECRETS__KEY_FILE?
    ");
}

#[test]
fn mail_password_needs_a_user_and_encryption() {
    let dir = Dir::with(&[]);
    let with = |url| {
        let password = ("ROSTER__MAIL__SMTP_PASSWORD", "hunter2");
        let vars = [("ROSTER__MAIL__SMTP_URL", url), ("ROSTER__MAIL__FROM", "a@example.com"), password];
        dir.load("x", &vars)
    };
    assert!(with("smtp://a@mx.example.com?tls=required").is_ok());
    assert_snapshot!(dir.refused(with("smtp://a@mx.example.com")), @"ROSTER__MAIL__SMTP_PASSWORD: mail.smtp_password: found a password, expected a mail.smtp_url with a user and encryption, such as smtps://user@host");
    assert_snapshot!(dir.refused(with("smtps://mx.example.com")), @"ROSTER__MAIL__SMTP_PASSWORD: mail.smtp_password: found a password, expected a mail.smtp_url with a user and encryption, such as smtps://user@host");
}

#[test]
fn unreadable_file_is_a_mistake() {
    let dir = Dir::with(&[]);
    fs::create_dir(dir.0.path().join("default.toml")).unwrap();
    assert_snapshot!(dir.refused(dir.load("x", &[])), @"default.toml: found Is a directory (os error 21), expected a readable file in UTF-8");
    assert_snapshot!(dir.refused(read_file(&dir.0.path().join("none.toml"))), @"none.toml: found No such file or directory (os error 2), expected a readable file in UTF-8");
}

#[test]
fn secrets_appear_in_no_error_text() {
    let secret = "hunter2-hunter2";
    let dir = Dir::with(&[
        ("default.toml", &format!("[database]\nurl = 'mysql://u:{secret}@h/d'\nurls = '{secret}'\n")),
        ("a.toml", &format!("[secrets]\nkey = ['{secret}']")),
        ("b.toml", &format!("secrets = '{secret}'")),
        ("c.toml", &format!("[secrets]\nkey = {secret}")),
        ("d.toml", &format!("[secrets]\nkey = '{secret}")),
    ]);
    let mut texts = String::new();
    for environment in ["a", "b", "c", "d"] {
        texts += &dir.refused(dir.load(environment, &[("ROSTER__SECRETS__KEY", secret)]));
        texts += "\n\n";
    }
    assert!(!texts.contains("hunter2"));
    assert_snapshot!(texts, @r#"
    default.toml:2: database.url: found a value that is not shown, expected a URL that starts with postgres://
    default.toml:3: database.urls: found an unknown key, expected one of url, password, max_connections, acquire_timeout, statement_timeout; did you mean url?
    a.toml:2: secrets.key: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`
    ROSTER__SECRETS__KEY: secrets.key: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`

    default.toml:2: database.url: found a value that is not shown, expected a URL that starts with postgres://
    default.toml:3: database.urls: found an unknown key, expected one of url, password, max_connections, acquire_timeout, statement_timeout; did you mean url?
    b.toml:1: secrets: found a value, expected a table
    ROSTER__SECRETS__KEY: secrets.key: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`

    default.toml:2: database.url: found a value that is not shown, expected a URL that starts with postgres://
    default.toml:3: database.urls: found an unknown key, expected one of url, password, max_connections, acquire_timeout, statement_timeout; did you mean url?
    c.toml:2: found a syntax error (string values must be quoted, expected literal string), expected TOML, such as [table], name = "text" or name = 1
    ROSTER__SECRETS__KEY: secrets.key: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`

    default.toml:2: database.url: found a value that is not shown, expected a URL that starts with postgres://
    default.toml:3: database.urls: found an unknown key, expected one of url, password, max_connections, acquire_timeout, statement_timeout; did you mean url?
    d.toml:2: found a syntax error (invalid literal string, expected `'`), expected TOML, such as [table], name = "text" or name = 1
    ROSTER__SECRETS__KEY: secrets.key: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`
    "#);

    let twice = "[secrets]\nkey = 'hunter2'\nkey = 'hunter2'\n[mail]\nsmtp_url = 'smtp://a:hunter2@h'";
    let dir = Dir::with(&[("a.toml", twice)]);
    assert_snapshot!(dir.refused(dir.load("a", &[])), @"
    a.toml:2: secrets.key: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`
    a.toml:3: key: found a duplicate key, expected each key once: remove one of the two, or merge the two tables
    a.toml:5: mail.smtp_url: found a value that is not shown, expected smtps://user:password@host, smtp://user:password@host?tls=required, or smtp://host without a password
    ");

    let vars = [("ROSTER__DATABASE__URL", "postgres://u:hunter2@h/d"), ("ROSTER__SECRETS__KEY", KEY)];
    let settings = format!("{:?}", Dir::with(&[]).load("x", &vars).unwrap());
    assert!(!settings.contains("hunter2") && !settings.contains(KEY), "{settings}");
    let client = tenant("[[clients]]\nname = 'A'\napp_type = 'spa'\nclient_secret = 'hunter2'").unwrap();
    assert!(!format!("{client:?}").contains("hunter2"));
}

#[test]
fn previous_keys_are_a_list_without_repetition() {
    let (two, three) =
        ("QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=", "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M=");
    let keys = |settings: &Settings| {
        let keys = settings.secrets.previous_keys.iter();
        keys.map(|key| key.expose_secret().to_owned()).collect::<Vec<_>>()
    };
    let file = format!("[secrets]\nkey = '{KEY}'\nprevious_keys = ['{two}', '{three}']");
    let dir = Dir::with(&[("default.toml", &file)]);
    assert!(keys(&Dir::with(&[]).load("x", &[]).unwrap()).is_empty());
    assert_eq!(keys(&dir.load("x", &[]).unwrap()), [two, three]);
    let variable = format!("{three}, {two}");
    assert_eq!(keys(&dir.load("x", &[("ROSTER__SECRETS__PREVIOUS_KEYS", &variable)]).unwrap()), [three, two]);

    let wrong = "[secrets]\nprevious_keys = ['hunter2',\n  5]";
    let dir = Dir::with(&[("a.toml", wrong), ("b.toml", "[secrets]\nprevious_keys = 'hunter2'")]);
    assert_snapshot!(dir.refused(dir.load("a", &[])), @"
    a.toml:2: secrets.previous_keys[0]: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`
    a.toml:3: secrets.previous_keys[1]: found a value that is not shown, expected 32 bytes in base64, as from `openssl rand -base64 32`
    ");
    assert_snapshot!(dir.refused(dir.load("b", &[])), @"b.toml:2: secrets.previous_keys: found a value that is not shown, expected a list, each item 32 bytes in base64, as from `openssl rand -base64 32`");
    let twice = format!("{two},{KEY},{two}");
    let vars = [("ROSTER__SECRETS__KEY", KEY), ("ROSTER__SECRETS__PREVIOUS_KEYS", &*twice)];
    assert_snapshot!(dir.refused(dir.load("x", &vars)), @"
    ROSTER__SECRETS__PREVIOUS_KEYS: secrets.previous_keys: found the key 4c8cbf5d a second time, expected each key once and not the key of secrets.key: remove the repetition
    ROSTER__SECRETS__PREVIOUS_KEYS: secrets.previous_keys: found the key c8534bec a second time, expected each key once and not the key of secrets.key: remove the repetition
    ");
}

#[test]
fn memory_of_bodies_fits_at_least_two_bodies() {
    let dir = Dir::with(&[("a.toml", "[server]\nbody_limit = 10_000_000\nbody_memory = 19_999_999\n")]);
    let built_in = dir.load("x", &[]).unwrap().server.bodies();
    assert_eq!((built_in.body, built_in.memory, built_in.memory_per_address), (1 << 20, 64 << 20, 16 << 20));
    let refused = dir.refused(dir.load("a", &[("ROSTER__SERVER__BODY_MEMORY_PER_ADDRESS", "20000000")]));
    assert_snapshot!(refused, @"a.toml:3: server.body_memory: found 19999999, expected at least twice server.body_limit, since an encoded body takes its size twice");
}

#[test]
fn https_needs_a_certificate_and_a_key() {
    let dir = Dir::with(&[]);
    assert!(dir.load("x", &[]).unwrap().check_tls().is_ok());
    let mut settings = dir.load("x", &[("ROSTER__SERVER__HTTPS", "0.0.0.0:8443")]).unwrap();
    assert_snapshot!(settings.check_tls().unwrap_err(), @"
    settings: server.tls_certificate: found nothing, expected the path of a PEM file, because server.https is set
    settings: server.tls_private_key: found nothing, expected the path of a PEM file, because server.https is set
    ");
    settings.server.tls_certificate = Some("a".into());
    settings.server.tls_private_key = Some("b".into());
    assert!(settings.check_tls().is_ok());
}

#[test]
fn shipped_settings_are_valid() {
    for environment in ["development", "production"] {
        let settings = Settings::load(&shipped(""), environment, &[], &[]).unwrap();
        assert_eq!(settings.log.format, (environment == "production").then_some(LogFormat::Json));
    }
}

/// The comments of the shipped files are documentation: the examples in them must be valid too.
#[test]
fn examples_in_shipped_comments_are_valid() {
    let uncommented = |path: &str| {
        let text = fs::read_to_string(shipped(path)).unwrap();
        let examples = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(example) if example.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => example,
            _ => line,
        });
        examples.collect::<Vec<_>>().join("\n")
    };
    let settings = uncommented("default.toml").replace("/etc/roster/tenants", "/").replace("key = \"\"", "");
    let settings = Dir::with(&[("default.toml", &settings)]).load("x", &[]).unwrap();
    assert_eq!(url(&settings), Some("postgres://roster:password@localhost/roster"));
    assert!(settings.server.https.is_some() && settings.check_tls().is_ok());
    let dir = Dir::with(&[("dev.toml", &uncommented("tenants/dev.toml"))]);
    let tenant = read_file(&dir.0.path().join("dev.toml")).unwrap();
    assert_eq!(tenant.clients[0].client_metadata["team"], "platform");
    assert_eq!(tenant.audience, Some(built_in_dev().management_audience()));
}

fn tenant(more: &str) -> Result<TenantConfig, Mistakes> {
    let dir = Dir::with(&[("a.toml", &format!("name = 'a'\nhosts = ['a.example']\n{more}"))]);
    read_file(&dir.0.path().join("a.toml"))
}

#[test]
fn shipped_tenant_is_built_in() {
    let tenants = read_directory(&shipped("tenants")).unwrap();
    assert_eq!(format!("{tenants:?}"), format!("{:?}", [built_in_dev()]));
    let dev = built_in_dev();
    assert_eq!(
        (&*dev.name, &*dev.hosts, dev.loopback),
        ("dev", &["dev.localhost", "roster"].map(str::to_owned)[..], true)
    );
    assert_eq!(dev.management_audience(), "https://dev.localhost/api/v2/");
    let connection = &dev.connections[0];
    assert_eq!(connection.name, "Username-Password-Authentication");
    assert!(
        connection.attributes.is_some() && !connection.disable_signup && connection.brute_force_protection
    );
    assert_eq!((connection.username_min, connection.username_max), (1, 128));
    assert_eq!(connection.enabled_clients, EnabledClients::All);
    let grant = GrantConfig { audience: "management".into(), scope: Scope::All };
    assert_eq!((&*dev.clients[0].name, &*dev.clients[0].grants), ("Management", &[grant][..]));
    assert_eq!(dev.clients[1].grant_types.as_ref().unwrap().len(), 4);
}

#[test]
fn tenant_keys_have_defaults() {
    let tenant = tenant("[[connections]]\nname = 'db'\n[[clients]]\nname = 'A'\napp_type = 'spa'").unwrap();
    assert_eq!((tenant.loopback, tenant.token_lifetime), (false, 86_400));
    assert_eq!((tenant.compat.offset_cap, tenant.compat.signup_user_exists_error), (Some(1000), true));
    assert!(tenant.compat.clients_keep_tenant);
    assert_eq!(tenant.limits.metadata_bytes, 1_000_000);
    let connection = &tenant.connections[0];
    assert_eq!((connection.username_min, connection.username_max), (1, 15));
    assert_eq!(connection.password_policy, Policy::Good);
    assert_eq!(connection.enabled_clients, EnabledClients::List(vec![]));
    assert_eq!((&tenant.clients[0].client_id, &tenant.clients[0].grant_types), (&None, &None));
}

#[test]
fn rate_limit_has_a_burst_and_one_refill_rate() {
    use roster::base::rate_limits::{Limit, RateLimits, Refill};
    assert_eq!(tenant("").unwrap().rate_limits, RateLimits::default());
    let limits =
        "[rate_limits]\ntoken = { burst = 100, per_minute = 3 }\nsignup = { burst = 1, per_second = 2 }";
    let limits = tenant(limits).unwrap().rate_limits;
    assert_eq!(limits.token, Some(Limit { burst: 100, refill: Refill::PerMinute(3) }));
    assert_eq!(limits.signup, Some(Limit { burst: 1, refill: Refill::PerSecond(2) }));
    assert_eq!((limits.management_api, limits.change_password, limits.userinfo), (None, None, None));
    let dir = Dir::with(&[(
        "a.toml",
        "name = 'a'\nhosts = ['a.example']\n[rate_limits]\nmanagement_api = { burst = 0, per_second = 1 }\n\
         token = { burst = 1, per_second = 1, per_minute = 1 }\nsignup = { burst = 1 }\n\
         change_password = { per_minute = 1 }\nuserinfo = { burst = 61, per_minute = 1 }\nmfa = 3",
    )]);
    assert_snapshot!(dir.refused(read_directory(dir.0.path())), @"
    a.toml:4: rate_limits.management_api.burst: found 0, expected a whole number from 1 to 1000000
    a.toml:5: rate_limits.token.per_second: found both of per_second and per_minute, expected one of per_second and per_minute
    a.toml:6: rate_limits.signup.per_second: found neither per_second nor per_minute, expected one of per_second and per_minute
    a.toml:7: rate_limits.change_password.burst: found nothing, expected this key to be set
    a.toml:8: rate_limits.userinfo.burst: found 61, expected at most the requests that are refilled within an hour
    a.toml:9: rate_limits.mfa: found an unknown key, expected one of management_api, token, signup, change_password, userinfo
    ");
}

#[test]
fn offset_cap_of_zero_is_none() {
    assert_eq!(tenant("[compat]\noffset_cap = 0").unwrap().compat.offset_cap, None);
}

#[test]
fn tenants_have_the_order_of_their_file_names() {
    let file = |name: &str| format!("name = '{name}'\nhosts = ['{name}.example']");
    let dir = Dir::with(&[("b.toml", &file("first")), ("c.toml", &file("second")), ("a.txt", "no TOML")]);
    let tenants = read_directory(dir.0.path()).unwrap();
    assert_eq!(tenants.iter().map(|tenant| &*tenant.name).collect::<Vec<_>>(), ["first", "second"]);
    assert!(read_directory(&dir.0.path().join("none")).unwrap().is_empty());
}

#[test]
fn mistakes_of_all_tenant_files_are_reported_at_once() {
    let dir = Dir::with(&[
        (
            "a.toml",
            "name = 'Acme'\nhosts = ['Acme.example', 'a.example:80', 3]\naudience = 'http://a.example/api/v2/'\n\
             token_lifetime = 0\nconections = []\n\
             [[connections]]\nname = 'a--b'\nstrategy = 'google'\npassword_policy = 'strong'\n\
             username_min = 20\nenabled_clients = ['A', 'Nobody']\n\
             [[connections]]\nenabled_clients = 'App'\n\
             [[clients]]\nname = 'A'\napp_type = 'web'\nclient_id = 'a-b'\nclient_secret = 5\n\
             grant_types = ['']\nclient_metadata = { 'a.b' = 1, c = 'd' }\n\
             [[clients.grants]]\naudience = 'management'\n\
             [[clients.grants]]\naudience = 'other'\nscope = ['a', '*']\n",
        ),
        ("b.toml", "name = 'b'\nhosts = []\n[connections]\nname = 'c'\n"),
        ("c.toml", "name = 'c'\nhosts = ['c.example']\nname = 'd'\n"),
        ("d.toml", "clients = ['A']"),
    ]);
    assert_snapshot!(dir.refused(read_directory(dir.0.path())), @r#"
    a.toml:1: name: found "Acme", expected lower-case letters, digits and hyphens, at most 63
    a.toml:2: hosts[0]: found "Acme.example", expected a lower-case host name without scheme and port
    a.toml:2: hosts[1]: found "a.example:80", expected a lower-case host name without scheme and port
    a.toml:2: hosts[2]: found 3, expected a lower-case host name without scheme and port
    a.toml:3: audience: found "http://a.example/api/v2/", expected an https:// URL that ends in /api/v2/
    a.toml:4: token_lifetime: found 0, expected a whole number from 1 to 2592000
    a.toml:5: conections: found an unknown key, expected one of name, hosts, loopback, audience, token_lifetime, limits, compat, rate_limits, search, connections, clients; did you mean connections?
    a.toml:7: connections[0].name: found "a--b", expected letters, digits and single hyphens between them, at most 128
    a.toml:8: connections[0].strategy: found "google", expected auth0
    a.toml:9: connections[0].password_policy: found "strong", expected one of none, low, fair, good, excellent
    a.toml:10: connections[0].username_min: found 20, expected at most username_max, which is 15
    a.toml:11: connections[0].enabled_clients[1]: found "Nobody", expected the name of a client of this file
    a.toml:12: connections[1].name: found nothing, expected this key to be set
    a.toml:13: connections[1].enabled_clients: found "App", expected a list, each item the name of a client of this file ("*" alone means all)
    a.toml:16: clients[0].app_type: found "web", expected one of non_interactive, regular_web, spa, native
    a.toml:17: clients[0].client_id: found "a-b", expected letters and digits, at most 64
    a.toml:18: clients[0].client_secret: found a value that is not shown, expected a text
    a.toml:19: clients[0].grant_types[0]: found "", expected a grant type of Auth0, such as client_credentials
    a.toml:20: clients[0].client_metadata.a.b: found 1, expected a text of at most 255 characters
    a.toml:21: clients[0].grants[0].scope: found nothing, expected this key to be set
    a.toml:25: clients[0].grants[1].scope[1]: found "*", expected the name of a scope ("*" alone means all)
    b.toml:2: hosts: found an empty list, expected at least one host name
    b.toml:3: connections: found a table, expected a list of tables, each headed by its name in double brackets
    c.toml:3: name: found a duplicate key, expected each key once: remove one of the two, or merge the two tables
    d.toml: name: found nothing, expected this key to be set
    d.toml: hosts: found nothing, expected this key to be set
    d.toml:1: clients[0]: found a value, expected a table
    "#);
}

#[test]
fn unique_values_are_checked_within_and_across_files() {
    let dir = Dir::with(&[
        (
            "a.toml",
            "name = 'a'\nhosts = ['a.example', 'a.example']\nloopback = true\n\
             [[connections]]\nname = 'db'\n[[connections]]\nname = 'db'\n\
             [[clients]]\nname = 'A'\napp_type = 'spa'\nclient_id = 'x'\n\
             [[clients.grants]]\naudience = 'management'\nscope = ['*']\n\
             [[clients.grants]]\naudience = 'management'\nscope = ['read:users']\n\
             [[clients]]\nname = 'A'\napp_type = 'spa'\nclient_id = 'x'\n",
        ),
        ("b.toml", "name = 'a'\nhosts = ['b.example', 'a.example']\nloopback = true\n"),
        (
            "c.toml",
            "name = 'c'\nhosts = ['c.example']\nloopback = 'no'\n[[clients]]\nname = 'A'\napp_type = 'spa'\n",
        ),
    ]);
    assert_snapshot!(dir.refused(read_directory(dir.0.path())), @r#"
    a.toml:2: hosts[1]: found "a.example" a second time, expected a value of its own (a.toml:2: hosts[0] has this one)
    a.toml:7: connections[1].name: found "db" a second time, expected a value of its own (a.toml:5: connections[0].name has this one)
    a.toml:16: clients[0].grants[1].audience: found "management" a second time, expected a value of its own (a.toml:13: clients[0].grants[0].audience has this one)
    a.toml:19: clients[1].name: found "A" a second time, expected a value of its own (a.toml:9: clients[0].name has this one)
    a.toml:21: clients[1].client_id: found "x" a second time, expected a value of its own (a.toml:11: clients[0].client_id has this one)
    b.toml:1: name: found "a" a second time, expected a value of its own (a.toml:1: name has this one)
    b.toml:2: hosts[1]: found "a.example" a second time, expected a value of its own (a.toml:2: hosts[0] has this one)
    b.toml:3: loopback: found true, expected false, because the tenant a has it
    c.toml:3: loopback: found "no", expected true or false
    "#);
}

#[test]
fn mistake_has_file_line_key_and_choices() {
    let dir = Dir::with(&[(
        "a.toml",
        "name = 'a'\nhosts = ['a']\n[[connections]]\nname = 'b'\n\npassword_policy = 1",
    )]);
    let Mistakes(mistakes) = read_directory(dir.0.path()).unwrap_err();
    let [mistake] = &mistakes[..] else { panic!("{mistakes:?}") };
    assert_eq!(mistake.source, dir.0.path().join("a.toml").display().to_string());
    assert_eq!((mistake.line, &*mistake.key), (Some(6), "connections[0].password_policy"));
    assert_eq!((&*mistake.found, &*mistake.expected), ("1", "one of none, low, fair, good, excellent"));
}

#[test]
fn identifiers_come_from_attributes_or_requires_username() {
    use roster::base::identifiers::Requirement;
    let with = |more: &str| tenant(&format!("[[connections]]\nname = 'A'\n{more}"));
    let attributes = with("attributes = { phone_number = 'required', username = 'optional' }").unwrap();
    let attributes = attributes.connections[0].attributes.clone().unwrap();
    assert_eq!(
        (attributes.email, attributes.username, attributes.phone_number),
        (None, Some(Requirement::Optional), Some(Requirement::Required))
    );
    assert!(with("").unwrap().connections[0].attributes.is_none());
    let both = with("requires_username = true\nattributes = { email = 'sometimes', fax = 'required' }\n");
    let mistakes = both.unwrap_err().to_string();
    for expected in ["attributes.email: found \"sometimes\"", "attributes.fax"] {
        assert!(mistakes.contains(expected), "{mistakes}");
    }
    let both =
        with("requires_username = true\nattributes = { email = 'required' }\n").unwrap_err().to_string();
    assert!(both.contains("requires_username: found true, expected false"), "{both}");
}

#[test]
fn fixture_tenants_are_valid() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tenants");
    assert_eq!(read_directory(&fixtures).unwrap().len(), 8);
    assert_eq!(read_directory(&fixtures.with_file_name("bare")).unwrap().len(), 1);
}
