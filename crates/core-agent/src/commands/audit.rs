//! `core-agent audit`: who decided what, and whether somebody changed the record of it.

use std::process::ExitCode;

use jiff::Timestamp;

use super::{Common, Printer};
use crate::overview::Overview;

/// See who decided what, and check that nobody changed the record.
#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the last entries.
    List {
        /// Print JSON, one entry a line.
        #[arg(long)]
        json: bool,
        /// How many.
        #[arg(long, short = 'n', default_value_t = 50)]
        entries: usize,
    },
    /// Find entries that were altered, put between or taken away.
    Verify {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// A head noted earlier, which must still be in the chain.
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

impl Audit {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let audit = Overview::open(common)?.audit();
        match self.what {
            What::List { json, entries } => {
                for entry in audit.list(entries)? {
                    if json {
                        Printer.line(&serde_json::to_string(&entry)?);
                        continue;
                    }
                    let at = Timestamp::from_millisecond(entry.at)?;
                    Printer.line(&format!(
                        "{:>6}  {at:.0}  {}  {}  {}  {}",
                        entry.seq, entry.kind, entry.actor, entry.subject, entry.detail
                    ));
                }
                Ok(ExitCode::SUCCESS)
            }
            What::Verify { json, head } => {
                let mut report = audit.verify()?;
                if let Some(head) = head
                    && !audit
                        .list(usize::MAX)?
                        .iter()
                        .any(|entry| entry.hash == head)
                {
                    report.faults.push(format!(
                        "no entry has the hash {head}: the chain was written anew, or the entry was so old that it was thrown away"
                    ));
                }
                if json {
                    Printer.line(&serde_json::to_string_pretty(&report)?);
                } else {
                    for fault in &report.faults {
                        Printer.line(fault);
                    }
                    let verdict = if report.faults.is_empty() {
                        "whole"
                    } else {
                        "NOT whole"
                    };
                    Printer.line(&format!(
                        "{} entries, {verdict}; head {}",
                        report.entries, report.head
                    ));
                }
                Ok(if report.faults.is_empty() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                })
            }
        }
    }
}
