#![doc = include_str!("README.md")]

pub mod app;
pub mod auth;
pub mod base;
pub mod cli;
pub mod db;
pub mod http;
pub mod journal;
pub mod keys;
pub mod mail;
pub mod oauth;
pub mod resources;
pub mod search;
pub mod server;
pub mod settings;
pub mod tenancy;
pub mod tenant_files;
