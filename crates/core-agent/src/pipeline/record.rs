//! What is kept of a call when it is over: its record, its figures, its span.
//!
//! Invariant: the three say the same.

use std::time::Duration;

use foundation::Clock;
use rusqlite::params;

use super::{Outcome, breaker::BreakerState, trail::Trail};
use crate::{
    Effect, ServerName,
    approvals::Left,
    catalogue::{Access, HubTool},
    journal::{CallState, Ending},
    metrics::{CallLabels, CallMetrics, ServerLabel},
    store::Store,
    telemetry::Span,
};

/// How a call ended, for the journal.
///
/// `round` is whether it was a later round of a call whose server asked questions.
pub(super) fn ending(
    outcome: &Outcome,
    trail: &Trail,
    took: Duration,
    bytes: u64,
    round: bool,
) -> Ending {
    let (state, fault, effect) = state(outcome);
    let nothing_done = state == CallState::Failed && effect == Some(Effect::None);
    Ending {
        state,
        fault,
        effect,
        attempts: trail.attempts(),
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        bytes,
        cached: trail.was_cached(),
        hedged: trail.was_hedged(),
        fallback: trail.fallback().map(|tool| tool.name().to_owned()),
        left: match state {
            // The first round reached the server: only its rounds are left.
            CallState::InputRequired => Left::Rounds,
            _ if nothing_done && round => Left::Rounds,
            _ if nothing_done => Left::Everything,
            _ => Left::Nothing,
        },
    }
}

/// Counts a call.
pub(super) fn measure(metrics: &CallMetrics, tool: &HubTool, outcome: &Outcome, took: Duration) {
    let server = tool.server.to_string();
    metrics
        .calls
        .get_or_create(&CallLabels {
            server: server.clone(),
            access: access(tool.access),
            outcome: state(outcome).0.name(),
        })
        .inc();
    metrics
        .durations
        .get_or_create(&ServerLabel { server })
        .observe(took.as_secs_f64());
}

/// Describes a call in its span.
pub(super) fn describe(span: &mut Span, tool: &HubTool, outcome: &Outcome, trail: &Trail) {
    let (state, fault, _) = state(outcome);
    span.set("mcp.method.name", "tools/call");
    span.set("mcp.server.name", tool.server.as_str().to_owned());
    span.set("gen_ai.operation.name", "execute_tool");
    span.set("gen_ai.tool.name", tool.name().to_owned());
    span.set("core_agent.access", access(tool.access));
    span.set("core_agent.outcome", state.name());
    span.set("core_agent.attempts", i64::from(trail.attempts()));
    span.set("core_agent.cached", trail.was_cached());
    if let Some(fault) = fault {
        span.set("error.type", fault);
    }
    match outcome {
        Outcome::Failed(fault) => span.fail(&fault.message),
        Outcome::Result(result) if result.is_error == Some(true) => span.fail("the tool failed"),
        _ => {}
    }
}

/// Notes the state of a server's circuit.
pub(super) fn breaker(
    metrics: &CallMetrics,
    store: &Store,
    clock: &dyn Clock,
    server: &ServerName,
    state: BreakerState,
) {
    let number = match state {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    };
    metrics
        .breaker
        .get_or_create(&ServerLabel {
            server: server.to_string(),
        })
        .set(number);
    let (store, server) = (store.clone(), server.to_string());
    let now = clock.now().as_millisecond();
    tokio::spawn(async move {
        let written = store.write(move |tx| {
            tx.execute(
                "INSERT INTO server_health (server, breaker, at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (server) DO UPDATE SET breaker = ?2, at = ?3",
                params![server, state.name(), now],
            )
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "the state of a circuit could not be written down");
        }
    });
}

fn state(outcome: &Outcome) -> (CallState, Option<&'static str>, Option<Effect>) {
    match outcome {
        Outcome::Result(result) if result.is_error == Some(true) => {
            (CallState::ToolError, None, None)
        }
        Outcome::Result(_) => (CallState::Ok, None, None),
        Outcome::InputRequired(_) => (CallState::InputRequired, None, None),
        Outcome::Task(_) => (CallState::Task, None, None),
        Outcome::ApprovalNeeded(_) => (CallState::Waiting, None, None),
        Outcome::Refused(refusal) => (CallState::Refused, Some(refusal.kind.name()), None),
        Outcome::Failed(fault) => (
            CallState::Failed,
            Some(fault.kind.name()),
            Some(fault.effect),
        ),
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Destructive => "destructive",
    }
}
