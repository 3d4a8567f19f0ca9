//! One request of a client: who sends it, what the client can do, what travels on with it.
//!
//! Invariant: a visit says the same of a request whichever transport and era it came by.

use std::sync::Arc;

use http::request::Parts;
use mcp_service::Era;
use rmcp::{
    RoleServer,
    model::{ClientCapabilities, LoggingLevel, ProgressToken, RequestMetaObject},
    service::RequestContext,
};
use serde_json::{Map, Value};

use super::callers::actor_of;
use crate::Actor;

/// The first revision without a handshake.
const STATELESS: &str = "2026-07-28";
/// Keys of `_meta` that belong to one conversation and do not travel on.
const OF_ONE_CONVERSATION: [&str; 6] = [
    "progressToken",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/subscriptionId",
    "io.modelcontextprotocol/related-task",
];

/// A request of a client.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// Who it is for.
    pub(super) actor: Arc<Actor>,
    /// The kind of conversation.
    pub(super) era: Era,
    /// What the client can do.
    pub(super) capabilities: ClientCapabilities,
    /// What travels on to a server.
    pub(super) meta: Map<String, Value>,
    /// Where progress is told.
    pub(super) progress: Option<ProgressToken>,
    /// The least level of log messages the request asks for.
    pub(super) log_level: Option<LoggingLevel>,
    /// The conversation, for budgets, when there is one.
    pub(super) run: Option<String>,
}

impl Visit {
    /// What is known of a request from the library.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let parts = context.extensions.get::<Parts>();
        let era = match context.protocol_version() {
            Some(version) if version.as_str() >= STATELESS => Era::Stateless,
            _ => Era::Handshake,
        };
        let session = parts
            .and_then(|parts| parts.headers.get("mcp-session-id"))
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned);
        // Without a session or a pipe there is no way back to a client of the handshake era.
        let reachable = era == Era::Stateless || session.is_some() || parts.is_none();
        Self {
            actor: actor_of(parts),
            era,
            capabilities: context
                .client_capabilities()
                .filter(|_| reachable)
                .unwrap_or_default(),
            meta: travelling(&context.meta),
            progress: context.meta.get_progress_token(),
            log_level: context.meta.log_level(),
            // A program on a pipe is one conversation.
            run: session.or_else(|| parts.is_none().then(|| "pipe".to_owned())),
        }
    }

    /// Whether a person at the client can fill a form.
    pub(super) fn shows_forms(&self) -> bool {
        self.capabilities
            .elicitation
            .as_ref()
            .is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
    }
}

fn travelling(meta: &RequestMetaObject) -> Map<String, Value> {
    meta.iter()
        .filter(|(key, _)| !OF_ONE_CONVERSATION.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
