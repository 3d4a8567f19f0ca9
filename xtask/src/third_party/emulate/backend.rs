//! A server on one stand-in for Google.
//!
//! Invariant: ids and times never leave here; each is named after the place where it first came up.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{EMAIL, Mcp, Program, http};

use super::{
    compare::Names,
    consent,
    script::{self, Step},
};

const CLIENT_ID: &str = "sandbox-client.apps.googleusercontent.com";
const CLIENT_SECRET: &str = "sandbox-client-secret";

/// A server on one stand-in for Google.
pub(super) struct Backend {
    /// Where the stand-in is.
    pub google: String,
    stand_in: Program,
    server: Program,
    base: String,
    mcp: Mcp,
    credential: PathBuf,
    /// What earlier steps brought, for the arguments of later ones.
    kept: BTreeMap<&'static str, Value>,
    names: Names,
    is_emulator: bool,
    binary: PathBuf,
    folder: TempDir,
}

/// What went beside the emulator.
#[derive(Default)]
pub(super) struct Aside {
    /// Requests it has no route for.
    pub missing: Vec<String>,
    /// Requests that its front answered out of what the emulator has.
    pub bridged: Vec<String>,
}

impl Backend {
    /// Our sandbox, empty.
    pub(super) async fn sandbox(binary: &Path) -> anyhow::Result<Self> {
        let sandbox = Program::start(binary, &["sandbox", "--empty", "--port", "0"], &[])?;
        Self::on(sandbox, binary, false).await
    }

    /// The emulator behind its front, with nothing but the user.
    pub(super) async fn emulator(binary: &Path, front: &Path) -> anyhow::Result<Self> {
        let mut command = tokio::process::Command::new("node");
        command
            .arg(front)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let emulator = Self::on(Program::spawn(command)?, binary, true).await?;
        let seed = json!({"google": {
            "users": [{"email": EMAIL, "name": "Alex Moreau"}],
            "oauth_clients": [{
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "redirect_uris": [format!("{}/oauth2callback", emulator.base)],
            }],
            "calendars": [{"id": EMAIL, "summary": EMAIL, "primary": true, "time_zone": "Europe/Prague"}],
        }});
        http()
            .post(format!("{}/front/start", emulator.google))
            .json(&seed)
            .send()
            .await?
            .error_for_status()?;
        Ok(emulator)
    }

    async fn on(mut stand_in: Program, binary: &Path, is_emulator: bool) -> anyhow::Result<Self> {
        let google = format!("http://{}", stand_in.address().await?);
        let folder = tempfile::tempdir()?;
        let (server, base) = serve(binary, &google, folder.path()).await?;
        Ok(Self {
            google,
            stand_in,
            server,
            mcp: Mcp::at(format!("{base}/mcp")),
            base,
            credential: folder.path().join(format!("{EMAIL}.json")),
            kept: BTreeMap::new(),
            names: Names::default(),
            is_emulator,
            binary: binary.to_owned(),
            folder,
        })
    }

    /// Signs in through the tool and the consent page: the page and the credential that came of it.
    pub(super) async fn sign_in(&mut self) -> anyhow::Result<Value> {
        let refused = self.mcp.result("list_gmail_labels", json!({})).await?;
        let link = refused["_meta"]["error"]["authorization_url"]
            .as_str()
            .with_context(|| format!("no link to sign in with in {refused}"))?
            .to_owned();
        let (status, page) = consent::agree(&link, EMAIL).await?;
        ensure!(status == 200, "the sign-in ends with {status}: {page}");
        let credential = self.credential()?;
        let named: Vec<(&str, &Value)> = ["user_email", "scopes", "token_uri", "client_id"]
            .into_iter()
            .map(|name| (name, &credential[name]))
            .collect();
        let accounts = self.mcp.call("list_google_accounts", json!({})).await?;
        Ok(json!({
            "status": status,
            "page": self.names.text(&page),
            "credential": named,
            "refresh_token": credential["refresh_token"].is_string(),
            "id_token": credential["id_token"].is_string(),
            "accounts": self.names.value("sign in", &accounts),
        }))
    }

