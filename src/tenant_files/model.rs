//! The form of tenant files: one TOML file for each tenant, read in the order of the file names.
//! `config/tenants/dev.toml` explains every key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use crate::base::identifiers::Requirement;
use crate::base::passwords::Policy;
use crate::base::rate_limits::{FULL, Limit, RateLimits, Refill};
use crate::resources::clients::model::GRANT_TYPES;
use crate::search::indexed::IndexedPath;
use crate::settings::layer::Layer;
use crate::settings::mistake::{Mistake, Mistakes, Report, distinct};
use crate::settings::reader::{Section, read};
use crate::tenancy::settings::{Compat, Limits, Search};

/// The tenant file of `roster dev` without a tenants directory.
const BUILT_IN_DEV: &str = include_str!("../../config/tenants/dev.toml");

/// Auth0's maximum lifetime of an API's tokens: thirty days, in seconds.
const MAX_TOKEN_LIFETIME: i64 = 2_592_000;

/// A tenant file.
#[derive(Debug, Clone)]
pub struct TenantConfig {
    /// Unique: lower-case letters, digits and hyphens, at most 63 characters.
    pub name: String,
    /// Host names, lower-case, without scheme and port, each of one tenant only. The first is the domain.
    pub hosts: Vec<String>,
    /// Whether `roster dev` uses this tenant for `localhost`, `127.0.0.1` and `::1`. Default false; one
    /// tenant only.
    pub loopback: bool,
    /// The identifier of the Management API; default: [`TenantConfig::management_audience`].
    pub audience: Option<String>,
    /// The lifetime of Management API tokens, in seconds. Default 86,400: one day.
    pub token_lifetime: u32,
    pub limits: Limits,
    pub compat: Compat,
    /// Default: no limits.
    pub rate_limits: RateLimits,
    pub search: Search,
    pub connections: Vec<ConnectionConfig>,
    pub clients: Vec<ClientConfig>,
    /// The keys that the file contains. All others have their defaults, which apply to a new tenant only.
    pub named: BTreeSet<String>,
}

impl TenantConfig {
    /// The identifier of the Management API: `audience`, or `https://{domain}/api/v2/`.
    #[must_use]
    pub fn management_audience(&self) -> String {
        self.audience.clone().unwrap_or_else(|| format!("https://{}/api/v2/", self.domain()))
    }

    /// The first host.
    pub(super) fn domain(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }
}

/// A database connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionConfig {
    /// Letters, digits and single hyphens between them, at most 128 characters.
    pub name: String,
    /// Always `auth0`.
    pub strategy: String,
    /// Whether users have usernames. Default false.
    pub requires_username: bool,
    /// Minimum length of a username, in characters. Default 1.
    pub username_min: u32,
    /// Maximum length of a username, in characters. Default 15, at most 128.
    pub username_max: u32,
    /// Default good.
    pub password_policy: Policy,
    /// Minimum length of a password, in characters. Default: that of the policy.
    pub password_min_length: Option<u32>,
    /// Whether signup is disabled. Default false.
    pub disable_signup: bool,
    /// Whether too many failed logins block a user. Default true.
    pub brute_force_protection: bool,
    /// The identifiers of users, in place of `requires_username`.
    pub attributes: Option<AttributesConfig>,
    /// The clients that may use the connection. Default none.
    pub enabled_clients: EnabledClients,
    /// The keys that the file contains. All others have their defaults, which apply to a new connection only.
    pub named: BTreeSet<String>,
}

/// The identifiers of a connection's users, and whether signup requires them. An absent one is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributesConfig {
    pub email: Option<Requirement>,
    pub username: Option<Requirement>,
    pub phone_number: Option<Requirement>,
}

/// All items, or those of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    /// Written `"*"`, or `["*"]`.
    All,
    List(Vec<String>),
}

/// The clients that may use a connection, by their names in the same file.
pub type EnabledClients = Selection;

/// The scopes of a grant.
pub type Scope = Selection;

