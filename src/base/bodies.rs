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

    /// The empty reservation of a body.
    pub fn reservation(&self) -> Reservation {
        Reservation { bodies: self.clone(), address: None, taken: 0, reserved: 0 }
    }

    /// The bytes of all bodies.
    pub fn reserved(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Reserved> {
        self.0.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of a body; released when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    bodies: Bodies,
    /// `None` while nothing is reserved.
    address: Option<String>,
    taken: usize,
    /// The taken bytes beyond [`UNCOUNTED`].
    reserved: usize,
}

impl Reservation {
    /// Takes more bytes. `address` is the key of [`super::rate_limits::caller`].
    ///
    /// # Errors
    /// 429 above the maximum of the address, 503 above that of all bodies.
    pub fn take(&mut self, bytes: usize, address: impl FnOnce() -> String) -> Result<(), Error> {
        self.taken += bytes;
        let bytes = self.taken.saturating_sub(UNCOUNTED) - self.reserved;
        if bytes == 0 {
            return Ok(());
        }
        let limits = self.bodies.0.limits;
        let mut reserved = self.bodies.lock();
        let address = self.address.get_or_insert_with(address);
        let of_address = reserved.addresses.get(address).copied().unwrap_or_default() + bytes;
        if of_address > limits.memory_per_address {
            return Err(codes::TOO_MANY_REQUESTS.with_message(
                "The requests from this address have too many bytes in their bodies at the moment. Please try again.",
            ));
        }
        if reserved.bytes + bytes > limits.memory {
            return Err(codes::OVERLOADED.into());
        }
        reserved.bytes += bytes;
        reserved.addresses.insert(address.clone(), of_address);
        self.reserved += bytes;
        Ok(())
    }

    /// Whether nothing is reserved.
    pub fn is_empty(&self) -> bool {
        self.reserved == 0
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let Some(address) = self.address.as_ref().filter(|_| self.reserved > 0) else { return };
        let mut reserved = self.bodies.lock();
        reserved.bytes -= self.reserved;
        if let Some(of_address) = reserved.addresses.get_mut(address) {
            *of_address -= self.reserved;
            if *of_address == 0 {
                reserved.addresses.remove(address);
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
        let take = |reservation: &mut Reservation, bytes, address: &str| {
            reservation.take(bytes, || address.to_owned()).map_err(|error| error.kind)
        };
        let (mut a, mut b) = (bodies.reservation(), bodies.reservation());
        assert_eq!(
            (take(&mut a, UNCOUNTED, "a"), bodies.reserved()),
            (Ok(()), 0),
            "a small body is not counted"
        );
        assert_eq!((take(&mut a, 400, "a"), take(&mut a, 200, "a")), (Ok(()), Ok(())));
        let mut other = bodies.reservation();
        assert_eq!(take(&mut other, UNCOUNTED + 1, "a"), Err(codes::TOO_MANY_REQUESTS));
        assert_eq!(take(&mut a, 1, "a"), Err(codes::TOO_MANY_REQUESTS));
        assert_eq!(take(&mut b, UNCOUNTED + 400, "b"), Ok(()));
        assert_eq!((take(&mut b, 1, "b"), bodies.reserved()), (Err(codes::OVERLOADED), 1000));
        drop(a);
        assert_eq!(take(&mut bodies.reservation(), UNCOUNTED + 600, "a"), Ok(()));
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
