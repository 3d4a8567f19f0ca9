//! The process's figures, in the Prometheus text format.
//!
//! Invariant: labels come from closed sets (methods, statuses, tool names of the list), never from
//! what a caller typed.

use std::sync::{Arc, Mutex, atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// The registry and the figures every server has.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    connections: Gauge,
    in_flight: Gauge,
    refused: Family<ReasonLabels, Counter>,
    started: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabels {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A fresh registry with the figures of HTTP serving.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations = Family::new_with_constructor(buckets as fn() -> Histogram);
        let (connections, in_flight) = (Gauge::default(), Gauge::default());
        let refused = Family::default();
        let started = Gauge::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the request's head to the answer's head",
            durations.clone(),
        );
        registry.register("http_connections", "Open connections", connections.clone());
        registry.register(
            "http_requests_in_flight",
            "Requests at work",
            in_flight.clone(),
        );
        registry.register(
            "http_refused",
            "Requests refused before any work",
            refused.clone(),
        );
        registry.register(
            "process_start_time_seconds",
            "When the process started, in seconds of the Unix epoch",
            started.clone(),
        );
        Self(Arc::new(Inner {
            registry: Mutex::new(registry),
            requests,
            durations,
            connections,
            in_flight,
            refused,
            started,
        }))
    }

    /// Adds the program's own figures.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self
            .0
            .registry
            .lock()
            .expect("no code panics while holding the registry"));
    }

    /// Everything in the Prometheus (OpenMetrics) text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self
            .0
            .registry
            .lock()
            .expect("no code panics while holding the registry");
        encode(&mut text, &registry).expect("writing to a string does not fail");
        text
    }

    pub(crate) fn answered(&self, route: &'static str, status: u16, seconds: f64) {
        self.0
            .requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
        self.0
            .durations
            .get_or_create(&RouteLabels { route })
            .observe(seconds);
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.0.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn connections(&self) -> &Gauge {
        &self.0.connections
    }

    pub(crate) fn in_flight(&self) -> &Gauge {
        &self.0.in_flight
    }

    pub(crate) fn started(&self, seconds: f64) {
        self.0.started.set(seconds);
    }
}

fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
}
