//! The settings of a tenant, and the schema of a change.

use serde_json::{Map, Value, json};

use crate::base::error::{Error, Result};
use crate::base::fields::Fields;
use crate::base::json::{FromBody, Object};
use crate::base::schema::{Field, Format, Kind, Part, Schema, Text, Violation, reject};

const ANY: Kind = Kind::Text(Text::ANY);
const VERSION: Kind = Kind::Text(Text::between(0, 8));
const URI: Kind = Kind::Text(Text::format(Format::AbsoluteUriOrEmpty));
const AMOUNT: Kind = Kind::Integer(1, 2_147_483_647);
const NO_SPACE: Kind =
    Kind::Text(Text::at_least(1).pattern("^\\S+$", |text| !text.contains(char::is_whitespace)));
const COUNTRY: Kind = Kind::Text(
    Text::between(2, 2).pattern("^[A-Z]{2}$", |text| text.bytes().all(|b| b.is_ascii_uppercase())),
);

/// The supported locales of user interfaces.
const LOCALES: &[&str] = &[
    "am", "ar", "ar-EG", "ar-SA", "az", "bg", "bn", "bs", "ca-ES", "cnr", "cs", "cy", "da", "de", "el", "en",
    "en-CA", "es", "es-419", "es-AR", "es-MX", "et", "eu-ES", "fa", "fi", "fr", "fr-CA", "fr-FR", "gl-ES",
    "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "kn", "ko", "lt", "lv", "mk",
    "ml", "mn", "mr", "ms", "my", "nb", "nl", "nn", "no", "pa", "pl", "pt", "pt-BR", "pt-PT", "ro", "ru",
    "sk", "sl", "so", "sq", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "zgh", "zh-CN",
    "zh-HK", "zh-MO", "zh-TW",
];

/// A setting that an empty text removes.
const REDIRECTION: &str = "default_redirection_uri";

/// The suffix of a lifetime in minutes. Without it, and in answers, a lifetime is in hours.
const IN_MINUTES: &str = "_in_minutes";

/// The members of an answer that `fields` does not remove, as recorded.
const ALWAYS: [&str; 2] = ["sandbox_version", "sandbox_versions_available"];

const fn switch(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Boolean, about)
}

const fn amount(name: &'static str, about: &'static str) -> Field {
    Field::new(name, AMOUNT, about)
}

const fn hours(name: &'static str, about: &'static str) -> Field {
    Field::new(name, Kind::Hours, about)
}

static UNIVERSAL_LOGIN: Schema = Schema::closed(&[
    Field::new("colors", Kind::Object(&COLORS), "Color scheme of the login pages"),
    Field::new("passwordless", Kind::AnyObject, "Settings of passwordless logins"),
    switch("is_custom_template_set", "Whether the login pages have a custom template"),
    switch("identifier_first", "Whether the login page asks for the identifier first"),
    switch("webauthn_platform_first_factor", "Whether biometrics are a first factor"),
]);

static COLORS: Schema = Schema::closed(&[
    Field::new("page_background", Kind::Any(&[ANY, Kind::AnyObject]), "Page background color"),
    Field::new("primary", ANY, "Primary color"),
]);

/// Members that the answer to a PATCH adds to settings that are objects, as recorded: setting, member, value.
const ADDITIONS: [(&str, &str, bool); 5] = [
    ("flags", "cannot_change_enforce_client_authentication_on_passwordless_start", true),
    ("flags", "enforce_client_authentication_on_passwordless_start", true),
    ("universal_login", "is_custom_template_set", false),
    ("universal_login", "identifier_first", true),
    ("universal_login", "webauthn_platform_first_factor", false),
];

/// Additions that belong to other resources. A request that sends them back does not change them.
const COMPUTED: [(&str, &str); 4] = [
    ("flags", "cannot_change_enforce_client_authentication_on_passwordless_start"),
    ("universal_login", "is_custom_template_set"),
    ("universal_login", "identifier_first"),
    ("universal_login", "webauthn_platform_first_factor"),
];

static PAGE: Schema = Schema::closed(&[
    switch("enabled", "Whether to use the custom HTML"),
    Field::new("html", ANY, "Custom HTML"),
]);

static ERROR_PAGE: Schema = Schema::closed(&[
    Field::new("html", ANY, "Custom error HTML"),
    switch("show_log_link", "Whether to show the link to the log"),
    Field::new("url", URI, "URL to redirect to when an error occurs"),
]);

