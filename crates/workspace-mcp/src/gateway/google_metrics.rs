//! Counts of calls to Google.

use google_api::CallRecord;
use mcp_service::Metrics;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

/// Counts of calls to Google.
#[derive(Clone, Default)]
pub struct GoogleMetrics {
    calls: Family<CallLabels, Counter>,
    attempts: Family<ApiLabels, Counter>,
    rate_limited: Family<ApiLabels, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CallLabels {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ApiLabels {
    api: &'static str,
}

impl GoogleMetrics {
    /// Registers the figures with `metrics`.
    pub fn register(metrics: &Metrics) -> Self {
        let figures = Self::default();
        metrics.register(|registry| {
            registry.register("google_api_calls", "Calls to Google", figures.calls.clone());
            registry.register(
                "google_api_attempts",
                "Requests sent to Google, repeats included",
                figures.attempts.clone(),
            );
            registry.register(
                "google_api_rate_limit",
                "Answers of Google that said to slow down",
                figures.rate_limited.clone(),
            );
        });
        figures
    }

    pub(crate) fn count(&self, call: &CallRecord) {
        let outcome = call.failure.map_or("success", foundation::Kind::name);
        let labels = CallLabels {
            method: call.method,
            outcome,
        };
        self.calls.get_or_create(&labels).inc();
        let api = ApiLabels { api: call.api };
        self.attempts
            .get_or_create(&api)
            .inc_by(u64::from(call.attempts));
        self.rate_limited
            .get_or_create(&api)
            .inc_by(u64::from(call.rate_limited));
    }
}
