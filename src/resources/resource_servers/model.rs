//! An API, and the requests that create and change one.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::auth::published_scopes::PUBLISHED;
use crate::base::error::{Error, Result};
use crate::base::fields::Fields;
use crate::base::json::{FromBody, Object};
use crate::base::schema::{Field, Kind, Part, Schema, Text, Violation, reject};
use crate::tenancy::Tenant;

/// The identifier of the API with which Okta's integration network configures connections.
const EXPRESS_CONFIGURE: &str = "urn:auth0:express-configure";

/// The scopes of the API for a user's own account, as recorded.
const MY_ACCOUNT_SCOPES: [(&str, &str); 8] = [
    ("create:me:connected_accounts", "Create Connected Accounts"),
    ("read:me:connected_accounts", "Read Connected Accounts"),
    ("delete:me:connected_accounts", "Delete Connected Accounts"),
    ("read:me:authentication_methods", "Read Authentication Methods"),
    ("delete:me:authentication_methods", "Delete Authentication Methods"),
    ("update:me:authentication_methods", "Update Authentication Methods"),
    ("read:me:factors", "Read Factors"),
    ("create:me:authentication_methods", "Create Authentication Methods"),
];

/// The maximum number of `identifiers` of a list.
const MAX_IDENTIFIERS: usize = 10;

const SCOPES: &str = "List of permissions that this API uses";

const SCOPE: Schema = Schema::closed(&[
    Field::new("value", Kind::Text(Text::between(1, 280)), "Value of this scope").required(),
    Field::new("description", Kind::Text(Text::between(0, 500)), "User-friendly description of this scope"),
]);

static TOKEN_ENCRYPTION: Schema = Schema::closed(&[
    Field::new("format", Kind::OneOf(&["compact-nested-jwe"]), "Format of the encrypted JWT payload")
        .required(),
    Field::new("encryption_key", Kind::Object(&Schema::open(&[])), "The key to encrypt with").required(),
]);

const fn policy(words: &'static [&'static str]) -> Field {
    Field::new("policy", Kind::OneOf(words), "Who may have a token")
}

static SUBJECT_TYPES: Schema = Schema::closed(&[
    Field::new(
        "user",
        Kind::Object(&Schema::open(&[policy(&["allow_all", "deny_all", "require_client_grant"])])),
        "Policy for users",
    ),
    Field::new(
        "client",
        Kind::Object(&Schema::open(&[policy(&["deny_all", "require_client_grant"])])),
        "Policy for clients",
    ),
    Field::new(
        "anonymous_user",
        Kind::Object(&Schema::open(&[policy(&["allow_all", "deny_all", "require_client_grant"])])),
        "Policy for anonymous users",
    ),
]);

const fn switch(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Boolean, about)
}

const fn lifetime(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Integer(0, 2_592_000), about)
}

macro_rules! schema {
    ($($field:expr)?) => {
        Schema::closed(&[
            $($field,)?
            Field::new(
                "name",
                Kind::Text(
                    Text::between(1, 200).pattern("^[^<>]+$", |text| !text.is_empty() && !text.contains(['<', '>'])),
                ),
                "Friendly name for this resource server",
            ),
            Field::new("scopes", Kind::Array(0, &Kind::Object(&SCOPE)), SCOPES),
            Field::new("signing_alg", Kind::OneOf(&["HS256", "RS256", "RS512", "PS256"]), "Algorithm used to sign JWTs"),
            Field::new("signing_secret", Kind::Text(Text::at_least(16)), "Secret used to sign tokens when using symmetric algorithms"),
            switch("allow_offline_access", "Whether refresh tokens can be issued for this API"),
            switch("allow_online_access", "Whether online access tokens can be issued for this API"),
            switch("allow_online_access_with_ephemeral_sessions", "The same with ephemeral sessions"),
            lifetime("token_lifetime", "Expiration value (in seconds) for access tokens issued for this API"),
            lifetime("token_lifetime_for_web", "The same for tokens issued via implicit or hybrid flows"),
            Field::new(
                "token_lifetime_for_anonymous_access_tokens",
                Kind::Integer(0, 2_592_000),
                "The same for tokens of anonymous users",
            )
            .nullable(),
            Field::new(
                "token_dialect",
                Kind::OneOf(&["access_token", "access_token_authz", "rfc9068_profile", "rfc9068_profile_authz"]),
                "Dialect of access tokens",
            ),
            switch("skip_consent_for_verifiable_first_party_clients", "Whether to skip user consent"),
            switch("enforce_policies", "Whether to enforce authorization policies"),
            Field::new("token_encryption", Kind::Object(&TOKEN_ENCRYPTION), "How tokens are encrypted").nullable(),
            Field::new("consent_policy", Kind::OneOf(&["transactional-authorization-with-mfa"]), "Consent policy").nullable(),
            Field::new("authorization_details", Kind::Array(0, &Kind::AnyObject), "Types of rich authorization requests").nullable(),
            Field::new("proof_of_possession", Kind::AnyObject, "Proof-of-possession configuration").nullable(),
            Field::new("subject_type_authorization", Kind::Object(&SUBJECT_TYPES), "Who may have tokens"),
            Field::new("authorization_policy", Kind::AnyObject, "Authorization policy").nullable(),
        ])
    };
}

