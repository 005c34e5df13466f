//! The properties of a client in requests: each one once, with its limits, for creations and changes.
//!
//! A change merges a property of kind [`Kind::Merged`] at its first level and replaces any other.

mod addons;
mod credentials;
mod kinds;
mod objects;

use addons::ADDONS;
use credentials::{METHODS, NEW_METHODS, NEW_REQUEST_OBJECT, NEW_VAULT_ACCESS, REQUEST_OBJECT, VAULT_ACCESS};
use kinds::{
    ANY, APP_TYPES, AUTHENTICATION, BEHAVIOR, CALLBACK, CHANNELS, COMPLIANCE, DISCOVERY, HTTPS, LOGO,
    NON_EMPTY, PLAIN_URL, URL, USAGE, merged, switch, texts,
};
pub use objects::TOKEN_QUOTA;
use objects::{
    ACTIVE, B2B_INTEGRATION, DEFAULT_ORGANIZATION, ENCRYPTION_KEY, EXPRESS_CONFIGURATION, FEDCM_LOGIN,
    JWT_CONFIGURATION, MOBILE, MY_ORGANIZATION_CONFIGURATION, NATIVE_SOCIAL_LOGIN, OIDC_LOGOUT,
    REFRESH_TOKEN, SESSION_TRANSFER, TOKEN_EXCHANGE,
};

use crate::base::schema::{Field, Kind, Schema, Text};

pub(super) const METADATA: &str = "Metadata associated with the client";

/// The maximum length of an alias, in characters: an index has to hold it.
const MAX_ALIAS_LENGTH: usize = 600;

const NAME: Kind =
    Kind::Text(Text::at_least(1).pattern("^[^<>]+$", |text| !text.is_empty() && !text.contains(['<', '>'])));

/// `$own` are the properties of a creation or a change alone. `$methods`, `$request` and `$vault` are the
/// schemas with credentials, `$pages` is the kind of HTML pages. `$may` is `nullable` for the properties that
/// only a change can set to null.
macro_rules! schema {
    ([$($own:expr),+] $methods:ident $request:ident $vault:ident $pages:expr $(, $may:ident)?) => {
        Schema::closed(&[
            $($own,)+
            Field::new("description", Kind::Text(Text::between(0, 140)), "Free text description of this client"),
            Field::new("logo_uri", LOGO, "URL of the logo to display for this client"),
            texts("callbacks", &CALLBACK, "Allowed callback URLs"),
            merged("oidc_logout", &OIDC_LOGOUT, "Configuration for OIDC backchannel logout")$(.$may())?,
            merged("oidc_backchannel_logout", &OIDC_LOGOUT, "Configuration for OIDC backchannel logout")$(.$may())?,
            merged("session_transfer", &SESSION_TRANSFER, "Native to Web SSO Configuration").nullable(),
            texts("allowed_origins", &URL, "Allowed origins"),
            texts("web_origins", &URL, "Allowed web origins"),
            texts("client_aliases", &Kind::Text(Text::between(1, MAX_ALIAS_LENGTH)), "Audiences/realms for the SAML protocol"),
            texts("allowed_clients", &NON_EMPTY, "Clients allowed to ask for delegation"),
            texts("allowed_logout_urls", &URL, "URLs that are valid to redirect to after logout"),
            texts("grant_types", &NON_EMPTY, "Grant types supported for this application"),
            Field::new("token_endpoint_auth_method", AUTHENTICATION, "Authentication method for the token endpoint")$(.$may())?,
            switch("is_token_endpoint_ip_header_trusted", "Whether the forwarded address is trusted"),
            Field::new("app_type", APP_TYPES, "Type of client"),
            switch("is_first_party", "Whether this client is a first party client"),
            switch("oidc_conformant", "Whether this client conforms to strict OIDC specifications"),
            merged("jwt_configuration", &JWT_CONFIGURATION, "Configuration related to JWTs")$(.$may())?,
            merged("encryption_key", &ENCRYPTION_KEY, "Encryption used for WsFed responses").nullable(),
            switch("sso", "Whether Single Sign On is used instead of SSO with IdP"),
            switch("cross_origin_auth", "Whether this client can make cross-origin authentication requests"),
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
            merged("identity_assertion_authorization_grant", &ACTIVE, "Grants for identity assertions")$(.$may())?,
            merged("anonymous_sessions", &ACTIVE, "Sessions of anonymous users")$(.$may())?,
            merged("b2b_integration_configuration", &B2B_INTEGRATION, "Integration with the identity providers of businesses")$(.$may())?,
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
] NEW_METHODS NEW_REQUEST_OBJECT NEW_VAULT_ACCESS NON_EMPTY);

/// The body of `PATCH /api/v2/clients/{id}`.
pub static UPDATE: Schema = schema!([
    Field::new("name", NAME, "Name of this client"),
    Field::new("client_secret", NON_EMPTY, "Secret used to sign id_tokens and to authenticate")
] METHODS REQUEST_OBJECT VAULT_ACCESS ANY, nullable)
.at_least(1);

/// The properties that a change merges at their first level.
pub fn merged_names() -> Vec<&'static str> {
    UPDATE
        .fields
        .iter()
        .filter(|field| matches!(field.kind, Kind::Merged(_)))
        .map(|field| field.name)
        .collect()
}
