//! Looks at the figures again and again, and says which alerts fire.
//!
//! Not the decision: that is [`judge`]'s. Invariant: looking asks no server anything.

use std::{sync::Arc, time::Duration};

use rusqlite::params;
use tokio_util::sync::CancellationToken;

use super::judge::{Alert, Event, Observation, Standing, defaults, judge};
use crate::{
    approvals::Approvals,
    config::{AlertConfig, AlertMetric, AlertSeverity, Config},
    journal::{self, ServerFigures},
    metrics::{AlertLabels, CallMetrics, resident_bytes},
    pipeline::{BreakerState, Pipeline},
    store::{Store, StoreError},
    upstream::{ServerState, Servers},
};

const EVERY: Duration = Duration::from_secs(15);
/// The figures are of so many milliseconds.
const WINDOW: i64 = 5 * 60_000;
/// Calls below which a rate or a percentile says nothing.
const FEWEST: u64 = 5;
/// Milliseconds after which a process that said that an alert fires is taken to be gone.
const STALE: i64 = 60_000;

/// What is looked at.
pub struct Watch {
    /// The configuration.
    pub config: Arc<Config>,
    /// The servers.
    pub servers: Arc<dyn Servers>,
    /// The way of every call.
    pub pipeline: Arc<Pipeline>,
    /// What persons decided.
    pub approvals: Approvals,
    /// The database.
    pub store: Store,
    /// The figures of this process.
    pub metrics: CallMetrics,
    /// The time of day.
    pub clock: Arc<dyn foundation::Clock>,
    /// A name of this process that no other has.
    pub instance: String,
}

impl Watch {
    /// Looks until told to end.
    pub async fn run(self, ended: CancellationToken) {
        self.run_every(EVERY, ended).await;
    }

    pub(crate) async fn run_every(self, every: Duration, ended: CancellationToken) {
        let rules = self.config.alerts.clone().unwrap_or_else(defaults);
        let mut standing = Standing::default();
        while !rules.is_empty() {
            tokio::select! {
                () = ended.cancelled() => break,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.look(&rules, &mut standing).await {
                tracing::warn!(%error, "the figures for alerts could not be read or written");
            }
        }
        if let Err(error) = self.write(Vec::new(), 0).await {
            tracing::debug!(%error, "the alerts of this process could not be taken away");
        }
    }

    async fn look(&self, rules: &[AlertConfig], standing: &mut Standing) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        let before = standing.firing();
        for event in judge(rules, &self.seen(now)?, standing, now) {
            self.say(&event);
        }
        let firing = standing.firing();
        for alert in before.iter().chain(&firing) {
            self.metrics
                .alerts_firing
                .get_or_create(&labels(alert))
                .set(0);
        }
        for alert in &firing {
            self.metrics
                .alerts_firing
                .get_or_create(&labels(alert))
                .inc();
        }
        if before.is_empty() && firing.is_empty() {
            return Ok(());
        }
        self.write(firing, now).await
    }

