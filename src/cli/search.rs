use anyhow::anyhow;
use clap::Subcommand;

use super::{Common, service};
use crate::resources::users::search::indexes;
use crate::search::indexed::IndexedPath;

/// Create, list and drop indexes for searches by ranges and wildcards of metadata.
#[derive(Debug, Subcommand)]
pub(super) enum Search {
    /// Index a metadata path, without blocking writes
    ///
    /// Tenants whose file names the path in `indexed` use the index. An existing index is left as it is; an interrupted
    /// build is repeated.
    #[command(after_help = "Example:\n  roster search index app_metadata.subscription.renews_at")]
    Index {
        /// For example app_metadata.plan
        path: String,
    },
    /// List the indexes: path, validity, bytes
    Indexes,
    /// Drop the index of a path; remove the path from the tenants' files first
    #[command(after_help = "Example:\n  roster search drop app_metadata.plan")]
    Drop {
        /// For example app_metadata.plan
        path: String,
    },
}

impl Search {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let database = service::database(&common.settings()?)?;
        service::check_schema(&database).await?;
        let read = |path: &str| {
            IndexedPath::parse(path).ok_or_else(|| {
                anyhow!("{path} cannot be indexed: expected user_metadata or app_metadata and up to ten keys of letters, digits, _ and -, as in app_metadata.plan")
            })
        };
        match self {
            Self::Index { path } => {
                let built = indexes::build(&database, &read(&path)?).await?;
                println!("{path}: {}", if built { "indexed" } else { "already indexed" });
            }
            Self::Indexes => {
                for index in indexes::list(&database).await? {
                    println!(
                        "{}\t{}\t{}",
                        index.path,
                        if index.valid { "valid" } else { "not valid" },
                        index.bytes
                    );
                }
            }
            Self::Drop { path } => {
                let dropped = indexes::remove(&database, &read(&path)?).await?;
                println!("{path}: {}", if dropped { "dropped" } else { "not indexed" });
            }
        }
        Ok(())
    }
}
