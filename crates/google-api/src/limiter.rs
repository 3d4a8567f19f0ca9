//! Keeps each account below Google's quotas, so that answers come late rather than not at all.
//!
//! A bucket for each account and quota. Invariant: in no span of a minute does an account send
//! more than the quota: a bucket holds a quarter of it and refills with three quarters a minute.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    RateLimiter, clock::Clock, middleware::NoOpMiddleware, state::keyed::HashMapStateStore,
};
use tokio::time::Instant;

use crate::quota::{Charge, Quota};

type Buckets =
    RateLimiter<Arc<str>, HashMapStateStore<Arc<str>>, SinceStart, NoOpMiddleware<Duration>>;

/// The buckets of all accounts.
pub(crate) struct Limiter {
    clock: SinceStart,
    buckets: Mutex<HashMap<&'static str, Arc<Buckets>>>,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self {
            clock: SinceStart(Instant::now()),
            buckets: Mutex::default(),
        }
    }

    /// Takes the charge out of the account's bucket, or says how long it will take to refill.
    pub(crate) fn take(&self, account: &Arc<str>, charge: Charge) -> Result<(), Duration> {
        let buckets = self.buckets_of(charge.quota);
        let held = burst(charge.quota);
        let units = NonZeroU32::new(charge.units)
            .unwrap_or(NonZeroU32::MIN)
            .min(held);
        let taken = buckets
            .check_key_n(account, units)
            .expect("no request asks for more than a bucket holds");
        taken.map_err(|later| {
            later
                .wait_time_from(self.clock.now())
                .max(Duration::from_millis(1))
        })
    }

    fn buckets_of(&self, quota: &'static Quota) -> Arc<Buckets> {
        const MANY: usize = 4096;
        let mut all = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = all.entry(quota.name).or_insert_with(|| {
            let pause = Duration::from_mins(1) / (quota.per_minute - quota.per_minute / 4).max(1);
            let refill = governor::Quota::with_period(pause)
                .expect("a pause is never zero")
                .allow_burst(burst(quota));
            let state = HashMapStateStore::default();
            Arc::new(RateLimiter::new(refill, state, self.clock))
        });
        if buckets.len() > MANY {
            // Full buckets are as good as new ones.
            buckets.retain_recent();
        }
        Arc::clone(buckets)
    }
}

fn burst(quota: &Quota) -> NonZeroU32 {
    NonZeroU32::new(quota.per_minute / 4).unwrap_or(NonZeroU32::MIN)
}

/// tokio's clock, which tests can stop.
#[derive(Clone, Copy, Debug)]
struct SinceStart(Instant);

impl Clock for SinceStart {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use google_discovery::catalogue;
    use tokio::time::advance;

    use super::*;
    use crate::quota::charge;

    fn of(id: &str) -> Charge {
        charge(catalogue().method(id).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_exceeds_the_quota() {
        let limiter = Limiter::new();
        let alice: Arc<str> = "alice".into();
        let get = of("gmail.users.messages.get");
        let mut sent: Vec<(Duration, u32)> = Vec::new();
        let mut now = Duration::ZERO;
        while now < Duration::from_mins(3) {
            match limiter.take(&alice, get) {
                Ok(()) => sent.push((now, get.units)),
                Err(wait) => {
                    advance(wait).await;
                    now += wait;
                }
            }
        }
        for (start, _) in &sent {
            let minute = *start..*start + Duration::from_mins(1);
            let units: u32 = sent
                .iter()
                .filter(|(at, _)| minute.contains(at))
                .map(|(_, units)| units)
                .sum();
            assert!(units <= 6_000 + 20, "{units} units from {start:?}");
        }
        let whole: u32 = sent.iter().map(|(_, units)| units).sum();
        assert!(
            whole > 13_500,
            "the limiter is not stricter than needed: {whole}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_and_apis_do_not_share_buckets() {
        let limiter = Limiter::new();
        let (alice, bob): (Arc<str>, Arc<str>) = ("alice".into(), "bob".into());
        let sheet = of("sheets.spreadsheets.values.get");
        while limiter.take(&alice, sheet).is_ok() {}
        assert!(limiter.take(&bob, sheet).is_ok());
        assert!(
            limiter
                .take(&alice, of("sheets.spreadsheets.values.update"))
                .is_ok()
        );
        assert!(limiter.take(&alice, of("drive.files.get")).is_ok());
    }
}