    fn seen(&self, now: i64) -> Result<Vec<Observation>, StoreError> {
        let mut seen = Vec::new();
        let mut see = |metric, server: Option<&str>, tool: Option<&str>, value| {
            seen.push(Observation {
                metric,
                server: server.map(Into::into),
                tool: tool.map(Into::into),
                value,
            });
        };
        for of in &journal::tool_figures(&self.store, now - WINDOW)? {
            let figures = &of.figures;
            if sent(figures) < FEWEST {
                continue;
            }
            let tool = Some(of.tool.as_str()).filter(|tool| !tool.is_empty());
            let server = Some(figures.server.as_str());
            see(AlertMetric::ErrorRate, server, tool, figures.error_rate());
            let seconds = Duration::from_millis(figures.p95_ms).as_secs_f64();
            see(AlertMetric::ResponseSeconds, server, tool, seconds);
        }
        for name in self.servers.names() {
            let server = Some(name.as_str());
            let open = self.pipeline.server_status(&name).breaker == BreakerState::Open;
            see(
                AlertMetric::BreakerOpen,
                server,
                None,
                f64::from(u8::from(open)),
            );
            let status = self.servers.status(&name);
            let down = status.is_some_and(|status| status.state == ServerState::Failed);
            see(
                AlertMetric::ServerDown,
                server,
                None,
                f64::from(u8::from(down)),
            );
        }
        let waiting = u32::try_from(self.approvals.waiting()?).unwrap_or(u32::MAX);
        see(
            AlertMetric::ApprovalsWaiting,
            None,
            None,
            f64::from(waiting),
        );
        if let Some(bytes) = resident_bytes() {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a process has no 2^52 bytes in memory"
            )]
            let megabytes = bytes as f64 / 1_000_000.0;
            see(AlertMetric::MemoryMb, None, None, megabytes);
        }
        Ok(seen)
    }

    fn say(&self, event: &Event) {
        match event {
            Event::Fires(alert) => {
                self.metrics.alerts.get_or_create(&labels(alert)).inc();
                let (metric, severity) = (alert.metric.name(), alert.severity.name());
                let (server, tool) = (alert.server.as_deref(), alert.tool.as_deref());
                let (value, above) = (alert.value, alert.above);
                if alert.severity >= AlertSeverity::High {
                    tracing::error!(metric, severity, server, tool, value, above, "ALERT");
                } else {
                    tracing::warn!(metric, severity, server, tool, value, above, "ALERT");
                }
            }
            Event::Over(alert) => tracing::info!(
                metric = alert.metric.name(),
                severity = alert.severity.name(),
                server = alert.server.as_deref(),
                tool = alert.tool.as_deref(),
                "ALERT is over"
            ),
        }
    }

    /// Writes down what fires in this process, for other processes to see.
    async fn write(&self, firing: Vec<Alert>, now: i64) -> Result<(), StoreError> {
        let instance = self.instance.clone();
        self.store
            .write(move |tx| {
                tx.execute(
                    "DELETE FROM alerts WHERE instance = ?1 OR seen_at < ?2",
                    params![instance, now - STALE],
                )?;
                for alert in firing {
                    tx.execute(
                        "INSERT INTO alerts (instance, alert, seen_at) VALUES (?1, ?2, ?3)",
                        params![instance, serde_json::json!(alert).to_string(), now],
                    )?;
                }
                Ok(())
            })
            .await
    }
}

/// What fires in any running process at `now`, the worst first.
pub fn firing(store: &Store, now: i64) -> Result<Vec<Alert>, StoreError> {
    let rows: Vec<String> = store.read(|db| {
        db.prepare_cached("SELECT alert FROM alerts WHERE seen_at > ?1 ORDER BY seen_at, rowid")?
            .query_map(params![now - STALE], |row| row.get(0))?
            .collect()
    })?;
    let mut alerts: Vec<Alert> = Vec::new();
    for row in rows {
        let Ok(alert) = serde_json::from_str::<Alert>(&row) else {
            continue;
        };
        // Two processes that look at one journal see the same.
        let same = |known: &Alert| {
            (known.metric, known.severity, &known.server, &known.tool)
                == (alert.metric, alert.severity, &alert.server, &alert.tool)
        };
        if !alerts.iter().any(same) {
            alerts.push(alert);
        }
    }
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
    Ok(alerts)
}

fn labels(alert: &Alert) -> AlertLabels {
    AlertLabels {
        metric: alert.metric.name(),
        severity: alert.severity.name(),
    }
}

fn sent(figures: &ServerFigures) -> u64 {
    figures.calls.saturating_sub(figures.refused)
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fires_is_seen_by_others_while_it_is_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        let alert = |severity, server: &str| Alert {
            metric: AlertMetric::ServerDown,
            severity,
            server: Some(server.into()),
            tool: None,
            value: 1.0,
            above: 0.0,
            since: 7,
        };
        let rows = [
            ("one", alert(AlertSeverity::Low, "a")),
            ("one", alert(AlertSeverity::Critical, "b")),
            ("two", alert(AlertSeverity::Low, "a")),
        ];
        let written = store.write(move |tx| {
            for (instance, alert) in rows {
                let alert = serde_json::to_string(&alert).expect("an alert can be written");
                tx.execute(
                    "INSERT INTO alerts VALUES (?1, ?2, 1000)",
                    [instance, &alert],
                )?;
            }
            Ok(())
        });
        written.await.unwrap();
        let found = firing(&store, 2_000).unwrap();
        let servers: Vec<_> = found.iter().filter_map(|it| it.server.as_deref()).collect();
        assert_eq!(servers, ["b", "a"]);
        assert!(firing(&store, 2_000 + STALE).unwrap().is_empty());
    }
}
