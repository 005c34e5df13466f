//! Detects an instance that only a restart cures: a thread or a runtime that runs no tasks any more, because of a
//! deadlock or an endless loop. Each one beats once a second; a beat that is missing for `LIMIT` is reported.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest time without a beat. No task occupies its thread for a second.
const LIMIT: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(1);

/// The beats of an instance. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Liveness {
    limit: Duration,
    beats: Arc<Mutex<Vec<Arc<Beat>>>>,
}

impl Default for Liveness {
    fn default() -> Self {
        Self::new(LIMIT)
    }
}

#[derive(Debug)]
struct Beat {
    name: String,
    origin: Instant,
    /// Milliseconds since `origin`.
    last: AtomicU64,
}

impl Beat {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }
}

impl Liveness {
    /// Reports beats that are missing for `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { limit, beats: Arc::default() }
    }

    /// Adds a beat; it is removed when the returned value is dropped, as a runtime that ends drops its tasks.
    pub fn add(&self, name: impl Into<String>) -> Beating {
        let beat = Arc::new(Beat { name: name.into(), origin: Instant::now(), last: AtomicU64::new(0) });
        self.lock().push(Arc::clone(&beat));
        Beating { liveness: self.clone(), beat }
    }

    /// What has not beaten for the limit.
    pub fn silent(&self) -> Option<String> {
        let beats = self.lock();
        let beat = beats.iter().find(|beat| beat.silence() > self.limit)?;
        Some(format!("{} has not run for {} s", beat.name, beat.silence().as_secs()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Beat>>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One beat of an instance.
#[derive(Debug)]
pub struct Beating {
    liveness: Liveness,
    beat: Arc<Beat>,
}

impl Beating {
    /// Beats forever, on the runtime that polls it.
    pub async fn run(self) {
        loop {
            self.beat.last.store(self.beat.now(), Ordering::Relaxed);
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.liveness.lock().retain(|beat| !Arc::ptr_eq(beat, &self.beat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blocked_runtime_is_silent_and_an_ended_one_is_not() {
        let liveness = Liveness::new(Duration::from_millis(20));
        assert_eq!(liveness.silent(), None);
        let beating = liveness.add("server thread 1");
        let other = liveness.add("server thread 2");
        // Nothing polls the first one, as on a blocked thread.
        let task = tokio::spawn(other.run());
        while liveness.silent().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(liveness.silent().unwrap().contains("server thread 1"));
        drop(beating);
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(liveness.silent(), None, "a runtime that ended is no defect");
    }
}
