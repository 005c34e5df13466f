//! Requests that create and change organizations and their associations with client grants.

use serde_json::{Map, Value};

use crate::base::error::{Error, Result};
use crate::base::json::{FromBody, Object};
use crate::base::metadata;
use crate::base::schema::{Field, Format, Kind, Part, Schema, Text, Violation, reject};
use crate::resources::client_grants::model::ClientGrant;
use crate::resources::clients::fields::TOKEN_QUOTA;

/// The maximum number of `grant_ids` in a request.
const MAX_GRANT_IDS: usize = 10;
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

/// `$required` marks fields that a creation must have, `$nullable` those that a change may set to null.
macro_rules! schema {
    ($($required:ident)?; $($nullable:ident)?) => {
        Schema::closed(&[
            Field::new("name", NAME, "The name of this organization")$(.$required())?,
            Field::new("display_name", DISPLAY_NAME, "Friendly name of this organization"),
            Field::new("branding", Kind::Object(&BRANDING), "Theme defines how to style the login pages"),
            Field::new("metadata", Kind::Object(&METADATA_KEYS), METADATA)$(.$nullable())?,
            Field::new(
                "third_party_client_access",
                Kind::OneOf(&["block", "allow"]),
                "Whether third-party clients have access",
            ),
            Field::new("is_app_entitlement_active", Kind::Boolean, "Whether members need an entitlement for a client"),
            Field::new("token_quota", Kind::Object(&TOKEN_QUOTA), "The token quota configuration")
                $(.$nullable())?,
        ])
    };
}

/// The body of `POST /api/v2/organizations`.
static CREATE: Schema = schema!(required;);

/// The body of `PATCH /api/v2/organizations/{id}`.
static UPDATE: Schema = schema!(; nullable);

/// The body of `POST /api/v2/organizations/{id}/client-grants`.
static ADD_GRANT: Schema = Schema::closed(&[Field::new(
    "grant_id",
    Kind::Text(Text::at_least(1)),
    "A Client Grant ID to add to the organization",
)
.required()]);

/// An organization to create.
#[derive(Debug)]
pub struct NewOrganization {
    /// Unique in the tenant.
    pub name: String,
    /// The other members of the document.
    pub settings: Map<String, Value>,
}

impl FromBody for NewOrganization {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        check(&CREATE, body)?;
        Ok(Self { name: body.value("name").unwrap_or_default(), settings: settings(body).0 })
    }
}

/// A change of an organization.
#[derive(Debug)]
pub struct OrganizationPatch {
    pub name: Option<String>,
    /// Settings to replace.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
}

impl FromBody for OrganizationPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        check(&UPDATE, body)?;
        let (set, unset) = settings(body);
        Ok(Self { name: body.value("name"), set, unset })
    }
}

fn check(schema: &Schema, body: &Object<'_>) -> Result<()> {
    let mut violations = schema.violations(body);
    violations.extend(metadata::text_violations(body, "metadata", METADATA, |_| true));
    reject(Part::Payload, &violations)
}

/// The settings with a value, without nulls among `metadata`, and the names of those that are null.
fn settings(body: &Object<'_>) -> (Map<String, Value>, Vec<String>) {
    let (mut set, unset) = body.set_and_unset(&["name"]);
    if let Some(Value::Object(metadata)) = set.get_mut("metadata") {
        metadata.retain(|_, value| !value.is_null());
    }
    (set, unset)
}

/// A client grant to associate with an organization.
#[derive(Debug)]
pub struct NewGrant {
    pub grant_id: String,
}

impl FromBody for NewGrant {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        ADD_GRANT.check(body)?;
        Ok(Self { grant_id: body.value("grant_id").unwrap_or_default() })
    }
}

/// The filter of an organization's client grants.
#[derive(Debug)]
pub struct GrantFilter {
    /// An API, under the identifier that the request has for it.
    pub audience: Option<String>,
    pub client_id: Option<String>,
    /// Any of these.
    pub grant_ids: Option<Vec<String>>,
}

impl GrantFilter {
    /// 400 if the request names too many grants. An empty list is no filter.
    pub fn new(audience: Option<String>, client_id: Option<String>, grant_ids: Vec<String>) -> Result<Self> {
        let violation = (grant_ids.len() > MAX_GRANT_IDS).then(|| {
            let reason = format!("Array is too long ({}), maximum {MAX_GRANT_IDS}", grant_ids.len());
            Violation::of("grant_ids", "Optional filter on the ID of the client grant", reason)
        });
        reject(Part::Query, violation.as_slice())?;
        Ok(Self { audience, client_id, grant_ids: (!grant_ids.is_empty()).then_some(grant_ids) })
    }
}

/// The JSON of an associated grant. It has `grant_id` in place of `id`, and no `subject_type`, as recorded.
pub fn association(grant: ClientGrant) -> Result<String> {
    let mut members = grant.members();
    members.remove("subject_type");
    let id = members.remove("id").unwrap_or_default();
    members.insert("grant_id".to_owned(), id);
    serde_json::to_string(&members).map_err(Error::internal)
}
