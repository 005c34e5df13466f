# Shortcuts for development. Each recipe needs only Rust; PostgreSQL is found or downloaded.

default:
    @just --list

# the program, with a private PostgreSQL; data is kept
dev *args:
    cargo run -- dev {{ args }}

# the whole test suite, on a throwaway PostgreSQL
test *args:
    cargo test {{ args }}

# every check of CI
check:
    .ci/run

# accept changed snapshots; read the diff afterwards
snapshots:
    INSTA_UPDATE=always cargo test --test api

# licences and banned crates
deny:
    cargo deny check bans licenses sources

# the API documentation; src/README.md is its front page
doc:
    cargo doc --no-deps --open
