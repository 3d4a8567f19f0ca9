//! Words that pass as they are: unknown keys, links, and the work of tasks.

use serde_json::{Value, json};

use crate::served::{Served, Setup, call};

async fn relayed(hub: &Served, tool: &str, arguments: Value) -> Value {
    hub.post("/mcp/zoo", &[], &call(tool, &arguments))
        .await
        .json()
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_pass_the_relay() {
    for era in ["old", "new"] {
        let hub = Setup::of_one(&["good", "--era", era], "").serve();
        let answer = relayed(&hub, "fail", json!({"kind": "odd"})).await;
        let mut expected = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "result": {
                "content": [{"type": "text", "text": "odd", "zooText": [null, {"a": 1}]}],
                "zooResult": {"deep": [1, 2.5, "three", u64::MAX]},
                "_meta": {"zoo/mark": {"kept": true}},
            },
        });
        if era == "new" {
            expected["result"]["resultType"] = json!("complete");
        }
        assert_eq!(answer, expected, "{era}");
        let answer = relayed(&hub, "fail", json!({"kind": "odd-error"})).await;
        assert_eq!(
            answer["error"],
            json!({"code": -31999, "message": "odd", "data": {"why": ["a"]}, "zooError": 1}),
            "{era}: {answer}"
        );
    }
}

/// A text as servers write it when a person has to sign in: each character counts.
const SIGN_IN: &str = "**ACTION REQUIRED: sign in**\n\n[Click here to sign in](https://accounts.example.com/o/oauth2/v2/auth?response_type=code&client_id=1234-ab.apps.example.com&redirect_uri=http%3A%2F%2Flocalhost%3A8000%2Foauth2callback&scope=https%3A%2F%2Fmail.example.com%2F+openid&state=Zm9v_-~.%3D%3D&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeW1t8URWbuGJSstw-cM&code_challenge_method=S256&access_type=offline&prompt=consent)\n\n\u{200b}Then tell me \"done\" \u{2014} \u{1f511} `x & y < z`\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_sign_in_passes_as_it_is() {
    let hub = Setup::of_one(&["good"], "").serve();
    let arguments = json!({"text": SIGN_IN});
    let answer = relayed(&hub, "echo", arguments.clone()).await;
    assert_eq!(answer["result"]["content"][0]["text"], SIGN_IN);
    let wrapped = json!({"name": "echo", "arguments": arguments});
    let called = hub.call("call_read_tool", wrapped).await.json();
    let content = called["result"]["content"].as_array().unwrap();
    assert_eq!((content.len(), &content[0]["text"]), (1, &json!(SIGN_IN)));
}

/// A request of the stateless era, of a client that knows tasks or does not.
async fn ask(hub: &Served, method: &str, mut params: Value, tasks: bool) -> Value {
    let extensions = if tasks {
        json!({"io.modelcontextprotocol/tasks": {}})
    } else {
        json!({})
    };
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
    });
    let name = params["name"].as_str().or(params["taskId"].as_str());
    let name = name.unwrap_or_default().to_owned();
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
        ("mcp-name", &name),
        ("accept", "application/json, text/event-stream"),
    ];
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let read = hub.post("/mcp", &headers, &body).await;
    if read.kind.starts_with("text/event-stream") {
        let answer = read
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|data| serde_json::from_str::<Value>(data).ok())
            .find(|message| message["id"] == 1);
        return answer.unwrap_or_else(|| panic!("{read:?}"));
    }
    read.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_handed_on_or_waited_for() {
    let work = || json!({"name": "work", "arguments": {}});
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let path = journal.display().to_string();
    let args = ["tasks", "--era", "new", "--journal", &path];
    let hub = Setup::of_one(&args, "[hub]\nlisting = \"merged\"").serve();
    let begun = ask(&hub, "tools/call", work(), true).await;
    assert_eq!(begun["result"]["resultType"], "task", "{begun}");
    let id = begun["result"]["taskId"].as_str().unwrap();
    assert_ne!(id, "task-1", "the server's own name is not shown");
    let look = || ask(&hub, "tasks/get", json!({"taskId": id}), true);
    let first = look().await;
    assert_eq!(first["result"]["status"], "working", "{first}");
    assert_eq!(first["result"]["taskId"], id, "{first}");
    let second = look().await;
    assert_eq!(second["result"]["status"], "completed", "{second}");
    let said = &second["result"]["result"]["content"][0]["text"];
    assert_eq!(said, "the work is done", "{second}");
    let cancelled = ask(&hub, "tasks/cancel", json!({"taskId": id}), true).await;
    assert!(cancelled["result"].is_object(), "{cancelled}");
    let noted = std::fs::read_to_string(&journal).unwrap();
    assert!(noted.contains("cancelled \"task-1\""), "{noted}");
    let foreign = ask(&hub, "tasks/get", json!({"taskId": "task-1"}), true).await;
    assert_eq!(foreign["error"]["code"], -32602, "{foreign}");
    // Another hub, whose client knows no tasks: it waits for the end.
    let hub = Setup::of_one(&args, "[hub]\nlisting = \"merged\"").serve();
    let done = ask(&hub, "tools/call", work(), false).await;
    let said = &done["result"]["content"][0]["text"];
    assert_eq!(said, "the work is done", "{done}");
}
