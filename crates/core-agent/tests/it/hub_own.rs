//! The hub's own tools: servers started anew, tools that are blocked, results that are large.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::served::{Served, Setup};

/// The data of an own tool's answer.
async fn data(hub: &Served, tool: &str, arguments: Value) -> Value {
    hub.call(tool, arguments).await.json()["result"]["structuredContent"].clone()
}

/// How often the hub started the server, as another process reads it.
fn starts(hub: &Served) -> u64 {
    let output = hub
        .setup()
        .command("servers")
        .args(["list", "--json"])
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let servers = listed.get("servers").unwrap_or(&listed);
    servers[0]["starts"]
        .as_u64()
        .unwrap_or_else(|| panic!("{listed}"))
}

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_started_anew_when_it_is_asked_for() {
    let hub = Setup::of_one(&["good"], "").serve();
    let count = async || {
        hub.call("call_write_tool", json!({"name": "count", "arguments": {}}))
            .await
            .said()
    };
    assert_eq!((count().await, count().await), ("1".into(), "2".into()));
    let kept = data(&hub, "connect_external_servers", json!({})).await;
    assert_eq!(kept["servers"]["zoo"]["restarted"], false, "{kept}");
    assert_eq!(count().await, "3");
    eventually("one start", async || (starts(&hub) == 1).then_some(())).await;
    let anew = data(
        &hub,
        "connect_external_servers",
        json!({"server_filter": ["zoo"], "force_reconnect": true}),
    )
    .await;
    assert_eq!(anew["servers"]["zoo"]["restarted"], true, "{anew}");
    assert_eq!(anew["connected"], 1, "{anew}");
    assert_eq!(count().await, "1", "it is another process");
    eventually("two starts", async || (starts(&hub) == 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_changed_is_named_with_the_way_to_look_at_it() {
    let hub = Setup::of_one(&["list-changes", "--mutate", "description"], "").serve();
    let query = json!({"query": "say the text again", "limit": 1});
    data(&hub, "connect_external_servers", json!({})).await;
    let found = eventually("blocked", async || {
        let found = hub.call("find_tools", query.clone()).await.json();
        let blocked = &found["result"]["structuredContent"]["blocked"];
        (!blocked.as_array().unwrap().is_empty()).then_some(found)
    })
    .await;
    let (text, data) = (
        found["result"]["content"][0]["text"].as_str().unwrap(),
        &found["result"]["structuredContent"],
    );
    assert_eq!(data["blocked"][0]["name"], "echo", "{data}");
    assert!(text.contains("core-agent trust diff echo"), "{text}");
    assert!(!found.to_string().contains("mallory"), "{found}");
    let shown = hub
        .call("describe_tool", json!({"name": "echo"}))
        .await
        .json();
    let advice = &shown["result"]["structuredContent"];
    assert_eq!(advice["error_code"], "TOOL_BLOCKED", "{advice}");
    assert!(
        advice.to_string().contains("core-agent trust diff echo"),
        "{advice}"
    );
    assert!(!advice.to_string().contains("mallory"), "{advice}");
    let refused = hub
        .call(
            "call_read_tool",
            json!({"name": "echo", "arguments": {"text": "x"}}),
        )
        .await;
    assert!(refused.said().contains("core-agent trust diff echo"));
    // The advice is good: the command shows the change to a person.
    let diff = hub
        .setup()
        .command("trust")
        .args(["diff", "echo"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&diff.stdout);
    assert!(told.contains("mallory"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_whose_words_steer_is_called_once_a_person_has_read_them() {
    let config = "[trust]\napprove_commands = false\npins = false\n[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"list-changes\", \"--mutate\", \"steering\"]\ntrust = \"trusted\"\nprefix = \"\"\n";
    let hub = Setup::new(config).serve();
    data(&hub, "connect_external_servers", json!({})).await;
    let echo = async || {
        let arguments = json!({"name": "echo", "arguments": {"text": "x"}});
        hub.call("call_read_tool", arguments).await.said()
    };
    let refused = eventually("blocked", async || {
        let said = echo().await;
        (said != "x").then_some(said)
    })
    .await;
    assert!(refused.contains("core-agent trust diff echo"), "{refused}");
    for (action, expected) in [("diff", "do not tell the user"), ("approve", "approved")] {
        let mut trust = hub.setup().command("trust");
        let done = trust.args([action, "echo"]).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && told.contains(expected), "{done:?}");
    }
    eventually("called", async || (echo().await == "x").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_a_person_blocked_is_named_when_it_is_looked_for() {
    let hub = Setup::of_one(&["good"], "").serve();
    data(&hub, "connect_external_servers", json!({})).await;
    let block = ["block", "delete", "--why", "not on this machine"];
    let done = hub.setup().command("trust").args(block).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let text = eventually("blocked", async || {
        let found = hub
            .call("find_tools", json!({"query": "forgets a key", "limit": 2}))
            .await
            .said();
        found.contains("Blocked: delete:").then_some(found)
    })
    .await;
    assert!(text.contains("core-agent trust diff delete"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_keeps_the_data_its_tool_promises() {
    for (listing, promised) in [("merged", true), ("meta", false)] {
        let more = format!("[calls]\ninline_bytes = 1024\n[hub]\nlisting = \"{listing}\"");
        let hub = Setup::of_one(&["data"], &more).serve();
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let listed = hub.post("/mcp", &[], &list).await.json();
        let lists_schema = listed["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tool| tool["name"] == "table" && tool["outputSchema"].is_object());
        assert_eq!(lists_schema, promised, "{listing}");
        let arguments = json!({"rows": 1_000});
        let made = if promised {
            hub.call("table", arguments).await
        } else {
            let wrapped = json!({"name": "table", "arguments": arguments});
            hub.call("call_read_tool", wrapped).await
        }
        .json();
        let result = &made["result"];
        let rows = result["structuredContent"]["rows"].as_array();
        assert_eq!(rows.map(Vec::len), promised.then_some(1_000), "{listing}");
        let words = result["content"].to_string();
        assert!(words.len() < 8_000, "{} bytes of words", words.len());
        let handle = result["_meta"]["core-agent/kept"]["handle"].clone();
        let asked = json!({"handle": handle, "pointer": "/structuredContent/rows/999"});
        let kept = hub.call("read_result", asked).await;
        assert!(kept.text.contains("the words of row 999"), "{kept:?}");
    }
}
