//! An MCP client for the commands: talks to a server over HTTP, or to the tools of this process.
//!
//! Not used for serving. Invariant: a question to a person is answered by the person at the
//! terminal or by an explicit flag, never on its own.

use std::{
    io::{self, BufRead, IsTerminal},
    sync::Arc,
};

use anyhow::{Context, bail};
use mcp_service::{
    Answer, Caller, Era, Principal, Progress, Reply, ReplyAction, ToolCall, Tools, Transport,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, ContentBlock, ElicitRequestParams,
        ElicitResult, ElicitationAction, Implementation, ProtocolVersion,
    },
};
use rmcp::{
    ClientHandler, RoleClient,
    service::{ClientLifecycleMode, ClientServiceExt, RequestContext, RunningService},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::{app::App, commands::Printer, gateway::Gateway};

/// What a call gave back.
#[derive(Debug)]
pub(crate) struct Called {
    /// The text for reading; references follow it.
    pub text: String,
    /// The data.
    pub(crate) structured: Option<Value>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A connection to tools.
pub(crate) enum Session {
    /// A server.
    Remote(RunningService<RoleClient, Person>),
    /// The tools of this process.
    Within(Arc<Gateway>, Person),
}

/// Whoever answers questions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    /// Says yes to every question.
    pub always_yes: bool,
}

impl Session {
    /// Connects to the server at `url`, of either protocol era.
    pub(crate) async fn connect(
        url: &str,
        token: Option<String>,
        person: Person,
    ) -> anyhow::Result<Self> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(url);
        config.auth_header = token;
        config.allow_stateless = true;
        let http = http()?;
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::LATEST],
            legacy_version: None,
        };
        let service = person
            .serve_with_lifecycle(transport, lifecycle)
            .await
            .with_context(|| format!("no MCP server answers at {url}"))?;
        Ok(Self::Remote(service))
    }

    /// The tools of this process, as its local owner.
    pub(crate) fn within(app: &App, person: Person) -> Self {
        Self::Within(app.gateway.clone(), person)
    }

    /// Calls one tool.
    pub(crate) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> anyhow::Result<Called> {
        match self {
            Self::Remote(service) => remote(service, tool, arguments).await,
            Self::Within(gateway, person) => within(gateway, *person, tool, arguments).await,
        }
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        if let Self::Remote(service) = self {
            let _ = service.cancel().await;
        }
    }
}

/// An HTTP client for servers, not for Google. It follows no redirect: a token never travels on.
pub(crate) fn http() -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build();
    client.context("TLS cannot be set up on this machine")
}

async fn remote(
    service: &RunningService<RoleClient, Person>,
    tool: &str,
    arguments: Map<String, Value>,
) -> anyhow::Result<Called> {
    let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let result = service
        .call_tool(request)
        .await
        .with_context(|| format!("{tool} failed"))?;
    Ok(Called {
        text: reading(&result.content),
        structured: result.structured_content,
        is_error: result.is_error.unwrap_or(false),
    })
}

async fn within(
    gateway: &Gateway,
    person: Person,
    tool: &str,
    arguments: Map<String, Value>,
) -> anyhow::Result<Called> {
    let mut reply = None;
    loop {
        let call = ToolCall {
            name: tool.to_owned(),
            arguments: arguments.clone(),
            caller: Caller {
                transport: Transport::Stdio,
                era: Era::Stateless,
                protocol: "2026-07-28".into(),
                principal: Principal::local(),
                request: None,
                peer: None,
                client: None,
                session: None,
            },
            request_id: "shell".into(),
            can_ask: true,
            reply: reply.take(),
            progress: Progress::silent(),
            cancelled: CancellationToken::new(),
        };
        match gateway.call(call).await {
            Answer::Result(result) => {
                let structured = result
                    .structured
                    .as_deref()
                    .map(|raw| serde_json::from_str(raw.get()).expect("a tool's data is JSON"));
                return Ok(Called {
                    text: reading(&result.content),
                    structured,
                    is_error: result.is_error,
                });
            }
            Answer::Ask(question) => {
                let action = if person.confirms(&question.message) {
                    ReplyAction::Accepted(Map::new())
                } else {
                    ReplyAction::Declined
                };
                reply = Some(Reply {
                    key: question.key,
                    action,
                });
            }
            Answer::UnknownTool {
                nearest: Some(near),
            } => {
                bail!("there is no tool \"{tool}\"; did you mean {near}?")
            }
            Answer::UnknownTool { nearest: None } => {
                bail!("there is no tool \"{tool}\"; list them with: workspace-mcp tools")
            }
            Answer::InvalidParams(problem) => bail!("{problem}"),
            Answer::Error(error) => bail!("{}", error.message),
            Answer::Http(reply) => bail!("the server answered {}", reply.status),
        }
    }
}

/// The content as a person reads it.
fn reading(content: &[ContentBlock]) -> String {
    let blocks: Vec<String> = content
        .iter()
        .map(|block| match block {
            ContentBlock::Text(text) => text.text.clone(),
            ContentBlock::Image(image) => {
                let bytes = image.data.len() / 4 * 3;
                format!("[{} image, about {bytes} bytes]", image.mime_type)
            }
            ContentBlock::ResourceLink(link) => format!("[{}: {}]", link.name, link.uri),
            _ => "[content that a terminal cannot show]".to_owned(),
        })
        .collect();
    blocks.join("\n\n")
}

impl Person {
    /// Whether the person says yes to `question`.
    fn confirms(self, question: &str) -> bool {
        if self.always_yes {
            return true;
        }
        if !io::stdin().is_terminal() {
            Printer.problem(&format!(
                "{question} Not confirmed: nobody is here to ask; use --yes."
            ));
            return false;
        }
        Printer.problem(&format!("{question} [y/N]"));
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        read.is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::builder().enable_elicitation().build(),
            Implementation::new("workspace-mcp", env!("CARGO_PKG_VERSION")),
        )
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, rmcp::ErrorData> {
        let accepted = match &request {
            // Only a plain yes or no can be given here; a form to fill is declined.
            ElicitRequestParams::FormElicitationParams { message, .. } => self.confirms(message),
            _ => false,
        };
        if accepted {
            let result = ElicitResult::new(ElicitationAction::Accept);
            return Ok(result.with_content(Value::Object(Map::new())));
        }
        Ok(ElicitResult::new(ElicitationAction::Decline))
    }
}
