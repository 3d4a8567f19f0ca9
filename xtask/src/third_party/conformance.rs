//! The official conformance suite in every protocol revision, with and without server-side
//! sessions: all of it against the fixture on `mcp-service`, and what needs none of the fixture's
//! tools against the real server on its sandbox.
//!
//! Invariant: the lists of what may fail only shrink: a listed scenario that passes fails the run.

use std::{fs, path::Path};

use anyhow::{Context, ensure};
use serde_json::Value;
use testkit::{World, WorldOptions};

use super::{
    Runtime, Workplace,
    suite::{self, Suite},
};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Node];

/// Without a session a server of the handshake era cannot ask its client anything.
const FAIL_WITHOUT_SESSIONS: [(&str, &str); 6] = [
    ("2025-06-18", "tools-call-elicitation"),
    ("2025-06-18", "tools-call-sampling"),
    ("2025-11-25", "elicitation-sep1034-defaults"),
    ("2025-11-25", "elicitation-sep1330-enums"),
    ("2025-11-25", "tools-call-elicitation"),
    ("2025-11-25", "tools-call-sampling"),
];

/// What every server can be asked, by revision. The suite's other scenarios call tools, read
/// resources or get prompts that only its fixture has.
const TRANSPORT: [(&str, &[&str]); 4] = [
    ("2025-03-26", &["server-session-lifecycle"]),
    (
        "2025-06-18",
        &[
            "server-initialize",
            "server-session-lifecycle",
            "ping",
            "tools-list",
            "resources-list",
        ],
    ),
    (
        "2025-11-25",
        &[
            "server-initialize",
            "server-session-lifecycle",
            "ping",
            "tools-list",
            "resources-list",
            "server-sse-polling",
            "server-sse-multiple-streams",
            "dns-rebinding-protection",
        ],
    ),
    (
        "2026-07-28",
        &[
            "server-stateless",
            "tools-list",
            "resources-list",
            "server-sse-multiple-streams",
            "sep-2164-resource-not-found",
            "dns-rebinding-protection",
            "caching",
            "http-header-validation",
            "input-required-result-unsupported-methods",
        ],
    ),
];

/// What these say without sessions, of which there are none to look at.
const ABOUT_SESSIONS: [(&str, &str); 5] = [
    ("2025-03-26", "server-session-lifecycle"),
    ("2025-06-18", "server-session-lifecycle"),
    ("2025-11-25", "server-session-lifecycle"),
    ("2025-11-25", "server-sse-polling"),
    ("2025-11-25", "server-sse-multiple-streams"),
];

/// Checks within these scenarios that nevertheless ask for a tool or a prompt of the fixture.
const ASK_FOR_THE_FIXTURE: [(&str, &str); 5] = [
    ("caching", "sep-2549-prompts-list-caching-hints"),
    (
        "server-stateless",
        "sep-2575-http-server-no-independent-requests-on-stream",
    ),
    ("server-stateless", "sep-2575-missing-capability-http-400"),
    (
        "server-stateless",
        "sep-2575-server-no-log-without-loglevel",
    ),
    (
        "server-stateless",
        "sep-2575-server-rejects-undeclared-capability",
    ),
];

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    let (root, folder) = (workplace.root, &workplace.folder);
    let suite = Suite::install(folder)?;
    workplace.build(suite::FIXTURE)?;
    workplace.build(&["--package", "workspace-mcp"])?;
    let mut surprises = fixture(&suite, root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    surprises.extend(runtime.block_on(real_server(&suite, root))?);
    ensure!(surprises.is_empty(), "{}", surprises.join("\n"));
    Ok(())
}

