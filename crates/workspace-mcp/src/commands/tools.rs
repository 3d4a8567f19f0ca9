//! `tools`: the registry as a table or as JSON.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use workspace_tools::{Access, Offered, Service, Tier, Toolbox};

use super::{Printer, ServerOptions};

/// Flags of `tools`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Print JSON, with schemas and the Google methods each tool uses.
    #[arg(long)]
    json: bool,
    /// Print Markdown: the reference page.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
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
    } else if options.markdown {
        Printer.line(reference(toolbox.tools()).trim_end());
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
    let widest = tools
        .iter()
        .map(|tool| tool.entry.meta.name.len())
        .max()
        .unwrap_or(0);
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

/// The reference page of all tools.
fn reference(tools: &[Offered]) -> String {
    let mut page = String::from(
        "# Tools\n\nEvery tool but those for accounts also takes `user_google_email`; with one \
         linked account it may be left out. Aliases are callable, not listed.\n",
    );
    let mut service = None;
    for tool in tools {
        let meta = tool.entry.meta;
        if service != Some(meta.service) {
            service = Some(meta.service);
            page.push_str(&format!("\n## {}\n", meta.service.title()));
        }
        page.push_str(&format!(
            "\n### `{}`\n\n{}\n\n",
            meta.name, meta.description
        ));
        page.push_str(&format!(
            "- may: {}; tier: {}\n",
            access(meta.access),
            tier(meta.tier)
        ));
        let listed = |names: Vec<&str>| {
            names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if !meta.aliases.is_empty() {
            let aliases = meta.aliases.iter().map(|alias| alias.name).collect();
            page.push_str(&format!("- also called: {}\n", listed(aliases)));
        }
        if !meta.methods.is_empty() {
            page.push_str(&format!(
                "- Google methods: {}\n",
                listed(meta.methods.to_vec())
            ));
        }
        let common = meta.service != Service::Accounts;
        page.push_str(&arguments(&tool.input_schema, common));
        for example in meta.examples {
            page.push_str(&format!(
                "\n\"{}\"\n\n```json\n{}\n```\n",
                example.say, example.arguments
            ));
        }
    }
    page
}

/// The arguments as a table; the account is left out where it is `common` to all tools.
fn arguments(schema: &serde_json::Value, common: bool) -> String {
    let Some(properties) = schema["properties"].as_object() else {
        return String::new();
    };
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str())
        .collect();
    let mut rows = String::new();
    for (name, property) in properties
        .iter()
        .filter(|(name, _)| !common || *name != "user_google_email")
    {
        let need = if required.contains(&name.as_str()) {
            "required"
        } else {
            ""
        };
        let kind = property["type"].as_str().unwrap_or("any");
        let meaning = property["description"]
            .as_str()
            .unwrap_or_default()
            .replace('\n', " ");
        rows.push_str(&format!("| `{name}` | {kind} | {need} | {meaning} |\n"));
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| argument | type | | meaning |\n| --- | --- | --- | --- |\n{rows}")
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
