//! A plain MCP client: one POST, one answer, nothing else, as scripts do it.

use serde_json::{Value, json};

/// Why a call brought no result.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    /// No answer.
    #[error("no answer: {0}")]
    Http(#[from] reqwest::Error),
    /// A protocol error.
    #[error("a protocol error: {0}")]
    Protocol(Value),
    /// The tool failed.
    #[error("the tool failed: {0}")]
    Tool(Value),
}

/// A server at a URL.
#[derive(Clone)]
pub struct Mcp {
    http: reqwest::Client,
    url: String,
}

/// The kind of [`http`].
pub type HttpClient = reqwest::Client;

/// An HTTP client with one connection to a host. It follows no redirect.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .pool_max_idle_per_host(1)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("these options cannot fail")
}

impl Mcp {
    /// The server at `url`.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            http: http(),
            url: url.into(),
        }
    }

    /// Sends a request; the whole JSON-RPC answer.
    pub async fn request(&self, method: &str, params: Value) -> Result<Value, McpError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Ok(self
            .http
            .post(&self.url)
            .json(&body)
            .send()
            .await?
            .json()
            .await?)
    }

    /// Calls a tool; the whole result, good or bad.
    pub async fn result(&self, tool: &str, arguments: Value) -> Result<Value, McpError> {
        let params = json!({"name": tool, "arguments": arguments});
        let mut answer = self.request("tools/call", params).await?;
        match answer.get("result") {
            Some(_) => Ok(answer["result"].take()),
            None => Err(McpError::Protocol(answer)),
        }
    }

    /// Calls a tool; its data.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Value, McpError> {
        let mut result = self.result(tool, arguments).await?;
        if result["isError"] == true {
            return Err(McpError::Tool(result));
        }
        Ok(result["structuredContent"].take())
    }
}
