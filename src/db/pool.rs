//! Connections to PostgreSQL. Every statement has a deadline on this side, after which its connection is discarded:
//! an established connection may go silent (failover, NAT that forgets it) while new connections work.

use std::ops::AsyncFnOnce;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::runtime::{self, Handle};
use tokio::time::timeout;

/// A connection that was idle for longer is pinged before its next statement, which may not be safe to repeat.
const IDLE: Duration = Duration::from_secs(1);
/// The time limit of a ping.
const PING: Duration = Duration::from_secs(1);
/// The longest wait for the answer to a statement whose caller went away; other requests need the connection.
const SETTLE: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is discarded without a ping.
const STALE: Duration = Duration::from_mins(2);

/// The last failures of connections, for all pools of a database. Other connections of that time may have failed too.
#[derive(Clone)]
pub(crate) struct Failures(Arc<Moments>);

struct Moments {
    origin: Instant,
    /// Microseconds since `origin`; 0 if there was none.
    silent: AtomicU64,
    lost: AtomicU64,
}

impl Failures {
    pub(super) fn new() -> Self {
        Self(Arc::new(Moments { origin: Instant::now(), silent: AtomicU64::new(0), lost: AtomicU64::new(0) }))
    }

    /// Notes that a statement ran into its deadline: connections of before are discarded, since pinging them one after
    /// the other would take too long.
    fn note_silence(&self) {
        self.0.silent.fetch_max(self.now(), Ordering::Relaxed);
    }

