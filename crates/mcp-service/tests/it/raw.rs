//! Bytes no HTTP client would send.

use mcp_service::LegacySessions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::program::{config, start};

async fn exchange(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(
        std::time::Duration::from_secs(5),
        socket.read_to_end(&mut answer),
    )
    .await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn ambiguous_requests_are_refused_or_cut() {
    let server = start(config(LegacySessions::Off)).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let length = body.len();
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    for (what, bytes) in [
        (
            "two lengths",
            format!("{head}Content-Length: {length}\r\nContent-Length: 3\r\n\r\n{body}"),
        ),
        (
            "strange encoding",
            format!("{head}Transfer-Encoding: xchunked\r\n\r\n{body}"),
        ),
        (
            "chunked not last",
            format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        ),
        (
            "bad chunk",
            format!(
                "{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"
            ),
        ),
        (
            "folded header",
            format!(
                "{head}X-A: a\r\n b\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ),
        ),
        (
            "blank in a name",
            format!("{head}X A: a\r\nContent-Length: {length}\r\n\r\n{body}"),
        ),
        (
            "two hosts",
            format!(
                "{head}Host: evil.example\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ),
        ),
        (
            "another host in the target",
            format!(
                "POST http://evil.example/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ),
        ),
        (
            "no host",
            format!(
                "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ),
        ),
        (
            "NUL in a value",
            format!("{head}X-A: a\0b\r\nContent-Length: {length}\r\n\r\n{body}"),
        ),
    ] {
        let answer = exchange(server.address, bytes.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{what}: {answer}"
        );
    }
    let absolute = format!(
        "POST http://localhost/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    assert!(
        exchange(server.address, absolute.as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
    );
    server.end().await;
}

#[tokio::test]
async fn two_requests_in_one_write_get_two_answers() {
    let server = start(config(LegacySessions::Off)).await;
    let one = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let two = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = exchange(server.address, format!("{one}{two}").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    server.end().await;
}
