//! Prints the product's statements, so that benchmarks and `explain` use the same text:
//! `cargo run --example statements users.list`. Without a name, it lists the names.
//!
//! `statements search TENANT QUERY [total] [PATH]` prints the statement of a user search with pgbench variables
//! in place of the values, and the variables on standard error: `b1=...`, one per line. PATH is a metadata path
//! with its own index; `statements key PATH` prints the key of that index. `statements few QUERY` prints the
//! statement of searches with few matches, with one array parameter per value.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "printing is its purpose")]

use roster::resources::users::search::builder::Bind;
use roster::resources::users::search::sql::{PageSpec, USERS, sparse_statement, statement};
use roster::search::indexed::IndexedPath;
use roster::search::{Plan, parse};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["search", tenant, q, more @ ..] = arguments.as_slice() {
        return search(tenant, q, more);
    }
    if let ["few", q] = arguments.as_slice() {
        let plan = Plan::of(&USERS, &parse(q).unwrap()).unwrap();
        return println!(
            "{}",
            sparse_statement("", &plan, &PageSpec { limit: 50, ..PageSpec::default() }).unwrap().0
        );
    }
    if let ["key", path] = arguments.as_slice() {
        return println!("{}", IndexedPath::parse(path).unwrap().key());
    }
    let wanted = arguments.first().copied().unwrap_or_default();
    for statement in roster::server::statements() {
        if wanted.is_empty() {
            println!("{}", statement.name);
        } else if statement.name == wanted {
            println!("{}", without_comments(statement.sql));
        }
    }
}

/// Scripts of pgbench have a statement on one line, where a comment would hide the rest of it.
fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
}

fn search(tenant: &str, q: &str, more: &[&str]) {
    let indexed: Vec<IndexedPath> = more.iter().filter_map(|path| IndexedPath::parse(path)).collect();
    let plan = Plan::of(&USERS, &parse(q).unwrap()).unwrap().with_indexes(&indexed);
    let spec = PageSpec { limit: 50, total: more.contains(&"total"), ..PageSpec::default() };
    let mut types = Vec::new();
    let (mut sql, builder) = statement(tenant, &plan, &spec);
    for (n, value) in builder.binds().iter().enumerate() {
        let (of, value) = match value {
            Bind::Text(text) => ("text", text.clone()),
            Bind::Texts(texts) => ("text[]", format!("{{{}}}", texts.join(","))),
            Bind::Integer(number) => ("bigint", number.to_string()),
            Bind::Time(time) => ("timestamptz", time.to_string()),
            Bind::JsonPath(path) => ("jsonpath", path.clone()),
        };
        types.push(of);
        eprintln!("b{}={value}", n + 1);
    }
    for (n, of) in types.iter().enumerate().rev() {
        sql = sql.replace(&format!("${}", n + 1), &format!(":b{}::{of}", n + 1));
    }
    println!("{};", sql.split_whitespace().collect::<Vec<_>>().join(" "));
}
