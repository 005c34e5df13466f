//! The table of what a request may say about a client: each property once, with its limits, for creations and changes.
//!
//! What is [`Kind::Merged`] here is merged at its first level by a change; all else is replaced.

use std::net::IpAddr;

use super::credentials::model::{CERT_SUBJECT_DN, PUBLIC_KEY, X509_CERT};
use crate::base::schema::{Field, Format, Kind, Schema, Text};

pub(super) const METADATA: &str = "Metadata associated with the client";

/// The longest alias, in characters: an index has to hold it.
const ALIAS_LENGTH: usize = 600;

const ANY: Kind = Kind::Text(Text::ANY);
const WORD: Kind = Kind::Text(Text::at_least(1));
const WHOLE: Kind = Kind::Integer(0, MAX);
const POSITIVE: Kind = Kind::Integer(1, MAX);
const MAX: i64 = 2_147_483_647;

const NAME: Kind =
    Kind::Text(Text::at_least(1).pattern("^[^<>]+$", |text| !text.is_empty() && !text.contains(['<', '>'])));

const fn own(name: &'static str, test: fn(&str) -> bool) -> Kind {
    Kind::Text(Text::format(Format::Own(name, test)))
}

// Placeholders and wildcards are part of many of these, so they are not URLs as the RFCs have them.
const CALLBACK: Kind = own("callback-url", is_absolute);
const URL: Kind = own("url-with-placeholders", is_absolute);
const URI: Kind = own("absolute-uri-or-empty", |text| text.is_empty() || is_absolute(text));
const HTTPS: Kind = own("absolute-https-uri-with-placeholders-or-empty", |text| {
    text.is_empty() || (text.starts_with("https://") && text.len() > 8 && is_absolute(text))
});
const TEMPLATE: Kind =
    own("ec-initiate-login-uri-template-url", |text| text.starts_with("https://") && is_absolute(text));
const PLAIN_URL: Kind = Kind::Text(Text::format(Format::Url));
const CLIENT_ID: Kind = Kind::Text(Text::format(Format::ClientId));
const CREDENTIAL_ID: Kind = own("credential-id", |text| has_prefix(text, "cred_"));
const ORGANIZATION_ID: Kind = own("organization-id", |text| has_prefix(text, "org_"));
const CONNECTION_PROFILE_ID: Kind = own("connection-profile-id", |text| has_prefix(text, "cop_"));
const USER_ATTRIBUTE_PROFILE_ID: Kind = own("user-attribute-profile-id", |text| has_prefix(text, "uap_"));

/// A scheme and something behind it; no space anywhere.
fn is_absolute(text: &str) -> bool {
    let scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
    };
    text.split_once(':').is_some_and(|(before, rest)| scheme(before) && !rest.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    let id = text.strip_prefix(prefix).unwrap_or_default();
    (1..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// An address, or a range of them with the length of its prefix.
fn is_address_or_range(text: &str) -> bool {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let bits = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= bits))
}

const AUTHENTICATION: Kind = Kind::OneOf(&["none", "client_secret_post", "client_secret_basic"]);
const USAGE: Kind = Kind::OneOf(&["deny", "allow", "require"]);
const BEHAVIOR: Kind = Kind::OneOf(&["no_prompt", "pre_login_prompt", "post_login_prompt"]);
const DISCOVERY: Kind = Kind::Array(1, &Kind::OneOf(&["email", "organization_name"]));
const CHANNELS: Kind = Kind::Array(1, &Kind::OneOf(&["guardian-push", "email"]));
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

const fn switch(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Boolean, about)
}

const fn text(name: &'static str, about: &'static str) -> Field {
    Field::new(name, ANY, about)
}

const fn texts(name: &'static str, of: &'static Kind, about: &'static str) -> Field {
    Field::new(name, Kind::Array(0, of), about)
}

const fn merged(name: &'static str, schema: &'static Schema, about: &'static str) -> Field {
    Field::new(name, Kind::Merged(schema), about)
}

