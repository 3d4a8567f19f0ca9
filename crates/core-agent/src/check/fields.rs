//! The form of answers: JSON-RPC around them, content blocks within.
//!
//! Pure. Invariant: every rule here is one that a client may rely on.

use serde_json::Value;

/// What is wrong with a JSON-RPC response to the request `id`.
pub(super) fn response(answer: &Value, id: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if answer["jsonrpc"] != "2.0" {
        wrong.push(format!("jsonrpc is {}, not \"2.0\"", answer["jsonrpc"]));
    }
    if answer["id"] != *id {
        wrong.push(format!("the id {id} came back as {}", answer["id"]));
    }
    match (answer.get("result"), answer.get("error")) {
        (Some(result), None) if !result.is_object() => {
            wrong.push("the result is no object".into());
        }
        (Some(_), None) => {}
        (None, Some(error)) => wrong.extend(of_error(error)),
        (Some(_), Some(_)) => wrong.push("there are both a result and an error".into()),
        (None, None) => wrong.push("there is neither a result nor an error".into()),
    }
    wrong
}

fn of_error(error: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if !error["code"].is_i64() {
        wrong.push(format!("error.code is {}, no integer", error["code"]));
    }
    if !error["message"].is_string() {
        wrong.push("error.message is no text".into());
    }
    wrong
}

/// What is wrong with the result of a tool's call.
pub(super) fn tool_result(result: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    match &result["content"] {
        Value::Array(blocks) => {
            for (number, block) in blocks.iter().enumerate() {
                if let Some(what) = of_block(block) {
                    wrong.push(format!("content[{number}]: {what}"));
                }
            }
        }
        _ => wrong.push("there is no content, not even an empty list".into()),
    }
    if let Some(flag) = result.get("isError")
        && !flag.is_boolean()
    {
        wrong.push(format!("isError is {flag}"));
    }
    if let Some(data) = result.get("structuredContent")
        && !data.is_object()
        && !data.is_null()
    {
        wrong.push("structuredContent is no object".into());
    }
    wrong
}

fn of_block(block: &Value) -> Option<String> {
    let needed: &[&str] = match block["type"].as_str() {
        Some("text") => &["text"],
        Some("image" | "audio") => &["data", "mimeType"],
        Some("resource_link") => &["uri", "name"],
        Some("resource") => {
            let resource = &block["resource"];
            let whole = resource["uri"].is_string()
                && (resource["text"].is_string() || resource["blob"].is_string());
            return (!whole).then(|| "a resource needs uri and text or blob".into());
        }
        Some(other) => return Some(format!("there is no type {other}")),
        None => return Some("it has no type".into()),
    };
    let missing = needed.iter().find(|key| !block[**key].is_string())?;
    Some(format!("{missing} is missing"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn responses_have_one_form() {
        let id = json!("7");
        let wrong = |answer: Value| response(&answer, &id).len();
        assert_eq!(wrong(json!({"jsonrpc": "2.0", "id": "7", "result": {}})), 0);
        let error = json!({"code": -32601, "message": "no"});
        assert_eq!(
            wrong(json!({"jsonrpc": "2.0", "id": "7", "error": error})),
            0
        );
        for bad in [
            json!({"id": "7", "result": {}}),
            json!({"jsonrpc": "2.0", "id": 7, "result": {}}),
            json!({"jsonrpc": "2.0", "id": "7", "result": []}),
            json!({"jsonrpc": "2.0", "id": "7"}),
            json!({"jsonrpc": "2.0", "id": "7", "result": {}, "error": error}),
            json!({"jsonrpc": "2.0", "id": "7", "error": {"code": "x", "message": "no"}}),
            json!({"jsonrpc": "2.0", "id": "7", "error": {"code": 1}}),
        ] {
            assert_eq!(wrong(bad.clone()), 1, "{bad}");
        }
    }

    #[test]
    fn results_have_blocks_that_are_whole() {
        let wrong = |result: Value| tool_result(&result).len();
        let good = json!({"content": [
            {"type": "text", "text": "x"},
            {"type": "image", "data": "eA==", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "a:b", "text": ""}},
            {"type": "resource_link", "uri": "a:b", "name": "b"},
        ], "structuredContent": {}, "isError": false});
        assert_eq!(wrong(good), 0);
        for bad in [
            json!({}),
            json!({"content": "x"}),
            json!({"content": [{"type": "text"}]}),
            json!({"content": [{"text": "x"}]}),
            json!({"content": [{"type": "film"}]}),
            json!({"content": [{"type": "resource", "resource": {"uri": "a:b"}}]}),
            json!({"content": [], "structuredContent": []}),
            json!({"content": [], "isError": "yes"}),
        ] {
            assert_eq!(wrong(bad.clone()), 1, "{bad}");
        }
    }
}
