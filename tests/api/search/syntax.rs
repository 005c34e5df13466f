use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use roster::resources::users::search::sql::USERS;
use roster::search::{Expr, Leaf, Plan, Test, parse};

use super::queries::{leaf_of, pattern, pieces, ranges, trees, without_columns};

/// A query, and its printed tree.
const TREES: &[(&str, &str)] = &[
    ("", "*:*"),
    (" \t\n", "*:*"),
    ("*", "*:*"),
    ("*:*", "*:*"),
    ("jane", "jane"),
    ("\"jane smith\"", "\"jane smith\""),
    ("name:jane", "name:jane"),
    ("name: jane", "name:jane"),
    ("name:\"jane smith\"", "name:\"jane smith\""),
    (r"name:jane\ smith", r"name:jane\ smith"),
    ("name:jan*", "name:jan*"),
    ("name:j**n?", "name:j*n?"),
    ("name:*", "_exists_:name"),
    ("name:**", "_exists_:name"),
    ("_exists_:name", "_exists_:name"),
    ("_exists_:\"app_metadata.plan\"", "_exists_:app_metadata.plan"),
    ("NOT _exists_:logins_count", "NOT _exists_:logins_count"),
    ("email.domain:\"example.com\"", "email.domain:\"example.com\""),
    (r"user_metadata.a\.b.c\:d:x", r"user_metadata.a\.b.c\:d:x"),
    // Values with special characters.
    ("user_id:auth0|5f7c", "user_id:auth0|5f7c"),
    ("email:jane@example.com", "email:jane@example.com"),
    ("created_at:2018-01-01T10:00:00Z", r"created_at:2018-01-01T10\:00\:00Z"),
    ("phone_number:+15551234", r"phone_number:\+15551234"),
    ("user_metadata.n:-5", r"user_metadata.n:\-5"),
    ("url:http://a/b", r"url:http\://a/b"),
    ("a&&b", "a&&b"),
    (r#"a:"\"x\\y\*""#, r#"a:"\"x\\y*""#),
    (r"\AND \(x\)", r"\AND OR \(x\)"),
    // Ranges.
    ("logins_count:[100 TO 200}", "logins_count:[100 TO 200}"),
    ("logins_count:{ 100  TO * ]", "logins_count:{100 TO *]"),
    ("logins_count:[* TO *]", "_exists_:logins_count"),
    ("logins_count:>=100", "logins_count:[100 TO *]"),
    ("logins_count:>100", "logins_count:{100 TO *]"),
    ("logins_count:<=100", "logins_count:[* TO 100]"),
    ("logins_count:< 100", "logins_count:[* TO 100}"),
    ("name:>\"a b\"", "name:{\"a b\" TO *]"),
    ("a:[\"x y\" TO \"z\"]", "a:[\"x y\" TO \"z\"]"),
    ("a:[2018-01-01T10:00:00Z TO \"*\"]", r#"a:[2018-01-01T10\:00\:00Z TO "*"]"#),
    ("a:[-5 TO 5]", r"a:[\-5 TO 5]"),
    ("a:[TO TO TO]", "a:[TO TO TO]"),
    // Precedence: NOT, AND, OR, adjacency.
    ("a AND b", "a AND b"),
    ("a && b", "a AND b"),
    ("a || b", "a OR b"),
    ("a OR b AND c", "a OR (b AND c)"),
    ("a AND b OR c AND NOT d", "(a AND b) OR (c AND (NOT d))"),
    ("(a OR b) AND c", "(a OR b) AND c"),
    ("!a AND -b", "(NOT a) AND (NOT b)"),
    ("a OR -b", "a OR (NOT b)"),
    ("NOT(a)", "NOT a"),
    ("(((a)))", "a"),
    ("-(-a)", "NOT (NOT a)"),
    ("(a)&&(b)||(c)", "(a AND b) OR c"),
    // Adjacent clauses.
    ("a b", "a OR b"),
    ("a b c", "a OR b OR c"),
    ("a b -c", "(a OR b) AND (NOT c)"),
    ("a NOT b", "a AND (NOT b)"),
    ("-a b", "b AND (NOT a)"),
    ("-a -b", "(NOT a) AND (NOT b)"),
    ("+a b", "a"),
    ("+a b -c", "a AND (NOT c)"),
    ("+a +b", "a AND b"),
    ("+(a b) c", "a OR b"),
    ("a b AND c", "b AND c"),
    ("a AND b c", "a AND b"),
    ("a AND b -c", "(a AND b) AND (NOT c)"),
    ("a OR b c", "(a OR b) OR c"),
    ("a OR b -c", "(a OR b) AND (NOT c)"),
    ("a OR b +c", "c"),
    ("name:jane smith", "name:jane OR smith"),
    // Groups of a field.
    ("name:(jane OR john)", "name:jane OR name:john"),
    ("name:(jane \"john doe\" -j*)", "(name:jane OR name:\"john doe\") AND (NOT name:j*)"),
    ("a:([1 TO 2] OR >7 OR *)", "a:[1 TO 2] OR a:{7 TO *] OR _exists_:a"),
    ("a:((b OR c) AND d)", "(a:b OR a:c) AND a:d"),
];

#[test]
fn parser_builds_lucenes_tree() {
    for (query, printed) in TREES {
        let expr = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(expr.to_string(), *printed, "{query}");
    }
}

/// A query, and its syntax error.
const ERRORS: &[(&str, &str)] = &[
    ("name:", "column 6: expected a value after ':', in quotes if it is an operator, found end of query"),
    ("name:AND", "column 6: expected a value after ':', in quotes if it is an operator, found 'AND'"),
    ("name::x", "column 6: expected a value after ':', in quotes if it is an operator, found ':'"),
    ("a AND", "column 6: expected a term, found end of query"),
    ("a AND OR b", "column 7: expected a term, found 'OR'"),
    ("OR a", "column 1: expected a term, found 'OR'"),
    ("a OR && b", "column 6: expected a term, found '&'"),
    ("NOT", "column 4: expected a term, found end of query"),
    ("--a", "column 2: expected a term, found '-'"),
    ("NOT NOT a", "column 5: expected a term, found 'NOT'"),
    ("(a", "column 3: expected ')' for the '(' of column 1, found end of query"),
    ("a)", "column 2: expected a '(' before it, found ')'"),
    ("()", "column 2: expected a term, found ')'"),
    ("name:()", "column 7: expected a term, found ')'"),
    ("email:\"unterminated", "column 20: expected '\"' for the '\"' of column 7, found end of query"),
    ("\"a\"b", "column 4: expected a space, found 'b'"),
    ("(a)b", "column 4: expected a space, found 'b'"),
    ("a\"b\"", "column 2: expected a space or '\\' before it, found '\"'"),
    ("f(x)", "column 2: expected a space or '\\' before it, found '('"),
    ("a]", "column 2: expected a space or '\\' before it, found ']'"),
    ("a\\", "column 3: expected a character after '\\', found end of query"),
    (
        "\u{1f409}e\u{301} name^2",
        "column 9: expected no boost (not supported; escape the character as '\\^'), found '^'",
    ),
    ("\"a b\"^2", "column 6: expected no boost (not supported; escape the character as '\\^'), found '^'"),
    (
        "jane~1",
        "column 5: expected no fuzzy or proximity search (not supported; use wildcards, or escape the character as '\\~'), found '~'",
    ),
    (
        "\"a b\"~3",
        "column 6: expected no fuzzy or proximity search (not supported; use wildcards, or escape the character as '\\~'), found '~'",
    ),
    (
        "name:/joh?n/",
        "column 6: expected no regular expression (not supported; use wildcards, or escape the character as '\\/'), found '/'",
    ),
    (
        "/joh?n/",
        "column 1: expected no regular expression (not supported; use wildcards, or escape the character as '\\/'), found '/'",
    ),
    ("[1 TO 2]", "column 1: expected a field and ':' before a range, found '['"),
    (">5", "column 1: expected a field and ':' before a range, found '>'"),
    ("a:[1 2]", "column 6: expected 'TO', found '2'"),
    ("a:[1 to 2]", "column 6: expected 'TO', found 'to'"),
    ("a:[1 TO 2", "column 10: expected ']' or '}', found end of query"),
    ("a:[1 TO", "column 8: expected a space and a value after 'TO', found end of query"),
    ("a:[1 TO]", "column 8: expected a space and a value after 'TO', found ']'"),
    ("a:[1 TOP 2]", "column 6: expected 'TO', found 'TOP'"),
    ("a:[1 TO 2)", "column 11: expected ']' or '}', found end of query"),
    ("a:[ TO 2]", "column 8: expected 'TO', found '2'"),
    ("a:[1* TO 2]", "column 4: expected a value without wildcards, or '*' alone, found '1'"),
    ("a:[1 TO ]", "column 9: expected a value without wildcards, or '*' alone, found ']'"),
    ("a:>=1*", "column 5: expected a value without wildcards, found '1'"),
    ("a:>=", "column 5: expected a value, found end of query"),
    ("us*r:x", "column 3: expected the name of a field without wildcards, found '*'"),
    ("*:x", "column 3: expected '*' after '*:', found 'x'"),
    ("a..b:x", "column 3: expected a name before the '.', found '.'"),
    ("a.:x", "column 3: expected the name of a field, found ':'"),
    (":x", "column 1: expected a term, found ':'"),
    ("_exists_:(a b)", "column 10: expected the name of a field, found '('"),
    ("_exists_:*", "column 10: expected the name of a field without wildcards, found '*'"),
    ("_exists_:\"\"", "column 11: expected the name of a field, found '\"'"),
    (
        "a:(b:c)",
        "column 5: expected no field inside the group of a field (escape ':' in a value as '\\:'), found ':'",
    ),
    ("a\0b", "column 2: expected a query without NUL, found '\\u{0}'"),
];

#[test]
fn syntax_error_has_the_column_and_the_expected_text() {
    for (query, message) in ERRORS {
        let error = parse(query).map_or_else(|error| error.to_string(), |expr| format!("parses to {expr}"));
        assert_eq!(error, *message, "{query}");
    }
}

#[test]
fn query_has_limits() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(50)).is_ok());
    let error = parse(&nested(51)).unwrap_err().to_string();
    assert_eq!(error, "column 51: expected at most 50 nested parentheses, found '('");
    assert!(parse(&nested(20_000)).is_err());

    assert!(parse(&vec!["a"; 1000].join(" OR ")).is_ok());
    let error = parse(&vec!["a"; 10_000].join(" ")).unwrap_err().to_string();
    assert_eq!(error, "column 2001: expected at most 1000 terms, found 'a'");

    assert!(parse(&format!("{}:x", vec!["a"; 128].join("."))).is_ok());
    let error = parse(&format!("{}:x", vec!["a"; 129].join("."))).unwrap_err().to_string();
    assert_eq!(error, "column 1: expected at most 128 names in the path of a field, found 'a'");

    assert!(parse(&"a".repeat(32_768)).is_ok());
    let error = parse(&"a".repeat(32_769)).unwrap_err().to_string();
    assert_eq!(error, "column 32769: expected at most 32768 characters, found 'a'");
}

