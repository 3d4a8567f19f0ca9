//! Servers over HTTP.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response},
};
use core_agent::{
    Actor, Effect, EndUser, Fault, FaultKind, ServerName,
    config::{EraChoice, ServerConfig, Template},
    oauth::{Challenge, Next, SignIn},
    upstream::{Scope, Servers},
};
use futures::{
    StreamExt,
    future::{BoxFuture, FutureExt, join_all},
};
use mcp_service::{Era, Principal};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::{Plan, Somebody, address, name, patience, scope_of, words};

/// A status, headers and a body.
type Instead = (u16, Vec<(&'static str, String)>, String);

/// A server written for these tests, of either era.
#[derive(Default)]
struct Far {
    /// Whether it has sessions, and which it knows.
    sessions: Mutex<Option<Vec<String>>>,
    /// Whether it answers with events.
    events: bool,
    /// Whether it knows the new era only.
    modern: bool,
    /// Whether its lists hold for a moment only.
    brief: bool,
    /// What calls are answered with instead: status, headers, body.
    instead: Mutex<Option<Instead>>,
    /// The bearer it wants.
    wants: Option<&'static str>,
    executed: AtomicUsize,
    initialized: AtomicUsize,
    /// Method, session, user and bearer of every POST.
    seen: Mutex<Vec<Seen>>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    method: String,
    session: String,
    user: String,
    bearer: String,
    version: String,
    mcp_method: String,
    body: Value,
}

impl Far {
    async fn start(self) -> (Arc<Self>, String) {
        let far = Arc::new(self);
        let app = Router::new().fallback(answer).with_state(far.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (far, url)
    }

    fn with_sessions() -> Self {
        Self {
            sessions: Mutex::new(Some(Vec::new())),
            ..Self::default()
        }
    }

    fn forget(&self) {
        if let Some(sessions) = &mut *self.sessions.lock().unwrap() {
            sessions.clear();
        }
    }

    fn calls(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.method == "tools/call")
            .cloned()
            .collect()
    }
}

fn plain(status: u16, body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder().status(status);
    response
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

async fn answer(
    State(far): State<Arc<Far>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    if method != Method::POST {
        return plain(405, "");
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let asked = message["method"].as_str().unwrap_or_default().to_owned();
    far.seen.lock().unwrap().push(Seen {
        method: asked.clone(),
        session: header("mcp-session-id"),
        user: header("x-user-google-email"),
        bearer: header("authorization"),
        version: header("mcp-protocol-version"),
        mcp_method: header("mcp-method"),
        body: message.clone(),
    });
    if let Some(wants) = far.wants
        && header("authorization") != format!("Bearer {wants}")
    {
        let refused = Response::builder().status(401);
        let refused = refused.header("www-authenticate", "Bearer resource_metadata=\"x\"");
        return refused.body(Body::empty()).unwrap();
    }
    let mut opened = None;
    if let Some(sessions) = &mut *far.sessions.lock().unwrap() {
        if asked == "initialize" {
            let id = format!("session-{}", far.initialized.load(Ordering::SeqCst));
            sessions.push(id.clone());
            opened = Some(id);
        } else if !sessions.contains(&header("mcp-session-id")) {
            let status = if header("mcp-session-id").is_empty() {
                400
            } else {
                404
            };
            return plain(status, json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "no session"}}).to_string());
        }
    }
    if asked == "tools/call" {
        let instead = far.instead.lock().unwrap().clone();
        if let Some((status, extra, body)) = instead {
            let mut response = plain(status, body);
            for (name, value) in extra {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            return response;
        }
    }
    if message.get("id").is_none() {
        return Response::builder().status(202).body(Body::empty()).unwrap();
    }
    let reply = far.reply(&asked, &message);
    let mut response = if far.events {
        let text = format!(": hello\n\nevent: message\ndata: {reply}\n\n");
        let mut response = plain(200, text);
        response
            .headers_mut()
            .insert("content-type", "text/event-stream".parse().unwrap());
        response
    } else {
        plain(200, reply.to_string())
    };
    if let Some(id) = opened {
        response
            .headers_mut()
            .insert("mcp-session-id", id.parse().unwrap());
    }
    response
}

impl Far {
    fn reply(&self, asked: &str, message: &Value) -> Value {
        let id = &message["id"];
        let result = match asked {
            "initialize" if !self.modern => {
                self.initialized.fetch_add(1, Ordering::SeqCst);
                json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "far", "version": "1"}})
            }
            "server/discover" if self.modern => json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private",
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "far", "version": "2"}}}),
            "tools/list" => {
                json!({"resultType": "complete", "cacheScope": "public",
                "ttlMs": if self.brief { 0 } else { 60_000 },
                "tools": [{"name": "echo", "inputSchema": {"type": "object"}}]})
            }
            "tools/call" => {
                self.executed.fetch_add(1, Ordering::SeqCst);
                let text = &message["params"]["arguments"]["text"];
                json!({"resultType": "complete", "content": [{"type": "text", "text": text}]})
            }
            "initialize" => {
                return json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32022,
                    "message": "unsupported", "data": {"supported": ["2026-07-28"]}}});
            }
            _ => {
                return json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}});
            }
        };
        json!({"jsonrpc": "2.0", "id": id, "result": result})
    }
}

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

