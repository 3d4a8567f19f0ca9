//! Slow, silent and too many clients.

use std::time::{Duration, Instant};

use http::header;
use mcp_service::LegacySessions;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::program::{call, config, start};

/// How long until the server lets go of a connection on which these bytes were sent.
async fn held(address: std::net::SocketAddr, bytes: &[u8]) -> (Duration, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    (
        begun.elapsed(),
        String::from_utf8_lossy(&answer).into_owned(),
    )
}

#[tokio::test]
async fn half_requests_are_not_waited_for() {
    let mut quick = config(LegacySessions::Off);
    quick.limits.head_time = Duration::from_millis(400);
    quick.limits.body_time = Duration::from_millis(600);
    quick.limits.idle_time = Duration::from_millis(1_500);
    let server = start(quick).await;
    let address = server.address;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{";
    let (nothing, half, body, idle) = tokio::join!(
        held(address, b""),
        held(address, b"POST /mcp HT"),
        held(address, head.as_bytes()),
        held(address, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    );
    let soon = Duration::from_millis(1_200);
    assert!(nothing.0 < soon && half.0 < soon, "{nothing:?} {half:?}");
    assert!(
        body.1.starts_with("HTTP/1.1 408") && body.0 < Duration::from_millis(1_500),
        "{body:?}"
    );
    assert!(
        idle.1.contains("200 OK") && idle.0 > Duration::from_millis(900),
        "{idle:?}"
    );
    server.end().await;
}

#[tokio::test]
async fn many_slow_heads_do_not_hurt_the_healthy() {
    let mut quick = config(LegacySessions::Off);
    quick.limits.head_time = Duration::from_secs(2);
    let server = start(quick).await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket
            .write_all(b"POST /mcp HTTP/1.1\r\nHost: loc")
            .await
            .unwrap();
        slow.push(socket);
    }
    for _ in 0..50 {
        assert_eq!(server.post(&[], call("echo", &json!({}))).await.status, 200);
    }
    let begun = Instant::now();
    for mut socket in slow {
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(4));
    server.end().await;
}

#[tokio::test]
async fn overload_says_when_to_come_back() {
    let mut small = config(LegacySessions::Off);
    small.limits.requests = 1;
    let server = start(small).await;
    let waiting = tokio::spawn({
        let request = server
            .http
            .post(server.url("/mcp"))
            .header(header::CONTENT_TYPE, "application/json");
        let request = request.body(call("wait", &json!({})));
        async move { request.send().await.unwrap().status().as_u16() }
    });
    server.bench.begun.notified().await;
    let refused = server.post(&[], call("echo", &json!({}))).await;
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (503, Some("Service Unavailable"))
    );
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(server.get("/health").await.status, 200);
    server.bench.go.notify_one();
    assert_eq!(waiting.await.unwrap(), 200);
    server.end().await;
}

#[tokio::test]
async fn too_many_connections_are_told_so() {
    let mut small = config(LegacySessions::Off);
    small.limits.connections = 2;
    let server = start(small).await;
    let _one = TcpStream::connect(server.address).await.unwrap();
    let _two = TcpStream::connect(server.address).await.unwrap();
    let (_, answer) = held(server.address, b"").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    assert!(serde_json::from_str::<serde_json::Value>(body).unwrap()["message"].is_string());
    server.end().await;
}
