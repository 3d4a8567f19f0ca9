//! The servers that are measured: release binaries on loopback.

use std::{
    path::Path,
    process::{Command as Build, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
};

use super::{load::http, process::Process};

const EMAIL: &str = "alex@sandbox.example";

/// Builds everything that is measured.
pub(super) fn build(root: &Path) -> anyhow::Result<()> {
    let builds: [&[&str]; 2] = [
        &["--package", "workspace-mcp"],
        &["--package", "mcp-service", "--example", "echo"],
    ];
    for what in builds {
        let status = Build::new("cargo")
            .args(["build", "--release", "--locked"])
            .args(what)
            .current_dir(root)
            .status()?;
        if !status.success() {
            bail!("the build of {} failed", what.join(" "));
        }
    }
    Ok(())
}

/// A server that echoes, in one of three ways.
pub(super) struct Echo {
    pub process: Process,
    pub address: String,
}

pub(super) async fn echo(root: &Path, mode: &str) -> anyhow::Result<Echo> {
    let mut child = Command::new(root.join("target/release/examples/echo"))
        .args(["--mode", mode])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = child.stdout.take().context("the output is piped")?;
    let address = address_in(output).await?;
    Ok(Echo {
        process: Process::new(child)?,
        address,
    })
}

/// A sandbox and a server on it, with one account linked.
pub(super) struct Servers {
    pub server: Process,
    pub url: String,
    pub ready_after: Duration,
    sandbox_process: Process,
    _credentials: TempDir,
}

impl Servers {
    pub(super) async fn start(root: &Path, latency: Option<Duration>) -> anyhow::Result<Self> {
        let binary = root.join("target/release/workspace-mcp");
        let mut command = Command::new(&binary);
        command.args(["sandbox", "--port", "0"]);
        if let Some(latency) = latency {
            command.args(["--latency", &format!("{}ms", latency.as_millis())]);
        }
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = child.stdout.take().context("the output is piped")?;
        let sandbox = format!("http://{}", address_in(output).await?);
        let sandbox_process = Process::new(child)?;
        let credentials = tempfile::tempdir()?;
        link_account(&sandbox, credentials.path()).await?;

        let started = Instant::now();
        let mut child = Command::new(&binary)
            .args(["serve", "--port", "0"])
            .env("GOOGLE_API_BASE", &sandbox)
            .env("GOOGLE_MCP_CREDENTIALS_DIR", credentials.path())
            .env(
                "GOOGLE_OAUTH_CLIENT_ID",
                "sandbox-client.apps.googleusercontent.com",
            )
            .env("GOOGLE_OAUTH_CLIENT_SECRET", "sandbox-secret")
            .env("LOG_LEVEL", "info")
            .env("WORKSPACE_MCP_LOG_FORMAT", "json")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stderr.take().context("the output is piped")?;
        let address = address_in(output).await?;
        let base = format!("http://{address}");
        ready(&base).await?;
        let ready_after = started.elapsed();
        Ok(Self {
            server: Process::new(child)?,
            url: format!("{base}/mcp"),
            ready_after,
            sandbox_process,
            _credentials: credentials,
        })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.sandbox_process.stop().await
    }
}

/// Puts a credential of the demo user where the server finds it.
async fn link_account(sandbox: &str, folder: &Path) -> anyhow::Result<()> {
    let scopes = [
        "openid",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/gmail.modify",
        "https://www.googleapis.com/auth/drive",
        "https://www.googleapis.com/auth/calendar",
    ];
    let minted: Value = http()
        .post(format!("{sandbox}/sandbox/token"))
        .json(&json!({"email": EMAIL, "scopes": scopes}))
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
        "client_secret": "sandbox-secret",
        "scopes": scopes,
        "expiry": null,
        "user_email": EMAIL,
    });
    let path = folder.join(format!("{EMAIL}.json"));
    std::fs::write(path, serde_json::to_string_pretty(&credential)?)?;
    Ok(())
}

/// The first `HOST:PORT` on loopback that a program names; the rest is read and dropped, so that
/// the program never waits for a reader.
async fn address_in(output: impl AsyncRead + Unpin + Send + 'static) -> anyhow::Result<String> {
    let mut lines = BufReader::new(output).lines();
    let mut seen = String::new();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = address_of(&line) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(address);
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    bail!("the program ended without naming an address:\n{seen}")
}

fn address_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty() && port != "0").then(|| format!("127.0.0.1:{port}"))
}

async fn ready(base: &str) -> anyhow::Result<()> {
    let client = http();
    for _ in 0..2_000 {
        if let Ok(answer) = client.get(format!("{base}/ready")).send().await
            && answer.status().is_success()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("{base} does not become ready")
}
