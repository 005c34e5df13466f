//! Runs an ephemeral PostgreSQL until Enter is pressed.

use embedded_postgres::{EmbeddedPostgres, Error, Options, Storage};

fn main() -> Result<(), Error> {
    let postgres = EmbeddedPostgres::start(Options { storage: Storage::Ephemeral, download: true })?;
    println!("psql '{}'", postgres.url());
    println!("Press Enter to stop PostgreSQL.");
    let _ = std::io::stdin().read_line(&mut String::new());
    postgres.stop();
    Ok(())
}
