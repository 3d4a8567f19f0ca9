//! `POST /mcp/SERVER`: one server behind the hub, in the words of its caller.
//!
//! Ids, results, unknown keys and errors pass as they are; a call of a tool passes the pipeline's
//! checks first. A server that cannot be asked is a JSON-RPC error under status 200, because
//! clients of MCP read the reason only there; only what is no JSON-RPC at all gets another status.
//! Invariant: a caller relays as itself, with the same checks as at `/mcp`.

use std::{sync::Arc, time::Instant};

use axum::body::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mcp_service::{Era, HttpReply, Relayed};
use rmcp::{
    ErrorData,
    model::{InitializeResult, ProtocolVersion, Tool},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{Hub, bridge::object, callers::actor_of, own, results};
use crate::{
    Actor, Fault, ServerName,
    catalogue::{Access, HubTool, Standing},
    upstream::Scope,
};

/// Messages of a batch.
const MOST: usize = 64;
/// The newest revision that begins with a handshake.
const NEWEST_HANDSHAKE: &str = "2025-11-25";

/// Answers a message to a path below `/mcp`.
pub(super) async fn relay(hub: &Hub, relayed: Relayed) -> HttpReply {
    let server = match hub.relayable(&relayed.name) {
        Ok(server) => server,
        Err(reply) => return *reply,
    };
    let message: Value = match serde_json::from_slice(&relayed.body) {
        Ok(message) => message,
        Err(error) => {
            let error = ErrorData::parse_error(
                format!(
                    "the body is not valid JSON, from line {} column {}",
                    error.line(),
                    error.column()
                ),
                None,
            );
            return reply(StatusCode::BAD_REQUEST, &failed(&Value::Null, &error));
        }
    };
    let actor = actor_of(Some(&relayed.request));
    // A caller that goes away drops this future, and with it the guard.
    let cancelled = CancellationToken::new();
    let _left = cancelled.clone().drop_guard();
    let asker = Asker {
        hub,
        server,
        actor,
        cancelled,
    };
    match message {
        Value::Array(members) if !members.is_empty() && members.len() <= MOST => {
            let mut answers = Vec::new();
            for member in members {
                answers.extend(asker.answer(member).await);
            }
            if answers.is_empty() {
                accepted()
            } else {
                reply(StatusCode::OK, &Value::Array(answers))
            }
        }
        Value::Object(_) => match asker.answer(message).await {
            Some(answer) => reply(StatusCode::OK, &answer),
            None => accepted(),
        },
        _ => {
            let error = ErrorData::invalid_request("a JSON-RPC message is a JSON object", None);
            reply(StatusCode::BAD_REQUEST, &failed(&Value::Null, &error))
        }
    }
}

/// One caller that relays to one server.
struct Asker<'a> {
    hub: &'a Hub,
    server: ServerName,
    actor: Arc<Actor>,
    cancelled: CancellationToken,
}

