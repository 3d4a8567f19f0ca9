//! A sandbox and a server on it, both the real program, with the demo user's account linked.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Canaries, Mcp, McpError, Program, ProgramError, http};

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

/// Secrets of a watched server that it does not need.
const SECRETS: &[(&str, &str)] = &[
    ("GOOGLE_PSE_API_KEY", "canary-search-key-7f2e"),
    (
        "WORKSPACE_MCP_SEALING_KEY",
        "Y2FuYXJ5LXNlYWxpbmcta2V5LWNhbmFyeS1zZWFsaW4=",
    ),
    ("AWS_SECRET_ACCESS_KEY", "canary-aws-secret-key-51c0"),
    ("AWS_SESSION_TOKEN", "canary-aws-session-token-9d3b"),
];

/// How many messages and files give a canary.
const CONTENTS: usize = 40;

/// What makes a world special.
#[derive(Clone, Debug, Default)]
pub struct WorldOptions {
    /// The latency of every call to Google.
    pub latency: Option<Duration>,
    /// Whether no account is linked yet.
    pub signed_out: bool,
    /// Whether the server tells everything it can and is watched for secrets and content.
    pub watched: bool,
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
    /// What it is watched for.
    pub canaries: Canaries,
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
        let mut canaries = Canaries::default();
        // Every token and code of the sandbox begins so.
        for (place, word) in [
            ("an access token", "ya29.sandbox-"),
            ("a refresh token", "1//0sandbox-"),
            ("the client secret", "sandbox-client-secret"),
        ] {
            canaries.add(place, word);
        }
        if !options.signed_out {
            let token = link(&sandbox, &credentials).await?;
            if options.watched {
                content(&sandbox, &token, &mut canaries).await?;
            }
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
        if options.watched {
            env.push(("LOG_LEVEL", "trace"));
            for (name, secret) in SECRETS {
                env.push((name, secret));
                canaries.add(*name, *secret);
            }
            let secret = |name: &str| ["TOKEN", "KEY", "SECRET"].iter().any(|w| name.contains(w));
            for (name, value) in options.settings.iter().filter(|(name, _)| secret(name)) {
                canaries.add(name, value);
            }
        }
        env.extend(
            options
                .settings
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let started = Instant::now();
        let mut server = Program::start(binary, &["serve", "--port", "0"], &env)?;
        if options.watched {
            server.watch(canaries.clone());
        }
        let base = format!("http://{}", server.address().await?);
        ready(&base, &server).await?;
        let ready_after = started.elapsed();
        Ok(Self {
            server,
            base,
            sandbox,
            ready_after,
            credentials,
            canaries,
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
async fn link(sandbox: &str, folder: &Path) -> Result<String, WorldError> {
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
    Ok(minted["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// The beginnings of the demo user's mail and the names of her files.
async fn content(sandbox: &str, token: &str, canaries: &mut Canaries) -> Result<(), WorldError> {
    let get = |path: String| {
        let request = http()
            .get(format!("{sandbox}/{path}"))
            .bearer_auth(token)
            .send();
        async move { request.await?.error_for_status()?.json::<Value>().await }
    };
    let messages = "gmail.googleapis.com/gmail/v1/users/me/messages";
    let list = get(format!("{messages}?maxResults={CONTENTS}")).await?;
    let ids = list["messages"].as_array().into_iter().flatten();
    let mut fetches = tokio::task::JoinSet::new();
    for id in ids.filter_map(|message| message["id"].as_str()) {
        fetches.spawn(get(format!("{messages}/{id}?format=metadata")));
    }
    while let Some(message) = fetches.join_next().await {
        let message = message.map_err(std::io::Error::other)??;
        let snippet = message["snippet"].as_str().unwrap_or_default();
        let plain = |c: &char| c.is_ascii_alphanumeric() || " ,.-".contains(*c);
        let beginning: String = snippet.chars().take_while(plain).take(40).collect();
        // Words such as "Hello" begin many a text.
        if beginning.len() >= 16 {
            canaries.add("the text of a message", beginning);
        }
    }
    let files = format!("www.googleapis.com/drive/v3/files?pageSize={CONTENTS}");
    let files = get(files).await?;
    for file in files["files"].as_array().into_iter().flatten() {
        canaries.add(
            "the name of a file",
            file["name"].as_str().unwrap_or_default(),
        );
    }
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
