//! Resources of Auth0 that Roster does not have: rules, actions, forms, branding and the like. Tools that
//! manage whole tenants (Auth0's deploy CLI, the Terraform provider) read them, so each is answered as by a
//! tenant of Auth0 without any. A change is answered with 405.
//!
//! [`RESOURCES`] is the complete list: the paths that `a0deploy export` (8.44) reads. Where the tool accepts
//! a 404, the answer is one; elsewhere a 404 would stop it.
//!
//! Decisions:
//! - The answers about attack protection describe what Roster does: [`crate::resources::logins`] blocks after
//!   ten attempts; other protections do not exist.
//! - An answer without a count does not depend on the parameters; lists follow `page` and `take`.

pub mod routes;

/// The answer to a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A JSON document.
    Document(&'static str),
    /// An empty list, by page or checkpoint, with this name.
    List(&'static str),
    /// 404 with this message.
    NotFound(&'static str),
}
use Answer::{Document, List, NotFound};

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
    "actions/actions" "read:actions" Document(r#"{"actions":[],"total":0,"page":0,"per_page":50}"#);
    "actions/modules" "read:actions" Document(r#"{"modules":[],"total":0,"page":0,"per_page":50}"#);
    "actions/triggers" "read:actions" Document(r#"{"triggers":[]}"#);
    "attack-protection/bot-detection" "read:attack_protection" Document(r#"{"bot_detection_level":"low","challenge_password_policy":"never","challenge_passwordless_policy":"never","challenge_password_reset_policy":"never","allowlist":[],"monitoring_mode_enabled":false}"#);
    "attack-protection/breached-password-detection" "read:attack_protection" Document(r#"{"enabled":false,"shields":[],"admin_notification_frequency":[],"method":"standard"}"#);
    "attack-protection/brute-force-protection" "read:attack_protection" Document(r#"{"enabled":true,"shields":["block"],"mode":"count_per_identifier_and_ip","allowlist":[],"max_attempts":10}"#);
    "attack-protection/captcha" "read:attack_protection" Document("{}");
    "attack-protection/suspicious-ip-throttling" "read:attack_protection" Document(r#"{"enabled":false,"shields":[],"allowlist":[],"stage":{}}"#);
    "branding" "read:branding" Document("{}");
    "branding/phone/providers" "read:phone_providers" Document(r#"{"providers":[]}"#);
    "branding/phone/templates" "read:phone_templates" Document(r#"{"templates":[]}"#);
    "branding/templates/universal-login" "read:branding" NotFound("The template does not exist.");
    "branding/themes/default" "read:branding" NotFound("The theme does not exist.");
    "connection-profiles" "read:connection_profiles" List("connection_profiles");
    "connections-directory-provisionings" "read:directory_provisionings" List("directory_provisionings");
    "custom-domains" "read:custom_domains" Document("[]");
    "email-templates/{template}" "read:email_templates" NotFound("The template does not exist.");
    "emails/provider" "read:email_provider" NotFound("There is not a configured email provider.");
    "event-streams" "read:event_streams" Document(r#"{"eventStreams":[]}"#);
    "flows" "read:flows" List("flows");
    "flows/vault/connections" "read:flows_vault_connections" List("connections");
    "forms" "read:forms" List("forms");
    "guardian/factors" "read:guardian_factors" Document("[]");
    "guardian/policies" "read:mfa_policies" Document("[]");
    "hooks" "read:hooks" List("hooks");
    "log-streams" "read:log_streams" Document("[]");
    "network-acls" "read:network_acls" List("network_acls");
    "prompts" "read:prompts" Document(r#"{"universal_login_experience":"new","identifier_first":false,"webauthn_platform_first_factor":false}"#);
    "prompts/rendering" "read:prompts" List("configs");
    "prompts/{prompt}/custom-text/{language}" "read:prompts" Document("{}");
    "prompts/{prompt}/partials" "read:prompts" Document("{}");
    "risk-assessments/settings" "read:attack_protection" Document(r#"{"enabled":false}"#);
    "rules" "read:rules" List("rules");
    "rules-configs" "read:rules_configs" Document("[]");
    "self-service-profiles" "read:self_service_profiles" List("self_service_profiles");
    "supplemental-signals" "read:attack_protection" Document(r#"{"akamai_enabled":false}"#);
    "token-exchange-profiles" "read:token_exchange_profiles" List("token_exchange_profiles");
    "user-attribute-profiles" "read:user_attribute_profiles" List("user_attribute_profiles");
}
