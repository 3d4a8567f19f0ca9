//! `cargo xtask docs`: writes the pages that are generated, or checks that they are fresh.
//!
//! The program prints them itself, so a page never says what the program does not know.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use clap::Args;

/// Write the generated pages of docs/reference/.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a page is out of date.
    #[arg(long)]
    check: bool,
}

/// Each page, and the program and command that print it.
const PAGES: &[(&str, &str, &[&str])] = &[
    (
        "docs/reference/settings.md",
        "workspace-mcp",
        &["config", "reference"],
    ),
    (
        "docs/reference/tools.md",
        "workspace-mcp",
        &["tools", "--markdown"],
    ),
    (
        "docs/reference/core-agent-config.md",
        "core-agent",
        &["config", "reference"],
    ),
    (
        "docs/reference/core-agent-settings.md",
        "core-agent",
        &["config", "variables"],
    ),
];

pub(crate) fn run(arguments: &Arguments, root: &Path) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (page, program, command) in PAGES {
        let printed = print(root, program, command)?;
        let path = root.join(page);
        if fs::read_to_string(&path).ok().as_deref() == Some(printed.as_str()) {
            continue;
        }
        if arguments.check {
            stale.push(*page);
        } else {
            fs::create_dir_all(path.parent().context("a page lies in a folder")?)?;
            fs::write(&path, printed)?;
            println!("wrote {page}");
        }
    }
    if !stale.is_empty() {
        bail!("out of date: {}; run cargo xtask docs", stale.join(", "));
    }
    Ok(())
}

fn print(root: &Path, program: &str, command: &[&str]) -> anyhow::Result<String> {
    let output = crate::cargo(root)
        .args(["run", "--quiet", "--package", program, "--"])
        .args(command)
        // The pages show defaults, not this machine.
        .env_remove("WORKSPACE_MCP_CONFIG")
        .output()?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            command.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