impl Asker<'_> {
    /// The answer to one message; none to a notification or a reply.
    async fn answer(&self, message: Value) -> Option<Value> {
        let begun = Instant::now();
        let method = message.get("method")?.as_str()?.to_owned();
        let id = message.get("id").filter(|id| !id.is_null())?.clone();
        let tool = (method == "tools/call")
            .then(|| message.pointer("/params/name").and_then(Value::as_str))
            .flatten()
            .unwrap_or_default()
            .to_owned();
        let answer = match method.as_str() {
            "initialize" => self.initialize(&id, &message).await,
            "tools/call" => self.call(&id, message).await,
            _ => match self.dressed(message).await {
                Ok(message) => self.pass(message).await,
                Err(error) => Err(error),
            },
        };
        let answer = answer.unwrap_or_else(|error| failed(&id, &error));
        tracing::info!(
            server = %self.server,
            method,
            tool,
            caller = %self.actor.name,
            duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome = if answer.get("error").is_some() { "error" } else { "answered" },
            "Request relayed"
        );
        Some(answer)
    }

    /// Greets for the server: the hub keeps the conversation with it, and a caller needs none.
    async fn initialize(&self, id: &Value, message: &Value) -> Result<Value, ErrorData> {
        let info = self
            .hub
            .options
            .servers
            .ensure(&self.server, &self.scope())
            .await
            .map_err(|fault| results::error(&fault))?;
        let wanted = message
            .pointer("/params/protocolVersion")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let spoken = ProtocolVersion::KNOWN_VERSIONS
            .iter()
            .map(ProtocolVersion::as_str)
            .find(|known| *known == wanted && *known <= NEWEST_HANDSHAKE)
            .unwrap_or(NEWEST_HANDSHAKE);
        let mut result =
            InitializeResult::new(info.capabilities.clone()).with_server_info(info.program.clone());
        result.instructions.clone_from(&info.instructions);
        let mut result = serde_json::to_value(result)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        result["protocolVersion"] = json!(spoken);
        Ok(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
    }

    async fn pass(&self, message: Value) -> Result<Value, ErrorData> {
        self.hub
            .options
            .servers
            .relay(&self.server, message, &self.scope())
            .await
            .map_err(|fault: Fault| results::error(&fault))
    }

    /// The message with what a program on a pipe that speaks the stateless era needs in each: the
    /// hub has agreed on that era with it, and the caller may know nothing of it.
    async fn dressed(&self, mut message: Value) -> Result<Value, ErrorData> {
        let on_pipe = self
            .hub
            .options
            .config
            .servers
            .get(&self.server)
            .is_some_and(|config| config.command.is_some());
        if !on_pipe {
            return Ok(message);
        }
        let info = self
            .hub
            .options
            .servers
            .ensure(&self.server, &self.scope())
            .await
            .map_err(|fault| results::error(&fault))?;
        if info.era == Era::Stateless
            && let Some(message) = message.as_object_mut()
            && let Some(params) = message
                .entry("params")
                .or_insert_with(|| json!({}))
                .as_object_mut()
            && let Some(meta) = params
                .entry("_meta")
                .or_insert_with(|| json!({}))
                .as_object_mut()
        {
            let own = [
                ("protocolVersion", json!(info.protocol)),
                ("clientCapabilities", json!({})),
                (
                    "clientInfo",
                    json!({ "name": "core-agent", "version": env!("CARGO_PKG_VERSION") }),
                ),
            ];
            for (key, value) in own {
                meta.entry(format!("io.modelcontextprotocol/{key}"))
                    .or_insert(value);
            }
        }
        Ok(message)
    }

    /// A call of a tool, which passes the pipeline.
    async fn call(&self, id: &Value, message: Value) -> Result<Value, ErrorData> {
        let params = message
            .get("params")
            .cloned()
            .map(object)
            .unwrap_or_default();
        let name = params
            .get("name")
            .and_then(Value::as_str)
            .ok_or_else(|| ErrorData::invalid_params("the name of a tool is needed", None))?;
        let arguments = params
            .get("arguments")
            .cloned()
            .map(object)
            .unwrap_or_default();
        let tool = self.hub.tool_of(&self.server, name).await;
        let message = self.dressed(message.clone()).await?;
        self.hub
            .call_relayed(tool, arguments, message, self.scope())
            .await
            .map(|mut answer| {
                if let Value::Object(answer) = &mut answer {
                    answer.insert("id".into(), id.clone());
                }
                answer
            })
    }

    fn scope(&self) -> Scope {
        Scope {
            actor: Arc::clone(&self.actor),
            client: None,
            cancelled: self.cancelled.clone(),
            patience: self.hub.patience_with(&self.server),
            meta: Map::new(),
        }
    }
}

impl Hub {
    /// The tool a server calls so. One it does not list is called too, as one that may do
    /// anything: some servers take names they do not show.
    async fn tool_of(&self, server: &ServerName, name: &str) -> Arc<HubTool> {
        if let Some(tool) = self.view().tool_of(server, name) {
            return Arc::clone(tool);
        }
        if self.options.catalogue.known(server).is_none() {
            own::ensure_all(self, std::slice::from_ref(server)).await;
        }
        if let Some(tool) = self.view().tool_of(server, name) {
            return Arc::clone(tool);
        }
        let unlisted = Tool::new(name.to_owned(), "", Map::new());
        let mut listed = unlisted.clone();
        listed.name = format!("{server}__{name}").into();
        Arc::new(HubTool {
            server: server.clone(),
            original: unlisted,
            listed,
            access: Access::Destructive,
            idempotent: false,
            categories: Vec::new(),
            fingerprint: String::new(),
            standing: Standing::Pinned,
            findings: Vec::new(),
        })
    }

    fn relayable(&self, name: &str) -> Result<ServerName, Box<HttpReply>> {
        let names = self.options.servers.names();
        if let Some(server) = names.iter().find(|server| server.as_str() == name) {
            return Ok(server.clone());
        }
        let nearest = foundation::nearest(name, names.iter().map(ServerName::as_str));
        let meant = nearest
            .map(|near| format!("; did you mean /mcp/{near}?"))
            .unwrap_or_default();
        Err(Box::new(reply(
            StatusCode::NOT_FOUND,
            &json!({
                "error": "Not Found",
                "message": format!("no server of this name is configured{meant}"),
            }),
        )))
    }
}

fn failed(id: &Value, error: &ErrorData) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

fn accepted() -> HttpReply {
    HttpReply {
        status: StatusCode::ACCEPTED,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

fn reply(status: StatusCode, body: &Value) -> HttpReply {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    HttpReply {
        status,
        headers,
        body: Bytes::from(body.to_string()),
    }
}