/// A client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Unique in the file.
    pub name: String,
    /// Letters and digits; default: generated.
    pub client_id: Option<String>,
    /// Default: generated.
    pub client_secret: Option<SecretString>,
    /// `non_interactive`, `regular_web`, `spa` or `native`.
    pub app_type: String,
    /// `none`, `client_secret_post` or `client_secret_basic`; default: Auth0's.
    pub token_endpoint_auth_method: Option<String>,
    /// Default: Auth0's.
    pub grant_types: Option<Vec<String>>,
    /// At most ten texts.
    pub client_metadata: BTreeMap<String, String>,
    /// The grants for the client's own tokens.
    pub grants: Vec<GrantConfig>,
}

/// The `audience` of a grant for the tenant's Management API.
pub(super) const MANAGEMENT: &str = "management";

/// A client grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantConfig {
    /// The API's identifier, or `management` for the tenant's Management API.
    pub audience: String,
    pub scope: Scope,
}

/// Reads all tenant files of a directory, `*.toml`, in the order of their names. A missing directory has
/// none.
///
/// # Errors
/// All mistakes of all files, including names and hosts that occur twice.
pub fn read_directory(dir: &Path) -> Result<Vec<TenantConfig>, Mistakes> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| {
        let (source, found, expected) =
            (dir.display().to_string(), error.to_string(), "a readable directory".into());
        Mistakes(vec![Mistake { source, line: None, key: String::new(), found, expected }])
    })?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    tenants(paths.iter().map(|path| Layer::open(path)))
}

/// Reads one tenant file.
///
/// # Errors
/// All its mistakes.
pub fn read_file(path: &Path) -> Result<TenantConfig, Mistakes> {
    single(Layer::open(path))
}

/// The tenant of `roster dev` without a tenants directory.
#[must_use]
#[expect(clippy::expect_used, reason = "a test reads the file that is built in")]
pub fn built_in_dev() -> TenantConfig {
    single(Layer::parse("the built-in tenants/dev.toml", BUILT_IN_DEV)).expect("a test reads it")
}

fn single(file: Result<Layer, Mistake>) -> Result<TenantConfig, Mistakes> {
    tenants([file]).map(|mut tenants| tenants.remove(0))
}

fn tenants(files: impl IntoIterator<Item = Result<Layer, Mistake>>) -> Result<Vec<TenantConfig>, Mistakes> {
    let (files, mut report) = Report::of(files);
    let mut configs = Vec::new();
    for file in &files {
        let (config, mistakes) = read(file, tenant);
        report.extend(mistakes);
        report.extend(relations(file, &config));
        configs.push(config);
    }
    let tenants = || files.iter().zip(&configs);
    report.extend(distinct(tenants().map(|(file, config)| (file, "name".into(), &*config.name))));
    report.extend(distinct(tenants().flat_map(|(file, config)| {
        config.hosts.iter().enumerate().map(move |(i, host)| (file, format!("hosts[{i}]"), &**host))
    })));
    let mut loopback = tenants().filter(|(_, config)| config.loopback);
    if let Some((_, first)) = loopback.next() {
        let expected = format!("false, because the tenant {} has it", first.name);
        report.extend(loopback.map(|(file, _)| file.mistake_at("loopback", "true", &*expected)));
    }
    report.or(configs)
}

/// Checks the references between the parts of a file.
fn relations(file: &Layer, config: &TenantConfig) -> Vec<Mistake> {
    let connections = || config.connections.iter().enumerate();
    let clients = || config.clients.iter().enumerate();
    let mut mistakes = distinct(
        connections().map(|(i, connection)| (file, format!("connections[{i}].name"), &*connection.name)),
    );
    mistakes
        .extend(distinct(clients().map(|(i, client)| (file, format!("clients[{i}].name"), &*client.name))));
    mistakes.extend(distinct(clients().filter_map(|(i, client)| {
        Some((file, format!("clients[{i}].client_id"), client.client_id.as_deref()?))
    })));
    for (i, client) in clients() {
        mistakes.extend(distinct(
            client
                .grants
                .iter()
                .enumerate()
                .map(|(j, grant)| (file, format!("clients[{i}].grants[{j}].audience"), &*grant.audience)),
        ));
    }
    for (i, client) in clients() {
        for (j, grant) in client.grants.iter().enumerate() {
            let is_management =
                grant.audience == MANAGEMENT || grant.audience == config.management_audience();
            if grant.scope == Selection::All && !is_management {
                let key = format!("clients[{i}].grants[{j}].scope");
                let expected = "a list of scopes; only the Management API's can be named by \"*\"";
                mistakes.push(file.mistake_at(&key, "\"*\"", expected));
            }
        }
    }
    for (i, connection) in connections() {
        let Selection::List(names) = &connection.enabled_clients else { continue };
        for (j, name) in names.iter().enumerate() {
            if !config.clients.iter().any(|client| client.name == *name) {
                let key = format!("connections[{i}].enabled_clients[{j}]");
                mistakes.push(file.mistake_at(
                    &key,
                    format!("{name:?}"),
                    "the name of a client of this file",
                ));
            }
        }
    }
    mistakes
}

