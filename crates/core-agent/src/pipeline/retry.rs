//! Whether and when a failed attempt is made again.
//!
//! Pure: it is told what happened and answers; sleeping is the caller's.
//! Invariant: an attempt that may have had an effect is made again only when a second one can do
//! no harm.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    Effect, Fault, FaultKind,
    catalogue::{Access, HubTool},
};

const BASE: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(32);
/// Attempts that can be made again at once, beyond what comes back with time.
const SAVED: f64 = 200.0;
/// Attempts that come back each second.
const EACH_SECOND: f64 = 10.0;
/// Attempts that come back with each call.
const EACH_CALL: f64 = 0.1;

/// Whether a second execution can do harm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Repeatable {
    /// It cannot: the tool looks only, or the second time changes nothing.
    Always,
    /// It can: only a request that surely did nothing is sent again.
    WithoutEffect,
}

impl Repeatable {
    /// What is known of a call: the tool's promises as far as they are believed, and whether the
    /// arguments carry a key by which the server knows a repetition.
    pub(super) fn of(tool: &HubTool, keyed: bool) -> Self {
        if tool.access == Access::Read || tool.idempotent || keyed {
            Self::Always
        } else {
            Self::WithoutEffect
        }
    }

    /// Whether a request that failed so may be sent again at all.
    pub(super) fn allows(self, effect: Effect) -> bool {
        self == Self::Always || effect == Effect::None
    }
}

/// What is done after a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Another attempt after a pause.
    Again(Duration),
    /// No other attempt.
    GiveUp,
}

/// Everything the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Whether a second execution can do harm.
    pub repeatable: Repeatable,
    /// Attempts made.
    pub made: u32,
    /// Attempts allowed.
    pub allowed: u32,
    /// Time left.
    pub left: Duration,
    /// Chance, from 0 up to 1.
    pub chance: f64,
}

/// Decides after a failed attempt.
pub(super) fn decide(fault: &Fault, situation: Situation) -> Next {
    let local = matches!(fault.kind, FaultKind::CircuitOpen | FaultKind::Busy);
    if situation.made >= situation.allowed
        || local
        || !fault.kind.passes()
        || !situation.repeatable.allows(fault.effect)
    {
        return Next::GiveUp;
    }
    let doubled = BASE.saturating_mul(1 << (situation.made.saturating_sub(1)).min(10));
    let jittered = doubled
        .min(LONGEST)
        .mul_f64(situation.chance.clamp(0.0, 1.0));
    let pause = fault
        .retry_after
        .map_or(jittered, |asked| asked.saturating_add(jittered));
    if pause < situation.left {
        Next::Again(pause)
    } else {
        Next::GiveUp
    }
}

/// What the whole process may spend on repetitions, so that an outage is not answered by a storm.
#[derive(Debug)]
pub(super) struct RetryBudget(Mutex<Purse>);

#[derive(Debug)]
struct Purse {
    saved: f64,
    at: Instant,
}

impl RetryBudget {
    /// A full budget.
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Purse {
            saved: SAVED,
            at: now,
        }))
    }

    /// A call begins.
    pub(super) fn earn(&self) {
        let mut purse = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        purse.saved = (purse.saved + EACH_CALL).min(SAVED);
    }

    /// Pays for one more attempt, if there is something left.
    pub(super) fn spend(&self, now: Instant) -> bool {
        let mut purse = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(purse.at).as_secs_f64();
        purse.saved = (purse.saved + passed * EACH_SECOND).min(SAVED);
        purse.at = now;
        if purse.saved < 1.0 {
            return false;
        }
        purse.saved -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, effect: Effect) -> Fault {
        Fault {
            effect,
            ..Fault::before(&"a".parse().unwrap(), kind, "x")
        }
    }

    fn situation(repeatable: Repeatable) -> Situation {
        Situation {
            repeatable,
            made: 1,
            allowed: 3,
            left: Duration::from_mins(1),
            chance: 0.5,
        }
    }

    #[test]
    fn what_may_have_had_an_effect_is_not_sent_again() {
        use Repeatable::{Always, WithoutEffect};
        for (repeatable, effect, again) in [
            (WithoutEffect, Effect::None, true),
            (WithoutEffect, Effect::Unknown, false),
            (WithoutEffect, Effect::Answered, false),
            (Always, Effect::None, true),
            (Always, Effect::Unknown, true),
            (Always, Effect::Answered, true),
        ] {
            for kind in [FaultKind::Closed, FaultKind::TimedOut, FaultKind::Http] {
                let next = decide(&fault(kind, effect), situation(repeatable));
                assert_eq!(next != Next::GiveUp, again, "{repeatable:?} {effect:?}");
            }
        }
    }

    #[test]
    fn what_does_not_pass_is_not_tried_again() {
        for kind in [
            FaultKind::Rejected,
            FaultKind::Forbidden,
            FaultKind::SignInRequired,
            FaultKind::Cancelled,
            FaultKind::NotApproved,
            FaultKind::CircuitOpen,
            FaultKind::Busy,
        ] {
            let fault = fault(kind, Effect::None);
            assert_eq!(decide(&fault, situation(Repeatable::Always)), Next::GiveUp);
        }
    }

    #[test]
    fn attempts_and_time_end() {
        let closed = fault(FaultKind::Closed, Effect::None);
        let last = Situation {
            made: 3,
            ..situation(Repeatable::Always)
        };
        assert_eq!(decide(&closed, last), Next::GiveUp);
        let late = Situation {
            left: Duration::from_millis(10),
            ..situation(Repeatable::Always)
        };
        assert_eq!(decide(&closed, late), Next::GiveUp);
    }

    #[test]
    fn the_server_says_when() {
        let mut limited = fault(FaultKind::RateLimited, Effect::None);
        limited.retry_after = Some(Duration::from_secs(7));
        let Next::Again(pause) = decide(&limited, situation(Repeatable::WithoutEffect)) else {
            panic!("it may be sent again");
        };
        assert!(pause >= Duration::from_secs(7) && pause < Duration::from_secs(8));
        limited.retry_after = Some(Duration::from_hours(1));
        assert_eq!(
            decide(&limited, situation(Repeatable::WithoutEffect)),
            Next::GiveUp
        );
    }

    #[test]
    fn the_budget_runs_dry_and_fills_again() {
        let start = Instant::now();
        let budget = RetryBudget::new(start);
        let spent = (0..1_000).filter(|_| budget.spend(start)).count();
        assert_eq!(spent, 200);
        assert!(!budget.spend(start));
        assert!(budget.spend(start + Duration::from_secs(1)));
    }
}
