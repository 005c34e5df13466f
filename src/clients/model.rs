//! What a client is, what it is when nothing is said of it, and what a request may say about one.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result, codes};
use crate::json::Object;
use crate::metadata::{self, MetadataPatch};
use crate::patch::Patch;
use crate::schema::{Fault, Field, Kind, Part, Schema, Text, refusal, refuse};
use crate::users::model::Fields;

/// How many keys `client_metadata` can have.
pub const METADATA_KEYS: usize = 10;
/// How many characters a key or a value of it can have.
const METADATA_LENGTH: usize = 255;

const METADATA: &str = "Metadata associated with the client";

const ANY: Kind = Kind::Text(Text::ANY);
const WORD: Kind = Kind::Text(Text::at_least(1));
const NAME: Kind =
    Kind::Text(Text::at_least(1).pattern("^[^<>]+$", |text| !text.is_empty() && !text.contains(['<', '>'])));
const URI: Kind =
    Kind::Text(Text::ANY.pattern("^([a-z]+:.+)?$", |text| text.is_empty() || url::Url::parse(text).is_ok()));
const HTTPS: Kind =
    Kind::Text(Text::ANY.pattern("^(https://.+)?$", |text| text.is_empty() || text.starts_with("https://")));
const AUTHENTICATION: Kind = Kind::OneOf(&["none", "client_secret_post", "client_secret_basic"]);
const USAGE: Kind = Kind::OneOf(&["deny", "allow", "require"]);
const BEHAVIOR: Kind = Kind::OneOf(&["no_prompt", "pre_login_prompt", "post_login_prompt"]);
const DISCOVERY: Kind = Kind::Array(1, &Kind::OneOf(&["email", "organization_name"]));
const COMPLIANCE: Kind = Kind::OneOf(&[
    "none",
    "fapi1_adv_pkj_par",
    "fapi1_adv_mtls_par",
    "fapi2_sp_pkj_mtls",
    "fapi2_sp_mtls_mtls",
]);
const APP_TYPES: Kind = Kind::OneOf(&[
    "native",
    "spa",
    "regular_web",
    "non_interactive",
    "resource_server",
    "express_configuration",
    "rms",
    "box",
    "cloudbees",
    "concur",
    "dropbox",
    "mscrm",
    "echosign",
    "egnyte",
    "newrelic",
    "office365",
    "salesforce",
    "sentry",
    "sharepoint",
    "slack",
    "springcm",
    "zendesk",
    "zoom",
    "sso_integration",
    "oag",
]);

static JWT_CONFIGURATION: Schema = Schema::open(&[
    Field::new("lifetime_in_seconds", Kind::Integer(0, 2_147_483_647), "Seconds an ID token lives"),
    switch("secret_encoded", "Whether the client secret is base64 encoded"),
    Field::new("scopes", Kind::AnyObject, "Configuration related to id token claims"),
    Field::new("alg", Kind::OneOf(&["HS256", "RS256", "RS512", "PS256"]), "Algorithm used to sign JWTs"),
]);

static MOBILE: Schema = Schema::open(&[
    Field::new("android", Kind::AnyObject, "Android native app configuration"),
    Field::new("ios", Kind::AnyObject, "iOS native app configuration"),
]);

const fn switch(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Boolean, about)
}

const fn texts(name: &'static str, of: &'static Kind, about: &'static str) -> Field {
    Field::new(name, Kind::Array(0, of), about)
}

