//! The MCP endpoint: one path, both eras, the short way and the long way.
//!
//! Invariant: who asks is settled before a body is read, and a request without a session never
//! gets one it did not ask for.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header, request::Parts};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorCode};
use serde_json::{Value, value::RawValue};
use tokio_util::sync::CancellationToken;

use super::{
    limits::{BodyFault, TimedBody, collect},
    reply::{answered_by_program, json_bytes, refusal, wrong_method},
    rmcp_door::{Door, Readable, SESSION_HEADER},
};
use crate::{
    Answer, Beginning, Caller, Era, Principal, Progress, Relayed, ToolCall, Transport,
    ask::Subject,
    handler::{cannot_ask, unknown_tool},
    lean::{
        checks::{Conversation, conversation},
        envelope::{self, AnyParams, CallParams, Message, Meta, Request},
        fault::{Fault, INVALID_PARAMS},
        respond,
    },
    shell::{Peer, RequestId, Shell},
};

/// The endpoint.
pub(crate) struct Endpoint {
    shell: Arc<Shell>,
    door: Door,
    body_bytes: usize,
}

/// A request's head, with what was found out about it.
pub(crate) struct Head {
    parts: Arc<Parts>,
    principal: Principal,
    readable: Readable,
}

impl Head {
    /// The head of one member of a batch, whose answers are never streams.
    pub(crate) fn for_member(&self) -> Self {
        let mut parts = (*self.parts).clone();
        parts.headers.remove(SESSION_HEADER);
        Self {
            parts: Arc::new(parts),
            principal: self.principal.clone(),
            readable: Readable { events: false },
        }
    }
}

impl Endpoint {
    pub(crate) fn new(shell: Arc<Shell>, door: Door, body_bytes: usize) -> Self {
        Self {
            shell,
            door,
            body_bytes,
        }
    }

