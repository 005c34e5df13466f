//! The RSA keys a tenant signs its tokens with.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ids;

/// The public half, as `/.well-known/jwks.json` shows it (RFC 7517; the members Auth0 has).
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Jwk {
    /// `RS256`.
    pub alg: String,
    /// `RSA`.
    pub kty: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The modulus, base64url.
    pub n: String,
    /// The exponent, base64url.
    pub e: String,
    /// The key's id, in the header of each token it signed.
    pub kid: String,
    /// The certificate's SHA-1 digest, base64url.
    pub x5t: String,
    /// The certificate, self-signed for the tenant's domain, in base64.
    pub x5c: Vec<String>,
}

/// A signing key with both halves.
pub struct SigningKey {
    /// The public half.
    pub jwk: Jwk,
    pair: KeyPair,
    /// What verifies its signatures.
    pub decoding: DecodingKey,
}

impl SigningKey {
    /// Makes a key of 2048 bits for a tenant's domain; about 50 ms of work. The second value is the private half in
    /// PKCS #8, to be sealed.
    pub fn generate(domain: &str) -> anyhow::Result<(Jwk, Vec<u8>)> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der()?;
        let pkcs8 = pkcs8.as_ref().to_vec();
        let public = pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signer =
            rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), &rcgen::PKCS_RSA_SHA256)?;
        let mut params = rcgen::CertificateParams::new(vec![domain.to_owned()])?;
        params.distinguished_name.push(rcgen::DnType::CommonName, domain);
        let certificate = params.self_signed(&signer)?;
        let thumbprint =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
        let jwk = Jwk {
            alg: "RS256".into(),
            kty: "RSA".into(),
            usage: "sig".into(),
            n: number(public.modulus().big_endian_without_leading_zero()),
            e: number(public.exponent().big_endian_without_leading_zero()),
            kid: ids::letters_and_digits(21),
            x5t: number(thumbprint.as_ref()),
            x5c: vec![STANDARD.encode(certificate.der())],
        };
        Ok((jwk, pkcs8))
    }

    /// Puts the two halves together again.
    pub fn new(jwk: Jwk, pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = KeyPair::from_pkcs8(pkcs8)
            .map_err(|e| Error::internal(format!("signing key {}: {e}", jwk.kid)))?;
        let decoding = DecodingKey::from_rsa_components(&jwk.n, &jwk.e).map_err(Error::internal)?;
        Ok(Self { jwk, pair, decoding })
    }

    /// A signed token (RFC 7515, compact form).
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        let header = serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": self.jwk.kid });
        let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let claims = serde_json::to_vec(claims).map_err(Error::internal)?;
        let text = format!("{}.{}", part(header.to_string().into_bytes()), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Error::internal("a token could not be signed"))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.jwk.kid).finish_non_exhaustive()
    }
}
