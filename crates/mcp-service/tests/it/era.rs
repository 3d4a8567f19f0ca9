//! Both eras on one endpoint, bare and complete.

use mcp_service::LegacySessions;
use serde_json::json;

use crate::program::{call, config, start};

#[tokio::test]
async fn a_bare_post_gets_plain_json() {
    for sessions in [LegacySessions::Off, LegacySessions::On] {
        let server = start(config(sessions)).await;
        let list = server
            .post(
                &[],
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#,
            )
            .await;
        assert_eq!((list.status, list.kind()), (200, "application/json"));
        assert!(list.json()["result"]["tools"].is_array());
        let called = server
            .post(&[], call("echo", &json!({"a": 1})))
            .await
            .json();
        assert_eq!(called["result"]["content"][0]["text"], r#"{"a":1}"#);
        let data = server.post(&[], call("data", &json!({}))).await.json();
        assert_eq!(data["result"]["authorization_url"], "https://a.example");
        assert_eq!(data["result"]["structuredContent"], json!({"n": 1}));
        for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
            let body = json!({"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":version,"capabilities":{},"clientInfo":{"name":"c","version":"1"}}});
            let initialized = server.post(&[], body.to_string()).await;
            assert_eq!(initialized.kind(), "application/json");
            assert_eq!(initialized.json()["result"]["protocolVersion"], version);
        }
        let told = server
            .post(
                &[],
                r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            )
            .await;
        assert_eq!((told.status, told.text.as_str()), (202, ""));
        server.end().await;
    }
}

#[tokio::test]
async fn faults_have_their_codes() {
    let server = start(config(LegacySessions::Off)).await;
    for (body, status, code) in [
        ("{", 400, -32_700),
        ("", 400, -32_700),
        ("[", 400, -32_700),
        ("[]", 400, -32_600),
        ("7", 400, -32_600),
        (r#"{"jsonrpc":"2.0","id":1}"#, 400, -32_600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"nope"}"#, 200, -32_601),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            200,
            -32_602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#,
            200,
            -32_602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ech"}}"#,
            200,
            -32_602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get"}"#,
            200,
            -32_602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}"#,
            200,
            -32_602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"bench://b"}}"#,
            200,
            -32_002,
        ),
    ] {
        let read = server.post(&[], body).await;
        assert_eq!(read.kind(), "application/json", "{body}");
        let error = &read.json()["error"];
        assert_eq!(
            (read.status, error["code"].as_i64()),
            (status, Some(code)),
            "{body}"
        );
    }
    let unknown = server.post(&[], call("ech", &json!({}))).await.json();
    assert_eq!(
        unknown["error"]["message"],
        "unknown tool: ech; did you mean echo?"
    );
    server.end().await;
}

#[tokio::test]
async fn the_stateless_era_stands_alone() {
    let server = start(config(LegacySessions::On)).await;
    let called = server
        .modern("echo", json!({"arguments": {"x": "ä"}}))
        .await;
    assert_eq!(called.status, 200);
    assert_eq!(called.json()["result"]["resultType"], "complete");
    assert!(called.headers.get("mcp-session-id").is_none());
    let meta = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let headers = |method| {
        [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
            ("mcp-session-id", "any"),
        ]
    };
    let ask =
        |method: &str| json!({"jsonrpc":"2.0","id":1,"method":method,"params":meta}).to_string();
    let discovered = server
        .post(&headers("server/discover"), ask("server/discover"))
        .await
        .json();
    assert!(
        discovered["result"]["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("2026-07-28"))
    );
    let list = server
        .post(&headers("tools/list"), ask("tools/list"))
        .await
        .json();
    assert_eq!(list["result"]["cacheScope"], "public");
    for (method, status, code) in [("ping", 404, -32_601), ("nope/nope", 404, -32_601)] {
        let read = server.post(&headers(method), ask(method)).await;
        assert_eq!(
            (read.status, read.json()["error"]["code"].as_i64()),
            (status, Some(code)),
            "{method}"
        );
    }
    let differs = server.post(&headers("tools/list"), ask("tools/call")).await;
    assert_eq!(
        (differs.status, differs.json()["error"]["code"].as_i64()),
        (200, Some(-32_602))
    );
    let differs = server.post(&headers("tools/call"), ask("tools/list")).await;
    assert_eq!(
        (differs.status, differs.json()["error"]["code"].as_i64()),
        (400, Some(-32_020))
    );
    server.end().await;
}

#[tokio::test]
async fn batches_are_answered_where_they_exist() {
    let server = start(config(LegacySessions::Off)).await;
    let batch = format!(
        r#"[{},{{"jsonrpc":"2.0","id":2,"method":"nope"}},{{"jsonrpc":"2.0","method":"notifications/initialized"}},5,{}]"#,
        call("echo", &json!({})),
        call("forbidden", &json!({})),
    );
    let read = server.post(&[], batch.as_str()).await;
    let answers = read.json();
    let codes: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["error"]["code"].as_i64())
        .collect();
    assert_eq!(codes, [None, Some(-32_601), Some(-32_600), Some(-32_602)]);
    assert_eq!(answers[3]["error"]["message"], "sign in first");
    let newer = server
        .post(&[("mcp-protocol-version", "2025-06-18")], batch)
        .await;
    assert_eq!(
        (newer.status, newer.json()["error"]["code"].as_i64()),
        (400, Some(-32_600))
    );
    let silent = server
        .post(
            &[],
            r#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#,
        )
        .await;
    assert_eq!(silent.status, 202);
    server.end().await;
}

#[tokio::test]
async fn progress_is_told_to_those_who_can_hear_it() {
    let server = start(config(LegacySessions::Off)).await;
    let body = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"progress","_meta":{"progressToken":"t"}}}).to_string();
    let deaf = server.post(&[], body.as_str()).await;
    assert_eq!(deaf.json()["result"]["content"][0]["text"], "false");
    let heard = server
        .post(&[("accept", "application/json, text/event-stream")], body)
        .await;
    assert_eq!(heard.kind(), "text/event-stream");
    let events = heard.events();
    assert_eq!(events[0]["params"]["progress"], 1.0);
    assert_eq!(
        events.last().unwrap()["result"]["content"][0]["text"],
        "true"
    );
    server.end().await;
}

#[tokio::test]
async fn many_clients_with_the_same_id_get_their_own_answers() {
    let server = start(config(LegacySessions::Off)).await;
    let calls = (0..400).map(|number| {
        let server = &server;
        async move {
            let read = server
                .post(&[], call("echo", &json!({"n": number})))
                .await
                .json();
            assert_eq!(
                read["result"]["content"][0]["text"],
                format!("{{\"n\":{number}}}")
            );
        }
    });
    futures::future::join_all(calls).await;
    server.end().await;
}
