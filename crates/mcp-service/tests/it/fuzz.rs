//! Mutated requests: whatever comes, the answer is valid and never the server's own failure.

use std::time::{Duration, Instant};

use foundation::{Random, SeededRandom};
use http::{HeaderName, HeaderValue};
use mcp_service::LegacySessions;
use serde_json::{Value, json};

use crate::{
    program::{Read, Running, config, read, start},
    sessions::open,
};

/// `FUZZ_CASES` at build time sets the number; the full 100,000 take minutes.
fn cases() -> usize {
    option_env!("FUZZ_CASES")
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(4_000)
}

const METHODS: [&str; 22] = [
    "tools/call",
    "tools/list",
    "ping",
    "initialize",
    "server/discover",
    "resources/read",
    "resources/list",
    "resources/templates/list",
    "prompts/get",
    "prompts/list",
    "completion/complete",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "notifications/initialized",
    "notifications/cancelled",
    "tasks/get",
    "tasks/cancel",
    "skills/list",
    "resources/directory/read",
    "nope",
    "",
];

const HEADERS: [&str; 9] = [
    "accept",
    "content-type",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-session-id",
    "origin",
    "last-event-id",
    "authorization",
];

const VALUES: [&str; 16] = [
    "application/json",
    "text/event-stream",
    "*/*",
    "2026-07-28",
    "2025-11-25",
    "2025-03-26",
    "2099-01-01",
    "tools/call",
    "echo",
    "=?base64?ZWNobw==?=",
    "=?base64?@@?=",
    "null",
    "https://evil.example",
    "http://localhost:1",
    "Bearer bad",
    "",
];

struct Chance(SeededRandom);

impl Chance {
    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.0.number() % limit as u64).unwrap()
    }

    fn pick<'a>(&self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn value(&self, depth: usize) -> Value {
        match self.below(if depth == 0 { 8 } else { 10 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(10)),
            3 => json!(-1.5e300),
            4 => json!(u64::MAX),
            5 => json!("\u{202e}\u{0}é\n"),
            6 => json!(self.pick(&VALUES)),
            7 => json!("echo"),
            8 => Value::Array((0..self.below(3)).map(|_| self.value(depth - 1)).collect()),
            _ => Value::Object(
                (0..self.below(3))
                    .map(|_| (self.key(), self.value(depth - 1)))
                    .collect(),
            ),
        }
    }

    fn key(&self) -> String {
        let keys = [
            "name",
            "arguments",
            "_meta",
            "uri",
            "cursor",
            "requestState",
            "inputResponses",
            "protocolVersion",
            "capabilities",
            "clientInfo",
            "level",
            "ref",
            "argument",
            "taskId",
            "progressToken",
            "io.modelcontextprotocol/protocolVersion",
            "io.modelcontextprotocol/clientCapabilities",
            "x",
        ];
        self.pick(&keys).to_owned()
    }

    fn params(&self) -> Value {
        let mut params = json!({
            "name": "echo",
            "uri": "bench://a",
            "arguments": {},
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        });
        if self.below(2) == 0 {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        for _ in 0..self.below(3) {
            params[self.key()] = self.value(3);
        }
        params
    }

    fn message(&self) -> Value {
        let mut message = json!({
            "jsonrpc": "2.0",
            "id": self.below(1000),
            "method": self.pick(&METHODS),
            "params": self.params(),
        });
        match self.below(12) {
            0 => message["id"] = self.value(1),
            1 => message["method"] = self.value(1),
            2 => message["params"] = self.value(3),
            3 => message["jsonrpc"] = self.value(1),
            4 => message["result"] = self.value(2),
            5 => message["error"] = self.value(2),
            6 => drop(message.as_object_mut().unwrap().remove("id")),
            7 => drop(message.as_object_mut().unwrap().remove("method")),
            8 => drop(message.as_object_mut().unwrap().remove("params")),
            _ => {}
        }
        message
    }

    fn body(&self) -> Vec<u8> {
        let text = if self.below(12) == 0 {
            Value::Array((0..self.below(4)).map(|_| self.message()).collect()).to_string()
        } else {
            self.message().to_string()
        };
        let mut bytes = text.into_bytes();
        if self.below(4) == 0 {
            for _ in 0..=self.below(3) {
                let place = self.below(bytes.len());
                match self.below(4) {
                    0 => bytes[place] = u8::try_from(self.below(256)).unwrap(),
                    1 => bytes.truncate(place.max(1)),
                    2 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, b"{}[]\",:\\0e\xff"[self.below(11)]),
                }
                if bytes.is_empty() {
                    break;
                }
            }
        }
        bytes
    }

    fn request(
        &self,
        server: &Running,
        session: Option<&str>,
    ) -> (reqwest::RequestBuilder, String) {
        let method = [
            "POST", "POST", "POST", "POST", "POST", "POST", "GET", "DELETE", "PUT",
        ];
        let method = self.pick(&method);
        let body = self.body();
        let mut told = format!("{method} {}", String::from_utf8_lossy(&body));
        let mut request = server
            .http
            .request(method.parse().unwrap(), server.url("/mcp"))
            .timeout(Duration::from_secs(5));
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if self.below(2) == 0 {
            headers.push(("accept", "application/json, text/event-stream".into()));
        }
        if message["params"]["_meta"].is_object() && self.below(4) > 0 {
            headers.push(("mcp-protocol-version", "2026-07-28".into()));
            headers.push((
                "mcp-method",
                message["method"].as_str().unwrap_or("x").into(),
            ));
            headers.push(("mcp-name", "echo".into()));
        }
        if let Some(session) = session
            && method == "POST"
            && self.below(3) == 0
        {
            headers.push(("mcp-session-id", session.to_owned()));
            headers.push(("authorization", "Bearer fuzz".into()));
        }
        for _ in 0..self.below(3) {
            headers.push((self.pick(&HEADERS), self.pick(&VALUES).to_owned()));
        }
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                told.push_str(&format!("\n{name}: {value:?}"));
                request = request.header(HeaderName::from_static(name), value);
            }
        }
        (request.body(body), told)
    }
}

