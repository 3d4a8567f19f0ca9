//! The short way: lists, and calls that need nothing of their client.
//!
//! Invariant: a call that might have to ask its client takes the long way.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::request::Parts;
use mcp_service::{
    About, Answer, Beginning, Caller, Era, HttpReply, Principal, Relayed, ToolCall, ToolList,
    ToolResult, Tools,
};
use rmcp::model::{CallToolResult, ClientCapabilities, ServerResult};
use serde_json::{Map, value::to_raw_value};

use super::{
    Hub, Resolved,
    callers::{Callers, actor_of},
    calls::ToolVisit,
    listing::Schemas,
    relay,
    visit::Visit,
};

/// The hub as the shell sees it.
pub(super) struct Short {
    pub(super) hub: Arc<Hub>,
    pub(super) callers: Callers,
}

impl Tools for Short {
    fn about(&self) -> &About {
        self.hub.about()
    }

    fn before_list(&self) -> Option<BoxFuture<'_, ()>> {
        let waits = self.hub.lists.follows() && !self.hub.strangers().is_empty();
        waits.then(|| Box::pin(self.hub.acquaint()) as _)
    }

    fn list(&self, caller: &Caller) -> Arc<ToolList> {
        self.hub.tool_list(Schemas::of(&caller.protocol))
    }

    fn goes_short(&self, beginning: &Beginning<'_>) -> bool {
        // Without a session a client of the handshake era cannot be asked in any case.
        let cannot_be_asked = beginning.era == Era::Handshake || !beginning.capable;
        cannot_be_asked && !beginning.round && !beginning.says_more
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer> {
        Box::pin(async move { self.answer(call).await })
    }

    fn admit<'a>(&'a self, request: &'a mut Parts) -> BoxFuture<'a, Result<Principal, HttpReply>> {
        Box::pin(async { self.callers.admit(request) })
    }

    fn relays(&self, name: &str) -> bool {
        !name.is_empty()
    }

    fn relay(&self, relayed: Relayed) -> BoxFuture<'_, HttpReply> {
        Box::pin(relay::relay(&self.hub, relayed))
    }
}

impl Short {
    async fn answer(&self, call: ToolCall) -> Answer {
        let visit = Visit {
            actor: actor_of(call.caller.request.as_deref()),
            era: call.caller.era,
            capabilities: ClientCapabilities::default(),
            meta: Map::new(),
            progress: None,
            log_level: None,
            run: call.caller.session.as_deref().map(str::to_owned),
        };
        let ended = match self.hub.resolve(&call.name, call.arguments).await {
            Ok(Resolved::Own(own)) => Ok(ServerResult::CallToolResult(
                own.run(&self.hub, &visit).await,
            )),
            Ok(Resolved::Answered(result)) => Ok(ServerResult::CallToolResult(*result)),
            Ok(Resolved::Passed(wrapped)) => {
                let call_visit = ToolVisit {
                    visit,
                    tool: wrapped.tool,
                    arguments: wrapped.arguments,
                };
                self.hub.call_alone(&call_visit, call.cancelled).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(ServerResult::CallToolResult(result)) => tool_result(result),
            Ok(_) => Answer::Result(ToolResult::error(
                "the server's answer is not of the kind that was asked for",
            )),
            Err(error) => Answer::Error(error),
        }
    }
}

fn tool_result(result: CallToolResult) -> Answer {
    let structured = match result.structured_content.as_ref().map(to_raw_value) {
        None => None,
        Some(Ok(raw)) => Some(raw),
        Some(Err(error)) => {
            return Answer::Result(ToolResult::error(format!(
                "the result's data cannot be sent: {error}"
            )));
        }
    };
    Answer::Result(ToolResult {
        content: result.content,
        structured,
        is_error: result.is_error.unwrap_or(false),
        meta: result.meta.map(|meta| meta.0).unwrap_or_default(),
        beside: Map::new(),
    })
}
