//! Servers that want to exhaust, mislead or rob the hub, against the program itself.
//!
//! The program runs as a child, so that its memory is its own; what counts besides is what the
//! server saw.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response},
};
use core_agent::{
    FaultKind, ServerName,
    config::{Config, OauthConfig, ServerConfig, Template},
    secret::Secrets,
    store::Store,
    upstream::{Listing, Listings, Scope, ServerInfo, Servers, UpstreamOptions, Upstreams},
};
use foundation::{SystemClock, SystemRandom, settings::Env};
use futures::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream,
};
use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, process::Command};

use crate::stranger::{Canary, Process, Stranger};

const PROGRAM: &str = env!("CARGO_BIN_EXE_core-agent");
const MEBIBYTE: usize = 1 << 20;
const TEN_GIGABYTES: usize = 10 << 30;
/// Mebibytes the program may take whatever a server does, built as it is used.
const MOST: usize = 64;
/// Mebibytes it may take beyond what it takes with a calm server, however it is built: an answer
/// of the largest size, and as much again for what it is read into.
const MORE: usize = 24;
/// The same for what is not refused: a list and an answer as large as they may be.
const MORE_TAKEN: usize = 36;
/// Mebibytes an answer may be large.
const ANSWER: usize = 8;

/// What a server does to those who use it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Harm {
    None,
    /// A list that never ends.
    EndlessList,
    /// A list of one page that never ends.
    EndlessPage,
    /// Such a list whose every page is full.
    EndlessTools,
    /// The same of tools with many arguments.
    EndlessArguments,
    /// A result of ten gigabytes.
    EndlessResult,
    /// One event of ten gigabytes.
    EndlessEvent,
    /// A schema of ten thousand references, one leading to the next.
    LongSchema,
    /// A schema that doubles with every step.
    WideSchema,
    /// A result that is nested deeper than anybody reads.
    DeepResult,
    /// A result just small enough, of so many values that it is a hundred times larger as data.
    ManyValues,
    /// A result as large as allowed, of one value.
    LongText,
    /// An error page of ten gigabytes.
    EndlessRefusal,
}

struct Hostile {
    harm: Harm,
    requests: AtomicUsize,
    pages: AtomicUsize,
    bytes: Arc<AtomicU64>,
}

impl Hostile {
    async fn start(harm: Harm) -> (Arc<Self>, String) {
        let hostile = Arc::new(Self {
            harm,
            requests: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            bytes: Arc::default(),
        });
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&hostile));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (hostile, url)
    }

    /// A body of ten gigabytes that begins with `head`; what of it was taken is counted.
    fn endless(&self, status: u16, kind: &str, head: String) -> Response<Body> {
        let bytes = Arc::clone(&self.bytes);
        let chunk = Bytes::from(vec![b'a'; MEBIBYTE]);
        let rest = stream::iter(0..TEN_GIGABYTES / MEBIBYTE).map(move |_| {
            bytes.fetch_add(MEBIBYTE as u64, Ordering::SeqCst);
            chunk.clone()
        });
        let all = stream::iter([Bytes::from(head)])
            .chain(rest)
            .map(Ok::<_, std::convert::Infallible>);
        Response::builder()
            .status(status)
            .header("content-type", kind)
            .body(Body::from_stream(all))
            .unwrap()
    }
}

async fn answer(
    State(hostile): State<Arc<Hostile>>,
    method: Method,
    _: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    hostile.requests.fetch_add(1, Ordering::SeqCst);
    if method != Method::POST {
        return plain(405, String::new());
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let Some(id) = message.get("id") else {
        return plain(202, String::new());
    };
    let harm = hostile.harm;
    let begun = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"");
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "hostile", "version": "1"},
        }),
        "tools/list" if harm == Harm::EndlessPage => {
            return hostile.endless(200, "application/json", begun);
        }
        "tools/list" => {
            let page = hostile.pages.fetch_add(1, Ordering::SeqCst);
            let mut list = json!({"tools": [tool("harm", &schema(harm))]});
            let count = match harm {
                Harm::EndlessList => 1,
                Harm::EndlessTools | Harm::EndlessArguments => 100,
                _ => 0,
            };
            if count > 0 {
                let tools = (0..count).map(|at| tool(&format!("harm{page}-{at}"), &schema(harm)));
                list["tools"] = tools.collect();
                list["nextCursor"] = json!(format!("page-{page}"));
            }
            list
        }
        "tools/call" => match harm {
            Harm::EndlessResult => return hostile.endless(200, "application/json", begun),
            Harm::EndlessEvent => {
                return hostile.endless(200, "text/event-stream", format!("data: {begun}"));
            }
            Harm::EndlessRefusal => return hostile.endless(500, "text/html", String::new()),
            Harm::DeepResult => {
                let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
                return plain(200, format!("{begun}content\":{deep}}}}}"));
            }
            Harm::ManyValues => {
                let many = "0,".repeat(ANSWER * MEBIBYTE / 2 - 100);
                return plain(200, format!("{begun}structuredContent\":[{many}0]}}}}"));
            }
            Harm::LongText => {
                let long = "a".repeat(ANSWER * MEBIBYTE - 200);
                json!({"content": [{"type": "text", "text": long}]})
            }
            _ => json!({"content": [{"type": "text", "text": "done"}]}),
        },
        _ => {
            let error = json!({"code": -32601, "message": "no such method"});
            return plain(
                200,
                json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string(),
            );
        }
    };
    plain(
        200,
        json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string(),
    )
}

