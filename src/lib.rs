//! Roster, a self-hosted identity store over PostgreSQL that speaks Auth0's API.

pub mod db;
