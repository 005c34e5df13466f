use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;

use super::{Common, service};
use crate::base::vault::Vault;
use crate::db::{Db, Options};
use crate::journal::Author;
use crate::keys::{self, Progress};

/// Going through a large table takes longer than a request may.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(3600);
/// Takes the line of a terminal back.
const CLEAR: &str = "\r\x1b[K";

/// Replace secrets.key, the key that seals secrets in the database.
///
/// Without an interruption, with any number of instances:
///
/// 1. Make a key: openssl rand -base64 32. Restart all instances with it in secrets.previous_keys: all of them can open
///    what it seals before any of them seals with it.
/// 2. Restart all instances with it as secrets.key, and the former key in secrets.previous_keys.
/// 3. With the settings of step 2: roster keys rotate
/// 4. When roster keys list tells of no value under the former key: restart without that key.
///
/// One instance that may pause needs the steps 2 to 4 only.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(super) enum Keys {
    /// Tell which keys are configured, which key ids the database knows, and how many values are under each
    ///
    /// One line a key, separated by tabs: its id, where it is configured, the number of values, where they are.
    #[command(after_help = "Example:\n  roster keys list")]
    List,
    /// Seal anew, with secrets.key, all values that are under another key
    ///
    /// Safe while instances serve and write. It can be killed at any time: run it again. Ends with what `roster keys
    /// list` tells, and with exit status 1 if a value is left that is not under secrets.key.
    #[command(
        after_help = "Example:\n  export ROSTER__SECRETS__KEY=\"$NEW\" ROSTER__SECRETS__PREVIOUS_KEYS=\"$OLD\"   # several: separated by commas\n  roster keys rotate --dry-run\n  roster keys rotate"
    )]
    Rotate {
        /// Open every value that would be sealed anew, and change nothing
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
            if dry_run { ("would be sealed anew", "opening") } else { ("sealed anew", "sealing anew") };
        let is_terminal = std::io::stderr().is_terminal();
        let tell = |Progress { column, resealed, .. }: &Progress| {
            if is_terminal {
                eprint!("{CLEAR}{doing} {column}: {resealed}");
            }
        };
        let author = Author::command("keys rotate");
        let mut unopened = 0;
        let rotated = keys::rotate(&db, &vault, &author, dry_run, tell).await;
        if is_terminal {
            eprint!("{CLEAR}");
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
            (1.., _) => bail!("{unopened} values do not open with the keys that are configured"),
            (_, 1..) if !dry_run => bail!(
                "{left} values came under another key meanwhile: does an instance still seal with it? \
                 Restart that, and run this command again"
            ),
            _ => Ok(()),
        }
    }
}

/// Prints how many values are under which key; the number of those that are not under the one that seals.
async fn list(db: &Db, vault: &Vault) -> anyhow::Result<u64> {
    let counts = keys::count(db).await?;
    let mut known = vec![(Some(vault.key_id()), "secrets.key".to_owned())];
    for (n, id) in vault.previous_key_ids().into_iter().enumerate() {
        known.push((Some(id), format!("secrets.previous_keys[{n}]")));
    }
    for count in &counts {
        if !known.iter().any(|(id, _)| *id == count.key_id) {
            let what = if count.key_id.is_none() { "from before keys had ids" } else { "not configured" };
            known.push((count.key_id, what.to_owned()));
        }
    }
    for (id, what) in known {
        let of_key: Vec<_> = counts.iter().filter(|count| count.key_id == id).collect();
        let total: u64 = of_key.iter().map(|count| count.values).sum();
        let columns: Vec<_> = of_key.iter().map(|c| format!("{} {}", c.column, c.values)).collect();
        let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        println!("{id}\t{what}\t{total}\t{}", columns.join(", "));
    }
    Ok(counts.iter().filter(|c| c.key_id != Some(vault.key_id())).map(|c| c.values).sum())
}