    /// The first call of a new server, with an access token that has run out.
    pub(super) async fn refresh(&mut self) -> anyhow::Result<Value> {
        let mut credential = self.credential()?;
        let before = credential["token"].clone();
        credential["expiry"] = json!("2020-01-01T00:00:00");
        std::fs::write(&self.credential, credential.to_string())?;
        // A server that runs keeps what it knows; a new one reads the file.
        let (server, base) = serve(&self.binary, &self.google, self.folder.path()).await?;
        std::mem::replace(&mut self.server, server).stop().await?;
        self.mcp = Mcp::at(format!("{base}/mcp"));
        self.base = base;
        let result = self.mcp.result("list_gmail_labels", json!({})).await?;
        let after = self.credential()?;
        ensure!(
            result["isError"] != true && after["token"] != before,
            "the token was not refreshed: {result}"
        );
        Ok(json!({
            "expiry": after["expiry"].is_string(),
            "same_refresh_token": after["refresh_token"] == credential["refresh_token"],
        }))
    }

    /// Ends the access, and a call after that.
    pub(super) async fn revoke(&mut self) -> anyhow::Result<Value> {
        let revoked: Value = http()
            .post(format!("{}/auth/revoke", self.base))
            .json(&json!({}))
            .send()
            .await?
            .json()
            .await?;
        let after = self.mcp.result("list_gmail_labels", json!({})).await?;
        ensure!(!self.credential.exists(), "still linked after {revoked}");
        Ok(json!({
            "revoked": revoked,
            "asks_to_sign_in": after["_meta"]["error"]["authorization_url"].is_string(),
        }))
    }

    /// Does a step: its result without ids and times.
    pub(super) async fn step(&mut self, step: &Step) -> anyhow::Result<Value> {
        let arguments = script::arguments(step, &self.kept)?;
        let result = self.mcp.result(step.tool, arguments).await?;
        let data = &result["structuredContent"];
        for (name, place) in step.keep {
            let value = data
                .pointer(place)
                .with_context(|| format!("{}: no {place} in {result}", step.say))?;
            self.kept.insert(name, value.clone());
        }
        let data = self.names.value(step.say, data);
        let content: Vec<Value> = result["content"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| match one["text"].as_str() {
                Some(text) => self.names.text(text).lines().collect(),
                None => self.names.value(step.say, one),
            })
            .collect();
        Ok(json!({"failed": result["isError"] == true, "data": data, "content": content}))
    }

    /// What went beside the emulator since the last time.
    pub(super) async fn aside(&self) -> anyhow::Result<Aside> {
        if !self.is_emulator {
            return Ok(Aside::default());
        }
        let url = format!("{}/front/aside", self.google);
        let told: Value = http().get(url).send().await?.json().await?;
        let requests = |kind: &str| {
            let requests = told[kind].as_array().into_iter().flatten();
            requests
                .filter_map(|request| request.as_str().map(str::to_owned))
                .collect()
        };
        Ok(Aside {
            missing: requests("missing"),
            bridged: requests("bridged"),
        })
    }

    /// The access token in use.
    pub(super) fn token(&self) -> anyhow::Result<String> {
        let credential = self.credential()?;
        Ok(credential["token"]
            .as_str()
            .context("a credential without a token")?
            .to_owned())
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.stand_in.stop().await?;
        Ok(())
    }

    fn credential(&self) -> anyhow::Result<Value> {
        let text = std::fs::read(&self.credential).context("nobody is signed in")?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// A server with these credentials, and where it is.
async fn serve(
    binary: &Path,
    google: &str,
    credentials: &Path,
) -> anyhow::Result<(Program, String)> {
    let credentials = credentials.display().to_string();
    let env = [
        ("GOOGLE_API_BASE", google),
        ("GOOGLE_MCP_CREDENTIALS_DIR", &credentials),
        ("GOOGLE_OAUTH_CLIENT_ID", CLIENT_ID),
        ("GOOGLE_OAUTH_CLIENT_SECRET", CLIENT_SECRET),
        ("WORKSPACE_MCP_BASE_URI", "http://127.0.0.1"),
    ];
    let mut server = Program::start(binary, &["serve", "--port", "0"], &env)?;
    let base = format!("http://{}", server.address().await?);
    Ok((server, base))
}
