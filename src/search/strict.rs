//! What Auth0 refuses and Roster would answer, for tenants that want to find out before they move
//! (`search.auth0_strict`):
//!
//! - wildcards and ranges of `user_metadata`;
//! - the wildcard `?`;
//! - wildcards that do more than match a beginning (`jane*`) around texts of less than three characters.
//!
//! Sources: <https://auth0.com/docs/manage-users/user-search/user-search-query-syntax>, its first version (which says of
//! `?` that it is not supported), and the guide from search v2 to v3 (on the three characters). The sentences are ours:
//! Auth0's own are not known.

use super::ast::{Expr, Leaf, Pattern, Piece, Test};

/// Says what Auth0 would refuse in a query, if there is something.
pub fn check(expr: &Expr) -> Result<(), String> {
    match expr {
        Expr::All => Ok(()),
        Expr::And(operands) | Expr::Or(operands) => operands.iter().try_for_each(check),
        Expr::Not(operand) => check(operand),
        Expr::Leaf(leaf) => refusal(leaf).map_or(Ok(()), |because| {
            Err(format!("column {}: {because} (search.auth0_strict)", leaf.column))
        }),
    }
}

fn refusal(leaf: &Leaf) -> Option<&'static str> {
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
                Some("Wildcards that match more than a beginning need literals of three characters or more.")
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_short(piece: &Piece) -> bool {
    matches!(piece, Piece::Text(text) if text.chars().count() < 3)
}
