//! The border between this shell and the program behind it: what a server offers and who asks.
//!
//! Not the protocol: revisions, envelopes and transports stay on this side of the border.
//! Invariant: a [`ToolCall`] carries everything the program may know about a request, so the
//! program never looks at a header by another way.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode, header, request::Parts};
use rmcp::model::{
    ContentBlock, ErrorData, GetPromptResult, Prompt, Resource, ResourceContents, ResourceTemplate,
    Tool,
};
use serde_json::{Map, Value, json, value::RawValue};
use tokio_util::sync::CancellationToken;

use crate::http::reply::JSON;
pub use crate::progress::Progress;

/// What a program offers over MCP.
pub trait Tools: Send + Sync + 'static {
    /// The server's own name and the words it greets a client with.
    fn about(&self) -> &About;

    /// The tools this caller sees. Called for every `tools/list`: return a list built before.
    fn list(&self, caller: &Caller) -> Arc<ToolList>;

    /// Runs one tool.
    fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer>;

    /// Whether a call of this tool needs nothing but its arguments, and can so take the short way.
    ///
    /// A tool that talks to the client by other means than [`ToolCall`] offers says no.
    fn stands_alone(&self, name: &str) -> bool {
        let _ = name;
        true
    }

    /// Whether this very call can take the short way; asked when [`Tools::stands_alone`] says so.
    ///
    /// A program with a handler of its own keeps for it what the short way does not carry.
    fn goes_short(&self, beginning: &Beginning<'_>) -> bool {
        let _ = beginning;
        true
    }

    /// What has to happen before [`Tools::list`] can answer; `None` when nothing has.
    fn before_list(&self) -> Option<BoxFuture<'_, ()>> {
        None
    }

    /// Whether messages to `/mcp/` and this name are answered by [`Tools::relay`] instead of like
    /// those to `/mcp`.
    fn relays(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// Answers a message to `/mcp/` and a name, which may be one message or a batch.
    fn relay(&self, relayed: Relayed) -> BoxFuture<'_, HttpReply> {
        let _ = relayed;
        Box::pin(async { HttpReply::empty(StatusCode::NOT_FOUND) })
    }

    /// Decides over HTTP who is asking, before anything else looks at the request to `/mcp`.
    ///
    /// What is put into the extensions of `request` is found again in [`Caller::request`].
    fn admit<'a>(&'a self, request: &'a mut Parts) -> BoxFuture<'a, Result<Principal, HttpReply>> {
        let _ = request;
        Box::pin(async { Ok(Principal::local()) })
    }

    /// Reads a resource; `None` when there is no such resource for this caller.
    fn read_resource<'a>(
        &'a self,
        uri: &'a str,
        caller: Caller,
    ) -> BoxFuture<'a, Option<Vec<ResourceContents>>> {
        let _ = (uri, caller);
        Box::pin(async { None })
    }

    /// The resources a caller can list.
    fn resources<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Vec<Resource>> {
        let _ = caller;
        Box::pin(async { Vec::new() })
    }

    /// The shapes of the resources a caller can read.
    fn resource_templates(&self) -> Vec<ResourceTemplate> {
        Vec::new()
    }

    /// The prompts a caller can list.
    fn prompts(&self) -> Vec<Prompt> {
        Vec::new()
    }

    /// Fills a prompt; `None` when there is no such prompt, `Err` when an argument is wrong.
    fn prompt<'a>(
        &'a self,
        name: &'a str,
        arguments: Map<String, Value>,
        caller: Caller,
    ) -> BoxFuture<'a, Option<Result<GetPromptResult, String>>> {
        let _ = (name, arguments, caller);
        Box::pin(async { None })
    }
}

/// How a server introduces itself.
#[derive(Clone, Debug)]
pub struct About {
    /// The name MCP clients see, `serverInfo.name`.
    pub name: String,
    /// The name operators see, `service` in `/health`.
    pub service: String,
    /// The name people read.
    pub title: String,
    /// The program's version.
    pub version: String,
    /// What a model should know before it uses the tools.
    pub instructions: String,
    /// Where people read more.
    pub website: Option<String>,
    /// Whether `resources/*` is offered.
    pub resources: bool,
    /// Whether `prompts/*` is offered.
    pub prompts: bool,
}

/// Tools as listed, with their wire form built once.
#[derive(Debug)]
pub struct ToolList {
    tools: Vec<Tool>,
    /// The JSON array of `tools`.
    json: Bytes,
    shared: bool,
}

impl ToolList {
    /// A list that is the same for every caller, so that a cache between may keep it.
    pub fn shared(tools: Vec<Tool>) -> Self {
        Self::build(tools, true)
    }

    /// A list that belongs to one caller.
    pub fn private(tools: Vec<Tool>) -> Self {
        Self::build(tools, false)
    }

    fn build(tools: Vec<Tool>, shared: bool) -> Self {
        let json = serde_json::to_vec(&tools).expect("tools have string keys only");
        Self {
            tools,
            json: json.into(),
            shared,
        }
    }

    /// The tools, in the order they are listed.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The JSON array of the tools.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// Whether every caller sees the same list.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// The tool with this name.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }
}

