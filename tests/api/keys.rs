//! What is sealed at rest, held against the schema. The rotation itself is tested in `tests/program.rs`.

use crate::support::sql;

/// Columns of digests: nobody can make of them what they were made of, so there is nothing to seal.
const DIGESTS: [&str; 4] =
    ["access_tokens.digest", "client_assertions.digest", "mails.digest", "tickets.digest"];

#[tokio::test]
async fn every_bytea_column_is_sealed_or_a_digest() {
    let query = "select table_name || '.' || column_name as name from information_schema.columns where data_type = 'bytea' and table_schema = current_schema()";
    let rows = sql(query, &[]).await;
    let mut there: Vec<&str> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    let sealed = roster::keys::columns();
    let mut known: Vec<&str> = sealed.iter().map(String::as_str).chain(DIGESTS).collect();
    there.sort_unstable();
    known.sort_unstable();
    assert_eq!(
        there, known,
        "a sealed column belongs into keys::store::SEALED, that of a digest into the list here"
    );
}
