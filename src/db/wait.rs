//! The start of an instance while its database is starting or recovering.

use std::time::{Duration, Instant};

use anyhow::bail;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::{GRACE, Options, Statement, address, is_disconnect};

pub(crate) const STATEMENTS: &[&Statement] = &[&BACKEND];

/// The interval of log lines.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Waits until the database accepts connections and a session of it is ours alone.
///
/// # Errors
/// A database that does not start within `limit`; an error that waiting does not resolve, such as a wrong password; a
/// pooler in transaction mode.
pub async fn wait(options: &Options, limit: Duration) -> anyhow::Result<()> {
    let connect_options = options.connect_options()?;
    let (until, mut logged) = (Instant::now() + limit, None::<Instant>);
    loop {
        let attempt = timeout(options.acquire_timeout, PgConnection::connect_with(&connect_options)).await;
        let error = match attempt {
            Ok(Ok(connection)) => {
                let check = ensure_own_session(connection, &connect_options);
                return timeout(options.statement_timeout + GRACE, check).await?;
            }
            Ok(Err(error)) if is_disconnect(&error) => error.to_string(),
            Ok(Err(error)) => {
                bail!("cannot connect to the database at {}: {error}", address(&connect_options))
            }
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() >= until {
            bail!("cannot reach the database at {}: {error}", address(&connect_options));
        }
        if logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
            logged = Some(Instant::now());
            tracing::warn!(address = address(&connect_options), error, "waiting for the database");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Two open sessions have two backends, and each keeps its own, unless a pooler assigns backends by transaction. There a
/// prepared statement may run on the session of another client.
async fn ensure_own_session(mut first: PgConnection, options: &PgConnectOptions) -> anyhow::Result<()> {
    let mut second = PgConnection::connect_with(options).await?;
    let mut backends = Vec::new();
    for _ in 0..3 {
        for connection in [&mut first, &mut second] {
            backends.push(BACKEND.query().fetch_one::<(i32,)>(connection).await?.0);
        }
    }
    let is_stable = backends.chunks(2).all(|pair| pair == &backends[..2]);
    if !is_stable || backends[0] == backends[1] {
        bail!(
            "the database at {} shares sessions between clients, as a pooler in transaction mode does. Roster needs \
             sessions of its own: connect to PostgreSQL directly, or set pool_mode = session in pgbouncer",
            address(options)
        );
    }
    first.close().await?;
    second.close().await?;
    Ok(())
}

static BACKEND: Statement = Statement::global("db.backend", include_str!("sql/backend.sql"));
