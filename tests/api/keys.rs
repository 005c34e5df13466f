//! The list of sealed columns against the schema. `tests/program.rs` tests the rotation.

use crate::support::sql;

/// Columns of digests, which are not reversible and therefore not sealed.
const DIGESTS: [&str; 4] =
    ["access_tokens.digest", "client_assertions.digest", "mails.digest", "tickets.digest"];

#[tokio::test]
async fn bytea_columns_are_sealed_or_digests() {
    let query = "select table_name || '.' || column_name as name from information_schema.columns where data_type = 'bytea' and table_schema = current_schema()";
    let rows = sql(query, &[]).await;
    let mut existing: Vec<&str> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    let sealed = roster::keys::columns();
    let mut known: Vec<&str> = sealed.iter().map(String::as_str).chain(DIGESTS).collect();
    existing.sort_unstable();
    known.sort_unstable();
    assert_eq!(existing, known, "add a sealed column to keys::store::SEALED_COLUMNS, a digest to DIGESTS");
}
