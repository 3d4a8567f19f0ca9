//! What the journal says of the servers lately.
//!
//! Read by any process, running hub or not. Invariant: percentiles are of real durations, not of
//! steps.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::Serialize;

use crate::store::{Store, StoreError};

/// Calls read at once; others may read between.
const PAGE: i64 = 10_000;

/// One server's figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServerFigures {
    /// The server.
    pub server: String,
    /// Calls.
    pub calls: u64,
    /// Those in which the server failed, or whose outcome is unknown.
    pub failed: u64,
    /// Those with a result that says that the tool failed.
    pub tool_errors: u64,
    /// Those answered from the cache.
    pub cached: u64,
    /// Those that were not made.
    pub refused: u64,
    /// Requests sent beyond the first of a call.
    pub repeated: u64,
    /// Milliseconds half of them took at most.
    pub p50_ms: u64,
    /// Milliseconds 19 of 20 took at most.
    pub p95_ms: u64,
}

/// How a server does, in one word.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It answers.
    Healthy,
    /// More than one call in ten fails.
    Degraded,
    /// More than half of the calls fail, or its circuit is open.
    Unhealthy,
    /// It was not called lately.
    Unknown,
}

impl Health {
    /// The health of so many failures among so many calls.
    pub fn of(failed: u64, calls: u64) -> Self {
        match (failed, calls) {
            (_, 0) => Self::Unknown,
            (failed, calls) if failed * 2 > calls => Self::Unhealthy,
            (failed, calls) if failed * 10 > calls => Self::Degraded,
            _ => Self::Healthy,
        }
    }

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

impl ServerFigures {
    /// How the server does.
    pub fn health(&self) -> Health {
        Health::of(self.failed, self.calls.saturating_sub(self.refused))
    }

    /// The part of the calls that failed.
    pub fn error_rate(&self) -> f64 {
        let sent = self.calls.saturating_sub(self.refused);
        if sent == 0 {
            0.0
        } else {
            #[expect(clippy::cast_precision_loss, reason = "there are no 2^52 calls")]
            let rate = self.failed as f64 / sent as f64;
            rate
        }
    }
}

/// A call as it is listed for people.
#[derive(Clone, Debug, Serialize)]
pub struct OpenCall {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The server.
    pub server: String,
    /// The hub's name of the tool.
    pub tool: String,
    /// The caller.
    pub caller: String,
    /// How it ended, or `open`.
    pub state: String,
    /// The fault, if any.
    pub fault: Option<String>,
    /// Requests sent.
    pub attempts: i64,
    /// Milliseconds.
    pub ms: i64,
}

/// One tool's figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ToolFigures {
    /// The hub's name of the tool.
    pub tool: String,
    /// What was counted of it.
    #[serde(flatten)]
    pub figures: ServerFigures,
}

/// The figures of all servers called since `since`, in milliseconds since 1970, by name.
pub fn figures(store: &Store, since: i64) -> Result<Vec<ServerFigures>, StoreError> {
    let counted = counted(&rows(store, since)?, false);
    Ok(counted.into_iter().map(|tool| tool.figures).collect())
}

/// The same with those of each tool: a server's own, without a tool, before those of its tools.
pub fn tool_figures(store: &Store, since: i64) -> Result<Vec<ToolFigures>, StoreError> {
    let rows = rows(store, since)?;
    let mut all = counted(&rows, false);
    all.extend(counted(&rows, true));
    all.sort_by(|one, other| {
        (&one.figures.server, &one.tool).cmp(&(&other.figures.server, &other.tool))
    });
    Ok(all)
}

/// Server and tool, state, milliseconds, attempts, whether it came from the cache.
type Row = ((String, String), String, u64, u64, bool);

/// The calls kept since then that have ended, newest first.
fn rows(store: &Store, since: i64) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    let mut before = i64::MAX;
    loop {
        // Clocks are set back: only a page with nothing in the window is the last one.
        let (mut read, mut inside) = (0_i64, false);
        store.read(|db| {
            let mut page = db.prepare_cached(
                "SELECT id, at, server, tool, state, ms, attempts, cached FROM calls
                 WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let mut page = page.query(params![before, PAGE])?;
            while let Some(row) = page.next()? {
                read += 1;
                before = row.get(0)?;
                if row.get::<_, i64>(1)? < since {
                    continue;
                }
                inside = true;
                let state: String = row.get(4)?;
                if state != "open" {
                    let number = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
                    let of = (row.get(2)?, row.get(3)?);
                    rows.push((of, state, number(5)?, number(6)?, row.get(7)?));
                }
            }
            Ok(())
        })?;
        if read < PAGE || !inside {
            return Ok(rows);
        }
    }
}

fn counted(rows: &[Row], by_tool: bool) -> Vec<ToolFigures> {
    let mut counts: BTreeMap<(&str, &str), (ServerFigures, Vec<u64>)> = BTreeMap::new();
    for ((server, tool), state, ms, attempts, cached) in rows {
        let of = (server.as_str(), if by_tool { tool.as_str() } else { "" });
        let (figures, durations) = counts.entry(of).or_default();
        figures.calls += 1;
        figures.cached += u64::from(*cached);
        figures.repeated += attempts.saturating_sub(1);
        match state.as_str() {
            "failed" | "unknown" => figures.failed += 1,
            "tool_error" => figures.tool_errors += 1,
            "refused" | "waiting" => figures.refused += 1,
            _ => {}
        }
        if !matches!(state.as_str(), "refused" | "waiting") && !cached {
            durations.push(*ms);
        }
    }
    counts
        .into_iter()
        .map(|((server, tool), (figures, mut durations))| {
            durations.sort_unstable();
            let at = |part| {
                let rank = usize::try_from(rank(durations.len() as u64, part)).unwrap_or(0);
                rank.checked_sub(1)
                    .and_then(|at| durations.get(at))
                    .copied()
                    .unwrap_or(0)
            };
            let figures = ServerFigures {
                p50_ms: at(0.5),
                p95_ms: at(0.95),
                server: server.to_owned(),
                ..figures
            };
            ToolFigures {
                tool: tool.to_owned(),
                figures,
            }
        })
        .collect()
}

/// The last calls, newest first.
pub fn recent(store: &Store, most: usize) -> Result<Vec<OpenCall>, StoreError> {
    store.read(|db| {
        db.prepare_cached(
            "SELECT at, server, tool, caller, state, fault, attempts, ms FROM calls
             ORDER BY id DESC LIMIT ?1",
        )?
        .query_map(params![i64::try_from(most).unwrap_or(i64::MAX)], |row| {
            Ok(OpenCall {
                at: row.get(0)?,
                server: row.get(1)?,
                tool: row.get(2)?,
                caller: row.get(3)?,
                state: row.get(4)?,
                fault: row.get(5)?,
                attempts: row.get(6)?,
                ms: row.get(7)?,
            })
        })?
        .collect()
    })
}

/// The rank, counted from 1, of a percentile among `all`; 0 among none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of calls are small and not negative"
)]
pub(super) fn rank(all: u64, part: f64) -> u64 {
    if all == 0 {
        0
    } else {
        ((all as f64 * part).ceil() as u64).clamp(1, all)
    }
}
