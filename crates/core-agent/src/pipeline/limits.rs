//! How often a caller may call, and how much a run may use.
//!
//! Not a server's own limit: that is the bulkhead's.
//! Invariant: what one caller or run uses up is never another's.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::Clock as _, clock::DefaultClock};
use moka::{policy::EvictionPolicy, sync::Cache};
use serde_json::json;

use super::{Refusal, RefusalKind};
use crate::{
    Actor,
    config::{BudgetConfig, Config},
};

type Limiter = RateLimiter<governor::state::NotKeyed, governor::state::InMemoryState, DefaultClock>;

/// Callers and runs remembered at most.
const REMEMBERED: u64 = 10_000;
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// The limits and what is used of them.
pub(super) struct Limits {
    config: Arc<Config>,
    rates: Cache<String, Arc<Limiter>>,
    runs: Cache<String, Arc<Used>>,
}

/// What a run used.
#[derive(Debug, Default)]
pub(super) struct Used {
    calls: AtomicU64,
    millis: AtomicU64,
    bytes: AtomicU64,
}

impl Limits {
    /// The limits of a configuration, nothing used.
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            // The newest is always remembered: one that is not has no limit.
            rates: Cache::builder()
                .max_capacity(REMEMBERED)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            runs: Cache::builder()
                .max_capacity(REMEMBERED)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(FORGOTTEN_AFTER)
                .build(),
        }
    }

    /// Takes a call out of every budget it belongs to.
    pub(super) fn take(
        &self,
        actor: &Actor,
        tool: &str,
        run: Option<&str>,
    ) -> Result<(), Box<Refusal>> {
        let budget = self.budget(actor);
        let run = run.map(|run| self.run(actor, run));
        if let Some(used) = &run {
            within(used, budget)?;
        }
        if let Some(limit) = budget.tools.get(tool) {
            let key = format!("{}\n{tool}", actor.principal.key());
            self.rate(key, *limit, &format!("calls of {tool} a minute"))?;
        }
        if let Some(limit) = budget.calls_per_minute {
            let key = actor.principal.key().to_owned();
            self.rate(key, limit, "calls a minute")?;
        }
        if let Some(used) = run {
            // Of two calls at once only one takes the last.
            let most = budget.calls_per_run.unwrap_or(u64::MAX);
            used.calls
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| {
                    (calls < most).then_some(calls + 1)
                })
                .map_err(|_| used_up(most, "calls"))?;
        }
        Ok(())
    }

    /// Takes what a call used out of its run's budget.
    pub(super) fn charge(&self, actor: &Actor, run: Option<&str>, took: Duration, bytes: u64) {
        let Some(run) = run else { return };
        let used = self.run(actor, run);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        used.millis.fetch_add(millis, Ordering::Relaxed);
        used.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn budget(&self, actor: &Actor) -> &BudgetConfig {
        self.config
            .callers
            .get(&*actor.name)
            .and_then(|caller| caller.budget.as_ref())
            .unwrap_or(&self.config.budgets)
    }

    fn run(&self, actor: &Actor, run: &str) -> Arc<Used> {
        let key = format!("{}\n{run}", actor.principal.key());
        self.runs.get_with(key, Arc::default)
    }

    fn rate(&self, key: String, limit: u32, what: &str) -> Result<(), Box<Refusal>> {
        let Some(limit) = NonZeroU32::new(limit) else {
            return Err(over(&format!("no {what} are allowed"), 0, None).into());
        };
        let limiter = self.rates.get_with(key, || {
            Arc::new(RateLimiter::direct(Quota::per_minute(limit)))
        });
        limiter.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            over(
                &format!("{limit} {what} are allowed"),
                u64::from(limit.get()),
                Some(wait),
            )
            .into()
        })
    }
}

fn within(used: &Used, budget: &BudgetConfig) -> Result<(), Box<Refusal>> {
    let checks = [
        (&used.calls, budget.calls_per_run, 1, "calls"),
        (
            &used.millis,
            budget.seconds_per_run,
            1_000,
            "seconds of server time",
        ),
        (&used.bytes, budget.bytes_per_run, 1, "bytes of results"),
    ];
    for (used, limit, unit, what) in checks {
        if let Some(limit) = limit
            && used.load(Ordering::Relaxed) >= limit.saturating_mul(unit)
        {
            return Err(used_up(limit, what).into());
        }
    }
    Ok(())
}

