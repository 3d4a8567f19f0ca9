//! `core-agent trust`: what waits for a person, what changed, and the decisions.
//!
//! Invariant: nothing is approved that is not named, and what is approved is shown.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Common, Printer, known::Known};
use crate::{
    ServerName,
    catalogue::Standing,
    config::ServerConfig,
    trust::{CommandVerdict, PinReport, command_report, shown_command},
};

/// Decide which commands and tools are trusted.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what waits for a decision, and everything that is pinned.
    List {
        /// Every pinned tool, also those with nothing to decide.
        #[arg(long)]
        all: bool,
    },
    /// Show what changed in a tool since it was pinned.
    Diff {
        /// The tool: the hub's name, or server/tool.
        tool: String,
    },
    /// Approve tools as they are now, or servers: their command and all their tools.
    Approve {
        /// Tools and servers.
        names: Vec<String>,
        /// The commands of all configured servers, except those that need a closer look.
        #[arg(long, conflicts_with = "names")]
        all_commands: bool,
    },
    /// Block a tool until it is approved again.
    Block {
        /// The tool: the hub's name, or server/tool.
        tool: String,
        /// Why, for those who meet it.
        #[arg(long, default_value = "blocked by a person")]
        why: String,
    },
}

/// Who decides on the command line.
const PERSON: &str = "command line";

impl Trust {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let known = Known::open(common)?;
        match self.action.unwrap_or(Action::List { all: false }) {
            Action::List { all } => list(&known, all, self.json),
            Action::Diff { tool } => {
                let report = known.catalogue.pin(&tool)?;
                if self.json {
                    Printer.line(&format!("{:#}", json!(report)));
                } else {
                    Printer.line(&told(&report));
                }
                Ok(ExitCode::SUCCESS)
            }
            Action::Approve {
                names,
                all_commands,
            } => {
                if all_commands {
                    return all(&known).await;
                }
                anyhow::ensure!(
                    !names.is_empty(),
                    "nothing is named: give tools or servers, or --all-commands"
                );
                for name in &names {
                    approve(&known, name).await?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Action::Block { tool, why } => {
                known.catalogue.block_tool(&tool, &why, PERSON).await?;
                Printer.line(&format!("{tool} is blocked: {why}"));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn list(known: &Known, all: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut commands = Vec::new();
    for (server, config) in with_command(known) {
        commands.push((server, known.commands.check(server, config)?));
    }
    let pins: Vec<PinReport> = known
        .catalogue
        .pins()
        .into_iter()
        .filter(|report| all || report.standing != Standing::Pinned)
        .collect();
    if as_json {
        let commands: Vec<_> = commands
            .iter()
            .map(|(server, verdict)| json!({ "server": server, "command": verdict }))
            .collect();
        Printer.line(&format!(
            "{:#}",
            json!({ "commands": commands, "tools": pins })
        ));
        return Ok(ExitCode::SUCCESS);
    }
    for (server, verdict) in &commands {
        let (state, report) = match verdict {
            CommandVerdict::Approved if all => ("approved", None),
            CommandVerdict::Approved => continue,
            CommandVerdict::New(report) => ("not approved", Some(report)),
            CommandVerdict::Changed(report) => ("changed", Some(report)),
        };
        Printer.line(&format!("{server}: its command is {state}"));
        if let Some(report) = report {
            Printer.line(&format!("  {}", shown_command(&report.line)));
            for line in &report.env {
                Printer.line(&format!("  with {line}"));
            }
            for danger in &report.dangers {
                Printer.line(&format!("  look closer: {danger}"));
            }
            for line in report.diff.iter().flat_map(|diff| diff.lines()) {
                Printer.line(&format!("  {line}"));
            }
        }
    }
    for report in &pins {
        Printer.line(&told(report));
    }
    let waiting = commands
        .iter()
        .filter(|(_, verdict)| *verdict != CommandVerdict::Approved)
        .count()
        + pins
            .iter()
            .filter(|report| report.standing != Standing::Pinned)
            .count();
    Printer.line(&format!("{waiting} things wait for a decision"));
    Ok(ExitCode::SUCCESS)
}

async fn approve(known: &Known, name: &str) -> anyhow::Result<()> {
    let server = name.parse::<ServerName>().ok();
    let configured = server
        .as_ref()
        .and_then(|server| known.config.servers.get_key_value(server));
    let Some((server, config)) = configured else {
        let report = known.catalogue.pin(name)?;
        known.catalogue.approve_tool(name, PERSON).await?;
        Printer.line(&format!("{name} is approved as it is"));
        for change in &report.changes {
            Printer.line(&format!("  {}", change.pointer));
        }
        return Ok(());
    };
    if config.command.is_some() {
        let report = command_report(config);
        known.commands.approve(server, config, PERSON).await?;
        Printer.line(&format!(
            "{server}: the command is approved: {}",
            shown_command(&report.line)
        ));
    }
    let tools = known.catalogue.approve_server(server, PERSON).await?;
    if tools > 0 {
        Printer.line(&format!("{server}: {tools} tools are approved as they are"));
    }
    Ok(())
}

async fn all(known: &Known) -> anyhow::Result<ExitCode> {
    let mut left = 0;
    for (server, config) in with_command(known) {
        match known.commands.check(server, config)? {
            CommandVerdict::Approved => {}
            CommandVerdict::New(report) if report.dangers.is_empty() => {
                known.commands.approve(server, config, PERSON).await?;
                Printer.line(&format!("{server}: {}", shown_command(&report.line)));
            }
            CommandVerdict::New(report) | CommandVerdict::Changed(report) => {
                left += 1;
                let why = if report.diff.is_some() {
                    "it changed since it was approved".to_owned()
                } else {
                    report.dangers.join("; ")
                };
                Printer.problem(&format!(
                    "{server}: not approved, {why}: {}; approve it by name",
                    shown_command(&report.line)
                ));
            }
        }
    }
    Ok(if left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn with_command(known: &Known) -> impl Iterator<Item = (&ServerName, &ServerConfig)> {
    known
        .config
        .servers
        .iter()
        .filter(|(_, config)| config.command.is_some())
}

fn told(report: &PinReport) -> String {
    let head = match &report.standing {
        Standing::Pinned => format!("{}: as pinned", report.name),
        Standing::Changed { diff } => {
            format!("{}: changed since it was pinned\n{diff}", report.name)
        }
        Standing::Blocked { why } => format!("{}: blocked: {why}", report.name),
    };
    let lines: Vec<String> = report
        .findings
        .iter()
        .map(|finding| format!("found: {finding}"))
        .collect();
    let mut text = head;
    for line in lines {
        text.push('\n');
        text.push_str(&line);
    }
    text.replace('\n', "\n  ")
}
