//! The memory of responses that clients do not read. Beyond the limit the connection whose response has waited
//! longest is closed: the response is finished, so rejecting another request would free nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use futures_util::task::AtomicWaker;

/// Closes a connection from any thread.
#[derive(Debug, Default)]
pub struct Closer {
    closed: AtomicBool,
    waker: AtomicWaker,
}

impl Closer {
    /// Wakes the task of the connection, which then closes it.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Sets the task of the connection. Look at [`Closer::is_closed`] afterwards.
    pub fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}

/// The unread responses of all connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Unread(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    responses: Mutex<Responses>,
}

#[derive(Debug, Default)]
struct Responses {
    bytes: usize,
    next_id: u64,
    waiting: HashMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    bytes: usize,
    /// When the client last took bytes.
    since: Instant,
    closer: Arc<Closer>,
}

impl Unread {
    /// At most `limit` bytes, unless a single response is larger.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, responses: Mutex::default() }))
    }

    /// Counts a response until it is sent or dropped.
    pub fn hold(&self, bytes: usize, closer: &Arc<Closer>) -> Held {
        let mut responses = self.lock();
        let id = responses.next_id;
        responses.next_id += 1;
        responses.bytes += bytes;
        while responses.bytes > self.0.limit {
            let oldest = responses.waiting.iter().min_by_key(|(_, waiting)| waiting.since);
            let Some(oldest) = oldest.map(|(id, _)| *id) else { break };
            if let Some(waiting) = responses.waiting.remove(&oldest) {
                responses.bytes -= waiting.bytes;
                waiting.closer.close();
            }
        }
        let waiting = Waiting { bytes, since: Instant::now(), closer: Arc::clone(closer) };
        responses.waiting.insert(id, waiting);
        Held { unread: self.clone(), id }
    }

    fn lock(&self) -> MutexGuard<'_, Responses> {
        self.0.responses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted response.
#[derive(Debug)]
pub struct Held {
    unread: Unread,
    id: u64,
}

impl Held {
    /// Uncounts bytes that were sent.
    pub fn sent(&mut self, bytes: usize) {
        let mut responses = self.unread.lock();
        let Some(waiting) = responses.waiting.get_mut(&self.id) else { return };
        let bytes = bytes.min(waiting.bytes);
        (waiting.bytes, waiting.since) = (waiting.bytes - bytes, Instant::now());
        responses.bytes -= bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut responses = self.unread.lock();
        if let Some(waiting) = responses.waiting.remove(&self.id) {
            responses.bytes -= waiting.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_unread_response_is_closed_beyond_the_limit() {
        let unread = Unread::new(100);
        let closers: Vec<_> = (0..4).map(|_| Arc::new(Closer::default())).collect();
        let closed = || closers.iter().map(|closer| closer.is_closed()).collect::<Vec<_>>();
        let mut first = unread.hold(50, &closers[0]);
        let second = unread.hold(50, &closers[1]);
        assert_eq!(closed(), [false; 4]);
        first.sent(10);
        let third = unread.hold(20, &closers[2]);
        assert_eq!(closed(), [false, true, false, false], "the second response waits longest");
        let large = unread.hold(1000, &closers[3]);
        assert_eq!(closed(), [true, true, true, false], "a single response may be larger than the limit");
        drop((first, second, third, large));
        let responses = unread.lock();
        assert_eq!((responses.bytes, responses.waiting.len()), (0, 0));
    }
}
