//! Prints the text of a statement by its name, so that a plan can be looked at with the very statement the service
//! runs: `cargo run --example statements users.list`.
#![allow(clippy::print_stdout, reason = "it is what it is for")]

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for statement in roster::server::statements() {
        if wanted.is_empty() {
            println!("{}", statement.name);
        } else if statement.name == wanted {
            println!("{}", statement.sql);
        }
    }
}
