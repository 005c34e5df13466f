# Everything needs only Rust and a PostgreSQL, which is found or fetched.

default:
    @just --list

# everything on this machine, data kept
dev *args:
    cargo run -- dev {{ args }}

# the whole suite, on a throwaway PostgreSQL
test *args:
    cargo test {{ args }}

# what the machine checks before a change lands
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# accept new snapshots after reading them
snapshots:
    INSTA_UPDATE=always cargo test --test api

# licences, duplicate and unwanted crates
deny:
    cargo deny check bans licenses sources

# the documentation, with the house as its front page
doc:
    cargo doc --no-deps --open
