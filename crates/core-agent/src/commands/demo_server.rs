//! `core-agent demo-server`: one of the small servers of the demonstration, on stdio.
//!
//! Not a command for people: the demonstration has the hub start it. Invariant: nothing but
//! protocol frames goes to standard output.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::demo::servers;

/// Serve a small server on standard input and output.
#[derive(Debug, Args)]
pub(super) struct DemoServer {
    /// Which: clock, notes or units.
    name: String,
    /// The folder of what it keeps.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl DemoServer {
    /// Runs the command.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        servers::serve(&self.name, &self.folder).await?;
        Ok(ExitCode::SUCCESS)
    }
}
