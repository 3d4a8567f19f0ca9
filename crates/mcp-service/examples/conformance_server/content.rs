//! Tools that need nothing but their arguments, and questions by [`Answer::Ask`].

use mcp_service::{
    Answer, Question, Reply, ToolResult,
    model::{ContentBlock, ResourceContents},
};
use serde_json::{Map, Value, json};

/// A picture of one red pixel.
pub(crate) const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
/// A sound of no length.
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

const ALONE: [&str; 11] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_reconnection",
    "json_schema_2020_12_tool",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_input_required_result_multi_round",
];

pub(crate) fn stands_alone(name: &str) -> bool {
    ALONE.contains(&name)
}

pub(crate) fn answer(name: &str, arguments: &Map<String, Value>, reply: Option<&Reply>) -> Answer {
    let result = match name {
        "test_simple_text" => ToolResult::text("This is a simple text response for testing."),
        "test_image_content" => blocks(vec![ContentBlock::image(PIXEL, "image/png")]),
        "test_audio_content" => blocks(vec![ContentBlock::audio(SILENCE, "audio/wav")]),
        "test_embedded_resource" => blocks(vec![ContentBlock::resource(text_resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        ))]),
        "test_multiple_content_types" => blocks(vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(PIXEL, "image/png"),
            ContentBlock::resource(text_resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            )),
        ]),
        "test_error_handling" => {
            ToolResult::error("This tool intentionally returns an error for testing")
        }
        "test_reconnection" => ToolResult::text("Reconnection test completed"),
        "json_schema_2020_12_tool" => {
            let name = arguments.get("name").and_then(Value::as_str);
            ToolResult::text(format!("Hello, {}!", name.unwrap_or("world")))
        }
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => match reply {
            None => return ask("confirm", "Please confirm", "ok", "boolean"),
            Some(_) => ToolResult::text("Confirmed: state-ok"),
        },
        "test_input_required_result_multi_round" => match reply.map(|reply| reply.key.as_str()) {
            None => return ask("step1", "Step 1: What is your name?", "name", "string"),
            Some("step1") => {
                return ask(
                    "step2",
                    "Step 2: What is your favorite color?",
                    "color",
                    "string",
                );
            }
            Some(_) => ToolResult::text("All rounds are done"),
        },
        _ => return Answer::UnknownTool { nearest: None },
    };
    Answer::Result(result)
}

pub(crate) fn text_resource(uri: &str, kind: &str, text: &str) -> ResourceContents {
    ResourceContents::TextResourceContents {
        uri: uri.into(),
        mime_type: Some(kind.into()),
        text: text.into(),
        meta: None,
    }
}

fn blocks(content: Vec<ContentBlock>) -> ToolResult {
    ToolResult {
        content,
        ..ToolResult::default()
    }
}

fn ask(key: &str, message: &str, property: &str, kind: &str) -> Answer {
    let Value::Object(schema) = json!({
        "type": "object",
        "properties": { property: { "type": kind } },
        "required": [property],
    }) else {
        unreachable!("an object was written")
    };
    Answer::Ask(Question {
        key: key.into(),
        message: message.into(),
        schema,
        otherwise: "Use a client that can ask.".into(),
    })
}
