//! A call of a server's tool through the pipeline, with the approvals it needs.
//!
//! Invariant: an answer of a client counts for a person only when the caller is configured to
//! speak for one.

use std::sync::Arc;

use rmcp::{
    ErrorData,
    model::{
        ClientResult, ElicitRequest, ElicitRequestParams, ElicitationAction, ServerRequest,
        ServerResult,
    },
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    Hub,
    bridge::{Ended, Start, rounds},
    results::{self, IntoResult},
    visit::Visit,
};
use crate::{
    ClientSide,
    catalogue::HubTool,
    pipeline::{ApprovalNeeded, Call, Outcome, Round, Words},
    upstream::Scope,
};

/// How often one call may need an approval: each is for one call, and the second would be a fault.
const APPROVALS: usize = 2;

/// A call of a server's tool.
#[derive(Clone)]
pub(super) struct ToolVisit {
    pub(super) visit: Visit,
    pub(super) tool: Arc<HubTool>,
    pub(super) arguments: Map<String, Value>,
}

impl Hub {
    /// Makes the call, over all rounds its client's era cannot carry itself.
    pub(super) async fn call_through(self: Arc<Self>, call: ToolVisit, start: Start) -> Ended {
        let Start {
            client,
            round,
            cancelled,
        } = start;
        let side: Arc<dyn ClientSide> = client;
        let era = call.visit.era;
        let attempt = {
            let side = Arc::clone(&side);
            move |round| {
                let hub = Arc::clone(&self);
                let (call, side) = (call.clone(), Arc::clone(&side));
                let cancelled = cancelled.clone();
                let attempt = async move {
                    hub.call_with_approval(&call, Some(side), round, cancelled)
                        .await
                };
                Box::pin(attempt) as _
            }
        };
        rounds(era, &*side, round, attempt).await
    }

    /// Makes the call for a client that cannot be asked.
    pub(super) async fn call_alone(&self, call: &ToolVisit, cancelled: CancellationToken) -> Ended {
        let ended = self.call_with_approval(call, None, None, cancelled).await?;
        Ok(match ended {
            ServerResult::InputRequiredResult(_) => results::failure(
                "the server asks questions before it can do this, and this client cannot be asked",
                "CLIENT_CANNOT_BE_ASKED",
                &["connect with a client that supports elicitation, over stdio, with a session or with 2026-07-28"],
                Value::Null,
            )
            .into_result(),
            other => other,
        })
    }

    async fn call_with_approval(
        &self,
        call: &ToolVisit,
        side: Option<Arc<dyn ClientSide>>,
        round: Option<Round>,
        cancelled: CancellationToken,
    ) -> Ended {
        for _ in 0..APPROVALS {
            let outcome = self
                .options
                .pipeline
                .call(Call {
                    tool: Arc::clone(&call.tool),
                    arguments: call.arguments.clone(),
                    scope: Scope {
                        actor: Arc::clone(&call.visit.actor),
                        client: side.clone(),
                        cancelled: cancelled.clone(),
                        patience: self.patience_with(&call.tool.server),
                        meta: call.visit.meta.clone(),
                    },
                    run: call.visit.run.clone(),
                    idempotency_key: None,
                    round: round.clone(),
                    unchanged: false,
                    whole_data: self.promises_data(&call.tool),
                    relayed: None,
                })
                .await;
            let needed = match outcome {
                Outcome::Result(result) => return Ok(ServerResult::CallToolResult(*result)),
                Outcome::InputRequired(required) => {
                    return Ok(ServerResult::InputRequiredResult(*required));
                }
                Outcome::Task(task) => return self.task_begun(call, *task, &cancelled).await,
                Outcome::Refused(refusal) => return Ok(results::refused(&refusal).into_result()),
                Outcome::Failed(fault) => return results::failed(&fault),
                Outcome::ApprovalNeeded(needed) => needed,
            };
            let side = side
                .as_ref()
                .filter(|_| call.visit.actor.speaks_for_person && call.visit.shows_forms());
            let Some(side) = side else {
                return Ok(results::approval_needed(&needed).into_result());
            };
            if !self.approve(call, &**side, &needed).await {
                return Ok(results::declined(&needed).into_result());
            }
        }
        Ok(results::failure(
            "the call was approved and still needs an approval",
            "APPROVAL_NOT_TAKEN",
            &["see core-agent approvals list"],
            Value::Null,
        )
        .into_result())
    }

