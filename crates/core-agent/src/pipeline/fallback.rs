//! Another tool, when the one that was asked for failed.
//!
//! Invariant: a fallback does no more than what was asked for, and nothing is done twice.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Call, Pipeline,
    execute::{Answered, Failure, Job},
    retry::Repeatable,
    standing,
    trail::Trail,
};
use crate::{
    Effect, FaultKind, ServerName,
    catalogue::{Access, HubTool},
    metrics::ServerLabel,
    policy::{Asked, Decision},
};

impl Pipeline {
    /// Tries the configured alternatives of a call that failed, one after another.
    pub(super) async fn fall_back(
        &self,
        call: &Call,
        job: &Job<'_>,
        failure: Failure,
        trail: &Trail,
    ) -> Result<Answered, Failure> {
        if !may(call, &failure) {
            return Err(failure);
        }
        for tool in self.alternatives(call) {
            let Some(arguments) = self.fitting(call, &tool, job.arguments) else {
                continue;
            };
            let job = Job {
                tool: &tool,
                arguments: &arguments,
                scope: job.scope,
                round: None,
                words: None,
                repeatable: Repeatable::of(&tool, false),
                ends: job.ends,
                trace: job.trace,
            };
            match self.execute(&job, trail).await {
                Ok(answered) => {
                    trail.fell_back(&tool);
                    trail.note(format!(
                        "{} failed ({}); {} of the server {} was used instead",
                        call.tool.name(),
                        failure.fault.kind.name(),
                        tool.name(),
                        tool.server
                    ));
                    let label = ServerLabel {
                        server: call.tool.server.to_string(),
                    };
                    self.options.metrics.fallbacks.get_or_create(&label).inc();
                    return Ok(answered);
                }
                // An alternative that may have done something is the last.
                Err(other) if tool.access != Access::Read && other.fault.effect != Effect::None => {
                    return Err(other);
                }
                Err(_) => {}
            }
        }
        Err(failure)
    }

    fn alternatives(&self, call: &Call) -> Vec<Arc<HubTool>> {
        let configured = self
            .options
            .config
            .servers
            .get(&call.tool.server)
            .and_then(|server| server.fallback.get(&*call.tool.original.name));
        let Some(names) = configured else {
            return Vec::new();
        };
        let view = (self.options.view)();
        names
            .iter()
            .filter_map(|name| match name.split_once('/') {
                Some((server, tool)) => {
                    let server: ServerName = server.parse().ok()?;
                    view.tool_of(&server, tool).cloned()
                }
                None => view.tool(name).cloned(),
            })
            .filter(|tool| tool.fingerprint != call.tool.fingerprint)
            .collect()
    }

    /// The arguments for an alternative, if it may be called with them at all.
    fn fitting(
        &self,
        call: &Call,
        tool: &HubTool,
        arguments: &Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        if tool.access > call.tool.access || standing::check(tool).is_err() {
            return None;
        }
        let checked = self.validation.arguments(tool, arguments.clone()).ok()?;
        let asked = Asked {
            arguments: &checked.arguments,
            run: call.run.as_deref(),
            ..Asked::new(&call.scope.actor, tool, self.trusted(&tool.server))
        };
        // What a person would have to approve is not done instead of something else.
        matches!(self.options.policy.decide(&asked), Decision::Allowed { .. })
            .then_some(checked.arguments)
    }
}

/// Whether anything else may be done instead.
fn may(call: &Call, failure: &Failure) -> bool {
    let harmless = call.tool.access == Access::Read || failure.fault.effect == Effect::None;
    let its_own = matches!(
        failure.fault.kind,
        FaultKind::Cancelled | FaultKind::Rejected | FaultKind::NotConfigured
    );
    harmless && !its_own && call.round.is_none() && !call.scope.cancelled.is_cancelled()
}
