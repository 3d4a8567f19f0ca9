//! Decisions a person takes on the command line while the hub runs.

use std::process::Stdio;

use serde_json::json;

use crate::served::{Served, Setup};

fn command(hub: &Served, arguments: &[&str]) -> String {
    let output = hub
        .setup()
        .command(arguments[0])
        .args(&arguments[1..])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_approved_while_the_hub_runs_is_started_by_the_next_search() {
    let hub = Setup::new("[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"good\"]\n").serve();
    let query = json!({"query": "echo a text"});
    let before = hub.call("find_tools", query.clone()).await.said();
    assert!(
        before.contains("Not searched") && !before.contains("zoo__echo"),
        "{before}"
    );
    let status = command(&hub, &["status"]);
    assert!(status.contains("not_approved"), "{status}");
    let approved = command(&hub, &["trust", "approve", "zoo"]);
    assert!(approved.contains("the command is approved"), "{approved}");
    let after = hub.call("find_tools", query).await.said();
    assert!(after.contains("zoo__echo"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_blocked_while_the_hub_runs_is_soon_not_called_any_more() {
    let hub = Setup::of_one(&["good"], "").serve();
    let echo = || {
        hub.call(
            "call_read_tool",
            json!({"name": "echo", "arguments": {"text": "x"}}),
        )
    };
    assert_eq!(echo().await.said(), "x");
    command(&hub, &["trust", "block", "echo"]);
    let mut said = String::new();
    // Bounded; a running hub looks every few seconds.
    for _ in 0..200 {
        said = echo().await.said();
        if said != "x" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(said.contains("trust"), "{said}");
}
