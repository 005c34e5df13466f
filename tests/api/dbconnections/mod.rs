//! What people do with database connections themselves.

mod change_password;
mod signup;
