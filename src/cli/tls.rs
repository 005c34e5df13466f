//! Certificates of operators, and certificates that `roster dev` generates.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The TLS configuration of a certificate chain and its key, both PEM.
pub(super) fn from_files(certificate: &Path, key: &Path) -> anyhow::Result<ServerConfig> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|e| anyhow!("{}: not a PEM certificate chain: {e}", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|e| anyhow!("{}: not a PEM private key: {e}", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| format!("{} and {} do not belong together", certificate.display(), key.display()))?;
    // Session tickets: a resumed session needs no signature, and the server stores no sessions.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

/// A local certificate authority and a server certificate from it.
pub(super) struct Local {
    /// The certificate that clients have to trust.
    pub ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Local {
    /// The files of a directory. The authority is generated once; the certificate is generated again when the names change
    /// and every month.
    pub(super) fn in_directory(
        directory: &Path,
        hosts: &[String],
        now: time::OffsetDateTime,
    ) -> anyhow::Result<Self> {
        let file = |name: &str| directory.join(name);
        let (ca, ca_key) = (file("ca.pem"), file("ca.key"));
        let local = Self { certificate: file("server.pem"), key: file("server.key"), ca };
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        if !local.ca.exists() || !ca_key.exists() {
            let key = KeyPair::generate()?;
            write_private(&ca_key, &key.serialize_pem())?;
            fs::write(&local.ca, authority(now)?.self_signed(&key)?.pem())?;
            let _ = fs::remove_file(file("server.names"));
        }
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        names.extend(hosts.iter().cloned());
        // Some clients reject certificates that are valid for more than 825 days.
        let stamp = format!("{}\n{}-{}", names.join("\n"), now.year(), u8::from(now.month()));
        if fs::read_to_string(file("server.names")).ok().as_deref() != Some(&stamp) {
            let issuer = Issuer::new(authority(now)?, KeyPair::from_pem(&fs::read_to_string(&ca_key)?)?);
            let mut params = validity(CertificateParams::new(names)?, now, 397);
            params.distinguished_name.push(DnType::CommonName, "Roster on this machine");
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.use_authority_key_identifier_extension = true;
            let key = KeyPair::generate()?;
            write_private(&local.key, &key.serialize_pem())?;
            fs::write(&local.certificate, params.signed_by(&key, &issuer)?.pem())?;
            fs::write(file("server.names"), stamp)?;
        }
        Ok(local)
    }

    pub(super) fn config(&self) -> anyhow::Result<ServerConfig> {
        from_files(&self.certificate, &self.key)
    }
}

fn authority(now: time::OffsetDateTime) -> anyhow::Result<CertificateParams> {
    let mut params = validity(CertificateParams::new(vec![])?, now, 3650);
    params.distinguished_name.push(DnType::CommonName, "Roster local development");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn validity(mut params: CertificateParams, now: time::OffsetDateTime, days: i64) -> CertificateParams {
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(days);
    params
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection};

    use super::*;

    /// The kind of a handshake, which is run with all data that follows it.
    fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
        let mut client = ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
        while client.wants_write() || server.wants_write() {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            server.read_tls(&mut &*wire).unwrap();
            server.process_new_packets().unwrap();
            wire.clear();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            client.read_tls(&mut &*wire).unwrap();
            client.process_new_packets().unwrap();
        }
        client.handshake_kind().unwrap()
    }

    #[test]
    fn from_files_resumes_sessions() {
        let directory = tempfile::tempdir().unwrap();
        let local = Local::in_directory(directory.path(), &[], time::OffsetDateTime::now_utc()).unwrap();
        let server = Arc::new(local.config().unwrap());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&local.ca).unwrap()).unwrap();
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let client =
                ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
            let client = Arc::new(client.with_root_certificates(roots.clone()).with_no_client_auth());
            assert_eq!(handshake(&client, &server), HandshakeKind::Full);
            assert_eq!(handshake(&client, &server), HandshakeKind::Resumed, "{version:?}");
        }
    }
}