    /// Whether clients read in a list what the tool's data looks like. Some of them take a result
    /// without such data for a failure, so that it is never left out for being large.
    fn promises_data(&self, tool: &HubTool) -> bool {
        self.lists.follows() && tool.listed.output_schema.is_some()
    }

    /// Asks the person at the client; no answer is no.
    async fn approve(
        &self,
        call: &ToolVisit,
        side: &dyn ClientSide,
        needed: &ApprovalNeeded,
    ) -> bool {
        let form = json!({
            "mode": "form",
            "message": needed.question,
            "requestedSchema": { "type": "object", "properties": {} },
        });
        let Ok(params) = serde_json::from_value::<ElicitRequestParams>(form) else {
            return false;
        };
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
        let accepted = matches!(
            side.ask(request).await,
            Ok(ClientResult::ElicitResult(answer)) if answer.action == ElicitationAction::Accept
        );
        let recorded = self
            .options
            .approvals
            .answer_by_client(&needed.id, &call.visit.actor, accepted)
            .await;
        if let Err(error) = recorded {
            tracing::warn!(approval = needed.id, %error, "an answer to an approval does not count");
            return false;
        }
        accepted
    }

    /// A call in the words of a caller that talks to one server.
    pub(super) async fn call_relayed(
        &self,
        tool: Arc<HubTool>,
        arguments: Map<String, Value>,
        message: Value,
        scope: Scope,
    ) -> Result<Value, ErrorData> {
        let round = round_of(&message);
        let words = Words::new(message);
        let outcome = self
            .options
            .pipeline
            .call(Call {
                tool,
                arguments,
                scope,
                run: None,
                idempotency_key: None,
                round,
                unchanged: true,
                whole_data: true,
                relayed: Some(Arc::clone(&words)),
            })
            .await;
        let answered = match &outcome {
            Outcome::Result(_) | Outcome::InputRequired(_) | Outcome::Task(_) => true,
            Outcome::Failed(fault) => fault.rpc.is_some(),
            Outcome::Refused(_) | Outcome::ApprovalNeeded(_) => false,
        };
        if let (true, Some(answer)) = (answered, words.answer()) {
            return Ok(answer);
        }
        let ended = match outcome {
            Outcome::Result(result) => ServerResult::CallToolResult(*result),
            Outcome::InputRequired(required) => ServerResult::InputRequiredResult(*required),
            Outcome::Task(task) => ServerResult::CreateTaskResult(*task),
            Outcome::Refused(refusal) => results::refused(&refusal).into_result(),
            Outcome::ApprovalNeeded(needed) => results::approval_needed(&needed).into_result(),
            Outcome::Failed(fault) => return Err(results::error(&fault)),
        };
        let result = serde_json::to_value(ended)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(json!({ "jsonrpc": "2.0", "result": result }))
    }
}

/// The answers a request in its caller's words brings to an earlier round.
fn round_of(message: &Value) -> Option<Round> {
    let params = message.get("params")?;
    let responses = params.get("inputResponses").filter(|it| it.is_object());
    let state = params.get("requestState").and_then(Value::as_str);
    (responses.is_some() || state.is_some()).then(|| Round {
        responses: responses
            .and_then(|responses| serde_json::from_value(responses.clone()).ok())
            .unwrap_or_default(),
        state: state.map(ToOwned::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_what_brings_answers_or_a_state() {
        let round = |params: Value| round_of(&json!({ "method": "tools/call", "params": params }));
        let answers = json!({ "q": { "action": "accept", "content": { "n": 7 } } });
        let both = round(json!({ "name": "t", "inputResponses": answers, "requestState": "s" }));
        let both = both.unwrap();
        assert_eq!(both.state.as_deref(), Some("s"));
        assert_eq!(json!(both.responses), answers);
        let only_state = round(json!({ "requestState": "s" })).unwrap();
        assert!(json!(only_state.responses) == json!({}));
        assert!(
            round(json!({ "inputResponses": {} }))
                .unwrap()
                .state
                .is_none()
        );
        for none in [
            json!({ "name": "t", "arguments": { "requestState": "s" } }),
            json!({ "inputResponses": ["q"], "requestState": 7 }),
            Value::Null,
        ] {
            assert!(round(none.clone()).is_none(), "{none}");
        }
        assert!(round_of(&json!({ "method": "tools/call" })).is_none());
    }
}
