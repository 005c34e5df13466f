//! The scopes of the Management API, and the types by which a handler's signature demands them.
//!
//! The names are Auth0's (<https://auth0.com/docs/api/management/v2>); any one of a demand's scopes is enough.

/// What a route demands of a token; a marker type implements it.
pub trait Scope: 'static {
    /// Any of these is enough.
    const ANY_OF: &'static [&'static str];
}

macro_rules! demands {
    ($($name:ident = $($scope:literal),+;)*) => {
        $(#[doc = concat!("Demands any of: ", $($scope, " "),+)]
        #[derive(Debug)]
        pub enum $name {}
        impl Scope for $name {
            const ANY_OF: &'static [&'static str] = &[$($scope),+];
        })*
    };
}

demands! {
    CreateUsers = "create:users";
    ListUsers = "read:users";
    ReadUsers = "read:users", "read:current_user", "read:user_idp_tokens";
    UpdateUsers = "update:users", "update:users_app_metadata", "update:current_user_metadata";
    CreateUserTickets = "create:user_tickets";
    SendVerificationEmail = "update:users";
    ReadJobs = "create:users", "read:users";
    DeleteUsers = "delete:users", "delete:current_user";
    UpdateIdentities = "update:users", "update:current_user_identities";
    ReadUserOrganizations = "read:users", "read:organizations";
    ReadEnrollments = "read:users", "read:current_user";
    ReadConnections = "read:connections";
    ReadUserBlocks = "read:users";
    UpdateUserBlocks = "update:users";
}

/// The scopes of the Management API that a user's own token can have, for that user alone. No grant of `*` has them.
pub const CURRENT_USER: &[&str] = &[
    "read:current_user",
    "update:current_user_metadata",
    "update:current_user_identities",
    "delete:current_user",
];

/// What a login can give access to beside an API (OIDC Core 1.0, 5.4).
pub const STANDARD: &[&str] = &["openid", "profile", "email", "address", "phone"];

/// Every other scope of the Management API: what a grant of `*` stands for.
pub const ALL: &[&str] = &[
    "create:client_grants",
    "create:clients",
    "create:connections",
    "create:resource_servers",
    "create:role_members",
    "create:roles",
    "create:user_tickets",
    "create:users",
    "delete:client_grants",
    "delete:clients",
    "delete:connections",
    "delete:resource_servers",
    "delete:role_members",
    "delete:roles",
    "delete:users",
    "read:client_credentials",
    "read:client_grants",
    "read:client_keys",
    "read:client_summary",
    "read:clients",
    "read:connections",
    "read:logs",
    "read:logs_users",
    "read:organizations",
    "read:resource_servers",
    "read:role_members",
    "read:roles",
    "read:stats",
    "read:tenant_settings",
    "read:user_idp_tokens",
    "read:users",
    "update:client_credentials",
    "update:client_grants",
    "update:client_keys",
    "update:clients",
    "update:connections",
    "update:resource_servers",
    "update:roles",
    "update:tenant_settings",
    "update:users",
    "update:users_app_metadata",
];
