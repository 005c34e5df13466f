//! The search language: `q`, a query in the subset of Lucene's syntax that Auth0's user search v3 has.
//!
//! ```text
//! q -> parse -> syntax tree (ast) -> plan of typed predicates (plan)
//! ```
//!
//! The module knows no table. A [`Resource`](fields::Resource) describes the searchable fields; the resource
//! turns a plan into SQL (see [`crate::resources::users::search`]).
//!
//! # Syntax
//!
//! | query | matches |
//! | --- | --- |
//! | `jane`, `"jane smith"`, `jane\ smith` | a word or phrase in one of the default fields |
//! | `name:jane`, `name:"jane smith"` | a value of one field |
//! | `name:jan*`, `name:*smith`, `name:j?ne` | a pattern; only outside of quotes |
//! | `level:[1 TO 5]`, `{1 TO 5]`, `[* TO 5}` | a range; `[ ]` include the bound, `{ }` exclude it |
//! | `level:>=1`, `level:<5` | a range with one bound |
//! | `_exists_:name`, `name:*` | any value of the field |
//! | `name:(jane OR john)` | several values of one field |
//! | `AND` `&&`, `OR` `\|\|`, `NOT` `!`, `+`, `-`, `( )` | operators; the words in capitals |
//! | `*`, `*:*`, a blank query | every record |
//!
//! A `\` escapes each of Lucene's characters ``+ - ! ( ) { } [ ] ^ " ~ * ? : \ /``; inside quotes only `"`
//! and `\` need it. An unquoted value may contain `:` (`created_at:2018-01-01T10:00:00Z`), may contain `/`
//! and `!` except at its start, and may start with `+` or `-`. An escaped `.` in a field name does not
//! separate path segments. Boosts, fuzzy and proximity searches and regular expressions are syntax errors.
//!
//! Limits: 32,768 characters (the URL has at most 65,534 bytes), 1,000 terms, 2,000 predicates (a word
//! without a field is one predicate for each default field), 50 nested parentheses, 128 names in a path.
//!
//! # Operators
//!
//! `NOT` binds stronger than `AND`, `AND` stronger than `OR`, `OR` stronger than adjacency. Adjacent clauses
//! have Lucene's occurs: `+a` and an operand of `AND` are required; `-a`, `!a` and `NOT a` are prohibited;
//! all others are optional. If a clause is required, the optional ones have no effect; otherwise at least one
//! of them must match. With prohibited clauses only, every other record matches. So `a b` is `a OR b`, `a b
//! -c` is `(a OR b) AND NOT c`, and `a b AND c` is `b AND c`. Beside `AND` and `OR`, `-` is `NOT` and `+` has
//! no effect.
//!
//! # Fields and values
//!
//! A test of a field with several values passes if one value passes. Two tests may pass by two different
//! values, for example of two identities. `NOT` is the complement: it also matches records without the field.
//! An unknown field has no value and is no error.
//!
//! A path into free-form JSON skips arrays: its values are the strings, numbers and booleans that it reaches
//! through them. `null`, `[]` and `{}` are no values. An object only has existence: it exists if it contains
//! a value at any depth. Arrays directly inside arrays are opened four levels deep at each step of the path;
//! deeper values are not found.
//!
//! # Tests
//!
//! - **A word or phrase** is compared with the whole value. Quotes only change the meaning of special
//!   characters. A boolean field needs `true` or `false`, a number field a JSON number, a date field a date.
//!   In JSON, the text matches an equal string, and the number or boolean that it denotes: `5` and `"5"`
//!   match `5`, `5.0` and `"5"`.
//! - **A pattern**: `*` is any number of characters, `?` exactly one. Patterns apply to text fields, and to
//!   strings in JSON. A pattern with a leading wildcard needs three consecutive literal characters.
//! - **A range** of text is in the order of code points. In JSON it matches numbers if every bound is an
//!   unquoted number, and strings otherwise. A range of booleans is an error.
//! - **A date** is `2017`, `2017-12`, `2017-12-31`, or a date with a time: `T10:00`, `T10:00:00` or
//!   `T10:00:00.000`, each with an optional zone, `Z` or `+01:00`; the default is UTC. It denotes the
//!   interval of its precision, from a year to a millisecond. A word matches the times inside the interval.
//!   `[` includes the interval at the start of the range and `]` at its end; `{` and `}` exclude it. December
//!   2017 is `2017-12`, `[2017-12 TO 2018-01}` and `{2017-11 TO 2017-12]`.
//!
//! A test that does not fit its field's type is an error with a column, like a syntax error.
//!
//! Sources: Auth0's [query syntax](https://auth0.com/docs/manage-users/user-search/user-search-query-syntax)
//! and its first version, which had more examples; the guide from search v2 to v3; Lucene's classic query
//! parser.
//!
//! Deviations and decisions, where Auth0's documentation is silent:
//! - `OR NOT` is the boolean operation, as in Auth0's example `logins_count:0 OR NOT _exists_:logins_count`,
//!   and not Lucene's combination of occurs; only adjacent clauses have occurs.
//! - Comparisons (`>=`), `?`, and ranges and patterns of `user_metadata` are supported; [`strict`] rejects
//!   what Auth0 rejects.
//! - Optional clauses beside required ones are dropped, without a check of their types.
//! - An unknown field matches no record and is no error.
//! - A quoted number in a query also matches numbers in metadata.

pub mod ast;
pub mod fields;
pub mod indexed;
mod parse;
pub mod plan;
pub mod strict;
pub mod value;

pub use ast::{Bound, Expr, Leaf, Pattern, Piece, SyntaxError, Test, Value};
pub use parse::parse;
pub use plan::Plan;
