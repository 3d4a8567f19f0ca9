//! How many retries the whole process may make.
//!
//! When Google is down for everybody, retries of everybody would multiply the load. Each call
//! earns a fifth of a retry; a small reserve refills by itself, so that a quiet process can still
//! retry. Invariant: over any long time, retries ≤ 20 % of calls + two a second.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

const EARNED_BY_A_CALL: f64 = 0.2;
const REFILLED_PER_SECOND: f64 = 2.0;
const START: f64 = 20.0;
const MOST: f64 = 100.0;

/// The retries that may still be made.
pub(crate) struct RetryBudget(Mutex<(f64, Instant)>);

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self(Mutex::new((START, Instant::now())))
    }

    /// Notes a new call.
    pub(crate) fn call(&self) {
        self.change(EARNED_BY_A_CALL);
    }

    /// Takes one retry; false when none is left.
    pub(crate) fn retry(&self) -> bool {
        self.change(-1.0)
    }

    fn change(&self, by: f64) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let waited = now.saturating_duration_since(state.1).as_secs_f64();
        // The refill is a floor, not a saving: it never lifts the balance above the start.
        let (mut balance, _) = *state;
        if balance < START {
            balance = (balance + waited * REFILLED_PER_SECOND).min(START);
        }
        let changed = (balance + by).min(MOST);
        let allowed = changed >= 0.0;
        *state = (if allowed { changed } else { balance }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_stay_a_fifth_of_the_calls() {
        let budget = RetryBudget::new();
        let mut retries = 0_u32;
        // 500 calls a second for a minute, each of which wants to be retried four times.
        for _ in 0..30_000 {
            budget.call();
            for _ in 0..4 {
                retries += u32::from(budget.retry());
            }
            advance(Duration::from_millis(2)).await;
        }
        assert!((6_000..=6_200).contains(&retries), "{retries}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_process_may_retry_again_after_a_while() {
        let budget = RetryBudget::new();
        while budget.retry() {}
        advance(Duration::from_secs(1)).await;
        assert!(budget.retry() && budget.retry() && !budget.retry());
    }
}
