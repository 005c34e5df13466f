//! The parser against that of the crate `tantivy-query-grammar`, on the common language: explicit operators,
//! or adjacent clauses with `+` and `-`; words, phrases and ranges of fields.
//!
//! The truth tables of both trees are compared: the assignments of true and false to the tests that make the
//! query true. Syntax of only one language (escapes, `&&`, `!`, comparisons of `*`, operators mixed with
//! adjacent clauses) is left out.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use roster::search::{Bound, Expr, Leaf, Pattern, Piece, Test, parse};
use tantivy_query_grammar::{Delimiter, Occur, UserInputAst, UserInputBound, UserInputLeaf, parse_query};

/// The number of compared queries.
const QUERIES: u32 = 3000;
/// The maximum number of tests in a query; its truth table has 2^MAX_TESTS rows.
const MAX_TESTS: usize = 8;

/// A query of the common language.
#[derive(Clone, Debug)]
enum Common {
    Term(String),
    /// Operands: whether AND joins it (otherwise OR), whether it is negated, and the operand.
    Operators(Vec<(bool, bool, Common)>),
    /// Clauses with a prefix: `+`, `-` or none.
    Clauses(Vec<(&'static str, Common)>),
}

impl Common {
    fn terms(&self) -> usize {
        match self {
            Self::Term(_) => 1,
            Self::Operators(operands) => operands.iter().map(|(.., operand)| operand.terms()).sum(),
            Self::Clauses(clauses) => clauses.iter().map(|(_, clause)| clause.terms()).sum(),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Term(term) => out.push_str(term),
            Self::Operators(operands) => {
                for (n, (and, not, operand)) in operands.iter().enumerate() {
                    out.push_str(match (n, and) {
                        (0, _) => "",
                        (_, true) => " AND ",
                        (_, false) => " OR ",
                    });
                    out.push_str(if *not { "NOT " } else { "" });
                    operand.write_operand(out);
                }
            }
            Self::Clauses(clauses) => {
                for (n, (prefix, clause)) in clauses.iter().enumerate() {
                    let _ = write!(out, "{}{prefix}", if n == 0 { "" } else { " " });
                    clause.write_operand(out);
                }
            }
        }
    }

    fn write_operand(&self, out: &mut String) {
        if let Self::Term(term) = self {
            return out.push_str(term);
        }
        out.push('(');
        self.write(out);
        out.push(')');
    }
}

fn common() -> impl Strategy<Value = Common> {
    let field = "(name|email|user_id|app_metadata\\.plan):";
    let range = "[\\[{](\\*|[0-9]{1,3}) TO (\\*|2018-0[1-9])[\\]}]"
        .prop_filter("an end", |r| !(r.contains("* TO") && r.contains("TO *")));
    let value = prop_oneof![
        4 => "[a-z][a-z0-9@._|-]{0,6}",
        1 => "[a-z]{1,3}[*?][a-z]{0,3}",
        2 => "\"[a-z]{1,4}( [a-z]{1,4})?\"",
    ];
    let term = prop_oneof![
        5 => (field, value.clone()).prop_map(|(field, value)| field + &value),
        2 => value,
        1 => (field, range).prop_map(|(field, range)| field + &range),
        1 => "logins_count:(>|>=|<|<=)[0-9]{1,3}",
        1 => "_exists_:[a-z]{1,3}",
    ];
    term.prop_map(Common::Term).prop_recursive(4, 10, 4, |inner| {
        let prefix = prop_oneof![3 => Just(""), 1 => Just("+"), 1 => Just("-")];
        prop_oneof![
            vec((any::<bool>(), prop::bool::weighted(0.25), inner.clone()), 2..5).prop_map(Common::Operators),
            vec((prefix, inner), 2..4).prop_map(Common::Clauses),
        ]
    })
}

/// The truth table of a query: one row per assignment to its tests.
fn truth_table(tests: &[String], holds: impl Fn(&dyn Fn(&str) -> bool) -> bool) -> Vec<bool> {
    (0..1_u32 << tests.len())
        .map(|assignment| {
            holds(&|test| {
                let index = tests.iter().position(|name| name == test);
                index.is_some_and(|index| assignment >> index & 1 == 1)
            })
        })
        .collect()
}

fn holds(expr: &Expr, test: &dyn Fn(&str) -> bool) -> bool {
    match expr {
        Expr::All => true,
        Expr::And(operands) => operands.iter().all(|operand| holds(operand, test)),
        Expr::Or(operands) => operands.iter().any(|operand| holds(operand, test)),
        Expr::Not(operand) => !holds(operand, test),
        Expr::Leaf(leaf) => test(&name(leaf)),
    }
}

fn name(leaf: &Leaf) -> String {
    let field = leaf.field.as_ref().map_or(String::new(), |path| format!("{}:", path.join(".")));
    let bound = |bound: &Bound| match bound {
        Bound::Open => "open".to_owned(),
        Bound::Inclusive(value) => format!("with {}", value.text),
        Bound::Exclusive(value) => format!("without {}", value.text),
    };
    let test = match &leaf.test {
        Test::Exists => return format!("_exists_:{}", field.trim_end_matches(':')),
        Test::Phrase(text) => format!("\"{text}\""),
        Test::Range { low, high } => format!("{} to {}", bound(low), bound(high)),
        Test::Word(Pattern(pieces)) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::AnyRun => "*",
                Piece::AnyOne => "?",
            })
            .collect(),
    };
    field + &test
}