#[test]
fn word_without_a_field_counts_once_per_field() {
    let plan = |q: &str| Plan::of(&USERS, &parse(q).unwrap());
    assert!(plan(&vec!["a"; 250].join(" ")).is_ok());
    let error = plan(&vec!["a"; 251].join(" ")).unwrap_err().to_string();
    let expected = "at most 2000 tests (a word without a field counts as 8)";
    assert_eq!(error, format!("column 501: expected {expected}, found a"));
    assert!(plan(&vec!["email:a"; 1000].join(" OR ")).is_ok());
}

#[test]
fn leaf_has_its_column() {
    let expr = parse("\u{1f409} AND email.domain:(\"x\" OR  y)").unwrap();
    let mut columns = Vec::new();
    collect(&expr, &mut columns);
    assert_eq!(columns, [1, 21, 29]);
}

fn collect(expr: &Expr, columns: &mut Vec<usize>) {
    match expr {
        Expr::All => {}
        Expr::And(operands) | Expr::Or(operands) => operands.iter().for_each(|o| collect(o, columns)),
        Expr::Not(operand) => collect(operand, columns),
        Expr::Leaf(leaf) => columns.push(leaf.column),
    }
}

fn text() -> impl Strategy<Value = String> + Clone {
    let text = prop_oneof![
        3 => "[a-z]{1,4}",
        3 => r#"[-+!(){}\[\]^"~*?:\\/&|<>=. \t\u{3000}a]{1,5}"#,
        1 => any::<String>().prop_map(|text| text.replace('\0', "")),
        1 => prop::sample::select(vec!["AND", "OR", "NOT", "TO", "_exists_", "*", "-", "&&", "||"])
            .prop_map(str::to_owned),
    ];
    text.prop_map(|text| if text.is_empty() { "x".to_owned() } else { text }).boxed()
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let field = vec(text(), 1..4).prop_filter("a field", |path| path != &["_exists_"]);
    let words = vec(pieces(text()), 1..5).prop_filter_map("a pattern", pattern).prop_map(Test::Word);
    let phrases = prop_oneof![text(), Just(String::new())].prop_map(Test::Phrase);
    prop_oneof![
        3 => (option::of(field.clone()), words).prop_map(|(field, test)| leaf_of(field, test)),
        2 => (option::of(field.clone()), phrases).prop_map(|(field, test)| leaf_of(field, test)),
        2 => (field.clone(), ranges(text())).prop_map(|(field, test)| leaf_of(Some(field), test)),
        1 => field.prop_map(|field| leaf_of(Some(field), Test::Exists)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn printed_tree_parses_to_the_same_tree(expr in trees(leaf(), 24)) {
        let printed = expr.to_string();
        prop_assert_eq!(parse(&printed).map(without_columns), Ok(expr), "{}", printed);
    }

    #[test]
    fn any_text_is_parsed_or_rejected(query in any::<String>()) {
        parsed_or_rejected(&query);
    }

    #[test]
    fn any_query_like_text_is_parsed_or_rejected(
        query in r#"([-+!(){}\[\]^"~*?:\\/&|<>=. ]|AND |OR |NOT | TO |a|name:|_exists_:|é|🐉){0,40}"#
    ) {
        parsed_or_rejected(&query);
    }
}

/// A parsed query prints as a query with the same tree; the column of an error is inside the query.
fn parsed_or_rejected(query: &str) {
    match parse(query) {
        Ok(expr) => {
            let printed = expr.to_string();
            let again = parse(&printed).unwrap_or_else(|error| panic!("{query:?} as {printed:?}: {error}"));
            assert_eq!(without_columns(again), without_columns(expr), "{query:?} as {printed:?}");
        }
        Err(error) => assert!((1..=query.chars().count() + 1).contains(&error.column), "{query:?}: {error}"),
    }
}