fn plain(status: u16, body: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

fn tool(name: &str, schema: &Value) -> Value {
    json!({
        "name": name,
        "description": "Say done.",
        "inputSchema": schema,
        "annotations": {"readOnlyHint": true},
    })
}

fn schema(harm: Harm) -> Value {
    let part = |number: usize| json!({"$ref": format!("#/$defs/d{number}")});
    let chain = |count: usize, step: &dyn Fn(usize) -> Value| {
        let mut parts: BTreeMap<String, Value> =
            (0..count).map(|at| (format!("d{at}"), step(at))).collect();
        parts.insert(format!("d{count}"), json!({"type": "string"}));
        json!({
            "type": "object",
            "properties": {"value": part(0)},
            "$defs": parts,
        })
    };
    match harm {
        Harm::LongSchema => chain(10_000, &|at| part(at + 1)),
        Harm::WideSchema => chain(
            60,
            &|at| json!({"type": "object", "properties": {"a": part(at + 1), "b": part(at + 1)}}),
        ),
        Harm::EndlessArguments => {
            let said = json!({"type": "string", "description": "what it is, said in words"});
            let all: Map<String, Value> = (0..8)
                .map(|at| (format!("value{at}"), said.clone()))
                .collect();
            json!({"type": "object", "properties": all})
        }
        _ => json!({"type": "object"}),
    }
}

/// What became of one run of the program.
struct Run {
    status: ExitStatus,
    /// The most memory it had, in mebibytes.
    peak: usize,
    took: Duration,
}

/// Calls the server's tool by the program.
async fn call(folder: &Path, url: &str) -> Run {
    let config = folder.join("core-agent.toml");
    std::fs::write(
        &config,
        format!(
            "[servers.evil]\nurl = \"{url}\"\n[calls]\nattempts = 1\nanswer_bytes = {}\n",
            ANSWER * MEBIBYTE
        ),
    )
    .unwrap();
    let begun = Instant::now();
    let mut child = Command::new(PROGRAM)
        .args(["call", "evil__harm", "value=x", "--config"])
        .arg(&config)
        .arg("--state")
        .arg(folder.join("state"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let status_file = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.unwrap(),
            _ = ticks.tick() => {
                let text = std::fs::read_to_string(&status_file).unwrap_or_default();
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
                peak = peak.max(kibibytes.unwrap_or(0_usize));
                assert!(begun.elapsed() < Duration::from_mins(2), "it goes on and on");
            }
        }
    };
    Run {
        status,
        peak: peak >> 10,
        took: begun.elapsed(),
    }
}

#[tokio::test]
async fn what_never_ends_is_left_and_what_is_huge_is_not_taken() {
    let run = async |harm| {
        let folder = tempfile::tempdir().unwrap();
        let (hostile, url) = Hostile::start(harm).await;
        let run = call(folder.path(), &url).await;
        let bytes = usize::try_from(hostile.bytes.load(Ordering::SeqCst)).unwrap() / MEBIBYTE;
        println!(
            "{harm:?}: {}, {} MiB, {:?}, {} requests, {} MiB taken",
            run.status,
            run.peak,
            run.took,
            hostile.requests.load(Ordering::SeqCst),
            bytes,
        );
        (hostile, run, bytes)
    };
    let (_, calm, _) = run(Harm::None).await;
    assert!(calm.status.success());
    for harm in [
        Harm::EndlessList,
        Harm::EndlessTools,
        Harm::EndlessArguments,
        Harm::EndlessPage,
        Harm::EndlessResult,
        Harm::EndlessEvent,
        Harm::EndlessRefusal,
        Harm::LongSchema,
        Harm::WideSchema,
        Harm::DeepResult,
        Harm::ManyValues,
        Harm::LongText,
    ] {
        let (hostile, evil, bytes) = run(harm).await;
        let more = evil.peak.saturating_sub(calm.peak);
        let most = match harm {
            Harm::EndlessArguments | Harm::LongText => MORE_TAKEN,
            _ => MORE,
        };
        assert!(
            more <= most,
            "{harm:?}: {more} MiB more than a calm server needs"
        );
        // Unoptimised code alone takes as much as the program may.
        assert!(
            cfg!(debug_assertions) || evil.peak <= MOST,
            "{harm:?}: {} MiB",
            evil.peak
        );
        // The bound of an answer, and what lies in sockets.
        assert!(bytes <= 4 * ANSWER, "{harm:?}: {bytes} MiB were taken");
        assert!(hostile.requests.load(Ordering::SeqCst) <= 1_000, "{harm:?}");
        if matches!(
            harm,
            Harm::EndlessResult
                | Harm::EndlessEvent
                | Harm::EndlessRefusal
                | Harm::DeepResult
                | Harm::ManyValues
        ) {
            assert!(!evil.status.success(), "{harm:?}");
        }
    }
}

/// Nobody reads the lists.
struct Nowhere;

impl Listings for Nowhere {
    fn listed<'a>(&'a self, _: &'a ServerName, _: &'a ServerInfo, _: Listing) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}

