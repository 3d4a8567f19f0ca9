//! Starts servers of the zoo, as the hub does, and looks after what is left of them.
//!
//! Not a test. Invariant: processes are told apart by a token in their environment, so that tests
//! may run side by side.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use core_agent::{
    Fault,
    config::ContainmentConfig,
    upstream::stdio::{Child, ChildSpec, StderrRing, StdioTransport},
};
use foundation::SystemClock;
use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, CallToolResult},
    service::{ClientInitializeError, RunningService, ServiceError},
};
use serde_json::Value;

/// The program, which supervises children.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_core-agent");
/// The variable that marks a test's processes.
const TOKEN: &str = "ZOO_TOKEN";

/// A client of a server.
pub(crate) type Client = RunningService<RoleClient, ()>;

/// The zoo, built beside the program.
pub(crate) fn zoo() -> PathBuf {
    let path = Path::new(PROGRAM).with_file_name("examples").join("zoo");
    assert!(
        path.is_file(),
        "{} is not built: cargo build -p core-agent --example zoo",
        path.display()
    );
    path
}

/// What starts a server of the zoo.
pub(crate) fn spec(token: &str, args: &[&str]) -> ChildSpec {
    let surroundings = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    ChildSpec {
        server: "zoo".parse().unwrap(),
        command: zoo().display().to_string(),
        args: args.iter().map(ToString::to_string).collect(),
        env: BTreeMap::from([(TOKEN.to_owned(), token.into())]),
        surroundings: Arc::new(surroundings.collect()),
        inherit: Vec::new(),
        cwd: None,
        containment: ContainmentConfig::default(),
        answer_bytes: 4 << 20,
        executable: PROGRAM.into(),
    }
}

pub(crate) fn ring() -> Arc<StderrRing> {
    StderrRing::new(Arc::new(str::to_owned), Arc::new(SystemClock), None)
}

/// Starts a server.
pub(crate) fn start(token: &str, args: &[&str]) -> (Child, StdioTransport) {
    try_start(&spec(token, args)).unwrap()
}

pub(crate) fn try_start(spec: &ChildSpec) -> Result<(Child, StdioTransport), Fault> {
    Child::spawn(spec, ring())
}

/// Starts a server and shakes hands.
pub(crate) async fn meet(token: &str, args: &[&str]) -> (Child, Client) {
    let (child, transport) = start(token, args);
    let client = greet(transport).await.unwrap();
    (child, client)
}

pub(crate) async fn greet(transport: StdioTransport) -> Result<Client, ClientInitializeError> {
    rmcp::serve_client((), transport).await
}

pub(crate) async fn call(
    client: &Client,
    tool: &'static str,
    arguments: Value,
) -> Result<CallToolResult, ServiceError> {
    let mut params = CallToolRequestParams::new(tool);
    params.arguments = arguments.as_object().cloned();
    client.peer().call_tool(params).await
}

/// The processes of this token that are alive.
pub(crate) fn alive(token: &str) -> Vec<u32> {
    let mark = format!("{TOKEN}={token}").into_bytes();
    processes()
        .into_iter()
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|each| each == mark))
        })
        .collect()
}

/// The processes whose parent is `parent`, with their state.
pub(crate) fn children(parent: u32) -> Vec<(u32, char)> {
    processes()
        .into_iter()
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let mut fields = stat.rsplit_once(") ")?.1.split(' ');
            let state = fields.next()?.chars().next()?;
            (fields.next()?.parse() == Ok(parent)).then_some((pid, state))
        })
        .collect()
}

fn processes() -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Waits until `done` and says whether it came to that.
pub(crate) fn until(most: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > most {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// The memory of a process in kibibytes: `VmRSS`, `VmHWM`.
pub(crate) fn memory(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs this test program once more, for one test; a name that no test has would pass as well.
pub(crate) fn one_test_passes(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Says that this machine lacks what a test needs; where nothing may be passed over (`NO_SKIPS` is
/// set), that is a failure.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("NO_SKIPS").is_none(), "{why}");
    println!("SKIPPED: {why}");
}

/// A number from the environment, for longer runs.
pub(crate) fn number(name: &str, usual: usize) -> usize {
    let text = std::env::var_os(name).and_then(|text| text.into_string().ok());
    text.map_or(usual, |text| text.parse().unwrap())
}
