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
    let work_that = |how: &str| json!({"name": "work", "arguments": {"how": how}});
    let work = || work_that("ends");
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
    let begun = ask(&hub, "tools/call", work_that("asks"), true).await;
    let id = begun["result"]["taskId"].as_str().unwrap();
    let task = || json!({"taskId": id});
    let asking = ask(&hub, "tasks/get", task(), true).await;
    assert_eq!(asking["result"]["status"], "input_required", "{asking}");
    let question = &asking["result"]["inputRequests"]["who"];
    assert_eq!(
        question["params"]["message"], "What is your name?",
        "{asking}"
    );
    let mut answer = task();
    answer["inputResponses"] = json!({"who": {"action": "accept", "content": {"name": "Ada"}}});
    let answered = ask(&hub, "tasks/update", answer, true).await;
    assert!(answered["result"].is_object(), "{answered}");
    let done = ask(&hub, "tasks/get", task(), true).await;
    let said = &done["result"]["result"]["content"][0]["text"];
    assert_eq!(said, "hello Ada", "{done}");
    let begun = ask(&hub, "tools/call", work_that("fails"), true).await;
    let id = begun["result"]["taskId"].as_str().unwrap();
    let failed = ask(&hub, "tasks/get", json!({"taskId": id}), true).await;
    assert_eq!(failed["result"]["status"], "failed", "{failed}");
    let error = json!({"code": -32050, "message": "the work failed"});
    assert_eq!(failed["result"]["error"], error, "{failed}");
    // Another hub, whose client knows no tasks: it waits for the end.
    let hub = Setup::of_one(&args, "[hub]\nlisting = \"merged\"").serve();
    let done = ask(&hub, "tools/call", work(), false).await;
    let said = &done["result"]["content"][0]["text"];
    assert_eq!(said, "the work is done", "{done}");
    let failed = ask(&hub, "tools/call", work_that("fails"), false).await;
    assert_eq!(failed["error"], error, "{failed}");
    // It cannot be asked for the task, so the work that waits for it is called off.
    let asking = ask(&hub, "tools/call", work_that("asks"), false).await;
    let said = asking["result"]["content"][0]["text"].as_str().unwrap();
    assert!(said.contains("asks a question"), "{asking}");
    let noted = std::fs::read_to_string(&journal).unwrap();
    assert!(noted.contains("cancelled \"task-that-asks\""), "{noted}");
}

/// What the server says to the log while it answers a request that wants messages of a level.
async fn logged(hub: &Served, level: Option<&str>) -> Vec<Value> {
    let mut params = json!({"name": "log", "arguments": {"text": "something"}, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    if let Some(level) = level {
        params["_meta"]["io.modelcontextprotocol/logLevel"] = json!(level);
    }
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "log"),
        ("accept", "application/json, text/event-stream"),
    ];
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let read = hub.post("/mcp", &headers, &body).await;
    let lines = read.text.lines();
    let data = lines.map(|line| line.strip_prefix("data:").unwrap_or(line));
    let messages: Vec<Value> = data
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    let answered = |message: &Value| message["result"]["content"][0]["text"] == "said";
    assert!(messages.iter().any(answered), "{read:?}");
    messages
        .into_iter()
        .filter(|message| message["method"] == "notifications/message")
        .map(|message| message["params"]["data"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_conversation_says_which_messages_it_wants() {
    for era in ["old", "new"] {
        let args = ["logs", "--era", era];
        let hub = Setup::of_one(&args, "[hub]\nlisting = \"merged\"").serve();
        for level in [None, Some("error")] {
            assert_eq!(
                logged(&hub, level).await,
                [json!(null); 0],
                "{era} {level:?}"
            );
        }
        for level in ["info", "debug"] {
            assert_eq!(
                logged(&hub, Some(level)).await,
                ["something"],
                "{era} {level}"
            );
        }
    }
}
