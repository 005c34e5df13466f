//! The API, through HTTP, on a real Postgres, each test in a tenant of its own. Paths follow the sources:
//! `src/users/routes.rs::update` is tested in `tests/api/users/update.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod support;

mod access;
mod client_grants;
mod clients;
mod connections;
mod cors;
mod database_errors;
mod dbconnections;
mod document_sizes;
mod encodings;
mod fair_shares;
mod headers;
mod hostile;
mod identities;
mod jobs;
mod journal;
mod keys;
mod links;
mod mail;
mod merge_model;
mod oauth;
mod organizations;
mod permissions;
mod rate_limits;
mod resource_servers;
mod roles;
mod round_trip;
mod search;
mod secrets;
mod statements;
mod stubs;
mod tenancy;
mod tenant_settings;
mod tenant_settings_model;
mod tickets;
mod traffic;
mod user_blocks;
mod userinfo;
mod users;
