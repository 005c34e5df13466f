//! The only general code that knows actix: who calls ([`Caller`]), what is asked ([`params`], [`body`]), how an answer
//! or a refusal looks ([`render`]), and how a route says all that in its handler's signature ([`endpoint`]).

pub mod body;
pub mod caller;
pub mod conditional;
pub mod endpoint;
pub mod load;
pub mod log;
pub mod page;
pub mod params;
pub mod rate_limit;
pub mod render;

pub use body::Body;
pub use caller::{Caller, Visitor};
pub use endpoint::Endpoint;
