//! Answers as rmcp's types, read straight from their text.
//!
//! rmcp finds out what a message is by keeping all of it as data several times over; that a text
//! is an answer shows at its keys. Invariant: what is read here is what rmcp would read, except
//! that the answer to a call of a tool is a tool's result whenever it can be one.

use rmcp::model::{
    CallToolResult, JsonRpcVersion2_0, RequestId, ServerJsonRpcMessage, ServerResult,
};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

/// What was asked, as far as it says what the answer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    /// For a call of a tool.
    Call,
    /// Something else, or nobody knows.
    Other,
}

#[derive(Deserialize)]
struct Envelope<'t> {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: JsonRpcVersion2_0,
    id: RequestId,
    #[serde(borrow)]
    result: &'t RawValue,
    #[serde(default, deserialize_with = "is_there")]
    method: bool,
    #[serde(default, deserialize_with = "is_there")]
    error: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Reads a message that is an answer most of the time.
pub(super) fn read(text: &[u8], asked: Asked) -> serde_json::Result<ServerJsonRpcMessage> {
    let Ok(Envelope {
        id,
        result,
        method: false,
        error: false,
        ..
    }) = serde_json::from_slice(text)
    else {
        return serde_json::from_slice(text);
    };
    if asked == Asked::Call
        && let Ok(result) = serde_json::from_str::<CallToolResult>(result.get())
    {
        let result = ServerResult::CallToolResult(result);
        return Ok(ServerJsonRpcMessage::response(result, id));
    }
    let result = serde_json::from_str(result.get())?;
    Ok(ServerJsonRpcMessage::response(result, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_read_as_by_rmcp() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a"}]}}"#,
            r#"{"jsonrpc":"2.0","id":"a","result":{"tools":[{"name":"a","inputSchema":{}}]}}"#,
            r#"{"id":7,"result":{"odd":[1,2.5,"a",null]},"jsonrpc":"2.0","more":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":"#,
        ] {
            let show = |read: serde_json::Result<ServerJsonRpcMessage>| {
                read.map(|message| format!("{message:?}")).ok()
            };
            let theirs = show(serde_json::from_slice(text.as_bytes()));
            for asked in [Asked::Call, Asked::Other] {
                assert_eq!(show(read(text.as_bytes(), asked)), theirs, "{text}");
            }
        }
    }

    #[test]
    fn the_result_of_a_tool_is_not_taken_for_a_list() {
        let text = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"content":[],"isError":true}}"#;
        let message = read(text.as_bytes(), Asked::Call).unwrap();
        let (result, _) = message.into_response().unwrap();
        assert!(
            matches!(result, ServerResult::CallToolResult(result) if result.is_error == Some(true))
        );
    }
}