/// `$own` is what creations and changes have each for themselves; `$may` is what a change may set to
/// null and a creation may not.
macro_rules! schema {
    ([$($own:expr),+] $($may:ident)?) => {
        Schema::closed(&[
            $($own,)+
            Field::new("description", Kind::Text(Text::between(0, 140)), "Free text description of this client"),
            Field::new("logo_uri", URI, "URL of the logo to display for this client"),
            texts("callbacks", &ANY, "Allowed callback URLs"),
            texts("allowed_origins", &ANY, "Allowed origins"),
            texts("web_origins", &ANY, "Allowed web origins"),
            texts("allowed_clients", &WORD, "Clients allowed to ask for delegation"),
            texts("allowed_logout_urls", &ANY, "URLs that are valid to redirect to after logout"),
            texts("grant_types", &WORD, "Grant types supported for this application"),
            Field::new("token_endpoint_auth_method", AUTHENTICATION, "Authentication method for the token endpoint")$(.$may())?,
            switch("is_token_endpoint_ip_header_trusted", "Whether the forwarded address is trusted"),
            Field::new("app_type", APP_TYPES, "Type of client"),
            switch("is_first_party", "Whether this client is a first party client"),
            switch("oidc_conformant", "Whether this client conforms to strict OIDC specifications"),
            Field::new("jwt_configuration", Kind::Object(&JWT_CONFIGURATION), "Configuration related to JWTs"),
            switch("sso", "Whether Single Sign On is used instead of SSO with IdP"),
            switch("cross_origin_authentication", "Whether this client can make cross-origin authentication requests"),
            Field::new("cross_origin_loc", URI, "URL of the cross-origin verification page")$(.$may())?,
            switch("sso_disabled", "Whether Single Sign On is disabled"),
            switch("custom_login_page_on", "Whether the custom login page is used"),
            Field::new("custom_login_page", ANY, "The content of the custom login page"),
            Field::new("custom_login_page_preview", ANY, "The content of the custom login page, for preview"),
            Field::new("form_template", ANY, "HTML form template to be used for WS-Federation"),
            Field::new("client_metadata", Kind::AnyObject, METADATA).nullable(),
            Field::new("mobile", Kind::Object(&MOBILE), "Configuration related to native mobile apps"),
            Field::new("initiate_login_uri", HTTPS, "Initiate login uri"),
            Field::new("native_social_login", Kind::AnyObject, "Native social login")$(.$may())?,
            Field::new("oidc_logout", Kind::AnyObject, "Configuration for OIDC backchannel logout"),
            Field::new("session_transfer", Kind::AnyObject, "Native to Web SSO Configuration").nullable(),
            Field::new("token_exchange", Kind::AnyObject, "Token exchange configuration")$(.$may())?,
            Field::new("refresh_token", Kind::AnyObject, "Refresh token configuration").nullable(),
            Field::new("default_organization", Kind::AnyObject, "The default organization").nullable(),
            Field::new("organization_usage", USAGE, "How to proceed during an authentication transaction")$(.$may())?,
            Field::new("organization_require_behavior", BEHAVIOR, "How to ask for an organization")$(.$may())?,
            Field::new("organization_discovery_methods", DISCOVERY, "How to find an organization")$(.$may())?,
            switch("require_pushed_authorization_requests", "Whether pushed authorization requests are required"),
            switch("require_proof_of_possession", "Whether proof of possession is required"),
            Field::new("compliance_level", COMPLIANCE, "Required compliance level").nullable(),
            Field::new("skip_non_verifiable_callback_uri_confirmation_prompt", Kind::Boolean, "Whether the confirmation prompt is skipped")$(.$may())?,
            Field::new("par_request_expiry", Kind::Integer(10, 600), "Seconds a pushed authorization request lives").nullable(),
        ])
    };
}

/// The body of `POST /api/v2/clients`.
pub static CREATE: Schema = schema!([Field::new("name", NAME, "Name of this client").required()]);

/// The body of `PATCH /api/v2/clients/{id}`.
pub static UPDATE: Schema = schema!([
    Field::new("name", NAME, "Name of this client"),
    Field::new("client_secret", WORD, "Secret used to sign id_tokens and to authenticate")
] nullable);

/// The grant types of a confidential client.
const GRANT_TYPES: [&str; 4] = ["authorization_code", "implicit", "refresh_token", "client_credentials"];

