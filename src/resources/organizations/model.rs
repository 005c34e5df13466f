//! What a request may say about organizations and the client grants associated with them.

use serde_json::{Map, Value};

use crate::base::error::{Error, Result};
use crate::base::json::Object;
use crate::base::metadata;
use crate::base::schema::{Fault, Field, Format, Kind, Part, Schema, Text, refuse};
use crate::resources::client_grants::model::ClientGrant;
use crate::resources::clients::fields::TOKEN_QUOTA;

/// How many client grants a list can be asked for by their ids.
const GRANT_IDS: usize = 10;
const METADATA: &str = "Metadata associated with the organization";

const NAME: Kind = Kind::Text(Text::between(1, 50).pattern("^(?!org_)[a-z0-9][a-z0-9_-]*$", |text| {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    !text.starts_with("org_") && !text.starts_with(['_', '-']) && text.bytes().all(is_inner)
}));
const DISPLAY_NAME: Kind = Kind::Text(Text::between(1, 255));
const HTTPS: Kind = Kind::Text(Text::format(Format::Own("strict-https-uri-or-null", |text| {
    text.starts_with("https://") && Format::StrictUri.matches(text)
})));
const COLOR: Kind = Kind::Text(Text::format(Format::Own("html-color", |text| {
    let digits = text.strip_prefix('#').unwrap_or_default();
    [3, 6].contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
})));

static BRANDING: Schema = Schema::closed(&[
    Field::new("logo_url", HTTPS, "URL of logo to display on login page").nullable(),
    Field::new("colors", Kind::Object(&COLORS), "Color scheme used to customize the login pages"),
]);
static COLORS: Schema = Schema::closed(&[
    Field::new("primary", COLOR, "HEX Color for primary elements").required(),
    Field::new("page_background", COLOR, "HEX Color for background").required(),
]);
static METADATA_KEYS: Schema = Schema::open(&[]).at_most(25);

/// `$must` is what a creation has to have; `$may` is what a change may set to null and a creation may not.
macro_rules! schema {
    ($($must:ident)?; $($may:ident)?) => {
        Schema::closed(&[
            Field::new("name", NAME, "The name of this organization")$(.$must())?,
            Field::new("display_name", DISPLAY_NAME, "Friendly name of this organization"),
            Field::new("branding", Kind::Object(&BRANDING), "Theme defines how to style the login pages"),
            Field::new("metadata", Kind::Object(&METADATA_KEYS), METADATA)$(.$may())?,
            Field::new("token_quota", Kind::Object(&TOKEN_QUOTA), "The token quota configuration")$(.$may())?,
        ])
    };
}

/// The body of `POST /api/v2/organizations`.
pub static CREATE: Schema = schema!(required;);

/// The body of `PATCH /api/v2/organizations/{id}`.
pub static UPDATE: Schema = schema!(; nullable);

/// The body of `POST /api/v2/organizations/{id}/client-grants`.
pub static ADD_GRANT: Schema = Schema::closed(&[Field::new(
    "grant_id",
    Kind::Text(Text::at_least(1)),
    "A Client Grant ID to add to the organization",
)
.required()]);

/// What an organization is to be, or is to become.
#[derive(Debug)]
pub struct OrganizationFields {
    /// Unique in the tenant.
    pub name: Option<String>,
    /// Settings to replace.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
}

impl OrganizationFields {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(schema: &Schema, body: &Object<'_>) -> Result<Self> {
        let mut faults = schema.faults(body);
        faults.extend(metadata::text_faults(body, "metadata", METADATA, |_| true));
        refuse(Part::Payload, &faults)?;
        let (mut set, unset) = body.set_and_unset(&["name"]);
        if let Some(Value::Object(metadata)) = set.get_mut("metadata") {
            metadata.retain(|_, value| !value.is_null());
        }
        Ok(Self { name: body.value("name"), set, unset })
    }
}

/// Which client grants of an organization a list is asked for.
#[derive(Debug)]
pub struct GrantFilter {
    /// For this API only, by the name that the request has for it.
    pub audience: Option<String>,
    /// Of this client only.
    pub client_id: Option<String>,
    /// Some of these only.
    pub grant_ids: Option<Vec<String>>,
}

/// Refuses a list of too many ids of grants.
pub fn check_grant_ids(ids: &[String]) -> Result<()> {
    let fault = (ids.len() > GRANT_IDS).then(|| {
        let reason = format!("Array is too long ({}), maximum {GRANT_IDS}", ids.len());
        Fault::of("grant_ids", "Optional filter on the ID of the client grant", reason)
    });
    refuse(Part::Query, fault.as_slice())
}

/// A grant as the answer to its association, which has another name for the id and no `subject_type`.
pub fn added(grant: ClientGrant) -> Result<String> {
    let mut members = grant.members();
    members.remove("subject_type");
    let id = members.remove("id").unwrap_or_default();
    members.insert("grant_id".to_owned(), id);
    serde_json::to_string(&members).map_err(Error::internal)
}
