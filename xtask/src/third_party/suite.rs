//! The official conformance suite, and the fixture its scenarios of servers want.
//!
//! Not what is expected of either: that is said where they are run.
//! Invariant: a suite that ran nothing is a failure.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use super::{install::npm, running::Running};

const SUITE: &[&str] = &["@modelcontextprotocol/conformance@0.2.0-alpha.12"];
/// The suite needs a Node that is newer than many machines have.
const NODE: &[&str] = &["node@22.23.3"];

/// The revisions and how many scenarios of servers each has; fewer would mean that some were not
/// run.
pub(super) const SCENARIOS: [(&str, usize); 4] = [
    ("2025-03-26", 1),
    ("2025-06-18", 27),
    ("2025-11-25", 33),
    ("2026-07-28", 40),
];

/// How the fixture is built.
pub(super) const FIXTURE: &[&str] = &[
    "--package",
    "mcp-service",
    "--example",
    "conformance_server",
];

/// Starts the fixture; `sessions` are `on` or `off`.
pub(super) fn fixture(root: &Path, sessions: &str) -> anyhow::Result<Running> {
    let program = root.join("target/debug/examples/conformance_server");
    Running::start(Command::new(program).args(["--sessions", sessions]))
}

/// The suite, installed.
pub(super) struct Suite {
    node: PathBuf,
    script: PathBuf,
}

impl Suite {
    /// Installs it below a folder.
    pub(super) fn install(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            script: npm(&folder.join("suite"), SUITE)?
                .join("@modelcontextprotocol/conformance/dist/index.js"),
            node: npm(&folder.join("node"), NODE)?.join("node/bin/node"),
        })
    }

    /// Runs all scenarios of servers of a revision: each, and whether it passed.
    pub(super) fn servers(
        &self,
        url: &str,
        revision: &str,
    ) -> anyhow::Result<BTreeMap<String, bool>> {
        let mut command = self.command("server", revision);
        command.args(["--suite", "all", "--url", url]);
        results(&mut command)
    }

    /// The suite for one `side`, `server` or `client`, in one revision.
    pub(super) fn command(&self, side: &str, revision: &str) -> Command {
        let mut command = Command::new(&self.node);
        command
            .arg(&self.script)
            .args([side, "--spec-version", revision])
            .env("NO_COLOR", "1");
        command
    }
}

/// Each scenario and whether it passed.
pub(super) fn results(command: &mut Command) -> anyhow::Result<BTreeMap<String, bool>> {
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
