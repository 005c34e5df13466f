//! Resources of Auth0 that Roster does not have: rules, actions, forms, branding and the like. Tools that
//! manage whole tenants (Auth0's deploy CLI, the Terraform provider) read them, so each is answered as by a
//! tenant of Auth0 without any.
//!
//! [`RESOURCES`] is the complete list: the paths that `a0deploy export` reads. Where the tool accepts a 404, the
//! answer is one; elsewhere a 404 would stop it. [`FIXED`] are the changes that `a0deploy import` sends for an
//! unchanged export: a change to the present values is answered with them, any other with 400. Other changes
//! are 405.
//!
//! Decisions:
//! - The answers about attack protection are the defaults of Auth0. Roster has one of these protections:
//!   [`crate::resources::logins`] blocks after ten attempts.
//! - An answer without a count does not depend on the parameters; lists follow `page` and `take`, and an answer
//!   with `per_page` repeats the parameter.

pub mod routes;

use crate::base::error::{ErrorKind, codes};

/// The answer to a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A JSON document.
    Document(&'static str),
    /// A JSON object, to which the requested `per_page` is added.
    Paged(&'static str),
    /// An empty list, by page or checkpoint, with this name.
    List(&'static str),
    /// 404 with this error.
    NotFound(ErrorKind),
}
use Answer::{Document, List, NotFound, Paged};

/// A resource without entities.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    pub path: &'static str,
    /// The scopes of which a caller needs one.
    pub scopes: &'static [&'static str],
    pub answer: Answer,
}

macro_rules! resources {
    ($($path:literal $scope:literal $answer:expr;)*) => {
        pub static RESOURCES: &[Resource] = &[$(Resource { path: concat!("/api/v2/", $path), scopes: &[$scope], answer: $answer }),*];
    };
}

