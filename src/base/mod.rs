//! The lowest layer: ids, strict JSON, schemas, errors, secrets, limits. It imports no other layer.

pub mod bodies;
pub mod encoding;
pub mod error;
pub mod fair_semaphore;
pub mod fields;
pub mod html;
pub mod identifiers;
pub mod ids;
pub mod json;
pub mod liveness;
pub mod load;
pub mod metadata;
pub mod page;
pub mod passwords;
pub mod patch;
pub mod rate_limits;
pub mod schema;
pub mod secrets;
pub mod timestamp;
pub mod unread;
pub mod vault;
pub mod worker;
