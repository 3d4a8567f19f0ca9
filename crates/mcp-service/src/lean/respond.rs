//! The answers of the short way, written once and straight into the body.
//!
//! Invariant: the same result has the same members as the long way writes, plus those a tool asked
//! to have repeated beside them.

use rmcp::model::ContentBlock;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::{Value, json, value::RawValue};

use crate::{Era, Question, ToolList, ToolResult};

/// How long a client may keep a list of tools.
const LIST_TTL_MS: u32 = 300_000;

/// The answer to `tools/list`.
pub(crate) fn tools(id: &RawValue, era: Era, list: &ToolList) -> Vec<u8> {
    let json = list.json();
    let mut body = Vec::with_capacity(json.len() + 128);
    body.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    body.extend_from_slice(id.get().as_bytes());
    body.extend_from_slice(b",\"result\":{");
    if era == Era::Stateless {
        let scope = if list.is_shared() {
            "public"
        } else {
            "private"
        };
        body.extend_from_slice(
            format!(
                "\"resultType\":\"complete\",\"ttlMs\":{LIST_TTL_MS},\"cacheScope\":\"{scope}\","
            )
            .as_bytes(),
        );
    }
    body.extend_from_slice(b"\"tools\":");
    body.extend_from_slice(json);
    body.extend_from_slice(b"}}");
    body
}

/// The answer to `ping`.
pub(crate) fn empty(id: &RawValue) -> Vec<u8> {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{}}}}",
        id.get()
    )
    .into_bytes()
}

/// The answer to `tools/call`.
pub(crate) fn result(
    id: &RawValue,
    era: Era,
    result: &ToolResult,
) -> Result<Vec<u8>, serde_json::Error> {
    enveloped(id, &ResultWire { era, result })
}

/// The answer to `tools/call` that asks a person first.
pub(crate) fn input_required(
    id: &RawValue,
    question: &Question,
    state: &str,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut requests = serde_json::Map::new();
    requests.insert(
        question.key.clone(),
        json!({
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": question.message,
                "requestedSchema": question.schema,
            },
        }),
    );
    let result = json!({
        "resultType": "input_required",
        "inputRequests": requests,
        "requestState": state,
    });
    enveloped(id, &result)
}

fn enveloped(id: &RawValue, result: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Envelope<'a, R> {
        jsonrpc: &'static str,
        id: &'a RawValue,
        result: &'a R,
    }
    serde_json::to_vec(&Envelope {
        jsonrpc: "2.0",
        id,
        result,
    })
}

struct ResultWire<'a> {
    era: Era,
    result: &'a ToolResult,
}

const RESERVED: [&str; 5] = [
    "resultType",
    "content",
    "structuredContent",
    "isError",
    "_meta",
];

impl Serialize for ResultWire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ToolResult {
            content,
            structured,
            is_error,
            meta,
            beside,
        } = self.result;
        let mut map = serializer.serialize_map(None)?;
        if self.era == Era::Stateless {
            map.serialize_entry("resultType", "complete")?;
        }
        map.serialize_entry::<str, Vec<ContentBlock>>("content", content)?;
        if let Some(structured) = structured {
            map.serialize_entry("structuredContent", structured)?;
        }
        map.serialize_entry("isError", is_error)?;
        if !meta.is_empty() {
            map.serialize_entry("_meta", meta)?;
        }
        for (key, value) in beside {
            if RESERVED.contains(&key.as_str()) {
                return Err(S::Error::custom(
                    "a key beside the content is one of the protocol's own",
                ));
            }
            map.serialize_entry::<str, Value>(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::Tool;

    use super::*;

    fn raw(value: &impl Serialize) -> Box<RawValue> {
        serde_json::value::to_raw_value(value).unwrap()
    }

    fn json(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn a_result_reads_the_same_as_the_librarys() {
        let mut ours = ToolResult::text("hi");
        ours.structured = Some(raw(&json!({"a": 1})));
        let body = json(&result(&raw(&7), Era::Stateless, &ours).unwrap());
        let mut theirs = rmcp::model::CallToolResult::success(vec![ContentBlock::text("hi")]);
        theirs.structured_content = Some(json!({"a": 1}));
        assert_eq!(body["result"], serde_json::to_value(theirs).unwrap());
        assert_eq!((&body["id"], &body["jsonrpc"]), (&json!(7), &json!("2.0")));
    }

    #[test]
    fn keys_can_be_repeated_beside_the_content() {
        let mut ours = ToolResult::text("open");
        ours.beside
            .insert("authorization_url".into(), json!("https://a"));
        let body = json(&result(&raw(&"x"), Era::Handshake, &ours).unwrap());
        assert_eq!(body["result"]["authorization_url"], "https://a");
        assert!(body["result"].get("resultType").is_none());
        ours.beside.insert("isError".into(), json!(true));
        assert!(result(&raw(&"x"), Era::Handshake, &ours).is_err());
    }

    #[test]
    fn a_list_is_written_for_either_era() {
        let tool = Tool::new("echo", "Says it again.", serde_json::Map::new());
        let list = ToolList::shared(vec![tool]);
        let old = json(&tools(&raw(&1), Era::Handshake, &list));
        assert_eq!(old["result"]["tools"][0]["name"], "echo");
        assert_eq!(old["result"].as_object().unwrap().len(), 1);
        let new = json(&tools(&raw(&1), Era::Stateless, &list));
        assert_eq!(new["result"]["cacheScope"], "public");
        assert_eq!(new["result"]["resultType"], "complete");
    }
}
