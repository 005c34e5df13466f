//! The memory and the speed of request bodies. A body reserves the bytes of its buffer and holds them until the
//! request is answered, so that neither slow senders nor many large requests exhaust memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Error, codes};

/// The bytes of a body that are not counted: small requests take no lock, and the buffers of a connection are
/// as large.
pub const UNCOUNTED: usize = 8 * 1024;
/// The time limit of a body, however fast it arrives.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The limits of bodies.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum size of a body, before and after decoding.
    pub body: usize,
    /// The maximum of all bodies together.
    pub memory: usize,
    /// The maximum of the bodies from one address.
    pub memory_per_address: usize,
    /// The least speed, in bytes per second.
    pub min_rate: u32,
    /// How far a body may fall behind the least speed.
    pub timeout: Duration,
}

/// The bodies of all requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bodies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    reserved: Mutex<Reserved>,
}

#[derive(Debug, Default)]
struct Reserved {
    bytes: usize,
    /// By the key of [`super::rate_limits::caller`].
    addresses: HashMap<String, usize>,
}

impl Bodies {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner { limits, reserved: Mutex::default() }))
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// An empty reservation for a body from an address.
    pub fn reservation(&self, address: String) -> Reservation {
        Reservation { bodies: self.clone(), address, bytes: 0 }
    }

    /// The bytes of all bodies.
    pub fn reserved(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Reserved> {
        self.0.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reserved bytes of a body; released when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    bodies: Bodies,
    address: String,
    bytes: usize,
}

impl Reservation {
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Reserves more bytes.
    ///
    /// # Errors
    /// 429 above the maximum of the address, 503 above that of all bodies.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        if bytes == 0 {
            return Ok(());
        }
        let limits = self.bodies.0.limits;
        let mut reserved = self.bodies.lock();
        let of_address = reserved.addresses.get(&self.address).copied().unwrap_or_default() + bytes;
        if of_address > limits.memory_per_address {
            return Err(codes::TOO_MANY_REQUESTS.with_message(
                "The requests from this address have too many bytes in their bodies at the moment. Please try again.",
            ));
        }
        if reserved.bytes + bytes > limits.memory {
            return Err(codes::OVERLOADED.into());
        }
        reserved.bytes += bytes;
        reserved.addresses.insert(self.address.clone(), of_address);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut reserved = self.bodies.lock();
        reserved.bytes -= self.bytes;
        if let Some(of_address) = reserved.addresses.get_mut(&self.address) {
            *of_address -= self.bytes;
            if *of_address == 0 {
                reserved.addresses.remove(&self.address);
            }
        }
    }
}

/// The deadline of the next bytes of a body. Each byte moves it by the time that the least speed allows for it,
/// but never beyond the timeout from now: a fast start does not pay for a pause.
#[derive(Debug)]
pub struct Pace {
    deadline: Instant,
    end: Instant,
}

impl Pace {
    pub fn new(limits: &Limits, now: Instant) -> Self {
        Self { deadline: now + limits.timeout, end: now + TIME_LIMIT.max(limits.timeout) }
    }

    pub fn advance(&mut self, limits: &Limits, bytes: usize, now: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "a body is far smaller than 2^52 bytes")]
        let allowed = Duration::from_secs_f64(bytes as f64 / f64::from(limits.min_rate.max(1)));
        self.deadline = (self.deadline + allowed).min(now + limits.timeout);
    }

    pub fn deadline(&self) -> Instant {
        self.deadline.min(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        body: 1000,
        memory: 1000,
        memory_per_address: 600,
        min_rate: 100,
        timeout: Duration::from_secs(5),
    };

    #[test]
    fn reservations_are_bounded_over_all_and_per_address() {
        let bodies = Bodies::new(LIMITS);
        let (mut a, mut b) = (bodies.reservation("a".into()), bodies.reservation("b".into()));
        a.grow(400).unwrap();
        a.grow(200).unwrap();
        assert_eq!(a.grow(1).unwrap_err().kind, codes::TOO_MANY_REQUESTS);
        let mut other = bodies.reservation("a".into());
        assert_eq!(other.grow(1).unwrap_err().kind, codes::TOO_MANY_REQUESTS);
        b.grow(400).unwrap();
        assert_eq!(b.grow(1).unwrap_err().kind, codes::OVERLOADED);
        drop(a);
        b.grow(200).unwrap();
        other.grow(400).unwrap();
        drop((b, other));
        let reserved = bodies.lock();
        assert_eq!((reserved.bytes, reserved.addresses.len()), (0, 0), "all bytes are released");
    }

    #[test]
    fn body_keeps_the_least_speed_after_the_timeout() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(&LIMITS, start);
        assert_eq!(pace.deadline(), at(5));
        pace.advance(&LIMITS, 1, at(4));
        assert_eq!(pace.deadline(), at(5) + Duration::from_millis(10), "a trickle gains next to nothing");
        pace.advance(&LIMITS, 100, at(4));
        assert_eq!(pace.deadline(), at(6) + Duration::from_millis(10), "100 bytes are a second");
        pace.advance(&LIMITS, 1_000_000, at(5));
        assert_eq!(pace.deadline(), at(10), "a fast start does not pay for a pause");
        pace.advance(&LIMITS, 1_000_000, at(29));
        assert_eq!(pace.deadline(), at(30), "no body takes longer than the time limit");
    }
}
