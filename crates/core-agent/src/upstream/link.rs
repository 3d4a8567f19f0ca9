//! A server that is there: the conversation with it, the program behind it, what it listed.
//!
//! Invariant: nothing of a link outlives its end: the conversation is closed and the program, with
//! everything it started, is gone.

#![expect(
    deprecated,
    reason = "the level of log messages is set by clients of the handshake era"
)]

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mcp_service::Era;
use rmcp::model::{ClientRequest, LoggingLevel, RequestMetaObject, ServerResult};
use serde_json::Value;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{Effect, Fault, FaultKind};

use super::{
    Scope,
    stdio::{Child, NOT_MCP, RawDoor, RawFault},
    talk::Conversation,
};

/// How long a program is given to end by itself, and again to end when asked.
const GRACE: Duration = Duration::from_millis(1_500);

/// A server that is there.
pub(super) struct Link {
    pub(super) conversation: Conversation,
    pub(super) program: Option<Program>,
    pub(super) since: Instant,
    /// Whether its lists have been taken up.
    pub(super) listed: watch::Sender<bool>,
    /// Cancelled when it is no longer to be used.
    pub(super) retired: CancellationToken,
    pub(super) watched: Watched,
    level: Mutex<Option<LoggingLevel>>,
    used: Mutex<Instant>,
}

/// The program behind a conversation on stdio.
pub(super) struct Program {
    pub(super) child: Child,
    pub(super) raw: RawDoor,
}

/// The resources whose changes are wanted, for the new era.
#[derive(Default)]
pub(super) struct Watched {
    uris: Mutex<BTreeSet<String>>,
    pub(super) changed: Notify,
}

impl Watched {
    /// What is wanted now.
    pub(super) fn uris(&self) -> Vec<String> {
        let uris = self.uris.lock().unwrap_or_else(PoisonError::into_inner);
        uris.iter().cloned().collect()
    }

    fn set(&self, uri: &str, wanted: bool) {
        let mut uris = self.uris.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = if wanted {
            uris.insert(uri.to_owned())
        } else {
            uris.remove(uri)
        };
        drop(uris);
        if changed {
            self.changed.notify_one();
        }
    }
}

impl Link {
    pub(super) fn new(conversation: Conversation, program: Option<Program>) -> Self {
        Self {
            conversation,
            program,
            since: Instant::now(),
            listed: watch::Sender::new(false),
            retired: CancellationToken::new(),
            watched: Watched::default(),
            level: Mutex::new(None),
            used: Mutex::new(Instant::now()),
        }
    }

    /// Whether it cannot be used any more.
    pub(super) fn is_over(&self) -> bool {
        self.retired.is_cancelled() || self.conversation.is_over()
    }

    /// Whether a call must know the lists: in the new era arguments may travel as headers, and
    /// the lists say which.
    pub(super) fn wants_lists(&self) -> bool {
        self.program.is_none() && self.conversation.info().era == Era::Stateless
    }

    /// Waits until the lists are known, or cannot be.
    pub(super) async fn listed(&self, within: Duration) {
        let mut listed = self.listed.subscribe();
        tokio::select! {
            _ = tokio::time::timeout(within, listed.wait_for(|listed| *listed)) => {}
            () = self.conversation.over() => {}
        }
    }

    /// How long nobody has asked anything.
    pub(super) fn idle(&self) -> Duration {
        if self.conversation.in_flight() > 0 {
            return Duration::ZERO;
        }
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }

    /// Asks the server, once.
    pub(super) async fn request(
        &self,
        request: ClientRequest,
        scope: &Scope,
    ) -> Result<ServerResult, Fault> {
        self.touch();
        let request = match self.stand_in(request) {
            Ok(result) => return Ok(result),
            Err(request) => *request,
        };
        let levelled = self.levelled(scope);
        let scope = levelled.as_ref().unwrap_or(scope);
        let expected = Expected::of(&request);
        let answer = self.conversation.request(request, scope).await;
        self.touch();
        match answer {
            Ok(result) => Ok(expected.read(result)),
            Err(fault) => Err(self.explain(fault).await),
        }
    }

