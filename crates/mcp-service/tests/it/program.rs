//! A program to serve in tests, and a client for it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use foundation::{SeededRandom, SystemClock};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use mcp_service::{
    About, AllowedHosts, Answer, Caller, HttpConfig, HttpReply, LegacySessions, MemoryOneTime,
    Metrics, Principal, Program, Question, Server, ToolCall, ToolList, ToolResult, Tools,
    model::{Resource, ResourceContents, Tool},
};
use serde_json::{Map, Value, json, value::to_raw_value};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Tools that show every kind of answer.
pub(crate) struct Bench {
    about: About,
    list: Arc<ToolList>,
    /// Lets the tool `wait` go on.
    pub(crate) go: Notify,
    /// Told when `wait` has begun.
    pub(crate) begun: Notify,
    pub(crate) finished: AtomicUsize,
}

impl Bench {
    fn new() -> Self {
        let names = [
            "echo",
            "wait",
            "ask",
            "panic",
            "forbidden",
            "data",
            "whoami",
            "progress",
        ];
        let schema: Map<_, _> = Map::from_iter([("type".to_owned(), json!("object"))]);
        let tools = names.map(|name| Tool::new(name, "For tests.", schema.clone()));
        Self {
            about: About {
                name: "bench".into(),
                service: "workspace-mcp".into(),
                title: "Bench".into(),
                version: "1.2.0".into(),
                instructions: "Use the tools.".into(),
                website: None,
                resources: true,
                prompts: false,
            },
            list: Arc::new(ToolList::shared(tools.into())),
            go: Notify::new(),
            begun: Notify::new(),
            finished: AtomicUsize::new(0),
        }
    }

    async fn run(&self, call: ToolCall) -> Answer {
        match call.name.as_str() {
            "echo" => Answer::Result(ToolResult::text(Value::Object(call.arguments).to_string())),
            "wait" => {
                self.begun.notify_one();
                self.go.notified().await;
                self.finished.fetch_add(1, Ordering::SeqCst);
                Answer::Result(ToolResult::text("done"))
            }
            "ask" => match call.reply {
                Some(reply) => Answer::Result(ToolResult::text(format!("{:?}", reply.action))),
                None => Answer::Ask(Question {
                    key: "sure".into(),
                    message: "Are you sure?".into(),
                    schema: Map::from_iter([
                        ("type".to_owned(), json!("object")),
                        ("properties".to_owned(), json!({"ok": {"type": "boolean"}})),
                    ]),
                    otherwise: "Call again with confirm=true.".into(),
                }),
            },
            "panic" => panic!("a tool broke"),
            "forbidden" => Answer::Http(unauthorized()),
            "data" => {
                let mut result = ToolResult::text("data");
                result.structured = Some(to_raw_value(&json!({"n": 1})).unwrap());
                result
                    .beside
                    .insert("authorization_url".into(), json!("https://a.example"));
                Answer::Result(result)
            }
            "whoami" => Answer::Result(ToolResult::text(call.caller.principal.key())),
            "progress" => {
                for step in [1.0, 2.0] {
                    call.progress.tell(step, Some(2.0), "on the way").await;
                }
                Answer::Result(ToolResult::text(call.progress.is_heard().to_string()))
            }
            _ => Answer::UnknownTool {
                nearest: Some("echo".into()),
            },
        }
    }
}

impl Tools for Bench {
    fn about(&self) -> &About {
        &self.about
    }

