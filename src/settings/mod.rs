//! The settings of the program: database, sockets, keys, log, mail. [Tenant
//! files](crate::tenant_files::model) are separate.
//!
//! Layers from weakest to strongest: the built-in `default.toml`, `default.toml` in the config directory, the
//! file named after `ROSTER_ENV` there, environment variables (`ROSTER__DATABASE__URL` sets `database.url`,
//! `ROSTER__DATABASE__URL_FILE` names a file with its value), flags. The `config` crate merges them; `layer::Layer` gives it each value with its origin.
//! `config/default.toml` documents every key.

pub(crate) mod layer;
pub(crate) mod mistake;
pub(crate) mod reader;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

use crate::base::bodies;
use crate::base::vault::KeyId;
use crate::mail::smtp;
use layer::{Layer, VARIABLE_PREFIX};
use mistake::Report;
pub use mistake::{Mistake, Mistakes};
use reader::{Section, read};

const BUILT_IN: &str = include_str!("../../config/default.toml");
const DATABASE_VARIABLE: &str = "ROSTER__DATABASE__URL";
/// The end of a variable that names the file of a value, such as a secret of Docker or Kubernetes.
const FILE_SUFFIX: &str = "_FILE";
const DAY: i64 = 86_400;
const KEY: &str = "32 bytes in base64, as from `openssl rand -base64 32`";
const SMTP_URL: &str =
    "smtps://user:password@host, smtp://user:password@host?tls=required, or smtp://host without a password";

/// All settings of the program.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The PostgreSQL database.
    pub database: Database,
    /// The HTTP server.
    pub server: Server,
    /// The encryption keys of the installation.
    pub secrets: Secrets,
    /// The program's log.
    pub log: Log,
    /// The tenant files and the tenant cache.
    pub tenants: Tenants,
    /// Password hashing.
    pub passwords: Passwords,
    /// Outgoing mail.
    pub mail: Mail,
}

/// The PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://user:password@host/name`. No default.
    pub url: Option<SecretString>,
    /// The password, in place of one in `url`. Default none.
    pub password: Option<SecretString>,
    /// The connection limit. [`Database::pool_size`] has the default.
    pub max_connections: Option<u32>,
    /// The time limit for acquiring a connection. Default 5 seconds.
    pub acquire_timeout: Duration,
    /// The time limit of a statement. Default 10 seconds.
    pub statement_timeout: Duration,
}

impl Database {
    /// The connection limit: `max_connections`, by default two per CPU core and at least four.
    #[must_use]
    pub fn pool_size(&self) -> u32 {
        self.max_connections.unwrap_or_else(|| u32::try_from(2 * cores()).unwrap_or(u32::MAX).max(4))
    }
}

/// The HTTP server.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address of plain HTTP. Default `127.0.0.1:8080`; `false` disables it.
    pub http: Option<SocketAddr>,
    /// The address of HTTPS. Default none. Requires `tls_certificate` and `tls_private_key`.
    pub https: Option<SocketAddr>,
    /// The certificate chain, a PEM file.
    pub tls_certificate: Option<PathBuf>,
    /// The private key of the certificate, a PEM file.
    pub tls_private_key: Option<PathBuf>,
    /// The number of worker threads. Default one per CPU core.
    pub workers: Option<usize>,
    /// How long a connection without a request stays open. Default 75 seconds.
    pub keep_alive: Duration,
    /// The time limit for the head of a request. Default 10 seconds.
    pub header_timeout: Duration,
    /// The time limit for running requests during shutdown. Default 30 seconds.
    pub shutdown_timeout: Duration,
    /// The size limit of a request body in bytes. Default 1 MiB.
    pub body_limit: usize,
    /// The bytes of all bodies that are received or worked on. Default 64 MiB.
    pub body_memory: usize,
    /// The same for one client address. Default 16 MiB.
    pub body_memory_per_address: usize,
    /// The least speed of a body in bytes per second. Default 16 KiB.
    pub body_min_rate: u32,
    /// How far a body may fall behind the least speed. Default 5 seconds.
    pub body_timeout: Duration,
    /// How long a client may take no bytes of a response. Default 20 seconds.
    pub write_timeout: Duration,
    /// The bytes of all responses that clients do not read. Default 32 MiB.
    pub unread_memory: usize,
    /// Whether `X-Forwarded-For` gives the client's address. Default false: without a reverse proxy any
    /// client can set this header.
    pub trust_forwarded_for: bool,
}

