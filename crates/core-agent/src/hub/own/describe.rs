//! `describe_tool`: everything a model needs to call a tool.
//!
//! Invariant: the words of a tool that is blocked are not shown to a model.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong, missing, wrong},
    find::how_to_look,
};
use crate::{
    catalogue::{HubTool, Standing},
    hub::{Hub, results::failure, visit::Visit},
};

/// How many tools are described at once.
const MOST: usize = 10;

pub(super) const TOOL: Own = Own {
    name: "describe_tool",
    description: "Show a tool's full description and the JSON Schema of its arguments.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "A name from find_tools" }
            },
            "required": ["name"]
        })
    },
    effect: Effect::Looks,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, _: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move { Ok(describe(hub, &names(&arguments)?).await) })
}

fn names(arguments: &Arguments) -> Result<Vec<&str>, Wrong> {
    let spellings = ["name", "names", "tool", "tool_name"];
    let names = arguments.texts(&spellings)?;
    if names.is_empty() {
        return Err(missing(&spellings));
    }
    if names.len() > MOST {
        return Err(wrong(&spellings, &format!("at most {MOST} names")));
    }
    Ok(names)
}

async fn describe(hub: &Hub, names: &[&str]) -> CallToolResult {
    let mut described = Vec::new();
    for name in names {
        let Some(tool) = hub.tool(name).await else {
            return no_such_tool(hub, name);
        };
        if let Some(blocked) = blocked(&tool) {
            return blocked;
        }
        described.push(description(&tool));
    }
    let value = match described.len() {
        1 => described.remove(0),
        _ => json!({ "tools": described }),
    };
    let mut result = CallToolResult::success(vec![ContentBlock::text(value.to_string())]);
    result.structured_content = Some(value);
    result
}

fn description(tool: &HubTool) -> Value {
    let mut value = json!({
        "name": tool.name(),
        "server": tool.server,
        "access": tool.access,
        "description": tool.listed.description,
        "inputSchema": tool.listed.input_schema,
    });
    let more = [
        ("title", json!(tool.listed.title)),
        ("outputSchema", json!(tool.listed.output_schema)),
        ("annotations", json!(tool.listed.annotations)),
    ];
    if let Value::Object(members) = &mut value {
        members.extend(
            more.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.to_owned(), value)),
        );
    }
    value
}

/// What a model reads of a tool that is blocked.
pub(super) fn blocked(tool: &HubTool) -> Option<CallToolResult> {
    let why = match &tool.standing {
        Standing::Pinned => return None,
        Standing::Changed { .. } => "its definition changed since it was approved".to_owned(),
        Standing::Blocked { why } => why.clone(),
    };
    Some(failure(
        &format!("the tool {} is blocked: {why}", tool.name()),
        "TOOL_BLOCKED",
        &[&format!(
            "ask the person to look at it with: {}",
            how_to_look(tool)
        )],
        json!({ "tool": tool.name() }),
    ))
}

/// What a model reads when there is no such tool.
pub(super) fn no_such_tool(hub: &Hub, name: &str) -> CallToolResult {
    let nearest = hub.nearest_tool(name);
    let mut suggestions = vec!["find the right name with find_tools".to_owned()];
    if let Some(nearest) = &nearest {
        suggestions.insert(0, format!("did you mean {nearest}?"));
    }
    let suggestions: Vec<&str> = suggestions.iter().map(String::as_str).collect();
    failure(
        &format!("there is no tool {name}"),
        "UNKNOWN_TOOL",
        &suggestions,
        json!({ "tool": name }),
    )
}
