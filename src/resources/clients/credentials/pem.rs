//! Public keys and certificates in PEM text (RFC 7468).

use aws_lc_rs::rsa::{PublicEncryptingKey, PublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

/// A block of PEM text.
pub(super) struct Block {
    label: String,
    der: Vec<u8>,
}

impl Block {
    /// `None` unless the text is exactly one block.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, block) = parse_x509_pem(text.trim().as_bytes()).ok()?;
        rest.is_empty().then_some(Self { label: block.label, der: block.contents })
    }

    pub(super) fn certificate(&self) -> Option<Certificate<'_>> {
        let is_certificate = self.label == "CERTIFICATE";
        let parsed = is_certificate.then(|| complete(X509Certificate::from_der(&self.der))).flatten()?;
        Some(Certificate { der: &self.der, parsed })
    }

    /// The RSA key of 2048 to 8192 bits in the block, as a JSON Web Key.
    pub(super) fn public_key(&self) -> Option<Value> {
        match self.label.as_str() {
            "PUBLIC KEY" => subject_public_key(&complete(SubjectPublicKeyInfo::from_der(&self.der))?),
            "RSA PUBLIC KEY" => rsa_key(&complete(RSAPublicKey::from_der(&self.der))?),
            _ => subject_public_key(self.certificate()?.parsed.public_key()),
        }
    }
}

/// A certificate (RFC 5280).
pub(super) struct Certificate<'a> {
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

impl Certificate<'_> {
    pub(super) fn not_after(&self) -> OffsetDateTime {
        self.parsed.validity().not_after.to_datetime()
    }

    /// The SHA-256 digest of the DER, in base64url.
    pub(super) fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.der))
    }

    pub(super) fn subject(&self) -> Option<String> {
        distinguished_name(self.parsed.subject())
    }
}

/// The parsed value, unless bytes are left.
fn complete<T, E>(parsed: Result<(&[u8], T), E>) -> Option<T> {
    parsed.ok().filter(|(rest, _)| rest.is_empty()).map(|(_, value)| value)
}

fn subject_public_key(key: &SubjectPublicKeyInfo<'_>) -> Option<Value> {
    match key.parsed().ok()? {
        PublicKey::RSA(key) => rsa_key(&key),
        _ => None,
    }
}

/// An RSA key as a JSON Web Key (RFC 7517), if signatures can be verified with it.
fn rsa_key(key: &RSAPublicKey<'_>) -> Option<Value> {
    let significant = |number: &[u8]| number.iter().position(|byte| *byte != 0).map(|n| number[n..].to_vec());
    let (n, e) = (significant(key.modulus)?, significant(key.exponent)?);
    // The conversion checks the size and the numbers.
    let usable: Result<PublicEncryptingKey, _> = PublicKeyComponents { n: &n, e: &e }.try_into();
    usable.ok()?;
    Some(json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e) }))
}

/// The thumbprint of an RSA key (RFC 7638).
pub(super) fn thumbprint(jwk: &Value) -> String {
    let canonical = format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, jwk["e"], jwk["n"]);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

/// One line for each attribute, in the certificate's order: `C=JP`, `O=Client`.
fn distinguished_name(name: &X509Name<'_>) -> Option<String> {
    let line = |attribute: &AttributeTypeAndValue<'_>| {
        let kind = oid2abbrev(attribute.attr_type(), oid_registry()).ok()?.to_owned();
        Some(format!("{kind}={}", attribute.as_str().ok()?))
    };
    let lines: Option<Vec<String>> = name.iter_attributes().map(line).collect();
    lines.map(|lines| lines.join("\n")).filter(|text| !text.is_empty() && !text.contains('\0'))
}

/// The certificate of a signing key in the form that clients have it in `signing_keys`; `der` is in base64.
pub(in crate::resources::clients) fn signing_certificate(der: &str) -> Option<Value> {
    let bytes = STANDARD.decode(der).ok()?;
    let (_, parsed) = X509Certificate::from_der(&bytes).ok()?;
    let subject = format!("/{}", distinguished_name(parsed.subject())?.replace('\n', "/"));
    let lines: Vec<_> = der.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let cert = format!("-----BEGIN CERTIFICATE-----\r\n{}\r\n-----END CERTIFICATE-----", lines.join("\r\n"));
    Some(json!({ "cert": cert, "subject": subject }))
}