fn judge(read: &Read, told: &str) {
    assert!(read.status != 500 && read.status != 502, "{told}\n{read:?}");
    match read.kind() {
        "application/json" => {
            let value = read.json();
            let answers = match value {
                Value::Array(answers) => answers,
                single => vec![single],
            };
            for answer in answers {
                let message = answer["jsonrpc"] == "2.0"
                    && (answer["result"].is_object() != answer["error"]["code"].is_i64());
                assert!(message || answer["message"].is_string(), "{told}\n{read:?}");
            }
        }
        "text/event-stream" => assert_eq!(read.status, 200, "{told}"),
        _ => assert!(
            read.text.is_empty() && read.status == 202,
            "{told}\n{read:?}"
        ),
    }
}

async fn storm(sessions: LegacySessions, seed: u64) {
    let server = start(config(sessions)).await;
    let chance = Chance(SeededRandom::new(seed));
    let session = match sessions {
        LegacySessions::Off => None,
        LegacySessions::On => Some(open(&server, "Bearer fuzz").await),
    };
    let begun = Instant::now();
    let (mut sent, mut slowest) = (0, Duration::ZERO);
    while sent < cases()
        && begun.elapsed() < Duration::from_secs(if cases() > 10_000 { 900 } else { 9 })
    {
        let (request, told) = chance.request(&server, session.as_deref());
        let started = Instant::now();
        let answer = read(request).await;
        slowest = slowest.max(started.elapsed());
        judge(&answer, &told);
        sent += 1;
    }
    assert!(sent > 500, "only {sent} requests were sent");
    assert!(
        slowest < Duration::from_secs(2),
        "an answer took {slowest:?}"
    );
    assert_eq!(server.get("/health").await.status, 200);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_requests_without_sessions() {
    storm(LegacySessions::Off, 11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_requests_with_sessions() {
    storm(LegacySessions::On, 12).await;
}
