//! `POST /mcp/SERVER`: one server behind the hub, in the words of its caller.
//!
//! Ids, results, unknown keys and errors pass as they are; a call of a tool passes the pipeline's
//! checks first. A server that cannot be asked is a JSON-RPC error under status 200, because
//! clients of MCP read the reason only there; only what is no JSON-RPC at all gets another status.
//! Invariant: a caller relays as itself, with the same checks as at `/mcp`.

use std::{sync::Arc, time::Instant};

use http::StatusCode;
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
            return HttpReply::json(StatusCode::BAD_REQUEST, &failed(&Value::Null, &error));
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
    let answer = match message {
        Value::Array(members) if members.is_empty() || members.len() > MOST => {
            let error = format!("a batch has 1 to {MOST} messages");
            let error = ErrorData::invalid_request(error, None);
            return HttpReply::json(StatusCode::BAD_REQUEST, &failed(&Value::Null, &error));
        }
        Value::Array(members) => {
            let mut answers = Vec::new();
            for member in members {
                answers.extend(asker.answer(member).await);
            }
            (!answers.is_empty()).then_some(Value::Array(answers))
        }
        Value::Object(_) => asker.answer(message).await,
        _ => {
            let answer = failed(&Value::Null, &no_message());
            return HttpReply::json(StatusCode::BAD_REQUEST, &answer);
        }
    };
    answer.map_or_else(
        || HttpReply::empty(StatusCode::ACCEPTED),
        |answer| HttpReply::json(StatusCode::OK, &answer),
    )
}

/// One caller that relays to one server.
struct Asker<'a> {
    hub: &'a Hub,
    server: ServerName,
    actor: Arc<Actor>,
    cancelled: CancellationToken,
}

impl Asker<'_> {
    /// The answer to one message; none to a notification or a reply: the conversation with the
    /// server is the hub's own, in which no words of a caller's have a place but its requests.
    async fn answer(&self, message: Value) -> Option<Value> {
        let begun = Instant::now();
        let id = message.get("id").filter(|id| !id.is_null()).cloned();
        let method = match message.get("method") {
            Some(Value::String(method)) => method.clone(),
            None if message.get("result").is_some() || message.get("error").is_some() => {
                return None;
            }
            _ => return Some(failed(&id.unwrap_or_default(), &no_message())),
        };
        let Some(id) = id else {
            tracing::debug!(server = %self.server, method, "a notification has no place here");
            return None;
        };
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
        // What is checked is what is sent: arguments in another form would pass unseen.
        let arguments = match params.get("arguments") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(arguments)) => arguments.clone(),
            Some(_) => {
                let error = "the arguments of a tool are a JSON object";
                return Err(ErrorData::invalid_params(error, None));
            }
        };
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
        Err(Box::new(HttpReply::refusal(
            StatusCode::NOT_FOUND,
            &format!("no server of this name is configured{meant}"),
        )))
    }
}

fn failed(id: &Value, error: &ErrorData) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

fn no_message() -> ErrorData {
    ErrorData::invalid_request(
        "a JSON-RPC message is a JSON object with a method, or with a result or an error",
        None,
    )
}