static JWT_CONFIGURATION: Schema = Schema::open(&[
    Field::new("lifetime_in_seconds", WHOLE, "Seconds an ID token lives"),
    switch("secret_encoded", "Whether the client secret is base64 encoded"),
    Field::new("scopes", Kind::AnyObject, "Configuration related to id token claims"),
    Field::new("alg", Kind::OneOf(&["HS256", "RS256", "RS512", "PS256"]), "Algorithm used to sign JWTs"),
]);

static ENCRYPTION_KEY: Schema = Schema::open(&[
    text("pub", "Encryption Public RSA Key"),
    text("cert", "Encryption certificate for public key in X.509 (.CER) format"),
    text("subject", "Encryption certificate name"),
]);

static OIDC_LOGOUT: Schema = Schema::open(&[
    texts("backchannel_logout_urls", &HTTPS, "URLs that are called for OIDC backchannel logout"),
    Field::new(
        "backchannel_logout_initiators",
        Kind::Object(&INITIATORS),
        "Configuration for OIDC backchannel logout initiators",
    ),
    Field::new(
        "backchannel_logout_session_metadata",
        Kind::Object(&SESSION_METADATA),
        "Whether session metadata is in the logout token",
    )
    .nullable(),
]);
static INITIATORS: Schema = Schema::open(&[
    Field::new("mode", Kind::OneOf(&["custom", "all"]), "How initiators are enabled"),
    texts("selected_initiators", &INITIATOR, "The initiators to be enabled"),
]);
const INITIATOR: Kind = Kind::OneOf(&[
    "rp-logout",
    "idp-logout",
    "password-changed",
    "session-expired",
    "session-revoked",
    "account-deleted",
    "email-identifier-changed",
    "mfa-phone-unenrolled",
    "account-deactivated",
]);
static SESSION_METADATA: Schema =
    Schema::open(&[switch("include", "Whether session metadata is included in the logout token")]);

static SESSION_TRANSFER: Schema = Schema::closed(&[
    switch("can_create_session_transfer_token", "Whether the client can issue a session transfer token"),
    switch("enforce_cascade_revocation", "Whether revoking the parent refresh token revokes what came of it"),
    texts(
        "allowed_authentication_methods",
        &Kind::OneOf(&["cookie", "query"]),
        "How a session transfer token is received",
    ),
    Field::new(
        "enforce_device_binding",
        Kind::OneOf(&["ip", "asn", "none"]),
        "What a session transfer token is bound to",
    ),
    switch("allow_refresh_token", "Whether refresh tokens are issued for a session transfer token"),
    switch("enforce_online_refresh_tokens", "Whether refresh tokens end with their session"),
    Field::new("delegation", Kind::Object(&DELEGATION), "Configuration for delegation access"),
]);
static DELEGATION: Schema = Schema::closed(&[
    switch("allow_delegated_access", "Whether delegation access is allowed"),
    Field::new("enforce_device_binding", Kind::OneOf(&["ip", "asn"]), "What delegation access is bound to"),
]);

static MOBILE: Schema = Schema::open(&[
    Field::new("android", Kind::Object(&ANDROID), "Android native app configuration"),
    Field::new("ios", Kind::Object(&IOS), "iOS native app configuration"),
]);
static ANDROID: Schema = Schema::open(&[
    text("app_package_name", "App package name found in AndroidManifest.xml"),
    Field::new(
        "sha256_cert_fingerprints",
        Kind::Array(1, &WORD),
        "SHA256 fingerprints of the app's signing certificate",
    ),
]);
static IOS: Schema = Schema::open(&[
    text("team_id", "Identifier assigned to the Apple account that signs the app"),
    text("app_bundle_identifier", "The app's unique identifier inside the store"),
]);

static NATIVE_SOCIAL_LOGIN: Schema = Schema::closed(&[
    Field::new("apple", Kind::Object(&ENABLED), "Native Social Login support for the Apple connection"),
    Field::new("facebook", Kind::Object(&ENABLED), "Native Social Login support for the Facebook connection"),
    Field::new(
        "google",
        Kind::Object(&ENABLED),
        "Native Social Login support for the google-oauth2 connection",
    ),
])
.at_least(1);
static ENABLED: Schema =
    Schema::closed(&[switch("enabled", "Whether native social login is enabled")]).at_least(1);

