use anyhow::bail;
use clap::Args;

use super::{Common, service};
use crate::db::migrate;

/// Bring the database to this version's schema.
///
/// Several instances may run it at once: one migrates, the others wait.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  DATABASE_URL=postgres://roster:secret@db/roster roster migrate\n  DATABASE_URL=postgres://roster:secret@db/roster roster migrate --check   # exit status 1 if something is missing"
)]
pub(super) struct Migrate {
    /// Change nothing; fail if a migration is missing
    #[arg(long)]
    check: bool,
}

impl Migrate {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let settings = common.settings()?;
        let database = service::database(&settings)?;
        if self.check {
            let missing = migrate::missing(&database).await?;
            for step in &missing {
                println!("missing {}", step.file);
            }
            if !missing.is_empty() {
                bail!("{} migrations are missing. Apply them with: roster migrate", missing.len());
            }
        } else {
            for step in migrate::run(&database).await? {
                println!("applied {}", step.file);
            }
        }
        println!("the schema is at {}", migrate::newest());
        Ok(())
    }
}
