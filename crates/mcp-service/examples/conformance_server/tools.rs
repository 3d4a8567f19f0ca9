//! The tools as they are listed.

use mcp_service::model::Tool;
use serde_json::{Map, Value, json};

/// Tools without arguments and what they are for.
const PLAIN: [(&str, &str); 27] = [
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with a picture"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with a resource"),
    (
        "test_multiple_content_types",
        "Answers with several kinds of content",
    ),
    ("test_error_handling", "Always fails"),
    ("test_tool_with_logging", "Logs while it works"),
    ("test_tool_with_progress", "Tells its progress"),
    ("test_elicitation_sep1034_defaults", "Asks with defaults"),
    ("test_elicitation_sep1330_enums", "Asks with choices"),
    ("test_reconnection", "Survives a lost stream"),
    ("test_trigger_tool_change", "Announces a change of tools"),
    (
        "test_trigger_prompt_change",
        "Announces a change of prompts",
    ),
    ("test_missing_capability", "Needs sampling"),
    ("test_streaming_elicitation", "Asks in a round"),
    ("test_logging_tool", "Logs when a level is asked for"),
    ("test_input_required_result_elicitation", "Asks a name"),
    ("test_input_required_result_sampling", "Asks a model"),
    ("test_input_required_result_list_roots", "Asks for roots"),
    (
        "test_input_required_result_request_state",
        "Keeps state in a round",
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Asks three things at once",
    ),
    (
        "test_input_required_result_multi_round",
        "Asks in two rounds",
    ),
    (
        "test_input_required_result_tampered_state",
        "Refuses altered state",
    ),
    (
        "test_input_required_result_capabilities",
        "Asks what can be answered",
    ),
    ("greet", "Greets"),
    ("slow_compute", "Takes its time"),
    ("failing_job", "Fails"),
];

pub(crate) fn all() -> Vec<Tool> {
    let mut tools: Vec<_> = PLAIN
        .into_iter()
        .map(|(name, what)| {
            Tool::new(
                name,
                what,
                object(json!({"type": "object", "properties": {}})),
            )
        })
        .collect();
    tools.push(one("test_sampling", "Asks the client's model", "prompt"));
    tools.push(one(
        "test_elicitation",
        "Asks the person at the client",
        "message",
    ));
    tools.push(custom_header());
    tools.push(Tool::new(
        "json_schema_2020_12_tool",
        "Has a schema with every new keyword",
        object(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {
                "address": {
                    "$anchor": "addressDef",
                    "type": "object",
                    "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
                },
            },
            "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" },
            },
            "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }, { "required": ["name"] }] }],
            "if": {
                "properties": { "contactMethod": { "const": "phone" } },
                "required": ["contactMethod"],
            },
            "then": { "required": ["phone"] },
            "else": { "required": ["name"] },
            "additionalProperties": false,
        })),
    ));
    tools
}

/// The tool whose argument is repeated in a header.
pub(crate) fn custom_header() -> Tool {
    Tool::new(
        "test_custom_header",
        "Has an argument that a header repeats",
        object(json!({
            "type": "object",
            "properties": { "value": { "type": "string", "x-mcp-header": "Value" } },
            "required": ["value"],
        })),
    )
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn one(name: &'static str, what: &'static str, argument: &str) -> Tool {
    Tool::new(
        name,
        what,
        object(json!({
            "type": "object",
            "properties": { argument: { "type": "string" } },
            "required": [argument],
        })),
    )
}
