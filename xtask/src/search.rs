//! How well the hub finds tools: `cargo xtask search`.
//!
//! Not the measurement itself: that is a test of core-agent, which CI runs as well; this shows what
//! it measured. Invariant: the figures shown are those the test judges.

use std::path::Path;

use anyhow::ensure;

/// Shows recall@5 and nDCG@10 of each ranker over the real tool definitions.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, root: &Path) -> anyhow::Result<()> {
    let status = crate::cargo(root)
        .args([
            "test",
            "--quiet",
            "--locked",
            "-p",
            "core-agent",
            "--test",
            "it",
            "--",
        ])
        .args(["search::", "--nocapture", "--test-threads=1"])
        .status()?;
    ensure!(status.success(), "the search is worse than it was");
    Ok(())
}
