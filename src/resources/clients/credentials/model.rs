//! What a credential is, and what a request may say about one.

use aws_lc_rs::rsa::{PublicEncryptingKey, PublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use x509_parser::certificate::X509Certificate;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::base::error::Result;
use crate::base::ids;
use crate::base::json::Object;
use crate::base::patch::Patch;
use crate::base::schema::{Fault, Field, Format, Kind, Part, Schema, Text, refusal};
use crate::base::timestamp::timestamp;

/// The longest PEM text, in characters.
const PEM_LENGTH: usize = 16_384;

const NAME: Field = Field::new("name", Kind::Text(Text::between(0, 128)), "Friendly name for a credential");
const PEM: &str = "PEM-formatted public key or X509 certificate";
const EXPIRES_AT: Field = Field::new(
    "expires_at",
    Kind::Text(Text::format(Format::Own("date-time", |text| date(text).is_some()))),
    "The ISO 8601 formatted date representing the expiration of the credential",
);
const KID: Kind = Kind::Text(Text::between(10, 64).pattern("^([0-9a-zA-Z-_]{10,64})$", |text| {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}));

const fn of_type(types: &'static [&'static str]) -> Field {
    Field::new("credential_type", Kind::OneOf(types), "Type of the credential").required()
}

const fn pem(longest: usize) -> Field {
    Field::new("pem", Kind::Text(Text::between(1, longest)), PEM)
}

/// A public key, to verify signatures with.
pub static PUBLIC_KEY: Schema = Schema::closed(&[
    of_type(&["public_key"]),
    NAME,
    pem(PEM_LENGTH).required(),
    Field::new(
        "alg",
        Kind::OneOf(&["RS256", "RS384", "PS256"]),
        "Algorithm which will be used with the credential",
    ),
    Field::new(
        "parse_expiry_from_cert",
        Kind::Boolean,
        "Whether the certificate says when the credential expires",
    ),
    EXPIRES_AT,
    Field::new("kid", KID, "Key ID, used to uniquely identify the credential"),
]);

/// The name in a certificate that somebody else vouches for.
pub static CERT_SUBJECT_DN: Schema = Schema::closed(&[
    of_type(&["cert_subject_dn"]),
    NAME,
    Field::new("subject_dn", Kind::Text(Text::between(1, 256)), "Subject Distinguished Name"),
    pem(4096),
]);

/// A certificate that vouches for itself.
pub static X509_CERT: Schema = Schema::closed(&[of_type(&["x509_cert"]), NAME, pem(PEM_LENGTH).required()]);

/// Where the type is none of them.
static UNKNOWN: Schema = Schema::open(&[of_type(&["public_key", "cert_subject_dn", "x509_cert"])]);

/// The body of `PATCH /api/v2/clients/{id}/credentials/{credential_id}`.
static UPDATE: Schema = Schema::closed(&[EXPIRES_AT.nullable()]);

fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)
}

/// A credential to be made.
#[derive(Debug)]
pub struct NewCredential {
    /// `cred_` and 22 letters and digits.
    pub id: String,
    /// As it is answered, but for what the store adds.
    pub document: Map<String, Value>,
    /// A JSON Web Key.
    pub public_key: Option<Value>,
    /// When it is void.
    pub expires_at: Option<OffsetDateTime>,
}

impl NewCredential {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        let schema = match body.value::<String>("credential_type").as_deref() {
            Some("public_key") => &PUBLIC_KEY,
            Some("cert_subject_dn") => &CERT_SUBJECT_DN,
            Some("x509_cert") => &X509_CERT,
            _ => &UNKNOWN,
        };
        schema.check(body)?;
        Self::checked("", body)
    }

    /// Reads what the schemas have let through; `path` is where it stands in the body.
    pub fn checked(path: &str, body: &Object<'_>) -> Result<Self> {
        let fault = |name: &str, reason: &str| {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            refusal(Part::Payload, &[Fault::of(path, "", reason)])
        };
        let text = |name: &str| body.value::<String>(name);
        let named = |name: &str| text(name).map(|text| (name.to_owned(), text.into()));
        let mut new = Self {
            id: format!("cred_{}", ids::letters_and_digits(22)),
            document: ["name", "credential_type", "subject_dn", "kid"]
                .into_iter()
                .filter_map(named)
                .collect(),
            public_key: None,
            expires_at: text("expires_at").as_deref().and_then(date),
        };
        let pem = match (text("pem"), body.get("subject_dn").is_some()) {
            (Some(pem), false) => pem,
            (None, true) => return Ok(new),
            _ => return Err(fault("subject_dn", "Either pem or subject_dn has to be there")),
        };
        let (_, block) = parse_x509_pem(pem.trim().as_bytes())
            .ok()
            .filter(|(rest, _)| rest.is_empty())
            .ok_or_else(|| fault("pem", "Not one block of PEM"))?;
        let der = block.contents.as_slice();
        let certificate =
            if block.label == "CERTIFICATE" { whole(X509Certificate::from_der(der)) } else { None };
        let not_after = |certificate: &X509Certificate<'_>| certificate.validity().not_after.to_datetime();
        let mut put = |name: &str, value: String| new.document.insert(name.into(), value.into());
        match (text("credential_type").as_deref(), certificate) {
            (Some("public_key"), certificate) => {
                let key = match (block.label.as_str(), &certificate) {
                    ("PUBLIC KEY", _) => whole(SubjectPublicKeyInfo::from_der(der)).as_ref().and_then(jwk_of),
                    ("RSA PUBLIC KEY", _) => whole(RSAPublicKey::from_der(der)).as_ref().and_then(jwk),
                    (_, certificate) => certificate.as_ref().and_then(|c| jwk_of(c.public_key())),
                };
                let key = key.ok_or_else(|| {
                    fault("pem", "Not an RSA public key of 2048 to 8192 bits, nor a certificate with one")
                })?;
                put("alg", text("alg").unwrap_or_else(|| "RS256".into()));
                put("kid", text("kid").unwrap_or_else(|| thumbprint(&key)));
                if body.value("parse_expiry_from_cert") == Some(true) && new.expires_at.is_none() {
                    let certificate = certificate
                        .ok_or_else(|| fault("parse_expiry_from_cert", "There is no certificate in pem"))?;
                    new.expires_at = Some(not_after(&certificate));
                }
                new.public_key = Some(key);
            }
            (_, None) => return Err(fault("pem", "Not an X509 certificate")),
            (Some("x509_cert"), Some(certificate)) => {
                put("thumbprint_sha256", URL_SAFE_NO_PAD.encode(Sha256::digest(der)));
                new.expires_at = Some(not_after(&certificate));
            }
            (_, Some(certificate)) => {
                let name = distinguished_name(certificate.subject());
                put(
                    "subject_dn",
                    name.ok_or_else(|| fault("pem", "The subject has no name that can be read"))?,
                );
            }
        }
        Ok(new)
    }
}

