//! What the program itself can be told: its database, sockets, keys, log. Tenants have [files of their
//! own](crate::tenant_files::model).
//!
//! From weakest to strongest: the built-in `default.toml`, `default.toml` of the config directory, the file named after
//! `ROSTER_ENV` there, the environment (`ROSTER__DATABASE__URL` is `database.url`), and the flags, which the command
//! line writes into the loaded struct. Every key is explained in `config/default.toml`, where its default is as well.

pub(crate) mod reader;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

use crate::base::vault::KeyId;
use crate::mail::smtp;
pub use reader::{Mistake, Mistakes};
use reader::{Node, Report, Section, Value};

const BUILT_IN: &str = include_str!("../../config/default.toml");
const VARIABLE: &str = "ROSTER__";
const DATABASE_VARIABLE: &str = "ROSTER__DATABASE__URL";
const DAY: i64 = 86_400;
const KEY: &str = "32 bytes in base64, as from `openssl rand -base64 32`";

/// All settings of the program.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The PostgreSQL database.
    pub database: Database,
    /// The sockets and what holds for every request.
    pub server: Server,
    /// Keys of the installation.
    pub secrets: Secrets,
    /// The program's own log.
    pub log: Log,
    /// Where tenants are declared, and how long what is known of them is kept.
    pub tenants: Tenants,
    /// The hashing of passwords.
    pub passwords: Passwords,
    /// The sending of mail.
    pub mail: Mail,
}

/// The PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://user:password@host/name`. None until somebody says it: there is no default.
    pub url: Option<SecretString>,
    /// The most connections to it; see [`Database::pool_size`] when it is not set.
    pub max_connections: Option<u32>,
    /// How long a request waits for a connection. Default 5 seconds.
    pub acquire_timeout: Duration,
    /// How long a statement may run. Default 10 seconds.
    pub statement_timeout: Duration,
}

impl Database {
    /// The most connections: as set, or two for each core of this machine and at least four.
    #[must_use]
    pub fn pool_size(&self) -> u32 {
        self.max_connections.unwrap_or_else(|| u32::try_from(2 * cores()).unwrap_or(u32::MAX).max(4))
    }
}

/// The sockets and what holds for every request.
#[derive(Debug, Clone)]
pub struct Server {
    /// The address for plain HTTP, default `127.0.0.1:8080`; none when set to `false`.
    pub http: Option<SocketAddr>,
    /// The address for HTTPS, default none; needs the two files below.
    pub https: Option<SocketAddr>,
    /// The certificate chain, a PEM file.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key, a PEM file.
    pub tls_private_key: Option<PathBuf>,
    /// Worker threads; one for each core when not set.
    pub workers: Option<usize>,
    /// How long running requests may take to end once the program was told to stop. Default 30 seconds.
    pub shutdown_timeout: Duration,
    /// The largest request body, in bytes. Default 1 MiB.
    pub body_limit: usize,
    /// Whether a client's address is what `X-Forwarded-For` says, as behind a reverse proxy. Default false: anybody
    /// could write anything into it.
    pub trust_forwarded_for: bool,
}

/// Keys of the installation.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// 32 bytes in base64, which encrypt signing keys, client secrets and whatever else is secret in the database.
    pub key: Option<SecretString>,
    /// Keys that do not encrypt but still decrypt: those from before, or the one to come. Default none.
    pub previous_keys: Vec<SecretString>,
}

/// The program's own log.
#[derive(Debug, Clone)]
pub struct Log {
    /// The form of a line; when not set, text on a terminal and JSON elsewhere.
    pub format: Option<LogFormat>,
    /// What is logged, as `tracing` writes filters. Default `info`.
    pub filter: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Where tenants are declared, and how long what is known of them is kept.
#[derive(Debug, Clone)]
pub struct Tenants {
    /// The directory of tenant files. Default `tenants` in the config directory, which may be missing.
    pub directory: PathBuf,
    /// How many tenants are kept in memory. Default 10,000.
    pub cache_size: u64,
    /// After what time a tenant is read from the database again. Default 5 seconds.
    pub cache_seconds: Duration,
}

/// The hashing of passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// How many hashes are computed at once; see [`Passwords::computations`] when it is not set.
    pub concurrency: Option<usize>,
}

impl Passwords {
    /// How many hashes are computed at once: as set, or one for each core of this machine.
    #[must_use]
    pub fn computations(&self) -> usize {
        self.concurrency.unwrap_or_else(cores)
    }
}

/// The sending of mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The mail server, `smtps://user:password@host`; without one no mail is sent.
    pub smtp_url: Option<SecretString>,
    /// The sender of all mail, as in `Roster <no-reply@example.com>`. Needed with a server.
    pub from: Option<String>,
}

