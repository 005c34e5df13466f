//! The RSA keys that sign a tenant's tokens.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaSignatureEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::error::Error;
use crate::base::ids;

/// A public key in `/.well-known/jwks.json` (RFC 7517; the members of Auth0).
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
    /// The key's id, which is in the header of each signed token.
    pub kid: String,
    /// The certificate's SHA-1 digest, base64url.
    pub x5t: String,
    /// The certificate, self-signed for the tenant's domain, in base64.
    pub x5c: Vec<String>,
}

/// A signing key.
pub struct SigningKey {
    pub jwk: Jwk,
    pair: KeyPair,
    /// The public key in the form that verifies signatures.
    pub decoding: DecodingKey,
}

impl SigningKey {
    /// Generates a key of 2048 bits for a tenant's domain: the public key, and the private key in PKCS #8. It takes
    /// about 50 ms of CPU time.
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

    /// The key from [`SigningKey::generate`]'s parts.
    pub fn new(jwk: Jwk, pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = KeyPair::from_pkcs8(pkcs8)
            .map_err(|e| Error::internal(format!("signing key {}: {e}", jwk.kid)))?;
        let decoding = DecodingKey::from_rsa_components(&jwk.n, &jwk.e).map_err(Error::internal)?;
        Ok(Self { jwk, pair, decoding })
    }

    /// A JWT signed with RS256.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        self.sign_as("RS256", "JWT", claims)
    }

    /// A token signed with RS256, RS512 or PS256 (RFC 7518, 3.1). Any other algorithm counts as RS256.
    pub fn sign_as(&self, algorithm: &str, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        let (algorithm, encoding): (_, &'static RsaSignatureEncoding) = match algorithm {
            "RS512" => ("RS512", &RSA_PKCS1_SHA512),
            "PS256" => ("PS256", &RSA_PSS_SHA256),
            _ => ("RS256", &RSA_PKCS1_SHA256),
        };
        let header = json!({ "alg": algorithm, "typ": typ, "kid": self.jwk.kid });
        compact(&header, claims, |text| {
            let mut signature = vec![0; self.pair.public_modulus_len()];
            self.pair
                .sign(encoding, &SystemRandom::new(), text, &mut signature)
                .map_err(|_| Error::internal("a token could not be signed"))?;
            Ok(signature)
        })
    }
}

/// A token signed with HS256 (RFC 7518, 3.2).
pub fn sign_with_secret(secret: &[u8], typ: &str, claims: &impl Serialize) -> Result<String, Error> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    compact(&json!({ "alg": "HS256", "typ": typ }), claims, |text| {
        Ok(hmac::sign(&key, text).as_ref().to_vec())
    })
}

/// A signed token (RFC 7515, compact form).
fn compact(
    header: &Value,
    claims: &impl Serialize,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
) -> Result<String, Error> {
    let claims = serde_json::to_vec(claims).map_err(Error::internal)?;
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = sign(text.as_bytes())?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.jwk.kid).finish_non_exhaustive()
    }
}
