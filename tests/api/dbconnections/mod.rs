//! Requests of users of database connections.

mod change_password;
mod signup;
