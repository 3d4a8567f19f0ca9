//! `core-agent config`: the configuration as it counts, and what can be configured.
//!
//! Invariant: references are shown as they are written, secrets never.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Common, Printer};
use crate::config::{LoadOptions, keys, load, variables};

/// Show the configuration as it counts, and what can be configured.
#[derive(Debug, Args)]
pub(super) struct Configuration {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print what counts, all layers together, and where each server is said.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the reference page of the file's keys, in Markdown.
    Reference,
    /// Print the reference page of the environment variables, in Markdown.
    Variables,
}

impl Configuration {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Reference => Printer.line(keys::reference().trim_end()),
            What::Variables => Printer.line(variables::reference().trim_end()),
            What::Show { json } => {
                let loaded = load(&LoadOptions::of_process()?.with(common))?;
                for warning in &loaded.warnings {
                    Printer.problem(&warning.to_string());
                }
                if json {
                    let shown = json!({
                        "config": loaded.shown_json(),
                        "origins": loaded.origins,
                        "sources": loaded.sources,
                        "state": loaded.state_path(),
                    });
                    Printer.line(&format!("{shown:#}"));
                } else {
                    for source in &loaded.sources {
                        Printer.line(&format!("# from {source}"));
                    }
                    let state = loaded.state_path().display();
                    Printer.line(&format!("# everything kept is in {state}"));
                    Printer.line(loaded.shown().trim_end());
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