/// One call of one tool.
#[derive(Clone, Debug)]
pub struct ToolCall {
    /// The tool's name, as sent.
    pub name: String,
    /// The arguments, as sent; empty when none were sent.
    pub arguments: Map<String, Value>,
    /// Who asks.
    pub caller: Caller,
    /// The correlation id of the request, ours, for logs.
    pub request_id: Arc<str>,
    /// Whether the client can put a question to a person.
    pub can_ask: bool,
    /// The reply to the question of an earlier round, already checked to belong to this call.
    pub reply: Option<Reply>,
    /// Where progress is told; does nothing when the client did not ask for it.
    pub progress: Progress,
    /// Cancelled when the client gave up or the server stops.
    pub cancelled: CancellationToken,
}

/// What is known of a call before its way is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The tool's name, as sent.
    pub name: &'a str,
    /// The kind of conversation.
    pub era: Era,
    /// Whether the request says that its client can do anything beyond calling.
    pub capable: bool,
    /// Whether it goes on with an earlier round.
    pub round: bool,
    /// Whether its `_meta` has keys that not every request has.
    pub says_more: bool,
}

/// A message to a path below `/mcp`.
#[derive(Clone, Debug)]
pub struct Relayed {
    /// The path's name.
    pub name: String,
    /// Whose authority the request has.
    pub principal: Principal,
    /// The head of the request.
    pub request: Arc<Parts>,
    /// The correlation id of the request, ours, for logs.
    pub request_id: Arc<str>,
    /// The body, as sent.
    pub body: Bytes,
}

/// Who asks, and how.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The way the request came.
    pub transport: Transport,
    /// The kind of conversation.
    pub era: Era,
    /// The protocol revision in force, such as `2026-07-28`.
    pub protocol: Arc<str>,
    /// Whose authority the request has.
    pub principal: Principal,
    /// The head of the HTTP request; `None` on stdio.
    pub request: Option<Arc<Parts>>,
    /// The other end of the connection; behind a proxy, the proxy.
    pub peer: Option<SocketAddr>,
    /// The client program, when it said so.
    pub client: Option<ClientProgram>,
    /// The server-side session, when there is one.
    pub session: Option<Arc<str>>,
}

/// The way a request came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// Standard input and output of this process.
    Stdio,
    /// HTTP.
    Http,
}

/// The two kinds of MCP conversation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Era {
    /// 2024-11-05 … 2025-11-25: a handshake first.
    Handshake,
    /// From 2026-07-28: every request stands alone.
    Stateless,
}

/// Whose authority a request has. Sessions and pending questions belong to one principal.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Principal(Arc<str>);

impl Principal {
    /// The person at this machine.
    pub fn local() -> Self {
        Self(Arc::from("local"))
    }

    /// Nobody: owns no account.
    pub fn nobody() -> Self {
        Self(Arc::from(""))
    }

    /// A principal known by a key that no two principals share.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.0
    }
}

/// A client program's own account of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientProgram {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What became of a call.
#[derive(Debug)]
pub enum Answer {
    /// The tool ran, well or badly.
    Result(ToolResult),
    /// The tool needs a person's word first; the call is made again with [`ToolCall::reply`].
    Ask(Question),
    /// There is no tool of this name.
    UnknownTool {
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// The arguments are so wrong that the protocol's own error is due.
    InvalidParams(String),
    /// The protocol error of somebody behind the program, passed on as it is.
    Error(ErrorData),
    /// The HTTP answer itself says what is due, such as 401 with `WWW-Authenticate`.
    ///
    /// Where there is no HTTP answer to give, the body becomes a tool error.
    Http(HttpReply),
}

/// A tool's result.
#[derive(Clone, Debug, Default)]
pub struct ToolResult {
    /// What a model reads.
    pub content: Vec<ContentBlock>,
    /// The same as data.
    pub structured: Option<Box<RawValue>>,
    /// Whether the tool failed.
    pub is_error: bool,
    /// The result's `_meta`; empty for none.
    pub meta: Map<String, Value>,
    /// Keys to repeat beside `content` for scripts that read them there; empty for none.
    pub beside: Map<String, Value>,
}

impl ToolResult {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            content: vec![ContentBlock::text(text)],
            ..Self::default()
        }
    }

    /// A failure, explained.
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            is_error: true,
            ..Self::text(text)
        }
    }
}

/// A question for a person.
#[derive(Clone, Debug)]
pub struct Question {
    /// Tells the questions of one tool apart.
    pub key: String,
    /// What the person reads.
    pub message: String,
    /// The form: a JSON Schema object with flat properties.
    pub schema: Map<String, Value>,
    /// How a caller that cannot be asked can confirm, or why it cannot be done.
    pub otherwise: String,
}

/// A person's reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The question's key.
    pub key: String,
    /// What the person did.
    pub action: ReplyAction,
}

/// What a person did with a question.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyAction {
    /// Filled the form.
    Accepted(Map<String, Value>),
    /// Said no.
    Declined,
    /// Went away.
    Cancelled,
}

/// An HTTP answer made by the program.
#[derive(Clone, Debug)]
pub struct HttpReply {
    /// The status.
    pub status: StatusCode,
    /// Headers, `Content-Type` included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpReply {
    /// One with nothing but its status.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// One with a JSON body.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self {
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, JSON)]),
            body: Bytes::from(body.to_string()),
            ..Self::empty(status)
        }
    }

    /// A refusal: what is wrong and what to do.
    pub fn refusal(status: StatusCode, message: &str) -> Self {
        let error = status.canonical_reason().unwrap_or("Error");
        Self::json(status, &json!({ "error": error, "message": message }))
    }
}
