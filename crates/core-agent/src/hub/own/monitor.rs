//! `monitor_agent_performance`: what the journal measured lately.
//!
//! Invariant: every figure is counted from records of real calls; where there are none it says so.

use futures::future::BoxFuture;
use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{
    Effect, Own, Run,
    arguments::{Arguments, Wrong, wrong},
    discover::share,
};
use crate::{
    hub::{
        Hub,
        results::{data, failure},
        visit::Visit,
    },
    journal::{ServerFigures, figures},
    upstream::ServerState,
};

/// The windows, in milliseconds.
const WINDOWS: [(&str, i64); 4] = [
    ("1h", 3_600_000),
    ("24h", 86_400_000),
    ("7d", 7 * 86_400_000),
    ("30d", 30 * 86_400_000),
];
/// From this share of failed calls on a server is worth a warning.
const WARN_RATE: f64 = 0.1;
/// From this share on it is not healthy.
const BAD_RATE: f64 = 0.5;

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

fn run<'a>(
    hub: &'a Hub,
    _visit: &'a Visit,
    arguments: Map<String, Value>,
) -> BoxFuture<'a, CallToolResult> {
    Box::pin(async move {
        hub.options.journal.flush().await;
        monitor(hub, &Arguments::new(arguments)).unwrap_or_else(|wrong| *wrong)
    })
}

fn monitor(hub: &Hub, arguments: &Arguments) -> Result<CallToolResult, Wrong> {
    let spellings = ["time_window", "time_range", "timeWindow", "timeRange"];
    let wanted = arguments.text(&spellings)?.unwrap_or("24h");
    let (window, milliseconds) = WINDOWS
        .into_iter()
        .find(|(name, _)| *name == wanted)
        .ok_or_else(|| wrong(&spellings, "1h, 24h, 7d or 30d"))?;
    let details = arguments.truth(&["include_detailed_metrics", "includeDetailedMetrics"])?;
    let trends = arguments.truth(&["include_trends", "includeTrends"])?;
    let now = hub.options.clock.now().as_millisecond();
    let read = |since| {
        figures(&hub.options.store, since).map_err(|error| {
            Box::new(failure(
                &format!("the journal cannot be read: {error}"),
                "JOURNAL_UNREADABLE",
                &["try again in a moment"],
                Value::Null,
            ))
        })
    };
    let all = read(now - milliseconds)?;
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
        "health": health(hub, &all),
        "timestamp": hub.options.clock.now().to_string(),
    });
    if sum.calls == 0 {
        value["note"] = json!("nothing was called in this window, so there is nothing to measure");
    }
    if details {
        value["servers"] = json!(all);
        value["tools"] = json!(tools(hub));
    }
    if trends {
        let later = total(&read(now - milliseconds / 2)?);
        value["trends"] = trend(&sum, &later);
    }
    Ok(data(value))
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

fn health(hub: &Hub, all: &[ServerFigures]) -> Value {
    let mut servers = Map::new();
    let mut alerts = Vec::new();
    for name in hub.options.servers.names() {
        let state = hub.options.servers.status(&name).map(|status| status.state);
        let rate = all
            .iter()
            .find(|one| one.server == name.as_str())
            .map(ServerFigures::error_rate);
        let word = match (state, rate) {
            (Some(ServerState::Disabled), _) => continue,
            (
                Some(ServerState::Failed | ServerState::SignInRequired | ServerState::NotApproved),
                _,
            ) => "unhealthy",
            (_, Some(rate)) if rate > BAD_RATE => "unhealthy",
            (_, Some(rate)) if rate > WARN_RATE => "degraded",
            (Some(ServerState::Ready), _) | (_, Some(_)) => "healthy",
            _ => "unknown",
        };
        if let Some(rate) = rate.filter(|rate| *rate > WARN_RATE) {
            alerts.push(json!({
                "severity": if rate > BAD_RATE { "critical" } else { "warning" },
                "server": name,
                "what": format!("{:.0} % of its calls failed", rate * 100.0),
            }));
        }
        servers.insert(
            name.to_string(),
            json!({ "health": word, "state": state, "error_rate": rate }),
        );
    }
    let overall = ["unhealthy", "degraded", "healthy"]
        .into_iter()
        .find(|word| servers.values().any(|server| server["health"] == *word))
        .unwrap_or("unknown");
    json!({ "overall": overall, "servers": servers, "alerts": alerts })
}

fn tools(hub: &Hub) -> Vec<Value> {
    let mut all: Vec<_> = hub.tool_stats().into_values().collect();
    all.sort_by(|one, other| other.calls.cmp(&one.calls).then(one.tool.cmp(&other.tool)));
    all.iter()
        .take(50)
        .map(|stats| {
            let mut value = super::discover::performance_of(stats);
            value["tool"] = json!(stats.tool);
            value
        })
        .collect()
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
