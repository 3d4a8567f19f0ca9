//! One record and one count per tool call, and per file read by reference.

use std::{sync::Arc, time::Duration};

use mcp_service::{Answer, Metrics, telemetry};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
};

/// What happened, for the log and the figures.
pub(super) struct Record {
    pub tool: &'static str,
    pub account: Option<String>,
    pub duration: Duration,
}

/// Counts of tool calls.
#[derive(Clone)]
pub struct CallMetrics(Arc<Inner>);

struct Inner {
    calls: Family<CallLabels, Counter>,
    durations: Family<ToolLabels, Histogram>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CallLabels {
    tool: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ToolLabels {
    tool: &'static str,
}

impl CallMetrics {
    /// Registers the figures with `metrics`.
    pub fn register(metrics: &Metrics) -> Self {
        let calls = Family::<CallLabels, Counter>::default();
        let durations = Family::<ToolLabels, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.001, 2.0, 16))
        });
        metrics.register(|registry| {
            registry.register("tool_calls", "Tool calls by outcome", calls.clone());
            registry.register(
                "tool_call_duration_seconds",
                "Time from a call to its answer",
                durations.clone(),
            );
        });
        Self(Arc::new(Inner { calls, durations }))
    }
}

impl Record {
    pub(super) fn write(&self, outcome: &'static str, metrics: &CallMetrics) {
        let milliseconds = self.duration.as_millis();
        let account = self.account.as_deref().unwrap_or("none");
        tracing::info!(
            tool_name = self.tool,
            user_email = account,
            duration_ms = u64::try_from(milliseconds).unwrap_or(u64::MAX),
            success = outcome == "success",
            "{}",
            telemetry::tool_line(self.tool, account, milliseconds, outcome)
        );
        let labels = CallLabels {
            tool: self.tool,
            outcome,
        };
        metrics.0.calls.get_or_create(&labels).inc();
        let labels = ToolLabels { tool: self.tool };
        metrics
            .0
            .durations
            .get_or_create(&labels)
            .observe(self.duration.as_secs_f64());
    }
}

/// The word for an answer in records and figures.
pub(super) fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Result(result) if result.is_error => "failed",
        Answer::Result(_) => "success",
        Answer::Ask(_) => "asked",
        Answer::UnknownTool { .. } | Answer::InvalidParams(_) | Answer::Error(_) => "refused",
        Answer::Http(_) => "unauthorized",
    }
}
