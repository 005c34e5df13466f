//! Search: `q`, a query in the Lucene subset of Auth0's user search v3.
//!
//! ```text
//! q -> syntax tree (ast, parse) -> typed plan -> where-clause and binds
//! ```

pub mod ast;
pub mod fields;
mod parse;
pub mod plan;
pub mod sql;
pub mod users;
pub mod value;

pub use ast::{Bound, Expr, Leaf, Pattern, Piece, SyntaxError, Test, Value};
pub use parse::parse;
pub use plan::Plan;
