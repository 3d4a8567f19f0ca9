//! What is said over HTTP, in both eras: answers, relayed messages, questions, lists.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Method, Response},
};
use core_agent::{
    Effect, FaultKind,
    upstream::{Scope, Servers},
};
use futures::{StreamExt, future::join_all};
use mcp_service::Era;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    super::{Plan, Somebody, address, name, scope_of, words},
    Far, plain,
};

#[tokio::test(flavor = "multi_thread")]
async fn both_eras_answer_in_json_and_events() {
    for modern in [false, true] {
        for events in [false, true] {
            let sessions = Mutex::new((!modern).then(Vec::new));
            let (far, url) = Far {
                sessions,
                events,
                modern,
                ..Far::default()
            }
            .start()
            .await;
            let rig = Plan::new([("far", address(&url))]).start();
            let info = rig
                .servers
                .ensure(&name("far"), &Scope::background())
                .await
                .unwrap();
            let era = if modern {
                Era::Stateless
            } else {
                Era::Handshake
            };
            assert_eq!(info.era, era);
            let (_, _, listing) = rig.listing().await;
            assert_eq!(
                (listing.tools.len(), listing.keep),
                (1, Some(Duration::from_mins(1)))
            );
            let calls = (0..20).map(|number| {
                let rig = &rig;
                async move { rig.echo("far", &number.to_string()).await.unwrap() }
            });
            let said = join_all(calls).await;
            assert_eq!(
                said,
                (0..20).map(|number| number.to_string()).collect::<Vec<_>>()
            );
            assert_eq!(far.executed.load(Ordering::SeqCst), 20);
            let call = far.calls().pop().unwrap();
            let (version, method) = if modern {
                ("2026-07-28", "tools/call")
            } else {
                ("2025-06-18", "")
            };
            assert_eq!(
                (call.version.as_str(), call.mcp_method.as_str()),
                (version, method)
            );
            rig.servers.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_relayed_as_they_are() {
    let odd = json!({"jsonrpc": "2.0", "id": "their id", "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "hi"}}, "extra": true});
    let scope = scope_of("ann", None);
    for (sessions, modern, events) in [
        (true, false, false),
        (true, false, true),
        (false, false, false),
        (false, true, true),
    ] {
        let far = Far {
            modern,
            events,
            sessions: Mutex::new(sessions.then(Vec::new)),
            ..Far::default()
        };
        let (far, url) = far.start().await;
        let rig = Plan::new([("far", address(&url))]).start();
        for _ in 0..2 {
            let answer = rig
                .servers
                .relay(&name("far"), odd.clone(), &scope)
                .await
                .unwrap();
            assert_eq!(answer["id"], "their id");
            assert_eq!(answer["result"]["content"][0]["text"], "hi");
        }
        let mut body = far.calls().pop().unwrap().body;
        if modern {
            let meta = body["params"]
                .as_object_mut()
                .unwrap()
                .remove("_meta")
                .unwrap();
            assert_eq!(
                meta["io.modelcontextprotocol/protocolVersion"],
                "2026-07-28"
            );
        }
        assert_eq!(body, odd);
        far.forget();
        let answer = rig
            .servers
            .relay(&name("far"), odd.clone(), &scope)
            .await
            .unwrap();
        assert_eq!(answer["id"], "their id");
        assert_eq!(far.executed.load(Ordering::SeqCst), 3);
        let unknown = json!({"jsonrpc": "2.0", "id": 5, "method": "no/such"});
        let answer = rig
            .servers
            .relay(&name("far"), unknown, &scope)
            .await
            .unwrap();
        assert_eq!(
            (answer["id"].as_i64(), answer["error"]["code"].as_i64()),
            (Some(5), Some(-32601))
        );
    }
    // Nobody listens: a reason, not a hang.
    let rig = Plan::new([("far", address("http://127.0.0.1:9/mcp"))]).start();
    let fault = rig
        .servers
        .relay(&name("far"), odd, &scope)
        .await
        .unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::Unreachable, Effect::None)
    );
}

/// A server of the handshake's era that asks the person while it works, on the answer's stream.
#[derive(Default)]
struct Asking {
    waiting: Mutex<BTreeMap<String, tokio::sync::oneshot::Sender<Value>>>,
}

async fn asking(State(asking): State<Arc<Asking>>, method: Method, body: Bytes) -> Response<Body> {
    if method != Method::POST {
        return plain(405, "");
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let id = message["id"].clone();
    let Some(asked) = message["method"].as_str() else {
        let waiting = asking.waiting.lock().unwrap().remove(id.as_str().unwrap());
        waiting.unwrap().send(message["result"].clone()).unwrap();
        return Response::builder().status(202).body(Body::empty()).unwrap();
    };
    let reply = |result: Value| json!({"jsonrpc": "2.0", "id": id, "result": result});
    match asked {
        "initialize" => {
            let result = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "asking", "version": "1"}});
            let mut response = plain(200, reply(result).to_string());
            response
                .headers_mut()
                .insert("mcp-session-id", "everybody".parse().unwrap());
            response
        }
        "tools/call" => {
            let text = message["params"]["arguments"]["text"]
                .as_str()
                .unwrap()
                .to_owned();
            let (answer, answered) = tokio::sync::oneshot::channel();
            asking.waiting.lock().unwrap().insert(text.clone(), answer);
            let question = json!({"jsonrpc": "2.0", "id": text, "method": "elicitation/create",
                "params": {"message": text, "requestedSchema": {"type": "object", "properties": {}}}});
            let reply = reply(json!({"content": []}));
            let events = futures::stream::once(async move { format!("data: {question}\n\n") })
                .chain(futures::stream::once(async move {
                    let answer = answered.await.unwrap();
                    let mut reply = reply;
                    reply["result"]["content"] =
                        json!([{"type": "text", "text": answer.to_string()}]);
                    format!("data: {reply}\n\n")
                }));
            let body = Body::from_stream(events.map(Ok::<_, std::convert::Infallible>));
            let response = Response::builder().header("content-type", "text/event-stream");
            response.body(body).unwrap()
        }
        "tools/list" => plain(200, reply(json!({"tools": []})).to_string()),
        _ => plain(202, ""),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_on_an_answers_stream_goes_to_the_one_who_called() {
    let app = Router::new()
        .fallback(asking)
        .with_state(Arc::<Asking>::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let rig = Plan::new([("far", address(&url))]).start();
    let people: Vec<_> = (0..10)
        .map(|number| (format!("person-{number}"), Arc::new(Somebody::default())))
        .collect();
    let calls = people.iter().map(|(who, client)| {
        let (rig, scope) = (&rig, scope_of(who, Some(client.clone())));
        async move {
            rig.call("far", "ask", json!({"text": who}), &scope)
                .await
                .unwrap()
        }
    });
    for said in join_all(calls).await {
        assert!(words(&said).contains("accept"), "{said:?}");
    }
    for (who, client) in &people {
        let asked = client.asked.lock().unwrap();
        assert_eq!(asked.len(), 1);
        assert!(format!("{asked:?}").contains(who.as_str()));
    }
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_kept_as_long_as_the_server_says() {
    for (brief, most) in [(true, 2), (false, 1)] {
        let far = Far {
            brief,
            ..Far::default()
        };
        let (far, url) = far.start().await;
        let rig = Plan::new([("far", address(&url))]).start();
        let reads = || {
            let seen = far.seen.lock().unwrap();
            seen.iter()
                .filter(|seen| seen.method == "tools/list")
                .count()
        };
        let began = std::time::Instant::now();
        while reads() < most || began.elapsed() < Duration::from_millis(500) {
            let (far, scope) = (name("far"), Scope::background());
            rig.servers.ensure(&far, &scope).await.unwrap();
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "never read again"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(reads(), most);
    }
}
