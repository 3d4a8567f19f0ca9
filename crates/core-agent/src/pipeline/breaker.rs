//! Leaves a server alone for a while after it failed too often in a row.
//!
//! A state machine as a value: it is told the time, and does nothing itself.
//! Invariant: while half open exactly one call is on its way.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{Effect, Fault, FaultKind};

/// One server's circuit.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    limit: u32,
    pause: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

/// The state, for people.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open,
    /// One call is on its way to find out.
    HalfOpen,
}

/// Whether a call may pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Admission {
    /// It may.
    Pass,
    /// It may, and what becomes of it decides.
    Probe,
    /// It may not, for so long.
    Wait(Duration),
}

/// What a call said of the server's health.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sign {
    /// The server answered, whatever it said.
    Alive,
    /// The server failed.
    Failed,
    /// Nothing: the call was given up, or did not get there for reasons of our own.
    Nothing,
}

impl Sign {
    /// What a fault says.
    pub(super) fn of(fault: &Fault) -> Self {
        match fault.kind {
            FaultKind::Http if fault.effect == Effect::Answered => Self::Alive,
            FaultKind::StartFailed
            | FaultKind::Unreachable
            | FaultKind::TimedOut
            | FaultKind::Closed
            | FaultKind::Protocol
            | FaultKind::Http => Self::Failed,
            FaultKind::Rejected
            | FaultKind::Forbidden
            | FaultKind::SignInRequired
            | FaultKind::RateLimited
            | FaultKind::TooLarge => Self::Alive,
            FaultKind::NotConfigured
            | FaultKind::Disabled
            | FaultKind::NotAvailable
            | FaultKind::NotApproved
            | FaultKind::CircuitOpen
            | FaultKind::Busy
            | FaultKind::Cancelled => Self::Nothing,
        }
    }
}

impl Breaker {
    /// Opens for `pause` after `limit` failures in a row; never with a limit of 0.
    pub(super) fn new(limit: u32, pause: Duration) -> Self {
        Self {
            limit,
            pause,
            state: State::Closed { failures: 0 },
        }
    }

    /// The state at `now`.
    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            // The pause is over: the next call finds out.
            State::Open { .. } | State::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// Asks to let a call pass.
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Pass,
            State::Open { until } if now < until => Admission::Wait(until - now),
            State::Open { .. } => {
                self.state = State::HalfOpen;
                Admission::Probe
            }
            State::HalfOpen => Admission::Wait(Duration::from_secs(1).min(self.pause)),
        }
    }

    /// Tells what became of a call that passed as `admission`.
    pub(super) fn tell(&mut self, admission: Admission, sign: Sign, now: Instant) {
        match (self.state, admission, sign) {
            // Calls from before the circuit opened change nothing when they end.
            (_, Admission::Wait(_), _)
            | (State::Open { .. } | State::HalfOpen, Admission::Pass, _)
            | (State::Closed { .. }, Admission::Pass, Sign::Nothing) => {}
            (_, Admission::Probe, Sign::Alive) | (State::Closed { .. }, _, Sign::Alive) => {
                self.state = State::Closed { failures: 0 };
            }
            (_, Admission::Probe, Sign::Failed) => self.open(now),
            (_, Admission::Probe, Sign::Nothing) => self.state = State::Open { until: now },
            (State::Closed { failures }, Admission::Pass, Sign::Failed) => {
                let failures = failures.saturating_add(1);
                self.state = State::Closed { failures };
                if self.limit > 0 && failures >= self.limit {
                    self.open(now);
                }
            }
        }
    }

    fn open(&mut self, now: Instant) {
        self.state = State::Open {
            until: now + self.pause,
        };
    }
}

impl BreakerState {
    /// The name in tables and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    #[test]
    fn opens_after_failures_in_a_row_and_closes_after_one_good_probe() {
        let start = Instant::now();
        let mut breaker = Breaker::new(3, PAUSE);
        for sign in [
            Sign::Failed,
            Sign::Failed,
            Sign::Alive,
            Sign::Failed,
            Sign::Failed,
        ] {
            assert_eq!(breaker.admit(start), Admission::Pass);
            breaker.tell(Admission::Pass, sign, start);
        }
        assert_eq!(breaker.state(start), BreakerState::Closed);
        breaker.tell(Admission::Pass, Sign::Failed, start);
        assert_eq!(breaker.admit(start), Admission::Wait(PAUSE));

        let later = start + PAUSE;
        assert_eq!(breaker.admit(later), Admission::Probe);
        assert!(
            matches!(breaker.admit(later), Admission::Wait(_)),
            "one only"
        );
        // A call from before the circuit opened does not close it.
        breaker.tell(Admission::Pass, Sign::Alive, later);
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        breaker.tell(Admission::Probe, Sign::Failed, later);
        assert_eq!(breaker.admit(later), Admission::Wait(PAUSE));

        let last = later + PAUSE;
        assert_eq!(breaker.admit(last), Admission::Probe);
        breaker.tell(Admission::Probe, Sign::Alive, last);
        assert_eq!(breaker.admit(last), Admission::Pass);
    }

    #[test]
    fn a_probe_that_said_nothing_lets_the_next_call_find_out() {
        let now = Instant::now();
        let mut breaker = Breaker::new(1, PAUSE);
        breaker.tell(Admission::Pass, Sign::Failed, now);
        let later = now + PAUSE;
        assert_eq!(breaker.admit(later), Admission::Probe);
        breaker.tell(Admission::Probe, Sign::Nothing, later);
        assert_eq!(breaker.admit(later), Admission::Probe);
    }

    #[test]
    fn a_limit_of_nothing_never_opens() {
        let now = Instant::now();
        let mut breaker = Breaker::new(0, PAUSE);
        for _ in 0..100 {
            breaker.tell(Admission::Pass, Sign::Failed, now);
        }
        assert_eq!(breaker.admit(now), Admission::Pass);
    }
}
