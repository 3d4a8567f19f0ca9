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
use moka::sync::Cache;
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
            rates: Cache::new(REMEMBERED),
            runs: Cache::builder()
                .max_capacity(REMEMBERED)
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
            used.calls.fetch_add(1, Ordering::Relaxed);
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
            return Err(over(
                &format!("the budget of this run, {limit} {what}, is used up"),
                limit,
                None,
            )
            .into());
        }
    }
    Ok(())
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
