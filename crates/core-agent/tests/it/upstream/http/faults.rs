//! What goes wrong over HTTP, and what is then known of its effect.

use std::{net::SocketAddr, sync::atomic::Ordering};

use core_agent::{Effect, FaultKind, upstream::Servers};
use futures::future::join_all;
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::{
    super::{Plan, address, name, patience, scope_of},
    Far,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_session_is_opened_again_and_nothing_is_done_twice() {
    let (far, url) = Far::with_sessions().start().await;
    let rig = Plan::new([("far", address(&url))]).start();
    assert_eq!(rig.echo("far", "a").await.unwrap(), "a");
    let before = far.calls()[0].session.clone();
    far.forget();
    assert_eq!(rig.echo("far", "b").await.unwrap(), "b");
    let calls = far.calls();
    assert_ne!(calls.last().unwrap().session, before);
    assert_eq!(far.executed.load(Ordering::SeqCst), 2);
    // Twenty at once find the new one too.
    far.forget();
    let calls = (0..20).map(|number| {
        let rig = &rig;
        async move { rig.echo("far", &number.to_string()).await }
    });
    for said in join_all(calls).await {
        said.unwrap();
    }
    assert_eq!(far.executed.load(Ordering::SeqCst), 22);
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_are_faults_that_say_what_is_known() {
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32602, "message": "no"}});
    let after = |seconds: &str| vec![("retry-after", seconds.to_owned())];
    let other = vec![("location", "http://example.invalid/mcp".to_owned())];
    let none = Vec::new;
    let table = [
        (
            400,
            none(),
            String::new(),
            FaultKind::Http,
            Effect::Answered,
            None,
        ),
        (
            400,
            none(),
            error.to_string(),
            FaultKind::Rejected,
            Effect::Answered,
            None,
        ),
        (
            403,
            none(),
            String::new(),
            FaultKind::Forbidden,
            Effect::Answered,
            None,
        ),
        (
            401,
            none(),
            String::new(),
            FaultKind::SignInRequired,
            Effect::None,
            None,
        ),
        (
            307,
            other,
            String::new(),
            FaultKind::Http,
            Effect::Answered,
            None,
        ),
        (
            429,
            after("3"),
            String::new(),
            FaultKind::RateLimited,
            Effect::None,
            Some(3),
        ),
        (
            503,
            after("2"),
            String::new(),
            FaultKind::Http,
            Effect::None,
            Some(2),
        ),
        (
            503,
            none(),
            String::new(),
            FaultKind::Http,
            Effect::Unknown,
            None,
        ),
        (
            500,
            none(),
            "oops".into(),
            FaultKind::Http,
            Effect::Unknown,
            None,
        ),
        (
            200,
            none(),
            "oops".into(),
            FaultKind::Protocol,
            Effect::Unknown,
            None,
        ),
        (
            200,
            none(),
            "{}".into(),
            FaultKind::Protocol,
            Effect::Unknown,
            None,
        ),
        (
            200,
            vec![("content-type", "text/html".into())],
            "<p>".into(),
            FaultKind::Protocol,
            Effect::Unknown,
            None,
        ),
        (
            200,
            vec![("content-type", "text/event-stream".into())],
            "data: 1\n\n".into(),
            FaultKind::Closed,
            Effect::Unknown,
            None,
        ),
        (
            200,
            none(),
            "x".repeat(2 << 20),
            FaultKind::TooLarge,
            Effect::Unknown,
            None,
        ),
        (
            200,
            vec![("content-type", "text/event-stream".into())],
            format!("data: {}", "x".repeat(2 << 20)),
            FaultKind::TooLarge,
            Effect::Unknown,
            None,
        ),
    ];
    let (far, url) = Far::with_sessions().start().await;
    let mut plan = Plan::new([("far", address(&url))]);
    plan.config.calls.answer_bytes = 1 << 20;
    let rig = plan.start();
    rig.echo("far", "well").await.unwrap();
    for (status, headers, body, kind, effect, seconds) in table {
        let shown: String = body.chars().take(20).collect();
        *far.instead.lock().unwrap() = Some((status, headers, body));
        let fault = rig.echo("far", "x").await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.effect),
            (kind, effect),
            "{status} {shown}: {fault}"
        );
        assert_eq!(
            fault.retry_after.map(|wait| wait.as_secs()),
            seconds,
            "{status}"
        );
        // The conversation goes on.
        *far.instead.lock().unwrap() = None;
        assert_eq!(
            rig.echo("far", "well").await.unwrap(),
            "well",
            "{status} {shown}"
        );
    }
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrived_had_no_effect_and_what_may_have_is_unknown() {
    // Nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    // The connection is cut after the call was read.
    let (far, url) = Far::default().start().await;
    let cut = cutting(url.clone()).await;
    let rig = Plan::new([("nowhere", address(&nowhere)), ("cut", address(&cut))]).start();
    let fault = rig.echo("nowhere", "x").await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::Unreachable, Effect::None),
        "{fault}"
    );
    let fault = rig.echo("cut", "CUT").await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::Closed, Effect::Unknown),
        "{fault}"
    );
    assert_eq!(far.executed.load(Ordering::SeqCst), 0);
    assert_eq!(rig.echo("cut", "fine").await.unwrap(), "fine");
    rig.servers.stop().await;
}

/// Passes connections on, and cuts one off when it reads the word CUT.
async fn cutting(url: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}/mcp", listener.local_addr().unwrap());
    let there: SocketAddr = url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp")
        .parse()
        .unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(there).await.unwrap();
                let (mut read, mut write) = from.split();
                let (mut answers, mut questions) = to.split();
                let up = async {
                    let mut buffer = vec![0; 65_536];
                    loop {
                        let count = read.read(&mut buffer).await.unwrap_or(0);
                        let part = &buffer[..count];
                        if count == 0 || part.windows(3).any(|word| word == b"CUT") {
                            return;
                        }
                        let _ = tokio::io::AsyncWriteExt::write_all(&mut questions, part).await;
                    }
                };
                tokio::select! {
                    () = up => {}
                    _ = tokio::io::copy(&mut answers, &mut write) => {}
                }
            });
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    let mut plan = Plan::new([("silent", address(&url))]);
    plan.config.calls.start_seconds = 1;
    let rig = plan.start();
    let mut scope = scope_of("ann", None);
    scope.patience = patience(5_000, 20_000);
    let fault = rig
        .call("silent", "echo", json!({}), &scope)
        .await
        .unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::TimedOut, Effect::None),
        "{fault}"
    );
    let odd = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    scope.patience = patience(500, 500);
    let fault = rig
        .servers
        .relay(&name("silent"), odd, &scope)
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::TimedOut);
}
