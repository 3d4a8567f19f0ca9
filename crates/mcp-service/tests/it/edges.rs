//! What goes wrong without bringing the process down.

use http::header;
use mcp_service::LegacySessions;
use serde_json::json;

use crate::program::{call, config, read, start};

#[tokio::test]
async fn a_panic_costs_one_answer() {
    let server = start(config(LegacySessions::Off)).await;
    let tool = server.post(&[], call("panic", &json!({}))).await;
    assert_eq!(
        (tool.status, tool.json()["error"]["code"].as_i64()),
        (500, Some(-32_603))
    );
    let page = server.get("/broken").await;
    assert_eq!(
        (page.status, page.json()["error"].as_str()),
        (500, Some("Internal Server Error"))
    );
    assert_eq!(server.post(&[], call("echo", &json!({}))).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn the_program_can_answer_over_http() {
    let server = start(config(LegacySessions::Off)).await;
    let step_up = server.post(&[], call("forbidden", &json!({}))).await;
    assert_eq!(step_up.status, 401);
    assert!(step_up.headers.contains_key(header::WWW_AUTHENTICATE));
    let refused = server.post(&[("authorization", "Bearer bad")], "{").await;
    assert_eq!(
        refused.status, 401,
        "who asks is settled before the body is read"
    );
    server.end().await;
}

#[tokio::test]
async fn media_types_are_checked() {
    let server = start(config(LegacySessions::Off)).await;
    let body = call("echo", &json!({}));
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        let request = server
            .http
            .post(server.url("/mcp"))
            .header(header::CONTENT_TYPE, kind);
        let answer = read(request.body(body.clone())).await;
        assert_eq!(
            (answer.status, answer.kind()),
            (415, "application/json"),
            "{kind}"
        );
    }
    for (accept, status) in [
        ("*/*", 200),
        ("application/json", 200),
        ("application/json;q=0.1", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("text/event-stream", 406),
    ] {
        assert_eq!(
            server
                .post(&[("accept", accept)], body.as_str())
                .await
                .status,
            status,
            "{accept}"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn large_bodies_pass_up_to_the_limit() {
    let server = start(config(LegacySessions::Off)).await;
    let big = "x".repeat(13 * 1024 * 1024);
    let passed = server.post(&[], call("echo", &json!({ "a": big }))).await;
    assert_eq!(passed.status, 200);
    let huge = "x".repeat(15 * 1024 * 1024);
    let refused = server.post(&[], call("echo", &json!({ "a": huge }))).await;
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (413, Some("Payload Too Large"))
    );
    server.end().await;
}

#[tokio::test]
async fn bombs_are_answered_quickly() {
    let server = start(config(LegacySessions::Off)).await;
    let begun = std::time::Instant::now();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(500_000), close.repeat(500_000));
        for body in [
            deep.clone(),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{deep}}}}}"#
            ),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"a":{deep}}}}}}}"#
            ),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{deep}}}"#),
        ] {
            let read = server.post(&[], body).await;
            let answer = read.json();
            let answer = answer.get(0).unwrap_or(&answer);
            assert!(
                read.status < 500 && answer["error"]["code"].is_i64(),
                "{read:?}"
            );
        }
    }
    let many = (0..200_000)
        .map(|n| format!("\"k{n}\":1"))
        .collect::<Vec<_>>()
        .join(",");
    let read = server.post(&[], format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{{many}}}}}}}"#)).await;
    assert_eq!(read.status, 200);
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"n":{}}}}}}}"#,
        "9".repeat(100_000)
    );
    assert!(server.post(&[], long).await.status < 500);
    assert!(begun.elapsed().as_secs() < 20);
    server.end().await;
}
