//! `core-agent version`.

use std::process::ExitCode;

use super::Printer;

/// Say which version this is.
#[derive(Debug, clap::Args)]
pub(super) struct Version;

impl Version {
    pub(super) fn run(self) -> ExitCode {
        let Self = self;
        Printer.line(concat!("core-agent ", env!("CARGO_PKG_VERSION")));
        ExitCode::SUCCESS
    }
}
