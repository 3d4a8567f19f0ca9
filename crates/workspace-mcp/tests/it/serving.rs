//! Being a service: health, prefixes, hosts, shutdown.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{World, WorldOptions, http};

use crate::{program, world, world_with};

#[tokio::test]
async fn health_says_what_operators_expect() {
    let world = world().await;
    let health = http()
        .get(format!("{}/health", world.base))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
    let health: Value = health.json().await.unwrap();
    for (key, value) in [
        ("status", "healthy"),
        ("service", "workspace-mcp"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("transport", "streamable-http"),
    ] {
        assert_eq!(health[key], value);
    }
    let metrics = http()
        .get(format!("{}/metrics", world.base))
        .send()
        .await
        .unwrap();
    assert!(metrics.text().await.unwrap().contains("http_requests"));
    world.stop().await.unwrap();
}

#[tokio::test]
async fn its_memory_is_not_rounded_up_to_huge_pages() {
    let world = world().await;
    let status = format!("/proc/{}/status", world.server.pid());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("THP_enabled"));
    assert_eq!(line, Some("THP_enabled:\t0"));
    world.stop().await.unwrap();
}

#[tokio::test]
async fn no_half_of_an_authorization_server_is_there() {
    let world = world().await;
    for path in [
        "/oauth2/token",
        "/oauth2/register",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/jwks.json",
    ] {
        let url = format!("{}{path}", world.base);
        let got = http().get(&url).send().await.unwrap();
        let posted = http().post(&url).send().await.unwrap();
        assert_eq!(
            (got.status(), posted.status()),
            (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND),
            "{path}"
        );
    }
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_prefix_is_stripped_and_told() {
    let world = world_with(&[
        ("MCP_PATH_PREFIX", "/google-workspace"),
        (
            "WORKSPACE_MCP_BASE_URI",
            "http://127.0.0.1/google-workspace",
        ),
    ])
    .await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    for path in [
        "/mcp",
        "/mcp/",
        "/google-workspace/mcp",
        "/mcp/google-workspace",
    ] {
        let answer = http()
            .post(format!("{}{path}", world.base))
            .json(&list)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(
            answer.text().await.unwrap().contains("\"result\""),
            "{path}"
        );
    }
    let beside = http()
        .get(format!("{}/google-workspacex/health", world.base))
        .send()
        .await
        .unwrap();
    assert_eq!(beside.status(), 404);
    let started = world
        .mcp()
        .call("start_google_auth", json!({}))
        .await
        .unwrap();
    let url = started["authorization_url"].as_str().unwrap();
    assert!(url.contains("google-workspace%2Foauth2callback"), "{url}");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn foreign_names_and_origins_are_refused() {
    let world = world().await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let post = |name: &'static str, value: &'static str| {
        http()
            .post(format!("{}/mcp", world.base))
            .header(name, value)
            .json(&list)
            .send()
    };
    assert_eq!(
        post("Origin", "https://evil.example")
            .await
            .unwrap()
            .status(),
        403
    );
    assert_eq!(post("Origin", "null").await.unwrap().status(), 403);
    assert_eq!(
        post("Origin", "http://localhost:5173")
            .await
            .unwrap()
            .status(),
        200
    );
    assert!(
        post("Host", "evil.example")
            .await
            .unwrap()
            .status()
            .is_client_error()
    );
    let health = http()
        .get(format!("{}/health", world.base))
        .header("Host", "10.0.0.7")
        .send();
    assert_eq!(health.await.unwrap().status(), 200);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn calls_in_flight_finish_after_a_signal() {
    let options = WorldOptions {
        latency: Some(Duration::from_millis(600)),
        watched: true,
        ..WorldOptions::default()
    };
    let mut world = World::start(program(), options).await.unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let mcp = world.mcp();
            tokio::spawn(async move { mcp.call("list_gmail_labels", json!({})).await })
        })
        .collect();
    // All calls are at work once the figures say so.
    let metrics = format!("{}/metrics", world.base);
    let client = http();
    loop {
        let text = client
            .get(&metrics)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let busy = text
            .lines()
            .find_map(|line| line.strip_prefix("http_requests_in_flight "));
        if busy
            .and_then(|busy| busy.parse::<u32>().ok())
            .is_some_and(|busy| busy >= 20)
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.server.signal("TERM").unwrap();
    for call in calls {
        call.await.unwrap().expect("a call in flight finishes");
    }
    assert_eq!(world.server.ended().await.unwrap().code(), Some(0));
}
