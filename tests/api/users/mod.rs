mod attributes;
mod by_email;
mod create;
mod delete;
mod fetch;
mod large;
mod list;
mod update;
