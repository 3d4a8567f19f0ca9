//! `core-agent approvals`: a person's answers to calls that wait for one.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};

use super::{Common, Printer};
use crate::{
    approvals::{Approval, ApprovalState},
    overview::{Overview, table},
};

/// Answer calls that wait for a person.
#[derive(Debug, clap::Args)]
pub(super) struct Approvals {
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show what waits for an answer.
    List {
        /// Show answered ones too.
        #[arg(long)]
        all: bool,
    },
    /// Show one, with the whole question.
    Show {
        /// Its id.
        id: String,
    },
    /// Say yes to one call.
    Approve {
        /// Its id.
        id: String,
        /// Say yes to the same call, made by the same caller, for so long: 30m, 2h, 1d.
        #[arg(long = "for", value_name = "SPAN", value_parser = span)]
        span: Option<Duration>,
    },
    /// Say no.
    Decline {
        /// Its id.
        id: String,
    },
}

impl Approvals {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let approvals = Overview::open(common)?.approvals();
        let answered = match self.what.unwrap_or(What::List { all: false }) {
            What::List { all } => {
                let list = approvals.list(!all)?;
                if self.json {
                    Printer.line(&serde_json::to_string_pretty(&list)?);
                } else {
                    print(&list);
                }
                return Ok(ExitCode::SUCCESS);
            }
            What::Show { id } => match approvals.get(&id)? {
                Some(approval) => approval,
                None => {
                    bail!("there is no approval {id}: `core-agent approvals list --all` shows them")
                }
            },
            What::Approve { id, span } => approvals.answer(&id, true, &person(), span).await?,
            What::Decline { id } => approvals.answer(&id, false, &person(), None).await?,
        };
        if self.json {
            Printer.line(&serde_json::to_string_pretty(&answered)?);
        } else {
            for line in answered.question.lines() {
                Printer.line(line);
            }
            Printer.line(&format!(
                "{}: {}, until {:.0}",
                answered.id,
                state(answered.state),
                Timestamp::from_millisecond(answered.expires_at)?
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(list: &[Approval]) {
    if list.is_empty() {
        Printer.line("nothing waits for an answer");
        return;
    }
    let rows: Vec<_> = list
        .iter()
        .map(|approval| {
            let asked = Timestamp::from_millisecond(approval.asked_at)
                .map_or_else(|_| String::new(), |at| format!("{at:.0}"));
            [
                approval.id.clone(),
                state(approval.state).to_owned(),
                asked,
                approval.caller.clone(),
                approval.tool.clone(),
            ]
        })
        .collect();
    for line in table(["ID", "STATE", "ASKED", "CALLER", "TOOL"], &rows) {
        Printer.line(&line);
    }
    Printer.line(
        "core-agent approvals show ID shows the question; approve ID and decline ID answer it",
    );
}

fn state(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Asked => "waits",
        ApprovalState::Approved => "approved",
        ApprovalState::Declined => "declined",
        ApprovalState::Used => "used",
        ApprovalState::Expired => "expired",
    }
}

/// Who is at this machine.
fn person() -> String {
    #[cfg(unix)]
    let who = format!("uid {}", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    let who = "the person at this machine".to_owned();
    who
}

fn span(text: &str) -> anyhow::Result<Duration> {
    let span: SignedDuration = text
        .parse()
        .or_else(|_| days(text))
        .with_context(|| format!("{text:?} is no span of time: write 30m, 2h or 1d"))?;
    let span = Duration::try_from(span).context("a span cannot be negative")?;
    if span.is_zero() || span > Duration::from_hours(24 * 30) {
        bail!("between a second and 30 days are allowed");
    }
    Ok(span)
}

fn days(text: &str) -> anyhow::Result<SignedDuration> {
    let days: i64 = text
        .strip_suffix('d')
        .context("no unit")?
        .trim()
        .parse()
        .context("no number")?;
    Ok(SignedDuration::from_hours(
        days.saturating_mul(24).clamp(-10_000, 10_000),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(span("30m").unwrap(), Duration::from_mins(30));
        assert_eq!(span("2h").unwrap(), Duration::from_hours(2));
        assert_eq!(span("1d").unwrap(), Duration::from_hours(24));
        for bad in ["", "0s", "-1h", "soon", "31d", "5"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
