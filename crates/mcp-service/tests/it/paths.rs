//! Paths, prefixes, health, and who may call from where.

use http::header;
use mcp_service::LegacySessions;
use serde_json::json;

use crate::program::{call, config, open_hosts, read, start};

#[tokio::test]
async fn every_spelling_of_the_endpoint_works_without_redirect() {
    let server = start(config(LegacySessions::Off)).await;
    for path in [
        "/mcp",
        "/mcp/",
        "/mcp/google-workspace",
        "/mcp/google-workspace/",
        "/mcp/google-workspace/mcp",
        "/mcp/other/deep",
        "/google-workspace/mcp",
        "/google-workspace/mcp/",
        "/google-workspace/mcp?user_id=a",
    ] {
        let request = server
            .http
            .post(server.url(path))
            .header(header::CONTENT_TYPE, "application/json");
        let answer = read(request.body(call("echo", &json!({})))).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    for (path, status) in [
        ("/page", 200),
        ("/google-workspace/page", 200),
        ("/mcp/google-workspace/page", 200),
        ("/google-workspacex/page", 404),
        ("/mcpx", 404),
        ("/nope", 404),
        ("/", 404),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        if status == 404 {
            assert_eq!(answer.json()["error"], "Not Found");
        }
    }
    let wrong = read(server.http.post(server.url("/page"))).await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.json()["message"].is_string() && wrong.headers.contains_key(header::ALLOW));
    server.end().await;
}

#[tokio::test]
async fn health_tells_the_four_words() {
    let server = start(config(LegacySessions::Off)).await;
    for path in ["/health", "/google-workspace/health"] {
        let request = server
            .http
            .get(server.url(path))
            .header(header::CONTENT_TYPE, "application/json");
        let answer = read(request.header(header::HOST, "10.0.0.9")).await;
        assert_eq!(
            answer.json(),
            json!({"status":"healthy","service":"workspace-mcp","version":"1.2.0","transport":"streamable-http"})
        );
    }
    let head = read(server.http.head(server.url("/health"))).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(server.get("/ready").await.status, 200);
    let figures = server.get("/metrics").await.text;
    assert!(
        figures.contains("http_requests_total{route=\"health\",status=\"200\"} 3"),
        "{figures}"
    );
    server.end().await;
}

#[tokio::test]
async fn foreign_names_and_pages_are_refused() {
    let server = start(config(LegacySessions::On)).await;
    let body = call("echo", &json!({}));
    for method in [
        http::Method::POST,
        http::Method::GET,
        http::Method::DELETE,
        http::Method::OPTIONS,
    ] {
        for origin in [
            "null",
            "https://evil.example",
            "https://app.example.evil.example",
        ] {
            let request = server.http.request(method.clone(), server.url("/mcp"));
            let answer = read(request.header(header::ORIGIN, origin)).await;
            assert_eq!(answer.status, 403, "{method} {origin}");
            assert!(
                answer
                    .headers
                    .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                    .is_none()
            );
        }
        let request = server.http.request(method, server.url("/mcp"));
        assert_eq!(
            read(request.header(header::HOST, "evil.example"))
                .await
                .status,
            403
        );
    }
    for origin in ["https://app.example", "http://localhost:5173"] {
        let answer = server.post(&[("origin", origin)], body.as_str()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        assert_eq!(
            answer.headers[header::ACCESS_CONTROL_ALLOW_CREDENTIALS],
            "true"
        );
        let question = server
            .http
            .request(http::Method::OPTIONS, server.url("/mcp"));
        let question = question
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(
                header::ACCESS_CONTROL_REQUEST_HEADERS,
                "content-type, x-odd",
            );
        let answer = read(question).await;
        assert_eq!(answer.status, 204);
        assert_eq!(
            answer.headers[header::ACCESS_CONTROL_ALLOW_HEADERS],
            "content-type, x-odd"
        );
    }
    server.end().await;
    let mut open = config(LegacySessions::Off);
    open.hosts = open_hosts();
    let server = start(open).await;
    assert_eq!(
        server.post(&[("host", "api.example")], body).await.status,
        200
    );
    server.end().await;
}

#[tokio::test]
async fn requests_are_named() {
    let server = start(config(LegacySessions::Off)).await;
    let body = call("echo", &json!({}));
    let given = server
        .post(&[("x-request-id", "abc-1")], body.as_str())
        .await;
    assert_eq!(given.headers["x-request-id"], "abc-1");
    let strange = server
        .post(&[("x-request-id", "a b\tc")], body.as_str())
        .await;
    let (one, two) = (strange, server.post(&[], body).await);
    assert_ne!(one.headers["x-request-id"], two.headers["x-request-id"]);
    assert_eq!(one.headers["x-request-id"].len(), 21);
    server.end().await;
}