/// Evaluates the other parser's tree as Lucene does. With prohibited clauses only, everything else matches.
fn other_holds(ast: &UserInputAst, test: &dyn Fn(&str) -> bool) -> bool {
    match ast {
        UserInputAst::Boost(ast, _) => other_holds(ast, test),
        UserInputAst::Leaf(leaf) => test(&other_name(leaf)),
        UserInputAst::Clause(clauses) => {
            let of = |wanted: Option<Occur>| {
                clauses
                    .iter()
                    .filter(move |(occur, _)| {
                        occur.unwrap_or(Occur::Should) == wanted.unwrap_or(Occur::Should)
                    })
                    .map(|(_, ast)| other_holds(ast, test))
            };
            let required = of(Some(Occur::Must)).count() > 0;
            of(Some(Occur::Must)).all(|holds| holds)
                && !of(Some(Occur::MustNot)).any(|holds| holds)
                && (required || of(None).count() == 0 || of(None).any(|holds| holds))
        }
    }
}

fn other_name(leaf: &UserInputLeaf) -> String {
    let field = |field: &Option<String>| field.as_ref().map_or(String::new(), |field| format!("{field}:"));
    let bound = |bound: &UserInputBound| match bound {
        UserInputBound::Unbounded => "open".to_owned(),
        UserInputBound::Inclusive(text) => format!("with {text}"),
        UserInputBound::Exclusive(text) => format!("without {text}"),
    };
    match leaf {
        UserInputLeaf::Literal(literal) if literal.delimiter == Delimiter::DoubleQuotes => {
            format!("{}\"{}\"", field(&literal.field_name), literal.phrase)
        }
        UserInputLeaf::Literal(literal) => format!("{}{}", field(&literal.field_name), literal.phrase),
        UserInputLeaf::Range { field: name, lower, upper } => {
            format!("{}{} to {}", field(name), bound(lower), bound(upper))
        }
        other => format!("{other:?}"),
    }
}

/// The names of all tests of the other parser's tree. It keeps tests that ours drops.
fn other_tests(ast: &UserInputAst, tests: &mut Vec<String>) {
    match ast {
        UserInputAst::Boost(ast, _) => other_tests(ast, tests),
        UserInputAst::Clause(clauses) => clauses.iter().for_each(|(_, ast)| other_tests(ast, tests)),
        UserInputAst::Leaf(leaf) => {
            let name = other_name(leaf);
            if !tests.contains(&name) {
                tests.push(name);
            }
        }
    }
}

fn our_tests(expr: &Expr, tests: &mut Vec<String>) {
    match expr {
        Expr::All => {}
        Expr::And(operands) | Expr::Or(operands) => operands.iter().for_each(|o| our_tests(o, tests)),
        Expr::Not(operand) => our_tests(operand, tests),
        Expr::Leaf(leaf) => tests.push(name(leaf)),
    }
}

#[test]
fn parser_agrees_with_tantivy_on_the_common_language() {
    let mut runner = TestRunner::default();
    let (mut compared, mut with_three_tests, mut not_constant) = (0, 0, 0);
    while compared < QUERIES {
        let query = common().new_tree(&mut runner).unwrap().current();
        if query.terms() > MAX_TESTS {
            continue;
        }
        let mut text = String::new();
        query.write(&mut text);
        let ours = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let theirs = parse_query(&text).unwrap_or_else(|_| panic!("{text}: the other parser rejects it"));

        let (mut tests, mut our_names) = (Vec::new(), Vec::new());
        other_tests(&theirs, &mut tests);
        our_tests(&ours, &mut our_names);
        for name in &our_names {
            assert!(tests.contains(name), "{text}: {name} is not among {tests:?}");
        }
        let table = truth_table(&tests, |test| holds(&ours, test));
        assert_eq!(
            table,
            truth_table(&tests, |test| other_holds(&theirs, test)),
            "{text}: {ours} or {theirs:?}"
        );
        compared += 1;
        with_three_tests += u32::from(tests.len() >= 3);
        not_constant += u32::from(table.contains(&true) && table.contains(&false));
    }
    assert!(with_three_tests * 2 > compared, "{with_three_tests} of {compared} have three tests or more");
    assert!(
        not_constant * 10 > compared * 9,
        "{not_constant} of {compared} are neither always true nor never"
    );
}
