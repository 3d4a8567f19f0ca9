//! What the pipeline keeps for each server: its circuit, its places, how it did lately.
//!
//! Invariant: nothing here is shared by two servers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    breaker::{Admission, Breaker, BreakerState, Sign},
    bulkhead::Bulkhead,
};
use crate::{Fault, FaultKind, ServerName, config::Config, journal::Health};

/// One server.
pub(super) struct Line {
    server: ServerName,
    state: Mutex<State>,
    pub(super) bulkhead: Bulkhead,
    writes: AtomicU64,
}

struct State {
    breaker: Breaker,
    /// The last signs, newest lowest: 1 is a failure.
    signs: u64,
    told: u32,
    /// The circuit as it was last noted for others to see.
    noted: Option<BreakerState>,
}

/// Leave to make one call; what became of it must be told, or it said nothing.
pub(super) struct Leave<'a> {
    line: &'a Line,
    admission: Admission,
    told: bool,
}

/// A write at work.
pub(super) struct Writing<'a>(&'a AtomicU64);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// How a server does, for people.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct LineStatus {
    /// Its circuit.
    pub breaker: BreakerState,
    /// How it did lately.
    pub health: Health,
}

/// All servers.
pub(super) struct Lines {
    config: Arc<Config>,
    lines: RwLock<HashMap<ServerName, Arc<Line>>>,
}

impl Lines {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            lines: RwLock::default(),
        }
    }

    pub(super) fn get(&self, server: &ServerName) -> Arc<Line> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(server) {
            return line.clone();
        }
        drop(lines);
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines
            .entry(server.clone())
            .or_insert_with(|| Arc::new(self.line(server)))
            .clone()
    }

    fn line(&self, server: &ServerName) -> Line {
        let calls = &self.config.calls;
        let places = self
            .config
            .servers
            .get(server)
            .and_then(|server| server.concurrency)
            .unwrap_or(calls.concurrency);
        Line {
            server: server.clone(),
            state: Mutex::new(State {
                breaker: Breaker::new(
                    calls.breaker_failures,
                    Duration::from_secs(calls.breaker_seconds),
                ),
                signs: 0,
                told: 0,
                noted: None,
            }),
            bulkhead: Bulkhead::new(places),
            writes: AtomicU64::new(0),
        }
    }
}

impl Line {
    pub(super) fn server(&self) -> &ServerName {
        &self.server
    }

    /// Leave to call, unless the circuit is open.
    pub(super) fn leave(&self, now: Instant) -> Result<Leave<'_>, Fault> {
        let admission = self.lock().breaker.admit(now);
        match admission {
            Admission::Pass | Admission::Probe => Ok(Leave {
                line: self,
                admission,
                told: false,
            }),
            Admission::Wait(wait) => Err(Fault {
                retry_after: Some(wait),
                ..Fault::before(
                    &self.server,
                    FaultKind::CircuitOpen,
                    "it failed too often lately and is left alone for a while",
                )
            }
            .hint(format!(
                "try again in {} s; `core-agent servers show {}` tells what failed",
                wait.as_secs() + 1,
                self.server
            ))),
        }
    }

    /// How it does.
    pub(super) fn status(&self, now: Instant) -> LineStatus {
        let state = self.lock();
        let breaker = state.breaker.state(now);
        let seen = u64::from(state.told.min(64));
        let failed = u64::from(state.signs.count_ones());
        let health = match breaker {
            BreakerState::Open => Health::Unhealthy,
            BreakerState::HalfOpen => Health::Degraded,
            BreakerState::Closed => Health::of(failed, seen),
        };
        LineStatus { breaker, health }
    }

    /// Its circuit as it was last noted and as it is, when these are not the same: another process
    /// may have noted something before.
    pub(super) fn breaker_news(
        &self,
        now: Instant,
    ) -> Option<(Option<BreakerState>, BreakerState)> {
        let mut state = self.lock();
        let breaker = state.breaker.state(now);
        let before = state.noted.replace(breaker);
        (before != Some(breaker)).then_some((before, breaker))
    }

    /// How many writes there were: what was read before one is not known to be so after it.
    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// A write begins, and ends when the value is dropped.
    pub(super) fn writing(&self) -> Writing<'_> {
        self.writes.fetch_add(1, Ordering::AcqRel);
        Writing(&self.writes)
    }

    fn tell(&self, admission: Admission, sign: Sign, now: Instant) {
        let mut state = self.lock();
        state.breaker.tell(admission, sign, now);
        if sign != Sign::Nothing {
            state.signs = (state.signs << 1) | u64::from(sign == Sign::Failed);
            state.told = state.told.saturating_add(1);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// Tells what became of the call.
    pub(super) fn tell(mut self, sign: Sign, now: Instant) {
        self.told = true;
        self.line.tell(self.admission, sign, now);
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.line
                .tell(self.admission, Sign::Nothing, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_the_signs() {
        let lines = Lines::new(Arc::new(Config::default()));
        let line = lines.get(&"a".parse().unwrap());
        let now = Instant::now();
        assert_eq!(line.status(now).health, Health::Unknown);
        let tell = |sign| line.leave(now).unwrap().tell(sign, now);
        for _ in 0..8 {
            tell(Sign::Alive);
        }
        assert_eq!(line.status(now).health, Health::Healthy);
        tell(Sign::Failed);
        assert_eq!(line.status(now).health, Health::Degraded);
        for _ in 0..4 {
            tell(Sign::Failed);
        }
        assert_eq!(line.status(now).health, Health::Unhealthy);
        assert_eq!(line.leave(now).err().unwrap().kind, FaultKind::CircuitOpen);
        // The other servers do not notice.
        assert!(lines.get(&"b".parse().unwrap()).leave(now).is_ok());
    }

    #[test]
    fn leave_that_is_dropped_says_nothing() {
        let config = Config {
            calls: crate::config::CallsConfig {
                breaker_failures: 1,
                breaker_seconds: 0,
                ..Default::default()
            },
            ..Default::default()
        };
        let lines = Lines::new(Arc::new(config));
        let line = lines.get(&"a".parse().unwrap());
        let now = Instant::now();
        line.leave(now).unwrap().tell(Sign::Failed, now);
        drop(line.leave(now).unwrap());
        assert!(line.leave(Instant::now()).is_ok());
    }
}