static DEVICE_FLOW: Schema = Schema::closed(&[
    Field::new("charset", Kind::OneOf(&["base20", "digits"]), "Character set of user codes"),
    Field::new("mask", Kind::Text(Text::between(0, 20)), "Mask of user codes"),
]);

static CLIENT_CREDENTIALS: Schema = Schema::closed(&[
    switch("enforce", "Whether requests beyond the quota fail"),
    amount("per_day", "Maximum number of issued tokens per day"),
    amount("per_hour", "Maximum number of issued tokens per hour"),
])
.at_least(1);

static QUOTA: Schema = Schema::closed(&[Field::new(
    "client_credentials",
    Kind::Object(&CLIENT_CREDENTIALS),
    "The token quota configuration",
)
.required()]);

static TOKEN_QUOTA: Schema = Schema::closed(&[
    Field::new("clients", Kind::Object(&QUOTA), "Quota of clients"),
    Field::new("organizations", Kind::Object(&QUOTA), "Quota of organizations"),
])
.at_least(1);

static SESSION_COOKIE: Schema = Schema::closed(&[Field::new(
    "mode",
    Kind::OneOf(&["persistent", "non-persistent"]),
    "Behavior of the session cookie",
)]);

static SESSIONS: Schema =
    Schema::closed(&[switch("oidc_logout_prompt_enabled", "Whether an OIDC logout asks first")]);

static OIDC_LOGOUT: Schema = Schema::closed(&[switch(
    "rp_logout_end_session_endpoint_discovery",
    "Whether discovery has the end_session_endpoint",
)]);

static MTLS: Schema = Schema::closed(&[switch("enable_endpoint_aliases", "Enables mTLS endpoint aliases")]);

static COUNTRY_CODES: Schema = Schema::closed(&[
    Field::new("list", Kind::Array(0, &COUNTRY), "Country codes (ISO 3166-1 alpha-2)"),
    Field::new("mode", Kind::OneOf(&["allow", "deny"]), "Whether the list allows or denies"),
]);

static SECURITY_HEADERS: Schema = Schema::closed(&[
    Field::new("content_security_policy", Kind::Object(&CONTENT_SECURITY_POLICY), "Content-Security-Policy")
        .nullable(),
    Field::new("x_xss_protection", Kind::Object(&XSS_PROTECTION), "X-XSS-Protection").nullable(),
]);

static CONTENT_SECURITY_POLICY: Schema = Schema::closed(&[
    switch("enabled", "Whether the header is sent"),
    Field::new("policies", Kind::Array(0, &Kind::AnyObject), "Policies"),
    Field::new("reporting_infrastructure", Kind::AnyObject, "Where violations are reported").nullable(),
]);

static XSS_PROTECTION: Schema = Schema::closed(&[
    switch("enabled", "Whether the header is sent"),
    Field::new("mode", Kind::OneOf(&["block"]), "Mode"),
    Field::new("report_uri", URI, "Where violations are reported"),
]);

macro_rules! flags {
    ($($name:literal)*) => {
        Schema::closed(&[$(switch($name, "Flag that changes the behavior of this tenant")),*])
    };
}

static FLAGS: Schema = flags!(
    // Of Auth0's schema.
    "change_pwd_flow_v1"
    "enable_apis_section"
    "disable_impersonation"
    "enable_client_connections"
    "enable_pipeline2"
    "allow_legacy_delegation_grant_types"
    "allow_legacy_ro_grant_types"
    "allow_legacy_tokeninfo_endpoint"
    "enable_legacy_profile"
    "enable_idtoken_api2"
    "enable_public_signup_user_exists_error"
    "enable_sso"
    "disable_clickjack_protection_headers"
    "no_disclose_enterprise_connections"
    "enforce_client_authentication_on_passwordless_start"
    "enable_adfs_waad_email_verification"
    "revoke_refresh_token_grant"
    "dashboard_log_streams_next"
    "dashboard_insights_view"
    "disable_fields_map_fix"
    "mfa_show_factor_list_on_enrollment"
    "remove_alg_from_jwks"
    "improved_signup_bot_detection_in_classic"
    "genai_trial"
    "enable_dynamic_client_registration"
    "disable_management_api_sms_obfuscation"
    "trust_azure_adfs_email_verified_connection_property"
    "custom_domains_provisioning"
    // Of recorded answers, and of tools that send them back.
    "allow_changing_enable_sso"
    "cannot_change_enforce_client_authentication_on_passwordless_start"
    "dashboard_new_onboarding"
    "enable_custom_domain_in_emails"
    "enable_legacy_logs_search_v2"
    "new_universal_login_experience_enabled"
    "require_pushed_authorization_requests"
    "universal_login"
    "use_scope_descriptions_for_consent"
);

