//! The only general code that uses actix: authorization ([`Caller`]), parameters ([`params`]), bodies
//! ([`body`]), responses ([`render`], [`respond`]), routes whose properties come from their handlers' signatures
//! ([`endpoint`]), and connections ([`connection`]).

pub mod body;
pub mod caller;
pub mod conditional;
pub mod connection;
pub mod cors;
pub mod endpoint;
pub mod headers;
pub mod html;
pub mod load;
pub mod log;
pub mod page;
pub mod params;
pub mod rate_limit;
pub mod render;
pub mod respond;

pub use body::Body;
pub use caller::{Caller, Visitor};
pub use endpoint::Endpoint;
