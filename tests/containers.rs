//! `docker-compose.yml`, `Dockerfile` and `.dockerignore`: what a parser can check, and the command of the service
//! `roster` on this machine. `.ci/compose` runs the containers where a container engine is installed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should show where")]

mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded_postgres::{EmbeddedPostgres, Options, Storage};
use process::{Serving, roster};
use roster::settings::Settings;
use yaml_rust2::{Yaml, YamlLoader};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn compose() -> Yaml {
    YamlLoader::load_from_str(&read("docker-compose.yml")).unwrap().remove(0)
}

fn strings(list: &Yaml) -> Vec<&str> {
    list.as_vec()
        .unwrap_or_else(|| panic!("{list:?} is no list"))
        .iter()
        .map(|s| s.as_str().unwrap())
        .collect()
}

/// The environment of the service `roster`.
fn environment() -> Vec<(String, String)> {
    let compose = compose();
    let variables = compose["services"]["roster"]["environment"].as_hash().unwrap();
    let text = |yaml: &Yaml| yaml.as_str().unwrap_or_else(|| panic!("{yaml:?} is no text")).to_owned();
    variables.iter().map(|(name, value)| (text(name), text(value))).collect()
}

/// A stage of the `Dockerfile`.
struct Stage {
    base: String,
    name: String,
    /// Instructions with their arguments.
    instructions: Vec<(String, String)>,
}

/// The stages, in order.
fn stages() -> Vec<Stage> {
    let text = read("Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mut stages: Vec<Stage> = Vec::new();
    for line in lines.join("\n").replace("\\\n", " ").lines().filter(|line| !line.trim().is_empty()) {
        let (instruction, arguments) = line.split_once(' ').unwrap();
        if instruction == "FROM" {
            let (base, name) = arguments.split_once(" AS ").expect("a name for each stage");
            stages.push(Stage { base: base.to_owned(), name: name.to_owned(), instructions: Vec::new() });
        } else {
            stages
                .last_mut()
                .unwrap()
                .instructions
                .push((instruction.to_owned(), arguments.trim().to_owned()));
        }
    }
    stages
}

/// The instructions of an image: those of its stage and of all stages below.
fn image(name: &str) -> Vec<(String, String)> {
    let stages = stages();
    let stage = stages.iter().find(|stage| stage.name == name).unwrap_or_else(|| panic!("no stage {name}"));
    let is_stage = stages.iter().any(|other| other.name == stage.base);
    let below = if is_stage { image(&stage.base) } else { Vec::new() };
    [below, stage.instructions.clone()].concat()
}

#[test]
fn postgres_is_healthy_after_its_initialization() {
    let compose = compose();
    let postgres = &compose["services"]["postgres"];
    let test = strings(&postgres["healthcheck"]["test"]);
    assert_eq!(test[..2], ["CMD", "pg_isready"]);
    let option = |name| test.iter().position(|word| *word == name).map(|at| test[at + 1]);
    assert_eq!(
        option("-h"),
        Some("127.0.0.1"),
        "the server that initializes a volume listens on the Unix socket"
    );
    assert_eq!(option("-d"), postgres["environment"]["POSTGRES_DB"].as_str());
    assert_eq!(option("-U"), postgres["environment"]["POSTGRES_USER"].as_str());
    let depends = &compose["services"]["roster"]["depends_on"]["postgres"]["condition"];
    assert_eq!(depends.as_str(), Some("service_healthy"));
}

#[test]
fn services_restart_and_listen_on_this_machine_only() {
    let compose = compose();
    for (name, service) in compose["services"].as_hash().unwrap() {
        assert_eq!(service["restart"].as_str(), Some("unless-stopped"), "{name:?}");
        for port in service["ports"].as_vec().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name:?}: {port:?}");
        }
    }
    let named: Vec<&Yaml> = compose["volumes"].as_hash().unwrap().keys().collect();
    for service in compose["services"].as_hash().unwrap().values() {
        for volume in service["volumes"].as_vec().into_iter().flatten() {
            let name = volume.as_str().unwrap().split(':').next().unwrap();
            assert!(named.contains(&&Yaml::String(name.to_owned())), "{name} is a directory of the host");
        }
    }
}

#[test]
fn stop_of_roster_has_time_for_open_requests_and_workers() {
    let compose = compose();
    let roster = &compose["services"]["roster"];
    assert_eq!(roster["init"].as_bool(), Some(true));
    let grace = roster["stop_grace_period"].as_str().and_then(|grace| grace.strip_suffix('s')?.parse().ok());
    let grace = Duration::from_secs(grace.expect("seconds"));
    // Mail and erasure have ten seconds each.
    assert!(grace > settings().server.shutdown_timeout + Duration::from_secs(20), "{grace:?}");
}

/// The settings of the service `roster`, whose image has one file of settings.
fn settings() -> Settings {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("default.toml"), read("config/production.toml")).unwrap();
    let variables = environment().into_iter().map(|(name, value)| (name.into(), value.into()));
    Settings::load(dir.path(), "development", &variables.collect::<Vec<_>>(), &[]).unwrap()
}

