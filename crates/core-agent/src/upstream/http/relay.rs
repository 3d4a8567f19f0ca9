//! Messages of somebody else, passed on as they are and their answers as they come.
//!
//! The server's session is ours: opened when first needed, opened anew when the server forgot it.
//! Invariant: ids, results and errors are the server's and the caller's own.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};
use tokio::sync::Mutex as Turn;

use crate::{
    Actor, Effect, Fault, FaultKind,
    upstream::{Scope, server::Base},
};

use super::{
    HttpDoor,
    carry::{BOTH, EVENTS, JSON, SESSION, content_type, session_of},
    events::{events, is_too_large},
    send::Letter,
};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// How long the opening of a session may take.
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// The relay to one side of a server.
pub(in crate::upstream) struct Relay {
    door: Arc<HttpDoor>,
    actor: Arc<Actor>,
    base: Arc<Base>,
    session: Mutex<Option<Session>>,
    opening: Turn<()>,
}

/// How the server wants to be spoken to.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Session {
    id: Option<String>,
    version: Option<String>,
    /// Whether messages must say themselves what a session would.
    stateless: bool,
}

/// What a post came to.
enum Posted {
    Answer(Value),
    Forgotten,
}

impl Relay {
    pub(in crate::upstream) fn new(
        door: Arc<HttpDoor>,
        actor: Arc<Actor>,
        base: Arc<Base>,
    ) -> Self {
        Self {
            door,
            actor,
            base,
            session: Mutex::new(None),
            opening: Turn::new(()),
        }
    }

    /// Passes a request on and its answer back.
    pub(in crate::upstream) async fn exchange(
        &self,
        message: Value,
        scope: &Scope,
    ) -> Result<Value, Fault> {
        let server = &self.base.name;
        tokio::select! {
            biased;
            () = scope.cancelled.cancelled() => {
                Err(Fault::after(server, FaultKind::Cancelled, "the caller gave up"))
            }
            answer = self.pass(message, scope) => answer,
            () = tokio::time::sleep(scope.patience.cap) => {
                Err(Fault::after(server, FaultKind::TimedOut, "no answer in time"))
            }
        }
    }

    async fn pass(&self, message: Value, scope: &Scope) -> Result<Value, Fault> {
        let asks = message.get("id").is_some_and(|id| !id.is_null())
            && message.get("method").is_some_and(Value::is_string);
        if !asks {
            return Err(self.odd("the message is no JSON-RPC request: it needs an id and a method"));
        }
        // Who brings the era's own words, or opens a session, needs none of ours.
        let own = version_of(&message).is_some() || method_of(&message) == "initialize";
        if own {
            return match self.post(&message, None, scope).await? {
                Posted::Answer(answer) => Ok(answer),
                Posted::Forgotten => Err(self.odd("it knows no session, and none was asked for")),
            };
        }
        let session = self.session().await?;
        match self.post(&message, Some(&session), scope).await? {
            Posted::Answer(answer) => Ok(answer),
            Posted::Forgotten => {
                self.forget(&session);
                let session = self.session().await?;
                match self.post(&message, Some(&session), scope).await? {
                    Posted::Answer(answer) => Ok(answer),
                    Posted::Forgotten => Err(Fault::before(
                        &self.base.name,
                        FaultKind::Closed,
                        "it forgets every session at once",
                    )),
                }
            }
        }
    }

    async fn post(
        &self,
        message: &Value,
        session: Option<&Session>,
        scope: &Scope,
    ) -> Result<Posted, Fault> {
        let mut changed = None;
        let mut headers = HeaderMap::new();
        match session {
            Some(session) if session.stateless => {
                let mut own = message.clone();
                speak_new(&mut own);
                self.new_era(&mut headers, &own)?;
                changed = Some(own);
            }
            Some(session) => {
                if let Some(id) = &session.id {
                    headers.insert(SESSION, self.door.value("mcp-session-id", id, true)?);
                }
                if let Some(version) = &session.version {
                    let value = self.door.value("mcp-protocol-version", version, false)?;
                    headers.insert(VERSION, value);
                }
            }
            None if version_of(message).is_some() => self.new_era(&mut headers, message)?,
            None => {}
        }
        let actor = &scope.actor;
        let response = self
            .send(changed.as_ref().unwrap_or(message), headers, actor)
            .await?;
        let status = response.status();
        let in_session = session.is_some_and(|session| session.id.is_some());
        if in_session && status == StatusCode::NOT_FOUND {
            return Ok(Posted::Forgotten);
        }
        self.answer(response, message).await.map(Posted::Answer)
    }

