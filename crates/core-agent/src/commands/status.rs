//! `core-agent status`.

use std::process::ExitCode;

use super::{Common, Printer};
use crate::{
    journal::ToolFigures,
    overview::{Overview, ServerLine, Snapshot, table},
};

/// Say how the servers are doing.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Minutes the figures are of.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=43_200))]
    minutes: u32,
    /// Print the figures of every server and tool, for other programs.
    #[arg(long, value_enum, conflicts_with_all = ["json", "minutes"])]
    export: Option<Export>,
    /// How far back the exported figures go.
    #[arg(long, value_enum, default_value_t = Window::Day, requires = "export")]
    window: Window,
}

/// How figures are written.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Export {
    /// Comma-separated values, as RFC 4180 has them.
    Csv,
    /// A JSON list.
    Json,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Window {
    /// An hour.
    #[value(name = "1h")]
    Hour,
    /// A day.
    #[value(name = "24h")]
    Day,
    /// A week.
    #[value(name = "7d")]
    Week,
    /// As long as calls are kept.
    #[value(name = "30d")]
    Month,
}

impl Window {
    fn minutes(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Day => 24 * 60,
            Self::Week => 7 * 24 * 60,
            Self::Month => 30 * 24 * 60,
        }
    }
}

/// One line of an export; without a tool, it is the whole server's.
#[derive(Debug, serde::Serialize)]
struct Line<'a> {
    server: &'a str,
    tool: &'a str,
    calls: u64,
    errors: u64,
    tool_errors: u64,
    refused: u64,
    p50_ms: u64,
    p95_ms: u64,
    cache_hits: u64,
    retries: u64,
}

impl<'a> Line<'a> {
    const HEADS: &'static str =
        "server,tool,calls,errors,tool_errors,refused,p50_ms,p95_ms,cache_hits,retries";

    fn of(of: &'a ToolFigures) -> Self {
        let figures = &of.figures;
        Self {
            server: &figures.server,
            tool: &of.tool,
            calls: figures.calls,
            errors: figures.failed,
            tool_errors: figures.tool_errors,
            refused: figures.refused,
            p50_ms: figures.p50_ms,
            p95_ms: figures.p95_ms,
            cache_hits: figures.cached,
            retries: figures.repeated,
        }
    }

    fn csv(&self) -> String {
        let numbers = [
            self.calls,
            self.errors,
            self.tool_errors,
            self.refused,
            self.p50_ms,
            self.p95_ms,
            self.cache_hits,
            self.retries,
        ];
        let cells = [field(self.server), field(self.tool)]
            .into_iter()
            .chain(numbers.map(|number| number.to_string()));
        cells.collect::<Vec<_>>().join(",")
    }
}

/// A text as a field of RFC 4180.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

impl Export {
    fn of(self, figures: &[ToolFigures]) -> anyhow::Result<String> {
        let lines: Vec<_> = figures.iter().map(Line::of).collect();
        Ok(match self {
            Self::Json => serde_json::to_string_pretty(&lines)?,
            Self::Csv => {
                std::iter::once(Line::HEADS.to_owned())
                    .chain(lines.iter().map(Line::csv))
                    .collect::<Vec<_>>()
                    // The printer ends the last line with a line feed.
                    .join("\r\n")
                    + "\r"
            }
        })
    }
}

impl Status {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let overview = Overview::open(common)?;
        if let Some(export) = self.export {
            Printer.line(&export.of(&overview.figures(self.window.minutes())?)?);
            return Ok(ExitCode::SUCCESS);
        }
        let snapshot = overview.snapshot(self.minutes, 0)?;
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
    for alert in &snapshot.alerts {
        Printer.line(&alert.line());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::ServerFigures;

    #[test]
    fn an_export_is_what_other_programs_read() {
        let figures = [ToolFigures {
            tool: "say \"a, b\"".into(),
            figures: ServerFigures {
                server: "s".into(),
                calls: 3,
                failed: 1,
                p95_ms: 40,
                cached: 2,
                ..ServerFigures::default()
            },
        }];
        let csv = Export::Csv.of(&figures).unwrap();
        let expected = format!(
            "{}\r\ns,\"say \"\"a, b\"\"\",3,1,0,0,0,40,2,0\r",
            Line::HEADS
        );
        assert_eq!(csv, expected);
        let json: serde_json::Value =
            serde_json::from_str(&Export::Json.of(&figures).unwrap()).unwrap();
        let names = json[0].as_object().unwrap().keys().map(String::as_str);
        assert_eq!(names.collect::<Vec<_>>().join(","), Line::HEADS);
        assert_eq!(json[0]["cache_hits"], 2);
    }
}