/// The body of `PATCH /api/v2/tenants/settings`.
static UPDATE: Schema = Schema::closed(&[
    Field::new("change_password", Kind::Object(&PAGE), "Change Password page customization").nullable(),
    Field::new("device_flow", Kind::Object(&DEVICE_FLOW), "Device Flow configuration").nullable(),
    Field::new("guardian_mfa_page", Kind::Object(&PAGE), "Guardian page customization").nullable(),
    Field::new("default_audience", ANY, "Default audience for API Authorization"),
    Field::new("default_directory", ANY, "Name of connection used for password grants at the token endpoint"),
    Field::new("error_page", Kind::Object(&ERROR_PAGE), "Error page customization").nullable(),
    Field::new("default_token_quota", Kind::Object(&TOKEN_QUOTA), "Token Quota configuration").nullable(),
    Field::new("flags", Kind::Object(&FLAGS), "Flags used to change the behavior of this tenant"),
    Field::new("universal_login", Kind::Object(&UNIVERSAL_LOGIN), "Settings of the login pages"),
    Field::new("friendly_name", ANY, "Friendly name for this tenant"),
    Field::new("picture_url", URI, "URL of logo to be shown for this tenant"),
    Field::new("support_email", Kind::Text(Text::format(Format::EmailOrEmpty)), "End-user support email"),
    Field::new("support_url", URI, "End-user support url"),
    Field::new(
        "allowed_logout_urls",
        Kind::Array(0, &Kind::Text(Text::format(Format::UrlWithPlaceholders))),
        "URLs that are valid to redirect to after logout",
    ),
    hours("session_lifetime", "Number of hours a session will stay valid"),
    amount("session_lifetime_in_minutes", "Number of minutes a session will stay valid"),
    hours("idle_session_lifetime", "Number of hours for which a session can be inactive"),
    amount("idle_session_lifetime_in_minutes", "Number of minutes for which a session can be inactive"),
    hours("ephemeral_session_lifetime", "Number of hours an ephemeral session will stay valid"),
    amount("ephemeral_session_lifetime_in_minutes", "Number of minutes an ephemeral session will stay valid"),
    hours(
        "idle_ephemeral_session_lifetime",
        "Number of hours for which an ephemeral session can be inactive",
    ),
    amount(
        "idle_ephemeral_session_lifetime_in_minutes",
        "Number of minutes for which an ephemeral session can be inactive",
    ),
    Field::new("sandbox_version", VERSION, "Selected sandbox version for the extensibility environment"),
    Field::new(
        "legacy_sandbox_version",
        VERSION,
        "Selected legacy sandbox version for the extensibility environment",
    ),
    Field::new(
        "default_redirection_uri",
        Kind::Text(Text::format(Format::AbsoluteHttpsUriOrEmpty)),
        "The default absolute redirection uri, must be https",
    ),
    Field::new(
        "enabled_locales",
        Kind::Array(1, &Kind::OneOf(LOCALES)),
        "Supported locales for the user interface",
    ),
    Field::new("security_headers", Kind::Object(&SECURITY_HEADERS), "Security headers configuration")
        .nullable(),
    Field::new("session_cookie", Kind::Object(&SESSION_COOKIE), "Session cookie configuration").nullable(),
    Field::new("sessions", Kind::Object(&SESSIONS), "Sessions related settings for tenant").nullable(),
    Field::new("oidc_logout", Kind::Object(&OIDC_LOGOUT), "Settings related to OIDC RP-initiated Logout"),
    switch(
        "customize_mfa_in_postlogin_action",
        "Whether to enable flexible factors for MFA in the PostLogin action",
    )
    .nullable(),
    switch(
        "allow_organization_name_in_authentication_api",
        "Whether to accept an organization name instead of an ID on auth endpoints",
    )
    .nullable(),
    Field::new("acr_values_supported", Kind::Array(0, &NO_SPACE), "Supported ACR values").nullable(),
    Field::new("mtls", Kind::Object(&MTLS), "mTLS configuration").nullable(),
    switch("pushed_authorization_requests_supported", "Enables the use of Pushed Authorization Requests")
        .nullable(),
    switch(
        "authorization_response_iss_parameter_supported",
        "Supports iss parameter in authorization responses",
    )
    .nullable(),
    switch(
        "skip_non_verifiable_callback_uri_confirmation_prompt",
        "Whether the confirmation prompt is skipped",
    )
    .nullable(),
    Field::new(
        "resource_parameter_profile",
        Kind::OneOf(&["audience", "compatibility"]),
        "Profile of the resource parameter",
    ),
    switch("client_id_metadata_document_supported", "Whether client metadata is read from a client_id URL"),
    switch("enable_ai_guide", "Whether the guide is enabled for this tenant"),
    switch(
        "phone_consolidated_experience",
        "Whether Phone Consolidated Experience is enabled for this tenant",
    ),
    switch("include_session_metadata_in_tenant_logs", "Whether session metadata is in tenant logs"),
    Field::new(
        "dynamic_client_registration_security_mode",
        Kind::OneOf(&["strict", "permissive"]),
        "Security mode of third-party clients",
    ),
    Field::new("country_codes", Kind::Object(&COUNTRY_CODES), "Phone country code configuration").nullable(),
])
.at_least(1);

