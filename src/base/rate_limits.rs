//! Rate limits in Auth0's terms: a bucket of requests that refills at a constant rate.
//!
//! A bucket is one number, the time at which it is full again (the theoretical arrival time of the generic
//! cell rate algorithm, ITU-T I.371). A request is one compare-and-exchange of that number, without locks or
//! database access. **Each instance counts by itself**, so several instances together allow a multiple of the
//! limit.
//!
//! Decisions:
//! - Limits are off unless the tenant's file sets them; then requests are not counted and responses have no
//!   headers.
//! - In the Management API each client has a bucket, identified by the token's `azp` and counted after the
//!   token is verified, so that a forged token cannot exhaust the bucket of a client.
//! - The public endpoints have a bucket per caller address, IPv6 addresses by their /64. Other properties of
//!   the caller are in the body, or can be forged.
//! - `x-ratelimit-reset` is the time of the next refilled request, in whole seconds rounded up. For a
//!   rejected request it is the time at which the next one is allowed, as is `Retry-After`.
//! - The cache holds at most [`BUCKETS`]. A bucket that is unused for [`FULL`] is full and is evicted.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The maximum number of cached buckets.
pub const BUCKETS: u64 = 100_000;
/// The maximum time in which an empty bucket refills.
pub const FULL: Duration = Duration::from_secs(3600);

/// The limits of a tenant; `None` for no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimits {
    /// Per client in the Management API.
    pub management_api: Option<Limit>,
    /// Per address at `/oauth/token`.
    pub token: Option<Limit>,
    /// Per address at `/dbconnections/signup`.
    pub signup: Option<Limit>,
    /// Per address at `/dbconnections/change_password`.
    pub change_password: Option<Limit>,
    /// Per address at `/userinfo`.
    pub userinfo: Option<Limit>,
}

impl RateLimits {
    /// Whether no limit is set.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

/// A rate-limited endpoint or group of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limited {
    ManagementApi,
    /// `/oauth/token`.
    Token,
    /// `/dbconnections/signup`.
    Signup,
    /// `/dbconnections/change_password`.
    ChangePassword,
    /// `/userinfo`.
    Userinfo,
}

impl Limited {
    fn limit(self, limits: &RateLimits) -> Option<Limit> {
        match self {
            Self::ManagementApi => limits.management_api,
            Self::Token => limits.token,
            Self::Signup => limits.signup,
            Self::ChangePassword => limits.change_password,
            Self::Userinfo => limits.userinfo,
        }
    }
}

/// The size of a bucket and its refill rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The size of the bucket, at least one request.
    pub burst: u32,
    #[serde(flatten)]
    pub refill: Refill,
}

/// The refill rate of a bucket, at least one request per period, evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refill {
    PerSecond(u32),
    PerMinute(u32),
}

/// The decision on a request, and the state of its bucket for the response headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// The size of the bucket.
    pub limit: u32,
    /// The remaining requests.
    pub remaining: u64,
    /// The time of the next refilled request, in seconds since 1970.
    pub reset: u64,
    /// The seconds until then, at least one.
    pub retry_after: u64,
}

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

impl Limit {
    /// The time in which an empty bucket refills.
    pub fn full(self) -> Duration {
        Duration::from_nanos(self.capacity())
    }

    /// The time between two refilled requests, in nanoseconds.
    fn interval(self) -> u64 {
        match self.refill {
            Refill::PerSecond(requests) => SECOND / u64::from(requests.max(1)),
            Refill::PerMinute(requests) => 60 * SECOND / u64::from(requests.max(1)),
        }
    }

    /// The time in which an empty bucket refills, in nanoseconds.
    fn capacity(self) -> u64 {
        self.interval().saturating_mul(self.burst.into())
    }

    /// Takes a request from a bucket, atomically. The clock returns nanoseconds since 1970.
    fn take(self, bucket: &AtomicU64, clock: impl Fn() -> u64) -> Decision {
        let (interval, capacity) = (self.interval(), self.capacity());
        let mut full_at = bucket.load(Ordering::Acquire);
        loop {
            // Read after the bucket, so never earlier than the previous request: concurrent requests cannot exceed the
            // limit.
            let now = clock();
            // After a clock step backwards or a lowered limit, the bucket is at worst empty.
            let missing = full_at.saturating_sub(now).min(capacity);
            let allowed = missing + interval <= capacity;
            let missing = missing + if allowed { interval } else { 0 };
            let taken =
                bucket.compare_exchange_weak(full_at, now + missing, Ordering::AcqRel, Ordering::Acquire);
            if let Err(changed) = taken {
                full_at = changed;
                continue;
            }
            let left = capacity - missing;
            let wait = interval - left % interval;
            return Decision {
                allowed,
                limit: self.burst,
                remaining: left / interval,
                reset: (now + wait).div_ceil(SECOND),
                retry_after: wait.div_ceil(SECOND),
            };
        }
    }
}