/// The settings of a new client before what its creator sent is put over them. They follow the authentication method
/// as it was sent, not the type of application, as recorded answers show.
pub fn defaults(token_endpoint_auth_method: Option<&str>) -> Value {
    let public = token_endpoint_auth_method == Some("none");
    let (lifetime, idle) = match token_endpoint_auth_method {
        Some("client_secret_post") => (31_557_600, 2_592_000),
        _ => (2_592_000, 1_296_000),
    };
    json!({
        "global": false,
        "is_token_endpoint_ip_header_trusted": false,
        "is_first_party": true,
        "oidc_conformant": false,
        "sso_disabled": false,
        "cross_origin_auth": false,
        "cross_origin_authentication": false,
        "refresh_token": {
            "expiration_type": "non-expiring",
            "leeway": 0,
            "infinite_token_lifetime": true,
            "infinite_idle_token_lifetime": true,
            "token_lifetime": lifetime,
            "idle_token_lifetime": idle,
            "rotation_type": "non-rotating",
        },
        "callback_url_template": false,
        "jwt_configuration": { "lifetime_in_seconds": 36000, "secret_encoded": false },
        "grant_types": if public { &GRANT_TYPES[..3] } else { &GRANT_TYPES[..] },
        "custom_login_page_on": true,
    })
}

/// A client to be made.
#[derive(Debug)]
pub struct NewClient {
    /// All settings, defaults included.
    pub settings: Map<String, Value>,
    /// What was sent, without nulls.
    pub client_metadata: Option<Map<String, Value>>,
}

impl NewClient {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        check(&CREATE, body)?;
        let method: Option<String> = body.value("token_endpoint_auth_method");
        let mut settings = match defaults(method.as_deref()) {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        let mut sent = Map::new();
        for (name, _) in body.members() {
            if let Patch::Set(value) = body.field::<Value>(name) {
                sent.insert(name.to_owned(), without_nulls(value));
            }
        }
        let client_metadata = match sent.remove("client_metadata") {
            Some(Value::Object(metadata)) => Some(metadata),
            _ => None,
        };
        let expiring = sent.get("refresh_token").is_some_and(|token| token["expiration_type"] == "expiring");
        if expiring && let Some(Value::Object(default)) = settings.get_mut("refresh_token") {
            default.insert("infinite_token_lifetime".into(), json!(false));
            default.insert("infinite_idle_token_lifetime".into(), json!(false));
        }
        for (name, value) in sent {
            match (settings.get_mut(&name), value) {
                (Some(Value::Object(default)), Value::Object(value)) => default.extend(value),
                (_, value) => drop(settings.insert(name, value)),
            }
        }
        Ok(Self { settings, client_metadata })
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(object) = &mut value {
        object.retain(|_, value| !value.is_null());
    }
    value
}

/// A change of a client.
#[derive(Debug)]
pub struct ClientPatch {
    /// Settings to replace or, where they are objects, to merge.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
    /// JSON text to merge.
    pub client_metadata: MetadataPatch,
    /// In the clear until it is sealed.
    pub client_secret: Option<String>,
}

impl ClientPatch {
    /// Reads a body. Every fault it has is told at once.
    pub fn read(body: &Object<'_>) -> Result<Self> {
        check(&UPDATE, body)?;
        let mut patch = Self {
            set: Map::new(),
            unset: Vec::new(),
            client_metadata: metadata::patch(body, "client_metadata"),
            client_secret: body.value("client_secret"),
        };
        let apart = ["client_metadata", "client_secret"];
        for (name, _) in body.members().filter(|(name, _)| !apart.contains(name)) {
            match body.field(name) {
                Patch::Set(value) => drop(patch.set.insert(name.to_owned(), value)),
                Patch::Null | Patch::Absent => patch.unset.push(name.to_owned()),
            }
        }
        Ok(patch)
    }

