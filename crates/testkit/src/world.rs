//! A sandbox and a server on it, both the real program, with the demo user's account linked.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Mcp, McpError, Program, ProgramError, http};

/// The demo user's address.
pub const EMAIL: &str = "alex@sandbox.example";

/// What the demo user granted.
pub const SCOPES: &[&str] = &[
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/calendar",
];

/// What makes a world special.
#[derive(Clone, Debug, Default)]
pub struct WorldOptions {
    /// The latency of every call to Google.
    pub latency: Option<Duration>,
    /// Whether no account is linked yet.
    pub signed_out: bool,
    /// Settings of the server beyond the usual ones.
    pub settings: Vec<(String, String)>,
}

/// A sandbox and a server on it.
pub struct World {
    /// The server.
    pub server: Program,
    /// Its base, such as `http://127.0.0.1:4711`.
    pub base: String,
    /// The sandbox's base.
    pub sandbox: String,
    /// How long the server took from its start to being ready.
    pub ready_after: Duration,
    /// Where the server's credentials are.
    pub credentials: PathBuf,
    sandbox_program: Program,
    _folder: TempDir,
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A program did not start.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A program did not answer.
    #[error(transparent)]
    Mcp(#[from] McpError),
    /// A program did not answer.
    #[error("no answer: {0}")]
    Http(#[from] reqwest::Error),
    /// A file could not be written.
    #[error("no file: {0}")]
    File(#[from] std::io::Error),
    /// The server did not become ready.
    #[error("the server does not become ready; it said:\n{0}")]
    NotReady(String),
}

impl World {
    /// Starts both from the program `binary`.
    pub async fn start(binary: &Path, options: WorldOptions) -> Result<Self, WorldError> {
        let folder = tempfile::tempdir()?;
        let latency = options
            .latency
            .map(|latency| format!("{}ms", latency.as_millis()));
        let mut arguments = vec!["sandbox", "--port", "0"];
        if let Some(latency) = &latency {
            arguments.extend(["--latency", latency]);
        }
        let mut sandbox_program = Program::start(binary, &arguments, &[])?;
        let sandbox = format!("http://{}", sandbox_program.address().await?);
        let credentials = folder.path().join("credentials");
        std::fs::create_dir(&credentials)?;
        if !options.signed_out {
            link(&sandbox, &credentials).await?;
        }
        let place = credentials.display().to_string();
        let mut env = vec![
            ("GOOGLE_API_BASE", sandbox.as_str()),
            ("GOOGLE_MCP_CREDENTIALS_DIR", &place),
            (
                "GOOGLE_OAUTH_CLIENT_ID",
                "sandbox-client.apps.googleusercontent.com",
            ),
            ("GOOGLE_OAUTH_CLIENT_SECRET", "sandbox-client-secret"),
            ("WORKSPACE_MCP_BASE_URI", "http://127.0.0.1"),
            ("WORKSPACE_MCP_LOG_FORMAT", "json"),
        ];
        env.extend(
            options
                .settings
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let started = Instant::now();
        let mut server = Program::start(binary, &["serve", "--port", "0"], &env)?;
        let base = format!("http://{}", server.address().await?);
        ready(&base, &server).await?;
        let ready_after = started.elapsed();
        Ok(Self {
            server,
            base,
            sandbox,
            ready_after,
            credentials,
            sandbox_program,
            _folder: folder,
        })
    }

    /// The server's tools.
    pub fn mcp(&self) -> Mcp {
        Mcp::at(format!("{}/mcp", self.base))
    }

    /// Ends both.
    pub async fn stop(self) -> Result<(), WorldError> {
        self.server.stop().await?;
        self.sandbox_program.stop().await?;
        Ok(())
    }
}

/// Puts a credential of the demo user where the server finds it.
async fn link(sandbox: &str, folder: &Path) -> Result<(), WorldError> {
    let minted: Value = http()
        .post(format!("{sandbox}/sandbox/token"))
        .json(&json!({"email": EMAIL, "scopes": SCOPES}))
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let credential = json!({
        "token": minted["access_token"],
        "refresh_token": minted["refresh_token"],
        "token_uri": "https://oauth2.googleapis.com/token",
        "client_id": "sandbox-client.apps.googleusercontent.com",
        "client_secret": "sandbox-client-secret",
        "scopes": SCOPES,
        "expiry": null,
        "user_email": EMAIL,
    });
    std::fs::write(
        folder.join(format!("{EMAIL}.json")),
        format!("{credential:#}"),
    )?;
    Ok(())
}

async fn ready(base: &str, server: &Program) -> Result<(), WorldError> {
    let client = http();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        if let Ok(answer) = client.get(format!("{base}/ready")).send().await
            && answer.status().is_success()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(WorldError::NotReady(server.said()))
}
