//! `read_result`: parts of results too large for one answer.
//!
//! Invariant: a result is read only by whom it was made for.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use super::{
    Done, Effect, Own, Run,
    arguments::{Arguments, Wrong},
};
use crate::{
    hub::{Hub, results::failure, visit::Visit},
    pipeline::{Part, ReadError},
};

pub(super) const TOOL: Own = Own {
    name: "read_result",
    description: "Read on in a result that was too large for one answer.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "handle": { "type": "string", "description": "As the preview says" },
                "pointer": { "type": "string", "description": "JSON pointer to a part" },
                "start": { "type": "integer", "minimum": 0, "description": "First character" },
                "length": { "type": "integer", "minimum": 1 }
            },
            "required": ["handle"]
        })
    },
    effect: Effect::Looks,
    run: Run::Here(run),
};

fn run<'a>(hub: &'a Hub, visit: &'a Visit, arguments: Arguments) -> Done<'a> {
    Box::pin(async move {
        let (handle, part) = parts(&arguments)?;
        let read = hub
            .options
            .pipeline
            .read_result(handle, part, &visit.actor)
            .await;
        Ok(match read {
            Ok(piece) => {
                let more = json!({
                    "server": piece.server,
                    "tool": piece.tool,
                    "start": piece.start,
                    "total": piece.total,
                    "next": piece.next,
                });
                let mut text = piece.text;
                if let Some(next) = piece.next {
                    text.push_str(&format!(
                        "\n[characters {} to {next} of {}; go on with start {next}]",
                        piece.start, piece.total
                    ));
                }
                let blocks = piece.warning.into_iter().chain([text]);
                let mut result = CallToolResult::success(blocks.map(ContentBlock::text).collect());
                result.structured_content = Some(more);
                result
            }
            Err(error) => {
                let code = match &error {
                    ReadError::NotFound(_) => "NOT_FOUND",
                    ReadError::NoSuchPart { .. } => "NO_SUCH_PART",
                    ReadError::Failed(_) => "FAILED",
                };
                failure(&error.to_string(), code, &[], Value::Null)
            }
        })
    })
}

fn parts(arguments: &Arguments) -> Result<(&str, Part), Wrong> {
    let handle = arguments.needed_text(&["handle", "id", "result"])?;
    let part = Part {
        pointer: arguments.text(&["pointer"])?.map(str::to_owned),
        start: arguments.number(&["start", "offset"])?.unwrap_or(0),
        length: arguments.number(&["length", "limit"])?,
    };
    Ok((handle, part))
}
