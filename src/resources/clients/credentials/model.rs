//! A credential, and the requests that create and change one.

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::pem::{Block, thumbprint};
use crate::base::error::{Error, Result};
use crate::base::ids;
use crate::base::json::{FromBody, Object};
use crate::base::patch::Patch;
use crate::base::schema::{Field, Format, Kind, Part, Schema, Text, Violation, validation_error};
use crate::base::timestamp::timestamp;
use crate::db::FromRow;

/// The maximum length of PEM text, in characters.
const MAX_PEM_LENGTH: usize = 16_384;

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

const fn pem(max_length: usize) -> Field {
    Field::new("pem", Kind::Text(Text::between(1, max_length)), PEM)
}

/// A public key that verifies signatures.
pub static PUBLIC_KEY: Schema = Schema::closed(&[
    of_type(&["public_key"]),
    NAME,
    pem(MAX_PEM_LENGTH).required(),
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

/// The subject of certificates that a certificate authority signs.
pub static CERT_SUBJECT_DN: Schema = Schema::closed(&[
    of_type(&["cert_subject_dn"]),
    NAME,
    Field::new("subject_dn", Kind::Text(Text::between(1, 256)), "Subject Distinguished Name"),
    pem(4096),
]);

/// A self-signed certificate.
pub static X509_CERT: Schema =
    Schema::closed(&[of_type(&["x509_cert"]), NAME, pem(MAX_PEM_LENGTH).required()]);

/// The violations of a body without a known type.
static UNKNOWN: Schema = Schema::open(&[of_type(&["public_key", "cert_subject_dn", "x509_cert"])]);

/// The body of `PATCH /api/v2/clients/{id}/credentials/{credential_id}`.
static UPDATE: Schema = Schema::closed(&[EXPIRES_AT.nullable()]);

fn date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)
}

/// The body of `POST /api/v2/clients/{id}/credentials`.
#[derive(Debug)]
pub struct NewCredential {
    /// `cred_` and 22 letters and digits.
    pub id: String,
    /// The document without `id` and times.
    pub document: Map<String, Value>,
    /// A JSON Web Key.
    pub public_key: Option<Value>,
    /// `None` for never.
    pub expires_at: Option<OffsetDateTime>,
}

impl FromBody for NewCredential {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        let schema = match body.value::<String>("credential_type").as_deref() {
            Some("public_key") => &PUBLIC_KEY,
            Some("cert_subject_dn") => &CERT_SUBJECT_DN,
            Some("x509_cert") => &X509_CERT,
            _ => &UNKNOWN,
        };
        schema.check(body)?;
        Self::from_checked("", body)
    }
}

impl NewCredential {
    /// Reads an object without violations of its schema. Errors name properties below `path`.
    pub fn from_checked(path: &str, object: &Object<'_>) -> Result<Self> {
        let text = |name: &str| object.value::<String>(name);
        let member = |name: &str| text(name).map(|text| (name.to_owned(), text.into()));
        let mut new = Self {
            id: format!("cred_{}", ids::letters_and_digits(22)),
            document: ["name", "credential_type", "subject_dn", "kid"]
                .into_iter()
                .filter_map(member)
                .collect(),
            public_key: None,
            expires_at: text("expires_at").as_deref().and_then(date),
        };
        let pem = match (text("pem"), object.get("subject_dn").is_some()) {
            (Some(pem), false) => pem,
            (None, true) => return Ok(new),
            _ => return Err(violation(path, "subject_dn", "Exactly one of pem and subject_dn is required")),
        };
        let block =
            Block::parse(&pem).ok_or_else(|| violation(path, "pem", "Not a single block of PEM text"))?;
        if text("credential_type").as_deref() == Some("public_key") {
            new.add_public_key(path, object, &block)?;
        } else {
            new.add_certificate(path, &block)?;
        }
        Ok(new)
    }

    fn add_public_key(&mut self, path: &str, object: &Object<'_>, block: &Block) -> Result<()> {
        let key = block.public_key().ok_or_else(|| {
            let reason = "Not an RSA public key of 2048 to 8192 bits, nor a certificate with one";
            violation(path, "pem", reason)
        })?;
        let alg = object.value::<String>("alg").unwrap_or_else(|| "RS256".to_owned());
        self.document.insert("alg".into(), alg.into());
        self.document.entry("kid").or_insert_with(|| thumbprint(&key).into());
        if object.value("parse_expiry_from_cert") == Some(true) && self.expires_at.is_none() {
            let certificate = block
                .certificate()
                .ok_or_else(|| violation(path, "parse_expiry_from_cert", "pem is not a certificate"))?;
            self.expires_at = Some(certificate.not_after());
        }
        self.public_key = Some(key);
        Ok(())
    }

    fn add_certificate(&mut self, path: &str, block: &Block) -> Result<()> {
        let certificate =
            block.certificate().ok_or_else(|| violation(path, "pem", "Not an X509 certificate"))?;
        if self.document.get("credential_type").is_some_and(|kind| kind == "x509_cert") {
            self.document.insert("thumbprint_sha256".into(), certificate.digest().into());
            self.expires_at = Some(certificate.not_after());
        } else {
            let subject = certificate
                .subject()
                .ok_or_else(|| violation(path, "pem", "The subject of the certificate is not readable"))?;
            self.document.insert("subject_dn".into(), subject.into());
        }
        Ok(())
    }
}

fn violation(path: &str, name: &str, reason: &str) -> Error {
    let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    validation_error(Part::Payload, &[Violation::of(path, "", reason)])
}

/// The body of `PATCH /api/v2/clients/{id}/credentials/{credential_id}`.
#[derive(Debug)]
pub struct CredentialPatch {
    /// Null for never.
    pub expires_at: Patch<OffsetDateTime>,
}

impl FromBody for CredentialPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        UPDATE.check(body)?;
        let expires_at = match body.field::<String>("expires_at") {
            Patch::Set(text) => date(&text).map_or(Patch::Absent, Patch::Set),
            Patch::Null => Patch::Null,
            Patch::Absent => Patch::Absent,
        };
        Ok(Self { expires_at })
    }
}

/// A stored credential.
#[derive(Debug, FromRow)]
pub struct Credential {
    /// `cred_` and 22 letters and digits.
    #[sqlx(rename = "credential_id")]
    pub id: String,
    /// The document without the other fields.
    #[sqlx(json)]
    pub document: Map<String, Value>,
    /// The creation of the credential.
    pub created_at: OffsetDateTime,
    /// The last change of the expiry, or the creation.
    pub updated_at: OffsetDateTime,
    /// `None` for never.
    pub expires_at: Option<OffsetDateTime>,
}

impl Credential {
    /// The credential as JSON.
    pub fn document(self) -> Value {
        let mut document = self.document;
        let expires_at = self.expires_at.map(|at| Value::String(timestamp(at)));
        document.insert("id".into(), self.id.into());
        document.insert("created_at".into(), timestamp(self.created_at).into());
        document.insert("updated_at".into(), timestamp(self.updated_at).into());
        document.extend(expires_at.map(|at| ("expires_at".to_owned(), at)));
        Value::Object(document)
    }
}
