//! What scripts send, exactly as the source documents send it.

use serde_json::{Value, json};
use testkit::{EMAIL, http};

use crate::{world, world_with};

#[tokio::test]
async fn a_bare_post_lists_the_tools() {
    let world = world().await;
    let answer = http()
        .post(format!("{}/mcp", world.base))
        .header("Content-Type", "application/json")
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let first = answer.text().await.unwrap();
    let tools = serde_json::from_str::<Value>(&first).unwrap();
    let tools = tools["result"]["tools"].as_array().unwrap().clone();
    assert!(tools.len() >= 18, "{}", tools.len());
    let size = serde_json::to_vec(&tools).unwrap().len() / tools.len();
    assert!(size <= 1_100, "{size} bytes a tool");
    for tool in &tools {
        assert!(tool["outputSchema"]["type"] == "object", "{}", tool["name"]);
        assert!(tool["annotations"]["readOnlyHint"].is_boolean() && tool["title"].is_string());
    }
    let again = world.mcp().request("tools/list", json!({})).await.unwrap();
    assert_eq!(
        again["result"]["tools"],
        Value::from(tools),
        "the list is the same every time"
    );
    world.stop().await.unwrap();
}

#[tokio::test]
async fn the_calls_of_the_source_documents_work() {
    let world = world().await;
    let mcp = world.mcp();
    let query = json!({"user_google_email": EMAIL, "query": "subject:budget"});
    let found = mcp.call("search_gmail_messages", query).await.unwrap();
    assert!(found["messages"][0]["threadId"].is_string(), "{found}");

    let files = json!({"user_google_email": EMAIL, "max_results": 10});
    let files = mcp.call("list_drive_files", files).await.unwrap();
    assert!(
        (1..=10).contains(&files["files"].as_array().unwrap().len()),
        "{files}"
    );

    let event = json!({
        "user_google_email": EMAIL,
        "summary": "Test Meeting",
        "start_time": "2025-02-01T10:00:00-05:00",
        "end_time": "2025-02-01T11:00:00-05:00",
    });
    let event = mcp.call("create_calendar_event", event).await.unwrap();
    assert_eq!(
        event["start"]["dateTime"].as_str().map(str::len),
        Some(25),
        "{event}"
    );

    let start = json!({"service_name": "gmail", "user_google_email": "test@gmail.com"});
    let result = mcp.result("start_google_auth", start).await.unwrap();
    let url = result["authorization_url"]
        .as_str()
        .expect("beside the content");
    assert!(url.contains("code_challenge_method=S256"), "{url}");
    assert!(result["message"].is_string() && result["structuredContent"].is_object());
    world.stop().await.unwrap();
}

#[tokio::test]
async fn faults_of_the_caller_are_explained() {
    let world = world().await;
    let mcp = world.mcp();
    let answer = mcp
        .request("tools/call", json!({"name": "search_gmail"}))
        .await
        .unwrap();
    assert!(
        answer.to_string().contains("search_gmail_messages"),
        "{answer}"
    );
    let slip = mcp
        .result("search_gmail_messages", json!({"qery": "x"}))
        .await
        .unwrap();
    assert_eq!(slip["isError"], true);
    assert!(slip.to_string().contains("did you mean query"), "{slip}");
    let missing = json!({"message_id": "0000000000000000"});
    let missing = mcp
        .result("get_gmail_message_content", missing)
        .await
        .unwrap();
    assert_eq!(missing["_meta"]["error"]["kind"], "not_found", "{missing}");
    let answer = http()
        .post(format!("{}/mcp", world.base))
        .header("Content-Type", "application/json")
        .body("{")
        .send()
        .await
        .unwrap();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], -32700);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_not_offered_can_be_neither_seen_nor_called() {
    let world = world_with(&[
        ("WORKSPACE_MCP_TOOLS", "gmail"),
        ("WORKSPACE_MCP_READ_ONLY", "1"),
    ])
    .await;
    let mcp = world.mcp();
    let listed = mcp
        .request("tools/list", json!({}))
        .await
        .unwrap()
        .to_string();
    assert!(listed.contains("search_gmail_messages") && !listed.contains("send_gmail_message"));
    for tool in [
        "send_gmail_message",
        "list_drive_files",
        "create_calendar_event",
    ] {
        let answer = mcp
            .request("tools/call", json!({"name": tool, "arguments": {}}))
            .await
            .unwrap();
        assert!(answer.get("error").is_some(), "{tool}: {answer}");
    }
    world.stop().await.unwrap();
}

#[tokio::test]
async fn results_carry_what_the_setting_says() {
    for (mode, structured, long) in [
        ("both", true, true),
        ("text", false, true),
        ("data", true, false),
    ] {
        let world = world_with(&[("WORKSPACE_MCP_RESULTS", mode)]).await;
        let mcp = world.mcp();
        let result = mcp.result("list_gmail_labels", json!({})).await.unwrap();
        assert_eq!(
            result["structuredContent"].is_object(),
            structured,
            "{mode}"
        );
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(text.lines().count() > 1, long, "{mode}: {text}");
        let listed = mcp.request("tools/list", json!({})).await.unwrap();
        assert_eq!(
            listed["result"]["tools"][0]["outputSchema"].is_object(),
            structured,
            "{mode}"
        );
        world.stop().await.unwrap();
    }
}

#[tokio::test]
async fn files_of_a_service_that_is_not_offered_are_read_by_nobody() {
    let both = world().await;
    let found = json!({"query": "mimeType = 'text/plain'"});
    let found = both.mcp().call("search_drive_files", found).await.unwrap();
    let mail = json!({
        "to": "sam@sandbox.example", "subject": "s", "body": "b",
        "attachments": [{"drive_file_id": found["files"][0]["id"]}],
    });
    both.mcp()
        .call("send_gmail_message", mail.clone())
        .await
        .unwrap();
    both.stop().await.unwrap();
    let world = world_with(&[("WORKSPACE_MCP_TOOLS", "gmail")]).await;
    let refused = world
        .mcp()
        .result("send_gmail_message", mail)
        .await
        .unwrap();
    assert_eq!(refused["_meta"]["error"]["kind"], "forbidden", "{refused}");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_file_is_read_by_reference_by_its_owner_only_and_counted() {
    let world = world().await;
    let mcp = world.mcp();
    let files = json!({"user_google_email": EMAIL, "query": "mimeType='application/pdf'"});
    let files = mcp.call("search_drive_files", files).await.unwrap();
    let id = files["files"][0]["id"].as_str().expect("a PDF");
    let read = async |account: &str| {
        let account = account.replace('@', "%40").replace('.', "%2E");
        let uri = format!("workspace://{account}/drive/files/{id}");
        mcp.request("resources/read", json!({"uri": uri})).await
    };
    let own = read(EMAIL).await.unwrap();
    let content = &own["result"]["contents"][0];
    assert_eq!(content["mimeType"], "application/pdf", "{own}");
    assert!(content["blob"].as_str().unwrap().starts_with("JVBERi"));
    let foreign = read("sam@sandbox.example").await.unwrap();
    assert!(foreign["error"]["code"].is_number(), "{foreign}");
    let metrics = http().get(format!("{}/metrics", world.base));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    for outcome in ["success", "failed"] {
        let line = metrics.lines().find(|line| {
            line.contains("resources/read") && line.contains(&format!("\"{outcome}\""))
        });
        assert!(line.is_some_and(|line| line.ends_with(" 1")), "{metrics}");
    }
    world.stop().await.unwrap();
}
