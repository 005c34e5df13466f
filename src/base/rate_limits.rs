//! Rate limits, as Auth0 expresses them: a bucket of requests that fills again at a steady rate.
//!
//! A bucket is one number, the time at which it will be full again (the generic cell rate algorithm of ITU-T I.371: its
//! theoretical arrival time), and a request is one compare-and-exchange of it. Nobody waits for anybody, and the database
//! is not asked: **limits hold for each instance by itself**, so several of them together let through several times as
//! many.
//!
//! Decisions:
//! - All limits are off unless the tenant's file sets them; then they cost nothing, and there are no headers.
//! - In the Management API each client has a bucket, by its token (`azp`), counted once the token is believed: whoever
//!   has none cannot spend anybody's requests.
//! - The public endpoints have a bucket for each address they are called from, IPv6 addresses by their /64: what else a
//!   request says of its sender is in its body, or made up.
//! - `x-ratelimit-reset` is when the bucket has one request more, in whole seconds rounded up; of a refused request it is
//!   when the next one is let through, and so is `Retry-After`.
//! - At most [`BUCKETS`] are remembered. One that nobody asked for within [`FULL`] is full again, and forgotten.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// How many buckets are remembered, those that were asked for lately.
pub const BUCKETS: u64 = 100_000;
/// The longest time in which an empty bucket may fill.
pub const FULL: Duration = Duration::from_secs(3600);

/// The limits of a tenant; `None` for no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimits {
    /// Of each client in the Management API.
    pub management_api: Option<Limit>,
    /// Of each address at `/oauth/token`.
    pub token: Option<Limit>,
    /// Of each address at `/dbconnections/signup`.
    pub signup: Option<Limit>,
    /// Of each address at `/dbconnections/change_password`.
    pub change_password: Option<Limit>,
    /// Of each address at `/userinfo`.
    pub userinfo: Option<Limit>,
}

impl RateLimits {
    /// Is there no limit at all?
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limited {
    /// The Management API.
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

/// A bucket's size, and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// How many requests may come at once, at least one.
    pub burst: u32,
    /// How many come back.
    #[serde(flatten)]
    pub refill: Refill,
}

/// How many requests come back to a bucket in a time, one after the other; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refill {
    /// In a second.
    PerSecond(u32),
    /// In a minute.
    PerMinute(u32),
}

/// What became of a request, and what its answer tells of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Is it let through?
    pub allowed: bool,
    /// The bucket's size.
    pub limit: u32,
    /// How many requests may come now.
    pub remaining: u64,
    /// When there will be one more, in seconds since 1970.
    pub reset: u64,
    /// How long that is from now, in seconds, at least one.
    pub retry_after: u64,
}

const SECOND: u64 = 1_000_000_000;

impl Limit {
    /// How long an empty bucket takes to fill.
    pub fn full(self) -> Duration {
        Duration::from_nanos(self.capacity())
    }

    /// After how many nanoseconds there is one request more.
    fn interval(self) -> u64 {
        match self.refill {
            Refill::PerSecond(requests) => SECOND / u64::from(requests.max(1)),
            Refill::PerMinute(requests) => 60 * SECOND / u64::from(requests.max(1)),
        }
    }

    fn capacity(self) -> u64 {
        self.interval().saturating_mul(self.burst.into())
    }

    /// Takes a request out of a bucket, in one step. The clock tells nanoseconds since 1970.
    fn take(self, bucket: &AtomicU64, clock: impl Fn() -> u64) -> Judged {
        let (interval, capacity) = (self.interval(), self.capacity());
        let mut full_at = bucket.load(Ordering::Acquire);
        loop {
            // Read after the bucket, so never earlier than the request before this one: of many at once as many pass as
            // there are.
            let now = clock();
            // A clock that was set back, or a limit that was lowered, costs no more than what is in the bucket.
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
            return Judged {
                allowed,
                limit: self.burst,
                remaining: left / interval,
                reset: (now + wait).div_ceil(SECOND),
                retry_after: wait.div_ceil(SECOND),
            };
        }
    }
}

/// The buckets of an instance.
pub struct Buckets(Cache<(Arc<str>, Limited, String), Arc<AtomicU64>>);

impl Default for Buckets {
    fn default() -> Self {
        // The least recently asked for go first: a crowd of new callers does not keep one from being counted.
        let builder = Cache::builder().max_capacity(BUCKETS).eviction_policy(EvictionPolicy::lru());
        Self(builder.time_to_idle(FULL).build())
    }
}

