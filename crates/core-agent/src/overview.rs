//! How the hub and its servers are doing, put together from what running processes wrote down.
//!
//! Not asked of a running hub: it works beside one, after one, and without one.
//! Invariant: reading it starts and changes nothing.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use foundation::{Clock, SystemClock};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    alerts::{self, Alert},
    app::loaded,
    approvals::Approvals,
    commands::Common,
    config::Config,
    journal::{self, Health, OpenCall, ServerFigures},
    store::Store,
    upstream::kept_statuses,
};

/// Where to look.
pub struct Overview {
    config: Arc<Config>,
    store: Store,
    state: PathBuf,
    clock: Arc<dyn Clock>,
}

/// How everything was doing at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// Minutes the figures are of.
    pub minutes: u32,
    /// Approvals that wait for a person.
    pub approvals_waiting: u64,
    /// The alerts that fire in running hubs, the worst first.
    pub alerts: Vec<Alert>,
    /// The servers, by name.
    pub servers: Vec<ServerLine>,
    /// The last calls, newest first.
    pub calls: Vec<OpenCall>,
}

/// One server.
#[derive(Clone, Debug, Serialize)]
pub struct ServerLine {
    /// Its name.
    pub server: String,
    /// Where it was in its life when it was last heard of.
    pub state: String,
    /// How it does.
    pub health: Health,
    /// Its circuit, when it is not closed.
    pub breaker: Option<String>,
    /// Calls at work.
    pub in_flight: u64,
    /// Its process.
    pub pid: Option<u32>,
    /// How often it was started.
    pub starts: u64,
    /// What was counted.
    #[serde(flatten)]
    pub figures: ServerFigures,
    /// The part of the calls that failed.
    pub error_rate: f64,
    /// The last failure.
    pub fault: Option<String>,
}

impl Overview {
    /// Looks where the command line says.
    pub fn open(common: &Common) -> anyhow::Result<Self> {
        let (loaded, _) = loaded(common)?;
        let state = loaded
            .state_folder()
            .context("the folder of everything kept cannot be made: name another with --state")?;
        Ok(Self {
            store: Store::open(&state.join("core-agent.db"))?,
            config: loaded.config.clone(),
            state,
            clock: Arc::new(SystemClock),
        })
    }

    /// The folder of everything kept.
    pub fn state(&self) -> &std::path::Path {
        &self.state
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The records of approvals.
    pub fn approvals(&self) -> Approvals {
        Approvals::new(
            self.store.clone(),
            self.config.policy.approval_minutes,
            self.clock.clone(),
            Arc::new(foundation::SystemRandom),
        )
    }

    /// The audit.
    pub fn audit(&self) -> journal::Audit {
        journal::Audit::new(self.store.clone(), self.clock.clone())
    }

    /// How everything is doing, with figures of the last `minutes`.
    pub fn snapshot(&self, minutes: u32, calls: usize) -> anyhow::Result<Snapshot> {
        let at = self.clock.now();
        let since = at.as_millisecond() - i64::from(minutes) * 60_000;
        let mut figures = journal::figures(&self.store, since)?;
        let kept = kept_statuses(&self.store)?;
        let circuits = self.circuits()?;
        let servers = self
            .config
            .servers
            .iter()
            .map(|(name, config)| {
                let name = name.as_str();
                let kept = kept.iter().find(|kept| kept.server == name);
                let figures = figures
                    .iter()
                    .position(|figures| figures.server == name)
                    .map_or_else(
                        || ServerFigures {
                            server: name.to_owned(),
                            ..ServerFigures::default()
                        },
                        |at| figures.swap_remove(at),
                    );
                let breaker = circuits
                    .iter()
                    .find(|(server, state)| server == name && state != "closed")
                    .map(|(_, state)| state.clone());
                let health = match breaker.as_deref() {
                    Some("open") => Health::Unhealthy,
                    _ => figures.health(),
                };
                ServerLine {
                    server: name.to_owned(),
                    state: match kept {
                        _ if !config.enabled => "disabled".into(),
                        Some(kept) => kept.state.clone(),
                        None => "configured".into(),
                    },
                    health,
                    breaker,
                    in_flight: kept.map_or(0, |kept| kept.in_flight),
                    pid: kept.and_then(|kept| kept.pid),
                    starts: kept.map_or(0, |kept| kept.starts),
                    error_rate: figures.error_rate(),
                    figures,
                    fault: kept.and_then(|kept| kept.fault.clone()),
                }
            })
            .collect();
        Ok(Snapshot {
            at,
            minutes,
            approvals_waiting: self.approvals().waiting()?,
            alerts: alerts::firing(&self.store, at.as_millisecond())?,
            servers,
            calls: journal::recent(&self.store, calls)?,
        })
    }

    /// The figures of every server and tool, of the last `minutes`.
    pub fn figures(&self, minutes: u32) -> anyhow::Result<Vec<journal::ToolFigures>> {
        let since = self.clock.now().as_millisecond() - i64::from(minutes) * 60_000;
        Ok(journal::tool_figures(&self.store, since)?)
    }

    /// The circuits as they were noted; one whose pause is over is no longer open, though nobody
    /// called since.
    fn circuits(&self) -> anyhow::Result<Vec<(String, String)>> {
        let pause = i64::try_from(self.config.calls.breaker_seconds.saturating_mul(1_000));
        let over = self.clock.now().as_millisecond() - pause.unwrap_or(i64::MAX / 2);
        Ok(self.store.read(|db| {
            db.prepare_cached(
                "SELECT server, CASE WHEN breaker = 'open' AND at < ?1 THEN 'half_open'
                   ELSE breaker END FROM server_health",
            )?
            .query_map([over], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
        })?)
    }
}

impl Alert {
    /// The alert in one line, for people.
    pub fn line(&self) -> String {
        let of = [self.server.as_deref(), self.tool.as_deref()];
        let of = of.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let since = Timestamp::from_millisecond(self.since)
            .map_or_else(|_| String::new(), |since| format!(" since {since:.0}"));
        format!(
            "ALERT {} {}{}{of}: {:.2} is above {}{since}",
            self.severity.name(),
            self.metric.name(),
            if of.is_empty() { "" } else { " of " },
            self.value,
            self.above
        )
    }
}

impl Snapshot {
    /// The column heads of [`ServerLine::cells`].
    pub const HEADS: [&'static str; 9] = [
        "SERVER", "STATE", "HEALTH", "CIRCUIT", "CALLS", "ERRORS", "P50", "P95", "AT WORK",
    ];
}

impl ServerLine {
    /// The line as texts, one for each of [`Snapshot::HEADS`].
    pub fn cells(&self) -> [String; 9] {
        let figures = &self.figures;
        [
            self.server.clone(),
            self.state.clone(),
            self.health.name().to_owned(),
            self.breaker.clone().unwrap_or_else(|| "closed".into()),
            figures.calls.to_string(),
            format!("{:.1} %", self.error_rate * 100.0),
            format!("{} ms", figures.p50_ms),
            format!("{} ms", figures.p95_ms),
            self.in_flight.to_string(),
        ]
    }
}

/// Rows as lines, the columns under one another.
pub fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = heads.map(|head| head.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (cell, width) in cells.into_iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        line.trim_end().to_owned()
    };
    std::iter::once(line(heads))
        .chain(
            rows.iter()
                .map(|row| line(row.each_ref().map(String::as_str))),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_one_another() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["äbc".to_owned(), "22".to_owned()],
        ];
        assert_eq!(table(["X", "N"], &rows), ["X    N", "a    1", "äbc  22"]);
    }
}