/// A change of the settings.
#[derive(Debug)]
pub struct SettingsPatch {
    /// Settings to replace or, where they are objects, to merge.
    pub set: Map<String, Value>,
    /// Settings to remove.
    pub unset: Vec<String>,
}

impl FromBody for SettingsPatch {
    fn from_body(body: &Object<'_>) -> Result<Self> {
        let mut violations = UPDATE.violations(body);
        let (mut set, mut unset) = body.set_and_unset(&[]);
        let in_minutes: Vec<String> = set.keys().filter(|name| name.ends_with(IN_MINUTES)).cloned().collect();
        for name in in_minutes {
            let hours = name.trim_end_matches(IN_MINUTES);
            let value = set.remove(&name).map_or(Value::Null, in_hours);
            if set.insert(hours.to_owned(), value).is_some() {
                violations.push(Violation::of_root(format!("Cannot set both {hours} and {name}")));
            }
        }
        reject(Part::Payload, &violations)?;
        if set.get(REDIRECTION) == Some(&json!("")) {
            set.remove(REDIRECTION);
            unset.push(REDIRECTION.to_owned());
        }
        remove_computed(&mut set);
        Ok(Self { set, unset })
    }
}

/// Removes computed members. A setting that had no others is not changed.
fn remove_computed(set: &mut Map<String, Value>) {
    for (setting, member) in COMPUTED {
        let Some(Value::Object(members)) = set.get_mut(setting) else { continue };
        if members.remove(member).is_some() && members.is_empty() {
            set.remove(setting);
        }
    }
}

/// Minutes as hours, a whole number or a fraction.
fn in_hours(minutes: Value) -> Value {
    match minutes.as_i64() {
        Some(whole) if whole % 60 == 0 => json!(whole / 60),
        _ => minutes.as_f64().map_or(minutes, |minutes| json!(minutes / 60.0)),
    }
}

/// The settings of a tenant.
#[derive(Debug)]
pub struct TenantSettings {
    pub settings: Map<String, Value>,
    /// With quotes (RFC 9110, 8.8.3).
    pub etag: String,
}

impl TenantSettings {
    /// The answer of `GET`.
    pub fn document(mut self, fields: &Fields) -> Result<String> {
        // Roster has no sandbox; these are the recorded versions.
        self.settings.insert("sandbox_versions_available".into(), json!(["18", "16", "12"]));
        self.settings.retain(|name, _| ALWAYS.contains(&name.as_str()) || fields.wants(name));
        serde_json::to_string(&self.settings).map_err(Error::internal)
    }

    /// The answer of `PATCH`: without the versions of the sandbox, with more of `flags` and
    /// `universal_login`, as recorded.
    pub fn changed_document(mut self) -> Result<String> {
        for (setting, member, value) in ADDITIONS {
            if let Some(Value::Object(members)) = self.settings.get_mut(setting) {
                members.entry(member).or_insert(json!(value));
            }
        }
        serde_json::to_string(&self.settings).map_err(Error::internal)
    }
}