    /// Notes a lost connection: connections of before are pinged.
    fn note_loss(&self) {
        self.0.lost.fetch_max(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn is_after(&self, moment: &AtomicU64, used: Instant) -> bool {
        let micros = moment.load(Ordering::Relaxed);
        micros > 0 && self.0.origin + Duration::from_micros(micros) >= used
    }
}

/// A pool of connections with the same options. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(managed::Pool<Manager>);

struct Manager {
    options: PgConnectOptions,
    failures: Failures,
    progress: Arc<Progress>,
}

/// When the connections of a pool last moved.
struct Progress {
    origin: Instant,
    /// Microseconds since `origin`: the last end of a statement, failed or not, and the last request that found all
    /// connections taken until its time limit; 0 if there was none.
    ended: AtomicU64,
    refused: AtomicU64,
}

impl Progress {
    fn new() -> Self {
        Self { origin: Instant::now(), ended: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    fn note(&self, moment: &AtomicU64, now: Instant) {
        let micros = now.saturating_duration_since(self.origin).as_micros();
        moment.fetch_max(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether requests are refused because no connection is free, although none has ended a statement for `limit`.
    fn is_stuck(&self, limit: Duration, now: Instant) -> bool {
        let at = |moment: &AtomicU64| self.origin + Duration::from_micros(moment.load(Ordering::Relaxed));
        let (ended, refused) = (at(&self.ended), at(&self.refused));
        let since = |moment| now.saturating_duration_since(moment);
        refused > ended && since(ended) > limit && since(refused) < limit
    }
}

struct Pooled {
    connection: PgConnection,
    used: Instant,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Pooled, sqlx::Error> {
        Ok(Pooled { connection: PgConnection::connect_with(&self.options).await?, used: Instant::now() })
    }

    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if is_alive(&mut pooled.connection, pooled.used, &self.failures).await {
            Ok(())
        } else {
            Err(RecycleError::message("the connection does not answer"))
        }
    }
}

async fn is_alive(connection: &mut PgConnection, used: Instant, failures: &Failures) -> bool {
    let idle = used.elapsed();
    if idle >= STALE || failures.is_after(&failures.0.silent, used) {
        return false;
    }
    if idle < IDLE && !failures.is_after(&failures.0.lost, used) {
        return true;
    }
    let ping = timeout(PING, connection.ping()).await;
    if ping.is_err() {
        failures.note_silence();
    }
    matches!(ping, Ok(Ok(())))
}

impl Pool {
    /// A pool of at most `size` connections, which are established on first use. `wait` limits the time until a
    /// connection is free or established.
    pub(super) fn new(options: PgConnectOptions, size: usize, wait: Duration, failures: Failures) -> Self {
        let builder =
            managed::Pool::builder(Manager { options, failures, progress: Arc::new(Progress::new()) })
                .max_size(size)
                .runtime(Runtime::Tokio1);
        let pool = builder.wait_timeout(Some(wait)).create_timeout(Some(wait)).build();
        #[expect(clippy::expect_used, reason = "fails only without the runtime that is given here")]
        Self(pool.expect("a pool with a runtime"))
    }

    /// A connection that is not used elsewhere.
    pub(crate) async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        // Boxed: establishing a connection makes a future many times larger than a statement does.
        let object = Box::pin(self.0.get()).await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Closed => sqlx::Error::PoolClosed,
            PoolError::Timeout(TimeoutType::Wait) => {
                let progress = &self.0.manager().progress;
                progress.note(&progress.refused, Instant::now());
                sqlx::Error::PoolTimedOut
            }
            _ => sqlx::Error::PoolTimedOut,
        })?;
        let Manager { failures, progress, .. } = self.0.manager();
        let (failures, progress) = (failures.clone(), Arc::clone(progress));
        Ok(Connection {
            object: Some(object),
            failures,
            progress,
            home: Handle::current().id(),
            state: State::Ready,
        })
    }

    /// Whether all connections are taken, requests are refused, and no statement has ended for `limit`. Every
    /// statement has a deadline, and a database that is down leaves no connection, so only a defect does that.
    pub(crate) fn is_stuck(&self, limit: Duration) -> bool {
        self.is_full()
            && self.0.status().available == 0
            && self.0.manager().progress.is_stuck(limit, Instant::now())
    }

    /// Can no more connections be established?
    pub(super) fn is_full(&self) -> bool {
        let status = self.0.status();
        status.size >= status.max_size
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Closes idle connections now and others when they return.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

/// Whether a connection can run the next statement.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Ready,
    /// A statement was started. Dropped in this state, the connection returns to the pool after the answer: a caller
    /// that goes away must not cost a connection.
    Running,
    Broken,
}

/// A connection of a pool. Dropped, it returns to the pool, unless it is broken.
pub(crate) struct Connection {
    /// `None` after the drop.
    object: Option<Object<Manager>>,
    failures: Failures,
    progress: Arc<Progress>,
    /// The runtime that polls its socket; any other runtime pays for waking that one.
    pub(super) home: runtime::Id,
    state: State,
}

impl Connection {
    /// Runs statements within a deadline. After the deadline, and after a lost connection, the connection is broken.
    pub(crate) async fn run<T>(
        &mut self,
        deadline: Duration,
        statements: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let Some(object) = &mut self.object else { return Err(sqlx::Error::WorkerCrashed) };
        self.state = State::Running;
        let result = if let Ok(result) = timeout(deadline, statements(&mut object.connection)).await {
            if result.as_ref().is_err_and(super::is_disconnect) {
                self.failures.note_loss();
            }
            result
        } else {
            self.failures.note_silence();
            Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
        };
        object.used = Instant::now();
        self.progress.note(&self.progress.ended, object.used);
        let is_broken = result.as_ref().is_err_and(super::is_disconnect);
        self.state = if is_broken { State::Broken } else { State::Ready };
        result
    }

    /// Does it still answer? Pings it only if it was idle.
    pub(super) async fn is_alive(&mut self) -> bool {
        let Some(object) = &mut self.object else { return false };
        let used = object.used;
        self.state = State::Running;
        let is_alive = is_alive(&mut object.connection, used, &self.failures).await;
        self.state = if is_alive { State::Ready } else { State::Broken };
        is_alive
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Closes it instead of returning it to the pool.
    pub(super) fn discard(mut self) {
        self.state = State::Broken;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(mut object) = self.object.take() else { return };
        match (self.state, Handle::try_current()) {
            (State::Ready, _) => {}
            (State::Running, Ok(runtime)) => {
                runtime.spawn(async move {
                    // The ping is answered after the running statement, which PostgreSQL limits.
                    if !matches!(timeout(SETTLE, object.connection.ping()).await, Ok(Ok(()))) {
                        drop(Object::take(object));
                    }
                });
            }
            _ => drop(Object::take(object)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_is_stuck_when_requests_are_refused_and_no_statement_ends() {
        let progress = Progress::new();
        let at = |seconds| progress.origin + Duration::from_secs(seconds);
        let is_stuck = |seconds| progress.is_stuck(Duration::from_secs(60), at(seconds));
        assert!(!is_stuck(1000), "an idle pool refuses no request");
        progress.note(&progress.ended, at(1000));
        progress.note(&progress.refused, at(1010));
        assert!(!is_stuck(1020), "a statement ended lately");
        progress.note(&progress.refused, at(1065));
        assert!(is_stuck(1066));
        assert!(!is_stuck(1200), "no request was refused lately");
        progress.note(&progress.refused, at(1200));
        progress.note(&progress.ended, at(1201));
        assert!(!is_stuck(1202), "a statement that fails ends too");
    }
}
