//! Servers the hub is a client of: how one is asked, what it is, what it says by itself.
//!
//! Not the decision whether and how often to ask: that is the pipeline's.
//! Invariant: no server's failure reaches a caller of another server.

mod answer;
mod definition;
mod gather;
mod http;
mod keeper;
mod life;
mod line;
mod link;
mod listing;
mod manager;
mod memory;
mod opening;
mod server;
pub mod stdio;
mod talk;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use mcp_service::Era;
use rmcp::model::{
    ClientRequest, Implementation, Prompt, Resource, ResourceTemplate, ServerCapabilities,
    ServerResult, Tool,
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::{Actor, ClientSide, Fault, ServerName, config::Config};

pub use manager::{CommandGate, UpstreamOptions, Upstreams};
pub use memory::{KeptStatus, ask_for_restart, kept_statuses};

/// The servers, as the rest of the program sees them.
pub trait Servers: Send + Sync + 'static {
    /// The names of all configured servers, sorted.
    fn names(&self) -> Vec<ServerName>;

    /// What is known of a server, without asking it.
    fn status(&self, server: &ServerName) -> Option<ServerStatus>;

    /// Makes sure that a server is there, starting it when need be.
    fn ensure<'a>(
        &'a self,
        server: &'a ServerName,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<ServerInfo>, Fault>>;

    /// Ends a server and starts it anew.
    fn restart<'a>(
        &'a self,
        server: &'a ServerName,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<ServerInfo>, Fault>> {
        self.ensure(server, scope)
    }

    /// Asks a server. One attempt: nothing is sent twice by this function, except where the
    /// server said that the first was not taken (an expired session, an expired token).
    ///
    /// A [`ServerResult::InputRequiredResult`] is a result like any other.
    fn request<'a>(
        &'a self,
        server: &'a ServerName,
        request: ClientRequest,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<ServerResult, Fault>>;

    /// Asks a server in the words of somebody else: `message` is a JSON-RPC request, the answer
    /// is the server's JSON-RPC response with the same id, unknown keys and errors included.
    fn relay<'a>(
        &'a self,
        server: &'a ServerName,
        message: Value,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Value, Fault>>;

    /// What servers say by themselves, from now on.
    fn events(&self) -> tokio::sync::broadcast::Receiver<ServerEvent>;
}

/// What surrounds one request to a server.
#[derive(Clone)]
pub struct Scope {
    /// Who it is for.
    pub actor: Arc<Actor>,
    /// The client that can be asked and told; nobody for background work.
    pub client: Option<Arc<dyn ClientSide>>,
    /// Cancelled when the caller gave up.
    pub cancelled: CancellationToken,
    /// How long to wait.
    pub patience: Patience,
    /// What is added to the request's `_meta`: `traceparent`, identity.
    pub meta: Map<String, Value>,
}

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// Without an answer or progress.
    pub idle: Duration,
    /// Altogether.
    pub cap: Duration,
}

/// What a server said of itself.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// Its program and version.
    pub program: Implementation,
    /// The protocol revision agreed on.
    pub protocol: String,
    /// The kind of conversation.
    pub era: Era,
    /// What it offers.
    pub capabilities: ServerCapabilities,
    /// What it wants models to know.
    pub instructions: Option<String>,
}

/// Everything a server lists, all pages.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Its tools.
    pub tools: Vec<Tool>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// Its shapes of resources.
    pub templates: Vec<ResourceTemplate>,
    /// Its prompts.
    pub prompts: Vec<Prompt>,
    /// Seconds the list may be kept, when the server said so (`ttlMs`).
    pub keep: Option<Duration>,
    /// What was dropped from the list, and why.
    pub dropped: Vec<String>,
}

/// Takes what servers list; the catalogue.
pub trait Listings: Send + Sync + 'static {
    /// A server has listed what it has, for the first time or anew.
    fn listed<'a>(
        &'a self,
        server: &'a ServerName,
        info: &'a ServerInfo,
        listing: Listing,
    ) -> BoxFuture<'a, ()>;
}

/// How a server is doing.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// Its name.
    pub server: ServerName,
    /// Where it is in its life.
    pub state: ServerState,
    /// What it said of itself when it was last there.
    pub info: Option<Arc<ServerInfo>>,
    /// Its process, on stdio.
    pub pid: Option<u32>,
    /// How often it was started since the hub was.
    pub starts: u64,
    /// Calls at work.
    pub in_flight: usize,
    /// The last failure.
    pub last_fault: Option<Fault>,
    /// How its process is contained, line by line, on stdio.
    pub containment: Vec<String>,
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// Configured, never seen.
    Configured,
    /// Its catalogue is known from before; it is not started.
    Known,
    /// Coming up.
    Starting,
    /// There.
    Ready,
    /// Failed; tried again later.
    Failed,
    /// Waits for a sign-in.
    SignInRequired,
    /// Waits for its command to be approved.
    NotApproved,
    /// Switched off.
    Disabled,
}

/// What a server said by itself.
#[derive(Clone, Debug)]
pub enum ServerEvent {
    /// Its state changed.
    State(ServerName, ServerState),
    /// Its tools changed; the new list is on its way to the catalogue.
    ToolsChanged(ServerName),
    /// Its prompts changed.
    PromptsChanged(ServerName),
    /// Its resources changed.
    ResourcesChanged(ServerName),
    /// A resource it was asked to watch changed.
    ResourceUpdated(ServerName, String),
    /// A log message that belongs to no call.
    Log {
        /// The server.
        server: ServerName,
        /// The level, in the protocol's words.
        level: String,
        /// What it says.
        data: Value,
    },
}

impl Patience {
    /// What the configuration allows a call of this server.
    pub fn configured(config: &Config, server: &ServerName) -> Self {
        let own = config.servers.get(server);
        let idle = own
            .and_then(|own| own.timeout_seconds)
            .unwrap_or(config.calls.timeout_seconds);
        Self {
            idle: Duration::from_secs(idle),
            cap: Duration::from_secs(config.calls.cap_seconds.max(idle)),
        }
    }

    /// The usual patience of short questions such as lists.
    pub fn short() -> Self {
        Self {
            idle: Duration::from_secs(15),
            cap: Duration::from_mins(1),
        }
    }
}

impl Scope {
    /// The hub's own doings: lists, probes.
    pub fn background() -> Self {
        Self {
            actor: Arc::new(Actor::local()),
            client: None,
            cancelled: CancellationToken::new(),
            patience: Patience::short(),
            meta: Map::new(),
        }
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope")
            .field("actor", &self.actor.name)
            .field("asks", &self.client.is_some())
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
