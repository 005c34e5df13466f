//! Shared code of the subcommands: the options of the database, the vault, the application, and the run of
//! the server until a stop signal.

use std::future::Future;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::auth::Tokens;
use crate::base::bodies::Bodies;
use crate::base::liveness::Liveness;
use crate::base::load::Load;
use crate::base::passwords::Hasher;
use crate::base::rate_limits::Buckets;
use crate::base::unread::Unread;
use crate::base::vault::Vault;
use crate::base::worker::WorkerHandle;
use crate::db::{Db, Options, migrate};
use crate::mail::smtp::Smtp;
use crate::mail::{Mailer, Sender};
use crate::resources::users::erasure::Eraser;
use crate::server::Running;
use crate::settings::Settings;
use crate::tenancy::Tenancy;

/// The database of the settings.
pub(super) fn database(settings: &Settings) -> anyhow::Result<Options> {
    let url = settings.database.url.as_ref().ok_or_else(|| {
        anyhow!("no database: set ROSTER__DATABASE__URL or DATABASE_URL to postgres://user:password@host:port/database, \
                 or start a private one with: roster dev")
    })?;
    Ok(Options {
        password: settings.database.password.clone(),
        max_connections: settings.database.pool_size(),
        acquire_timeout: settings.database.acquire_timeout,
        statement_timeout: settings.database.statement_timeout,
        ..Options::new(url.expose_secret())
    })
}

/// The vault of the settings.
pub(super) fn vault(settings: &Settings) -> anyhow::Result<Vault> {
    let key = settings.secrets.key.as_ref().ok_or_else(|| {
        anyhow!("no key for secrets: set ROSTER__SECRETS__KEY to 32 bytes in base64, generated once with: openssl rand -base64 32")
    })?;
    let previous = &settings.secrets.previous_keys;
    previous
        .iter()
        .try_fold(Vault::new(key.expose_secret())?, |vault, key| vault.with_previous(key.expose_secret()))
}

/// Rejects a database with an older schema than this binary's.
pub(super) async fn check_schema(options: &Options) -> anyhow::Result<()> {
    let newest = migrate::newest();
    match migrate::version(options).await? {
        Some(version) if version >= newest => Ok(()),
        found => Err(anyhow!(
            "the database's schema is at {}, this version of Roster needs {newest}. Migrate it with: roster migrate",
            found.map_or_else(|| "nothing".to_owned(), |v| v.to_string())
        )),
    }
}

/// The application on a database.
pub(super) fn app(
    settings: &Settings,
    database: &Options,
    vault: Vault,
    loopback: Option<String>,
) -> anyhow::Result<Arc<App>> {
    Ok(Arc::new(App {
        db: Db::open(database, crate::server::COMPONENTS)?,
        vault: Arc::new(vault),
        tenancy: Tenancy::new(settings.tenants.cache_size, settings.tenants.cache_seconds, loopback),
        tokens: Tokens::default(),
        buckets: Buckets::default(),
        hasher: Hasher::new(settings.passwords.computations()),
        load: Load::default(),
        bodies: Bodies::new(settings.server.bodies()),
        unread: Unread::new(settings.server.unread_memory),
        liveness: Liveness::default(),
        trust_forwarded_for: settings.server.trust_forwarded_for,
    }))
}

/// Resolves on Ctrl-C and SIGTERM.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The mail server of the settings; `None` without one.
pub(super) fn mail_sender(settings: &Settings) -> anyhow::Result<Option<Sender>> {
    let Some(url) = &settings.mail.smtp_url else { return Ok(None) };
    let from = settings.mail.from.as_deref().unwrap_or_default();
    let password = settings.mail.smtp_password.as_ref().map(ExposeSecret::expose_secret);
    Ok(Some(Sender::Smtp(Box::new(Smtp::new(url.expose_secret(), password, from)?))))
}

/// Runs the server and the background workers until `stop` resolves. Then it accepts no connections, and open
/// requests have until the shutdown timeout to finish.
pub(super) async fn run(
    running: Running,
    app: &Arc<App>,
    sender: Option<Sender>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let workers = [
        WorkerHandle::start(Mailer::new(app.db.clone(), Arc::clone(&app.vault), sender)),
        WorkerHandle::start(Eraser(Arc::clone(app))),
    ];
    let Running { handle, server, .. } = running;
    let mut server = tokio::spawn(server);
    tokio::select! {
        ended = &mut server => return ended.context("the server")?.context("the server"),
        () = stop => {}
    }
    tracing::info!("stopping after the open requests");
    handle.stop(true).await;
    server.await.context("the server")?.context("the server")?;
    for worker in workers {
        worker.stop().await;
    }
    app.db.close().await;
    tracing::info!("stopped");
    Ok(())
}
