//! Our tools on an emulator of Google's services that others wrote, beside our own sandbox.
//!
//! The same sign-in and the same calls, in the same order, on both; the results have to be the
//! same field by field. What differs is listed with its reason in [`exceptions`]. Invariant: a
//! listed exception that no longer occurs fails the suite, so the lists only shrink.

mod backend;
mod compare;
mod consent;
mod exceptions;
mod script;
mod seed;

use std::{collections::BTreeSet, path::Path};

use anyhow::{bail, ensure};
use backend::{Aside, Backend};
use compare::Verdict;
use exceptions::{BRIDGED, DIFFERENCES, MISSING};
use serde_json::Value;

use super::{Runtime, Workplace, install::npm};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Node];

const EMULATOR: &[&str] = &["emulate@0.11.2"];
const FRONT: &str = "front.mjs";

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    workplace.build(&["--release", "--package", "workspace-mcp"])?;
    let binary = workplace.root.join("target/release/workspace-mcp");
    let modules = npm(&workplace.folder, EMULATOR)?;
    // A script beside its packages finds them without any path being set.
    let front = modules.with_file_name(FRONT);
    std::fs::copy(
        workplace.root.join("tests/third-party/emulate").join(FRONT),
        &front,
    )?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(side_by_side(&binary, &front))
}

async fn side_by_side(binary: &Path, front: &Path) -> anyhow::Result<()> {
    let mut ours = Backend::sandbox(binary).await?;
    let mut theirs = Backend::emulator(binary, front).await?;
    let mut tally = Tally::default();

    let nothing = Aside::default;
    let signed_in = (ours.sign_in().await?, theirs.sign_in().await?);
    tally.take("start_google_auth", "sign in", &signed_in, nothing());
    seed::fill(&ours).await?;
    seed::fill(&theirs).await?;
    for step in script::steps() {
        let results = (ours.step(step).await?, theirs.step(step).await?);
        ensure!(
            results.0["failed"] == step.refused,
            "{}: {}: unexpected on the sandbox: {}",
            step.tool,
            step.say,
            results.0
        );
        let aside = theirs.aside().await?;
        tally.take(step.tool, step.say, &results, aside);
    }
    let refreshed = (ours.refresh().await?, theirs.refresh().await?);
    tally.take("list_gmail_labels", "refresh", &refreshed, nothing());
    let revoked = (ours.revoke().await?, theirs.revoke().await?);
    tally.take("/auth/revoke", "revoke", &revoked, nothing());

    ours.stop().await?;
    theirs.stop().await?;
    tally.finish()
}

/// What came out so far.
#[derive(Default)]
struct Tally {
    rows: Vec<(String, String)>,
    /// What of the lists of exceptions occurred.
    used: BTreeSet<String>,
    unexplained: Vec<String>,
    same: usize,
    explained: usize,
    missing: usize,
}

impl Tally {
    fn take(&mut self, tool: &str, say: &str, (ours, theirs): &(Value, Value), aside: Aside) {
        let call = format!("{tool}: {say}");
        let mut outcome = Vec::new();
        for request in aside.missing.iter().chain(&aside.bridged) {
            if MISSING
                .iter()
                .chain(BRIDGED)
                .any(|(route, _)| request == route)
            {
                self.used.insert(request.clone());
            } else {
                let problem = format!("{call}: {request} does not reach the emulator");
                self.unexplained.push(problem);
            }
        }
        if aside.missing.is_empty() {
            let numbers = self.compare(tool, say, ours, theirs);
            if numbers.is_empty() {
                self.same += 1;
                outcome.push("same".to_owned());
            } else {
                self.explained += 1;
                let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
                outcome.push(format!("differs: {}", numbers.join(", ")));
            }
        } else {
            self.missing += 1;
            outcome.push(format!("not covered: {}", aside.missing.join(", ")));
        }
        if !aside.bridged.is_empty() {
            let bridged: BTreeSet<String> = aside.bridged.into_iter().collect();
            let bridged: Vec<String> = bridged.into_iter().collect();
            outcome.push(format!("bridged: {}", bridged.join(", ")));
        }
        self.rows.push((call, outcome.join("; ")));
    }

    /// The numbers of the differences; 0 for one that is not listed.
    fn compare(&mut self, tool: &str, say: &str, ours: &Value, theirs: &Value) -> BTreeSet<usize> {
        let mut numbers = BTreeSet::new();
        for Verdict { field, values } in compare::differences(ours, theirs) {
            let listed = DIFFERENCES
                .iter()
                .position(|one| one.covers(tool, say, &field));
            if let Some(at) = listed {
                let why = DIFFERENCES[at].why;
                let words = [tool, say, &field];
                self.used.extend(words.map(|word| format!("{why}|{word}")));
            } else {
                let problem = format!("{tool}: {say}: {field}\n{values}");
                self.unexplained.push(problem);
            }
            numbers.insert(listed.map_or(0, |at| at + 1));
        }
        numbers
    }

    fn finish(self) -> anyhow::Result<()> {
        let width = self.rows.iter().map(|(call, _)| call.len()).max();
        for (call, outcome) in &self.rows {
            println!(
                "{call:width$} | {outcome}",
                width = width.unwrap_or_default()
            );
        }
        println!(
            "{} calls: {} same, {} with explained differences, {} not covered by the emulator",
            self.rows.len(),
            self.same,
            self.explained,
            self.missing
        );
        for (at, one) in DIFFERENCES.iter().enumerate() {
            println!("{:3} {} ({})", at + 1, one.why, one.fields.join(", "));
        }
        for (request, why) in MISSING.iter().chain(BRIDGED) {
            println!("    {request}: {why}");
        }
        for problem in &self.unexplained {
            println!("NOT EXPLAINED {problem}");
        }
        let gone: Vec<String> = exceptions::all()
            .filter(|one| !self.used.contains(one))
            .collect();
        if !gone.is_empty() {
            bail!(
                "take off the lists what no longer occurs: {}",
                gone.join(", ")
            );
        }
        ensure!(
            self.unexplained.is_empty(),
            "{} differences without an explanation",
            self.unexplained.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(results: &(Value, Value), aside: Aside) -> String {
        let mut tally = Tally {
            used: exceptions::all().collect(),
            ..Tally::default()
        };
        tally.take("list_calendars", "all", results, aside);
        tally
            .finish()
            .err()
            .map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn only_a_listed_difference_passes() {
        let same = (json!({"failed": false}), json!({"failed": false}));
        assert_eq!(after(&same, Aside::default()), "");
        let other = (json!({"failed": false}), json!({"failed": true}));
        assert!(after(&other, Aside::default()).starts_with("1 differences"));
    }

    #[test]
    fn only_a_listed_request_may_miss_the_emulator() {
        let same = || (json!({}), json!({}));
        let missing = |request: &str| Aside {
            missing: vec![request.to_owned()],
            bridged: Vec::new(),
        };
        assert_eq!(after(&same(), missing(MISSING[0].0)), "");
        assert_ne!(after(&same(), missing("GET /gmail/v1/users/me/labels")), "");
    }

    #[test]
    fn a_listed_difference_that_does_not_occur_fails() {
        let unused = Tally::default().finish().unwrap_err().to_string();
        assert!(unused.starts_with("take off the lists"), "{unused}");
    }
}
