//! What the hub costs and what it saves: the same call directly and through it, in one run.
//!
//! Invariant: what is compared is the same tool of the same running server.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};
use testkit::{Program, World, http};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    task::JoinSet,
};

use super::{Bound, Figure, ROUNDS, load::Load};

/// Servers that are configured and never needed.
const IDLE_SERVERS: usize = 20;
/// Calls of which the time is taken, for one connection count.
const TIMED: u32 = 2_000;

/// A running hub.
struct Hub {
    program: Program,
    base: String,
    ready_after: Duration,
    _folder: tempfile::TempDir,
}

impl Hub {
    async fn start(root: &Path, servers: Value) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("core-agent.toml");
        let config = json!({
            "hub": {"listing": "merged"},
            "trust": {"approve_commands": false},
            "servers": servers,
        });
        std::fs::write(&file, toml::to_string(&config)?)?;
        let place = |path: &Path| path.display().to_string();
        let (config, state) = (place(&file), place(&folder.path().join("state")));
        let line = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            &config,
            "--state",
            &state,
        ];
        // Made before, because making one takes longer than a start.
        let client = http();
        let began = Instant::now();
        let home = place(folder.path());
        let env = [("HOME", home.as_str()), ("PATH", "/usr/bin:/bin")];
        let mut program = Program::start(&agent(root), &line, &env)?;
        let base = format!("http://{}", program.address().await?);
        while began.elapsed() < Duration::from_secs(20) {
            let answer = client.get(format!("{base}/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(Self {
                    program,
                    base,
                    ready_after: began.elapsed(),
                    _folder: folder,
                });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!(
            "the hub does not become ready; it said:\n{}",
            program.said()
        )
    }

    fn url(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// The hub's name of a tool. Listing has its servers come up.
    async fn name_of(&self, tool: &str) -> anyhow::Result<String> {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            let answer = post(&http(), &self.url(), &list).await?;
            let tools = answer["result"]["tools"].as_array();
            let names = tools
                .into_iter()
                .flatten()
                .filter_map(|tool| tool["name"].as_str());
            if let Some(name) = names.into_iter().find(|name| name.ends_with(tool)) {
                return Ok(name.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the hub lists no {tool}; it said:\n{}", self.program.said())
    }
}

/// Everything about the hub.
pub(super) async fn measure(root: &Path, requests: u32) -> anyhow::Result<Vec<Figure>> {
    let mut figures = start(root).await?;
    figures.extend(overhead(root, requests).await?);
    figures.extend(pooling(root).await?);
    Ok(figures)
}

/// Ready, and small, with servers that nobody needs.
async fn start(root: &Path) -> anyhow::Result<Vec<Figure>> {
    let mut servers = Map::new();
    for number in 0..IDLE_SERVERS {
        let marker = json!({"command": "/bin/false", "args": [number.to_string()]});
        servers.insert(format!("idle-{number}"), marker);
    }
    let hub = Hub::start(root, Value::Object(servers)).await?;
    let resident = hub.program.resident_mib()?;
    let ready = hub.ready_after.as_secs_f64() * 1e3;
    hub.program.stop().await?;
    Ok(vec![
        Figure {
            name: format!("hub with {IDLE_SERVERS} servers not started: ready after"),
            value: ready,
            unit: "ms",
            bound: Bound::Reported(100.0),
        },
        Figure {
            name: format!("hub with {IDLE_SERVERS} servers not started: memory"),
            value: resident,
            unit: "MiB",
            bound: Bound::Gated(40.0),
        },
    ])
}

/// What a call through the hub takes beyond a direct one.
async fn overhead(root: &Path, requests: u32) -> anyhow::Result<Vec<Figure>> {
    let echo = root.join("target/release/examples/echo");
    let mut server = Program::start(&echo, &["--mode", "lean"], &[])?;
    let direct = format!("http://{}/mcp", server.address().await?);
    let hub = Hub::start(root, json!({"echo": {"url": direct, "trust": "trusted"}})).await?;
    let name = hub.name_of("echo").await?;
    let call = |name: &str| {
        json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": name, "arguments": {"text": "hello"}},
        })
    };
    let (to_server, to_hub) = (call("echo"), call(&name));
    let mut figures = Vec::new();
    for connections in [1, 16] {
        let load = Load {
            url: hub.url(),
            body: to_hub.to_string(),
        };
        load.run(requests / 10, connections)
            .await
            .context("warming up")?;
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            let before = hub.program.cpu_seconds()?;
            load.run(requests, connections).await?;
            let spent = hub.program.cpu_seconds()? - before;
            least = least.min(spent / f64::from(requests) * 1e3);
        }
        let without = times(&direct, &to_server, connections).await?;
        let with = times(&hub.url(), &to_hub, connections).await?;
        let through = format!("through the hub, {connections} connections");
        figures.push(Figure {
            name: format!("{through}: CPU a call"),
            value: least,
            unit: "ms",
            bound: Bound::Gated(0.5),
        });
        for (which, part) in [("p50", 0.5), ("p99", 0.99)] {
            figures.push(Figure {
                name: format!("{through}: added {which}"),
                value: (percentile(&with, part) - percentile(&without, part)) * 1e3,
                unit: "ms",
                bound: Bound::None,
            });
        }
    }
    hub.program.stop().await?;
    server.stop().await?;
    Ok(figures)
}

