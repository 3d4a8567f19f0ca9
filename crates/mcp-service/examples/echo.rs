//! The same answer three ways, to be loaded and compared: a bare axum handler, this crate, and the
//! protocol library alone.
//!
//! Not a test of behaviour. Prints the address it listens on and serves until it is killed.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Bytes, http::header, response::IntoResponse, routing::post};
use foundation::{SystemClock, SystemRandom};
use futures::future::BoxFuture;
use mcp_service::{
    About, Answer, Caller, HttpConfig, MemoryOneTime, Metrics, Program, Server, ToolCall, ToolList,
    ToolResult, Tools, model::Tool,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
    },
};
use serde_json::{Map, json};
use tokio::net::TcpListener;

/// Any error, printed by `main`.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}],"isError":false}}"#;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failure> {
    let mode = std::env::args().skip_while(|word| word != "--mode").nth(1);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    match mode.as_deref() {
        Some("bare") => bare(any).await,
        Some("lean") => lean(any).await,
        Some("rmcp") => library(any).await,
        _ => Err("say --mode bare, lean or rmcp".into()),
    }
}

async fn bare(address: SocketAddr) -> Result<(), Failure> {
    async fn echo(body: Bytes) -> impl IntoResponse {
        let _ = body;
        ([(header::CONTENT_TYPE, "application/json")], BODY)
    }
    let listener = TcpListener::bind(address).await?;
    announce(listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/mcp", post(echo))).await?;
    Ok(())
}

async fn lean(address: SocketAddr) -> Result<(), Failure> {
    let server = Server::bind(
        HttpConfig::local(address, [0; 32]),
        Program {
            tools: Arc::new(Echo::new()),
            routes: Router::new(),
            readiness: Arc::new(|| Box::pin(async { Ok(()) })),
            metrics: Metrics::new(),
            one_time: Arc::new(MemoryOneTime::default()),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        },
    )
    .await?;
    announce(server.address());
    server.run().await?;
    Ok(())
}

async fn library(address: SocketAddr) -> Result<(), Failure> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let service = StreamableHttpService::new(
        || Ok(Library),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let listener = TcpListener::bind(address).await?;
    announce(listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, Router::new().nest_service("/mcp", service)).await?;
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the address is what this program is asked for"
)]
fn announce(address: SocketAddr) {
    println!("http://{address}/mcp");
}

struct Echo {
    about: About,
    list: Arc<ToolList>,
}

impl Echo {
    fn new() -> Self {
        Self {
            about: About {
                name: "echo".into(),
                service: "echo".into(),
                title: "Echo".into(),
                version: "1".into(),
                instructions: String::new(),
                website: None,
                resources: false,
                prompts: false,
            },
            list: Arc::new(ToolList::shared(vec![tool()])),
        }
    }
}

impl Tools for Echo {
    fn about(&self) -> &About {
        &self.about
    }

    fn list(&self, _caller: &Caller) -> Arc<ToolList> {
        Arc::clone(&self.list)
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::Result(ToolResult::text(text(&call.arguments))) })
    }
}

#[derive(Clone)]
struct Library;

impl ServerHandler for Library {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![tool()]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = text(&request.arguments.unwrap_or_default());
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

fn text(arguments: &Map<String, serde_json::Value>) -> String {
    let text = arguments.get("text").and_then(|text| text.as_str());
    text.unwrap_or_default().to_owned()
}

fn tool() -> Tool {
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let schema: Map<_, _> = serde_json::from_value(schema).expect("an object");
    Tool::new("echo", "Says the text again.", schema)
}
