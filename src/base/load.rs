//! How many requests are worked on at a time. Beyond that it is kinder to refuse at once than to let everybody wait: the
//! time an answer takes stays bounded, and so does the memory.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests worked on at a time at most, all threads together.
const AT_ONCE: usize = 4096;

/// Counts the requests that are worked on.
#[derive(Debug, Default)]
pub struct Load(AtomicUsize);

impl Load {
    /// A place for one more request, given back when it is dropped; `None` if all are taken.
    pub fn enter(&self) -> Option<Inside<'_>> {
        let others = self.0.fetch_add(1, Ordering::Relaxed);
        // One too many leaves again when this is dropped.
        Some(Inside(&self.0)).filter(|_| others < AT_ONCE)
    }

    /// While a body is on its way its request does not count: slow senders must not keep the others out.
    pub fn step_out(&self) -> Outside<'_> {
        self.0.fetch_sub(1, Ordering::Relaxed);
        Outside(&self.0)
    }
}

/// A request that is worked on.
#[derive(Debug)]
pub struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that does not count for now.
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
    fn there_is_room_for_so_many_and_for_more_while_bodies_are_on_their_way() {
        let load = Load::default();
        let mut inside: Vec<_> = (0..AT_ONCE).map(|_| load.enter().unwrap()).collect();
        assert!(load.enter().is_none());
        assert!(load.enter().is_none(), "who was refused takes no place");
        let outside = load.step_out();
        let other = load.enter().unwrap();
        drop(outside);
        inside.pop();
        assert!(load.enter().is_none());
        drop((inside, other));
        assert_eq!(load.0.into_inner(), 0);
    }
}
