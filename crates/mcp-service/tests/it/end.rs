//! How a server ends: what is in flight is finished, what only waits is let go.

use std::{sync::atomic::Ordering, time::Duration};

use http::header;
use mcp_service::LegacySessions;
use serde_json::json;

use crate::program::{call, config, start};

#[tokio::test]
async fn calls_in_flight_are_finished() {
    let mut patient = config(LegacySessions::Off);
    patient.grace = Duration::from_millis(300);
    let server = start(patient).await;
    let request = server
        .http
        .post(server.url("/mcp"))
        .header(header::CONTENT_TYPE, "application/json");
    let request = request.body(call("wait", &json!({})));
    let waiting = tokio::spawn(async move { request.send().await.unwrap().text().await.unwrap() });
    server.bench.begun.notified().await;
    server.stop.cancel();
    let ready = loop {
        let ready = server.get("/ready").await;
        if ready.status == 503 {
            break ready;
        }
    };
    assert_eq!(ready.json()["reason"], "the server is stopping");
    assert!(!server.server.is_finished());
    server.bench.go.notify_one();
    assert!(waiting.await.unwrap().contains("done"));
    server.server.await.unwrap();
}

#[tokio::test]
async fn the_time_to_finish_ends() {
    let mut hasty = config(LegacySessions::On);
    hasty.drain = Duration::from_millis(200);
    let server = start(hasty).await;
    let request = server
        .http
        .post(server.url("/mcp"))
        .header(header::CONTENT_TYPE, "application/json");
    let request = request.body(call("wait", &json!({})));
    let cut = tokio::spawn(async move { request.send().await.is_err() });
    server.bench.begun.notified().await;
    server.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), server.server)
        .await
        .unwrap()
        .unwrap();
    assert!(cut.await.unwrap());
}

#[tokio::test]
async fn a_lost_client_does_not_tear_a_call() {
    let server = start(config(LegacySessions::Off)).await;
    let request = server
        .http
        .post(server.url("/mcp"))
        .header(header::CONTENT_TYPE, "application/json");
    let request = request.body(call("wait", &json!({})));
    let lost = tokio::spawn(async move { request.send().await });
    server.bench.begun.notified().await;
    lost.abort();
    let _ = lost.await;
    server.bench.go.notify_one();
    while server.bench.finished.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    server.end().await;
}
