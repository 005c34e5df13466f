//! Search: `q`, a query in the subset of Lucene's syntax that Auth0's search v3 has.
//!
//! ```text
//! q -> syntax tree (parse, ast) -> typed plan -> where-clause and binds
//! ```
//!
//! # The language
//!
//! | | |
//! | --- | --- |
//! | `jane`, `"jane smith"`, `jane\ smith` | a word or phrase of [the default fields](#fields) |
//! | `name:jane`, `name:"jane smith"` | of one field |
//! | `name:jan*`, `name:*smith`, `name:j?ne` | with wildcards, outside of quotes |
//! | `level:[1 TO 5]`, `{1 TO 5]`, `[* TO 5}`, `level:>=1`, `<5` | a range; `[` and `]` are with the value, `{` and `}` without |
//! | `_exists_:name`, `name:*` | the field has a value |
//! | `name:(jane OR john)` | several values of one field |
//! | `AND` `&&`, `OR` `\|\|`, `NOT` `!`, `+`, `-`, `( )` | operators, in capitals |
//! | `*`, `*:*`, a blank query | everything |
//!
//! Lucene's characters ``+ - ! ( ) { } [ ] ^ " ~ * ? : \ /`` mean themselves behind a `\`, and all but `"` and `\` between
//! quotes. Unquoted, a value may have `:` in it (`created_at:2018-01-01T10:00:00Z`), `/` and `!` but at its beginning,
//! and begin with `+` or `-`. In the name of a field a `.` behind a `\` does not part the path. Boosts, fuzzy and
//! proximity searches and regular expressions are refused. A query has at most 32,768 characters (the URL it stands in has at most 65,534 bytes), 1,000 terms, 2,000 tests (a word
//! without a field is one of each of eight fields), 50
//! parentheses within one another and 128 names in a path.
//!
//! # Operators
//!
//! `NOT` binds before `AND`, `AND` before `OR`, `OR` before clauses that stand side by side. Those have Lucene's occurs:
//! `+a`, and what `AND` joins, is required; `-a`, `!a`, `NOT a` is prohibited; all others are optional. If something is
//! required the optional clauses decide nothing; else one of them must match. With prohibited clauses only, everything
//! else matches. So `a b` is `a OR b`, `a b -c` is `(a OR b) AND NOT c`, `a b AND c` is `b AND c`. Beside `AND` and `OR` a
//! `-` is a `NOT` and a `+` says nothing.
//!
//! # Fields
//!
//! The user that is searched is the document that `GET /api/v2/users/{id}` answers, computed `name` and `nickname`
//! included.
//!
//! | fields | kind |
//! | --- | --- |
//! | `email`, `name`, `given_name`, `family_name`, `nickname` | text, in upper or lower case |
//! | `user_id`, `username`, `phone_number`, `last_ip`, `organization_id`, `email.domain`, `identities.connection`, `identities.provider`, `identities.user_id` | text, as it is written |
//! | `email_verified`, `phone_verified`, `blocked`, `identities.isSocial` | boolean |
//! | `logins_count` | number |
//! | `created_at`, `updated_at`, `last_login` | date |
//! | `user_metadata.*`, `app_metadata.*` | the JSON that is there, as it is written |
//! | `identities` | has existence only |
//!
//! Any other field is one that nobody has: it is no error and finds nobody. A word without a field looks at `email`,
//! `name`, `given_name`, `family_name`, `nickname`, `username`, `phone_number` and `user_id`.
//!
//! A field may have several values; a test passes if one of them does. Two tests may be passed by two values, of two
//! identities, say. `NOT` is what is left: it finds those who do not have the field at all.
//!
//! On the path of a metadata field lists are skipped: the values are the strings, numbers and booleans that are reached
//! through them. `null`, `[]` and `{}` are no values, and objects have existence only: if there is a value in them, at any
//! depth. Lists directly within lists are opened four deep at each step; what lies deeper is not found.
//!
//! # Tests
//!
//! - **A word or phrase** is compared with the whole value; quotes change nothing but what characters mean. Booleans want
//!   `true` or `false`, numbers a number as JSON writes it, dates a date. In metadata a string with these characters
//!   matches, and so does the number of this value, and the boolean: `5` and `"5"` find `5`, `5.0` and `"5"`.
//! - **Wildcards**: `*` is any number of characters, `?` one. They are for texts, in metadata for strings. A word that begins
//!   with one needs three characters in a row that are none.
//! - **Ranges** of texts are in the order of code points. In metadata they are of numbers if all given ends are unquoted
//!   numbers, and of strings otherwise. A range of booleans is refused.
//! - **Dates** are `2017`, `2017-12`, `2017-12-31`, or with a time: `T10:00`, `T10:00:00`, `T10:00:00.000`, which may have a
//!   zone, `Z` or `+01:00`; without one it is UTC. Each names all of its year, month, day, minute, second or
//!   millisecond: a word finds what lies in it, `[` begins with it and `]` ends with it, `{` begins behind it and `}` ends
//!   before it. December 2017 is `2017-12`, `[2017-12 TO 2018-01}` and `{2017-11 TO 2017-12]`.
//!
//! What a field cannot be asked is refused with the column, as bad syntax is.
//!
//! Sources: Auth0's [syntax of user searches](https://auth0.com/docs/manage-users/user-search/user-search-query-syntax) and its
//! first version, which had more examples; the guide from search v2 to v3; Lucene's classic query parser.
//!
//! # Answers
//!
//! A search is a read of what is committed: what was acknowledged is found, and pages, totals, orders and checkpoints are
//! those of [lists](crate::resources::users::list). It is one statement, in which the document decides and indexes only propose whom
//! to ask ([`sql`], [`users`]). Equality of metadata and the texts a user is known by have indexes for all, other tests of
//! metadata where [`indexes`] were made; the tenant is a part of every key of them.
//!
//! Where searches of one form found few so far, a cheaper statement is tried before (`run`), in which those that come at the
//! same time travel together (`db::coalesce`). Searches have connections of their own, so that they cannot take those of
//! everybody else, and two seconds. Of those that go alone at most 64 wait for one of them; who comes beyond that is refused
//! with 503 at once.
//!
//! Texts without regard to case are compared in lower case, as Unicode has it, character by character where that depends on
//! what stands around: a known limit is that `Σ` at the end of a word becomes `ς` and so does not find what was written with
//! `σ` there, and that `İ` becomes an `i` with a dot above and finds no plain `i`.
//!
//! Deviations and decisions, where Auth0's documentation says nothing:
//! - `OR NOT` means what it says (Auth0's examples have `logins_count:0 OR NOT _exists_:logins_count`), not what Lucene
//!   makes of it; clauses side by side are the only ones with occurs.
//! - Comparisons (`>=`), `?`, and ranges and wildcards of `user_metadata` are answered; [`strict`] refuses what Auth0 refuses.
//! - Optional clauses beside required ones are left out, and so is what would be refused in them later.
//! - Unknown fields find nobody rather than being refused.
//! - Which fields a word without one looks at: the documentation excludes `user_metadata` only.
//! - Types in metadata: a quoted number finds numbers too.

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