    /// Answers a request to the endpoint.
    pub(crate) async fn answer<B>(&self, mut parts: Parts, body: TimedBody<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let streams = parts.method == Method::GET || parts.method == Method::DELETE;
        let relayed = parts
            .uri
            .path()
            .strip_prefix("/mcp/")
            .filter(|name| self.shell.tools.relays(name))
            .map(str::to_owned);
        if relayed.is_some() && parts.method != Method::POST {
            return wrong_method("POST");
        }
        if parts.method != Method::POST && !(streams && self.door.has_sessions()) {
            return wrong_method(if self.door.has_sessions() {
                "GET, POST, DELETE"
            } else {
                "POST"
            });
        }
        let principal = match self.shell.tools.admit(&mut parts).await {
            Ok(principal) => principal,
            Err(reply) => return answered_by_program(reply),
        };
        parts.extensions.insert(principal.clone());
        if streams {
            return match self.door.session(&parts, &principal).await {
                Ok(_) => self.door.within(&parts, Bytes::new(), None).await,
                Err(fault) => fault.response(None),
            };
        }
        if !is_json(&parts.headers) {
            return refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a message is sent with Content-Type: application/json",
            );
        }
        let Some(readable) = readable(&parts.headers) else {
            return refusal(
                StatusCode::NOT_ACCEPTABLE,
                "answers are application/json, or text/event-stream where both are accepted",
            );
        };
        let body = match collect(body, self.body_bytes).await {
            Ok(body) => body,
            Err(fault) => return unread(fault, self.body_bytes),
        };
        if let Some(name) = relayed {
            let reply = self.shell.tools.relay(Relayed {
                name,
                principal,
                request_id: request_id(&parts),
                request: Arc::new(parts),
                body,
            });
            return answered_by_program(reply.await);
        }
        let head = Head {
            parts: Arc::new(parts),
            principal,
            readable,
        };
        if envelope::is_batch(&body) {
            self.batch(&head, &body).await
        } else {
            self.message(&head, &body).await
        }
    }

    /// Answers one message.
    pub(crate) async fn message(&self, head: &Head, body: &Bytes) -> Response<Body> {
        match envelope::read(body) {
            Err(unreadable) => unreadable.fault.response(unreadable.id),
            Ok(Message::Request(request)) => match self.request(head, body, &request).await {
                Ok(response) => response,
                Err(fault) => fault.response(Some(request.id)),
            },
            Ok(Message::Notification) => {
                match self.door.session(&head.parts, &head.principal).await {
                    Ok(true) => self.door.within(&head.parts, body.clone(), None).await,
                    Ok(false) => {
                        self.door
                            .alone(&head.parts, body.clone(), None, head.readable)
                            .await
                    }
                    Err(fault) => fault.response(None),
                }
            }
            Ok(Message::Reply) => match self.door.session(&head.parts, &head.principal).await {
                Ok(true) => self.door.within(&head.parts, body.clone(), None).await,
                Ok(false) => {
                    Fault::invalid_request("without a session there is nothing to reply to")
                        .response(None)
                }
                Err(fault) => fault.response(None),
            },
        }
    }

    /// Whether batches belong to the conversation of this request.
    pub(crate) fn takes_batches(head: &Head) -> bool {
        head.parts
            .headers
            .get("mcp-protocol-version")
            .is_none_or(|version| version == "2025-03-26" || version == "2024-11-05")
    }

    async fn request(
        &self,
        head: &Head,
        body: &Bytes,
        request: &Request<'_>,
    ) -> Result<Response<Body>, Fault> {
        if request.method == "tools/call" {
            let params: CallParams<'_> = envelope::params(request)?;
            let conversation =
                self.conversation(head, request, params.meta.as_ref(), Some(&params.name))?;
            let progress =
                head.readable.events && params.meta.as_ref().is_some_and(Meta::wants_progress);
            let session = self.session(head, &conversation).await?;
            if session || progress || !self.goes_short(&params, conversation.era) {
                let way = if session {
                    Way::Session
                } else {
                    Way::Alone(conversation.era)
                };
                return self.long_way(head, body, request, way).await;
            }
            return self.call(head, request, conversation, params).await;
        }
        let params: AnyParams<'_> = envelope::params(request)?;
        let name = match request.method {
            "prompts/get" => params.name.as_ref(),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                params.uri.as_ref()
            }
            "tasks/get" | "tasks/update" | "tasks/cancel" => params.task_id.as_ref(),
            _ => None,
        };
        let conversation = self.conversation(
            head,
            request,
            params.meta.as_ref(),
            name.map(|name| name.0.as_ref()),
        )?;
        if request.method == "initialize" {
            let declared = params.meta.as_ref().and_then(Meta::version).is_some();
            return self.initialize(head, body, request, declared).await;
        }
        if self.session(head, &conversation).await? {
            return self.long_way(head, body, request, Way::Session).await;
        }
        match request.method {
            "tools/list" if params.cursor.is_none() => {
                let caller = Self::caller(head, &conversation, params.meta.as_ref());
                if let Some(first) = self.shell.tools.before_list() {
                    first.await;
                }
                let list = self.shell.tools.list(&caller);
                Ok(json_bytes(
                    StatusCode::OK,
                    respond::tools(request.id, conversation.era, &list),
                ))
            }
            "ping" if conversation.era == Era::Handshake => {
                Ok(json_bytes(StatusCode::OK, respond::empty(request.id)))
            }
            _ => {
                self.long_way(head, body, request, Way::Alone(conversation.era))
                    .await
            }
        }
    }

    /// Whether a call can take the short way, as far as the program is concerned.
    fn goes_short(&self, params: &CallParams<'_>, era: Era) -> bool {
        let tools = &self.shell.tools;
        tools.stands_alone(&params.name)
            && tools.goes_short(&Beginning {
                name: &params.name,
                era,
                capable: params.meta.as_ref().is_some_and(Meta::claims_capabilities),
                round: params.request_state.is_some() || params.input_responses.is_some(),
                says_more: params.meta.as_ref().is_some_and(Meta::says_more),
            })
    }

    fn conversation(
        &self,
        head: &Head,
        request: &Request<'_>,
        meta: Option<&Meta<'_>>,
        name: Option<&str>,
    ) -> Result<Conversation, Fault> {
        let _ = self;
        conversation(&head.parts.headers, request, meta, name)
    }

    /// Whether the request belongs to a session; sessions are unknown to the stateless era.
    async fn session(&self, head: &Head, conversation: &Conversation) -> Result<bool, Fault> {
        match conversation.era {
            Era::Stateless => Ok(false),
            Era::Handshake => self.door.session(&head.parts, &head.principal).await,
        }
    }

    async fn initialize(
        &self,
        head: &Head,
        body: &Bytes,
        request: &Request<'_>,
        declared: bool,
    ) -> Result<Response<Body>, Fault> {
        // With a declared revision it is a method of the past, and the library says so.
        if !declared {
            fits(body, request)?;
        }
        Ok(if self.door.has_sessions() && head.readable.events {
            self.door
                .open(&head.parts, body.clone(), Some(request.id), &head.principal)
                .await
        } else {
            self.door
                .alone(&head.parts, body.clone(), Some(request.id), head.readable)
                .await
        })
    }

    async fn long_way(
        &self,
        head: &Head,
        body: &Bytes,
        request: &Request<'_>,
        way: Way,
    ) -> Result<Response<Body>, Fault> {
        let gone = way == Way::Alone(Era::Stateless) && GONE_METHODS.contains(&request.method);
        if !gone {
            fits(body, request)?;
        }
        Ok(if way == Way::Session {
            self.door
                .within(&head.parts, body.clone(), Some(request.id))
                .await
        } else {
            self.door
                .alone(&head.parts, body.clone(), Some(request.id), head.readable)
                .await
        })
    }

    /// Runs a tool the short way.
    async fn call(
        &self,
        head: &Head,
        request: &Request<'_>,
        conversation: Conversation,
        params: CallParams<'_>,
    ) -> Result<Response<Body>, Fault> {
        let caller = Self::caller(head, &conversation, params.meta.as_ref());
        let arguments = params.arguments.unwrap_or_default();
        let state = params.request_state.as_ref().map(|state| state.0.as_ref());
        let reply = if state.is_some() || params.input_responses.is_some() {
            let subject = Subject {
                principal: &caller.principal,
                tool: &params.name,
                arguments: &arguments,
            };
            self.shell
                .asker
                .reply(subject, state, params.input_responses.as_ref())
                .await
                .map_err(Fault::invalid_params)?
        } else {
            None
        };
        let can_ask =
            conversation.era == Era::Stateless && params.meta.as_ref().is_some_and(Meta::can_ask);
        let call = ToolCall {
            name: params.name.into_owned(),
            arguments,
            request_id: request_id(&head.parts),
            can_ask,
            reply,
            progress: Progress::silent(),
            cancelled: CancellationToken::new(),
            caller,
        };
        // A question must be sealed to the call that asked it.
        let subject = can_ask.then(|| (call.name.clone(), call.arguments.clone()));
        let name = call.name.clone();
        let answer = self.shell.run(call).await.map_err(|_| Fault::internal())?;
        let body = match answer {
            Answer::Result(result) => respond::result(request.id, conversation.era, &result),
            Answer::Ask(question) => match subject {
                None => respond::result(request.id, conversation.era, &cannot_ask(&question)),
                Some((tool, arguments)) => {
                    let subject = Subject {
                        principal: &head.principal,
                        tool: &tool,
                        arguments: &arguments,
                    };
                    let state = self.shell.asker.seal(subject, &question).map_err(|error| {
                        tracing::error!(%error, "the state of a question could not be sealed");
                        Fault::internal()
                    })?;
                    respond::input_required(request.id, &question, &state)
                }
            },
            Answer::UnknownTool { nearest } => {
                return Err(Fault::invalid_params(unknown_tool(
                    &name,
                    nearest.as_deref(),
                )));
            }
            Answer::InvalidParams(why) => return Err(Fault::invalid_params(why)),
            Answer::Error(error) => {
                let status = match (conversation.era, error.code) {
                    (Era::Stateless, ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY) => {
                        StatusCode::BAD_REQUEST
                    }
                    _ => StatusCode::OK,
                };
                return Err(Fault {
                    data: error.data,
                    ..Fault::new(status, error.code.0, error.message)
                });
            }
            Answer::Http(reply) => return Ok(answered_by_program(reply)),
        };
        let body = body.map_err(|error| {
            tracing::error!(%error, tool = name, "a tool's result could not be written");
            Fault::internal()
        })?;
        Ok(json_bytes(StatusCode::OK, body))
    }

    fn caller(head: &Head, conversation: &Conversation, meta: Option<&Meta<'_>>) -> Caller {
        Caller {
            transport: Transport::Http,
            era: conversation.era,
            protocol: conversation.protocol.into(),
            principal: head.principal.clone(),
            peer: head.parts.extensions.get::<Peer>().map(|peer| peer.0),
            request: Some(Arc::clone(&head.parts)),
            client: meta.and_then(Meta::client),
            session: None,
        }
    }
}

