//! The fault matrix: {what can go wrong} × {read, idempotent write, plain write} × {before, after
//! the work was done}, over real programs and real connections, with every execution counted.
//!
//! `FAULT_ROUNDS` says how often each cell is played; 3 by default.

mod far;

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc};

use core_agent::{
    Effect, Fault, FaultKind, ServerName,
    approvals::Approvals,
    catalogue::{Access, HubTool, Standing, View},
    config::{Config, EraChoice, ServerConfig, Template, TrustLevel},
    journal::Journal,
    metrics::CallMetrics,
    pipeline::{Call, Outcome, Pipeline, PipelineOptions},
    policy::Policy,
    store::Store,
    telemetry::Spans,
    upstream::{Servers, Upstreams},
};
use foundation::{Random, SystemClock};
use mcp_service::Metrics;
use rmcp::model::Tool;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    keeper::number,
    upstream::{Plan, address, name, patience, program, scope_of},
};
use far::Far;

/// Cells played at the same time.
const TOGETHER: usize = 4;

/// Half of everything, so that pauses between attempts are the same each time.
struct Half;

impl Random for Half {
    fn fill(&self, bytes: &mut [u8]) {
        foundation::SystemRandom.fill(bytes);
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Read,
    Idempotent,
    Plain,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum When {
    Before,
    After,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Program,
    Http,
}

/// One cell of the matrix.
#[derive(Clone, Copy, Debug)]
struct Cell {
    fault: &'static str,
    place: Place,
    kind: Kind,
    when: When,
}

/// What was seen in a cell.
#[derive(Debug, Default)]
struct Seen {
    /// Calls that may be recovered: nothing can be done twice, or surely nothing was done.
    recoverable: usize,
    recovered: usize,
    /// Plain writes that were done more than once, or idempotent work lost.
    wrong: usize,
    /// Failures without a type that fits.
    untyped: usize,
    failed: BTreeMap<&'static str, usize>,
    notes: Vec<String>,
}

impl Cell {
    fn all() -> Vec<Self> {
        let faults = [
            ("refuse", Place::Http),
            ("reset", Place::Http),
            ("hang", Place::Http),
            ("hang", Place::Program),
            ("slow", Place::Program),
            ("garbage", Place::Http),
            ("garbage", Place::Program),
            ("5xx", Place::Http),
            ("schema", Place::Program),
            ("crash", Place::Program),
            ("oom", Place::Program),
        ];
        let mut cells = Vec::new();
        for (fault, place) in faults {
            for kind in [Kind::Read, Kind::Idempotent, Kind::Plain] {
                for when in [When::Before, When::After] {
                    // A connection that is refused has done nothing; a slow one does it late.
                    if !matches!(fault, "refuse" | "slow") || when == When::Before {
                        cells.push(Self {
                            fault,
                            place,
                            kind,
                            when,
                        });
                    }
                }
            }
        }
        cells
    }

    /// Whether a call that meets the fault can be saved without doing anything twice.
    fn recoverable(self) -> bool {
        self.kind != Kind::Plain || matches!(self.fault, "refuse" | "slow")
    }

    /// The types a failure may have.
    fn types(self) -> &'static [FaultKind] {
        match self.fault {
            "reset" => &[FaultKind::Closed, FaultKind::Unreachable],
            "hang" => &[FaultKind::TimedOut],
            "garbage" => &[FaultKind::Protocol, FaultKind::TimedOut, FaultKind::Closed],
            "5xx" => &[FaultKind::Http],
            "schema" => &[FaultKind::Protocol],
            "crash" | "oom" => &[FaultKind::Closed],
            _ => &[],
        }
    }
}

/// Something that fails once when told to, and counts what it does.
enum Failing {
    Program {
        times: std::path::PathBuf,
        journal: std::path::PathBuf,
    },
    Http(Arc<Far>),
}

impl Failing {
    async fn arm(&self, cell: Cell) {
        match self {
            Self::Program { times, .. } => std::fs::write(times, "1").unwrap(),
            Self::Http(far) => far.arm(cell.fault, cell.when == When::After).await,
        }
    }

