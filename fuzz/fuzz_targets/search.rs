//! Any text parses, or fails with a column inside the text. A parsed query prints as a query with the same tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use search::ast::{Expr, Leaf};
use search::{parse::parse, strict};

/// Only the query language, so that the target builds in seconds.
#[allow(dead_code, reason = "only the rest of the package uses it")]
#[path = "../../src/search"]
mod search {
    pub mod ast;
    pub mod parse;
    pub mod strict;
}

fuzz_target!(|query: &str| match parse(query) {
    Ok(expr) => {
        let _ = strict::check(&expr);
        let printed = expr.to_string();
        // The printed form can exceed the limits of length and nesting.
        if printed.chars().count() <= 65_536 && printed.matches('(').count() <= 50 {
            let again = parse(&printed).unwrap_or_else(|error| panic!("{printed:?}: {error}"));
            assert_eq!(without_columns(again), without_columns(expr), "{printed:?}");
        }
    }
    Err(error) => assert!((1..=query.chars().count() + 1).contains(&error.column), "{error}"),
});

fn without_columns(expr: Expr) -> Expr {
    let all = |operands: Vec<Expr>| operands.into_iter().map(without_columns).collect();
    match expr {
        Expr::All => Expr::All,
        Expr::And(operands) => Expr::And(all(operands)),
        Expr::Or(operands) => Expr::Or(all(operands)),
        Expr::Not(operand) => Expr::Not(Box::new(without_columns(*operand))),
        Expr::Leaf(leaf) => Expr::Leaf(Leaf { column: 0, ..leaf }),
    }
}
