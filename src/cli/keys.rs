use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;

use super::{Common, service};
use crate::base::vault::Vault;
use crate::db::{Db, Options};
use crate::journal::Author;
use crate::keys::{self, Progress};

/// A statement over a large table takes longer than the limit for requests.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(3600);
/// Clears the line of a terminal.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Replace secrets.key, the key that seals secrets in the database.
///
/// Without an interruption, with any number of instances:
///
/// 1. Generate a key: openssl rand -base64 32. Restart all instances with it in secrets.previous_keys, so that all of
///    them open values under the new key before the first one seals with it.
/// 2. Restart all instances with it as secrets.key, and the former key in secrets.previous_keys.
/// 3. With the settings of step 2: roster keys rotate
/// 4. When roster keys list counts no value under the former key: restart without that key.
///
/// A single instance that may pause needs steps 2 to 4 only.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(super) enum Keys {
    /// List the configured keys, the key ids in the database, and the number of values under each
    ///
    /// One line for each key, separated by tabs: id, setting, number of values, columns of the values.
    #[command(after_help = "Example:\n  roster keys list")]
    List,
    /// Seal all values that are under another key again, with secrets.key
    ///
    /// Safe while instances serve and write. It can be killed at any time: run it again. It ends with the output of
    /// `roster keys list`, and with exit status 1 if a value is left that is not under secrets.key.
    #[command(
        after_help = "Example:\n  export ROSTER__SECRETS__KEY=\"$NEW\" ROSTER__SECRETS__PREVIOUS_KEYS=\"$OLD\"   # several: separated by commas\n  roster keys rotate --dry-run\n  roster keys rotate"
    )]
    Rotate {
        /// Open every value that would be sealed again, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Keys {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let settings = common.settings()?;
        let database = Options { statement_timeout: STATEMENT_TIMEOUT, ..service::database(&settings)? };
        let vault = service::vault(&settings)?;
        service::check_schema(&database).await?;
        let db = Db::open(&database, crate::server::COMPONENTS)?;
        let Self::Rotate { dry_run } = self else { return list(&db, &vault).await.map(drop) };
        let (done, doing) =
            if dry_run { ("would be sealed again", "opening") } else { ("sealed again", "sealing") };
        let is_terminal = std::io::stderr().is_terminal();
        let report = |Progress { column, resealed, .. }: &Progress| {
            if is_terminal {
                eprint!("{CLEAR_LINE}{doing} {column}: {resealed}");
            }
        };
        let author = Author::command("keys rotate");
        let mut unopened = 0;
        let rotated = keys::rotate(&db, &vault, &author, dry_run, report).await;
        if is_terminal {
            eprint!("{CLEAR_LINE}");
        }
        for progress in rotated? {
            println!("{}\t{} {done}", progress.column, progress.resealed);
            if let Some(reason) = progress.reason {
                unopened += progress.unopened;
                eprintln!("{}: {} do not open. The first: {reason}", progress.column, progress.unopened);
            }
        }
        let left = list(&db, &vault).await?;
        match (unopened, left) {
            (1.., _) => bail!("{unopened} values do not open with the configured keys"),
            (_, 1..) if !dry_run => bail!(
                "{left} values are under another key: does an instance still seal with it? \
                 Restart that instance, and run this command again"
            ),
            _ => Ok(()),
        }
    }
}

/// Prints the number of values by key; the number of values that are not under secrets.key.
async fn list(db: &Db, vault: &Vault) -> anyhow::Result<u64> {
    let counts = keys::count(db).await?;
    let mut known = vec![(Some(vault.key_id()), "secrets.key".to_owned())];
    for (n, id) in vault.previous_key_ids().into_iter().enumerate() {
        known.push((Some(id), format!("secrets.previous_keys[{n}]")));
    }
    for count in &counts {
        if !known.iter().any(|(id, _)| *id == count.key_id) {
            let setting = if count.key_id.is_none() { "no key id" } else { "not configured" };
            known.push((count.key_id, setting.to_owned()));
        }
    }
    for (id, setting) in known {
        let of_key: Vec<_> = counts.iter().filter(|count| count.key_id == id).collect();
        let total: u64 = of_key.iter().map(|count| count.values).sum();
        let columns: Vec<_> = of_key.iter().map(|c| format!("{} {}", c.column, c.values)).collect();
        let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        println!("{id}\t{setting}\t{total}\t{}", columns.join(", "));
    }
    Ok(counts.iter().filter(|c| c.key_id != Some(vault.key_id())).map(|c| c.values).sum())
}