    fn executed(&self) -> usize {
        match self {
            Self::Program { journal, .. } => std::fs::read_to_string(journal)
                .unwrap_or_default()
                .lines()
                .filter(|line| line.starts_with("add "))
                .count(),
            Self::Http(far) => far.executed(),
        }
    }
}

async fn failing(cell: Cell, folder: &Path) -> (Failing, ServerConfig) {
    match cell.place {
        Place::Http => {
            let (far, url) = Far::start().await;
            let config = ServerConfig {
                era: EraChoice::Handshake,
                ..address(&url)
            };
            (Failing::Http(far), config)
        }
        Place::Program => {
            let (times, journal) = (folder.join("times"), folder.join("executions"));
            let when = match cell.when {
                When::Before => "before",
                When::After => "after",
            };
            let mut config = program(&match cell.fault {
                "slow" => vec!["slow-call", "--delay-ms", "400"],
                fault => vec!["good", "--fault", fault, "--tool", "add", "--when", when],
            });
            for (option, file) in [("--times", &times), ("--journal", &journal)] {
                config.args.push(Template(option.to_owned()));
                config.args.push(Template(file.display().to_string()));
            }
            if cell.fault == "oom" {
                config.containment.memory_mb = Some(400);
            }
            (Failing::Program { times, journal }, config)
        }
    }
}

fn tool(kind: Kind) -> HubTool {
    let map = |value: Value| Arc::new(value.as_object().unwrap().clone());
    let number = json!({"type": "number"});
    let mut listed = Tool::new(
        "add",
        "",
        map(json!({"type": "object", "properties": {"a": number, "b": number}})),
    );
    listed.output_schema = Some(map(json!({
        "type": "object", "properties": {"sum": number}, "required": ["sum"],
    })));
    HubTool {
        server: name("far"),
        original: listed.clone(),
        listed,
        access: if kind == Kind::Read {
            Access::Read
        } else {
            Access::Write
        },
        idempotent: kind == Kind::Idempotent,
        categories: vec![],
        fingerprint: format!("{kind:?}"),
        standing: Standing::Pinned,
        findings: vec![],
    }
}

pub(crate) async fn pipeline(config: Config, servers: Arc<Upstreams>, folder: &Path) -> Pipeline {
    let store = Store::open(&folder.join("core-agent.db")).unwrap();
    let (clock, random) = (Arc::new(SystemClock), Arc::new(Half));
    Pipeline::new(PipelineOptions {
        approvals: Approvals::new(store.clone(), 60, clock.clone(), random.clone()),
        journal: Journal::open(store.clone(), folder, clock.clone(), random.clone())
            .await
            .unwrap(),
        config: Arc::new(config),
        servers,
        view: Arc::new(|| Arc::new(View::default())),
        policy: Arc::new(Policy::builtin()),
        store,
        state: folder.to_owned(),
        metrics: CallMetrics::register(&Metrics::new()),
        spans: Spans::default(),
        clock,
        random,
    })
}

async fn play(cell: Cell, rounds: usize) -> Seen {
    let far: ServerName = name("far");
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (failing, server) = failing(cell, folder.path()).await;
    let mut plan = Plan::new([("far", server)]);
    plan.folder = folder.clone();
    plan.config.calls.attempts = 5;
    let config = plan.config.clone();
    assert_eq!(config.servers[&far].trust, TrustLevel::Untrusted);
    let rig = plan.start();
    let pipeline = pipeline(config, rig.servers.clone(), folder.path()).await;
    let call = || Call {
        tool: Arc::new(tool(cell.kind)),
        arguments: json!({"a": 1, "b": 2}).as_object().unwrap().clone(),
        scope: {
            let mut scope = scope_of("ann", None);
            scope.patience = patience(2_500, 60_000);
            scope
        },
        run: None,
        idempotency_key: None,
        round: None,
        unchanged: false,
        whole_data: false,
        relayed: None,
    };
    // The first call brings the server up; it is not one of those that are judged.
    let mut scope = scope_of("ann", None);
    scope.patience = patience(20_000, 40_000);
    rig.servers.ensure(&far, &scope).await.unwrap();

    let mut seen = Seen::default();
    for _ in 0..rounds {
        let before = failing.executed();
        failing.arm(cell).await;
        let outcome = pipeline.call(call()).await;
        let executed = failing.executed() - before;
        judge(cell, &outcome, executed, &mut seen);
    }
    drop(pipeline);
    rig.servers.stop().await;
    seen
}

fn judge(cell: Cell, outcome: &Outcome, executed: usize, seen: &mut Seen) {
    if cell.kind == Kind::Plain && executed > 1 {
        seen.wrong += 1;
        seen.notes.push(format!("done {executed} times"));
    }
    seen.recoverable += usize::from(cell.recoverable());
    match outcome {
        Outcome::Result(result) => {
            // A good result of work that was not done would be the worst of all.
            let right = result.structured_content == Some(json!({"sum": 3.0}));
            if !right || executed == 0 {
                seen.wrong += 1;
                seen.notes.push(format!("a result of nothing: {result:?}"));
            }
            seen.recovered += usize::from(cell.recoverable());
        }
        Outcome::Failed(fault) => {
            *seen.failed.entry(fault.kind.name()).or_default() += 1;
            if !cell.types().contains(&fault.kind) || !honest(fault, executed) {
                seen.untyped += 1;
                seen.notes.push(format!(
                    "{:?} {:?} {executed}: {fault}",
                    fault.kind, fault.effect
                ));
            }
        }
        other => panic!("{cell:?}: {other:?}"),
    }
}

/// A fault that says that nothing was done is believed by whoever reads it.
fn honest(fault: &Fault, executed: usize) -> bool {
    executed == 0 || fault.effect != Effect::None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_recovered_is_and_nothing_is_done_twice() {
    let rounds = number("FAULT_ROUNDS", 3);
    let places = Arc::new(Semaphore::new(TOGETHER));
    let mut all = JoinSet::new();
    for (at, cell) in Cell::all().into_iter().enumerate() {
        let places = places.clone();
        all.spawn(async move {
            let _place = places.acquire().await.unwrap();
            (at, cell, play(cell, rounds).await)
        });
    }
    let mut cells = Vec::new();
    while let Some(played) = all.join_next().await {
        cells.push(played.unwrap());
    }
    cells.sort_by_key(|(at, _, _)| *at);
    let mut table = format!(
        "{:<8} {:<8} {:<11} {:<7} {:>9} {:>6}  failures\n",
        "fault", "server", "call", "when", "recovered", "wrong"
    );
    let (mut recoverable, mut recovered, mut wrong, mut untyped) = (0, 0, 0, 0);
    for (_, cell, seen) in &cells {
        let share = if seen.recoverable == 0 {
            "-".to_owned()
        } else {
            format!("{}/{}", seen.recovered, seen.recoverable)
        };
        let place = format!("{:?}", cell.place).to_lowercase();
        let kind = format!("{:?}", cell.kind).to_lowercase();
        let when = format!("{:?}", cell.when).to_lowercase();
        writeln!(
            table,
            "{:<8} {place:<8} {kind:<11} {when:<7} {share:>9} {:>6}  {:?} {}",
            cell.fault,
            seen.wrong,
            seen.failed,
            seen.notes.join("; ")
        )
        .unwrap();
        recoverable += seen.recoverable;
        recovered += seen.recovered;
        wrong += seen.wrong;
        untyped += seen.untyped;
    }
    println!(
        "{table}\nrecovered {recovered} of {recoverable}, {wrong} wrong, {untyped} without a fitting type"
    );
    assert_eq!(wrong, 0, "\n{table}");
    assert_eq!(untyped, 0, "\n{table}");
    assert!(recovered * 100 >= recoverable * 95, "\n{table}");
}
