mod create;
mod delete;
mod fetch;
mod update;
