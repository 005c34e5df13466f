//! Secrets at rest: signing keys, client secrets and the secrets in connections are sealed before they reach the database.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::ids;

/// Seals and opens secrets with the key of the deployment: AES-256-GCM, a random nonce in front.
pub struct Vault(LessSafeKey);

impl Vault {
    /// Takes the key as it is configured: 32 bytes in base64.
    pub fn new(key: &str) -> anyhow::Result<Self> {
        let bytes = STANDARD.decode(key.trim()).ok().filter(|bytes| bytes.len() == 32);
        let key = bytes.and_then(|bytes| UnboundKey::new(&AES_256_GCM, &bytes).ok()).ok_or_else(|| {
            anyhow::anyhow!("secrets.key is not 32 bytes in base64. Make one with: openssl rand -base64 32")
        })?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// A new key in the form [`Vault::new`] takes.
    pub fn generate_key() -> String {
        STANDARD.encode(ids::random::<32>())
    }

    /// Seals a secret. `place` names where it is kept (tenant, table, id): it opens nowhere else.
    pub fn seal(&self, place: &[&str], secret: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = ids::random::<NONCE_LEN>();
        let mut sealed = secret.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.join("\n")),
                &mut sealed,
            )
            .map_err(|_| Error::internal("a secret could not be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Vault::seal`] sealed at the same place with the same key.
    pub fn open(&self, place: &[&str], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let refused = || {
            Error::internal(format!(
                "the secret at {} cannot be opened: it was sealed with another secrets.key",
                place.join("/")
            ))
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
        let mut secret = sealed.to_vec();
        let length = self
            .0
            .open_in_place(nonce, Aad::from(place.join("\n")), &mut secret)
            .map_err(|_| refused())?
            .len();
        secret.truncate(length);
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_with_its_key_and_at_its_place() {
        let vault = Vault::new(&Vault::generate_key()).unwrap();
        let sealed = vault.seal(&["dev", "clients", "1"], b"hush").unwrap();
        assert_eq!(vault.open(&["dev", "clients", "1"], &sealed).unwrap(), b"hush");
        assert!(vault.open(&["other", "clients", "1"], &sealed).is_err());
        assert!(Vault::new(&Vault::generate_key()).unwrap().open(&["dev", "clients", "1"], &sealed).is_err());
        assert!(Vault::new("too short").is_err());
    }
}
