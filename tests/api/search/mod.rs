//! Search: the language and its parser, an evaluator in memory that knows no SQL, and the cases both must agree on.

mod cases;
mod evaluator;
mod oracle;
mod queries;
mod sql;
mod strict;
mod syntax;
