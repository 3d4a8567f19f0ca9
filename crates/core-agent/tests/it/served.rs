//! The program, serving the hub, with servers of the zoo behind it.
//!
//! Not a test. Invariant: what is started here is ended with it.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Once,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::keeper::{PROGRAM, zoo};

/// A configuration in a folder of its own.
pub(crate) struct Setup {
    pub(crate) folder: TempDir,
}

/// The hub over HTTP.
pub(crate) struct Served {
    pub(crate) url: String,
    child: Child,
    http: reqwest::Client,
    setup: Setup,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Read {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The text of a tool's result.
    pub(crate) fn said(&self) -> String {
        let json = self.json();
        json["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("no text: {json}"))
            .to_owned()
    }
}

impl Setup {
    /// With this configuration; `ZOO` in it is replaced by the zoo's path.
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config.replace("ZOO", &zoo().display().to_string());
        std::fs::write(folder.path().join("core-agent.toml"), config).unwrap();
        Self { folder }
    }

    /// One trusted server of the zoo, whose tools keep their names.
    pub(crate) fn of_one(args: &[&str], more: &str) -> Self {
        let args = json!(args);
        Self::new(&format!(
            "{more}\n[trust]\napprove_commands = false\n[servers.zoo]\ncommand = \"ZOO\"\nargs = {args}\ntrust = \"trusted\"\nprefix = \"\"\n"
        ))
    }

    /// The program with a subcommand.
    pub(crate) fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg(subcommand)
            .arg("--config")
            .arg(self.path("core-agent.toml"))
            .arg("--state")
            .arg(self.path("state"))
            .current_dir(self.folder.path());
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Serves over HTTP.
    pub(crate) fn serve(self) -> Served {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let log = std::fs::File::create(self.path("log")).unwrap();
        let mut child = self
            .command("serve")
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        let url = url.trim().to_owned();
        assert!(
            url.starts_with("http://"),
            "it did not start: {}",
            std::fs::read_to_string(self.path("log")).unwrap()
        );
        Served {
            url,
            child,
            http: reqwest::Client::builder().build().unwrap(),
            setup: self,
        }
    }
}

impl Served {
    /// The address of a path beside `/mcp`.
    pub(crate) fn at(&self, path: &str) -> String {
        self.url.replace("/mcp", path)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Read {
        self.post_text(path, headers, body.to_string()).await
    }

    pub(crate) async fn post_text(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Read {
        let mut request = self
            .http
            .post(self.at(path))
            .header("content-type", "application/json")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        Read {
            status: response.status().as_u16(),
            kind: response
                .headers()
                .get("content-type")
                .and_then(|kind| kind.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Read {
        let response = self.http.get(self.at(path)).send().await.unwrap();
        Read {
            status: response.status().as_u16(),
            kind: String::new(),
            text: response.text().await.unwrap(),
        }
    }

    /// Calls a tool as a client of the handshake era without a session.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Read {
        self.post("/mcp", &[], &call(tool, &arguments)).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A call.
pub(crate) fn call(tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": tool, "arguments": arguments },
    })
}
