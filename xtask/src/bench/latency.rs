//! How long tools take when every call to Google takes long.
//!
//! A tool's time is its longest chain of calls that depend on each other, not their sum. The
//! chains stand here; a tool that is not in the table is a failure.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use testkit::Mcp;

use super::Figure;

/// The latency of every call to Google.
pub(super) const INJECTED: Duration = Duration::from_millis(100);

/// How much longer than its chain a tool may take.
const BOUND: f64 = 1.15;

/// Of several runs the fastest counts: neighbours only ever add.
const RUNS: usize = 5;

pub(super) async fn measure(mcp: &Mcp) -> anyhow::Result<Vec<Figure>> {
    let listed = mcp.request("tools/list", json!({})).await?;
    let names = listed["result"]["tools"].as_array().context("no tools")?;
    let cases = cases(mcp).await?;
    let mut figures = Vec::new();
    for name in names.iter().filter_map(|tool| tool["name"].as_str()) {
        if matches!(name, "start_google_auth" | "list_google_accounts") {
            continue;
        }
        let Some((_, chain, arguments)) = cases.iter().find(|(tool, ..)| *tool == name) else {
            bail!("{name} is not in the table of chains in xtask/src/bench/latency.rs");
        };
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS {
            let started = Instant::now();
            mcp.call(name, arguments.clone()).await?;
            fastest = fastest.min(started.elapsed().as_secs_f64());
        }
        let ideal = INJECTED.as_secs_f64() * f64::from(*chain);
        figures.push(Figure {
            name: format!("{name}: time / {chain} dependent calls"),
            value: fastest / ideal,
            unit: "×",
            bound: Some(BOUND),
        });
    }
    Ok(figures)
}

type Case = (&'static str, u8, Value);

/// Each tool's longest chain of dependent calls, and arguments that walk it.
async fn cases(mcp: &Mcp) -> anyhow::Result<Vec<Case>> {
    let _ = mcp;
    Ok(Vec::new())
}