impl Server {
    /// The limits of request bodies.
    #[must_use]
    pub fn bodies(&self) -> bodies::Limits {
        bodies::Limits {
            body: self.body_limit,
            memory: self.body_memory,
            memory_per_address: self.body_memory_per_address,
            min_rate: self.body_min_rate,
            timeout: self.body_timeout,
        }
    }
}

/// The encryption keys of the installation.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// 32 bytes in base64. Encrypts signing keys, client secrets and all other secrets in the database.
    pub key: Option<SecretString>,
    /// Keys that decrypt but do not encrypt: the previous ones, or the next one. Default none.
    pub previous_keys: Vec<SecretString>,
}

/// The program's log.
#[derive(Debug, Clone)]
pub struct Log {
    /// The format of a line. Default text on a terminal, JSON elsewhere.
    pub format: Option<LogFormat>,
    /// The log filter in the syntax of `tracing`.
    pub filter: String,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The tenant files and the tenant cache.
#[derive(Debug, Clone)]
pub struct Tenants {
    /// The directory of tenant files. Default `tenants` in the config directory, which may be absent.
    pub directory: PathBuf,
    /// The number of tenants in the cache. Default 10,000.
    pub cache_size: u64,
    /// The lifetime of a cached tenant. Default 5 seconds.
    pub cache_seconds: Duration,
}

/// Password hashing.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// The number of concurrent hash computations. [`Passwords::computations`] has the default.
    pub concurrency: Option<usize>,
}

impl Passwords {
    /// The number of concurrent hash computations: `concurrency`, by default one per CPU core.
    #[must_use]
    pub fn computations(&self) -> usize {
        self.concurrency.unwrap_or_else(cores)
    }
}

/// Outgoing mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The mail server, `smtps://user:password@host`. Without one no mail is sent.
    pub smtp_url: Option<SecretString>,
    /// The password of the user in `smtp_url`, in place of one there. Default none.
    pub smtp_password: Option<SecretString>,
    /// The sender of all mail, such as `Roster <no-reply@example.com>`. Required with `smtp_url`.
    pub from: Option<String>,
}

/// A flag of the command line that sets a key.
#[derive(Debug, Clone)]
pub struct Flag {
    name: &'static str,
    key: &'static str,
    value: String,
}

impl Flag {
    /// The flag `name`, such as `--http`, sets the dotted `key`.
    pub fn new(name: &'static str, key: &'static str, value: impl ToString) -> Flag {
        Flag { name, key, value: value.to_string() }
    }
}

impl Settings {
    /// Reads and merges all layers. `environment` names the file beside `default.toml`; `vars` are the
    /// environment variables of the process. An empty variable counts as unset.
    ///
    /// # Errors
    /// All mistakes of all layers.
    pub fn load(
        config_dir: &Path,
        environment: &str,
        vars: &[(OsString, OsString)],
        flags: &[Flag],
    ) -> Result<Settings, Mistakes> {
        let built_in = std::iter::once(Layer::parse("the built-in default.toml", BUILT_IN));
        let files = ["default", environment].map(|name| config_dir.join(format!("{name}.toml")));
        // A failed look-up is no absence: opening the file then reports the reason.
        let files =
            files.iter().filter(|path| path.try_exists().unwrap_or(true)).map(|path| Layer::open(path));
        let flags = flags.iter().map(|flag| Ok(Layer::single(flag.name, flag.key.rsplit('.'), &flag.value)));
        let (layers, mut report) = Report::of(built_in.chain(files).chain(variables(vars)).chain(flags));
        // The merge drops values that a stronger layer replaces. Each layer is checked alone, so that their
        // mistakes are reported too.
        for layer in &layers {
            let (_, mistakes) = read(layer, |root| settings(root, config_dir));
            report.extend(mistakes);
        }
        let merged = Layer::merge(layers);
        let (settings, _) = read(&merged, |root| settings(root, config_dir));
        report.extend(relations(&settings, &merged));
        report.or(settings)
    }

