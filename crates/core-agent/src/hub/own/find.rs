//! `find_tools`: from everyday words to tools.
//!
//! Invariant: of a tool that is blocked a model reads the name and nothing else.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong, wrong},
};
use crate::{
    catalogue::{Access, Category, HubTool, Standing},
    hub::{Hub, visit::Visit},
    search::SearchQuery,
};

/// How many tools are shown when nobody says how many.
const USUAL: usize = 8;
/// How many are shown at most.
const MOST: usize = 50;
/// Tools that are looked at beyond those wanted, because some may be blocked.
const BESIDE: usize = 20;
/// Blocked tools that are named.
const BLOCKED: usize = 5;
/// Characters of a description that are shown; `describe_tool` has the rest.
const SHOWN: usize = 240;

pub(super) const TOOL: Own = Own {
    name: "find_tools",
    description: "Find tools of all connected servers by everyday words, best first. Start here; then describe_tool, then call_read_tool or call_write_tool.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "description": "What you want to do" },
                "limit": { "type": "integer", "minimum": 1, "maximum": MOST },
                "server": { "type": "string", "description": "Only this server" },
                "category": { "type": "string" },
                "read_only": { "type": "boolean" }
            },
            "required": ["query"]
        })
    },
    effect: Effect::Looks,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, _: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move { find(hub, &arguments).await })
}

async fn find(hub: &Hub, arguments: &Arguments) -> Result<CallToolResult, Wrong> {
    let words = arguments.needed_text(&["query", "words", "task_description", "q"])?;
    let limit = arguments
        .number(&["limit", "max_results"])?
        .unwrap_or(USUAL);
    let mut query = SearchQuery::new(words);
    let limit = limit.clamp(1, MOST);
    query.limit = limit + BESIDE;
    if let Some(server) = arguments.text(&["server", "server_name"])? {
        query.servers = vec![hub.server_named(server)?];
    }
    for name in arguments.texts(&["category", "categories"])? {
        query.categories.push(category(name)?);
    }
    if arguments.truth(&["read_only", "readOnly"])? {
        query.access = Some(Access::Read);
    }
    let hits = hub.search(query).await;
    let good = |tool: &&HubTool| tool.standing == Standing::Pinned;
    let found = || hits.iter().map(|hit| &*hit.tool);
    let shown: Vec<&HubTool> = found().filter(good).take(limit).collect();
    // Only those that would have been shown: further down anything matches a little.
    let blocked: Vec<&HubTool> = found()
        .take(limit)
        .filter(|tool| !good(tool))
        .take(BLOCKED)
        .collect();
    let unknown = hub.unknown_servers();
    let mut text = if !shown.is_empty() {
        let lines: Vec<String> = shown.iter().map(|tool| line(tool)).collect();
        lines.join("\n")
    } else if blocked.is_empty() {
        format!("No tool matches {words:?}. Say it in other words.")
    } else {
        format!("No tool that may be called matches {words:?}.")
    };
    for tool in &blocked {
        text.push_str(&format!(
            "\nBlocked: {}: {}. A person decides: {}",
            tool.name(),
            why_blocked(tool),
            how_to_look(tool),
        ));
    }
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.iter().map(|(name, _)| name.as_str()).collect();
        text.push_str(&format!(
            "\nNot searched, because nothing is known of them: {}. connect_external_servers says why.",
            names.join(", ")
        ));
    }
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(json!({
        "tools": shown.iter().map(|tool| summary(tool)).collect::<Vec<_>>(),
        "blocked": blocked
            .iter()
            .map(|tool| json!({
                "name": tool.name(),
                "server": tool.server,
                "why": why_blocked(tool),
                "look_with": how_to_look(tool),
            }))
            .collect::<Vec<_>>(),
        "not_searched": unknown.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
    }));
    Ok(result)
}

/// Why a tool is not called, without a word of its own.
fn why_blocked(tool: &HubTool) -> &'static str {
    match tool.standing {
        Standing::Changed { .. } => "its definition changed since it was approved",
        _ => "its words or a person's decision stand against it",
    }
}

/// How a person looks at a tool and at what changed in it.
pub(super) fn how_to_look(tool: &HubTool) -> String {
    format!("core-agent trust diff {}", tool.name())
}

/// The category of this name.
pub(super) fn category(name: &str) -> Result<Category, Wrong> {
    let wanted = name.to_lowercase().replace([' ', '-'], "_");
    Category::ALL
        .into_iter()
        .find(|category| category.name() == wanted)
        .ok_or_else(|| {
            let names = Category::ALL.map(Category::name).join(", ");
            wrong(&["category"], &format!("one of {names}"))
        })
}

fn line(tool: &HubTool) -> String {
    let access = json!(tool.access);
    format!(
        "{} [{}] {}{}",
        tool.name(),
        access.as_str().unwrap_or_default(),
        shortened(tool),
        match arguments_of(tool) {
            names if names.is_empty() => String::new(),
            names => format!(" ({})", names.join(", ")),
        }
    )
}

/// A tool in short.
pub(super) fn summary(tool: &HubTool) -> Value {
    json!({
        "name": tool.name(),
        "server": tool.server,
        "access": tool.access,
        "description": shortened(tool),
        "arguments": arguments_of(tool),
    })
}

/// The first words of what a tool says of itself, on one line.
pub(super) fn shortened(tool: &HubTool) -> String {
    let words = tool.listed.description.as_deref().unwrap_or_default();
    let mut line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > SHOWN {
        line = line.chars().take(SHOWN).collect();
        line.push('…');
    }
    line
}

/// The names of a tool's arguments; those that are needed have a star.
fn arguments_of(tool: &HubTool) -> Vec<String> {
    let schema = &tool.listed.input_schema;
    let needed: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .keys()
        .map(|name| {
            if needed.contains(&name.as_str()) {
                format!("{name}*")
            } else {
                name.clone()
            }
        })
        .take(20)
        .collect()
}
