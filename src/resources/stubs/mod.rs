//! What tools that manage whole tenants (Auth0's deploy CLI, the Terraform provider) ask for, and what no tenant of
//! Roster has: rules, actions, forms, branding and the like. Each is answered as by a tenant of Auth0 that has
//! none, so that such a tool gets through; changing one is 405.
//!
//! [`RESOURCES`] is all of it. The paths are those that `a0deploy export` (8.44) reads; it takes a 404 for nothing
//! where one stands here, and elsewhere it gives up.
//!
//! Decisions:
//! - What is answered about protection from attacks is what Roster does: [`crate::resources::logins`] blocks after ten attempts,
//!   nothing else is there.
//! - An answer that names no count is the same whatever is asked of it; lists follow `page` and `take`.

pub mod routes;

/// What a read of one is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A document of JSON.
    Document(&'static str),
    /// An empty list, by pages or checkpoints, of what this word names.
    List(&'static str),
    /// 404 with this sentence.
    Nothing(&'static str),
}
use Answer::{Document, List, Nothing};

/// Something that no tenant has.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// Where it would be.
    pub path: &'static str,
    /// Any of these scopes may read it.
    pub scopes: &'static [&'static str],
    /// What is answered.
    pub answer: Answer,
}

macro_rules! resources {
    ($($path:literal $scope:literal $answer:expr;)*) => {
        /// All of them.
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
    "branding/templates/universal-login" "read:branding" Nothing("The template does not exist.");
    "branding/themes/default" "read:branding" Nothing("The theme does not exist.");
    "connection-profiles" "read:connection_profiles" List("connection_profiles");
    "connections-directory-provisionings" "read:directory_provisionings" List("directory_provisionings");
    "custom-domains" "read:custom_domains" Document("[]");
    "email-templates/{template}" "read:email_templates" Nothing("The template does not exist.");
    "emails/provider" "read:email_provider" Nothing("There is not a configured email provider.");
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