    /// Asks the server in the words of somebody else. On stdio.
    pub(super) async fn relay(&self, message: Value, scope: &Scope) -> Result<Value, Fault> {
        let server = self.conversation.server();
        let Some(program) = &self.program else {
            return Err(Fault::before(
                server,
                FaultKind::Unreachable,
                "it has no pipe",
            ));
        };
        self.touch();
        let asked = tokio::select! {
            asked = program.raw.exchange(message) => asked,
            () = scope.cancelled.cancelled() => {
                return Err(Fault::after(server, FaultKind::Cancelled, "the caller gave up"));
            }
            () = tokio::time::sleep(scope.patience.cap) => {
                return Err(Fault::after(server, FaultKind::TimedOut, "no answer in time"));
            }
        };
        match asked {
            Ok(answer) => Ok(answer),
            Err(RawFault::NotARequest) => Err(Fault::before(
                server,
                FaultKind::Protocol,
                "the message is no JSON-RPC request: it needs an id and a method",
            )),
            Err(RawFault::NotSent(_)) => Err(program.child.health().fault(Effect::None).await),
            Err(RawFault::Ended) => Err(program.child.health().fault(Effect::Unknown).await),
        }
    }

    /// Ends it.
    pub(super) async fn close(&self) {
        self.retired.cancel();
        let program = async {
            if let Some(program) = &self.program {
                program.child.stop(GRACE).await;
            }
        };
        tokio::join!(self.conversation.close(), program);
    }

    /// What the end of a conversation means, with the program's last words.
    async fn explain(&self, fault: Fault) -> Fault {
        if fault
            .rpc
            .as_ref()
            .is_some_and(|error| error.code == NOT_MCP)
        {
            let message = format!("what it answered is not MCP: {}", fault.message);
            return Fault::after(&fault.server, FaultKind::Protocol, message);
        }
        match &self.program {
            Some(program) if fault.kind == FaultKind::Closed => {
                program.child.health().fault(fault.effect).await
            }
            _ => fault,
        }
    }

    /// Answers what the new era does in another way.
    fn stand_in(&self, request: ClientRequest) -> Result<ServerResult, Box<ClientRequest>> {
        if self.conversation.info().era == Era::Handshake {
            return Err(Box::new(request));
        }
        match request {
            ClientRequest::SubscribeRequest(wanted) => self.watched.set(&wanted.params.uri, true),
            ClientRequest::UnsubscribeRequest(wanted) => {
                self.watched.set(&wanted.params.uri, false);
            }
            ClientRequest::SetLevelRequest(wanted) => {
                let level = wanted.params.level;
                *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
            }
            ClientRequest::PingRequest(_) => {}
            other => return Err(Box::new(other)),
        }
        Ok(ServerResult::empty(()))
    }

    /// The level of log messages is part of each request in the new era.
    fn levelled(&self, scope: &Scope) -> Option<Scope> {
        let level = (*self.level.lock().unwrap_or_else(PoisonError::into_inner))?;
        let mut meta = RequestMetaObject::new();
        meta.set_log_level(level);
        let mut scope = scope.clone();
        for (key, value) in meta.0.0 {
            scope.meta.entry(key).or_insert(value);
        }
        Some(scope)
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// The kind of result a request has, for results that look like another kind.
enum Expected {
    Tool,
    Other,
}

impl Expected {
    fn of(request: &ClientRequest) -> Self {
        match request {
            ClientRequest::CallToolRequest(_) => Self::Tool,
            _ => Self::Other,
        }
    }

    fn read(&self, result: ServerResult) -> ServerResult {
        match (self, result) {
            (
                Self::Tool,
                kept @ (ServerResult::CallToolResult(_)
                | ServerResult::InputRequiredResult(_)
                | ServerResult::CreateTaskResult(_)),
            ) => kept,
            (Self::Tool, odd) => retype(odd),
            (Self::Other, result) => result,
        }
    }
}

/// A tool's result that was taken for something else, such as one without content.
fn retype(odd: ServerResult) -> ServerResult {
    let Ok(mut value) = serde_json::to_value(&odd) else {
        return odd;
    };
    if let Some(object) = value.as_object_mut()
        && (object.contains_key("structuredContent") || object.contains_key("isError"))
    {
        object
            .entry("content")
            .or_insert_with(|| Value::Array(Vec::new()));
    }
    match serde_json::from_value(value) {
        Ok(result) => ServerResult::CallToolResult(result),
        Err(_) => odd,
    }
}
