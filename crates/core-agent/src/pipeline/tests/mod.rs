//! The whole way of a call, with servers that do as they are told.
//!
//! The same over real children and real HTTP is in `tests/it/faults.rs`.

mod alerts;
mod cached;
mod persons;
mod records;
mod results;
mod sending;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use foundation::{SystemClock, SystemRandom};
use futures::future::BoxFuture;
use mcp_service::{Metrics, Principal};
use rmcp::model::{ClientRequest, ContentBlock, ServerResult, Tool};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    Actor, Effect, FaultKind, ServerName,
    catalogue::{Access, Standing},
    config::{BudgetConfig, ServerConfig, TrustLevel},
    upstream::{Patience, ServerEvent, ServerInfo, ServerStatus},
};

type Answer = Box<dyn FnOnce() -> Result<ServerResult, Fault> + Send>;

/// A tool, its arguments, and what was said beside.
type Seen = (String, Map<String, Value>, Map<String, Value>);

/// Does what it is told, one answer after another; then echoes.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<(Duration, Answer)>>,
    seen: Mutex<Vec<Seen>>,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
}

impl Scripted {
    fn then(&self, answer: impl FnOnce() -> Result<ServerResult, Fault> + Send + 'static) -> &Self {
        self.after(Duration::ZERO, answer)
    }

    fn after(
        &self,
        wait: Duration,
        answer: impl FnOnce() -> Result<ServerResult, Fault> + Send + 'static,
    ) -> &Self {
        self.script
            .lock()
            .unwrap()
            .push_back((wait, Box::new(answer)));
        self
    }

    fn fails(&self, kind: FaultKind, effect: Effect) -> &Self {
        self.then(move || {
            Err(Fault {
                effect,
                ..Fault::before(&server("s"), kind, "told to")
            })
        })
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Servers for Scripted {
    fn names(&self) -> Vec<ServerName> {
        vec![server("s")]
    }

    fn status(&self, _: &ServerName) -> Option<ServerStatus> {
        None
    }

    fn ensure<'a>(
        &'a self,
        server: &'a ServerName,
        _: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<ServerInfo>, Fault>> {
        Box::pin(async { Err(Fault::before(server, FaultKind::Disabled, "not here")) })
    }

    fn request<'a>(
        &'a self,
        _: &'a ServerName,
        request: ClientRequest,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<ServerResult, Fault>> {
        Box::pin(async move {
            let ClientRequest::CallToolRequest(request) = request else {
                panic!("only calls come this way");
            };
            let params = request.params;
            let arguments = params.arguments.unwrap_or_default();
            self.seen.lock().unwrap().push((
                params.name.to_string(),
                arguments.clone(),
                scope.meta.clone(),
            ));
            let now = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_work.fetch_max(now, Ordering::SeqCst);
            let next = self.script.lock().unwrap().pop_front();
            let answer = match next {
                Some((wait, answer)) => {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => answer(),
                        () = scope.cancelled.cancelled() => Err(Fault::after(
                            &server("s"), FaultKind::Cancelled, "told to stop",
                        )),
                    }
                }
                None => Ok(text(&Value::Object(arguments).to_string())),
            };
            self.at_work.fetch_sub(1, Ordering::SeqCst);
            answer
        })
    }

    fn relay<'a>(
        &'a self,
        server: &'a ServerName,
        _: Value,
        _: &'a Scope,
    ) -> BoxFuture<'a, Result<Value, Fault>> {
        Box::pin(async { Err(Fault::before(server, FaultKind::Disabled, "not here")) })
    }

    fn events(&self) -> tokio::sync::broadcast::Receiver<ServerEvent> {
        tokio::sync::broadcast::channel(1).1
    }
}

fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

fn text(words: &str) -> ServerResult {
    ServerResult::CallToolResult(CallToolResult::success(vec![ContentBlock::text(words)]))
}

struct Bench {
    folder: tempfile::TempDir,
    servers: Arc<Scripted>,
    pipeline: Arc<Pipeline>,
    journal: Journal,
    approvals: Approvals,
    store: Store,
    figures: Metrics,
}

async fn bench_with(config: Config, tools: Vec<Arc<HubTool>>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).unwrap();
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) =
        (Arc::new(SystemClock), Arc::new(SystemRandom));
    let journal = Journal::open(store.clone(), folder.path(), clock.clone(), random.clone())
        .await
        .unwrap();
    let approvals = Approvals::new(store.clone(), 60, clock.clone(), random.clone());
    let servers = Arc::new(Scripted::default());
    let figures = Metrics::new();
    let spans = Spans::start(config.telemetry.otlp_endpoint.as_deref()).unwrap();
    let view = Arc::new(View::new(tools, vec![], vec![], vec![], 1));
    let pipeline = Arc::new(Pipeline::new(PipelineOptions {
        config: Arc::new(config),
        servers: servers.clone(),
        view: Arc::new(move || view.clone()),
        policy: Arc::new(Policy::builtin()),
        approvals: approvals.clone(),
        journal: journal.clone(),
        store: store.clone(),
        state: folder.path().to_owned(),
        metrics: CallMetrics::register(&figures),
        spans,
        clock,
        random,
    }));
    Bench {
        folder,
        servers,
        pipeline,
        journal,
        approvals,
        store,
        figures,
    }
}

fn config(change: impl FnOnce(&mut Config, &mut ServerConfig)) -> Config {
    let mut config = Config::default();
    let mut one = ServerConfig::default();
    change(&mut config, &mut one);
    config.servers.insert(server("s"), one);
    config
}

async fn bench() -> Bench {
    bench_with(config(|_, _| {}), vec![]).await
}

fn tool(name: &str, access: Access) -> HubTool {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "key": {"type": "string"}}});
    let listed = Tool::new(
        name.to_owned(),
        "",
        Arc::new(schema.as_object().unwrap().clone()),
    );
    HubTool {
        server: server("s"),
        original: listed.clone(),
        listed,
        access,
        idempotent: false,
        categories: vec![],
        fingerprint: name.to_owned(),
        standing: Standing::Pinned,
        findings: vec![],
    }
}

fn actor(key: &str) -> Arc<Actor> {
    Arc::new(Actor {
        principal: Principal::new(key),
        name: key.into(),
        ..Actor::local()
    })
}

#[expect(clippy::needless_pass_by_value, reason = "literals are given")]
fn call(tool: HubTool, arguments: Value) -> Call {
    Call {
        tool: Arc::new(tool),
        arguments: arguments.as_object().unwrap().clone(),
        scope: Scope {
            actor: actor("ann"),
            client: None,
            cancelled: CancellationToken::new(),
            patience: Patience {
                idle: Duration::from_secs(20),
                cap: Duration::from_secs(30),
            },
            meta: Map::new(),
        },
        run: None,
        idempotency_key: None,
        round: None,
        unchanged: false,
        whole_data: false,
        relayed: None,
    }
}

fn read() -> Call {
    call(tool("look", Access::Read), json!({"n": 1}))
}

fn write() -> Call {
    call(tool("change", Access::Write), json!({"n": 1}))
}

fn result(outcome: Outcome) -> CallToolResult {
    match outcome {
        Outcome::Result(result) => *result,
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Failed(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn marks(result: &CallToolResult) -> &Value {
    &result.meta.as_ref().unwrap().0["core-agent/provenance"]
}

impl Bench {
    async fn states(&self) -> BTreeMap<String, i64> {
        self.journal.flush().await;
        self.store
            .read(|db| {
                db.prepare("SELECT state, count(*) FROM calls GROUP BY state")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .unwrap()
    }
}