/// The buckets of this instance.
pub struct Buckets(Cache<(Arc<str>, Limited, String), Arc<AtomicU64>>);

impl Default for Buckets {
    fn default() -> Self {
        // LRU instead of TinyLFU, which would not admit a new caller among many and so not count it.
        let builder = Cache::builder().max_capacity(BUCKETS).eviction_policy(EvictionPolicy::lru());
        Self(builder.time_to_idle(FULL).build())
    }
}

impl Buckets {
    /// Counts a request of a caller; `None` if the tenant does not limit it.
    pub fn count(
        &self,
        (tenant, limits): (&Arc<str>, &RateLimits),
        what: Limited,
        caller: impl FnOnce() -> String,
    ) -> Option<Decision> {
        let limit = what.limit(limits)?;
        let bucket = self.0.get_with((Arc::clone(tenant), what, caller()), Arc::default);
        let clock = || u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or_default();
        Some(limit.take(&bucket, clock))
    }
}

/// The bucket key of an address. An IPv6 address counts as its /64, the network of one subscriber.
pub fn caller(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => ip.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000 * SECOND;

    fn limit(burst: u32, refill: Refill) -> Limit {
        Limit { burst, refill }
    }

    #[test]
    fn bucket_empties_and_refills_by_single_requests() {
        let (limit, bucket) = (limit(3, Refill::PerMinute(6)), AtomicU64::default());
        let take = |at: u64| {
            let decision = limit.take(&bucket, || NOW + at * SECOND);
            assert_eq!(decision.limit, 3);
            (decision.allowed, decision.remaining, decision.reset - NOW / SECOND, decision.retry_after)
        };
        assert_eq!(take(0), (true, 2, 10, 10));
        assert_eq!(take(1), (true, 1, 10, 9));
        assert_eq!(take(1), (true, 0, 10, 9));
        assert_eq!(take(1), (false, 0, 10, 9));
        assert_eq!(take(9), (false, 0, 10, 1));
        assert_eq!(take(10), (true, 0, 20, 10), "a rejected request takes nothing");
        assert_eq!(take(10), (false, 0, 20, 10));
        assert_eq!(take(39), (true, 1, 40, 1));
        assert_eq!(take(1000), (true, 2, 1010, 10), "the bucket refills to its size");
    }

    #[test]
    fn clock_step_back_costs_at_most_one_bucket() {
        let bucket = AtomicU64::new(NOW + 3600 * SECOND);
        let limit = limit(2, Refill::PerSecond(1));
        assert!(!limit.take(&bucket, || NOW).allowed);
        assert!(limit.take(&bucket, || NOW + SECOND).allowed);
        assert!(!limit.take(&bucket, || NOW + SECOND).allowed);
    }

    #[test]
    fn caller_is_an_ipv4_address_or_an_ipv6_network() {
        assert_eq!(caller("192.0.2.1"), "192.0.2.1");
        assert_eq!(caller("2001:db8:1:2:3:4:5:6"), caller("2001:db8:1:2::1"));
        assert_ne!(caller("2001:db8:1:2::1"), caller("2001:db8:1:3::1"));
        assert_ne!(caller("::ffff:192.0.2.1"), caller("::ffff:192.0.2.2"));
    }

    #[test]
    fn concurrent_requests_do_not_exceed_the_limit() {
        let (limit, bucket) = (limit(1000, Refill::PerMinute(1000)), AtomicU64::default());
        let clock = AtomicU64::new(NOW);
        // The clock advances with every call, and stops long before the first refill.
        let take = || {
            (0..500).filter(|_| limit.take(&bucket, || clock.fetch_add(1, Ordering::SeqCst)).allowed).count()
        };
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 1000);
    }

    proptest! {
        /// The model stores the content of the bucket instead of the time at which it is full.
        #[test]
        fn bucket_agrees_with_the_model(
            burst in 1_u32..20,
            requests in 1_u32..100,
            per_minute: bool,
            pauses in prop::collection::vec(prop_oneof![Just(0), 0..SECOND, 0..100 * SECOND], 1..60),
        ) {
            let limit = limit(burst, if per_minute { Refill::PerMinute(requests) } else { Refill::PerSecond(requests) });
            let (interval, capacity) = (limit.interval(), limit.capacity());
            let (bucket, mut now, mut content) = (AtomicU64::default(), NOW, capacity);
            for pause in pauses {
                now += pause;
                content = (content + pause).min(capacity);
                let allowed = content >= interval;
                content -= if allowed { interval } else { 0 };
                let decision = limit.take(&bucket, || now);
                prop_assert_eq!((decision.allowed, decision.remaining), (allowed, content / interval));
                // At the reset one more request is allowed, and not a second earlier.
                let more = |at: u64| (content + at.saturating_sub(now)) / interval > decision.remaining;
                prop_assert!(more(decision.reset * SECOND) && !more((decision.reset - 1) * SECOND));
                prop_assert!(more(now + decision.retry_after * SECOND) && decision.retry_after >= 1);
            }
        }
    }
}
