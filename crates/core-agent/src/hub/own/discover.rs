//! `discover_available_tools`: what there is, by what it is about and what it can do.
//!
//! Invariant: performance is what the journal measured; a tool that was never called has none.

use std::collections::{BTreeMap, HashMap};

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong},
    find::{category, shortened},
};
use crate::{
    catalogue::{Access, HubTool, Standing},
    hub::{Hub, results::data, visit::Visit},
    journal::ToolStats,
};

/// How many tools are listed.
const MOST: usize = 200;

pub(super) const TOOL: Own = Own {
    name: "discover_available_tools",
    description: "Overview of all tools by category and capability, with measured performance.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "capability_filter": { "type": "array", "items": { "type": "string" }, "description": "read, write, destructive, idempotent or words" },
                "category_filter": { "type": "array", "items": { "type": "string" } },
                "include_performance": { "type": "boolean" }
            }
        })
    },
    effect: Effect::Looks,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, _: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move {
        hub.acquaint().await;
        discover(hub, &arguments)
    })
}

fn discover(hub: &Hub, arguments: &Arguments) -> Result<CallToolResult, Wrong> {
    let capabilities = arguments.texts(&["capability_filter", "capabilities"])?;
    let categories = arguments
        .texts(&["category_filter", "categories"])?
        .into_iter()
        .map(category)
        .collect::<Result<Vec<_>, _>>()?;
    let performance = arguments.truth(&["include_performance", "includePerformance"])?;
    let measured = if performance {
        hub.tool_stats()
    } else {
        HashMap::new()
    };
    let view = hub.options.catalogue.view();
    let (good, blocked): (Vec<_>, Vec<_>) = view
        .tools
        .iter()
        .partition(|tool| tool.standing == Standing::Pinned);
    let fitting: Vec<_> = good
        .into_iter()
        .filter(|tool| {
            (categories.is_empty()
                || categories
                    .iter()
                    .any(|category| tool.categories.contains(category)))
                && (capabilities.is_empty() || capabilities.iter().any(|words| can(tool, words)))
        })
        .collect();
    let mut by_category: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_server: BTreeMap<&str, usize> = BTreeMap::new();
    for tool in &fitting {
        *by_server.entry(tool.server.as_str()).or_default() += 1;
        for category in &tool.categories {
            if let Value::String(name) = json!(category) {
                *by_category.entry(name).or_default() += 1;
            }
        }
    }
    let tools: Map<String, Value> = fitting
        .iter()
        .take(MOST)
        .map(|tool| {
            let stats = measured.get(tool.name());
            (tool.name().to_owned(), entry(tool, performance, stats))
        })
        .collect();
    let unavailable: Map<String, Value> = hub
        .unknown_servers()
        .into_iter()
        .map(|(server, why)| (server.to_string(), Value::String(why)))
        .collect();
    Ok(data(json!({
        "success": true,
        "total_tools": fitting.len(),
        "listed_tools": tools.len(),
        "blocked_tools": blocked.len(),
        "categories": by_category,
        "servers": by_server,
        "unavailable_servers": unavailable,
        "tools": tools,
        "timestamp": hub.options.clock.now().to_string(),
    })))
}

fn entry(tool: &HubTool, performance: bool, stats: Option<&ToolStats>) -> Value {
    let mut entry = json!({
        "category": tool.categories.first(),
        "categories": tool.categories,
        "server": tool.server,
        "capabilities": capabilities(tool),
        "description": shortened(tool),
    });
    if performance {
        entry["performance"] = stats.map_or(Value::Null, performance_of);
    }
    entry
}

/// What was measured of a tool.
pub(super) fn performance_of(stats: &ToolStats) -> Value {
    json!({
        "calls": stats.calls,
        "success_rate": share(stats.ok, stats.calls),
        "p50_ms": stats.p50_ms,
        "p95_ms": stats.p95_ms,
    })
}

/// A part of a whole, to three places; nothing when there is no whole.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls are far below 2^52"
)]
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 1_000.0).round() / 1_000.0)
}

fn capabilities(tool: &HubTool) -> Vec<&'static str> {
    let mut capabilities = vec![match tool.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Destructive => "destructive",
    }];
    if tool.idempotent {
        capabilities.push("idempotent");
    }
    if tool.listed.output_schema.is_some() {
        capabilities.push("structured_output");
    }
    capabilities
}

/// Whether a capability, a category or words of its own description fit a tool.
fn can(tool: &HubTool, words: &str) -> bool {
    let words = words.trim().to_lowercase();
    if capabilities(tool).contains(&words.as_str()) {
        return true;
    }
    let category = words.replace([' ', '-'], "_");
    if tool
        .categories
        .iter()
        .any(|one| json!(one) == *category.as_str())
    {
        return true;
    }
    let text = format!(
        "{} {}",
        tool.name(),
        tool.listed.description.as_deref().unwrap_or_default()
    )
    .to_lowercase();
    let text_words: Vec<&str> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .collect();
    words
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .all(|word| text_words.contains(&word))
        && !words.is_empty()
}
