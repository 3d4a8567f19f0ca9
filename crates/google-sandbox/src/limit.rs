//! Rate limits per account and API, as Google enforces them.
//!
//! Off until ordered. Invariant: a refused request takes nothing out of the bucket.

use std::collections::HashMap;

use jiff::Timestamp;

/// The limits ordered and how much of each is left.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    rules: HashMap<String, Rule>,
    buckets: HashMap<(String, String), Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    per_second: f64,
    burst: f64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl RateLimits {
    /// Lets each account make this many requests a second to an API, and this many at once.
    pub(crate) fn set(&mut self, api: &str, per_second: f64, burst: f64) {
        self.rules
            .insert(api.to_owned(), Rule { per_second, burst });
        self.buckets.retain(|(_, limited), _| limited != api);
    }

    /// Takes one request out; otherwise says after how many seconds there is one again.
    pub(crate) fn take(&mut self, user: &str, api: &str, now: Timestamp) -> Result<(), u64> {
        let Some(rule) = self.rules.get(api).copied() else {
            return Ok(());
        };
        let full = Bucket {
            left: rule.burst,
            at: now,
        };
        let bucket = self
            .buckets
            .entry((user.to_owned(), api.to_owned()))
            .or_insert(full);
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.left = (bucket.left + passed * rule.per_second).min(rule.burst);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number of seconds"
        )]
        let wait = ((1.0 - bucket.left) / rule.per_second.max(0.001)).ceil() as u64;
        Err(wait.max(1))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_bucket_empties_refills_and_belongs_to_one_user() {
        let mut limits = RateLimits::default();
        limits.set("gmail", 2.0, 2.0);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(limits.take("a", "gmail", now), Ok(()));
        assert_eq!(limits.take("a", "gmail", now), Ok(()));
        assert_eq!(limits.take("a", "gmail", now), Err(1));
        assert_eq!(limits.take("b", "gmail", now), Ok(()));
        assert_eq!(limits.take("a", "drive", now), Ok(()));
        assert_eq!(
            limits.take("a", "gmail", now + SignedDuration::from_millis(500)),
            Ok(())
        );
    }
}
