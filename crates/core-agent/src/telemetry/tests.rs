//! Spans as a collector receives them. The collector here reads the wire format itself.

use std::collections::HashMap;

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use tokio::sync::mpsc;

use super::*;

/// The fields of a protobuf message: number to raw values.
fn fields(mut bytes: &[u8]) -> HashMap<u64, Vec<Vec<u8>>> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return value;
            }
            shift += 7;
        }
    }
    let mut all: HashMap<u64, Vec<Vec<u8>>> = HashMap::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                let value = varint(&mut bytes);
                all.entry(key >> 3)
                    .or_default()
                    .push(value.to_le_bytes().to_vec());
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            5 => 4,
            other => panic!("wire type {other}"),
        };
        all.entry(key >> 3)
            .or_default()
            .push(bytes[..length].to_vec());
        bytes = &bytes[length..];
    }
    all
}

#[derive(Debug)]
struct Seen {
    name: String,
    trace: Vec<u8>,
    span: Vec<u8>,
    parent: Vec<u8>,
}

fn spans_in(request: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    for resource in &fields(request)[&1] {
        for scope in &fields(resource)[&2] {
            for span in &fields(scope)[&2] {
                let span = fields(span);
                let first = |number| span.get(&number).map_or(Vec::new(), |all| all[0].clone());
                seen.push(Seen {
                    trace: first(1),
                    span: first(2),
                    parent: first(4),
                    name: String::from_utf8(first(5)).unwrap(),
                });
            }
        }
    }
    seen
}

async fn collector() -> (String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    let (sender, received) = mpsc::unbounded_channel();
    let take = |State(sender): State<mpsc::UnboundedSender<_>>, headers: HeaderMap, body: Bytes| async move {
        let _ = sender.send((headers, body));
    };
    let router = Router::new()
        .route("/v1/traces", post(take))
        .with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), received)
}

#[tokio::test]
async fn spans_reach_a_collector_with_their_parents() {
    let (endpoint, mut received) = collector().await;
    let spans = Spans::start(Some(&endpoint)).unwrap();
    let caller = TraceContext::parse(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        None,
    )
    .unwrap();
    let mut call = spans.span("tools/call t".into(), Side::Server, Some(&caller));
    call.set("mcp.tool.name", "t");
    let attempt = spans.span("attempt".into(), Side::Client, call.context());
    let sent = attempt.context().unwrap().clone();
    assert_eq!(sent.trace, caller.trace);
    drop(attempt);
    drop(call);
    spans.stop().await;
    let (headers, body) = received.recv().await.unwrap();
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let seen = spans_in(&body);
    let find = |name: &str| seen.iter().find(|span| span.name == name).unwrap();
    let (call, attempt) = (find("tools/call t"), find("attempt"));
    assert_eq!(call.trace, caller.trace);
    assert_eq!(call.parent, caller.span);
    assert_eq!(attempt.trace, caller.trace);
    assert_eq!(attempt.parent, call.span);
    assert_eq!(attempt.span, sent.span);
}

#[tokio::test]
async fn who_does_not_keep_a_trace_is_not_sent_one() {
    let (endpoint, mut received) = collector().await;
    let spans = Spans::start(Some(&endpoint)).unwrap();
    let caller = TraceContext::parse(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        None,
    )
    .unwrap();
    let call = spans.span("quiet".into(), Side::Server, Some(&caller));
    assert_eq!(call.context(), Some(&caller), "passed on as it came");
    drop(call);
    drop(spans.span("loud".into(), Side::Server, None));
    spans.stop().await;
    let (_, body) = received.recv().await.unwrap();
    let seen = spans_in(&body);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].name, "loud");
    assert!(seen[0].parent.is_empty());
}

#[test]
fn nothing_is_made_without_an_endpoint() {
    let spans = Spans::start(None).unwrap();
    assert_eq!(spans.span("x".into(), Side::Server, None).context(), None);
}

#[test]
fn a_bad_endpoint_is_said() {
    for bad in ["collector:4318", "", "ftp://x"] {
        assert!(Spans::start(Some(bad)).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_does_not_keep_the_program() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", deaf.local_addr().unwrap());
    let spans = Spans::start(Some(&endpoint)).unwrap();
    drop(spans.span("x".into(), Side::Server, None));
    let begun = std::time::Instant::now();
    spans.stop().await;
    assert!(begun.elapsed() < STOP_WITHIN * 2, "{:?}", begun.elapsed());
}