static FEDCM_LOGIN: Schema =
    Schema::closed(&[Field::new("google", Kind::Object(&FEDCM_GOOGLE), "FedCM login for google-oauth2")])
        .at_least(1);
static FEDCM_GOOGLE: Schema =
    Schema::closed(&[switch("is_enabled", "Whether FedCM login is enabled")]).at_least(1);

static REFRESH_TOKEN: Schema = Schema::closed(&[
    Field::new("rotation_type", Kind::OneOf(&["rotating", "non-rotating"]), "Refresh token rotation types"),
    Field::new(
        "expiration_type",
        Kind::OneOf(&["expiring", "non-expiring"]),
        "Refresh token expiration types",
    ),
    Field::new("leeway", WHOLE, "Seconds in which the previous refresh token can be exchanged too"),
    Field::new(
        "token_lifetime",
        Kind::Integer(1, 157_788_000),
        "Seconds for which refresh tokens remain valid",
    ),
    switch("infinite_token_lifetime", "Whether tokens have no set lifetime"),
    Field::new("idle_token_lifetime", POSITIVE, "Seconds for which refresh tokens remain valid without use"),
    switch("infinite_idle_token_lifetime", "Whether tokens never expire without use"),
    Field::new(
        "policies",
        Kind::Array(1, &Kind::Object(&REFRESH_TOKEN_POLICY)),
        "How refresh tokens are used across resource servers",
    ),
]);
static REFRESH_TOKEN_POLICY: Schema = Schema::closed(&[
    Field::new("audience", Kind::Text(Text::between(1, 600)), "The identifier of the resource server")
        .required(),
    texts("scope", &Kind::Text(Text::between(1, 280)), "The permissions granted").required(),
]);

static DEFAULT_ORGANIZATION: Schema = Schema::closed(&[
    Field::new("organization_id", ORGANIZATION_ID, "The default Organization ID to be used").required(),
    texts("flows", &Kind::OneOf(&["client_credentials"]), "The default Organization usage").required(),
]);

static TOKEN_EXCHANGE: Schema = Schema::closed(&[texts(
    "allow_any_profile_of_type",
    &Kind::OneOf(&["custom_authentication", "on_behalf_of_token_exchange"]),
    "The enabled token exchange types",
)]);

/// How many tokens a client or an organization may have.
pub static TOKEN_QUOTA: Schema = Schema::closed(&[Field::new(
    "client_credentials",
    Kind::Object(&TOKEN_QUOTA_LIMITS),
    "The token quota configuration",
)
.required()]);
static TOKEN_QUOTA_LIMITS: Schema = Schema::closed(&[
    switch("enforce", "Whether the quota is enforced or only logged"),
    Field::new("per_day", POSITIVE, "Maximum number of issued tokens per day"),
    Field::new("per_hour", POSITIVE, "Maximum number of issued tokens per hour"),
])
.at_least(1);

static EXPRESS_CONFIGURATION: Schema = Schema::closed(&[
    Field::new("initiate_login_uri_template", TEMPLATE, "The URI users should bookmark to log in").required(),
    Field::new(
        "user_attribute_profile_id",
        USER_ATTRIBUTE_PROFILE_ID,
        "The ID of the user attribute profile",
    )
    .required(),
    Field::new("connection_profile_id", CONNECTION_PROFILE_ID, "The ID of the connection profile").required(),
    switch("enable_client", "Whether all connections are enabled for the application").required(),
    switch("enable_organization", "Whether all connections have the organization enabled").required(),
    texts(
        "linked_clients",
        &Kind::Object(&LINKED_CLIENT),
        "Client IDs that are linked to this express configuration",
    ),
    Field::new(
        "okta_oin_client_id",
        CLIENT_ID,
        "The unique identifier of the Okta OIN Express Configuration Client",
    )
    .required(),
    Field::new("admin_login_domain", WORD, "The domain that admins are to log in via").required(),
    Field::new(
        "oin_submission_id",
        Kind::Text(Text::between(1, 200)),
        "The identifier of the published application",
    ),
]);
static LINKED_CLIENT: Schema =
    Schema::closed(&[Field::new("client_id", CLIENT_ID, "The ID of the linked client").required()]);