/// The servers of a process that signs in to a stranger.
fn upstreams(process: &Process, folder: &Path, url: &str) -> Arc<Upstreams> {
    let clock = Arc::new(SystemClock);
    let variables: Arc<dyn Env + Send + Sync> = Arc::new(BTreeMap::<String, String>::new());
    let server = ServerConfig {
        url: Some(Template(url.to_owned())),
        enabled: true,
        ..ServerConfig::default()
    };
    Upstreams::start(UpstreamOptions {
        config: Arc::new(Config {
            servers: BTreeMap::from([(process.server.clone(), server)]),
            ..Config::default()
        }),
        store: Store::open(&folder.join("core-agent.db")).unwrap(),
        listings: Arc::new(Nowhere),
        secrets: Arc::new(Secrets::new(Arc::clone(&variables), clock.clone())),
        variables,
        sign_in: Some(Arc::new(process.sign_ins.clone())),
        command_gate: None,
        state: folder.to_owned(),
        clock,
        random: Arc::new(SystemRandom),
        executable: PROGRAM.into(),
    })
}

fn answers(papers: &mut crate::stranger::Papers) {
    papers.answers = BTreeMap::from([
        (
            "initialize".into(),
            json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "stranger", "version": "1"},
            }),
        ),
        ("tools/list".into(), json!({"tools": []})),
        (
            "tools/call".into(),
            json!({"content": [{"type": "text", "text": "done"}]}),
        ),
    ]);
}

fn say() -> ClientRequest {
    ClientRequest::CallToolRequest(CallToolRequest::new(CallToolRequestParams::new("say")))
}

#[tokio::test]
async fn a_server_that_refuses_for_ever_is_signed_in_to_three_times() {
    for forbids in [false, true] {
        let state = tempfile::tempdir().unwrap();
        let stranger = Stranger::start().await;
        stranger.papers(|papers| {
            answers(papers);
            papers.never_content = !forbids;
            papers.needs = forbids.then(|| "never".into());
            papers.grants = forbids.then(|| "something else".into());
        });
        let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
        let servers = upstreams(&process, state.path(), &stranger.mcp());
        for _ in 0..10 {
            let done = servers
                .request(&process.server, say(), &Scope::background())
                .await;
            assert!(done.is_err());
        }
        servers.stop().await;
        let asked = stranger.seen("/authorize").len();
        assert!((1..=3).contains(&asked), "{asked} sign-ins");
    }
}

#[tokio::test]
async fn a_token_does_not_follow_a_redirect() {
    let canary = Canary::start().await;
    let state = tempfile::tempdir().unwrap();
    let (stranger, other) = (Stranger::start().await, Stranger::start().await);
    stranger.papers(answers);
    let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    process.login().await.unwrap();
    let servers = upstreams(&process, state.path(), &stranger.mcp());
    let scope = Scope::background();
    servers
        .request(&process.server, say(), &scope)
        .await
        .unwrap();
    for (status, to) in [301, 302, 303, 307, 308].into_iter().flat_map(|status| {
        [
            (status, other.mcp()),
            (status, format!("http://{}/", canary.address)),
        ]
    }) {
        stranger.papers(|papers| {
            papers.pages.insert(
                "/mcp".into(),
                (status, vec![("location".into(), to.clone())], Vec::new()),
            );
        });
        let fault = servers
            .request(&process.server, say(), &scope)
            .await
            .unwrap_err();
        assert_ne!(fault.kind, FaultKind::SignInRequired, "{fault}");
    }
    servers.stop().await;
    assert!(other.all().is_empty());
    assert_eq!(canary.visits().await, 0);
}
