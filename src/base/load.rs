//! The limit of concurrent requests. More requests are rejected immediately, so that response times and
//! memory stay bounded.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The maximum number of concurrent requests of all server threads.
const MAX_REQUESTS: usize = 4096;

/// The counter of active requests.
#[derive(Debug, Default)]
pub struct Load(AtomicUsize);

impl Load {
    /// Counts a request until the guard is dropped; `None` at the limit.
    pub fn admit(&self) -> Option<ActiveRequest<'_>> {
        let others = self.0.fetch_add(1, Ordering::Relaxed);
        // A rejected request drops the guard here, which uncounts it.
        Some(ActiveRequest(&self.0)).filter(|_| others < MAX_REQUESTS)
    }

    /// Uncounts a request until the guard is dropped, while its body arrives: slow clients must not exhaust
    /// the limit.
    pub fn uncount(&self) -> UncountedRequest<'_> {
        self.0.fetch_sub(1, Ordering::Relaxed);
        UncountedRequest(&self.0)
    }
}

/// An active request.
#[derive(Debug)]
pub struct ActiveRequest<'a>(&'a AtomicUsize);

impl Drop for ActiveRequest<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that is not counted.
#[derive(Debug)]
pub struct UncountedRequest<'a>(&'a AtomicUsize);

impl Drop for UncountedRequest<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_does_not_count_requests_with_an_arriving_body() {
        let load = Load::default();
        let mut active: Vec<_> = (0..MAX_REQUESTS).map(|_| load.admit().unwrap()).collect();
        assert!(load.admit().is_none());
        assert!(load.admit().is_none(), "a rejected request is not counted");
        let uncounted = load.uncount();
        let other = load.admit().unwrap();
        drop(uncounted);
        active.pop();
        assert!(load.admit().is_none());
        drop((active, other));
        assert_eq!(load.0.into_inner(), 0);
    }
}