/// How the library is to take a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// By itself.
    Alone(Era),
    /// As part of a session.
    Session,
}

/// Methods that the stateless era has no more; the library says so whatever their parameters are.
const GONE_METHODS: [&str; 4] = [
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
];

/// Refuses parameters that do not fit a method of the protocol.
///
/// The library takes such a request for one of another protocol and knows no such method.
fn fits(body: &Bytes, request: &Request<'_>) -> Result<(), Fault> {
    let misfit = || Fault::invalid_params(format!("the parameters do not fit {}", request.method));
    match serde_json::from_slice::<ClientJsonRpcMessage>(body) {
        Ok(ClientJsonRpcMessage::Request(read)) => match read.request {
            ClientRequest::CustomRequest(_) if KNOWN_METHODS.contains(&request.method) => {
                Err(misfit())
            }
            _ => Ok(()),
        },
        Ok(_) => Err(misfit()),
        Err(_) => Err(misfit().with_status(StatusCode::BAD_REQUEST)),
    }
}

const KNOWN_METHODS: [&str; 15] = [
    "initialize",
    "server/discover",
    "ping",
    "completion/complete",
    "logging/setLevel",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
];

fn request_id(parts: &Parts) -> Arc<str> {
    parts
        .extensions
        .get::<RequestId>()
        .map_or_else(|| Arc::from(""), |id| Arc::clone(&id.0))
}

