//! Rejects queries that Auth0 rejects although Roster supports them (setting `search.auth0_strict`), so that
//! a tenant stays compatible with Auth0:
//!
//! - wildcards and ranges of `user_metadata`;
//! - the wildcard `?`;
//! - wildcards other than a trailing `*` (`jane*`) beside a literal of less than three characters.
//!
//! Sources: <https://auth0.com/docs/manage-users/user-search/user-search-query-syntax>, its first version
//! (which lists `?` as not supported), and the guide from search v2 to v3 (the three characters). The error
//! texts are ours, because those of Auth0 are not documented.

use super::ast::{Expr, Leaf, Pattern, Piece, Test};

/// Returns the first construct of a query that Auth0 rejects, with its column, as an error.
pub fn check(expr: &Expr) -> Result<(), String> {
    match expr {
        Expr::All => Ok(()),
        Expr::And(operands) | Expr::Or(operands) => operands.iter().try_for_each(check),
        Expr::Not(operand) => check(operand),
        Expr::Leaf(leaf) => match violation(leaf) {
            None => Ok(()),
            Some(violation) => Err(format!("column {}: {violation} (search.auth0_strict)", leaf.column)),
        },
    }
}

fn violation(leaf: &Leaf) -> Option<&'static str> {
    let in_user_metadata = leaf.field.as_ref().is_some_and(|path| path[0] == "user_metadata");
    match &leaf.test {
        Test::Range { .. } if in_user_metadata => {
            Some("Range searches are not available on user_metadata fields.")
        }
        Test::Word(Pattern(pieces)) => match pieces.as_slice() {
            [Piece::Text(_)] => None,
            _ if in_user_metadata => Some("Wildcard searches are not available on user_metadata fields."),
            _ if pieces.contains(&Piece::AnyOne) => Some("The wildcard '?' is not supported."),
            [Piece::Text(_), Piece::AnyRun] => None,
            _ if pieces.iter().any(is_short) => {
                Some("Wildcards other than a trailing '*' need literals of three characters or more.")
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_short(piece: &Piece) -> bool {
    matches!(piece, Piece::Text(text) if text.chars().count() < 3)
}