    /// Checks that HTTPS has a certificate and a key. Not part of [`Settings::load`], because `roster dev`
    /// creates both.
    ///
    /// # Errors
    /// A mistake for each of the two that is missing although `server.https` is set.
    pub fn check_tls(&self) -> Result<(), Mistakes> {
        let files = [
            ("server.tls_certificate", &self.server.tls_certificate),
            ("server.tls_private_key", &self.server.tls_private_key),
        ];
        let missing = files.into_iter().filter(|(_, path)| self.server.https.is_some() && path.is_none());
        let mistake = |(key, _): (&str, _)| Mistake {
            source: "settings".into(),
            line: None,
            key: key.into(),
            found: "nothing".into(),
            expected: "the path of a PEM file, because server.https is set".into(),
        };
        let mistakes: Vec<_> = missing.map(mistake).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(Mistakes(mistakes)) }
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// One layer per variable: a variable is the origin of its own mistakes only.
fn variables(vars: &[(OsString, OsString)]) -> impl Iterator<Item = Result<Layer, Mistake>> {
    let is_set = |wanted: &str| vars.iter().any(|(name, value)| name == wanted && !value.is_empty());
    // DATABASE_URL can belong to another program, so it is not even checked beside our own variable.
    let has_own_url = is_set(DATABASE_VARIABLE) || is_set(&format!("{DATABASE_VARIABLE}{FILE_SUFFIX}"));
    vars.iter().filter(|(_, value)| !value.is_empty()).filter_map(move |(name, value)| {
        let name = name.to_str()?;
        let of_file = name.strip_suffix(FILE_SUFFIX);
        let keys = match of_file.unwrap_or(name) {
            "DATABASE_URL" if !has_own_url => "database__url".to_owned(),
            name => name.strip_prefix(VARIABLE_PREFIX)?.to_lowercase(),
        };
        let text = match of_file {
            Some(other) if is_set(other) => {
                Err((format!("{other} beside it"), format!("one of {other} and {name}")))
            }
            Some(_) => text_of_file(Path::new(value)),
            None => value
                .to_str()
                .map(str::to_owned)
                .ok_or_else(|| ("bytes that are not UTF-8".into(), "a text in UTF-8".into())),
        };
        let mistake = |(found, expected)| Mistake {
            source: name.to_owned(),
            line: None,
            key: keys.replace("__", "."),
            found,
            expected,
        };
        Some(text.map(|text| Layer::single(name, keys.rsplit("__"), &text)).map_err(mistake))
    })
}

/// The text of a file without the line break at its end, or else what was found and what was expected.
fn text_of_file(path: &Path) -> Result<String, (String, String)> {
    let found = match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => "an empty file".to_owned(),
        Ok(text) => return Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => error.to_string(),
    };
    Err((format!("{} ({found})", path.display()), "the path of a readable text file with the value".into()))
}

