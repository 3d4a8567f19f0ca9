//! Servers over HTTP: a server written for these tests, and what is asked of it.
//!
//! Invariant: it counts what it executes, so that nothing done twice goes unseen.

mod faults;
mod people;
mod words;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A status, headers and a body.
type Instead = (u16, Vec<(&'static str, String)>, String);

/// A server written for these tests, of either era.
#[derive(Default)]
struct Far {
    /// Whether it has sessions, and which it knows.
    sessions: Mutex<Option<Vec<String>>>,
    /// Whether it answers with events.
    events: bool,
    /// Whether it knows the new era only.
    modern: bool,
    /// Whether its lists hold for a moment only.
    brief: bool,
    /// What calls are answered with instead: status, headers, body.
    instead: Mutex<Option<Instead>>,
    /// The bearer it wants.
    wants: Option<&'static str>,
    executed: AtomicUsize,
    initialized: AtomicUsize,
    /// Method, session, user and bearer of every POST.
    seen: Mutex<Vec<Seen>>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    method: String,
    session: String,
    user: String,
    bearer: String,
    version: String,
    mcp_method: String,
    body: Value,
}

impl Far {
    async fn start(self) -> (Arc<Self>, String) {
        let far = Arc::new(self);
        let app = Router::new().fallback(answer).with_state(far.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (far, url)
    }

    fn with_sessions() -> Self {
        Self {
            sessions: Mutex::new(Some(Vec::new())),
            ..Self::default()
        }
    }

    fn forget(&self) {
        if let Some(sessions) = &mut *self.sessions.lock().unwrap() {
            sessions.clear();
        }
    }

    fn calls(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.method == "tools/call")
            .cloned()
            .collect()
    }
}

fn plain(status: u16, body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder().status(status);
    response
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

async fn answer(
    State(far): State<Arc<Far>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    if method != Method::POST {
        return plain(405, "");
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let asked = message["method"].as_str().unwrap_or_default().to_owned();
    far.seen.lock().unwrap().push(Seen {
        method: asked.clone(),
        session: header("mcp-session-id"),
        user: header("x-user-google-email"),
        bearer: header("authorization"),
        version: header("mcp-protocol-version"),
        mcp_method: header("mcp-method"),
        body: message.clone(),
    });
    if let Some(wants) = far.wants
        && header("authorization") != format!("Bearer {wants}")
    {
        let refused = Response::builder().status(401);
        let refused = refused.header("www-authenticate", "Bearer resource_metadata=\"x\"");
        return refused.body(Body::empty()).unwrap();
    }
    let mut opened = None;
    if let Some(sessions) = &mut *far.sessions.lock().unwrap() {
        if asked == "initialize" {
            let id = format!("session-{}", far.initialized.load(Ordering::SeqCst));
            sessions.push(id.clone());
            opened = Some(id);
        } else if !sessions.contains(&header("mcp-session-id")) {
            let status = if header("mcp-session-id").is_empty() {
                400
            } else {
                404
            };
            return plain(status, json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "no session"}}).to_string());
        }
    }
    if asked == "tools/call" {
        let instead = far.instead.lock().unwrap().clone();
        if let Some((status, extra, body)) = instead {
            let mut response = plain(status, body);
            for (name, value) in extra {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            return response;
        }
    }
    if message.get("id").is_none() {
        return Response::builder().status(202).body(Body::empty()).unwrap();
    }
    let reply = far.reply(&asked, &message);
    let mut response = if far.events {
        let text = format!(": hello\n\nevent: message\ndata: {reply}\n\n");
        let mut response = plain(200, text);
        response
            .headers_mut()
            .insert("content-type", "text/event-stream".parse().unwrap());
        response
    } else {
        plain(200, reply.to_string())
    };
    if let Some(id) = opened {
        response
            .headers_mut()
            .insert("mcp-session-id", id.parse().unwrap());
    }
    response
}

impl Far {
    fn reply(&self, asked: &str, message: &Value) -> Value {
        let id = &message["id"];
        let result = match asked {
            "initialize" if !self.modern => {
                self.initialized.fetch_add(1, Ordering::SeqCst);
                json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "far", "version": "1"}})
            }
            "server/discover" if self.modern => json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private",
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "far", "version": "2"}}}),
            "tools/list" => {
                json!({"resultType": "complete", "cacheScope": "public",
                "ttlMs": if self.brief { 0 } else { 60_000 },
                "tools": [{"name": "echo", "inputSchema": {"type": "object"}}]})
            }
            "tools/call" => {
                self.executed.fetch_add(1, Ordering::SeqCst);
                let text = &message["params"]["arguments"]["text"];
                json!({"resultType": "complete", "content": [{"type": "text", "text": text}]})
            }
            "initialize" => {
                return json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32022,
                    "message": "unsupported", "data": {"supported": ["2026-07-28"]}}});
            }
            _ => {
                return json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}});
            }
        };
        json!({"jsonrpc": "2.0", "id": id, "result": result})
    }
}
