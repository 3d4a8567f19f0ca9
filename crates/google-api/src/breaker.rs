//! Stops asking an API that only fails, and asks again a little later.
//!
//! One breaker for each API of Google rather than for each host, because several APIs share
//! `www.googleapis.com` and one of them may be well while another is not.
//! Invariant: while a breaker is half open, exactly one request is under way to find out.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Failures in a row, with no answer between them, that open a breaker.
const FAILURES: u32 = 10;
/// How long an open breaker refuses.
const PAUSE: Duration = Duration::from_secs(5);

/// The breakers of all APIs.
#[derive(Debug, Default)]
pub(crate) struct Breakers(Mutex<HashMap<&'static str, State>>);

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing,
}

/// Permission for one request. Its end says how the request went; dropped without a word (the call
/// was cancelled), it counts as nothing.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breakers: &'a Breakers,
    api: &'static str,
    probe: bool,
    told: bool,
}

impl Breakers {
    /// Asks for permission; the error is how long to wait.
    pub(crate) fn admit(&self, api: &'static str) -> Result<Pass<'_>, Duration> {
        let mut states = self.states();
        let state = states.entry(api).or_insert(State::Closed { failures: 0 });
        let probe = match *state {
            State::Closed { .. } => false,
            State::Probing => return Err(Duration::from_secs(1)),
            State::Open { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                *state = State::Probing;
                true
            }
        };
        Ok(Pass {
            breakers: self,
            api,
            probe,
            told: false,
        })
    }

    fn states(&self) -> MutexGuard<'_, HashMap<&'static str, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The API answered, whatever it said.
    pub(crate) fn answered(mut self) {
        self.told = true;
        let mut states = self.breakers.states();
        let state = states
            .entry(self.api)
            .or_insert(State::Closed { failures: 0 });
        // An old request that ends well does not close a breaker that opened meanwhile.
        if self.probe || matches!(state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
    }

    /// The API failed or did not answer.
    pub(crate) fn failed(mut self) {
        self.told = true;
        let mut states = self.breakers.states();
        let state = states
            .entry(self.api)
            .or_insert(State::Closed { failures: 0 });
        let open = State::Open {
            until: Instant::now() + PAUSE,
        };
        *state = match *state {
            State::Closed { failures } if failures + 1 < FAILURES => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } => {
                tracing::warn!(google.api = self.api, "breaker opened");
                open
            }
            State::Probing if self.probe => open,
            other => other,
        };
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe && !self.told {
            let now = State::Open {
                until: Instant::now(),
            };
            self.breakers.states().insert(self.api, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn open(breakers: &Breakers) {
        for _ in 0..FAILURES {
            breakers.admit("gmail").unwrap().failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn opens_probes_once_and_closes() {
        let breakers = Breakers::default();
        open(&breakers);
        assert_eq!(breakers.admit("gmail").unwrap_err(), PAUSE);
        assert!(breakers.admit("drive").is_ok(), "other APIs are unaffected");
        advance(PAUSE).await;
        let probe = breakers.admit("gmail").unwrap();
        assert!(breakers.admit("gmail").is_err(), "one probe at a time");
        probe.failed();
        assert!(breakers.admit("gmail").is_err());
        advance(PAUSE).await;
        drop(breakers.admit("gmail").unwrap());
        breakers
            .admit("gmail")
            .expect("a cancelled probe leaves room for the next")
            .answered();
        assert!(breakers.admit("gmail").is_ok() && breakers.admit("gmail").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_between_failures_keeps_it_closed() {
        let breakers = Breakers::default();
        for _ in 0..5 {
            for _ in 1..FAILURES {
                breakers.admit("gmail").unwrap().failed();
            }
            breakers.admit("gmail").unwrap().answered();
        }
        assert!(breakers.admit("gmail").is_ok());
    }
}
