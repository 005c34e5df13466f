mod by_email;
mod create;
mod delete;
mod fetch;
mod list;
mod update;
