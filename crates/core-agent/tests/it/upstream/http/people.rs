//! Whose token is sent where, and whose session is whose.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use core_agent::{
    Actor, Effect, EndUser, Fault, FaultKind, ServerName,
    config::{EraChoice, ServerConfig, Template},
    oauth::{Challenge, Next, SignIn},
    upstream::Servers,
};
use futures::future::{BoxFuture, FutureExt, join_all};
use mcp_service::Principal;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    super::{Plan, address, name, scope_of, words},
    Far,
};

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
