use clap::Args;
use time::OffsetDateTime;

use super::{Common, service, tenant};
use crate::auth;
use crate::oauth;
use crate::tenancy;

/// Mint a token for the Management API, with access to the database instead of a client.
///
/// Prints the token alone. A token cannot be revoked before it expires.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  curl -H \"Authorization: Bearer $(roster token --tenant dev --scope 'read:users update:users')\" \\\n       http://127.0.0.1:8080/api/v2/users/auth0%7C123"
)]
pub(super) struct Token {
    /// The tenant's name
    #[arg(long)]
    tenant: String,
    /// Scopes, separated by spaces or commas [default: all scopes]
    #[arg(long)]
    scope: Option<String>,
    /// Lifetime in seconds
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(i64).range(1..=2_592_000))]
    lifetime: i64,
}

impl Token {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let settings = common.settings()?;
        let database = service::database(&settings)?;
        service::check_schema(&database).await?;
        let app = service::app(&settings, &database, service::vault(&settings)?, None)?;
        let found = tenancy::by_name(&app.db, &app.vault, &self.tenant)
            .await?
            .ok_or_else(|| tenant::unknown(&self.tenant))?;
        let scope: Vec<&str> = match &self.scope {
            Some(scope) => scope.split([' ', ',']).filter(|s| !s.is_empty()).collect(),
            None => auth::scopes::ALL.to_vec(),
        };
        if let Some(unknown) = scope.iter().find(|scope| !auth::scopes::ALL.contains(scope)) {
            anyhow::bail!("no scope {unknown}. The scopes are: {}", auth::scopes::ALL.join(" "));
        }
        println!(
            "{}",
            oauth::mint(
                &found,
                "roster-token",
                &scope,
                self.lifetime,
                OffsetDateTime::now_utc().unix_timestamp()
            )?
        );
        Ok(())
    }
}
