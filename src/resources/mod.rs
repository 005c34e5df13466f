//! The resources of the API: each folder has the routes, rules and statements of one.

pub mod client_grants;
pub mod clients;
pub mod connections;
pub mod dbconnections;
pub mod identities;
pub mod jobs;
pub mod logins;
pub mod organizations;
pub mod permissions;
pub mod resource_servers;
pub mod roles;
pub mod stubs;
pub mod tenant_settings;
pub mod tickets;
pub mod user_blocks;
pub mod users;
