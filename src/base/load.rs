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
    pub fn enter(&self) -> Option<Inside<'_>> {
        let others = self.0.fetch_add(1, Ordering::Relaxed);
        // A rejected request drops the guard here, which uncounts it.
        Some(Inside(&self.0)).filter(|_| others < MAX_REQUESTS)
    }

    /// Uncounts a request until the guard is dropped, while its body arrives: slow clients must not exhaust
    /// the limit.
    pub fn step_out(&self) -> Outside<'_> {
        self.0.fetch_sub(1, Ordering::Relaxed);
        Outside(&self.0)
    }
}

/// An active request.
#[derive(Debug)]
pub struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that is not counted.
#[derive(Debug)]
pub struct Outside<'a>(&'a AtomicUsize);

impl Drop for Outside<'_> {
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
        let mut active: Vec<_> = (0..MAX_REQUESTS).map(|_| load.enter().unwrap()).collect();
        assert!(load.enter().is_none());
        assert!(load.enter().is_none(), "a rejected request is not counted");
        let uncounted = load.step_out();
        let other = load.enter().unwrap();
        drop(uncounted);
        active.pop();
        assert!(load.enter().is_none());
        drop((active, other));
        assert_eq!(load.0.into_inner(), 0);
    }
}
