//! `core-agent top`: a live view of servers and calls.
//!
//! Invariant: the terminal is left as it was found, however the view ends.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Block, Cell, Paragraph, Row, Table},
};

use super::{Common, status};
use crate::{
    journal::Health,
    overview::{Overview, Snapshot},
};

const CALLS: usize = 200;

/// Watch servers and calls; q quits.
#[derive(Debug, clap::Args)]
pub(super) struct Top {
    /// Seconds between two looks.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
    /// Minutes the figures are of.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=43_200))]
    minutes: u32,
}

impl Top {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let overview = Overview::open(common)?;
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            status::print(&overview.snapshot(self.minutes, 0)?);
            return Ok(ExitCode::SUCCESS);
        }
        let mut terminal = ratatui::try_init()?;
        let ended = self.watch(&overview, &mut terminal);
        ratatui::restore();
        ended.map(|()| ExitCode::SUCCESS)
    }

    fn watch(
        &self,
        overview: &Overview,
        terminal: &mut ratatui::DefaultTerminal,
    ) -> anyhow::Result<()> {
        loop {
            let snapshot = overview.snapshot(self.minutes, CALLS)?;
            terminal.draw(|frame| draw(frame, &snapshot))?;
            if event::poll(Duration::from_secs(self.every))? && quits(&event::read()?) {
                return Ok(());
            }
        }
    }
}

fn quits(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let interrupted =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && (interrupted || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot) {
    let servers = u16::try_from(snapshot.servers.len()).unwrap_or(u16::MAX);
    let [head, upper, lower] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Max(servers.saturating_add(3)),
        Constraint::Min(4),
    ])
    .areas(frame.area());
    let waiting = match snapshot.approvals_waiting {
        0 => String::new(),
        waiting => format!("  {waiting} calls wait for a person"),
    };
    let alerts = match snapshot.alerts.as_slice() {
        [] => String::new(),
        [worst] => format!("  {}", worst.line()),
        [worst, more @ ..] => format!("  {} and {} more", worst.line(), more.len()),
    };
    frame.render_widget(
        Paragraph::new(Line::from(format!(
            "core-agent  {:.0}  figures of {} minutes  q quits{waiting}{alerts}",
            snapshot.at, snapshot.minutes
        ))),
        head,
    );
    frame.render_widget(server_table(snapshot), upper);
    frame.render_widget(call_table(snapshot), lower);
}

fn server_table(snapshot: &Snapshot) -> Table<'_> {
    let rows = snapshot.servers.iter().map(|server| {
        let color = match server.health {
            Health::Healthy => Color::Green,
            Health::Degraded => Color::Yellow,
            Health::Unhealthy => Color::Red,
            Health::Unknown => Color::Reset,
        };
        let cells = server.cells().into_iter().enumerate().map(|(at, text)| {
            let cell = Cell::from(text);
            if at == 2 {
                cell.style(Style::new().fg(color))
            } else {
                cell
            }
        });
        Row::new(cells)
    });
    let widths = [24, 17, 10, 10, 8, 8, 10, 10, 8].map(Constraint::Min);
    Table::new(rows, widths)
        .header(head(&Snapshot::HEADS))
        .block(Block::bordered().title("servers"))
}

fn call_table(snapshot: &Snapshot) -> Table<'_> {
    let rows = snapshot.calls.iter().map(|call| {
        let at = jiff::Timestamp::from_millisecond(call.at)
            .map_or_else(|_| String::new(), |at| at.strftime("%H:%M:%S").to_string());
        let color = match call.state.as_str() {
            "ok" => Color::Green,
            "open" => Color::Cyan,
            "failed" | "unknown" | "tool_error" => Color::Red,
            _ => Color::Yellow,
        };
        let outcome = match &call.fault {
            Some(fault) => format!("{} ({fault})", call.state),
            None => call.state.clone(),
        };
        Row::new([
            Cell::from(at),
            Cell::from(call.tool.clone()),
            Cell::from(outcome).style(Style::new().fg(color)),
            Cell::from(format!("{} ms", call.ms)),
            Cell::from(call.attempts.to_string()),
            Cell::from(call.caller.clone()),
        ])
    });
    let widths = [8, 40, 28, 10, 8, 12].map(Constraint::Min);
    Table::new(rows, widths)
        .header(head(&["UTC", "TOOL", "OUTCOME", "TOOK", "TRIES", "CALLER"]))
        .block(Block::bordered().title("calls"))
}

fn head<'a>(names: &[&'a str]) -> Row<'a> {
    Row::new(names.iter().map(|name| Cell::from(*name)))
        .style(Style::new().add_modifier(Modifier::BOLD))
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::{
        journal::{OpenCall, ServerFigures},
        overview::ServerLine,
    };

    #[test]
    fn the_view_shows_servers_and_calls() {
        let snapshot = Snapshot {
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            minutes: 15,
            approvals_waiting: 2,
            alerts: vec![],
            servers: vec![ServerLine {
                server: "github".into(),
                state: "ready".into(),
                health: Health::Degraded,
                breaker: None,
                in_flight: 1,
                pid: Some(7),
                starts: 1,
                figures: ServerFigures {
                    calls: 42,
                    p95_ms: 77,
                    ..ServerFigures::default()
                },
                error_rate: 0.125,
                fault: None,
            }],
            calls: vec![OpenCall {
                at: 1_767_323_045_000,
                server: "github".into(),
                tool: "github_search".into(),
                caller: "local".into(),
                state: "failed".into(),
                fault: Some("timed_out".into()),
                attempts: 3,
                ms: 30_000,
            }],
        };
        let mut terminal = Terminal::new(TestBackend::new(120, 20)).unwrap();
        terminal.draw(|frame| draw(frame, &snapshot)).unwrap();
        let screen = terminal.backend().to_string();
        for expected in [
            "2 calls wait for a person",
            "github",
            "degraded",
            "12.5 %",
            "77 ms",
            "03:04:05",
            "failed (timed_out)",
        ] {
            assert!(screen.contains(expected), "{expected}\n{screen}");
        }
    }
}