static MY_ORGANIZATION_CONFIGURATION: Schema = Schema::closed(&[
    Field::new(
        "connection_profile_id",
        CONNECTION_PROFILE_ID,
        "The connection profile ID to validate against",
    ),
    Field::new(
        "user_attribute_profile_id",
        USER_ATTRIBUTE_PROFILE_ID,
        "The user attribute profile ID to validate against",
    ),
    texts(
        "allowed_strategies",
        &Kind::OneOf(&["pingfederate", "adfs", "waad", "google-apps", "okta", "oidc", "samlp"]),
        "The allowed connection strategies",
    )
    .required(),
    Field::new(
        "connection_deletion_behavior",
        Kind::OneOf(&["allow", "allow_if_empty"]),
        "The deletion behavior for this client",
    )
    .required(),
    Field::new("invitation_landing_client_id", CLIENT_ID, "The client that invitations lead to"),
]);

macro_rules! addon {
    ($name:literal, [$($field:expr),*]) => {
        Field::new($name, Kind::Object(&Schema::open(&[$($field),*])), "Addon configuration")
    };
}

static ADDONS: Schema = Schema::closed(&[
    addon!(
        "aws",
        [
            text("principal", "AWS principal ARN"),
            text("role", "AWS role ARN"),
            Field::new("lifetime_in_seconds", Kind::Integer(900, 43_200), "AWS token lifetime in seconds")
        ]
    ),
    addon!(
        "azure_blob",
        [
            Field::new(
                "accountName",
                Kind::Text(Text::ANY.pattern("^([a-z0-9]){3,24}$", |t| (3..=24).contains(&t.len())
                    && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))),
                "Your Azure storage account name"
            ),
            Field::new(
                "storageAccessKey",
                Kind::Text(Text::ANY.pattern("^([A-Za-z0-9+/]){86}==$", |t| t.len() == 88
                    && t.ends_with("==")
                    && t[..86].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/'))),
                "Access key of the storage account"
            ),
            Field::new(
                "containerName",
                Kind::Text(Text::ANY.pattern("^([a-z0-9]){1}([a-z0-9-]){2,62}$", |t| {
                    (3..=63).contains(&t.len())
                        && !t.starts_with('-')
                        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                })),
                "Container to request a token for"
            ),
            Field::new("blobName", Kind::Text(Text::between(1, 1024)), "Entity to request a token for"),
            Field::new("expiration", WHOLE, "Expiration in minutes"),
            text("signedIdentifier", "Shared access policy identifier"),
            switch("blob_read", "Permission to read blobs"),
            switch("blob_write", "Permission to write blobs"),
            switch("blob_delete", "Permission to delete blobs"),
            switch("container_read", "Permission to read the container"),
            switch("container_write", "Permission to write to the container"),
            switch("container_delete", "Permission to delete from the container"),
            switch("container_list", "Permission to list the container")
        ]
    ),
    addon!(
        "azure_sb",
        [
            text("namespace", "Your Azure Service Bus namespace"),
            text("sasKeyName", "Your shared access policy name"),
            text("sasKey", "Primary Key"),
            text("entityPath", "Entity to request a token for"),
            Field::new("expiration", WHOLE, "Expiration in minutes")
        ]
    ),
    addon!("rms", [Field::new("url", PLAIN_URL, "URL of your Rights Management Server").required()]),
    addon!("mscrm", [Field::new("url", PLAIN_URL, "Microsoft Dynamics CRM application URL").required()]),
    addon!("slack", [text("team", "Slack team name").required()]),
    addon!("sentry", [text("org_slug", "Slug of your Sentry organization"), text("base_url", "URL prefix")]),
    addon!("box", []),
    addon!("cloudbees", []),
    addon!("concur", []),
    addon!("dropbox", []),
    addon!("echosign", [text("domain", "Your custom domain")]),
    addon!("egnyte", [text("domain", "Your custom domain")]),
    addon!(
        "firebase",
        [
            text("secret", "Google Firebase Secret"),
            text("private_key_id", "ID of the private key"),
            text("private_key", "Private Key for signing the token"),
            text("client_email", "ID of the Service Account"),
            Field::new("lifetime_in_seconds", WHOLE, "Expiration in seconds")
        ]
    ),
    addon!("newrelic", [text("account", "Your New Relic Account ID")]),
    addon!(
        "office365",
        [
            text("domain", "Your Office 365 domain name"),
            text("connection", "Database connection for testing")
        ]
    ),
    addon!("salesforce", [Field::new("entity_id", PLAIN_URL, "URL that identifies the Salesforce resource")]),
    addon!(
        "salesforce_api",
        [
            text("clientid", "Consumer Key"),
            text("principal", "Name of the property that maps to a username"),
            text("communityName", "Community name"),
            text("community_url_section", "Community url section")
        ]
    ),
    addon!(
        "salesforce_sandbox_api",
        [
            text("clientid", "Consumer Key"),
            text("principal", "Name of the property that maps to a username"),
            text("communityName", "Community name"),
            text("community_url_section", "Community url section")
        ]
    ),
    addon!(
        "samlp",
        [
            Field::new("mappings", Kind::AnyObject, "Mappings of attributes"),
            text("audience", "Audience"),
            text("recipient", "Recipient"),
            switch("createUpnClaim", "Whether a UPN claim is created"),
            switch("mapUnknownClaimsAsIs", "Whether unknown claims are mapped as they are"),
            switch("passthroughClaimsWithNoMapping", "Whether claims without mapping are passed through"),
            switch("mapIdentities", "Whether identities are mapped"),
            text("signatureAlgorithm", "Signature algorithm"),
            text("digestAlgorithm", "Digest algorithm"),
            text("issuer", "Issuer"),
            text("destination", "Destination"),
            Field::new("lifetimeInSeconds", WHOLE, "Lifetime in seconds"),
            switch("signResponse", "Whether the response is signed"),
            text("nameIdentifierFormat", "Format of the name identifier"),
            texts("nameIdentifierProbes", &WORD, "Where the name identifier is looked for"),
            text("authnContextClassRef", "Authentication context class")
        ]
    ),
    addon!(
        "layer",
        [
            text("providerId", "Provider ID").required(),
            text("keyId", "Authentication Key identifier").required(),
            text("privateKey", "Private key for signing the token").required(),
            text("principal", "Name of the property used as the user id"),
            Field::new("expiration", WHOLE, "Expiration in minutes")
        ]
    ),
    addon!(
        "sap_api",
        [
            text("clientid", "SAML attribute client_id"),
            text("usernameAttribute", "Name of the property that maps to a username"),
            Field::new("tokenEndpointUrl", PLAIN_URL, "Token endpoint URL"),
            text("scope", "Requested scope"),
            text("servicePassword", "Service account password"),
            text("nameIdentifierFormat", "Format of the name identifier")
        ]
    ),
    addon!(
        "sharepoint",
        [
            text("url", "Internal application URL"),
            Field::new("external_url", Kind::Any(&[ANY, Kind::Array(0, &ANY)]), "External application URLs")
        ]
    ),
    addon!("springcm", [text("acsurl", "SpringCM ACS URL")]),
    addon!("wams", [text("masterkey", "Your master key for Windows Azure Mobile Services")]),
    addon!("wsfed", []),
    addon!("zendesk", [text("accountName", "Zendesk account name")]),
    addon!("zoom", [text("account", "Zoom account name")]),
    addon!(
        "sso_integration",
        [text("name", "SSO integration name"), text("version", "SSO integration version installed")]
    ),
    Field::new("oag", Kind::Object(&NOTHING), "Okta Access Gateway SSO configuration"),
]);
static NOTHING: Schema = Schema::closed(&[]);

const ADDRESS: Kind = Kind::Text(Text::format(Format::Own("ip-or-cidr", is_address_or_range)));

macro_rules! list_of {
    ($credential:expr) => {
        Kind::Object(&Schema::closed(&[texts(
            "credentials",
            &Kind::Object($credential),
            "Credentials enabled on the client",
        )
        .required()]))
    };
}

/// What has credentials. They are `$key`, `$subject` and `$certificate`: all of each in a creation, the ids of those that
/// are there in a change.
macro_rules! with_credentials {
    ($methods:ident, $request:ident, $vault:ident: $key:expr, $subject:expr, $certificate:expr) => {
        static $methods: Schema = Schema::closed(&[
            Field::new("private_key_jwt", list_of!($key), "The private_key_jwt authentication method"),
            Field::new("tls_client_auth", list_of!($subject), "The tls_client_auth authentication method"),
            Field::new(
                "self_signed_tls_client_auth",
                list_of!($certificate),
                "The self_signed_tls_client_auth authentication method",
            ),
        ])
        .at_least(1)
        .at_most(1);
        static $request: Schema = Schema::closed(&[
            switch("required", "Whether JWT-secured Authorization Requests are mandatory"),
            texts("credentials", &Kind::Object($key), "Credentials for JWT-secured Authorization Requests"),
        ]);
        static $vault: Schema = Schema::closed(&[
            texts("credentials", &Kind::Object($key), "Credentials for privileged access").required(),
            texts("ip_allowlist", &ADDRESS, "Addresses and ranges that have access"),
        ]);
    };
}
with_credentials!(NEW_METHODS, NEW_REQUEST_OBJECT, NEW_VAULT_ACCESS: &PUBLIC_KEY, &CERT_SUBJECT_DN, &X509_CERT);
with_credentials!(METHODS, REQUEST_OBJECT, VAULT_ACCESS: &REFERENCE, &REFERENCE, &REFERENCE);
static REFERENCE: Schema = Schema::closed(&[Field::new("id", CREDENTIAL_ID, "Credential ID").required()]);

/// `$own` is what creations and changes have each for themselves; `$may` is what a change may set to null and a creation
/// may not; `$methods`, `$request` and `$vault` are what has credentials.
macro_rules! schema {
    ([$($own:expr),+] $methods:ident $request:ident $vault:ident $pages:expr $(, $may:ident)?) => {
        Schema::closed(&[
            $($own,)+
            Field::new("description", Kind::Text(Text::between(0, 140)), "Free text description of this client"),
            Field::new("logo_uri", URI, "URL of the logo to display for this client"),
            texts("callbacks", &CALLBACK, "Allowed callback URLs"),
            merged("oidc_logout", &OIDC_LOGOUT, "Configuration for OIDC backchannel logout")$(.$may())?,
            merged("oidc_backchannel_logout", &OIDC_LOGOUT, "Configuration for OIDC backchannel logout")$(.$may())?,
            merged("session_transfer", &SESSION_TRANSFER, "Native to Web SSO Configuration").nullable(),
            texts("allowed_origins", &URL, "Allowed origins"),
            texts("web_origins", &URL, "Allowed web origins"),
            texts("client_aliases", &Kind::Text(Text::between(1, ALIAS_LENGTH)), "Audiences/realms for the SAML protocol"),
            texts("allowed_clients", &WORD, "Clients allowed to ask for delegation"),
            texts("allowed_logout_urls", &URL, "URLs that are valid to redirect to after logout"),
            texts("grant_types", &WORD, "Grant types supported for this application"),
            Field::new("token_endpoint_auth_method", AUTHENTICATION, "Authentication method for the token endpoint")$(.$may())?,
            switch("is_token_endpoint_ip_header_trusted", "Whether the forwarded address is trusted"),
            Field::new("app_type", APP_TYPES, "Type of client"),
            switch("is_first_party", "Whether this client is a first party client"),
            switch("oidc_conformant", "Whether this client conforms to strict OIDC specifications"),
            merged("jwt_configuration", &JWT_CONFIGURATION, "Configuration related to JWTs")$(.$may())?,
            merged("encryption_key", &ENCRYPTION_KEY, "Encryption used for WsFed responses").nullable(),
            switch("sso", "Whether Single Sign On is used instead of SSO with IdP"),
            switch("cross_origin_authentication", "Whether this client can make cross-origin authentication requests"),
            Field::new("cross_origin_loc", PLAIN_URL, "URL of the cross-origin verification page")$(.$may())?,
            switch("sso_disabled", "Whether Single Sign On is disabled"),
            switch("custom_login_page_on", "Whether the custom login page is used"),
            Field::new("custom_login_page", $pages, "The content of the custom login page"),
            Field::new("custom_login_page_preview", $pages, "The content of the custom login page, for preview"),
            Field::new("form_template", $pages, "HTML form template to be used for WS-Federation"),
            merged("addons", &ADDONS, "Addons enabled for this client")$(.$may())?,
            Field::new("client_metadata", Kind::AnyObject, METADATA).nullable(),
            merged("mobile", &MOBILE, "Configuration related to native mobile apps")$(.$may())?,
            Field::new("initiate_login_uri", HTTPS, "Initiate login uri"),
            merged("native_social_login", &NATIVE_SOCIAL_LOGIN, "Native social login")$(.$may())?,
            merged("fedcm_login", &FEDCM_LOGIN, "FedCM login")$(.$may())?,
            merged("refresh_token", &REFRESH_TOKEN, "Refresh token configuration").nullable(),
            merged("default_organization", &DEFAULT_ORGANIZATION, "The default organization").nullable(),
            Field::new("organization_usage", USAGE, "How to proceed during an authentication transaction")$(.$may())?,
            Field::new("organization_require_behavior", BEHAVIOR, "How to ask for an organization")$(.$may())?,
            Field::new("organization_discovery_methods", DISCOVERY, "How to find an organization")$(.$may())?,
            Field::new("client_authentication_methods", Kind::Object(&$methods), "Client authentication methods")$(.$may())?,
            switch("require_pushed_authorization_requests", "Whether pushed authorization requests are required"),
            switch("require_proof_of_possession", "Whether proof of possession is required"),
            merged("signed_request_object", &$request, "JWT-secured Authorization Requests")$(.$may())?,
            merged("token_vault_privileged_access", &$vault, "Privileged access to the Token Vault")$(.$may())?,
            Field::new("compliance_level", COMPLIANCE, "Required compliance level").nullable(),
            switch("skip_non_verifiable_callback_uri_confirmation_prompt", "Whether the confirmation prompt is skipped")$(.$may())?,
            merged("token_exchange", &TOKEN_EXCHANGE, "Token exchange configuration")$(.$may())?,
            Field::new("par_request_expiry", Kind::Integer(10, 600), "Seconds a pushed authorization request lives").nullable(),
            merged("token_quota", &TOKEN_QUOTA, "Token quota")$(.$may())?,
            Field::new("third_party_security_mode", Kind::OneOf(&["strict", "permissive"]), "Security mode for third-party clients"),
            Field::new("redirection_policy", Kind::OneOf(&["allow_always", "open_redirect_protection"]), "Whether users are redirected on errors"),
            merged("express_configuration", &EXPRESS_CONFIGURATION, "Application specific configuration for the Express Configuration")$(.$may())?,
            merged("my_organization_configuration", &MY_ORGANIZATION_CONFIGURATION, "My Organization Configuration")$(.$may())?,
            Field::new("async_approval_notification_channels", CHANNELS, "How a user is asked for approval")$(.$may())?,
        ])
    };
}

/// The body of `POST /api/v2/clients`.
pub static CREATE: Schema = schema!([
    Field::new("name", NAME, "Name of this client").required(),
    Field::new("resource_server_identifier", Kind::Text(Text::between(1, 600)), "The identifier of the linked resource server")
] NEW_METHODS NEW_REQUEST_OBJECT NEW_VAULT_ACCESS WORD);

/// The body of `PATCH /api/v2/clients/{id}`.
pub static UPDATE: Schema = schema!([
    Field::new("name", NAME, "Name of this client"),
    Field::new("client_secret", WORD, "Secret used to sign id_tokens and to authenticate")
] METHODS REQUEST_OBJECT VAULT_ACCESS ANY, nullable)
.at_least(1);

/// The properties that a change merges.
pub fn merged_names() -> Vec<&'static str> {
    UPDATE
        .fields
        .iter()
        .filter(|field| matches!(field.kind, Kind::Merged(_)))
        .map(|field| field.name)
        .collect()
}
