//! The hub as its clients see it: lists, calls, callers, the relay, the agent tools.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    keeper::children,
    served::{Read, Served, Setup, call},
};

fn one(more: &str) -> Served {
    Setup::of_one(&["good"], more).serve()
}

fn names(read: &Read) -> Vec<String> {
    read.json()["result"]["tools"]
        .as_array()
        .unwrap_or_else(|| panic!("no list: {read:?}"))
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

fn list() -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_request_finds_describes_and_calls() {
    let hub = one("");
    let listed = names(&hub.post("/mcp", &[], &list()).await);
    assert!(listed.contains(&"find_tools".to_owned()), "{listed:?}");
    assert!(!listed.contains(&"echo".to_owned()), "{listed:?}");
    let found = hub
        .call("find_tools", json!({"query": "echo a text"}))
        .await;
    assert!(found.said().contains("echo"), "{found:?}");
    let shown = hub.call("describe_tool", json!({"name": "echo"})).await;
    assert_eq!(
        shown.json()["result"]["structuredContent"]["server"],
        "zoo",
        "{shown:?}"
    );
    let said = hub
        .call(
            "call_read_tool",
            json!({"name": "echo", "arguments": {"text": "hello"}}),
        )
        .await;
    assert_eq!((said.status, said.said().as_str()), (200, "hello"));
    let refused = hub
        .call(
            "call_read_tool",
            json!({"name": "put", "arguments": {"key": "k", "value": "v"}}),
        )
        .await
        .json();
    let data = &refused["result"]["structuredContent"];
    assert_eq!(
        (&data["error_code"], &refused["result"]["isError"]),
        (&json!("NOT_READ_ONLY"), &json!(true))
    );
    let kept = hub
        .call(
            "call_write_tool",
            json!({"name": "put", "arguments": {"key": "k", "value": "v"}}),
        )
        .await;
    assert_eq!(kept.said(), "kept");
    let unknown = hub.call("echoo", json!({})).await.json();
    assert_eq!(
        unknown["error"]["message"],
        "unknown tool: echoo; did you mean echo?"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tools_are_listed_when_it_is_asked_for() {
    let hub = one("[hub]\nlisting = \"merged\"");
    let listed = names(&hub.post("/mcp", &[], &list()).await);
    assert!(listed.contains(&"echo".to_owned()), "{listed:?}");
    assert!(listed.contains(&"read_result".to_owned()), "{listed:?}");
    assert!(!listed.contains(&"find_tools".to_owned()), "{listed:?}");
    let said = hub.call("echo", json!({"text": "direct"})).await;
    assert_eq!(said.said(), "direct");
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_and_prompts_pass() {
    let hub = one("");
    let ask = async |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        hub.post("/mcp", &[], &body).await.json()
    };
    let resources = ask("resources/list", json!({})).await;
    assert_eq!(resources["result"]["resources"][0]["uri"], "zoo://map");
    let shapes = ask("resources/templates/list", json!({})).await;
    assert_eq!(
        shapes["result"]["resourceTemplates"][0]["uriTemplate"],
        "zoo://animals/{name}"
    );
    for (uri, text) in [
        ("zoo://map", "Lions left"),
        ("zoo://animals/lion", "about animals/lion"),
        ("hub://zoo/zoo://map", "Lions left"),
    ] {
        let read = ask("resources/read", json!({"uri": uri})).await;
        let found = read["result"]["contents"][0]["text"].as_str().unwrap_or("");
        assert!(found.contains(text), "{uri}: {read}");
    }
    let prompts = ask("prompts/list", json!({})).await;
    let name = prompts["result"]["prompts"][0]["name"].clone();
    let prompt = ask(
        "prompts/get",
        json!({"name": name, "arguments": {"who": "Ada"}}),
    )
    .await;
    assert_eq!(
        prompt["result"]["messages"][0]["content"]["text"],
        "Say hello to Ada."
    );
    let none = ask("prompts/get", json!({"name": "nope"})).await;
    assert_eq!(none["error"]["code"], -32602);
    let none = ask("resources/read", json!({"uri": "zoo://nowhere"})).await;
    assert_eq!(none["error"]["code"], -32002);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_known_by_their_tokens() {
    let hub = one(
        "[callers.desk]\ntoken = \"a-long-token-of-the-desk\"\n[callers.gate]\ntoken = \"a-long-token-of-the-gate\"\nnames_users = true",
    );
    let status = async |headers: &[(&str, &str)]| hub.post("/mcp", headers, &list()).await.status;
    let desk = ("authorization", "Bearer a-long-token-of-the-desk");
    let gate = ("authorization", "Bearer a-long-token-of-the-gate");
    let user = ("x-user-google-email", "ada@example.com");
    assert_eq!(status(&[]).await, 401);
    assert_eq!(status(&[("authorization", "Bearer wrong")]).await, 401);
    assert_eq!(status(&[desk]).await, 200);
    assert_eq!(status(&[desk, user]).await, 403);
    assert_eq!(status(&[gate, user]).await, 200);
    let relayed = hub.post("/mcp/zoo", &[], &list()).await;
    assert_eq!(relayed.status, 401);
    let relayed = hub.post("/mcp/zoo", &[desk], &list()).await;
    assert_eq!(relayed.status, 200);
    for open in ["/health", "/ready", "/metrics"] {
        assert_eq!(hub.get(open).await.status, 200, "{open}");
    }
}

#[test]
fn nobody_is_served_beyond_this_machine_without_a_token() {
    let setup = Setup::of_one(&["good"], "");
    let output = setup
        .command("serve")
        .args(["--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no caller is configured"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_is_relayed_unchanged() {
    let hub = one("");
    let path = "/mcp/zoo";
    let listed = hub
        .post(
            path,
            &[],
            &json!({"jsonrpc": "2.0", "id": "a-text", "method": "tools/list"}),
        )
        .await;
    assert_eq!(
        (listed.status, listed.kind.as_str()),
        (200, "application/json")
    );
    assert_eq!(listed.json()["id"], "a-text");
    assert!(names(&listed).contains(&"echo".to_owned()));
    let called = hub
        .post(path, &[], &call("echo", &json!({"text": "hello"})))
        .await;
    assert_eq!(called.said(), "hello");
    let failed = hub
        .post(path, &[], &call("fail", &json!({"kind": "error"})))
        .await
        .json();
    assert_eq!(
        failed["error"],
        json!({"code": -32000, "message": "it did not work"})
    );
    let greeted = hub
        .post(
            path,
            &[],
            &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "c", "version": "1"},
            }}),
        )
        .await
        .json();
    assert_eq!(greeted["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(greeted["result"]["serverInfo"]["name"], "zoo");
    let told = hub
        .post(
            path,
            &[],
            &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        )
        .await;
    assert_eq!((told.status, told.text.as_str()), (202, ""));
    let broken = hub.post_text(path, &[], "{".into()).await;
    assert_eq!(
        (broken.status, broken.json()["error"]["code"].clone()),
        (400, json!(-32700))
    );
    for (odd, code) in [
        (json!({"jsonrpc": "2.0", "id": 5, "method": 7}), -32600),
        (json!({"jsonrpc": "2.0", "id": 5}), -32600),
        (call("echo", &json!("{\"text\": \"hello\"}")), -32602),
    ] {
        let answer = hub.post(path, &[], &odd).await.json();
        assert_eq!(answer["error"]["code"], code, "{odd}: {answer}");
        assert_eq!(answer["id"], odd["id"], "{answer}");
    }
    let mixed = hub.post(path, &[], &json!([1, list()])).await.json();
    assert_eq!(mixed[0]["error"]["code"], -32600, "{mixed}");
    assert!(mixed[1]["result"]["tools"].is_array(), "{mixed}");
    let long = hub.post(path, &[], &Value::from(vec![list(); 65])).await;
    assert_eq!(long.status, 400);
    assert!(long.text.contains("1 to 64 messages"), "{long:?}");
    let nobody = hub.post("/mcp/zooo", &[], &list()).await;
    assert_eq!(nobody.status, 404);
    assert!(nobody.text.contains("/mcp/zoo?"), "{nobody:?}");
    assert_eq!(hub.get(path).await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_an_error_and_not_the_end() {
    let hub = Setup::new(
        "[trust]\napprove_commands = false\n[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"crash-at-start\"]\ntrust = \"trusted\"\n",
    )
    .serve();
    assert_eq!(hub.get("/ready").await.status, 200);
    let down = hub.post("/mcp/zoo", &[], &list()).await;
    assert_eq!(down.status, 200);
    let json = down.json();
    assert_eq!(json["id"], 7);
    let words = json["error"]["message"].as_str().unwrap_or_default();
    assert!(words.contains("server zoo"), "{json}");
    let connected = hub.call("connect_external_servers", json!({})).await.json();
    let data = &connected["result"]["structuredContent"];
    assert_eq!(data["connected"], 0, "{connected}");
    assert!(data["servers"]["zoo"]["error"].is_string(), "{connected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_approves_outside_when_the_client_may_not() {
    let hub = Setup::new(
        "[trust]\napprove_commands = false\n[servers.zoo]\ncommand = \"ZOO\"\nargs = [\"good\"]\nprefix = \"\"\n",
    )
    .serve();
    let delete = || {
        hub.call(
            "call_write_tool",
            json!({"name": "delete", "arguments": {"key": "k"}}),
        )
    };
    hub.call("find_tools", json!({"query": "delete"})).await;
    let waiting = delete().await;
    let text = waiting.said();
    let id = text
        .split_once("approvals approve ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned();
    let approved = hub
        .setup()
        .command("approvals")
        .args(["approve", &id])
        .output()
        .unwrap();
    assert!(approved.status.success(), "{approved:?}");
    assert_eq!(delete().await.said(), "was not there");
    assert!(delete().await.said().contains("approvals approve"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_tools_answer_from_what_was_measured() {
    let hub = one("");
    let data = async |tool: &str, arguments: Value| {
        let read = hub.call(tool, arguments).await;
        let json = read.json();
        let text = json["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_default();
        let data = json["result"]["structuredContent"].clone();
        assert_eq!(
            serde_json::from_str::<Value>(text).ok(),
            Some(data.clone()),
            "{json}"
        );
        assert!(text.starts_with("{\n  \""), "{text}");
        data
    };
    let none = data("monitor_agent_performance", json!({"time_range": "1h"})).await;
    assert_eq!(
        (&none["executions"], &none["success_rate"]),
        (&json!(0), &Value::Null)
    );
    let connected = data(
        "connect_external_servers",
        json!({"server_filter": ["zoo"]}),
    )
    .await;
    assert_eq!(connected["connected"], 1);
    for number in 0..4 {
        hub.call("echo", json!({"text": number.to_string()})).await;
    }
    hub.call("fail", json!({"kind": "tool"})).await;
    let some = data(
        "monitor_agent_performance",
        json!({"time_window": "1h", "include_detailed_metrics": true, "include_trends": true}),
    )
    .await;
    assert_eq!(some["executions"], 5, "{some}");
    assert_eq!(some["success_rate"], 0.8, "{some}");
    assert_eq!(
        some["health"]["servers"]["zoo"]["health"], "healthy",
        "{some}"
    );
    let tools = some["tools"].as_array().unwrap();
    let counted = |tool: &str| {
        let found = tools.iter().find(|one| one["tool"] == tool);
        found.map(|one| (one["calls"].clone(), one["success_rate"].clone()))
    };
    assert_eq!(counted("echo"), Some((json!(4), json!(1.0))), "{some}");
    assert_eq!(counted("fail"), Some((json!(1), json!(0.0))), "{some}");
    let found = data(
        "discover_available_tools",
        json!({"capability_filter": ["read"], "include_performance": true}),
    )
    .await;
    assert_eq!(found["tools"]["echo"]["performance"]["calls"], 4, "{found}");
    let task = data(
        "analyze_task_complexity",
        json!({"task_description": "Maintain and show the echo"}),
    )
    .await;
    assert_eq!(
        (&task["complexity_score"], &task["complexity_level"]),
        (&json!(1.5), &json!("Simple"))
    );
    let set = data(
        "configure_agent_preferences",
        json!({"preferences": {"tool_usage": {"preferred_tools": ["echo"]}}}),
    )
    .await;
    assert_eq!(set["previous_preferences"], json!({}));
    assert_eq!(
        set["new_preferences"]["tool_usage"]["preferred_tools"][0],
        "echo"
    );
    let advice = data(
        "get_personalized_recommendations",
        json!({"task_description": "echo a text", "include_optimization_tips": true}),
    )
    .await;
    let first = &advice["recommended_tools"][0];
    assert_eq!(
        (&first["name"], &first["preferred"]),
        (&json!("echo"), &json!(true)),
        "{advice}"
    );
    let wrong = data("monitor_agent_performance", json!({"time_window": "2y"})).await;
    assert_eq!(wrong["error_code"], "INVALID_ARGUMENTS");
    assert_eq!(wrong["success"], false);
    let names = vec!["echo"; 11];
    let wrong = data("describe_tool", json!({"names": names})).await;
    assert_eq!(wrong["expected"], "at most 10 names", "{wrong}");
    let unsure = json!({"task_description": "echo", "include_tool_recommendations": "no"});
    let wrong = data("analyze_task_complexity", unsure).await;
    assert_eq!(wrong["expected"], "true or false", "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_before_any_server_is_started() {
    let servers: Vec<String> = (0..20)
        .map(|number| format!("[servers.zoo-{number}]\ncommand = \"ZOO\"\nargs = [\"hang\"]\n"))
        .collect();
    let servers = servers.concat();
    let setup = Setup::new(&format!("[trust]\napprove_commands = false\n{servers}"));
    let begun = Instant::now();
    let hub = setup.serve();
    let ready = hub.get("/ready").await;
    let took = begun.elapsed();
    assert_eq!(ready.status, 200);
    println!("ready after {took:?} with 20 servers, debug build");
    // The bound of a release build is measured elsewhere; this one only notices waiting.
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(children(hub.pid()), [], "something was started");
    let listed = names(&hub.post("/mcp", &[], &list()).await);
    assert!(listed.contains(&"find_tools".to_owned()));
}
