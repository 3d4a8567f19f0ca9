//! Asking one server in raw messages, and judging the form of every answer.
//!
//! Invariant: an answer's form is judged once, here, whatever it was asked for.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mcp_service::Era;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    Fault, ServerName,
    upstream::{Patience, Scope, ServerInfo, Servers},
};

use super::{
    fields,
    report::{Area, Finding, Severity},
};

/// A server, and what is to be said of it so far.
pub(super) struct Conversation<'a> {
    servers: &'a dyn Servers,
    pub(super) server: &'a ServerName,
    pub(super) info: &'a ServerInfo,
    next: AtomicU64,
    findings: Mutex<Vec<Finding>>,
}

/// What a server answered, and how long it took.
pub(super) struct Asked {
    /// The answer.
    pub(super) answer: Answer,
    /// How long it took.
    pub(super) took: Duration,
    /// Bytes of it.
    pub(super) bytes: usize,
}

/// What a server answered.
pub(super) enum Answer {
    /// A result.
    Result(Value),
    /// An error, by its code and words.
    Error(i64, String),
    /// Nothing, and why.
    Nothing(Fault),
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        servers: &'a dyn Servers,
        server: &'a ServerName,
        info: &'a ServerInfo,
    ) -> Self {
        Self {
            servers,
            server,
            info,
            next: AtomicU64::new(1),
            findings: Mutex::default(),
        }
    }

    /// Asks, and judges the form of the answer.
    pub(super) async fn ask(
        &self,
        method: &str,
        params: Map<String, Value>,
        within: Duration,
    ) -> Asked {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Both kinds of id are allowed, and answered in kind.
        let id = if number.is_multiple_of(2) {
            json!(number)
        } else {
            json!(format!("check-{number}"))
        };
        let message = json!({
            "jsonrpc": "2.0", "id": id, "method": method, "params": self.with_meta(params),
        });
        let scope = Scope {
            patience: Patience {
                idle: within,
                cap: within,
            },
            ..Scope::background()
        };
        let began = Instant::now();
        let answered = self.servers.relay(self.server, message, &scope).await;
        let took = began.elapsed();
        let (answer, bytes) = match answered {
            Ok(answer) => {
                for what in fields::response(&answer, &id) {
                    self.say(Severity::Error, Area::Messages, method, what);
                }
                let bytes = answer.to_string().len();
                (read(answer), bytes)
            }
            Err(fault) => match &fault.rpc {
                Some(error) => {
                    let code = i64::from(error.code.0);
                    (Answer::Error(code, error.message.to_string()), 0)
                }
                None => (Answer::Nothing(fault), 0),
            },
        };
        Asked {
            answer,
            took,
            bytes,
        }
    }

    /// Remembers a finding.
    pub(super) fn say(
        &self,
        severity: Severity,
        area: Area,
        place: impl Into<String>,
        what: impl Into<String>,
    ) {
        self.lock().push(Finding::new(severity, area, place, what));
    }

    /// Takes what was found.
    pub(super) fn findings(self) -> Vec<Finding> {
        self.findings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers several findings.
    pub(super) fn say_all(&self, findings: Vec<Finding>) {
        self.lock().extend(findings);
    }

    /// In the stateless era every request says what a handshake would have.
    fn with_meta(&self, mut params: Map<String, Value>) -> Map<String, Value> {
        if self.info.era == Era::Stateless {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": self.info.protocol,
                "io.modelcontextprotocol/clientInfo": {
                    "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"),
                },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            params.insert("_meta".into(), meta);
        }
        params
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Finding>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(mut answer: Value) -> Answer {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let code = error["code"].as_i64().unwrap_or_default();
        let message = error["message"].as_str().unwrap_or_default();
        return Answer::Error(code, message.to_owned());
    }
    Answer::Result(answer["result"].take())
}
