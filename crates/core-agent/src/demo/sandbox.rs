//! Google Workspace in a box: the sandbox of workspace-mcp, with one account linked.
//!
//! Invariant: the sandbox ends with the value that holds it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const EMAIL: &str = "alex@sandbox.example";
const CLIENT: &str = "sandbox-client.apps.googleusercontent.com";
const CLIENT_SECRET: &str = "sandbox-client-secret";
const SCOPES: [&str; 6] = [
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/calendar",
];
/// How long it may take to come up.
const WITHIN: Duration = Duration::from_secs(20);

/// A running sandbox.
pub(super) struct Sandbox {
    program: PathBuf,
    base: String,
    credentials: PathBuf,
    _child: Child,
}

impl Sandbox {
    /// Starts one and links the demo user's account.
    pub(super) async fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(["sandbox", "--port", "0"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let output = child.stdout.take().context("its output is piped")?;
        let errors = child.stderr.take().context("its errors are piped")?;
        let mut errors = BufReader::new(errors).lines();
        tokio::spawn(async move { while let Ok(Some(_)) = errors.next_line().await {} });
        let mut lines = BufReader::new(output).lines();
        let base = timeout(WITHIN, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(base) = address(&line) {
                    return Some(base);
                }
            }
            None
        })
        .await
        .ok()
        .flatten()
        .context("the sandbox does not say where it listens")?;
        // What else it says is read, so that it never waits for a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let credentials = folder.join("google-credentials");
        std::fs::create_dir_all(&credentials)?;
        link(&base, &credentials).await?;
        Ok(Self {
            program: program.to_owned(),
            base,
            credentials,
            _child: child,
        })
    }

    /// How the server on it is configured.
    pub(super) fn server(&self) -> Value {
        json!({
            "command": self.program, "args": ["stdio", "--port", "0"],
            "env": {
                "GOOGLE_API_BASE": self.base,
                "GOOGLE_MCP_CREDENTIALS_DIR": self.credentials,
                "GOOGLE_OAUTH_CLIENT_ID": CLIENT,
                "GOOGLE_OAUTH_CLIENT_SECRET": CLIENT_SECRET,
            },
        })
    }
}

fn address(line: &str) -> Option<String> {
    let rest = line.split("127.0.0.1:").nth(1)?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("http://127.0.0.1:{port}"))
}

/// Puts a credential of the demo user where the server finds it.
async fn link(base: &str, folder: &Path) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().timeout(WITHIN).build()?;
    let wanted = json!({"email": EMAIL, "scopes": SCOPES}).to_string();
    let answer = http
        .post(format!("{base}/sandbox/token"))
        .header("content-type", "application/json")
        .body(wanted)
        .send()
        .await?
        .error_for_status()?
        .bytes()
        .await?;
    let minted: Value = serde_json::from_slice(&answer)?;
    if !minted["refresh_token"].is_string() {
        bail!("the sandbox gave no token");
    }
    let credential = json!({
        "token": minted["access_token"], "refresh_token": minted["refresh_token"],
        "token_uri": "https://oauth2.googleapis.com/token",
        "client_id": CLIENT, "client_secret": CLIENT_SECRET,
        "scopes": SCOPES, "expiry": null, "user_email": EMAIL,
    });
    let file = folder.join(format!("{EMAIL}.json"));
    std::fs::write(file, credential.to_string())?;
    Ok(())
}
