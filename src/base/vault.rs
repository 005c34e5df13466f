//! Secrets at rest: signing keys, client secrets and the other secrets of the database are sealed before they
//! are stored, so that a copy of the database does not reveal them.
//!
//! A sealed value is `key1`, the id of the sealing key (4 bytes), a random nonce and the ciphertext with its
//! tag (AES-256-GCM). The location (tenant, table, id) is authenticated as well: a value that is moved
//! elsewhere does not open. Values of older versions have no key id and begin with the nonce; every key is
//! tried. The module `keys` re-seals values that are not sealed with the current key.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use crate::base::error::Error;
use crate::base::ids;

/// The format marker at the start of a sealed value; the id of the key follows.
pub const FORMAT_MARKER: [u8; 4] = *b"key1";

/// A table with a sealed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// `signing_keys.private_key`, by `kid`.
    SigningKeys,
    /// `clients.client_secret`, by `client_id`.
    Clients,
    /// `clients.secrets`, by `client_id`: the secrets among the settings.
    ClientSettings,
    /// `connections.secrets`, by `connection_id`.
    Connections,
    /// `resource_servers.signing_secret`, by `resource_server_id`.
    ResourceServers,
    /// `mails.content`, by `mail_id`.
    Mails,
}

impl Location {
    pub const fn table(self) -> &'static str {
        match self {
            Self::SigningKeys => "signing_keys",
            Self::Clients | Self::ClientSettings => "clients",
            Self::Connections => "connections",
            Self::ResourceServers => "resource_servers",
            Self::Mails => "mails",
        }
    }

    /// The location of a row's value, which is authenticated with it. Two columns of a table differ.
    pub fn row<'a>(self, tenant: &'a str, id: &'a str) -> [&'a str; 3] {
        let name = if self == Self::ClientSettings { "client_settings" } else { self.table() };
        [tenant, name, id]
    }
}

/// The id of a key: the first bytes of its digest, which do not reveal the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// The id of a configured key; `None` if the key is not 32 bytes in base64.
    pub fn of(key: &str) -> Option<Self> {
        Some(Key::read(key)?.id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

struct Key {
    id: KeyId,
    aead: LessSafeKey,
    fingerprints: hmac::Key,
}

impl Key {
    fn read(key: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(key.trim()).ok()?);
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
        let digest = Sha256::new().chain_update("roster key id\n").chain_update(&*bytes).finalize();
        let derived = Sha256::new().chain_update("roster fingerprint key\n").chain_update(&*bytes).finalize();
        let fingerprints = hmac::Key::new(hmac::HMAC_SHA256, &derived);
        Some(Self { id: KeyId([digest[0], digest[1], digest[2], digest[3]]), aead, fingerprints })
    }

    fn fingerprint(&self, location: &[&str], secret: &[u8]) -> String {
        let mut message = location.join("\n").into_bytes();
        message.push(b'\n');
        message.extend_from_slice(secret);
        let tag = hmac::sign(&self.fingerprints, &message);
        tag.as_ref().iter().fold(String::from("2.0$"), |text, byte| format!("{text}{byte:02x}"))
    }

    /// Opens a nonce and its ciphertext.
    fn open(&self, location: &[&str], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut secret = Zeroizing::new(sealed.to_vec());
        let length = self.aead.open_in_place(nonce, Aad::from(location.join("\n")), &mut secret).ok()?.len();
        secret.truncate(length);
        Some(secret)
    }
}

/// Seals secrets with the current key, and opens them with the current or a previous key.
pub struct Vault {
    key: Key,
    previous: Vec<Key>,
}

impl Vault {
    /// A vault with the configured key: 32 bytes in base64.
    pub fn new(key: &str) -> anyhow::Result<Self> {
        let key = Key::read(key).ok_or_else(|| malformed("secrets.key is"))?;
        Ok(Self { key, previous: Vec::new() })
    }

    /// Adds a key that opens values but does not seal.
    pub fn with_previous(mut self, key: &str) -> anyhow::Result<Self> {
        self.previous.push(Key::read(key).ok_or_else(|| malformed("one of secrets.previous_keys is"))?);
        Ok(self)
    }

    /// A random key in the format of [`Vault::new`].
    pub fn generate_key() -> String {
        STANDARD.encode(ids::random::<32>())
    }

    /// The id of the current key.
    pub fn key_id(&self) -> KeyId {
        self.key.id
    }

    /// The ids of the previous keys.
    pub fn previous_key_ids(&self) -> Vec<KeyId> {
        self.previous.iter().map(|key| key.id).collect()
    }

    /// The first bytes of values sealed with the current key.
    pub fn header(&self) -> Vec<u8> {
        [FORMAT_MARKER, self.key.id.0].concat()
    }

    /// Seals a secret for a location (tenant, table, id); it does not open at another one.
    pub fn seal(&self, location: &[&str], secret: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = ids::random::<NONCE_LEN>();
        let mut sealed = secret.to_vec();
        self.key
            .aead
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(location.join("\n")),
                &mut sealed,
            )
            .map_err(|_| Error::internal("a secret could not be sealed"))?;
        Ok([self.header().as_slice(), &nonce, &sealed].concat())
    }

    /// A text that stands for a secret in answers, in the form that Auth0 gives encrypted values: the same for
    /// the same secret at the same location under the same key. The secret does not follow from it.
    pub fn fingerprint(&self, location: &[&str], secret: &[u8]) -> String {
        self.key.fingerprint(location, secret)
    }

    /// Whether a text is the fingerprint of a secret, under any of the vault's keys.
    pub fn is_fingerprint(&self, location: &[&str], secret: &[u8], text: &str) -> bool {
        std::iter::once(&self.key).chain(&self.previous).any(|key| key.fingerprint(location, secret) == text)
    }

    /// Opens a value that [`Vault::seal`] sealed for the same location with one of the vault's keys.
    pub fn open(&self, location: &[&str], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut keys = std::iter::once(&self.key).chain(&self.previous);
        let named = sealed.strip_prefix(&FORMAT_MARKER).and_then(<[u8]>::split_first_chunk);
        let opened =
            named.and_then(|(id, rest)| keys.clone().find(|key| key.id.0 == *id)?.open(location, rest));
        // The nonce of an old value can look like a header, so every key is tried on the whole value too.
        opened.or_else(|| keys.find_map(|key| key.open(location, sealed))).ok_or_else(|| {
            let key = named.map_or_else(|| "a key without id".to_owned(), |(id, _)| KeyId(*id).to_string());
            Error::internal(format!(
                "the secret at {} was sealed with {key} and does not open: that key is neither secrets.key nor among \
                 secrets.previous_keys, or the value was changed or moved",
                location.join("/")
            ))
        })
    }
}