impl Buckets {
    /// Counts a request of a caller, known by `caller`; `None` if the tenant does not limit it.
    pub fn judge(
        &self,
        (tenant, limits): (&Arc<str>, &RateLimits),
        what: Limited,
        caller: impl FnOnce() -> String,
    ) -> Option<Judged> {
        let limit = what.limit(limits)?;
        let bucket = self.0.get_with((Arc::clone(tenant), what, caller()), Arc::default);
        let clock = || u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or_default();
        Some(limit.take(&bucket, clock))
    }
}

/// What is counted as one caller: an address, or the network of 2^64 addresses that one subscriber has.
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
    fn a_bucket_empties_and_fills_one_by_one() {
        let (limit, bucket) = (limit(3, Refill::PerMinute(6)), AtomicU64::default());
        let take = |at: u64| {
            let judged = limit.take(&bucket, || NOW + at * SECOND);
            assert_eq!(judged.limit, 3);
            (judged.allowed, judged.remaining, judged.reset - NOW / SECOND, judged.retry_after)
        };
        assert_eq!(take(0), (true, 2, 10, 10));
        assert_eq!(take(1), (true, 1, 10, 9));
        assert_eq!(take(1), (true, 0, 10, 9));
        assert_eq!(take(1), (false, 0, 10, 9));
        assert_eq!(take(9), (false, 0, 10, 1));
        assert_eq!(take(10), (true, 0, 20, 10), "what was refused cost nothing");
        assert_eq!(take(10), (false, 0, 20, 10));
        assert_eq!(take(39), (true, 1, 40, 1));
        assert_eq!(take(1000), (true, 2, 1010, 10), "no more than the burst comes back");
    }

    #[test]
    fn a_clock_set_back_and_a_lower_limit_cost_one_bucket_at_most() {
        let bucket = AtomicU64::new(NOW + 3600 * SECOND);
        let limit = limit(2, Refill::PerSecond(1));
        assert!(!limit.take(&bucket, || NOW).allowed);
        assert!(limit.take(&bucket, || NOW + SECOND).allowed);
        assert!(!limit.take(&bucket, || NOW + SECOND).allowed);
    }

    #[test]
    fn callers_are_addresses_and_networks_of_subscribers() {
        assert_eq!(caller("192.0.2.1"), "192.0.2.1");
        assert_eq!(caller("2001:db8:1:2:3:4:5:6"), caller("2001:db8:1:2::1"));
        assert_ne!(caller("2001:db8:1:2::1"), caller("2001:db8:1:3::1"));
        assert_ne!(caller("::ffff:192.0.2.1"), caller("::ffff:192.0.2.2"));
    }

    #[test]
    fn of_many_threads_as_many_pass_as_there_are() {
        let (limit, bucket) = (limit(1000, Refill::PerMinute(1000)), AtomicU64::default());
        let clock = AtomicU64::new(NOW);
        // A clock that never stands still, and ends long before the first request comes back.
        let take = || {
            (0..500).filter(|_| limit.take(&bucket, || clock.fetch_add(1, Ordering::SeqCst)).allowed).count()
        };
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }

    proptest! {
        /// The model keeps what is in the bucket, where the bucket keeps when it will be full.
        #[test]
        fn a_bucket_is_as_the_model(
            burst in 1_u32..20,
            requests in 1_u32..100,
            a_minute: bool,
            pauses in prop::collection::vec(prop_oneof![Just(0), 0..SECOND, 0..100 * SECOND], 1..60),
        ) {
            let limit = limit(burst, if a_minute { Refill::PerMinute(requests) } else { Refill::PerSecond(requests) });
            let (interval, capacity) = (limit.interval(), limit.capacity());
            let (bucket, mut now, mut content) = (AtomicU64::default(), NOW, capacity);
            for pause in pauses {
                now += pause;
                content = (content + pause).min(capacity);
                let allowed = content >= interval;
                content -= if allowed { interval } else { 0 };
                let judged = limit.take(&bucket, || now);
                prop_assert_eq!((judged.allowed, judged.remaining), (allowed, content / interval));
                // At the reset there is one more, and not a second before.
                let more = |at: u64| (content + at.saturating_sub(now)) / interval > judged.remaining;
                prop_assert!(more(judged.reset * SECOND) && !more((judged.reset - 1) * SECOND));
                prop_assert!(more(now + judged.retry_after * SECOND) && judged.retry_after >= 1);
            }
        }
    }
}
