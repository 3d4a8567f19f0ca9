//! The official conformance suite through the hub: the fixture on `mcp-service` behind
//! `core-agent serve`, next to the fixture alone; and the hub's client side by its driver.
//!
//! The fixture speaks both eras and has other tools in each, so that the hub is told to speak with
//! it in the era of the revision at hand.
//! Invariant: a scenario that passes against the fixture alone passes through the hub.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail, ensure};

use super::{Runtime, Workplace, install::npm};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Node];

const SUITE: &[&str] = &["@modelcontextprotocol/conformance@0.2.0-alpha.12"];
/// The suite needs a Node that is newer than many machines have.
const NODE: &[&str] = &["node@22.23.3"];

/// The revisions, the era of each, and how many scenarios of servers each has.
const REVISIONS: [(&str, &str, usize); 4] = [
    ("2025-03-26", "handshake", 1),
    ("2025-06-18", "handshake", 27),
    ("2025-11-25", "handshake", 33),
    ("2026-07-28", "stateless", 40),
];

/// How many scenarios of clients each revision has.
const CLIENT_SCENARIOS: [(&str, usize); 4] = [
    ("2025-03-26", 2),
    ("2025-06-18", 5),
    ("2025-11-25", 19),
    ("2026-07-28", 33),
];

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    let (root, folder) = (workplace.root, &workplace.folder);
    let suite = Suite {
        script: npm(&folder.join("suite"), SUITE)?
            .join("@modelcontextprotocol/conformance/dist/index.js"),
        node: npm(&folder.join("node"), NODE)?.join("node/bin/node"),
    };
    workplace.build(&[
        "--package",
        "mcp-service",
        "--example",
        "conformance_server",
    ])?;
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
    for (revision, era, scenarios) in REVISIONS {
        let program = root.join("target/debug/examples/conformance_server");
        let fixture = Running::start(Command::new(program).args(["--sessions", "on"]))?;
        let alone = suite.servers(&fixture.url, revision)?;
        let folder = tempfile::tempdir()?;
        let hub = hub(root, folder.path(), &fixture.url, era)?;
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
        let results = suite.clients(&driver, revision)?;
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

/// The suite, installed.
struct Suite {
    node: PathBuf,
    script: PathBuf,
}

impl Suite {
    fn servers(&self, url: &str, revision: &str) -> anyhow::Result<BTreeMap<String, bool>> {
        let mut command = self.command("server", revision);
        command.args(["--suite", "all", "--url", url]);
        results(&mut command)
    }

    /// The scenarios of clients run all at once; one that fails then is run once more alone,
    /// because some of them measure times.
    fn clients(&self, driver: &Path, revision: &str) -> anyhow::Result<BTreeMap<String, bool>> {
        let mut command = self.command("client", revision);
        command.args(["--suite", "all", "--command"]).arg(driver);
        let mut results = results(&mut command)?;
        for (name, passed) in results.iter_mut().filter(|(_, passed)| !**passed) {
            let mut command = self.command("client", revision);
            command.args(["--scenario", name, "--command"]).arg(driver);
            *passed = command.output()?.status.success();
        }
        Ok(results)
    }

    fn command(&self, side: &str, revision: &str) -> Command {
        let mut command = Command::new(&self.node);
        command
            .arg(&self.script)
            .args([side, "--spec-version", revision])
            .env("NO_COLOR", "1");
        command
    }
}

/// Each scenario and whether it passed.
fn results(command: &mut Command) -> anyhow::Result<BTreeMap<String, bool>> {
    let output = command.output().context("the suite did not start")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let results: BTreeMap<_, _> = text.lines().filter_map(result).collect();
    if results.is_empty() {
        bail!(
            "the suite ran nothing: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(results)
}

/// Reads a line of the suite's summary, such as `✓ ping: 1 passed, 0 failed`.
fn result(line: &str) -> Option<(String, bool)> {
    let (mark, rest) = line.trim().split_once(' ')?;
    let (name, counts) = rest.split_once(": ")?;
    match mark {
        "✓" => Some((name.to_owned(), counts.contains(", 0 failed"))),
        "✗" => Some((name.to_owned(), false)),
        _ => None,
    }
}

/// The hub in front of the fixture, which keeps its tools' names. The fixture lists two tools
/// that it does not have, and they would come first.
fn hub(root: &Path, folder: &Path, url: &str, era: &str) -> anyhow::Result<Running> {
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

/// A program that says where it listens.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} did not start", command.get_program().display()))?;
        let output = child.stdout.take().context("it has an output")?;
        let mut running = Self {
            child,
            url: String::new(),
        };
        BufReader::new(output).read_line(&mut running.url)?;
        running.url.truncate(running.url.trim_end().len());
        ensure!(
            running.url.starts_with("http"),
            "{} did not say where it listens",
            command.get_program().display()
        );
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_are_read() {
        assert_eq!(
            result("✓ ping: 1 passed, 0 failed"),
            Some(("ping".into(), true))
        );
        assert_eq!(
            result("✗ tools-call-sampling: 1 passed, 1 failed"),
            Some(("tools-call-sampling".into(), false))
        );
        assert_eq!(result("Total: 3 passed, 0 failed"), None);
    }
}