    fn list(&self, _caller: &Caller) -> Arc<ToolList> {
        Arc::clone(&self.list)
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer> {
        Box::pin(self.run(call))
    }

    fn admit<'a>(&'a self, request: &'a mut Parts) -> BoxFuture<'a, Result<Principal, HttpReply>> {
        Box::pin(async move {
            match request
                .headers
                .get(header::AUTHORIZATION)
                .map(HeaderValue::as_bytes)
            {
                None => Ok(Principal::local()),
                Some(b"Bearer bad") => Err(unauthorized()),
                Some(other) => Ok(Principal::new(String::from_utf8_lossy(other).into_owned())),
            }
        })
    }

    fn read_resource<'a>(
        &'a self,
        uri: &'a str,
        _caller: Caller,
    ) -> BoxFuture<'a, Option<Vec<ResourceContents>>> {
        Box::pin(
            async move { (uri == "bench://a").then(|| vec![ResourceContents::text("A", uri)]) },
        )
    }

    fn resources<'a>(&'a self, _caller: &'a Caller) -> BoxFuture<'a, Vec<Resource>> {
        Box::pin(async { vec![Resource::new("bench://a", "a")] })
    }
}

fn unauthorized() -> HttpReply {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer resource_metadata=\"https://a\""),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    HttpReply {
        status: StatusCode::UNAUTHORIZED,
        headers,
        body: Bytes::from_static(b"{\"error\":\"invalid_token\",\"message\":\"sign in first\"}"),
    }
}

/// A server at work.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) bench: Arc<Bench>,
    pub(crate) stop: CancellationToken,
    pub(crate) server: JoinHandle<()>,
    pub(crate) http: reqwest::Client,
}

pub(crate) fn config(sessions: LegacySessions) -> HttpConfig {
    let mut config = HttpConfig::local(SocketAddr::from(([127, 0, 0, 1], 0)), [3; 32]);
    config.sessions = sessions;
    config.prefixes = vec!["/google-workspace".into(), "/mcp/google-workspace".into()];
    config.origins.push("https://app.example".into());
    config
}

pub(crate) async fn start(config: HttpConfig) -> Running {
    let bench = Arc::new(Bench::new());
    let routes = Router::new()
        .route("/page", get(|| async { "a page" }))
        .route("/broken", get(|| async { panic_page() }));
    let program = Program {
        tools: Arc::clone(&bench) as Arc<dyn Tools>,
        routes,
        readiness: Arc::new(|| Box::pin(async { Ok(()) })),
        metrics: Metrics::new(),
        one_time: Arc::new(MemoryOneTime::default()),
        clock: Arc::new(SystemClock),
        random: Arc::new(SeededRandom::new(5)),
    };
    let server = Server::bind(config, program).await.unwrap();
    let address = server.address();
    let stop = CancellationToken::new();
    let server = tokio::spawn({
        let stop = stop.clone();
        async move { server.run_until(stop).await.unwrap() }
    });
    Running {
        address,
        bench,
        stop,
        server,
        http: client(),
    }
}

fn panic_page() -> &'static str {
    panic!("a page broke")
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Read {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The messages of a stream of events.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect()
    }

    pub(crate) fn kind(&self) -> &str {
        self.headers
            .get(header::CONTENT_TYPE)
            .map_or("", |kind| kind.to_str().unwrap())
    }
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Posts to `/mcp` with nothing but a content type, and these headers.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: impl Into<String>) -> Read {
        let mut request = self
            .http
            .post(self.url("/mcp"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Read {
        read(self.http.get(self.url(path))).await
    }

    /// Calls a tool in the stateless era.
    pub(crate) async fn modern(&self, tool: &str, more: Value) -> Read {
        let mut params = json!({
            "name": tool,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
            },
        });
        if let (Some(params), Value::Object(more)) = (params.as_object_mut(), more) {
            params.extend(more);
        }
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", tool),
        ];
        self.post(&headers, body.to_string()).await
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.server.await.unwrap();
    }
}

pub(crate) async fn read(request: reqwest::RequestBuilder) -> Read {
    let response = request.send().await.unwrap();
    Read {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

/// A call of `tool`.
pub(crate) fn call(tool: &str, arguments: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}).to_string()
}

pub(crate) fn open_hosts() -> AllowedHosts {
    AllowedHosts::Any
}
