//! `core-agent servers`: which servers there are and how they are doing.
//!
//! Invariant: `list` and `show` start nothing; what they say of a server is what the process that
//! runs it wrote down last.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::{Args, Subcommand};
use foundation::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    Fault, ServerName,
    app::{App, loaded},
    catalogue::Catalogue,
    config::{Loaded, ServerConfig},
    store::Store,
    upstream::{KeptStatus, Patience, Scope, Servers as _, ask_for_restart, kept_statuses},
};

use super::{Common, Printer, known::configured};

/// How old, in milliseconds, what is written down of a running server can be.
const WRITTEN_EVERY: i64 = 90_000;

/// See which servers there are and how they are doing; start one anew.
#[derive(Debug, Args)]
pub(super) struct Servers {
    #[command(subcommand)]
    what: Option<What>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List all servers.
    List,
    /// Show one server: how it is configured, contained and doing.
    Show {
        /// The server.
        name: ServerName,
    },
    /// Start one server here, see what it says of itself and lists, and end it again.
    Start {
        /// The server.
        name: ServerName,
    },
    /// Have the running hub end a server and start it anew.
    Restart {
        /// The server.
        name: ServerName,
    },
}

impl Servers {
    /// Runs the command.
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        match self.what.unwrap_or(What::List) {
            What::List => list(common, self.json),
            What::Show { name } => show(common, &name, self.json),
            What::Start { name } => start(common, &name, self.json).await,
            What::Restart { name } => restart(common, &name).await,
        }
    }
}

/// What is configured, and what was written down.
fn known(common: &Common) -> anyhow::Result<(Loaded, Store, Vec<KeptStatus>)> {
    let (loaded, _) = loaded(common)?;
    let state = loaded
        .state_folder()
        .context("the folder of everything kept cannot be made: name another with --state")?;
    let store = Store::open(&state.join("core-agent.db"))?;
    let kept = kept_statuses(&store)?;
    Ok((loaded, store, kept))
}

