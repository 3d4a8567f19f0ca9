//! `tools`: the registry as a table or as JSON.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use workspace_tools::{Access, Offered, Tier, Toolbox};

use super::{Printer, ServerOptions};

/// Flags of `tools`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Print JSON, with schemas and the Google methods each tool uses.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOptions,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (config, faults, _) = options.server.read();
    if faults.iter().any(|fault| fault.fatal) {
        return Err(crate::config::BadConfig(faults).into());
    }
    let toolbox = Toolbox::new(&config.offer.selection);
    if options.json {
        let tools: Vec<_> = toolbox.tools().iter().map(as_json).collect();
        Printer.line(&serde_json::to_string_pretty(&tools)?);
    } else {
        Printer.line(&table(toolbox.tools()));
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(tool: &Offered) -> serde_json::Value {
    let meta = tool.entry.meta;
    json!({
        "name": meta.name,
        "title": meta.title,
        "description": meta.description,
        "service": meta.service.name(),
        "tier": tier(meta.tier),
        "access": access(meta.access),
        "idempotent": meta.idempotent,
        "methods": meta.methods,
        "aliases": meta.aliases.iter().map(|alias| alias.name).collect::<Vec<_>>(),
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
    })
}

fn table(tools: &[Offered]) -> String {
    let widest = tools.iter().map(|tool| tool.entry.meta.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut service = None;
    for tool in tools {
        let meta = tool.entry.meta;
        if service != Some(meta.service) {
            service = Some(meta.service);
            text.push_str(&format!("\n{}\n", meta.service.title()));
        }
        text.push_str(&format!(
            "  {:widest$}  {:11}  {:8}  {}\n",
            meta.name,
            access(meta.access),
            tier(meta.tier),
            meta.description
        ));
    }
    text.push_str(&format!("\n{} tools", tools.len()));
    text.trim_start().to_owned()
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Destructive => "destructive",
    }
}

fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Core => "core",
        Tier::Extended => "extended",
        Tier::Complete => "complete",
    }
}
