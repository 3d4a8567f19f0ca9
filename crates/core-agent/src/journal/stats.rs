//! How good and how quick each tool is, kept with each record.
//!
//! Durations are counted in steps of half a doubling, so a percentile is right to about a fifth.
//! Invariant: what a tool did long ago counts less and less.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::store::{Store, StoreError};

const STEPS: usize = 44;
/// When so many durations are counted, all counts are halved.
const MOST: u64 = 10_000;

/// One tool's statistics.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ToolStats {
    /// The server.
    pub server: String,
    /// The hub's name of the tool.
    pub tool: String,
    /// Calls that reached the server.
    pub calls: u64,
    /// Those with a good result.
    pub ok: u64,
    /// Milliseconds half of them took at most.
    pub p50_ms: u64,
    /// Milliseconds 19 of 20 took at most.
    pub p95_ms: u64,
    /// When the last was, in milliseconds since 1970.
    pub last_at: i64,
}

/// The statistics of all tools.
pub fn stats(store: &Store) -> Result<Vec<ToolStats>, StoreError> {
    store.read(|db| {
        db.prepare_cached(
            "SELECT server, tool, calls, ok, p50_ms, p95_ms, last_at FROM tool_stats",
        )?
        .query_map([], |row| {
            let number = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok(ToolStats {
                server: row.get(0)?,
                tool: row.get(1)?,
                calls: number(2)?,
                ok: number(3)?,
                p50_ms: number(4)?,
                p95_ms: number(5)?,
                last_at: row.get(6)?,
            })
        })?
        .collect()
    })
}

/// What came together for one tool.
#[derive(Debug, Default)]
pub(super) struct Added {
    calls: i64,
    ok: i64,
    last_at: i64,
    durations: Vec<u64>,
}

impl Added {
    pub(super) fn add(&mut self, good: bool, ms: u64, at: i64) {
        self.calls += 1;
        self.ok += i64::from(good);
        self.last_at = self.last_at.max(at);
        self.durations.push(ms);
    }
}

pub(super) fn add(
    tx: &Transaction<'_>,
    server: &str,
    tool: &str,
    added: &Added,
) -> rusqlite::Result<()> {
    let known: Option<Vec<u8>> = tx
        .prepare_cached("SELECT durations FROM tool_stats WHERE server = ?1 AND tool = ?2")?
        .query_row(params![server, tool], |row| row.get(0))
        .optional()?;
    let mut counts = known.as_deref().map_or([0; STEPS], read);
    for ms in &added.durations {
        counts[step(*ms)] += 1;
    }
    if counts.iter().map(|count| u64::from(*count)).sum::<u64>() > MOST {
        for count in &mut counts {
            *count /= 2;
        }
    }
    tx.prepare_cached(
        "INSERT INTO tool_stats (server, tool, calls, ok, p50_ms, p95_ms, last_at, durations)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (server, tool) DO UPDATE SET calls = calls + ?3, ok = ok + ?4, p50_ms = ?5,
           p95_ms = ?6, last_at = max(last_at, ?7), durations = ?8",
    )?
    .execute(params![
        server,
        tool,
        added.calls,
        added.ok,
        percentile(&counts, 0.5),
        percentile(&counts, 0.95),
        added.last_at,
        counts
            .iter()
            .flat_map(|count| count.to_le_bytes())
            .collect::<Vec<u8>>(),
    ])?;
    Ok(())
}

fn read(bytes: &[u8]) -> [u32; STEPS] {
    let mut counts = [0; STEPS];
    for (count, bytes) in counts.iter_mut().zip(bytes.chunks_exact(4)) {
        *count = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    counts
}

/// The step a duration is counted in: 0 up to 1 ms, then two for each doubling.
fn step(ms: u64) -> usize {
    (0..STEPS - 1)
        .find(|step| ms <= upper(*step))
        .unwrap_or(STEPS - 1)
}

/// The longest duration of a step.
fn upper(step: usize) -> u64 {
    let doubling = 1_u64 << (step / 2);
    if step.is_multiple_of(2) {
        doubling
    } else {
        // Half a doubling more, rounded up: 1.5 is close enough to the root of 2.
        (doubling * 3).div_ceil(2)
    }
}

fn percentile(counts: &[u32; STEPS], part: f64) -> i64 {
    let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let mut left = super::figures::rank(all, part);
    if left == 0 {
        return 0;
    }
    for (step, count) in counts.iter().enumerate() {
        let count = u64::from(*count);
        if count >= left {
            return i64::try_from(upper(step)).unwrap_or(i64::MAX);
        }
        left -= count;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_and_hold_their_durations() {
        for ms in [0, 1, 2, 3, 5, 10, 99, 1_000, 60_000, 900_000] {
            let step = step(ms);
            assert!(ms <= upper(step), "{ms}");
            assert!(step == 0 || ms > upper(step - 1), "{ms}");
        }
        assert!(upper(STEPS - 2) > 600_000);
    }

    #[test]
    fn percentiles_are_near() {
        let mut counts = [0; STEPS];
        for ms in 1..=1_000 {
            counts[step(ms)] += 1;
        }
        assert!((500..=768).contains(&percentile(&counts, 0.5)));
        assert!((950..=1_536).contains(&percentile(&counts, 0.95)));
        assert_eq!(percentile(&[0; STEPS], 0.5), 0);
    }
}
