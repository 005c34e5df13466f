//! The settings of a client that are objects, except add-ons and credentials.

use super::kinds::{
    CLIENT_ID, CONNECTION_PROFILE_ID, HTTPS, NON_EMPTY, NON_NEGATIVE, ORGANIZATION_ID, POSITIVE, TEMPLATE,
    USER_ATTRIBUTE_PROFILE_ID, switch, text, texts,
};
use crate::base::schema::{Field, Kind, Schema, Text};

pub(super) static JWT_CONFIGURATION: Schema = Schema::open(&[
    Field::new("lifetime_in_seconds", NON_NEGATIVE, "Seconds an ID token lives"),
    switch("secret_encoded", "Whether the client secret is base64 encoded"),
    Field::new("scopes", Kind::AnyObject, "Configuration related to id token claims"),
    Field::new("alg", Kind::OneOf(&["HS256", "RS256", "RS512", "PS256"]), "Algorithm used to sign JWTs"),
]);

pub(super) static ENCRYPTION_KEY: Schema = Schema::open(&[
    text("pub", "Encryption Public RSA Key"),
    text("cert", "Encryption certificate for public key in X.509 (.CER) format"),
    text("subject", "Encryption certificate name"),
]);

pub(super) static OIDC_LOGOUT: Schema = Schema::open(&[
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

pub(super) static SESSION_TRANSFER: Schema = Schema::closed(&[
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

pub(super) static MOBILE: Schema = Schema::open(&[
    Field::new("android", Kind::Object(&ANDROID), "Android native app configuration"),
    Field::new("ios", Kind::Object(&IOS), "iOS native app configuration"),
]);
static ANDROID: Schema = Schema::open(&[
    text("app_package_name", "App package name found in AndroidManifest.xml"),
    Field::new(
        "sha256_cert_fingerprints",
        Kind::Array(1, &NON_EMPTY),
        "SHA256 fingerprints of the app's signing certificate",
    ),
]);
static IOS: Schema = Schema::open(&[
    text("team_id", "Identifier assigned to the Apple account that signs the app"),
    text("app_bundle_identifier", "The app's unique identifier inside the store"),
]);

pub(super) static NATIVE_SOCIAL_LOGIN: Schema = Schema::closed(&[
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

pub(super) static FEDCM_LOGIN: Schema =
    Schema::closed(&[Field::new("google", Kind::Object(&FEDCM_GOOGLE), "FedCM login for google-oauth2")])
        .at_least(1);
static FEDCM_GOOGLE: Schema =
    Schema::closed(&[switch("is_enabled", "Whether FedCM login is enabled")]).at_least(1);

pub(super) static REFRESH_TOKEN: Schema = Schema::closed(&[
    Field::new("rotation_type", Kind::OneOf(&["rotating", "non-rotating"]), "Refresh token rotation types"),
    Field::new(
        "expiration_type",
        Kind::OneOf(&["expiring", "non-expiring"]),
        "Refresh token expiration types",
    ),
    Field::new("leeway", NON_NEGATIVE, "Seconds in which the previous refresh token can be exchanged too"),
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

pub(super) static DEFAULT_ORGANIZATION: Schema = Schema::closed(&[
    Field::new("organization_id", ORGANIZATION_ID, "The default Organization ID to be used").required(),
    texts("flows", &Kind::OneOf(&["client_credentials"]), "The default Organization usage").required(),
]);

pub(super) static TOKEN_EXCHANGE: Schema = Schema::closed(&[texts(
    "allow_any_profile_of_type",
    &Kind::OneOf(&["custom_authentication", "on_behalf_of_token_exchange"]),
    "The enabled token exchange types",
)]);

/// The number of tokens that a client or an organization can get.
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

pub(super) static ACTIVE: Schema = Schema::closed(&[switch("active", "Whether it is enabled").required()]);

pub(super) static B2B_INTEGRATION: Schema = Schema::open(&[
    texts("sso_profiles", &NON_EMPTY, "The profiles of single sign-on"),
    Field::new("integration_type", NON_EMPTY, "The type of the integration"),
]);

pub(super) static EXPRESS_CONFIGURATION: Schema = Schema::closed(&[
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
    Field::new("admin_login_domain", NON_EMPTY, "The domain that admins are to log in via").required(),
    Field::new(
        "oin_submission_id",
        Kind::Text(Text::between(1, 200)),
        "The identifier of the published application",
    ),
]);
static LINKED_CLIENT: Schema =
    Schema::closed(&[Field::new("client_id", CLIENT_ID, "The ID of the linked client").required()]);

pub(super) static MY_ORGANIZATION_CONFIGURATION: Schema = Schema::closed(&[
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
