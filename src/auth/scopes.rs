//! The scopes of the Management API, and a marker type for the requirement of each route:
//! `Caller<UpdateUsers>` in a handler's signature.
//!
//! The names are Auth0's (<https://auth0.com/docs/api/management/v2>). A token needs any one of a
//! requirement's scopes, or every one of an `all of` requirement.

/// The scopes that a route requires, implemented by a marker type.
pub trait Scope: 'static {
    /// The scopes of the requirement. One of them is enough unless [`Scope::ALL_OF`] is true.
    const ANY_OF: &'static [&'static str];
    /// Whether a token needs every one of them.
    const ALL_OF: bool = false;
}

macro_rules! requirements {
    ($($name:ident = $($word:ident of)? $($scope:literal),+;)*) => {
        $(#[doc = concat!("Requires of the scopes: ", $($scope, " "),+)]
        #[derive(Debug)]
        pub enum $name {}
        impl Scope for $name {
            const ANY_OF: &'static [&'static str] = &[$($scope),+];
            $(requirements! { @ $word })?
        })*
    };
    (@ all) => { const ALL_OF: bool = true; };
}

requirements! {
    CreateUsers = "create:users";
    ListUsers = "read:users";
    ReadUsers = "read:users", "read:current_user", "read:user_idp_tokens";
    UpdateUsers = "update:users", "update:users_app_metadata", "update:current_user_metadata";
    CreateUserTickets = "create:user_tickets";
    SendVerificationEmail = "update:users";
    ReadJobs = "create:users", "read:users";
    DeleteUsers = "delete:users", "delete:current_user";

    CreateResourceServers = "create:resource_servers";
    ReadResourceServers = "read:resource_servers";
    UpdateResourceServers = "update:resource_servers";
    DeleteResourceServers = "delete:resource_servers";

    CreateClients = "create:clients";
    ReadClients = "read:clients", "read:client_keys", "read:client_credentials", "read:client_summary";
    UpdateClients = "update:clients", "update:client_keys", "update:client_credentials", "update:client_token_vault_privileged_access";
    DeleteClients = "delete:clients";
    RotateClientSecrets = "update:client_keys";
    CreateClientCredentials = "create:client_credentials";
    ReadClientCredentials = "read:client_credentials";
    UpdateClientCredentials = "update:client_credentials";
    DeleteClientCredentials = "delete:client_credentials";
    CreateClientGrants = "create:client_grants";
    ReadClientGrants = "read:client_grants";
    UpdateClientGrants = "update:client_grants";
    DeleteClientGrants = "delete:client_grants";

    CreateOrganizations = "create:organizations";
    ReadOrganizations = "read:organizations";
    UpdateOrganizations = "update:organizations";
    DeleteOrganizations = "delete:organizations";
    CreateOrganizationClientGrants = "create:organization_client_grants";
    ReadOrganizationClientGrants = "read:organization_client_grants";
    DeleteOrganizationClientGrants = "delete:organization_client_grants";

    ReadTenantSettings = "read:tenant_settings";
    UpdateTenantSettings = "update:tenant_settings";

    CreateRoles = "create:roles";
    ReadRoles = "read:roles";
    UpdateRoles = "update:roles";
    DeleteRoles = "delete:roles";
    ReadRoleMembers = all of "read:users", "read:roles";
    AddRoleMembers = "update:roles", "create:role_members";
    AssignRoles = "update:users", "create:role_members";
    UnassignRoles = "update:users", "delete:role_members";
    ReadUserPermissions = "read:users";
    UpdateUserPermissions = "update:users";
    UpdateIdentities = "update:users", "update:current_user_identities";
    ReadUserOrganizations = "read:users", "read:organizations";
    ReadEnrollments = "read:users", "read:current_user";
    CreateConnections = "create:connections";
    ReadConnections = "read:connections";
    UpdateConnections = "update:connections";
    DeleteConnections = "delete:connections";
    DeleteConnectionUsers = "delete:users";
    ReadUserBlocks = "read:users";
    UpdateUserBlocks = "update:users";
}

/// The scopes of the Management API for tokens of users. Each gives access to the token's own subject only,
/// and a grant of `*` does not contain them.
pub const CURRENT_USER: &[&str] = &[
    "read:current_user",
    "update:current_user_metadata",
    "update:current_user_identities",
    "delete:current_user",
];

/// The scopes of OpenID Connect, which select claims of the user (OIDC Core 1.0, 5.4).
pub const STANDARD: &[&str] = &["openid", "profile", "email", "address", "phone"];

/// All other scopes that routes require: the scopes of a grant of `*`. The published list
/// ([`super::published_scopes`]) has more, which would only make tokens longer.
pub const ALL: &[&str] = &[
    "create:client_credentials",
    "create:client_grants",
    "create:clients",
    "create:connections",
    "create:organization_client_grants",
    "create:organizations",
    "create:resource_servers",
    "create:role_members",
    "create:roles",
    "create:user_tickets",
    "create:users",
    "delete:client_credentials",
    "delete:client_grants",
    "delete:clients",
    "delete:connections",
    "delete:organization_client_grants",
    "delete:organizations",
    "delete:resource_servers",
    "delete:role_members",
    "delete:roles",
    "delete:users",
    "read:actions",
    "read:attack_protection",
    "read:branding",
    "read:client_credentials",
    "read:client_grants",
    "read:client_keys",
    "read:client_summary",
    "read:clients",
    "read:connection_profiles",
    "read:connections",
    "read:custom_domains",
    "read:directory_provisionings",
    "read:email_provider",
    "read:email_templates",
    "read:event_streams",
    "read:flows",
    "read:flows_vault_connections",
    "read:forms",
    "read:guardian_factors",
    "read:hooks",
    "read:log_streams",
    "read:logs",
    "read:logs_users",
    "read:mfa_policies",
    "read:network_acls",
    "read:organization_client_grants",
    "read:organizations",
    "read:phone_providers",
    "read:phone_templates",
    "read:prompts",
    "read:resource_servers",
    "read:role_members",
    "read:roles",
    "read:rules",
    "read:rules_configs",
    "read:self_service_profiles",
    "read:stats",
    "read:tenant_settings",
    "read:token_exchange_profiles",
    "read:user_attribute_profiles",
    "read:user_idp_tokens",
    "read:users",
    "update:attack_protection",
    "update:branding",
    "update:client_credentials",
    "update:client_grants",
    "update:client_keys",
    "update:client_token_vault_privileged_access",
    "update:clients",
    "update:connections",
    "update:guardian_factors",
    "update:mfa_policies",
    "update:organizations",
    "update:prompts",
    "update:resource_servers",
    "update:roles",
    "update:tenant_settings",
    "update:users",
    "update:users_app_metadata",
];