fn unread(fault: BodyFault, limit: usize) -> Response<Body> {
    match fault {
        BodyFault::Large => refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!(
                "a request body has at most {limit} bytes here; send large files in parts or by link"
            ),
        ),
        BodyFault::Slow => refusal(StatusCode::REQUEST_TIMEOUT, &fault.to_string()),
        BodyFault::Broken => refusal(StatusCode::BAD_REQUEST, &fault.to_string()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    kind.to_str()
        .is_ok_and(|kind| essence(kind).eq_ignore_ascii_case("application/json"))
}

/// What the client can read; `None` when it wants neither of what there is.
fn readable(headers: &HeaderMap) -> Option<Readable> {
    if !headers.contains_key(header::ACCEPT) {
        return Some(Readable { events: false });
    }
    let (mut json, mut events) = (false, false);
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let refused = range.split(';').skip(1).any(|parameter| {
                matches!(parameter.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
            });
            if refused {
                continue;
            }
            match essence(range).to_ascii_lowercase().as_str() {
                "application/json" | "application/*" | "*/*" => json = true,
                "text/event-stream" => events = true,
                _ => {}
            }
        }
    }
    json.then_some(Readable { events })
}

fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// The error of a batch member that the program answered over HTTP.
pub(crate) fn as_member(reply: &Bytes, id: Option<&RawValue>) -> Vec<u8> {
    let words = serde_json::from_slice::<Value>(reply)
        .ok()
        .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "this member of the batch must be sent alone".to_owned());
    Fault::new(StatusCode::OK, INVALID_PARAMS, words).body(id)
}