/// The body of `POST /api/v2/resource-servers`.
pub static CREATE: Schema = schema!(
    Field::new(
        "identifier",
        Kind::Text(Text::between(1, 600)),
        "Unique identifier for the API used as the audience parameter on authorization calls",
    )
    .required()
);

/// The body of `PATCH /api/v2/resource-servers/{id}`.
pub static UPDATE: Schema = schema!();

/// The body of `POST /api/v2/resource-servers`.
#[derive(Debug)]
pub struct NewResourceServer {
    /// The audience of its tokens. It never changes.
    pub identifier: String,
    /// The other properties, defaults included.
    pub settings: Map<String, Value>,
    /// The key that signs its tokens, in the clear.
    pub signing_secret: Option<String>,
}

impl FromBody for NewResourceServer {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        let ResourceServerPatch { mut set, signing_secret, .. } = read(&CREATE, body)?;
        set.remove("identifier");
        for (name, value) in defaults() {
            set.entry(name).or_insert(value);
        }
        Ok(Self { identifier: body.value("identifier").unwrap_or_default(), settings: set, signing_secret })
    }
}

/// The body of `PATCH /api/v2/resource-servers/{id}`.
#[derive(Debug)]
pub struct ResourceServerPatch {
    /// Settings to replace.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
    /// The key that signs its tokens, in the clear.
    pub signing_secret: Option<String>,
}

impl FromBody for ResourceServerPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        read(&UPDATE, body)
    }
}

/// True if the tokens of an API with these settings are signed with a secret.
pub fn is_symmetric(settings: &Map<String, Value>) -> bool {
    settings.get("signing_alg").is_some_and(|alg| alg == "HS256")
}

fn read(schema: &Schema, body: &Object<'_>) -> Result<ResourceServerPatch> {
    schema.check(body)?;
    check_scopes_are_unique(body)?;
    let (mut set, unset) = body.set_and_unset(&["signing_secret"]);
    if let Some(Value::Object(policies)) = set.get_mut(SUBJECT_TYPE_AUTHORIZATION) {
        for (subject, policy) in default_policies() {
            policies.entry(subject).or_insert(policy);
        }
    }
    Ok(ResourceServerPatch { set, unset, signing_secret: body.value("signing_secret") })
}

fn check_scopes_are_unique(body: &Object<'_>) -> Result<()> {
    let scopes: Vec<Map<String, Value>> = body.value("scopes").unwrap_or_default();
    let mut seen = HashSet::new();
    let mut values = scopes.iter().filter_map(|scope| scope.get("value")?.as_str());
    let violation = values
        .find(|value| !seen.insert(*value))
        .map(|value| Violation::of("scopes", SCOPES, format!("Array items are not unique: {value}")));
    reject(Part::Payload, violation.as_slice())
}

/// The policies of tokens, by their subjects.
const SUBJECT_TYPE_AUTHORIZATION: &str = "subject_type_authorization";

