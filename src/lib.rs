//! Roster, a self-hosted identity store over PostgreSQL that speaks Auth0's API.

pub mod settings;
pub mod telemetry;
pub mod tenancy;
