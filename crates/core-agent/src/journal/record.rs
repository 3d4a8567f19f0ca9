//! One call in the journal.
//!
//! Invariant: the words in the table are those of [`CallState`] and of the fault kinds.

use std::collections::BTreeMap;

use rusqlite::{Transaction, named_params, params};
use serde::Serialize;

use super::stats;
use crate::{Effect, FaultKind, ServerName, approvals::Left, catalogue::Access};

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The server.
    pub server: ServerName,
    /// The hub's name of the tool.
    pub tool: String,
    /// What calling it does.
    pub access: Access,
    /// The configured caller.
    pub caller: String,
    /// The run it belongs to.
    pub run: Option<String>,
    /// The trace it belongs to.
    pub trace: Option<String>,
    /// The digest of the arguments.
    pub digest: String,
    /// The approval it uses.
    pub approval: Option<String>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// How.
    pub state: CallState,
    /// The fault or refusal, if it was one.
    pub fault: Option<&'static str>,
    /// What is known of the effect, if it failed.
    pub effect: Option<Effect>,
    /// Requests sent.
    pub attempts: u32,
    /// Milliseconds, waiting included.
    pub ms: u64,
    /// Bytes of the result.
    pub bytes: u64,
    /// Whether the result came from the cache.
    pub cached: bool,
    /// Whether a second request was sent to be quicker.
    pub hedged: bool,
    /// The tool that was used instead.
    pub fallback: Option<String>,
    /// What is left of the approval it used.
    pub left: Left,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// With a result.
    Ok,
    /// With a result that says that the tool failed.
    ToolError,
    /// With questions to be answered first.
    InputRequired,
    /// With a task that goes on.
    Task,
    /// The server failed.
    Failed,
    /// It was not made.
    Refused,
    /// It waits for a person.
    Waiting,
    /// Nobody was there any more to see how.
    Unknown,
}

impl CallState {
    /// The word in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::InputRequired => "input_required",
            Self::Task => "task",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it says something of how good the tool is.
    fn counts(self) -> bool {
        !matches!(self, Self::Refused | Self::Waiting)
    }

    fn good(self) -> bool {
        matches!(self, Self::Ok | Self::InputRequired | Self::Task)
    }
}

impl Ending {
    /// Nobody waited for the end of it.
    pub fn dropped(attempts: u32, ms: u64) -> Self {
        Self {
            state: CallState::Unknown,
            fault: Some(FaultKind::Cancelled.name()),
            effect: Some(Effect::Unknown),
            attempts,
            ms,
            bytes: 0,
            cached: false,
            hedged: false,
            fallback: None,
            left: Left::Nothing,
        }
    }
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: Option<i64>,
    pub(super) at: i64,
    pub(super) instance: String,
    pub(super) intent: Intent,
    pub(super) ending: Ending,
}

pub(super) fn write(tx: &Transaction<'_>, records: &[Box<Record>]) -> rusqlite::Result<()> {
    let mut durations: BTreeMap<(&str, &str), stats::Added> = BTreeMap::new();
    for record in records {
        let Record {
            id,
            at,
            instance,
            intent,
            ending,
        } = &**record;
        match id {
            Some(id) => update(tx, *id, ending)?,
            None => insert(tx, intent, *at, instance, Some(ending))?,
        }
        if let Some(approval) = &intent.approval {
            crate::approvals::settle(tx, approval, ending.left)?;
        }
        if ending.state.counts() && !ending.cached {
            durations
                .entry((intent.server.as_str(), intent.tool.as_str()))
                .or_default()
                .add(ending.state.good(), ending.ms, *at);
        }
    }
    for ((server, tool), added) in durations {
        stats::add(tx, server, tool, &added)?;
    }
    Ok(())
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    intent: &Intent,
    at: i64,
    instance: &str,
    ending: Option<&Ending>,
) -> rusqlite::Result<()> {
    let begun = ending.map_or(at, |ending| at - signed(ending.ms));
    tx.prepare_cached(
        "INSERT INTO calls (at, instance, server, tool, access, caller, run, trace, digest,
           approval, state, fault, effect, attempts, ms, bytes, cached, hedged, fallback)
         VALUES (:at, :instance, :server, :tool, :access, :caller, :run, :trace, :digest,
           :approval, :state, :fault, :effect, :attempts, :ms, :bytes, :cached, :hedged, :fallback)",
    )?
    .execute(named_params! {
        ":at": begun,
        ":instance": instance,
        ":server": intent.server.as_str(),
        ":tool": intent.tool,
        ":access": access_name(intent.access),
        ":caller": intent.caller,
        ":run": intent.run,
        ":trace": intent.trace,
        ":digest": intent.digest,
        ":approval": intent.approval,
        ":state": ending.map_or("open", |ending| ending.state.name()),
        ":fault": ending.and_then(|ending| ending.fault),
        ":effect": ending.and_then(|ending| ending.effect.map(effect_name)),
        ":attempts": ending.map_or(0, |ending| ending.attempts),
        ":ms": ending.map_or(0, |ending| signed(ending.ms)),
        ":bytes": ending.map_or(0, |ending| signed(ending.bytes)),
        ":cached": ending.is_some_and(|ending| ending.cached),
        ":hedged": ending.is_some_and(|ending| ending.hedged),
        ":fallback": ending.and_then(|ending| ending.fallback.as_deref()),
    })?;
    Ok(())
}

fn update(tx: &Transaction<'_>, id: i64, ending: &Ending) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE calls SET state = ?2, fault = ?3, effect = ?4, attempts = ?5, ms = ?6, bytes = ?7,
           cached = ?8, hedged = ?9, fallback = ?10
         WHERE id = ?1 AND state = 'open'",
    )?
    .execute(params![
        id,
        ending.state.name(),
        ending.fault,
        ending.effect.map(effect_name),
        ending.attempts,
        signed(ending.ms),
        signed(ending.bytes),
        ending.cached,
        ending.hedged,
        ending.fallback,
    ])?;
    Ok(())
}

pub(super) fn access_name(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Destructive => "destructive",
    }
}

fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "none",
        Effect::Unknown => "unknown",
        Effect::Answered => "answered",
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