/// The policies of an API that names none.
fn default_policies() -> [(&'static str, Value); 2] {
    [("client", json!({ "policy": "require_client_grant" })), ("user", json!({ "policy": "allow_all" }))]
}

/// The default settings.
fn defaults() -> [(&'static str, Value); 6] {
    [
        ("signing_alg", json!("RS256")),
        ("allow_offline_access", json!(false)),
        ("token_lifetime", json!(86_400)),
        ("token_lifetime_for_web", json!(7200)),
        ("skip_consent_for_verifiable_first_party_clients", json!(false)),
        (SUBJECT_TYPE_AUTHORIZATION, default_policies().into_iter().collect()),
    ]
}

/// 400 if a list has too many `identifiers`.
pub fn check_identifiers(identifiers: &[String]) -> Result<()> {
    let violation = (identifiers.len() > MAX_IDENTIFIERS).then(|| {
        let reason = format!("Array is too long ({}), maximum {MAX_IDENTIFIERS}", identifiers.len());
        Violation::of("identifiers", "An optional filter on the resource server identifier", reason)
    });
    reject(Part::Query, violation.as_slice())
}

/// An API.
#[derive(Debug)]
pub struct ResourceServer {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The audience of its tokens.
    pub identifier: String,
    /// True for the Management API and other APIs of Auth0.
    pub is_system: bool,
    /// The other properties, without the secret.
    pub settings: Map<String, Value>,
    /// The key that signs its tokens, in the clear.
    pub signing_secret: Option<String>,
    /// The client that was made for it.
    pub client_id: Option<String>,
}

impl ResourceServer {
    /// The Management API of a tenant under an identifier, which is not stored.
    pub fn system(tenant: &Tenant, identifier: String) -> Self {
        let mut settings: Map<String, Value> =
            defaults().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        settings.insert("name".into(), json!("Auth0 Management API"));
        settings.insert("token_lifetime".into(), json!(tenant.token_lifetime));
        settings.insert("scopes".into(), described(PUBLISHED));
        Self {
            id: system_id(tenant),
            identifier,
            is_system: true,
            settings,
            signing_secret: None,
            client_id: None,
        }
    }

    /// The API as JSON.
    pub fn document(mut self, fields: &Fields) -> Result<String> {
        self.settings.insert("id".into(), json!(self.id));
        self.settings.insert("identifier".into(), json!(self.identifier));
        if self.is_system {
            self.settings.insert("is_system".into(), json!(true));
        }
        if let Some(secret) = self.signing_secret {
            self.settings.insert("signing_secret".into(), json!(secret));
        }
        if let Some(client_id) = self.client_id {
            self.settings.insert("client_id".into(), json!(client_id));
        }
        // APIs of earlier versions have no policies stored.
        let policies = || default_policies().into_iter().collect();
        self.settings.entry(SUBJECT_TYPE_AUTHORIZATION).or_insert_with(policies);
        self.settings.retain(|name, _| fields.wants(name));
        serde_json::to_string(&self.settings).map_err(Error::internal)
    }
}

/// The settings of an API of Auth0 that a creation with its identifier makes, whatever else it sends;
/// `None` for another identifier.
pub fn system_settings(tenant: &Tenant, identifier: &str) -> Option<Map<String, Value>> {
    let settings = if tenant.is_my_account(identifier) {
        json!({
            "name": "Auth0 My Account API",
            "allow_offline_access": true,
            "skip_consent_for_verifiable_first_party_clients": true,
            SUBJECT_TYPE_AUTHORIZATION: {
                "client": { "policy": "deny_all" },
                "user": { "policy": "require_client_grant" },
            },
            "token_lifetime": 600,
            "token_lifetime_for_web": 600,
            "signing_alg": "RS256",
            "scopes": described(&MY_ACCOUNT_SCOPES),
            "proof_of_possession": { "mechanism": "dpop", "required": false },
        })
    } else if identifier == EXPRESS_CONFIGURE {
        let mut settings: Map<String, Value> =
            defaults().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        settings.insert("name".into(), json!("Okta OIN Express Configuration API"));
        settings.insert("scopes".into(), described(&[]));
        Value::Object(settings)
    } else {
        return None;
    };
    if let Value::Object(settings) = settings { Some(settings) } else { None }
}

/// True for the id and the identifiers of the tenant's Management API.
pub fn is_management(tenant: &Tenant, id: &str) -> bool {
    tenant.is_management(id) || id == system_id(tenant)
}

/// The id of the tenant's Management API, derived from the name of the tenant.
pub fn system_id(tenant: &Tenant) -> String {
    let digest = Sha256::digest(format!("management\n{}", tenant.id));
    let number = digest.iter().take(12).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:024x}")
}

fn described(scopes: &[(&str, &str)]) -> Value {
    scopes.iter().map(|(value, description)| json!({ "value": value, "description": description })).collect()
}