    async fn send(
        &self,
        message: &Value,
        mut headers: HeaderMap,
        actor: &Actor,
    ) -> Result<Response, Fault> {
        headers.insert(header::ACCEPT, BOTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        let operation = method_of(message);
        let letter = Letter {
            method: Method::POST,
            body: Bytes::from(message.to_string()),
            headers,
            actor,
            operation,
        };
        self.door.send(letter).await
    }

    /// The answer as the server gave it.
    async fn answer(&self, response: Response, asked: &Value) -> Result<Value, Fault> {
        let status = response.status();
        let kind = content_type(&response);
        if status.is_success() && kind.starts_with(EVENTS) {
            return self.answer_among_events(response, asked).await;
        }
        if !status.is_success() {
            let (fault, body) = self
                .door
                .refusal(response, self.door.clock().as_ref())
                .await;
            // Its own error says more than the status.
            return match serde_json::from_slice::<Value>(&body) {
                Ok(said) if said.get("error").is_some() && fault.effect != Effect::None => Ok(said),
                _ => Err(fault),
            };
        }
        let body = self.door.body(response).await?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|error| self.door.not_mcp(format!("its answer is no JSON: {error}")))?;
        if is_answer(&answer, asked) {
            Ok(answer)
        } else {
            Err(self.door.not_mcp("its answer is not one to this question"))
        }
    }

    async fn answer_among_events(&self, response: Response, asked: &Value) -> Result<Value, Fault> {
        let mut stream = events(response.bytes_stream(), self.door.answer_bytes);
        while let Some(event) = stream.next().await {
            let event = event.map_err(|error| {
                if is_too_large(&error) {
                    self.door.too_large()
                } else {
                    let what = format!("the connection broke off: {error}");
                    Fault::after(&self.base.name, FaultKind::Closed, what)
                }
            })?;
            let Some(data) = event.data.filter(|data| !data.trim().is_empty()) else {
                continue;
            };
            let Ok(said) = serde_json::from_str::<Value>(&data) else {
                continue;
            };
            if is_answer(&said, asked) {
                return Ok(said);
            }
        }
        let what = "the stream ended before the answer";
        Err(Fault::after(&self.base.name, FaultKind::Closed, what))
    }

    /// The session to use, opened by one caller for all.
    async fn session(&self) -> Result<Session, Fault> {
        if let Some(session) = self.known() {
            return Ok(session);
        }
        let _turn = self.opening.lock().await;
        if let Some(session) = self.known() {
            return Ok(session);
        }
        let opened = tokio::time::timeout(OPEN_WITHIN, self.open()).await;
        let session = opened.unwrap_or_else(|_| {
            let what = "it did not open a session in time";
            Err(Fault::before(&self.base.name, FaultKind::TimedOut, what))
        })?;
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        Ok(session)
    }

