//! Calls of a client that behaves, while others do not.
//!
//! Invariant: neighbours on the machine that are busy for a moment spoil a round, not the figure,
//! which is the median of the rounds.

use std::time::Instant;

use serde_json::json;
use testkit::Mcp;

/// Calls in a round.
const CALLS: usize = 400;

/// The seconds that one call in a hundred takes longer than, in one round.
pub(super) async fn slowest_percent(mcp: &Mcp) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let started = Instant::now();
        mcp.call("list_gmail_labels", json!({})).await?;
        times.push(started.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[CALLS * 99 / 100])
}

/// The p99 of the usual one of so many rounds, in seconds.
pub(super) async fn usual(mcp: &Mcp, count: usize) -> anyhow::Result<f64> {
    let mut rounds = Vec::with_capacity(count);
    for _ in 0..count {
        rounds.push(slowest_percent(mcp).await?);
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds[count / 2])
}