resources! {
    "actions/actions" "read:actions" Paged(r#"{"actions":[]}"#);
    "actions/modules" "read:actions" Paged(r#"{"modules":[],"total":0,"page":0}"#);
    "actions/triggers" "read:actions" Document(r#"{"triggers":[]}"#);
    "attack-protection/bot-detection" "read:attack_protection" Document(r#"{"bot_detection_level":"medium","challenge_password_policy":"never","challenge_passwordless_policy":"never","challenge_password_reset_policy":"never","allowlist":[],"monitoring_mode_enabled":false}"#);
    "attack-protection/breached-password-detection" "read:attack_protection" Document(r#"{"enabled":false,"shields":[],"admin_notification_frequency":[],"method":"standard","stage":{"pre-user-registration":{"shields":[]},"pre-change-password":{"shields":[]}}}"#);
    "attack-protection/brute-force-protection" "read:attack_protection" Document(r#"{"enabled":true,"shields":["block","user_notification"],"mode":"count_per_identifier_and_ip","allowlist":[],"max_attempts":10}"#);
    "attack-protection/captcha" "read:attack_protection" Document(r#"{"active_provider_id":"auth_challenge","simple_captcha":{},"auth_challenge":{"fail_open":false},"recaptcha_v2":{"site_key":""},"recaptcha_enterprise":{"site_key":"","project_id":""},"hcaptcha":{"site_key":""},"friendly_captcha":{"site_key":""},"arkose":{"site_key":"","client_subdomain":"client-api","verify_subdomain":"verify-api","fail_open":false}}"#);
    "attack-protection/suspicious-ip-throttling" "read:attack_protection" Document(r#"{"enabled":true,"shields":["admin_notification","block"],"allowlist":[],"stage":{"pre-login":{"max_attempts":100,"rate":864000},"pre-user-registration":{"max_attempts":50,"rate":1200}}}"#);
    "branding" "read:branding" Document("{}");
    "branding/phone/providers" "read:phone_providers" Document(r#"{"providers":[]}"#);
    "branding/phone/templates" "read:phone_templates" Document(r#"{"templates":[]}"#);
    "branding/templates/universal-login" "read:branding" NotFound(codes::NO_LOGIN_TEMPLATE);
    "branding/themes/default" "read:branding" NotFound(codes::NO_THEME);
    "connection-profiles" "read:connection_profiles" List("connection_profiles");
    "connections-directory-provisionings" "read:directory_provisionings" List("directory_provisionings");
    "custom-domains" "read:custom_domains" Document("[]");
    "email-templates/{template}" "read:email_templates" NotFound(codes::NO_EMAIL_TEMPLATE);
    "emails/provider" "read:email_provider" NotFound(codes::NO_EMAIL_PROVIDER);
    "event-streams" "read:event_streams" Document(r#"{"eventStreams":[]}"#);
    "flows" "read:flows" List("flows");
    "flows/vault/connections" "read:flows_vault_connections" List("connections");
    "forms" "read:forms" List("forms");
    "guardian/factors" "read:guardian_factors" Document(r#"[{"name":"sms","enabled":false,"trial_expired":false},{"name":"push-notification","enabled":false,"trial_expired":false},{"name":"otp","enabled":false,"trial_expired":false},{"name":"email","enabled":false,"trial_expired":false},{"name":"duo","enabled":false,"trial_expired":false},{"name":"webauthn-roaming","enabled":false,"trial_expired":false},{"name":"webauthn-platform","enabled":false,"trial_expired":false},{"name":"recovery-code","enabled":false,"trial_expired":false}]"#);
    "guardian/policies" "read:mfa_policies" Document("[]");
    "hooks" "read:hooks" List("hooks");
    "log-streams" "read:log_streams" Document("[]");
    "network-acls" "read:network_acls" List("network_acls");
    "prompts" "read:prompts" Document(r#"{"universal_login_experience":"new","identifier_first":false,"webauthn_platform_first_factor":false}"#);
    "prompts/rendering" "read:prompts" List("configs");
    "prompts/{prompt}/custom-text/{language}" "read:prompts" Document("{}");
    "prompts/{prompt}/partials" "read:prompts" Document("{}");
    "risk-assessments/settings" "read:attack_protection" Document(r#"{"enabled":false}"#);
    "risk-assessments/settings/new-device" "read:attack_protection" Document(r#"{"remember_for":30}"#);
    "rules" "read:rules" List("rules");
    "rules-configs" "read:rules_configs" Document("[]");
    "self-service-profiles" "read:self_service_profiles" List("self_service_profiles");
    "supplemental-signals" "read:attack_protection" Document(r#"{"akamai_enabled":false}"#);
    "token-exchange-profiles" "read:token_exchange_profiles" List("token_exchange_profiles");
    "user-attribute-profiles" "read:user_attribute_profiles" List("user_attribute_profiles");
}

/// A change that is accepted if it changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    pub method: &'static str,
    pub path: &'static str,
    /// The scopes of which a caller needs one.
    pub scopes: &'static [&'static str],
    /// The present values; `None` for those of the resource with this path.
    document: Option<&'static str>,
}

impl Fixed {
    /// The present values, as JSON.
    pub fn document(&self) -> &'static str {
        let of_resource = || RESOURCES.iter().find(|resource| resource.path == self.path);
        match (self.document, of_resource().map(|resource| resource.answer)) {
            (Some(document), _) | (None, Some(Document(document))) => document,
            _ => "{}",
        }
    }
}

macro_rules! fixed {
    ($($method:literal $path:literal $scope:literal $($document:literal)?;)*) => {
        pub static FIXED: &[Fixed] = &[$(Fixed {
            method: $method,
            path: concat!("/api/v2/", $path),
            scopes: &[$scope],
            document: fixed!(@ $($document)?),
        }),*];
    };
    (@) => { None };
    (@ $document:literal) => { Some($document) };
}

fixed! {
    "PATCH" "attack-protection/bot-detection" "update:attack_protection";
    "PATCH" "attack-protection/breached-password-detection" "update:attack_protection";
    "PATCH" "attack-protection/brute-force-protection" "update:attack_protection";
    "PATCH" "attack-protection/captcha" "update:attack_protection";
    "PATCH" "attack-protection/suspicious-ip-throttling" "update:attack_protection";
    "PATCH" "branding" "update:branding";
    "PUT" "guardian/factors/duo" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/factors/email" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/factors/otp" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/factors/push-notification" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/factors/recovery-code" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/factors/sms" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/factors/webauthn-platform" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/factors/webauthn-roaming" "update:guardian_factors" r#"{"enabled":false}"#;
    "PUT" "guardian/policies" "update:mfa_policies";
    "PATCH" "prompts" "update:prompts";
    "PUT" "prompts/{prompt}/custom-text/{language}" "update:prompts";
    "PUT" "prompts/{prompt}/partials" "update:prompts";
    "PATCH" "risk-assessments/settings" "update:attack_protection";
    "PATCH" "risk-assessments/settings/new-device" "update:attack_protection";
    "PATCH" "supplemental-signals" "update:attack_protection";
}