fn list(common: &Common, as_json: bool) -> anyhow::Result<ExitCode> {
    let (loaded, _, kept) = known(common)?;
    let shown = loaded.shown_json();
    let rows: Vec<Value> = loaded
        .config
        .servers
        .iter()
        .map(|(name, config)| about(name, config, &shown["servers"][name.as_str()], &kept))
        .collect();
    if as_json {
        Printer.line(&format!("{:#}", json!({ "servers": rows })));
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        Printer.problem("no server is configured; take some over with: core-agent import");
        return Ok(ExitCode::SUCCESS);
    }
    let widest = loaded
        .config
        .servers
        .keys()
        .map(|name| name.as_str().len())
        .max();
    let widest = widest.unwrap_or_default();
    for row in &rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let mut line = format!("{:widest$}  {:16}", text("name"), text("state"));
        if !text("program").is_empty() {
            line += &format!("  {} {}", text("program"), text("version"));
        }
        if !text("era").is_empty() {
            line += &format!("  {} ({})", text("protocol"), text("era"));
        }
        if !text("fault").is_empty() && text("state") != "ready" {
            line += &format!("  {}", text("fault"));
        }
        Printer.line(line.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn show(common: &Common, name: &ServerName, as_json: bool) -> anyhow::Result<ExitCode> {
    let (loaded, store, kept) = known(common)?;
    let config = configured(&loaded.config, name)?;
    let shown = loaded.shown_json();
    let mut about = about(name, config, &shown["servers"][name.as_str()], &kept);
    let catalogue = Catalogue::open(store, Arc::clone(&loaded.config), Arc::new(SystemClock))?;
    if let Some(known) = catalogue.known(name) {
        about["tools"] = json!(known.listing.tools.len());
        about["not_taken"] = json!(known.listing.dropped);
    }
    if as_json {
        Printer.line(&format!("{about:#}"));
        return Ok(ExitCode::SUCCESS);
    }
    for (key, value) in about.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(lines) if lines.is_empty() => {}
            Value::Array(lines) => {
                Printer.line(&format!("{key}:"));
                for line in lines {
                    Printer.line(&format!("  {}", line.as_str().unwrap_or_default()));
                }
            }
            Value::String(text) => Printer.line(&format!("{key}: {text}")),
            other => Printer.line(&format!("{key}: {other}")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn start(common: &Common, name: &ServerName, as_json: bool) -> anyhow::Result<ExitCode> {
    let app = App::open(common).await?;
    configured(&app.config, name)?;
    let start = Duration::from_secs(app.config.calls.start_seconds);
    let scope = Scope {
        patience: Patience {
            idle: start,
            cap: start.saturating_mul(3),
        },
        ..Scope::background()
    };
    let began = tokio::time::Instant::now();
    let came = app.servers.ensure(name, &scope).await;
    let took = began.elapsed();
    let status = app.servers.status(name);
    let code = match came {
        Ok(info) => {
            let view = app.catalogue.view();
            let tools = view
                .tools
                .iter()
                .filter(|tool| tool.server == *name)
                .count();
            let report = json!({
                "name": name,
                "program": info.program.name,
                "version": info.program.version,
                "protocol": info.protocol,
                "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                "tools": tools,
                "containment": status.map(|status| status.containment),
            });
            if as_json {
                Printer.line(&format!("{report:#}"));
            } else {
                Printer.line(&format!(
                    "{name} is there after {} ms: {} {}, protocol {}, {tools} tools",
                    report["millis"], info.program.name, info.program.version, info.protocol,
                ));
            }
            ExitCode::SUCCESS
        }
        Err(fault) => {
            complain(&fault, as_json);
            ExitCode::FAILURE
        }
    };
    app.servers.stop().await;
    Ok(code)
}

fn complain(fault: &Fault, as_json: bool) {
    if as_json {
        let report = json!({
            "name": fault.server,
            "fault": fault.kind.name(),
            "message": fault.message,
            "hint": fault.hint,
        });
        Printer.line(&format!("{report:#}"));
    }
    Printer.problem(&fault.to_string());
}

async fn restart(common: &Common, name: &ServerName) -> anyhow::Result<ExitCode> {
    let (loaded, store, kept) = known(common)?;
    configured(&loaded.config, name)?;
    ask_for_restart(&store, name, SystemClock.now()).await?;
    let running = kept
        .iter()
        .any(|status| status.server == name.as_str() && status.pid.is_some());
    Printer.problem(if running {
        "asked: the running hub starts it anew within seconds"
    } else {
        "asked: no running hub is known to have started it; the next one starts it when it is \
         needed"
    });
    Ok(ExitCode::SUCCESS)
}

/// A server as data: what is configured, as it is `shown` without secrets, and what was written
/// down of it.
fn about(name: &ServerName, config: &ServerConfig, shown: &Value, kept: &[KeptStatus]) -> Value {
    let status = kept.iter().find(|status| status.server == name.as_str());
    let state = match status {
        _ if !config.enabled => "disabled",
        // Nobody says so any more: whoever ran it is gone.
        Some(status) if is_old(status) && matches!(status.state.as_str(), "ready" | "starting") => {
            "known"
        }
        Some(status) => &status.state,
        None => "configured",
    };
    let mut command = shown["command"].as_str().map(str::to_owned);
    if let Some(command) = &mut command {
        for arg in shown["args"].as_array().into_iter().flatten() {
            command.push(' ');
            command.push_str(arg.as_str().unwrap_or_default());
        }
    }
    json!({
        "name": name,
        "state": state,
        "command": command,
        "url": shown["url"],
        "trust": config.trust,
        "program": status.and_then(|status| status.program.clone()),
        "version": status.and_then(|status| status.version.clone()),
        "protocol": status.and_then(|status| status.protocol.clone()),
        "era": status.and_then(|status| status.era.clone()),
        "pid": status.and_then(|status| status.pid),
        "starts": status.map(|status| status.starts),
        "in_flight": status.map(|status| status.in_flight),
        "fault": status.and_then(|status| status.fault.clone()),
        "seen": status.and_then(|status| {
            jiff::Timestamp::from_millisecond(status.at).ok().map(|at| at.to_string())
        }),
        "containment": status.map(|status| status.containment.clone()),
    })
}

fn is_old(status: &KeptStatus) -> bool {
    let age = SystemClock.now().as_millisecond().saturating_sub(status.at);
    age > WRITTEN_EVERY
}
