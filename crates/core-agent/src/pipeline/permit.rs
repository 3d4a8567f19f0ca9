//! Whether a call is allowed, and by whom.
//!
//! Not the policies and not the record of approvals: this puts the one question to the other.
//! Invariant: what cannot be decided is not allowed.

use serde_json::{Map, Value, json};

use super::{ApprovalNeeded, Call, Outcome, Pipeline, Refusal, RefusalKind};
use crate::{
    ServerName,
    approvals::{self, Found},
    config::TrustLevel,
    journal::AuditKind,
    policy::{Asked, Decision},
};

/// Leave to make a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Permit {
    /// The approval it uses up.
    pub(super) approval: Option<String>,
}

impl Pipeline {
    /// Asks the policies, and a person where they say so. `arguments` are those that are sent,
    /// without the hub's own idempotency key.
    pub(super) async fn permit(
        &self,
        call: &Call,
        arguments: &Map<String, Value>,
        digest: &str,
    ) -> Result<Permit, Box<Outcome>> {
        let options = &self.options;
        let (actor, tool) = (&*call.scope.actor, &*call.tool);
        let asked = Asked {
            arguments,
            run: call.run.as_deref(),
            ..Asked::new(actor, tool, self.trusted(&tool.server))
        };
        let (policies, reason) = match options.policy.decide(&asked) {
            Decision::Allowed { .. } => return Ok(Permit::default()),
            Decision::Denied { policies, reason } => {
                let detail = json!({"policies": policies, "digest": digest});
                let audited = options
                    .journal
                    .audit()
                    .add(AuditKind::CallDenied, &actor.name, tool.name(), &detail)
                    .await;
                if let Err(error) = audited {
                    tracing::error!(%error, "a refusal could not be written down");
                }
                return Err(refused(RefusalKind::Denied, call, &policies, &reason).into());
            }
            Decision::NeedsApproval { policies, reason } => (policies, reason),
        };
        let question = approvals::question(tool, arguments, &reason, &actor.name);
        let found = options
            .approvals
            .find_or_ask(approvals::Request {
                digest: approvals::call_digest(actor, tool, digest),
                principal: approvals::principal_key(actor),
                caller: actor.name.to_string(),
                server: tool.server.to_string(),
                tool: tool.name().to_owned(),
                policies: policies.clone(),
                question: question.clone(),
                by_client: options.policy.may_answer(&asked),
                round: call.round.is_some(),
            })
            .await;
        match found {
            Ok(Found::Approved(id)) => Ok(Permit { approval: Some(id) }),
            Ok(Found::Waiting(id)) => {
                if let Ok(waiting) = options.approvals.waiting() {
                    let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
                    options.metrics.approvals_waiting.set(waiting);
                }
                let needed = ApprovalNeeded { id, question };
                Err(Box::new(Outcome::ApprovalNeeded(needed)))
            }
            Ok(Found::Declined(id)) => {
                let reason = format!("a person said no (approval {id})");
                Err(refused(RefusalKind::Declined, call, &policies, &reason).into())
            }
            Err(error) => {
                let reason = format!("the approval cannot be looked up: {error}");
                Err(refused(RefusalKind::Denied, call, &policies, &reason).into())
            }
        }
    }

    /// Whether a server is trusted.
    pub(super) fn trusted(&self, server: &ServerName) -> bool {
        self.options
            .config
            .servers
            .get(server)
            .is_some_and(|server| server.trust == TrustLevel::Trusted)
    }
}

fn refused(kind: RefusalKind, call: &Call, policies: &[String], reason: &str) -> Outcome {
    let by = match policies {
        [] => String::new(),
        policies => format!(" (policy {})", policies.join(", ")),
    };
    Outcome::Refused(Refusal {
        kind,
        message: format!(
            "{} may not call {} of the server {} so: {reason}{by}; do not try the same again",
            call.scope.actor.name,
            call.tool.name(),
            call.tool.server
        ),
        details: json!({"policies": policies, "reason": reason}),
    })
}
