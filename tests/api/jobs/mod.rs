//! Jobs.

mod send_verification_email;