fn tenant(t: &mut Section<'_>) -> TenantConfig {
    t.need(&["name", "hosts"]);
    let name = t.text("name", "lower-case letters, digits and hyphens, at most 63", |text| {
        matches(text, "^[a-z0-9][a-z0-9-]{0,62}$")
    });
    let hosts = t.list("hosts", "a lower-case host name without scheme and port", is_host);
    if hosts.as_ref().is_some_and(Vec::is_empty) {
        t.report("hosts", "an empty list", "at least one host name");
    }
    TenantConfig {
        name: name.unwrap_or_default(),
        hosts: hosts.unwrap_or_default(),
        loopback: t.boolean("loopback").unwrap_or(false),
        audience: t.text("audience", "an https:// URL that ends in /api/v2/", |text| {
            text.ends_with("/api/v2/") && Url::parse(text).is_ok_and(|url| url.scheme() == "https")
        }),
        token_lifetime: t.integer("token_lifetime", 1..=MAX_TOKEN_LIFETIME).unwrap_or(86_400),
        limits: t.table("limits", |t| Limits {
            metadata_bytes: t.integer("metadata_bytes", 1_000..=100_000_000).unwrap_or(1_000_000),
        }),
        compat: t.table("compat", |t| Compat {
            offset_cap: Some(t.integer("offset_cap", 0..=1_000_000_000).unwrap_or(1_000))
                .filter(|cap| *cap != 0),
            signup_user_exists_error: t.boolean("signup_user_exists_error").unwrap_or(true),
            clients_keep_tenant: t.boolean("clients_keep_tenant").unwrap_or(true),
        }),
        rate_limits: t.table("rate_limits", |t| RateLimits {
            management_api: limit(t, "management_api"),
            token: limit(t, "token"),
            signup: limit(t, "signup"),
            change_password: limit(t, "change_password"),
            userinfo: limit(t, "userinfo"),
        }),
        search: t.table("search", |t| Search {
            auth0_strict: t.boolean("auth0_strict").unwrap_or(false),
            indexed: t
                .list("indexed", "a path such as app_metadata.plan", |path| {
                    IndexedPath::parse(path).is_some()
                })
                .unwrap_or_default()
                .iter()
                .filter_map(|path| IndexedPath::parse(path))
                .collect(),
        }),
        connections: t.tables("connections", connection),
        clients: t.tables("clients", client),
        named: t.named(),
    }
}

fn limit<'a>(t: &mut Section<'a>, key: &'a str) -> Option<Limit> {
    t.table(key, |t| {
        let number = |t: &mut Section<'a>, key| t.integer(key, 1..=1_000_000);
        let (burst, per_second, per_minute) =
            (number(t, "burst"), number(t, "per_second"), number(t, "per_minute"));
        if !["burst", "per_second", "per_minute"].into_iter().any(|key| t.has(key)) {
            return None;
        }
        t.need(&["burst"]);
        if t.has("per_second") == t.has("per_minute") {
            let found = if t.has("per_second") {
                "both of per_second and per_minute"
            } else {
                "neither per_second nor per_minute"
            };
            t.report("per_second", found, "one of per_second and per_minute");
        }
        let refill = per_second.map(Refill::PerSecond).or(per_minute.map(Refill::PerMinute));
        let limit = Limit { burst: burst?, refill: refill? };
        if limit.full() > FULL {
            t.report(
                "burst",
                limit.burst.to_string(),
                "at most the requests that are refilled within an hour",
            );
        }
        Some(limit)
    })
}

