//! Figures of calls, for Prometheus.
//!
//! Invariant: labels come from closed sets and names of configured servers.

use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use mcp_service::Metrics;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
    },
};

use crate::upstream::Servers;

/// The figures. Clones share them.
#[derive(Clone)]
pub struct CallMetrics {
    pub(crate) calls: Family<CallLabels, Counter>,
    pub(crate) durations: Family<ServerLabel, Histogram>,
    pub(crate) in_flight: Family<ServerLabel, Gauge>,
    pub(crate) retries: Family<ServerLabel, Counter>,
    pub(crate) hedges: Family<ServerLabel, Counter>,
    pub(crate) fallbacks: Family<ServerLabel, Counter>,
    pub(crate) cache: Family<CacheLabels, Counter>,
    pub(crate) breaker: Family<ServerLabel, Gauge>,
    pub(crate) approvals_waiting: Gauge,
    pub(crate) alerts: Family<AlertLabels, Counter>,
    pub(crate) alerts_firing: Family<AlertLabels, Gauge>,
    watched: Arc<OnceLock<Watched>>,
}

/// What is looked up when the figures are asked for.
struct Watched {
    servers: Weak<dyn Servers>,
    records_dropped: Arc<AtomicU64>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(crate) struct CallLabels {
    pub(crate) server: String,
    pub(crate) access: &'static str,
    pub(crate) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(crate) struct ServerLabel {
    pub(crate) server: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(crate) struct CacheLabels {
    pub(crate) server: String,
    pub(crate) found: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(crate) struct AlertLabels {
    pub(crate) metric: &'static str,
    pub(crate) severity: &'static str,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            durations: Family::new_with_constructor(buckets as fn() -> Histogram),
            in_flight: Family::default(),
            retries: Family::default(),
            hedges: Family::default(),
            fallbacks: Family::default(),
            cache: Family::default(),
            breaker: Family::default(),
            approvals_waiting: Gauge::default(),
            alerts: Family::default(),
            alerts_firing: Family::default(),
            watched: Arc::new(OnceLock::new()),
        }
    }
}

impl CallMetrics {
    /// Registers the figures with `metrics`.
    pub fn register(metrics: &Metrics) -> Self {
        let figures = Self::default();
        let own = figures.clone();
        metrics.register(|registry| {
            registry.register("agent_calls", "Calls of tools", own.calls.clone());
            registry.register(
                "agent_call_duration_seconds",
                "Time of a call, waiting and repetitions included",
                own.durations.clone(),
            );
            registry.register(
                "agent_calls_in_flight",
                "Calls at work",
                own.in_flight.clone(),
            );
            registry.register(
                "agent_retries",
                "Requests sent again after a failure",
                own.retries.clone(),
            );
            registry.register(
                "agent_hedges",
                "Reads sent a second time to be quicker",
                own.hedges.clone(),
            );
            registry.register(
                "agent_fallbacks",
                "Calls for which another tool was used",
                own.fallbacks.clone(),
            );
            registry.register(
                "agent_cache",
                "Reads that were looked for in the cache",
                own.cache.clone(),
            );
            registry.register(
                "agent_breaker",
                "The circuit of a server: 0 closed, 1 half open, 2 open",
                own.breaker.clone(),
            );
            registry.register(
                "agent_approvals_waiting",
                "Approvals that wait for a person",
                own.approvals_waiting.clone(),
            );
            registry.register("agent_alerts", "Alerts that were said", own.alerts.clone());
            registry.register(
                "agent_alerts_firing",
                "Alerts that fire",
                own.alerts_firing.clone(),
            );
            registry.register_collector(Box::new(Seen(own.watched.clone())));
        });
        figures
    }

    /// Says whose states are told, and where dropped records are counted.
    pub(crate) fn watch(&self, servers: &Arc<dyn Servers>, records_dropped: Arc<AtomicU64>) {
        let _ = self.watched.set(Watched {
            servers: Arc::downgrade(servers),
            records_dropped,
        });
    }
}

impl fmt::Debug for CallMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallMetrics")
    }
}

/// Tells what is looked up.
struct Seen(Arc<OnceLock<Watched>>);

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.states(&mut encoder)?;
        let dropped = self
            .0
            .get()
            .map_or(0, |watched| watched.records_dropped.load(Ordering::Relaxed));
        let dropped = ConstCounter::new(dropped);
        let about = "Records of calls that were dropped because the database did not keep up";
        let metric = encoder.encode_descriptor(
            "agent_records_dropped",
            about,
            None,
            dropped.metric_type(),
        )?;
        dropped.encode(metric)?;
        process(&mut encoder)
    }
}

impl Seen {
    fn states(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(servers) = self.0.get().and_then(|watched| watched.servers.upgrade()) else {
            return Ok(());
        };
        let kind = ConstGauge::new(0_i64).metric_type();
        let about = "The state a server is in";
        let mut family = encoder.encode_descriptor("agent_server_state", about, None, kind)?;
        for name in servers.names() {
            let Some(status) = servers.status(&name) else {
                continue;
            };
            let state = serde_json::to_value(status.state).unwrap_or_default();
            let labels = [
                ("server", name.as_str()),
                ("state", state.as_str().unwrap_or("unknown")),
            ];
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Memory and processor time of this process, where the system tells.
fn process(encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return Ok(());
    };
    // The program's name may have spaces and stands in parentheses.
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return Ok(());
    };
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    if let (Some(user), Some(system)) = (number(11), number(12)) {
        let ticks = f64::from(ticks_per_second());
        let seconds = ConstCounter::new((f64::from(user) + f64::from(system)) / ticks);
        let about = "Processor time of this process";
        let metric =
            encoder.encode_descriptor("process_cpu_seconds", about, None, seconds.metric_type())?;
        seconds.encode(metric)?;
    }
    if let Some(bytes) = resident_bytes() {
        let bytes = ConstGauge::new(bytes);
        let about = "Resident memory of this process";
        let metric = encoder.encode_descriptor(
            "process_resident_memory_bytes",
            about,
            None,
            bytes.metric_type(),
        )?;
        bytes.encode(metric)?;
    }
    Ok(())
}

/// Bytes this process has in memory, where the system tells.
pub(crate) fn resident_bytes() -> Option<i64> {
    let sizes = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = sizes.split_whitespace().nth(1)?.parse().ok()?;
    let page = i64::try_from(rustix::param::page_size()).ok()?;
    Some(pages.saturating_mul(page))
}

fn ticks_per_second() -> u32 {
    u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100)
}

fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rendered() {
        let metrics = Metrics::new();
        let figures = CallMetrics::register(&metrics);
        let labels = CallLabels {
            server: "s".into(),
            access: "read",
            outcome: "ok",
        };
        figures.calls.get_or_create(&labels).inc();
        let text = metrics.render();
        assert!(
            text.contains(r#"agent_calls_total{server="s",access="read",outcome="ok"} 1"#),
            "{text}"
        );
        assert!(text.contains("agent_records_dropped_total 0"));
        #[cfg(target_os = "linux")]
        assert!(
            text.contains("process_resident_memory_bytes ")
                && text.contains("process_cpu_seconds_total ")
        );
    }
}
