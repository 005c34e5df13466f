//! Random syntax trees.

use proptest::collection::vec;
use proptest::prelude::*;
use roster::search::{Bound, Expr, Leaf, Pattern, Piece, Test, Value};

/// The tree without the columns of its leaves.
pub(super) fn without_columns(expr: Expr) -> Expr {
    let all = |operands: Vec<Expr>| operands.into_iter().map(without_columns).collect();
    match expr {
        Expr::All => Expr::All,
        Expr::And(operands) => Expr::And(all(operands)),
        Expr::Or(operands) => Expr::Or(all(operands)),
        Expr::Not(operand) => Expr::Not(Box::new(without_columns(*operand))),
        Expr::Leaf(leaf) => Expr::Leaf(Leaf { column: 0, ..leaf }),
    }
}

/// Trees of these leaves, of about this number.
pub(super) fn trees(leaf: impl Strategy<Value = Leaf> + 'static, leaves: u32) -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![30 => leaf.prop_map(Expr::Leaf), 1 => Just(Expr::All)];
    leaf.prop_recursive(5, leaves, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expr::And),
            vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|operand| Expr::Not(Box::new(operand))),
        ]
    })
}

/// A leaf without a column.
pub(super) fn leaf_of(field: Option<Vec<String>>, test: Test) -> Leaf {
    Leaf { field, column: 0, test }
}

/// A pattern in the parser's normal form; `None` if it matches everything.
pub(super) fn pattern(pieces: Vec<Piece>) -> Option<Pattern> {
    let mut pattern: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (pattern.last_mut(), piece) {
            (Some(Piece::AnyRun), Piece::AnyRun) => {}
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => pattern.push(piece),
        }
    }
    (pattern != [Piece::AnyRun] && !pattern.is_empty()).then_some(Pattern(pattern))
}

/// Pieces with these texts.
pub(super) fn pieces(text: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Piece> {
    prop_oneof![6 => text.prop_map(Piece::Text), 2 => Just(Piece::AnyRun), 1 => Just(Piece::AnyOne)]
}

/// Ranges of these values with at least one bound.
pub(super) fn ranges(text: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = Test> {
    let value = (text, any::<bool>()).prop_map(|(text, quoted)| Value { text, quoted });
    let bound = (value, 0..5).prop_map(|(value, kind)| match kind {
        0 => Bound::Open,
        1 | 2 => Bound::Inclusive(value),
        _ => Bound::Exclusive(value),
    });
    (bound.clone(), bound)
        .prop_filter("a range has a bound", |(low, high)| (low, high) != (&Bound::Open, &Bound::Open))
        .prop_map(|(low, high)| Test::Range { low, high })
}