fn connection(t: &mut Section<'_>) -> ConnectionConfig {
    t.need(&["name"]);
    let config = ConnectionConfig {
        name: t
            .text("name", "letters, digits and single hyphens between them, at most 128", |text| {
                text.len() <= 128 && matches(text, "^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$")
            })
            .unwrap_or_default(),
        strategy: t.one_of("strategy", &[("auth0", "auth0")]).unwrap_or("auth0").to_owned(),
        requires_username: t.boolean("requires_username").unwrap_or(false),
        username_min: t.integer("username_min", 1..=128).unwrap_or(1),
        username_max: t.integer("username_max", 1..=128).unwrap_or(15),
        password_policy: t.one_of("password_policy", &PASSWORD_POLICIES).unwrap_or(Policy::Good),
        password_min_length: t.integer("password_min_length", 1..=128),
        disable_signup: t.boolean("disable_signup").unwrap_or(false),
        brute_force_protection: t.boolean("brute_force_protection").unwrap_or(true),
        attributes: t.table("attributes", |t| {
            let mut requirement = |key| t.one_of(key, &REQUIREMENTS);
            let attributes = AttributesConfig {
                email: requirement("email"),
                username: requirement("username"),
                phone_number: requirement("phone_number"),
            };
            let none = attributes.email.or(attributes.username).or(attributes.phone_number).is_none();
            (!none).then_some(attributes)
        }),
        enabled_clients: selection(t, "enabled_clients", "the name of a client of this file"),
        named: t.named(),
    };
    if config.username_min > config.username_max {
        let expected = format!("at most username_max, which is {}", config.username_max);
        t.report("username_min", config.username_min.to_string(), expected);
    }
    if config.attributes.is_some() && config.requires_username {
        t.report("requires_username", "true", "false, because attributes say whether there are usernames");
    }
    config
}

const REQUIREMENTS: [(&str, Requirement); 2] =
    [("required", Requirement::Required), ("optional", Requirement::Optional)];

const PASSWORD_POLICIES: [(&str, Policy); 5] = [
    ("none", Policy::None),
    ("low", Policy::Low),
    ("fair", Policy::Fair),
    ("good", Policy::Good),
    ("excellent", Policy::Excellent),
];

fn client(t: &mut Section<'_>) -> ClientConfig {
    t.need(&["name", "app_type"]);
    let app_types = ["non_interactive", "regular_web", "spa", "native"].map(|name| (name, name));
    let methods = ["none", "client_secret_post", "client_secret_basic"].map(|name| (name, name));
    let config = ClientConfig {
        name: t.text("name", "a name without < and >", |text| matches(text, "^[^<>]+$")).unwrap_or_default(),
        client_id: t
            .text("client_id", "letters and digits, at most 64", |text| matches(text, "^[A-Za-z0-9]{1,64}$")),
        client_secret: t.secret("client_secret", "a text", |text| !text.is_empty()),
        app_type: t.one_of("app_type", &app_types).unwrap_or_default().to_owned(),
        token_endpoint_auth_method: t.one_of("token_endpoint_auth_method", &methods).map(str::to_owned),
        grant_types: t.list("grant_types", "a grant type of Auth0, such as client_credentials", |text| {
            GRANT_TYPES.contains(&text)
        }),
        client_metadata: t
            .map("client_metadata", "a text of at most 255 characters", |text| text.chars().count() <= 255),
        grants: t.tables("grants", |t| {
            t.need(&["audience", "scope"]);
            GrantConfig {
                audience: t
                    .text("audience", "the identifier of an API, or management", |text| !text.is_empty())
                    .unwrap_or_default(),
                scope: selection(t, "scope", "the name of a scope"),
            }
        }),
    };
    if config.client_metadata.len() > 10 {
        t.report("client_metadata", format!("{} keys", config.client_metadata.len()), "at most 10");
    }
    config
}

fn selection<'a>(t: &mut Section<'a>, key: &'a str, item: &str) -> Selection {
    if t.is_star(key) {
        return Selection::All;
    }
    let expected = format!("{item} (\"*\" alone means all)");
    Selection::List(t.list(key, &expected, |text| !text.is_empty() && text != "*").unwrap_or_default())
}

fn is_host(text: &str) -> bool {
    let label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
    text.len() <= 253 && matches(text, &format!(r"^{label}(\.{label})*$"))
}

#[expect(clippy::expect_used, reason = "patterns are constants of this file")]
fn matches(text: &str, pattern: &str) -> bool {
    Regex::new(pattern).expect("a constant").is_match(text)
}