impl Settings {
    /// Reads all layers. `environment` names the file beside `default.toml`; `vars` are the process's environment
    /// variables, of which empty ones count as not set.
    ///
    /// # Errors
    /// All mistakes of all files and variables.
    pub fn load(
        config_dir: &Path,
        environment: &str,
        vars: &[(String, String)],
    ) -> Result<Settings, Mistakes> {
        let files = ["default", environment].map(|name| config_dir.join(format!("{name}.toml")));
        let files = files.iter().filter(|path| path.exists()).map(|path| Node::open(path));
        let files = std::iter::once(Node::parse("the built-in default.toml", BUILT_IN)).chain(files);
        let (layers, mut report) = Report::of(files.chain(variables(vars).map(Ok)));
        let (settings, mistakes) = reader::read(&layers, |root| settings(root, config_dir));
        report.extend(mistakes);
        report.or(settings)
    }

    /// Whether HTTPS has its certificate and key. Apart from [`Settings::load`], because `roster dev` makes its own.
    ///
    /// # Errors
    /// A mistake for each of the two that is not set although `server.https` is.
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

/// A layer for each variable, so that each is blamed for itself only.
fn variables(vars: &[(String, String)]) -> impl Iterator<Item = Node> {
    let is_set = |name: &str| vars.iter().any(|(other, value)| other == name && !value.is_empty());
    let prefer_own = is_set(DATABASE_VARIABLE);
    vars.iter().filter(|(_, value)| !value.is_empty()).filter_map(move |(name, value)| {
        if name == "DATABASE_URL" && !prefer_own {
            return Some(Node::variable(name, &["database", "url"], value));
        }
        let path = name.strip_prefix(VARIABLE)?.to_lowercase();
        Some(Node::variable(name, &path.split("__").collect::<Vec<_>>(), value))
    })
}

fn settings(root: &mut Section<'_>, config_dir: &Path) -> Settings {
    Settings {
        database: root.table("database", |t| Database {
            url: t.secret("url", "a URL that starts with postgres://", |url| {
                url.starts_with("postgres://") || url.starts_with("postgresql://")
            }),
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
            shutdown_timeout: seconds(t, "shutdown_timeout", 0),
            body_limit: t.integer("body_limit", 1024..=1 << 30).unwrap_or_default(),
            trust_forwarded_for: t.boolean("trust_forwarded_for").unwrap_or_default(),
        }),
        secrets: root.table("secrets", |t| {
            let is_key = |key: &str| KeyId::of(key).is_some();
            let secrets = Secrets {
                key: t.secret("key", KEY, is_key),
                previous_keys: t.secrets("previous_keys", KEY, is_key),
            };
            let keys = secrets.key.iter().chain(&secrets.previous_keys);
            let ids: Vec<_> = keys.filter_map(|key| KeyId::of(key.expose_secret())).collect();
            for (_, id) in ids.iter().enumerate().filter(|(n, id)| ids[..*n].contains(id)) {
                let found = format!("the key {id} a second time");
                t.report("previous_keys", found, "each key once, and not that of secrets.key: take it out");
            }
            secrets
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
                .value("directory", "a directory that exists", |value| {
                    value.text().map(PathBuf::from).filter(|path| path.is_dir())
                })
                .unwrap_or_else(|| config_dir.join("tenants")),
            cache_size: t.integer("cache_size", 1..=10_000_000).unwrap_or_default(),
            cache_seconds: seconds(t, "cache_seconds", 0),
        }),
        passwords: root.table("passwords", |t| Passwords { concurrency: t.integer("concurrency", 1..=1024) }),
        mail: root.table("mail", |t| {
            let mail = Mail {
                smtp_url: t.secret(
                    "smtp_url",
                    "smtps://user:password@host, smtp://user:password@host?tls=required, or smtp://host without a password",
                    |url| smtp::Server::parse(url).is_some(),
                ),
                from: t.text("from", "a sender such as Roster <no-reply@example.com>", smtp::is_mailbox),
            };
            if mail.smtp_url.is_some() && mail.from.is_none() {
                t.report("from", "nothing", "a sender, because mail.smtp_url is set");
            }
            mail
        }),
    }
}

fn seconds<'a>(table: &mut Section<'a>, key: &'a str, least: i64) -> Duration {
    table.integer(key, least..=DAY).map(Duration::from_secs).unwrap_or_default()
}

fn path<'a>(table: &mut Section<'a>, key: &'a str) -> Option<PathBuf> {
    table.text(key, "the path of a file", |text| !text.is_empty()).map(PathBuf::from)
}

/// An address, or none: a default must be something that a later layer can take back.
fn address<'a>(table: &mut Section<'a>, key: &'a str) -> Option<SocketAddr> {
    let parse = |value: &Value| match value.boolean() {
        Some(false) => Some(None),
        _ => value.text()?.parse().ok().map(Some),
    };
    table.value(key, "an IP address with a port such as 127.0.0.1:8080, or false", parse).flatten()
}
