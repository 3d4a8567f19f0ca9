//! Sessions of the handshake era: opened, used, bound to their owner, ended.

use http::header;
use mcp_service::LegacySessions;
use serde_json::{Value, json};

use crate::program::{Running, call, config, read, start};

const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");

pub(crate) async fn open(server: &Running, bearer: &str) -> String {
    let body = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}});
    let read = server
        .post(&[BOTH, ("authorization", bearer)], body.to_string())
        .await;
    assert_eq!(read.events()[0]["result"]["serverInfo"]["name"], "bench");
    let session = read.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let told = server
        .post(
            &[
                BOTH,
                ("authorization", bearer),
                ("mcp-session-id", &session),
            ],
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        )
        .await;
    assert_eq!(told.status, 202);
    session
}

#[tokio::test]
async fn a_session_belongs_to_who_opened_it() {
    let server = start(config(LegacySessions::On)).await;
    let session = open(&server, "Bearer alice").await;
    assert!(session.len() >= 32 && session.bytes().all(|byte| byte.is_ascii_graphic()));
    let whoami = call("whoami", &json!({}));
    let own = server
        .post(
            &[
                BOTH,
                ("authorization", "Bearer alice"),
                ("mcp-session-id", &session),
            ],
            whoami.as_str(),
        )
        .await;
    assert_eq!(
        own.events().last().unwrap()["result"]["content"][0]["text"],
        "Bearer alice"
    );
    for (bearer, session) in [("Bearer bob", session.as_str()), ("Bearer alice", "0000")] {
        let headers = [BOTH, ("authorization", bearer), ("mcp-session-id", session)];
        let refused = server.post(&headers, whoami.as_str()).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].as_i64()),
            (404, Some(-32_001))
        );
        let stolen = server
            .http
            .get(server.url("/mcp"))
            .header("accept", "text/event-stream");
        let stolen = stolen
            .header("authorization", bearer)
            .header("mcp-session-id", session);
        assert_eq!(read(stolen).await.status, 404);
        let killed = server
            .http
            .delete(server.url("/mcp"))
            .header("authorization", bearer);
        assert_eq!(
            read(killed.header("mcp-session-id", session)).await.status,
            404
        );
    }
    let headers = [
        BOTH,
        ("authorization", "Bearer bad"),
        ("mcp-session-id", session.as_str()),
    ];
    let refused = server.post(&headers, whoami.as_str()).await;
    assert_eq!(refused.status, 401);
    assert!(refused.headers.contains_key(header::WWW_AUTHENTICATE));
    let ended = server
        .http
        .delete(server.url("/mcp"))
        .header("authorization", "Bearer alice");
    assert!(read(ended.header("mcp-session-id", &session)).await.status < 300);
    let after = server
        .post(
            &[
                BOTH,
                ("authorization", "Bearer alice"),
                ("mcp-session-id", &session),
            ],
            whoami,
        )
        .await;
    assert_eq!(after.status, 404);
    server.end().await;
}

#[tokio::test]
async fn a_session_can_be_asked() {
    let server = start(config(LegacySessions::On)).await;
    let session = open(&server, "Bearer alice").await;
    let headers = [
        BOTH,
        ("authorization", "Bearer alice"),
        ("mcp-session-id", session.as_str()),
    ];
    let mut request = server
        .http
        .post(server.url("/mcp"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(call("ask", &json!({})));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut stream = request.send().await.unwrap();
    let mut text = String::new();
    let question: Value = loop {
        let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        let asked = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
        if let Some(question) = asked
            .into_iter()
            .find(|event| event["method"] == "elicitation/create")
        {
            break question;
        }
    };
    let reply = json!({"jsonrpc":"2.0","id":question["id"],"result":{"action":"decline"}});
    assert_eq!(server.post(&headers, reply.to_string()).await.status, 202);
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.contains("Declined"), "{text}");
    server.end().await;
}

#[tokio::test]
async fn sessions_have_a_limit_and_an_off_switch() {
    let mut small = config(LegacySessions::On);
    small.limits.sessions = 1;
    let server = start(small).await;
    open(&server, "Bearer alice").await;
    let body = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}});
    let full = server.post(&[BOTH], body.to_string()).await;
    assert_eq!(full.status, 503);
    assert!(full.headers.contains_key(header::RETRY_AFTER));
    server.end().await;

    let server = start(config(LegacySessions::Off)).await;
    let none = server.post(&[BOTH], body.to_string()).await;
    assert!(none.headers.get("mcp-session-id").is_none());
    let ignored = server
        .post(&[("mcp-session-id", "abc")], call("echo", &json!({})))
        .await;
    assert_eq!(ignored.status, 200);
    for request in [
        server.http.get(server.url("/mcp")),
        server.http.delete(server.url("/mcp")),
    ] {
        let refused = read(request.header("accept", "text/event-stream")).await;
        assert_eq!(
            (refused.status, &refused.headers[header::ALLOW]),
            (405, &"POST".parse().unwrap())
        );
        refused.json();
    }
    server.end().await;
}