/// What was read, if nothing is left.
fn whole<T, E>(read: std::result::Result<(&[u8], T), E>) -> Option<T> {
    read.ok().filter(|(rest, _)| rest.is_empty()).map(|(_, read)| read)
}

fn jwk_of(key: &SubjectPublicKeyInfo<'_>) -> Option<Value> {
    match key.parsed().ok()? {
        PublicKey::RSA(key) => jwk(&key),
        _ => None,
    }
}

/// An RSA key as a JSON Web Key (RFC 7517), if signatures can be verified with it.
fn jwk(key: &RSAPublicKey<'_>) -> Option<Value> {
    let significant = |number: &[u8]| number.iter().position(|byte| *byte != 0).map(|n| number[n..].to_vec());
    let (n, e) = (significant(key.modulus)?, significant(key.exponent)?);
    // Which checks the size and the numbers.
    let usable: std::result::Result<PublicEncryptingKey, _> = PublicKeyComponents { n: &n, e: &e }.try_into();
    usable.ok()?;
    Some(json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e) }))
}

/// The thumbprint of an RSA key (RFC 7638), which is its id if it has no other.
fn thumbprint(jwk: &Value) -> String {
    let canonical = format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, jwk["e"], jwk["n"]);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

/// A line for each attribute of a name, in the certificate's order: `C=JP`, `O=Client`.
fn distinguished_name(name: &X509Name<'_>) -> Option<String> {
    let line = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let kind = oid2abbrev(attribute.attr_type(), oid_registry()).ok()?.to_owned();
        Some(format!("{kind}={}", attribute.as_str().ok()?))
    };
    let lines: Option<Vec<String>> = name.iter_attributes().map(line).collect();
    lines.map(|lines| lines.join("\n")).filter(|text| !text.is_empty() && !text.contains('\0'))
}

/// A certificate of a signing key as documents of clients show it; `der` is in base64.
pub fn certificate(der: &str) -> Option<Value> {
    let bytes = STANDARD.decode(der).ok()?;
    let (_, parsed) = X509Certificate::from_der(&bytes).ok()?;
    let subject = format!("/{}", distinguished_name(parsed.subject())?.replace('\n', "/"));
    let lines: Vec<_> = der.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let cert = format!("-----BEGIN CERTIFICATE-----\r\n{}\r\n-----END CERTIFICATE-----", lines.join("\r\n"));
    Some(json!({ "cert": cert, "subject": subject }))
}

/// Reads when a credential is to be void: left out, never (null), or then.
pub fn read_expiry(body: &Object<'_>) -> Result<Patch<OffsetDateTime>> {
    UPDATE.check(body)?;
    Ok(match body.field::<String>("expires_at") {
        Patch::Set(text) => date(&text).map_or(Patch::Absent, Patch::Set),
        Patch::Null => Patch::Null,
        Patch::Absent => Patch::Absent,
    })
}

/// A credential.
#[derive(Debug)]
pub struct Credential {
    /// `cred_` and 22 letters and digits.
    pub id: String,
    /// As it is answered, but for the rest.
    pub document: Map<String, Value>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was changed.
    pub updated_at: OffsetDateTime,
    /// When it is void.
    pub expires_at: Option<OffsetDateTime>,
}

impl Credential {
    /// The document as the API answers it; as recorded, a creation leaves out an expiry that is not there.
    pub fn document(self, is_new: bool) -> Value {
        let mut document = self.document;
        let expires_at = self.expires_at.map(|at| Value::String(timestamp(at)));
        document.insert("id".into(), self.id.into());
        document.insert("created_at".into(), timestamp(self.created_at).into());
        document.insert("updated_at".into(), timestamp(self.updated_at).into());
        if expires_at.is_some() || !is_new {
            document.insert("expires_at".into(), expires_at.into());
        }
        Value::Object(document)
    }
}
