//! How the hub answers for its own tools, and how the pipeline's outcomes become results.
//!
//! Invariant: what a server answered is passed on as it is; what the hub says for itself says what
//! to do next.

use rmcp::{
    ErrorData,
    model::{CallToolResult, ContentBlock, MetaObject, ServerResult},
};
use serde_json::{Map, Value, json};

use super::bridge::Ended;
use crate::{
    Fault, FaultKind,
    pipeline::{ApprovalNeeded, Refusal},
};

/// Where the hub's own words stand in a result's `_meta`.
const OWN: &str = "core-agent/outcome";

/// Data, as text for models and as data for programs.
pub(super) fn data(value: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(pretty(&value))]);
    result.structured_content = Some(value);
    result
}

/// A failure of one of the hub's own tools, with what to do next.
pub(super) fn failure(
    error: &str,
    code: &str,
    suggestions: &[&str],
    more: Value,
) -> CallToolResult {
    let mut value = json!({
        "success": false,
        "error": error,
        "error_code": code,
        "recovery_suggestions": suggestions,
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    let mut result = CallToolResult::error(vec![ContentBlock::text(pretty(&value))]);
    result.structured_content = Some(value);
    result
}

/// What a client reads when a person has to approve a call outside of it.
pub(super) fn approval_needed(needed: &ApprovalNeeded) -> CallToolResult {
    let text = format!(
        "{}\nA person must approve this call first (approval {id}). It was not made. Ask the person to run:\n  core-agent approvals approve {id}\nThen call the tool again with the very same arguments.",
        needed.question,
        id = needed.id,
    );
    own_words(
        text,
        json!({ "outcome": "approval_needed", "approval": needed.id }),
    )
}

/// What a client reads when a person said no.
pub(super) fn declined(needed: &ApprovalNeeded) -> CallToolResult {
    own_words(
        format!(
            "{}\nThe call was not made: a person declined it or did not answer. Do not repeat it unless the person asks for it.",
            needed.question
        ),
        json!({ "outcome": "declined", "approval": needed.id }),
    )
}

/// What a client reads when a call was not made.
pub(super) fn refused(refusal: &Refusal) -> CallToolResult {
    let mut text = refusal.message.clone();
    let details = match &refusal.details {
        Value::Null => None,
        Value::Object(map) if map.is_empty() => None,
        details => Some(details),
    };
    if let Some(details) = details {
        text.push('\n');
        text.push_str(&details.to_string());
    }
    own_words(
        text,
        json!({
            "outcome": "refused",
            "kind": refusal.kind,
            "details": details,
        }),
    )
}

/// What a client gets when a server failed: its own error unchanged, or what happened to it.
pub(super) fn failed(fault: &Fault) -> Ended {
    if let Some(rpc) = &fault.rpc {
        return Err((**rpc).clone());
    }
    if fault.kind == FaultKind::Cancelled {
        return Err(ErrorData::internal_error("the call was cancelled", None));
    }
    Ok(own_words(fault.to_string(), fault_data(fault)).into_result())
}

/// A server's failure where only a protocol error can be given.
pub(super) fn error(fault: &Fault) -> ErrorData {
    fault.rpc.as_deref().cloned().unwrap_or_else(|| {
        let data = json!({ OWN: fault_data(fault) });
        ErrorData::internal_error(fault.to_string(), Some(data))
    })
}

fn fault_data(fault: &Fault) -> Value {
    json!({
        "outcome": "failed",
        "server": fault.server,
        "kind": fault.kind,
        "effect": fault.effect,
        "retryAfterMs": fault.retry_after.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    })
}

fn own_words(text: String, outcome: Value) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    let mut meta = Map::new();
    meta.insert(OWN.to_owned(), outcome);
    result.meta = Some(MetaObject(meta));
    result
}

/// JSON for people and models.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// Makes a tool's result the answer of a request.
pub(super) trait IntoResult {
    fn into_result(self) -> ServerResult;
}

impl IntoResult for CallToolResult {
    fn into_result(self) -> ServerResult {
        ServerResult::CallToolResult(self)
    }
}