fn used_up(limit: u64, what: &str) -> Refusal {
    let what = format!("the budget of this run, {limit} {what}, is used up");
    over(&what, limit, None)
}

fn over(what: &str, limit: u64, wait: Option<Duration>) -> Refusal {
    let seconds = wait.map(|wait| wait.as_secs() + 1);
    let next = match seconds {
        Some(seconds) => format!("try again in {seconds} s"),
        None => "whoever configured the hub can raise it under `budgets`".into(),
    };
    Refusal {
        kind: RefusalKind::OverBudget,
        message: format!("{what}: {next}"),
        details: json!({"limit": limit, "retry_after_seconds": seconds}),
    }
}

#[cfg(test)]
mod tests {
    use mcp_service::Principal;

    use super::*;

    fn limits(budget: BudgetConfig) -> Limits {
        Limits::new(Arc::new(Config {
            budgets: budget,
            ..Config::default()
        }))
    }

    fn actor(key: &str) -> Actor {
        Actor {
            principal: Principal::new(key),
            ..Actor::local()
        }
    }

    #[test]
    fn each_caller_has_its_own_minute() {
        let limits = limits(BudgetConfig {
            calls_per_minute: Some(3),
            ..BudgetConfig::default()
        });
        let passed = |who: &Actor| {
            (0..5)
                .filter(|_| limits.take(who, "t", None).is_ok())
                .count()
        };
        assert_eq!(passed(&actor("a")), 3);
        assert_eq!(passed(&actor("b")), 3);
        let refusal = limits.take(&actor("a"), "t", None).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::OverBudget);
        assert!(
            refusal.message.contains("try again in"),
            "{}",
            refusal.message
        );
    }

    #[test]
    fn a_tool_has_its_own_minute() {
        let limits = limits(BudgetConfig {
            tools: [("slow".to_owned(), 1)].into(),
            ..BudgetConfig::default()
        });
        let who = actor("a");
        assert!(limits.take(&who, "slow", None).is_ok());
        assert!(limits.take(&who, "slow", None).is_err());
        assert!(limits.take(&who, "quick", None).is_ok());
    }

    #[test]
    fn calls_at_once_share_the_budget_of_their_run() {
        let limits = limits(BudgetConfig {
            calls_per_run: Some(1_000),
            ..BudgetConfig::default()
        });
        let who = actor("a");
        let passed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..500)
                            .filter(|_| limits.take(&who, "t", Some("one")).is_ok())
                            .count()
                    })
                })
                .collect();
            let passed = threads.into_iter().map(|thread| thread.join().unwrap());
            passed.sum::<usize>()
        });
        assert_eq!(passed, 1_000);
    }

    #[test]
    fn the_newest_run_is_bounded_however_many_there_were() {
        let limits = limits(BudgetConfig {
            calls_per_run: Some(1),
            ..BudgetConfig::default()
        });
        let who = actor("a");
        for run in 0..REMEMBERED + 100 {
            assert!(limits.take(&who, "t", Some(&run.to_string())).is_ok());
        }
        for run in 0..100 {
            let run = format!("late {run}");
            assert!(limits.take(&who, "t", Some(&run)).is_ok());
            limits.runs.run_pending_tasks();
            assert!(limits.take(&who, "t", Some(&run)).is_err(), "{run}");
        }
    }

    #[test]
    fn a_run_ends_with_its_budget() {
        let limits = limits(BudgetConfig {
            calls_per_run: Some(2),
            bytes_per_run: Some(1_000),
            seconds_per_run: Some(10),
            ..BudgetConfig::default()
        });
        let who = actor("a");
        assert!(limits.take(&who, "t", Some("one")).is_ok());
        assert!(limits.take(&who, "t", Some("one")).is_ok());
        assert!(limits.take(&who, "t", Some("one")).is_err());
        assert!(limits.take(&who, "t", Some("two")).is_ok());
        limits.charge(&who, Some("two"), Duration::from_secs(1), 1_000);
        assert!(limits.take(&who, "t", Some("two")).is_err());
        limits.charge(&who, Some("three"), Duration::from_secs(10), 1);
        assert!(limits.take(&who, "t", Some("three")).is_err());
        // The same name of a run is another run for another caller.
        assert!(limits.take(&actor("b"), "t", Some("one")).is_ok());
    }
}