fn malformed(which: &str) -> anyhow::Error {
    anyhow::anyhow!("{which} not 32 bytes in base64. Generate one with: openssl rand -base64 32")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCATION: [&str; 3] = ["dev", "clients", "1"];

    #[test]
    fn secret_opens_only_with_its_key_at_its_location() {
        let vault = Vault::new(&Vault::generate_key()).unwrap();
        let sealed = vault.seal(&LOCATION, b"hush").unwrap();
        assert_eq!(*vault.open(&LOCATION, &sealed).unwrap(), b"hush");
        assert!(vault.open(&["other", "clients", "1"], &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open(&LOCATION, &changed).is_err(), "byte {at}");
            assert!(vault.open(&LOCATION, &sealed[..at]).is_err(), "{at} bytes");
        }
        let error =
            Vault::new(&Vault::generate_key()).unwrap().open(&LOCATION, &sealed).unwrap_err().to_string();
        assert!(error.contains("dev/clients/1") && error.contains(&vault.key_id().to_string()), "{error}");
        assert!(Vault::new("too short").is_err() && KeyId::of("too short").is_none());
    }

    #[test]
    fn previous_key_opens_and_does_not_seal() {
        let (old, new) = (Vault::generate_key(), Vault::generate_key());
        let old_vault = Vault::new(&old).unwrap();
        let vault = Vault::new(&new).unwrap().with_previous(&old).unwrap();
        assert_eq!(
            (vault.key_id(), vault.previous_key_ids()),
            (KeyId::of(&new).unwrap(), vec![old_vault.key_id()])
        );
        assert_eq!(*vault.open(&LOCATION, &old_vault.seal(&LOCATION, b"hush").unwrap()).unwrap(), b"hush");
        let sealed = vault.seal(&LOCATION, b"hush").unwrap();
        assert!(sealed.starts_with(&vault.header()) && old_vault.open(&LOCATION, &sealed).is_err());
        assert_eq!(*Vault::new(&new).unwrap().open(&LOCATION, &sealed).unwrap(), b"hush");
    }

    #[test]
    fn fingerprint_follows_from_key_location_and_secret() {
        let (old, new) = (Vault::generate_key(), Vault::generate_key());
        let old_vault = Vault::new(&old).unwrap();
        let vault = Vault::new(&new).unwrap().with_previous(&old).unwrap();
        let fingerprint = vault.fingerprint(&LOCATION, b"hush");
        assert_eq!((fingerprint.len(), vault.fingerprint(&LOCATION, b"hush")), (68, fingerprint.clone()));
        for other in [
            vault.fingerprint(&["dev", "clients", "2"], b"hush"),
            vault.fingerprint(&LOCATION, b"hush!"),
            old_vault.fingerprint(&LOCATION, b"hush"),
        ] {
            assert_ne!(other, fingerprint);
        }
        assert!(vault.is_fingerprint(&LOCATION, b"hush", &fingerprint));
        assert!(vault.is_fingerprint(&LOCATION, b"hush", &old_vault.fingerprint(&LOCATION, b"hush")));
        assert!(!old_vault.is_fingerprint(&LOCATION, b"hush", &fingerprint));
    }

    #[test]
    fn value_without_a_key_id_opens_with_any_key() {
        let (old, new) = (Vault::generate_key(), Vault::generate_key());
        let vault = Vault::new(&new).unwrap().with_previous(&old).unwrap();
        for key in [&old, &new] {
            let sealed = Vault::new(key).unwrap().seal(&LOCATION, b"hush").unwrap();
            assert_eq!(*vault.open(&LOCATION, &sealed[8..]).unwrap(), b"hush");
        }
        // A nonce that looks like a header.
        let nonce = *b"key1abcdefgh";
        let mut sealed = b"hush".to_vec();
        let aad = Aad::from(LOCATION.join("\n"));
        let unique = Nonce::assume_unique_for_key(nonce);
        vault.previous[0].aead.seal_in_place_append_tag(unique, aad, &mut sealed).unwrap();
        assert_eq!(*vault.open(&LOCATION, &[nonce.as_slice(), &sealed].concat()).unwrap(), b"hush");
    }
}