/// The time of each of so many calls, sorted.
async fn times(url: &str, call: &Value, connections: u32) -> anyhow::Result<Vec<f64>> {
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (url, call) = (url.to_owned(), call.clone());
        workers.spawn(async move {
            let client = http();
            let mut times = Vec::new();
            for _ in 0..TIMED / connections {
                let began = Instant::now();
                let answer = post(&client, &url, &call).await?;
                times.push(began.elapsed().as_secs_f64());
                ensure!(answer["result"].is_object(), "{answer}");
            }
            Ok(times)
        });
    }
    let mut all = Vec::new();
    while let Some(times) = workers.join_next().await {
        all.extend(times??);
    }
    all.sort_by(f64::total_cmp);
    Ok(all)
}

fn percentile(sorted: &[f64], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of thousands"
    )]
    let place = (sorted.len() as f64 * part) as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// A call to a program that is kept, against one that starts it for each call.
async fn pooling(root: &Path) -> anyhow::Result<Vec<Figure>> {
    const CALLS: usize = 20;
    let began = Instant::now();
    for _ in 0..CALLS {
        cold(root).await?;
    }
    let cold = began.elapsed();
    let hub = Hub::start(
        root,
        json!({"clock": {
            "command": agent(root), "args": ["demo-server", "clock"], "trust": "trusted",
        }}),
    )
    .await?;
    let name = hub.name_of("current_time").await?;
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": name, "arguments": {}},
    });
    let client = http();
    let began = Instant::now();
    for _ in 0..CALLS {
        let answer = post(&client, &hub.url(), &call).await?;
        ensure!(answer["result"]["isError"] != true, "{answer}");
    }
    let pooled = began.elapsed();
    hub.program.stop().await?;
    Ok(vec![Figure {
        name: "call of a program on stdio: kept by the hub / started anew".into(),
        value: pooled.as_secs_f64() / cold.as_secs_f64(),
        unit: "×",
        bound: Bound::Reported(0.5),
    }])
}

/// One call of a program that is started for it.
async fn cold(root: &Path) -> anyhow::Result<()> {
    let mut child = tokio::process::Command::new(agent(root))
        .args(["demo-server", "clock"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = child.stdin.take().context("a pipe")?;
    let mut output = BufReader::new(child.stdout.take().context("a pipe")?).lines();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (id, method, params) in [
        (1, "server/discover", json!({"_meta": meta})),
        (
            2,
            "tools/call",
            json!({"name": "current_time", "arguments": {}, "_meta": meta}),
        ),
    ] {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        input.write_all(format!("{message}\n").as_bytes()).await?;
        let line = output.next_line().await?.context("an answer")?;
        let answer: Value = serde_json::from_str(&line)?;
        ensure!(answer["result"].is_object(), "{answer}");
    }
    drop(input);
    child.wait().await?;
    Ok(())
}

/// Calls to a slow service: four at once, and one that was asked before.
pub(super) async fn slow(root: &Path, world: &World) -> anyhow::Result<Vec<Figure>> {
    let url = format!("{}/mcp", world.base);
    let server = json!({
        "url": url, "trust": "trusted", "cache_seconds": {"list_gmail_labels": 60},
    });
    let hub = Hub::start(root, json!({"google": server})).await?;
    let mut calls = Vec::new();
    for (tool, arguments) in [
        ("list_calendars", json!({})),
        ("get_events", json!({"max_results": 5})),
        ("list_drive_items", json!({})),
        ("search_drive_files", json!({"query": "budget"})),
    ] {
        let name = hub.name_of(tool).await?;
        calls.push(json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": name, "arguments": arguments},
        }));
    }
    let clients: Vec<_> = calls.iter().map(|_| http()).collect();
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let mut together = JoinSet::new();
        let began = Instant::now();
        for (call, client) in calls.iter().zip(&clients) {
            let (url, call, client) = (hub.url(), call.clone(), client.clone());
            together.spawn(async move { post(&client, &url, &call).await });
        }
        while let Some(answer) = together.join_next().await {
            let answer = answer??;
            ensure!(
                answer["result"].is_object() && answer["result"]["isError"] != true,
                "{answer}"
            );
        }
        least = least.min(began.elapsed().as_secs_f64() * 1e3);
    }
    let labels = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": hub.name_of("list_gmail_labels").await?, "arguments": {}},
    });
    let client = http();
    let mut took = Vec::new();
    for _ in 0..6 {
        let began = Instant::now();
        let answer = post(&client, &hub.url(), &labels).await?;
        took.push(began.elapsed().as_secs_f64());
        ensure!(answer["result"]["isError"] != true, "{answer}");
    }
    let (first, again) = (took[0], took[1..].iter().sum::<f64>() / 5.0);
    hub.program.stop().await?;
    Ok(vec![
        Figure {
            name: "four independent calls of 100 ms through the hub".into(),
            value: least,
            unit: "ms",
            bound: Bound::Reported(130.0),
        },
        Figure {
            name: "read through the hub: asked before / first".into(),
            value: again / first,
            unit: "×",
            bound: Bound::Reported(0.5),
        },
    ])
}

fn agent(root: &Path) -> std::path::PathBuf {
    root.join("target/release/core-agent")
}

async fn post(client: &testkit::HttpClient, url: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = client
        .post(url)
        .header("Content-Type", "application/json")
        .header("Accept", "application/json")
        .body(body.to_string())
        .send()
        .await?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}
