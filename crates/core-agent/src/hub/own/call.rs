//! `call_read_tool` and `call_write_tool`: calls of tools that are not listed.
//!
//! Invariant: what passes through `call_read_tool` looks only.

use std::sync::Arc;

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};

use super::{
    Effect, Own, Run,
    arguments::{Arguments, Wrong},
    describe::no_such_tool,
};
use crate::{
    catalogue::{Access, HubTool},
    hub::{Hub, results::failure},
};

pub(super) const READ: Own = Own {
    name: "call_read_tool",
    description: "Call a tool found by find_tools that only looks and changes nothing.",
    schema,
    effect: Effect::CallsReads,
    run: Run::Passed,
};

pub(super) const WRITE: Own = Own {
    name: "call_write_tool",
    description: "Call any tool found by find_tools, also one that changes, sends or deletes.",
    schema,
    effect: Effect::CallsAll,
    run: Run::Passed,
};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "description": "A name from find_tools" },
            "arguments": { "type": "object", "description": "As describe_tool says" }
        },
        "required": ["name"]
    })
}

/// A call within a call.
pub(in crate::hub) struct Wrapped {
    pub(in crate::hub) tool: Arc<HubTool>,
    pub(in crate::hub) arguments: Map<String, Value>,
}

/// The call that the arguments of one of these tools describe.
pub(in crate::hub) async fn unwrap(
    hub: &Hub,
    own: &Own,
    arguments: Map<String, Value>,
) -> Result<Wrapped, Box<CallToolResult>> {
    let arguments = Arguments::new(arguments);
    let (name, inner) = parts(&arguments)?;
    let Some(tool) = hub.tool(name).await else {
        return Err(Box::new(no_such_tool(hub, name)));
    };
    if own.effect == Effect::CallsReads && tool.access != Access::Read {
        return Err(Box::new(failure(
            &format!("{name} does not only look: it may change something"),
            "NOT_READ_ONLY",
            &["call it with call_write_tool"],
            json!({ "tool": name, "access": tool.access }),
        )));
    }
    Ok(Wrapped {
        tool,
        arguments: inner,
    })
}

fn parts(arguments: &Arguments) -> Result<(&str, Map<String, Value>), Wrong> {
    let name = arguments.needed_text(&["name", "tool", "tool_name"])?;
    let spellings = ["arguments", "args", "parameters"];
    // Some models write the arguments as a text.
    let inner = match arguments.value(&spellings) {
        Some(Value::String(text)) => serde_json::from_str::<Map<String, Value>>(text)
            .map_err(|_| super::arguments::wrong(&spellings, "an object"))?,
        _ => arguments.object(&spellings)?.cloned().unwrap_or_default(),
    };
    Ok((name, inner))
}
