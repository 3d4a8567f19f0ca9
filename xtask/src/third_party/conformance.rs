//! The official conformance suite against the fixture on `mcp-service`, in every protocol revision,
//! with and without server-side sessions.
//!
//! Invariant: the lists of what may fail only shrink: a listed scenario that passes fails the run.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail, ensure};

use super::{
    Runtime, Workplace,
    install::{checked, npm},
};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Node];

const SUITE: &[&str] = &["@modelcontextprotocol/conformance@0.2.0-alpha.12"];
/// The suite needs a Node that is newer than many machines have.
const NODE: &[&str] = &["node@22.23.3"];

/// The revisions and how many scenarios each has; fewer would mean that some were not run.
const REVISIONS: [(&str, usize); 4] = [
    ("2025-03-26", 1),
    ("2025-06-18", 27),
    ("2025-11-25", 33),
    ("2026-07-28", 40),
];

/// Without a session a server of the handshake era cannot ask its client anything.
const FAIL_WITHOUT_SESSIONS: [(&str, &str); 6] = [
    ("2025-06-18", "tools-call-elicitation"),
    ("2025-06-18", "tools-call-sampling"),
    ("2025-11-25", "elicitation-sep1034-defaults"),
    ("2025-11-25", "elicitation-sep1330-enums"),
    ("2025-11-25", "tools-call-elicitation"),
    ("2025-11-25", "tools-call-sampling"),
];

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    let (root, folder) = (workplace.root, &workplace.folder);
    let suite =
        npm(&folder.join("suite"), SUITE)?.join("@modelcontextprotocol/conformance/dist/index.js");
    let node = npm(&folder.join("node"), NODE)?.join("node/bin/node");
    checked(
        crate::cargo(root)
            .args(["build", "--locked", "--package", "mcp-service", "--example"])
            .arg("conformance_server")
            .current_dir(root),
    )?;
    let mut surprises = Vec::new();
    println!(
        "{:<9} {:<11} {:>9} {:>7}  failed",
        "sessions", "revision", "scenarios", "passed"
    );
    for sessions in ["on", "off"] {
        let fixture = Fixture::start(root, sessions)?;
        for (revision, scenarios) in REVISIONS {
            let results = scenarios_of(&node, &suite, &fixture.url, revision)?;
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
    ensure!(surprises.is_empty(), "{}", surprises.join("\n"));
    Ok(())
}

/// Runs the suite in one revision: each scenario and whether it passed.
fn scenarios_of(
    node: &Path,
    suite: &Path,
    url: &str,
    revision: &str,
) -> anyhow::Result<BTreeMap<String, bool>> {
    let output = Command::new(node)
        .arg(suite)
        .args([
            "server",
            "--suite",
            "all",
            "--url",
            url,
            "--spec-version",
            revision,
        ])
        .env("NO_COLOR", "1")
        .output()
        .context("the suite did not start")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let results: BTreeMap<_, _> = text.lines().filter_map(result).collect();
    if results.is_empty() {
        bail!(
            "the suite ran nothing in {revision}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(results)
}

/// Reads a line of the suite's summary, such as `✓ ping: 1 passed, 0 failed`.
fn result(line: &str) -> Option<(String, bool)> {
    let (mark, rest) = line.trim().split_once(' ')?;
    let (name, counts) = rest.split_once(": ")?;
    let clean = counts.contains(", 0 failed");
    match mark {
        "✓" => Some((name.to_owned(), clean)),
        "✗" => Some((name.to_owned(), false)),
        _ => None,
    }
}

/// The fixture, running.
struct Fixture {
    child: Child,
    url: String,
}

impl Fixture {
    fn start(root: &Path, sessions: &str) -> anyhow::Result<Self> {
        let program: PathBuf = root.join("target/debug/examples/conformance_server");
        let mut child = Command::new(&program)
            .args(["--sessions", sessions])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} did not start", program.display()))?;
        let output = child.stdout.take().context("the fixture has an output")?;
        let mut fixture = Self {
            child,
            url: String::new(),
        };
        BufReader::new(output).read_line(&mut fixture.url)?;
        fixture.url.truncate(fixture.url.trim_end().len());
        ensure!(
            !fixture.url.is_empty(),
            "the fixture did not say where it listens"
        );
        Ok(fixture)
    }
}

impl Drop for Fixture {
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