    async fn open(&self) -> Result<Session, Fault> {
        let hello = json!({
            "jsonrpc": "2.0",
            "id": "relay-opening",
            "method": "initialize",
            "params": {
                "protocolVersion": ProtocolVersion::LATEST_WITH_INITIALIZE.as_str(),
                "capabilities": {},
                "clientInfo": {"name": "core-agent", "version": env!("CARGO_PKG_VERSION")},
            },
        });
        let bare = Session {
            id: None,
            version: None,
            stateless: false,
        };
        let response = match self.send(&hello, HeaderMap::new(), &self.actor).await {
            Ok(response) => response,
            Err(fault) => {
                return Err(Fault {
                    effect: Effect::None,
                    ..fault
                });
            }
        };
        let id = session_of(&response);
        let refusal = response.status();
        let answer = match self.answer(response, &hello).await {
            Ok(answer) => answer,
            Err(fault) => {
                // A server that takes single messages only knows no such question.
                let bare_one = matches!(
                    refusal,
                    StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED
                );
                let next = if bare_one { Ok(bare) } else { Err(fault) };
                return next.map_err(|fault| Fault {
                    effect: Effect::None,
                    ..fault
                });
            }
        };
        if let Some(error) = answer.get("error") {
            let unsupported = error.get("code").and_then(Value::as_i64) == Some(-32_022)
                || error.pointer("/data/supported").is_some();
            return Ok(Session {
                stateless: unsupported,
                ..bare
            });
        }
        let version = answer
            .pointer("/result/protocolVersion")
            .and_then(Value::as_str);
        let session = Session {
            id,
            version: version.map(str::to_owned),
            stateless: false,
        };
        let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let mut headers = HeaderMap::new();
        if let Some(id) = &session.id {
            headers.insert(SESSION, self.door.value("mcp-session-id", id, true)?);
        }
        if let Some(version) = &session.version {
            headers.insert(
                VERSION,
                self.door.value("mcp-protocol-version", version, false)?,
            );
        }
        // Whether it minds is seen with the first message.
        self.send(&done, headers, &self.actor).await?;
        Ok(session)
    }

    fn known(&self) -> Option<Session> {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Opens a session anew with the next message.
    pub(in crate::upstream) fn begin_anew(&self) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn forget(&self, session: &Session) {
        let mut known = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() == Some(session) {
            *known = None;
        }
    }

    fn new_era(&self, headers: &mut HeaderMap, message: &Value) -> Result<(), Fault> {
        let params = message.get("params");
        let version = version_of(message).unwrap_or(ProtocolVersion::LATEST.as_str());
        headers.insert(
            VERSION,
            self.door.value("mcp-protocol-version", version, false)?,
        );
        let method = method_of(message);
        headers.insert(METHOD, self.door.value("mcp-method", method, false)?);
        let key = match method {
            "tools/call" | "prompts/get" => "name",
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
            "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
            _ => return Ok(()),
        };
        if let Some(name) = params
            .and_then(|params| params.get(key))
            .and_then(Value::as_str)
        {
            headers.insert(NAME, self.door.value("mcp-name", &plain(name), false)?);
        }
        Ok(())
    }

    fn odd(&self, what: &str) -> Fault {
        Fault::before(&self.base.name, FaultKind::Protocol, what)
    }
}

/// A name as it fits a header.
fn plain(name: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let fits = name.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        && name.trim() == name
        && !name.starts_with("=?base64?");
    if fits {
        name.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(name))
    }
}

/// Says beside the message what the new era wants said with each.
fn speak_new(message: &mut Value) {
    let Some(message) = message.as_object_mut() else {
        return;
    };
    let params = message.entry("params").or_insert_with(|| json!({}));
    let Some(params) = params.as_object_mut() else {
        return;
    };
    let meta = params.entry("_meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else {
        return;
    };
    meta.entry(META_VERSION)
        .or_insert_with(|| json!(ProtocolVersion::LATEST.as_str()));
    meta.entry(META_CAPABILITIES).or_insert_with(|| json!({}));
}

fn version_of(message: &Value) -> Option<&str> {
    message
        .get("params")?
        .get("_meta")?
        .get(META_VERSION)?
        .as_str()
}

fn method_of(message: &Value) -> &str {
    message
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn is_answer(said: &Value, asked: &Value) -> bool {
    let ends = said.get("result").is_some() || said.get("error").is_some();
    let id = said.get("id").unwrap_or(&Value::Null);
    ends && (id.is_null() || Some(id) == asked.get("id"))
}