#[test]
fn published_ports_are_those_of_the_settings() {
    let (compose, settings) = (compose(), settings());
    for address in [settings.server.http.unwrap(), settings.server.https.unwrap()] {
        assert!(address.ip().is_unspecified());
        let published = format!("127.0.0.1:{0}:{0}", address.port());
        let ports = strings(&compose["services"]["roster"]["ports"]);
        assert!(ports.contains(&&*published), "{published} is not in {ports:?}");
    }
    assert!(settings.mail.smtp_url.is_some() && settings.mail.from.is_some());
    assert_eq!(strings(&compose["services"]["mailpit"]["ports"]), ["127.0.0.1:8025:8025"]);
    let readme = read("README.md");
    for page in ["http://127.0.0.1:8025", "docker compose"] {
        assert!(readme.contains(page), "README.md does not mention {page}");
    }
}

#[test]
fn production_image_has_no_tenant_no_secret_and_no_address_in_its_environment() {
    assert_eq!(stages().last().unwrap().name, "production", "`docker build .` builds the last stage");
    for (instruction, arguments) in image("production") {
        match &*instruction {
            "ENV" => {
                let names = arguments.split_whitespace().map(|pair| pair.split('=').next().unwrap());
                // A variable with two underscores is a setting, which would override the operator's files.
                assert!(names.clone().all(|name| !name.contains("__")), "{arguments}");
            }
            "COPY" | "ADD" => {
                let sources: Vec<&str> =
                    arguments.split_whitespace().filter(|word| !word.starts_with("--")).collect();
                assert!(
                    ["/roster /usr/local/bin/roster", "config/production.toml /etc/roster/default.toml"]
                        .contains(&&*sources.join(" ")),
                    "{arguments}"
                );
            }
            _ => {}
        }
    }
    let text = read("config/production.toml");
    assert!(!text.contains("key =") && !text.contains("url ="), "{text}");
}

#[test]
fn copied_files_have_modes() {
    for stage in stages().iter().filter(|stage| stage.name != "build") {
        for (instruction, arguments) in &stage.instructions {
            if instruction == "COPY" {
                assert!(arguments.contains("--chmod="), "a clone under umask 077: {arguments}");
                let source = arguments.split_whitespace().find(|word| word.starts_with("config/"));
                assert!(source.is_none_or(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_file()));
            }
        }
    }
}

#[test]
fn image_checks_its_health_without_root() {
    let image = image("production");
    let last = |name: &str| image.iter().rfind(|(instruction, _)| instruction == name).map(|(_, a)| &**a);
    assert_eq!(last("USER"), Some("10001"));
    assert_eq!(last("ENTRYPOINT"), Some(r#"["roster"]"#));
    assert!(last("HEALTHCHECK").unwrap().ends_with(r#"CMD ["roster", "health"]"#));
    assert!(last("ENV").unwrap().contains("ROSTER_HEALTH_FILE="));
}

#[test]
fn build_context_has_no_secrets_and_no_artifacts() {
    let ignored = read(".dockerignore");
    for pattern in [".git", ".roster", "**/target", "**/.env*", "**/*.pem", "**/*.key"] {
        assert!(ignored.lines().any(|line| line == pattern), "{pattern} is not in .dockerignore");
    }
}

#[test]
fn compose_builds_a_stage_and_a_profile_that_exist() {
    let compose = compose();
    let build = &compose["services"]["roster"]["build"];
    image(build["target"].as_str().unwrap());
    let profile = build["args"]["PROFILE"].as_str().unwrap();
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let profile = &manifest["profile"][profile];
    assert_eq!(profile["lto"].as_bool(), Some(false), "fat LTO makes a changed line cost minutes");
    assert_eq!(profile["incremental"].as_bool(), Some(true));
}

/// The command and the environment of the service, with addresses and directories of this machine.
#[tokio::test]
async fn command_of_compose_serves_this_machine_and_other_containers() {
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true }).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (config, tls) = (dir.path().join("roster"), dir.path().join("tls"));
    fs::create_dir_all(config.join("tenants")).unwrap();
    fs::write(config.join("default.toml"), read("config/production.toml")).unwrap();
    fs::write(config.join("tenants/dev.toml"), read("config/tenants/dev.toml")).unwrap();
    let compose = compose();
    let volume = strings(&compose["services"]["roster"]["volumes"])[0].split(':').nth(1).unwrap();
    let command: Vec<String> = strings(&compose["services"]["roster"]["command"])
        .into_iter()
        .map(|word| if word == volume { tls.display().to_string() } else { word.to_owned() })
        .collect();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let mut serve = roster(&[&command[..], &["--log-format", "json"]].concat());
    serve.env("ROSTER_CONFIG_DIR", &config);
    for (name, value) in environment() {
        serve.env(name, value);
    }
    serve.env("ROSTER__DATABASE__URL", postgres.url());
    for name in ["ROSTER__SERVER__HTTP", "ROSTER__SERVER__HTTPS"] {
        serve.env(name, "127.0.0.1:0");
    }
    let serving = Serving::start(&mut serve);
    let (http_port, https_port) = (serving.url.rsplit(':').next().unwrap(), serving.https_port);
    let address = ([127, 0, 0, 1], 0).into();
    let ca = reqwest::Certificate::from_pem(&fs::read(PathBuf::from(&tls).join("ca.pem")).unwrap()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([ca]).resolve("roster", address).build().unwrap();
    for host in ["127.0.0.1", "localhost", "roster"] {
        for base in [format!("http://{host}:{http_port}"), format!("https://{host}:{https_port}")] {
            let url = format!("{base}/.well-known/openid-configuration");
            let found = http.get(&url).send().await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
            assert_eq!(found.status(), 200, "{url}");
        }
    }
}