/// Reads each key by itself. Checks of several keys are in [`relations`], because a layer can have one key of
/// them only.
fn settings(root: &mut Section<'_>, config_dir: &Path) -> Settings {
    Settings {
        database: root.table("database", |t| Database {
            url: t.secret("url", "a URL that starts with postgres://", |url| {
                url.starts_with("postgres://") || url.starts_with("postgresql://")
            }),
            password: t.secret("password", "a password", |password| !password.is_empty()),
            max_connections: t.integer("max_connections", 1..=10_000),
            acquire_timeout: seconds(t, "acquire_timeout", 1),
            statement_timeout: seconds(t, "statement_timeout", 1),
        }),
        server: root.table("server", |t| Server {
            http: address(t, "http"),
            https: address(t, "https"),
            tls_certificate: path(t, "tls_certificate"),
            tls_private_key: path(t, "tls_private_key"),
            workers: t.integer("workers", 1..=1024),
            keep_alive: seconds(t, "keep_alive", 1),
            header_timeout: seconds(t, "header_timeout", 1),
            shutdown_timeout: seconds(t, "shutdown_timeout", 0),
            body_limit: t.integer("body_limit", 1024..=1 << 30).unwrap_or_default(),
            body_memory: t.integer("body_memory", 1024..=1 << 40).unwrap_or_default(),
            body_memory_per_address: t.integer("body_memory_per_address", 1024..=1 << 40).unwrap_or_default(),
            body_min_rate: t.integer("body_min_rate", 1..=1 << 30).unwrap_or_default(),
            body_timeout: seconds(t, "body_timeout", 1),
            write_timeout: seconds(t, "write_timeout", 1),
            unread_memory: t.integer("unread_memory", 1024..=1 << 40).unwrap_or_default(),
            trust_forwarded_for: t.boolean("trust_forwarded_for").unwrap_or_default(),
        }),
        secrets: root.table("secrets", |t| Secrets {
            key: t.secret("key", KEY, |key| KeyId::of(key).is_some()),
            previous_keys: t.secrets("previous_keys", KEY, |key| KeyId::of(key).is_some()),
        }),
        log: root.table("log", |t| Log {
            format: t.one_of("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
            filter: t
                .text("filter", "a filter such as info or warn,roster=debug", |filter| {
                    EnvFilter::try_new(filter).is_ok()
                })
                .unwrap_or_default(),
        }),
        tenants: root.table("tenants", |t| Tenants {
            directory: t
                .text("directory", "a directory that exists", |path| Path::new(path).is_dir())
                .map_or_else(|| config_dir.join("tenants"), PathBuf::from),
            cache_size: t.integer("cache_size", 1..=10_000_000).unwrap_or_default(),
            cache_seconds: seconds(t, "cache_seconds", 0),
        }),
        passwords: root.table("passwords", |t| Passwords { concurrency: t.integer("concurrency", 1..=1024) }),
        mail: root.table("mail", |t| Mail {
            smtp_url: t.secret("smtp_url", SMTP_URL, |url| smtp::Server::parse(url).is_some()),
            smtp_password: t.secret("smtp_password", "a password", |password| !password.is_empty()),
            from: t.text("from", "a sender such as Roster <no-reply@example.com>", smtp::is_mailbox),
        }),
    }
}

/// Checks of several keys, which can come from different layers.
fn relations(settings: &Settings, merged: &Layer) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let keys = settings.secrets.key.iter().chain(&settings.secrets.previous_keys);
    let ids: Vec<_> = keys.filter_map(|key| KeyId::of(key.expose_secret())).collect();
    for (_, id) in ids.iter().enumerate().filter(|(n, id)| ids[..*n].contains(id)) {
        let found = format!("the key {id} a second time");
        let expected = "each key once and not the key of secrets.key: remove the repetition";
        mistakes.push(merged.mistake_at("secrets.previous_keys", found, expected));
    }
    let server = &settings.server;
    let memory = [
        ("server.body_memory", server.body_memory),
        ("server.body_memory_per_address", server.body_memory_per_address),
    ];
    for (key, bytes) in memory.into_iter().filter(|(_, bytes)| *bytes > 0 && *bytes < 2 * server.body_limit) {
        let expected = "at least twice server.body_limit, since an encoded body takes its size twice";
        mistakes.push(merged.mistake_at(key, bytes.to_string(), expected));
    }
    // A sender that is not valid has its own mistake.
    if let Some(url) = merged.get("mail.smtp_url")
        && settings.mail.smtp_url.is_some()
        && merged.get("mail.from").is_none()
    {
        let expected = "a sender, because mail.smtp_url is set";
        mistakes.push(Mistake::at(url, "mail.from", "nothing", expected));
    }
    if let (Some(url), Some(password)) = (&settings.mail.smtp_url, &settings.mail.smtp_password)
        && let Some(server) = smtp::Server::parse(url.expose_secret())
        && server.with_password(password.expose_secret()).is_none()
    {
        let expected = "a mail.smtp_url with a user and encryption, such as smtps://user@host";
        mistakes.push(merged.mistake_at("mail.smtp_password", "a password", expected));
    }
    mistakes
}

fn seconds<'a>(table: &mut Section<'a>, key: &'a str, min: i64) -> Duration {
    table.integer(key, min..=DAY).map(Duration::from_secs).unwrap_or_default()
}

fn path<'a>(table: &mut Section<'a>, key: &'a str) -> Option<PathBuf> {
    table.text(key, "the path of a file", |text| !text.is_empty()).map(PathBuf::from)
}

/// An address, or `false`, by which a stronger layer disables the default.
fn address<'a>(table: &mut Section<'a>, key: &'a str) -> Option<SocketAddr> {
    let expected = "an IP address with a port such as 127.0.0.1:8080, or false";
    table.parsed_or_false(key, expected, |text| text.parse().ok())
}
