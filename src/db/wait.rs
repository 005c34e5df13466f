//! The start of an instance while its database is starting or recovering.

use std::time::{Duration, Instant};

use anyhow::bail;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::{GRACE, Options, Statement, address, is_disconnect};

pub(crate) const STATEMENTS: &[&Statement] = &[&BACKEND];

/// The code of a message that does not fit the session, such as the parameters of another statement.
const PROTOCOL_VIOLATION: &str = "08P01";
/// The interval of log lines.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Waits until the database accepts connections and a session of it is ours alone.
///
/// # Errors
/// A database that does not start within `limit`; an error that waiting does not resolve, such as a wrong password; a
/// pooler that gives no session of our own.
pub async fn wait(options: &Options, limit: Duration) -> anyhow::Result<()> {
    let connect_options = options.connect_options()?;
    let (until, mut logged) = (Instant::now() + limit, None::<Instant>);
    loop {
        let attempt = timeout(options.acquire_timeout, PgConnection::connect_with(&connect_options)).await;
        let error = match attempt {
            Ok(Ok(connection)) => {
                let check = ensure_own_session(connection, options);
                return timeout(options.statement_timeout + GRACE, check).await?;
            }
            Ok(Err(error)) if is_refused_by_pooler(&error) => bail!(
                "cannot connect to the database at {}: {error}. Roster needs its own sessions with its settings, which this \
                 pooler does not give: connect to PostgreSQL directly",
                address(&connect_options)
            ),
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

/// Two open sessions have two backends, each keeps its own with its prepared statements and has the settings of its
/// start, unless a pooler assigns backends by transaction or drops the settings.
async fn ensure_own_session(mut first: PgConnection, options: &Options) -> anyhow::Result<()> {
    let connect_options = options.connect_options()?;
    let mut second = PgConnection::connect_with(&connect_options).await?;
    let mut backends = Vec::new();
    for _ in 0..3 {
        for connection in [&mut first, &mut second] {
            match BACKEND.query().fetch_one::<(i32, i64)>(connection).await {
                Ok(backend) => backends.push(backend),
                Err(error) if is_of_other_session(&error) => backends.push((0, 0)),
                Err(error) => return Err(error.into()),
            }
        }
    }
    let is_stable = backends.chunks(2).all(|pair| pair == &backends[..2]);
    if !is_stable || backends[0].0 == backends[1].0 {
        bail!(
            "the database at {} shares sessions between clients, as a pooler in transaction mode does. Roster needs \
             sessions of its own: connect to PostgreSQL directly",
            address(&connect_options)
        );
    }
    let milliseconds = options.statement_timeout.as_millis();
    if backends.iter().any(|(_, timeout)| u128::try_from(*timeout) != Ok(milliseconds)) {
        bail!(
            "the sessions of the database at {} do not have the settings of their start, as with a pooler whose \
             ignore_startup_parameters contains options. Roster needs them: connect to PostgreSQL directly",
            address(&connect_options)
        );
    }
    first.close().await?;
    second.close().await?;
    Ok(())
}

/// Does the server refuse the settings of a session?
fn is_refused_by_pooler(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.code().as_deref() == Some(PROTOCOL_VIOLATION))
}

/// Does the session lack a statement that was prepared in it, or have one that was not?
fn is_of_other_session(error: &sqlx::Error) -> bool {
    // 26000: invalid statement name. 42P05: duplicate prepared statement.
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["26000", "42P05", PROTOCOL_VIOLATION].contains(&&*code))
}

static BACKEND: Statement = Statement::global("db.backend", include_str!("sql/backend.sql"));
