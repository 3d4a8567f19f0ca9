//! MCP over standard input and output.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use serde_json::{Value, json};
use testkit::Canaries;

use crate::{program, world};

struct Client {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
    log: JoinHandle<String>,
}

impl Client {
    fn start(sandbox: &str, credentials: &std::path::Path) -> Self {
        let mut child = Command::new(program())
            .args(["stdio", "--port", "0"])
            .env_clear()
            .env("GOOGLE_API_BASE", sandbox)
            .env("GOOGLE_MCP_CREDENTIALS_DIR", credentials)
            .env(
                "GOOGLE_OAUTH_CLIENT_ID",
                "sandbox-client.apps.googleusercontent.com",
            )
            .env("GOOGLE_OAUTH_CLIENT_SECRET", "sandbox-client-secret")
            .env("LOG_LEVEL", "trace")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut told = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            told.read_to_string(&mut log).unwrap();
            log
        });
        Self {
            child,
            answers,
            log,
        }
    }

    fn send(&mut self, message: &Value) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{message}").unwrap();
    }

    /// Every line on standard output has to be a frame.
    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no frame: {line:?}"))
    }

    fn end(mut self, canaries: &Canaries) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
        let mut rest = String::new();
        self.answers.read_line(&mut rest).unwrap();
        assert_eq!(rest, "");
        let log = self.log.join().unwrap();
        assert!(log.contains("list_gmail_labels"), "the log was read");
        canaries.assert_absent("the log", &log);
    }
}

#[tokio::test]
async fn a_client_of_the_handshake_era_is_served() {
    let world = world().await;
    let mut client = Client::start(&world.sandbox, &world.credentials);
    client.send(&json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }));
    let hello = client.answer();
    assert_eq!(hello["result"]["serverInfo"]["name"], "google_workspace");
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    client.send(&json!({
        "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "list_gmail_labels", "arguments": {}},
    }));
    let labels = client.answer();
    assert_eq!(labels["id"], 2);
    assert!(
        labels["result"]["structuredContent"]["labels"].is_array(),
        "{labels}"
    );
    client.end(&world.canaries);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_of_the_stateless_era_is_served() {
    let world = world().await;
    let mut client = Client::start(&world.sandbox, &world.credentials);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    client.send(&json!({
        "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta},
    }));
    let discovered = client.answer();
    assert!(
        discovered["result"]["supportedVersions"]
            .to_string()
            .contains("2026-07-28"),
        "{discovered}"
    );
    client.send(&json!({
        "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "list_gmail_labels", "arguments": {}, "_meta": meta},
    }));
    let labels = client.answer();
    assert!(
        labels["result"]["structuredContent"]["labels"].is_array(),
        "{labels}"
    );
    client.end(&world.canaries);
    world.stop().await.unwrap();
}
