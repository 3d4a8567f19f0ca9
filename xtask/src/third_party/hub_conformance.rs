//! The official conformance suite through the hub: the fixture on `mcp-service` behind
//! `core-agent serve`, next to the fixture alone; and the hub's client side by its driver.
//!
//! The fixture speaks both eras and has other tools in each, so that the hub is told to speak with
//! it in the era of the revision at hand.
//! Invariant: a scenario that passes against the fixture alone passes through the hub.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::ensure;

use super::{
    Runtime, Workplace,
    running::Running,
    suite::{self, Suite},
};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Node];

/// How many scenarios of clients each revision has.
const CLIENT_SCENARIOS: [(&str, usize); 4] = [
    ("2025-03-26", 2),
    ("2025-06-18", 5),
    ("2025-11-25", 19),
    ("2026-07-28", 33),
];

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    let (root, folder) = (workplace.root, &workplace.folder);
    let suite = Suite::install(folder)?;
    workplace.build(suite::FIXTURE)?;
    workplace.build(&["--package", "core-agent", "--bins"])?;
    workplace.build(&["--package", "core-agent", "--example", "conformance_client"])?;
    let mut lost = servers(&suite, root)?;
    lost.extend(clients(&suite, root)?);
    ensure!(lost.is_empty(), "{}", lost.join("\n"));
    Ok(())
}

/// The scenarios of servers; what is lost on the way through the hub.
fn servers(suite: &Suite, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut lost = Vec::new();
    println!(
        "{:<11} {:>9} {:>7} {:>7}  lost",
        "revision", "scenarios", "fixture", "hub"
    );
    for (revision, scenarios) in suite::SCENARIOS {
        let fixture = suite::fixture(root, "on")?;
        let alone = suite.servers(&fixture.url, revision)?;
        let folder = tempfile::tempdir()?;
        let hub = hub(root, folder.path(), &fixture.url, revision)?;
        let through = suite.servers(&hub.url, revision)?;
        let missing: Vec<&str> = alone
            .iter()
            .filter(|(name, passed)| **passed && through.get(*name) != Some(&true))
            .map(|(name, _)| name.as_str())
            .collect();
        let passed =
            |results: &BTreeMap<String, bool>| results.values().filter(|passed| **passed).count();
        println!(
            "{revision:<11} {:>9} {:>7} {:>7}  {}",
            through.len(),
            passed(&alone),
            passed(&through),
            missing.join(", ")
        );
        if !missing.is_empty() {
            lost.push(format!(
                "{revision}: lost through the hub: {}",
                missing.join(", ")
            ));
        }
        if through.len() != scenarios {
            lost.push(format!(
                "{revision}: {} scenarios ran, not {scenarios}",
                through.len()
            ));
        }
    }
    Ok(lost)
}

/// The scenarios of clients; those that fail.
fn clients(suite: &Suite, root: &Path) -> anyhow::Result<Vec<String>> {
    let driver = root.join("target/debug/examples/conformance_client");
    let mut failed = Vec::new();
    println!(
        "\n{:<11} {:>9} {:>7}  failed",
        "revision", "scenarios", "client"
    );
    for (revision, scenarios) in CLIENT_SCENARIOS {
        let results = clients_of(suite, &driver, revision)?;
        let missing: Vec<&str> = results
            .iter()
            .filter(|(_, passed)| !**passed)
            .map(|(name, _)| name.as_str())
            .collect();
        println!(
            "{revision:<11} {:>9} {:>7}  {}",
            results.len(),
            results.len() - missing.len(),
            missing.join(", ")
        );
        if !missing.is_empty() {
            failed.push(format!("{revision}: clients fail: {}", missing.join(", ")));
        }
        if results.len() < scenarios {
            failed.push(format!(
                "{revision}: {} scenarios of clients ran, not {scenarios}",
                results.len()
            ));
        }
    }
    Ok(failed)
}

/// The scenarios of clients run all at once; one that fails then is run once more alone, because
/// some of them measure times.
fn clients_of(
    suite: &Suite,
    driver: &Path,
    revision: &str,
) -> anyhow::Result<BTreeMap<String, bool>> {
    let mut command = suite.command("client", revision);
    command.args(["--suite", "all", "--command"]).arg(driver);
    let mut results = suite::results(&mut command)?;
    for (name, passed) in results.iter_mut().filter(|(_, passed)| !**passed) {
        let mut command = suite.command("client", revision);
        command.args(["--scenario", name, "--command"]).arg(driver);
        *passed = command.output()?.status.success();
    }
    Ok(results)
}

/// The hub in front of the fixture, which keeps its tools' names. The fixture lists two tools
/// that it does not have, and they would come first.
fn hub(root: &Path, folder: &Path, url: &str, revision: &str) -> anyhow::Result<Running> {
    let era = match revision {
        "2026-07-28" => "stateless",
        _ => "handshake",
    };
    let config = format!(
        "[hub]\nlisting = \"merged\"\n[servers.fixture]\nurl = \"{url}\"\ntrust = \"trusted\"\nprefix = \"\"\nera = \"{era}\"\nexclude = [\"failing_job\", \"greet\"]\n"
    );
    let file = folder.join("core-agent.toml");
    fs::write(&file, config)?;
    Running::start(
        Command::new(root.join("target/debug/core-agent"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--state")
            .arg(folder.join("state"))
            .current_dir(folder),
    )
}