/// All scenarios against the fixture; what came out otherwise than expected.
fn fixture(suite: &Suite, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut surprises = Vec::new();
    println!(
        "{:<9} {:<11} {:>9} {:>7}  failed",
        "sessions", "revision", "scenarios", "passed"
    );
    for sessions in ["on", "off"] {
        let fixture = suite::fixture(root, sessions)?;
        for (revision, scenarios) in suite::SCENARIOS {
            let results = suite.servers(&fixture.url, revision)?;
            let failed: Vec<&str> = results
                .iter()
                .filter_map(|(name, passed)| (!passed).then_some(name.as_str()))
                .collect();
            println!(
                "{sessions:<9} {revision:<11} {:>9} {:>7}  {}",
                results.len(),
                results.len() - failed.len(),
                failed.join(", "),
            );
            let expected: Vec<&str> = FAIL_WITHOUT_SESSIONS
                .into_iter()
                .filter(|(of, _)| sessions == "off" && *of == revision)
                .map(|(_, name)| name)
                .collect();
            if failed != expected {
                surprises.push(format!(
                    "{revision} with sessions {sessions}: failed [{}] where [{}] is expected; \
                     a scenario that passes now leaves the list",
                    failed.join(", "),
                    expected.join(", "),
                ));
            }
            if results.len() != scenarios {
                surprises.push(format!(
                    "{revision} with sessions {sessions}: {} scenarios ran, not {scenarios}",
                    results.len(),
                ));
            }
        }
    }
    Ok(surprises)
}

/// What needs no fixture against the real server; what came out otherwise than expected.
async fn real_server(suite: &Suite, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut surprises = Vec::new();
    println!(
        "\n{:<9} {:<11} {:>9} {:>7}  the real server",
        "sessions", "revision", "scenarios", "checks"
    );
    for sessions in ["on", "off"] {
        let flag = (sessions == "on").to_string();
        let options = WorldOptions {
            settings: vec![("WORKSPACE_MCP_SESSIONS".to_owned(), flag)],
            ..WorldOptions::default()
        };
        let world = World::start(&root.join("target/debug/workspace-mcp"), options).await?;
        let url = format!("{}/mcp", world.base);
        for (revision, scenarios) in TRANSPORT {
            let mut passed = 0;
            for scenario in scenarios {
                let checks = checks_of(suite, &url, revision, scenario)?;
                let failed: Vec<&str> = checks.of("FAILURE");
                let expected: Vec<&str> = ASK_FOR_THE_FIXTURE
                    .into_iter()
                    .filter(|(of, _)| of == scenario)
                    .map(|(_, check)| check)
                    .collect();
                let successes = checks.of("SUCCESS").len();
                passed += successes;
                let silent = sessions == "off" && ABOUT_SESSIONS.contains(&(revision, scenario));
                if failed != expected || silent != (successes == 0) {
                    surprises.push(format!(
                        "the real server, {revision} with sessions {sessions}, {scenario}: \
                         {successes} checks passed, failed [{}] where [{}] is expected",
                        failed.join(", "),
                        expected.join(", "),
                    ));
                }
            }
            println!(
                "{sessions:<9} {revision:<11} {:>9} {passed:>7}",
                scenarios.len()
            );
        }
        world.stop().await?;
    }
    Ok(surprises)
}

/// Runs one scenario: each check and what came of it.
fn checks_of(suite: &Suite, url: &str, revision: &str, scenario: &str) -> anyhow::Result<Checks> {
    let folder = tempfile::tempdir()?;
    let output = suite
        .command("server", revision)
        .args(["--url", url, "--scenario", scenario, "--output-dir"])
        .arg(folder.path())
        .output()
        .context("the suite did not start")?;
    let written = fs::read_dir(folder.path())?
        .next()
        .with_context(|| {
            format!(
                "{scenario} did not run in {revision}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })??
        .path()
        .join("checks.json");
    let checks: Value = serde_json::from_slice(&fs::read(written)?)?;
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let mut checks: Vec<(String, String)> = checks
        .as_array()
        .into_iter()
        .flatten()
        .map(|check| (text(check, "id"), text(check, "status")))
        .collect();
    checks.sort();
    Ok(Checks(checks))
}

/// The checks of a scenario, sorted, each with its outcome.
struct Checks(Vec<(String, String)>);

impl Checks {
    fn of(&self, status: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(_, found)| found == status)
            .map(|(id, _)| id.as_str())
            .collect()
    }
}
