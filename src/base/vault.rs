//! Secrets at rest: signing keys, client secrets and whatever else must not be read in a copy of the database is sealed
//! before it gets there.
//!
//! A sealed value is `key1`, the id of the key that sealed it (4 bytes), a random nonce and the ciphertext with its tag
//! (AES-256-GCM). Its place (tenant, table, id) is authenticated along: moved elsewhere it does not open. Values from
//! before there were key ids begin with the nonce; they are opened by trying. [`crate::keys`] seals anew what is not
//! under the present key.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use crate::base::error::Error;
use crate::base::ids;

/// What a sealed value begins with: its form, then the id of its key.
pub const FORM: [u8; 4] = *b"key1";

/// The tables with a sealed column. The table, the tenant and the id of a row are authenticated with its sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// `signing_keys.private_key`, by `kid`.
    SigningKeys,
    /// `clients.client_secret`, by `client_id`.
    Clients,
    /// `connections.secrets`, by `connection_id`.
    Connections,
    /// `resource_servers.signing_secret`, by `resource_server_id`.
    ResourceServers,
    /// `mails.content`, by `mail_id`.
    Mails,
}

impl Location {
    /// The name of the table.
    pub const fn table(self) -> &'static str {
        match self {
            Self::SigningKeys => "signing_keys",
            Self::Clients => "clients",
            Self::Connections => "connections",
            Self::ResourceServers => "resource_servers",
            Self::Mails => "mails",
        }
    }

    /// One row of a tenant.
    pub fn row<'a>(self, tenant: &'a str, id: &'a str) -> [&'a str; 3] {
        [tenant, self.table(), id]
    }
}

/// Names a key without telling anything of it: the beginning of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// The id of a key as it is configured; `None` if it is not 32 bytes in base64.
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
}

impl Key {
    fn read(key: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(key.trim()).ok()?);
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
        let digest = Sha256::new().chain_update("roster key id\n").chain_update(&*bytes).finalize();
        Some(Self { id: KeyId([digest[0], digest[1], digest[2], digest[3]]), aead })
    }

    /// Opens a nonce with what it sealed.
    fn open(&self, place: &[&str], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut secret = Zeroizing::new(sealed.to_vec());
        let length = self.aead.open_in_place(nonce, Aad::from(place.join("\n")), &mut secret).ok()?.len();
        secret.truncate(length);
        Some(secret)
    }
}

/// Seals secrets with the key of the deployment, and opens them with it or with those it had before.
pub struct Vault {
    key: Key,
    previous: Vec<Key>,
}

impl Vault {
    /// Takes the key as it is configured: 32 bytes in base64.
    pub fn new(key: &str) -> anyhow::Result<Self> {
        let key = Key::read(key).ok_or_else(|| malformed("secrets.key is"))?;
        Ok(Self { key, previous: Vec::new() })
    }

    /// The same with a key that opens too, but does not seal.
    pub fn with_previous(mut self, key: &str) -> anyhow::Result<Self> {
        self.previous.push(Key::read(key).ok_or_else(|| malformed("one of secrets.previous_keys is"))?);
        Ok(self)
    }

    /// A new key in the form [`Vault::new`] takes.
    pub fn generate_key() -> String {
        STANDARD.encode(ids::random::<32>())
    }

    /// The id of the key that seals.
    pub fn key_id(&self) -> KeyId {
        self.key.id
    }

    /// The ids of the keys that only open.
    pub fn previous_key_ids(&self) -> Vec<KeyId> {
        self.previous.iter().map(|key| key.id).collect()
    }

    /// What every value begins with that is sealed now.
    pub fn header(&self) -> Vec<u8> {
        [FORM, self.key.id.0].concat()
    }

