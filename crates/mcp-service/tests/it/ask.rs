//! Questions to a person, in every way a client can be asked.

use mcp_service::LegacySessions;
use serde_json::json;

use crate::program::{call, config, start};

#[tokio::test]
async fn who_cannot_be_asked_is_told_how_to_go_on() {
    let server = start(config(LegacySessions::Off)).await;
    let read = server.post(&[], call("ask", &json!({}))).await.json();
    assert_eq!(read["result"]["isError"], true);
    let words = read["result"]["content"][0]["text"].as_str().unwrap();
    assert!(words.contains("confirm=true"), "{words}");
    server.end().await;
}

#[tokio::test]
async fn the_stateless_era_asks_in_rounds() {
    let server = start(config(LegacySessions::Off)).await;
    let asked = server
        .modern("ask", json!({"arguments": {"a": 1}}))
        .await
        .json();
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(
        asked["result"]["inputRequests"]["sure"]["method"],
        "elicitation/create"
    );
    let state = asked["result"]["requestState"].clone();
    let reply = |arguments: serde_json::Value| {
        json!({
            "arguments": arguments,
            "requestState": state,
            "inputResponses": {"sure": {"action": "accept", "content": {"ok": true}}},
        })
    };
    let other = server.modern("ask", reply(json!({"a": 2}))).await.json();
    assert_eq!(other["error"]["code"], -32_602);
    let done = server.modern("ask", reply(json!({"a": 1}))).await.json();
    assert_eq!(done["result"]["resultType"], "complete");
    assert!(
        done["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("Accepted")
    );
    let again = server.modern("ask", reply(json!({"a": 1}))).await.json();
    assert_eq!(again["error"]["code"], -32_602);
    server.end().await;
}
