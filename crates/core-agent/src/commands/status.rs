//! `core-agent status`.

use std::process::ExitCode;

use super::{Common, Printer};
use crate::overview::{Overview, ServerLine, Snapshot, table};

/// Say how the servers are doing.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Minutes the figures are of.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=43_200))]
    minutes: u32,
}

impl Status {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let snapshot = Overview::open(common)?.snapshot(self.minutes, 0)?;
        if self.json {
            Printer.line(&serde_json::to_string_pretty(&snapshot)?);
        } else {
            print(&snapshot);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The snapshot for people.
pub(super) fn print(snapshot: &Snapshot) {
    let rows: Vec<_> = snapshot.servers.iter().map(ServerLine::cells).collect();
    if rows.is_empty() {
        Printer.line(
            "no servers are configured; `core-agent import` takes over those of other programs",
        );
    } else {
        for line in table(Snapshot::HEADS, &rows) {
            Printer.line(&line);
        }
        Printer.line(&format!("figures of the last {} minutes", snapshot.minutes));
    }
    for server in &snapshot.servers {
        let well = matches!(
            server.state.as_str(),
            "ready" | "known" | "configured" | "disabled"
        );
        if let Some(fault) = server.fault.as_ref().filter(|_| !well) {
            Printer.line(&format!("{}: {fault}", server.server));
        }
    }
    if snapshot.approvals_waiting > 0 {
        Printer.line(&format!(
            "{} calls wait for a person: core-agent approvals list",
            snapshot.approvals_waiting
        ));
    }
}