    /// Seals a secret. `place` names where it is kept (tenant, table, id): it opens nowhere else.
    pub fn seal(&self, place: &[&str], secret: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = ids::random::<NONCE_LEN>();
        let mut sealed = secret.to_vec();
        self.key
            .aead
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.join("\n")),
                &mut sealed,
            )
            .map_err(|_| Error::internal("a secret could not be sealed"))?;
        Ok([self.header().as_slice(), &nonce, &sealed].concat())
    }

    /// Opens what [`Vault::seal`] sealed at the same place with one of the keys there are.
    pub fn open(&self, place: &[&str], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut keys = std::iter::once(&self.key).chain(&self.previous);
        let named = sealed.strip_prefix(&FORM).and_then(<[u8]>::split_first_chunk);
        let opened = named.and_then(|(id, rest)| keys.clone().find(|key| key.id.0 == *id)?.open(place, rest));
        // A nonce could look like a header, if rarely: whatever does not open may be of the form before.
        opened.or_else(|| keys.find_map(|key| key.open(place, sealed))).ok_or_else(|| {
            let key = named.map_or_else(|| "a key without id".to_owned(), |(id, _)| KeyId(*id).to_string());
            Error::internal(format!(
                "the secret at {} was sealed with {key} and does not open: that key is neither secrets.key nor among \
                 secrets.previous_keys, or the value was changed or moved",
                place.join("/")
            ))
        })
    }
}

fn malformed(which: &str) -> anyhow::Error {
    anyhow::anyhow!("{which} not 32 bytes in base64. Make one with: openssl rand -base64 32")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: [&str; 3] = ["dev", "clients", "1"];

    #[test]
    fn a_secret_opens_only_with_its_key_and_at_its_place() {
        let vault = Vault::new(&Vault::generate_key()).unwrap();
        let sealed = vault.seal(&PLACE, b"hush").unwrap();
        assert_eq!(*vault.open(&PLACE, &sealed).unwrap(), b"hush");
        assert!(vault.open(&["other", "clients", "1"], &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open(&PLACE, &changed).is_err(), "byte {at}");
            assert!(vault.open(&PLACE, &sealed[..at]).is_err(), "{at} bytes");
        }
        let refused =
            Vault::new(&Vault::generate_key()).unwrap().open(&PLACE, &sealed).unwrap_err().to_string();
        assert!(
            refused.contains("dev/clients/1") && refused.contains(&vault.key_id().to_string()),
            "{refused}"
        );
        assert!(Vault::new("too short").is_err() && KeyId::of("too short").is_none());
    }

    #[test]
    fn a_previous_key_opens_and_does_not_seal() {
        let (old, new) = (Vault::generate_key(), Vault::generate_key());
        let before = Vault::new(&old).unwrap();
        let ring = Vault::new(&new).unwrap().with_previous(&old).unwrap();
        assert_eq!(
            (ring.key_id(), ring.previous_key_ids()),
            (KeyId::of(&new).unwrap(), vec![before.key_id()])
        );
        assert_eq!(*ring.open(&PLACE, &before.seal(&PLACE, b"hush").unwrap()).unwrap(), b"hush");
        let sealed = ring.seal(&PLACE, b"hush").unwrap();
        assert!(sealed.starts_with(&ring.header()) && before.open(&PLACE, &sealed).is_err());
        assert_eq!(*Vault::new(&new).unwrap().open(&PLACE, &sealed).unwrap(), b"hush");
    }

    #[test]
    fn what_was_sealed_before_keys_had_ids_opens_with_either_key() {
        let (old, new) = (Vault::generate_key(), Vault::generate_key());
        let ring = Vault::new(&new).unwrap().with_previous(&old).unwrap();
        for key in [&old, &new] {
            let sealed = Vault::new(key).unwrap().seal(&PLACE, b"hush").unwrap();
            assert_eq!(*ring.open(&PLACE, &sealed[8..]).unwrap(), b"hush");
        }
        // The very nonce that looks like a header.
        let nonce = *b"key1abcdefgh";
        let mut sealed = b"hush".to_vec();
        let aad = Aad::from(PLACE.join("\n"));
        let unique = Nonce::assume_unique_for_key(nonce);
        ring.previous[0].aead.seal_in_place_append_tag(unique, aad, &mut sealed).unwrap();
        assert_eq!(*ring.open(&PLACE, &[nonce.as_slice(), &sealed].concat()).unwrap(), b"hush");
    }
}
