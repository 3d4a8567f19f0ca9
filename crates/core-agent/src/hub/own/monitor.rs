//! `monitor_agent_performance`: what the journal measured lately.
//!
//! Invariant: every figure is counted from records of real calls; where there are none it says so.

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong, wrong},
    discover::share,
};
use crate::{
    alerts::{self, Alert},
    hub::{
        Hub,
        results::{data, failure},
        visit::Visit,
    },
    journal::{Health, ServerFigures, ToolFigures, tool_figures},
    store::Store,
    upstream::ServerState,
};

/// The windows, in milliseconds.
const WINDOWS: [(&str, i64); 4] = [
    ("1h", 3_600_000),
    ("24h", 86_400_000),
    ("7d", 7 * 86_400_000),
    ("30d", 30 * 86_400_000),
];
/// Tools whose figures are told, those called most.
const TOOLS: usize = 50;

pub(super) const TOOL: Own = Own {
    name: "monitor_agent_performance",
    description: "Measured calls, success rates, durations and health over a time window.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "time_window": { "type": "string", "enum": ["1h", "24h", "7d", "30d"] },
                "include_detailed_metrics": { "type": "boolean" },
                "include_trends": { "type": "boolean" }
            }
        })
    },
    effect: Effect::Looks,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, _: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move {
        hub.options.journal.flush().await;
        monitor(hub, &arguments).await
    })
}

async fn monitor(hub: &Hub, arguments: &Arguments) -> Result<CallToolResult, Wrong> {
    let spellings = ["time_window", "time_range", "timeWindow", "timeRange"];
    let wanted = arguments.text(&spellings)?.unwrap_or("24h");
    let (window, milliseconds) = WINDOWS
        .into_iter()
        .find(|(name, _)| *name == wanted)
        .ok_or_else(|| wrong(&spellings, "1h, 24h, 7d or 30d"))?;
    let details = arguments.truth(&["include_detailed_metrics", "includeDetailedMetrics"])?;
    let trends = arguments.truth(&["include_trends", "includeTrends"])?;
    let now = hub.options.clock.now().as_millisecond();
    let store = &hub.options.store;
    let (all, tools) = since(store, now - milliseconds).await?;
    let sum = total(&all);
    let mut value = json!({
        "success": true,
        "time_window": window,
        "executions": sum.calls,
        "success_rate": share(good(&sum), made(&sum)),
        "average_p50_ms": weighted(&all),
        "failed": sum.failed,
        "tool_errors": sum.tool_errors,
        "refused": sum.refused,
        "cached": sum.cached,
        "repeated": sum.repeated,
        "health": health(hub, &all, &alerts::firing(store, now).map_err(unreadable)?),
        "timestamp": hub.options.clock.now().to_string(),
    });
    if sum.calls == 0 {
        value["note"] = json!("nothing was called in this window, so there is nothing to measure");
    }
    if details {
        value["servers"] = json!(all);
        value["tools"] = json!(most_called(tools));
    }
    if trends {
        let (later, _) = since(store, now - milliseconds / 2).await?;
        value["trends"] = trend(&sum, &total(&later));
    }
    Ok(data(value))
}

/// The figures of the servers and those of their tools, of all calls kept since then.
async fn since(store: &Store, since: i64) -> Result<(Vec<ServerFigures>, Vec<ToolFigures>), Wrong> {
    let store = store.clone();
    // There may be as many calls as the journal keeps: not on a thread that serves others.
    let read = tokio::task::spawn_blocking(move || tool_figures(&store, since)).await;
    let all = read.map_err(unreadable)?.map_err(unreadable)?;
    let (servers, tools): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.tool.is_empty());
    Ok((servers.into_iter().map(|one| one.figures).collect(), tools))
}

fn total(all: &[ServerFigures]) -> ServerFigures {
    all.iter().fold(ServerFigures::default(), |mut sum, one| {
        sum.calls += one.calls;
        sum.failed += one.failed;
        sum.tool_errors += one.tool_errors;
        sum.cached += one.cached;
        sum.refused += one.refused;
        sum.repeated += one.repeated;
        sum
    })
}