    /// Does it change the secret and nothing else?
    pub fn is_only_secret(&self) -> bool {
        self.client_secret.is_some()
            && self.set.is_empty()
            && self.unset.is_empty()
            && self.client_metadata.is_none()
    }
}

fn check(schema: &Schema, body: &Object<'_>) -> Result<()> {
    let mut faults = schema.faults(body);
    faults.extend(metadata_faults(body));
    refuse(Part::Payload, &faults)
}

/// The limits of `client_metadata` (<https://auth0.com/docs/get-started/applications/configure-application-metadata>).
fn metadata_faults(body: &Object<'_>) -> Vec<Fault> {
    let Some(object) = body.get("client_metadata").and_then(Object::of) else { return Vec::new() };
    let mut faults = Vec::new();
    let count = object.members().count();
    if count > METADATA_KEYS {
        faults.push(too_many(count));
    }
    let special = |c: char| c.is_ascii_alphanumeric() || ":,-+=_*?\"/\\()<>@\t ".contains(c);
    for (name, value) in object.members() {
        let path = format!("client_metadata.{name}");
        let mut fault = |reason: String| faults.push(Fault::of(&path, METADATA, reason));
        if name.chars().count() > METADATA_LENGTH {
            fault(format!("Property name is too long, maximum {METADATA_LENGTH}"));
        } else if !name.chars().all(special) {
            fault("Property name has characters that are not allowed".into());
        }
        let text: Option<Option<String>> = serde_json::from_str(value.get()).ok();
        match text {
            None => fault(format!("Expected type string but found type {}", crate::json::type_name(value))),
            Some(text) => {
                let length = text.unwrap_or_default().chars().count();
                if length > METADATA_LENGTH {
                    fault(format!("String is too long ({length} chars), maximum {METADATA_LENGTH}"));
                }
            }
        }
    }
    faults
}

fn too_many(count: usize) -> Fault {
    let reason = format!("Too many properties defined ({count}), maximum {METADATA_KEYS}");
    Fault::of("client_metadata", METADATA, reason)
}

/// The refusal of a merge that would leave too many keys.
pub fn too_many_keys(count: usize) -> Error {
    refusal(Part::Payload, &[too_many(count)])
}

/// Which clients a list is asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of these types only.
    pub app_types: Option<Vec<String>>,
    /// Global ones, of which there are none, or the others.
    pub is_global: Option<bool>,
    /// First parties or third parties.
    pub is_first_party: Option<bool>,
}

/// What a caller may see of a client.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// More than what it is called?
    pub all: bool,
    /// Its secret?
    pub secrets: bool,
}

impl View {
    /// What `read:client_summary` lets see.
    const SUMMARY: [&str; 5] = ["tenant", "client_id", "name", "description", "app_type"];

    /// Refuses to be asked for a secret that the caller may not see.
    pub fn check(self, fields: &Fields, asked: Option<&str>) -> Result<()> {
        let named = asked.unwrap_or_default().split(',').any(|name| name.trim() == "client_secret");
        if named && fields.wants("client_secret") && !self.secrets {
            return Err(codes::INSUFFICIENT_SCOPE
                .because("Insufficient scope, expected any of: read:client_keys,read:client_credentials"));
        }
        Ok(())
    }
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Whose it is.
    pub tenant: String,
    /// 32 letters and digits.
    pub client_id: String,
    /// All else.
    pub settings: Map<String, Value>,
    /// What its owner keeps with it.
    pub client_metadata: Option<Value>,
    /// In the clear, for a caller who may see it.
    pub client_secret: Option<String>,
    /// The tag of this state of it.
    pub etag: String,
}

impl Client {
    /// The document as the API answers it.
    pub fn document(mut self, view: View, fields: &Fields) -> Result<String> {
        let mut put = |name: &str, value: Option<Value>| {
            self.settings.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("client_metadata", self.client_metadata);
        put("client_secret", self.client_secret.map(Value::String));
        put("tenant", Some(self.tenant.into()));
        put("client_id", Some(self.client_id.into()));
        self.settings.retain(|name, _| {
            (view.all || View::SUMMARY.contains(&name.as_str())) && (name == "tenant" || fields.wants(name))
        });
        serde_json::to_string(&self.settings).map_err(Error::internal)
    }
}
