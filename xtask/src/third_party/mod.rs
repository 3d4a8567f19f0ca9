//! `cargo xtask third-party`: our programs against software that others wrote.
//!
//! One suite, one file with `NEEDS` and `run`, one line in [`SUITES`]. What a suite uses it
//! installs itself, pinned, under `target/third-party/`. Without a runtime a suite is skipped and
//! says so; with `--required` that is a failure. Invariant: a suite talks to loopback only and ends
//! every process it started.

mod clients;
mod conformance;
mod emulate;
mod google_client;
mod hub_conformance;
mod install;
mod running;
mod s3;
mod servers;
mod suite;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

/// Run our programs against software that others wrote.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The suites to run; all without a name.
    suites: Vec<String>,
    /// Fail when a suite cannot run here.
    #[arg(long, env = "THIRD_PARTY_REQUIRED")]
    required: bool,
    /// Use what is built already.
    #[arg(long)]
    no_build: bool,
}

/// What a suite may use.
pub(crate) struct Workplace<'a> {
    /// The top of the repository.
    pub root: &'a Path,
    /// A folder of the suite's own below `target/`; kept from run to run.
    pub folder: PathBuf,
    /// Whether what is built already is used.
    pub no_build: bool,
}

impl Workplace<'_> {
    /// Builds what a suite runs, such as `--release --package core-agent`.
    fn build(&self, what: &[&str]) -> anyhow::Result<()> {
        if self.no_build {
            return Ok(());
        }
        let mut command = crate::cargo(self.root);
        install::checked(command.args(["build", "--locked"]).args(what))
    }
}

/// A runtime a suite needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Runtime {
    Node,
    Python,
}

struct Suite {
    name: &'static str,
    needs: &'static [Runtime],
    run: fn(&Workplace<'_>) -> anyhow::Result<()>,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "clients",
        needs: clients::NEEDS,
        run: clients::run,
    },
    Suite {
        name: "conformance",
        needs: conformance::NEEDS,
        run: conformance::run,
    },
    Suite {
        name: "emulate",
        needs: emulate::NEEDS,
        run: emulate::run,
    },
    Suite {
        name: "google-client",
        needs: google_client::NEEDS,
        run: google_client::run,
    },
    Suite {
        name: "hub-conformance",
        needs: hub_conformance::NEEDS,
        run: hub_conformance::run,
    },
    Suite {
        name: "s3",
        needs: s3::NEEDS,
        run: s3::run,
    },
    Suite {
        name: "servers",
        needs: servers::NEEDS,
        run: servers::run,
    },
];

pub(crate) fn run(arguments: &Arguments, root: &Path) -> anyhow::Result<()> {
    if let Some(unknown) = arguments
        .suites
        .iter()
        .find(|name| SUITES.iter().all(|suite| suite.name != *name))
    {
        let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!(
            "there is no suite {unknown}; there are {}",
            names.join(", ")
        );
    }
    let wanted = |suite: &&Suite| {
        arguments.suites.is_empty() || arguments.suites.iter().any(|n| n == suite.name)
    };
    let (mut failed, mut skipped) = (Vec::new(), Vec::new());
    for suite in SUITES.iter().filter(wanted) {
        println!("\n== third-party {}", suite.name);
        let missing = suite.needs.iter().find(|runtime| !runtime.is_here());
        if let Some(missing) = missing {
            println!("SKIPPED {}: there is no {}", suite.name, missing.program());
            skipped.push(suite.name);
            continue;
        }
        let folder = root.join("target/third-party").join(suite.name);
        std::fs::create_dir_all(&folder)?;
        let result = (suite.run)(&Workplace {
            root,
            folder,
            no_build: arguments.no_build,
        });
        match result.with_context(|| format!("the suite {} failed", suite.name)) {
            Ok(()) => println!("passed {}", suite.name),
            Err(error) => {
                println!("FAILED {}: {error:#}", suite.name);
                failed.push(suite.name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if arguments.required && !skipped.is_empty() {
        bail!("could not run here: {}", skipped.join(", "));
    }
    Ok(())
}

impl Runtime {
    fn program(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python3",
        }
    }

    fn is_here(self) -> bool {
        let asked = std::process::Command::new(self.program())
            .arg("--version")
            .output();
        asked.is_ok_and(|output| output.status.success())
    }
}