fn made(figures: &ServerFigures) -> u64 {
    figures.calls.saturating_sub(figures.refused)
}

fn good(figures: &ServerFigures) -> u64 {
    made(figures).saturating_sub(figures.failed + figures.tool_errors)
}

/// The servers' medians, each counted by its calls; nothing without calls.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds and counts are far below 2^52"
)]
fn weighted(all: &[ServerFigures]) -> Option<f64> {
    let calls: u64 = all.iter().map(made).sum();
    let time: u64 = all.iter().map(|one| made(one) * one.p50_ms).sum();
    (calls > 0).then(|| (time as f64 / calls as f64).round())
}

fn health(hub: &Hub, all: &[ServerFigures], alerts: &[Alert]) -> Value {
    let mut servers = Map::new();
    for name in hub.options.servers.names() {
        let state = hub.options.servers.status(&name).map(|status| status.state);
        let figures = all.iter().find(|one| one.server == name.as_str());
        let measured = figures.map_or(Health::Unknown, ServerFigures::health);
        let health = match (state, measured) {
            (Some(ServerState::Disabled), _) => continue,
            (
                Some(ServerState::Failed | ServerState::SignInRequired | ServerState::NotApproved),
                _,
            ) => Health::Unhealthy,
            (Some(ServerState::Ready), Health::Unknown) => Health::Healthy,
            (_, measured) => measured,
        };
        let rate = figures.map(ServerFigures::error_rate);
        servers.insert(
            name.to_string(),
            json!({ "health": health, "state": state, "error_rate": rate }),
        );
    }
    let overall = [Health::Unhealthy, Health::Degraded, Health::Healthy]
        .into_iter()
        .find(|health| {
            servers
                .values()
                .any(|server| server["health"] == health.name())
        })
        .unwrap_or(Health::Unknown);
    json!({ "overall": overall, "servers": servers, "alerts": alerts })
}

/// The figures of the tools that were called most.
fn most_called(mut all: Vec<ToolFigures>) -> Vec<Value> {
    all.sort_by(|one, other| {
        let calls = other.figures.calls.cmp(&one.figures.calls);
        calls.then_with(|| one.tool.cmp(&other.tool))
    });
    all.iter()
        .take(TOOLS)
        .map(|one| {
            let figures = &one.figures;
            json!({
                "tool": one.tool,
                "server": figures.server,
                "calls": figures.calls,
                "success_rate": share(good(figures), made(figures)),
                "p50_ms": figures.p50_ms,
                "p95_ms": figures.p95_ms,
            })
        })
        .collect()
}

fn unreadable(error: impl std::fmt::Display) -> Wrong {
    Box::new(failure(
        &format!("the journal cannot be read: {error}"),
        "JOURNAL_UNREADABLE",
        &["try again in a moment"],
        Value::Null,
    ))
}

/// The later half of the window against the earlier half.
fn trend(all: &ServerFigures, later: &ServerFigures) -> Value {
    let earlier = ServerFigures {
        calls: all.calls.saturating_sub(later.calls),
        failed: all.failed.saturating_sub(later.failed),
        tool_errors: all.tool_errors.saturating_sub(later.tool_errors),
        refused: all.refused.saturating_sub(later.refused),
        ..ServerFigures::default()
    };
    let half = |figures: &ServerFigures| {
        json!({
            "executions": figures.calls,
            "success_rate": share(good(figures), made(figures)),
        })
    };
    json!({ "earlier_half": half(&earlier), "later_half": half(later) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_add_up() {
        let figures = |calls, failed, refused| ServerFigures {
            calls,
            failed,
            refused,
            ..ServerFigures::default()
        };
        let value = trend(&figures(10, 4, 2), &figures(4, 0, 0));
        assert_eq!(value["earlier_half"]["executions"], 6);
        assert_eq!(value["earlier_half"]["success_rate"], 0.0);
        assert_eq!(value["later_half"]["success_rate"], 1.0);
        let none = trend(&figures(0, 0, 0), &figures(0, 0, 0));
        assert!(none["later_half"]["success_rate"].is_null());
    }
}