/// Gives one token after another.
#[derive(Default)]
struct Tokens {
    given: Mutex<Vec<&'static str>>,
    challenged: AtomicUsize,
    per_user: bool,
}

impl SignIn for Tokens {
    fn bearer<'a>(
        &'a self,
        _: &'a ServerName,
        actor: &'a Actor,
    ) -> BoxFuture<'a, Result<Option<SecretString>, Fault>> {
        let token = if self.per_user {
            Some(SecretString::from(format!("of {}", actor.principal.key())))
        } else {
            self.given
                .lock()
                .unwrap()
                .last()
                .map(|token| SecretString::from(*token))
        };
        async move { Ok(token) }.boxed()
    }

    fn challenged<'a>(
        &'a self,
        server: &'a ServerName,
        _: &'a Actor,
        challenge: Challenge<'a>,
    ) -> BoxFuture<'a, Next> {
        self.challenged.fetch_add(1, Ordering::SeqCst);
        assert_eq!(challenge.status, 401);
        assert!(challenge.www_authenticate[0].contains("resource_metadata"));
        assert_eq!(
            challenge
                .used
                .map(|used| used.expose_secret().to_owned())
                .as_deref(),
            self.given.lock().unwrap().last().copied()
        );
        let mut given = self.given.lock().unwrap();
        let next = match given.len() {
            0 => "first",
            1 => "second",
            _ => {
                let fault = Fault::before(server, FaultKind::SignInRequired, "sign in again");
                return async move { Next::GiveUp(fault) }.boxed();
            }
        };
        given.push(next);
        async { Next::Retry }.boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_asked_for_and_used() {
    let (far, url) = Far {
        wants: Some("second"),
        ..Far::default()
    }
    .start()
    .await;
    let tokens = Arc::new(Tokens::default());
    let mut plan = Plan::new([("far", address(&url))]);
    plan.sign_in = Some(tokens.clone());
    let rig = plan.start();
    assert_eq!(rig.echo("far", "a").await.unwrap(), "a");
    assert_eq!(tokens.challenged.load(Ordering::SeqCst), 2);
    assert_eq!(far.executed.load(Ordering::SeqCst), 1);

    // A server that is never content is asked three times, not more.
    let (far, url) = Far {
        wants: Some("nothing"),
        ..Far::default()
    }
    .start()
    .await;
    let mut plan = Plan::new([("far", address(&url))]);
    plan.sign_in = Some(Arc::new(Tokens::default()));
    let rig = plan.start();
    let fault = rig.echo("far", "a").await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::SignInRequired, Effect::None)
    );
    assert!(
        far.seen.lock().unwrap().len() <= 3,
        "{:?}",
        far.seen.lock().unwrap()
    );
    let status = rig.servers.status(&name("far")).unwrap();
    assert_eq!(
        status.state,
        core_agent::upstream::ServerState::SignInRequired
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_is_looked_up_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old").unwrap();
    let (far, url) = Far {
        wants: Some("new"),
        ..Far::default()
    }
    .start()
    .await;
    let header = Template(format!("Bearer ${{file:{}}}", file.display()));
    let config = ServerConfig {
        headers: BTreeMap::from([("Authorization".to_owned(), header)]),
        ..address(&url)
    };
    let rig = Plan::new([("far", config)]).start();
    let fault = rig.echo("far", "a").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::SignInRequired);
    assert!(!format!("{fault:?}").contains("old"));
    std::fs::write(&file, "new").unwrap();
    assert_eq!(rig.echo("far", "a").await.unwrap(), "a");
    assert_eq!(far.executed.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_never_share_a_bound_session() {
    let (far, url) = Far::with_sessions().start().await;
    let mut config = address(&url);
    config.identity.pass_user = true;
    config.identity.pass_bearer = true;
    let rig = Plan::new([("far", config)]).start();
    let scope = |email: &str, bearer: Option<&str>| {
        let mut scope = scope_of("caller", None);
        scope.actor = Arc::new(Actor {
            principal: Principal::new("caller"),
            user: EndUser {
                email: Some(email.to_owned()),
                id: None,
                bearer: bearer.map(SecretString::from),
            },
            ..Actor::local()
        });
        scope
    };
    let people = [
        ("ann@example.com", Some("a")),
        ("bob@example.com", Some("b")),
        ("ann@example.com", None),
    ];
    for _ in 0..3 {
        let calls = people.map(|(email, bearer)| {
            let rig = &rig;
            let scope = scope(email, bearer);
            async move {
                rig.call("far", "echo", json!({"text": email}), &scope)
                    .await
            }
        });
        for (said, (email, _)) in join_all(calls).await.into_iter().zip(people) {
            assert_eq!(words(&said.unwrap()), email);
        }
    }
    let calls = far.calls();
    assert_eq!(calls.len(), 9);
    let mut whose: BTreeMap<String, (String, String)> = BTreeMap::new();
    for call in calls {
        let person = (call.user.clone(), call.bearer.clone());
        let known = whose
            .entry(call.session.clone())
            .or_insert_with(|| person.clone());
        assert_eq!(*known, person, "{}", call.session);
    }
    assert_eq!(whose.len(), 3);
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_sign_in_bind_a_session_too() {
    let (far, url) = Far::with_sessions().start().await;
    let mut plan = Plan::new([("far", address(&url))]);
    plan.sign_in = Some(Arc::new(Tokens {
        per_user: true,
        ..Tokens::default()
    }));
    let rig = plan.start();
    for who in ["ann", "bob", "ann"] {
        rig.call("far", "echo", json!({"text": who}), &scope_of(who, None))
            .await
            .unwrap();
    }
    let calls = far.calls();
    assert_eq!(calls[0].bearer, "Bearer of ann");
    assert_eq!(calls[1].bearer, "Bearer of bob");
    assert_eq!(calls[0].session, calls[2].session);
    assert_ne!(calls[0].session, calls[1].session);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stays_at_its_origin() {
    let (canary, elsewhere) = Far::default().start().await;
    let (far, url) = Far::default().start().await;
    let config = ServerConfig {
        headers: BTreeMap::from([("Authorization".to_owned(), Template("Bearer x".into()))]),
        era: EraChoice::Handshake,
        ..address(&url)
    };
    let rig = Plan::new([("far", config)]).start();
    rig.echo("far", "a").await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        *far.instead.lock().unwrap() =
            Some((status, vec![("location", elsewhere.clone())], String::new()));
        let fault = rig.echo("far", "a").await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.effect),
            (FaultKind::Http, Effect::Answered),
            "{status}"
        );
    }
    assert!(canary.seen.lock().unwrap().is_empty());
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
