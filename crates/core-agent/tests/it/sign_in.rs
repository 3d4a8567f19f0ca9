//! Signing in to servers that behave.

use core_agent::{
    Actor, FaultKind,
    config::{GrantChoice, OauthConfig, Template},
    oauth::{Challenge, Next, Scopes, SignIn},
};
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::stranger::{Process, Stranger};

async fn bearer(process: &Process) -> Option<String> {
    let bearer = process
        .sign_ins
        .bearer(&process.server, &Actor::local())
        .await
        .unwrap();
    bearer.map(|secret| secret.expose_secret().to_owned())
}

/// Asks like a conversation does: with what there is, and again as long as it is told to.
async fn call(process: &Process, stranger: &Stranger, operation: &str) -> Result<usize, FaultKind> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for round in 1..20 {
        let used = process
            .sign_ins
            .bearer(&process.server, &Actor::local())
            .await
            .map_err(|fault| fault.kind)?;
        let mut request = client
            .post(stranger.mcp())
            .body(json!({"jsonrpc": "2.0", "id": 1, "method": operation}).to_string());
        if let Some(used) = &used {
            request = request.bearer_auth(used.expose_secret());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        if status == 200 {
            return Ok(round);
        }
        let challenges: Vec<String> = answer
            .headers()
            .get_all("www-authenticate")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect();
        let challenge = Challenge {
            status,
            www_authenticate: &challenges,
            used: used.as_ref(),
            operation,
        };
        match process
            .sign_ins
            .challenged(&process.server, &Actor::local(), challenge)
            .await
        {
            Next::Retry => {}
            Next::GiveUp(fault) => return Err(fault.kind),
        }
    }
    panic!("it is never told to stop");
}

fn form(body: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(body.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_person_signs_in_and_another_process_uses_the_token() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let hub = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), false);
    assert_eq!(bearer(&hub).await, None);
    assert_eq!(
        call(&hub, &stranger, "tools/list").await,
        Err(FaultKind::SignInRequired)
    );
    let command = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    command.login().await.unwrap();
    // The hub knew of no token; the server's refusal makes it look again.
    assert_eq!(call(&hub, &stranger, "tools/list").await, Ok(2));
    assert_eq!(bearer(&hub).await.as_deref(), Some("access-1"));
    let asked = stranger.seen("/authorize");
    assert_eq!(asked.len(), 1);
    assert_eq!(
        form(&asked[0].query, "resource").as_deref(),
        Some(stranger.mcp().as_str())
    );
    let token = &stranger.seen("/token")[0].body;
    assert_eq!(
        form(token, "resource").as_deref(),
        Some(stranger.mcp().as_str())
    );
    assert!(form(token, "code_verifier").is_some());
    let registered = &stranger.seen("/register")[0].body;
    assert!(registered.contains("\"application_type\":\"native\""));
}

#[tokio::test]
async fn tokens_are_renewed_early_once_for_everybody_and_rotation_is_kept() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let process = || Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    let (one, two) = (process(), process());
    one.login().await.unwrap();
    assert_eq!(bearer(&two).await.as_deref(), Some("access-1"));
    for clock in [&one.clock, &two.clock] {
        clock.advance(SignedDuration::from_secs(3541));
    }
    // 2 processes, 50 tasks each, at once: one renewal.
    let all = futures::future::join_all((0..50).flat_map(|_| [bearer(&one), bearer(&two)])).await;
    assert!(
        all.iter().all(|token| token.as_deref() == Some("access-2")),
        "{all:?}"
    );
    let tokens = stranger.seen("/token");
    assert_eq!(tokens.len(), 2);
    assert_eq!(
        form(&tokens[1].body, "refresh_token").as_deref(),
        Some("refresh-1")
    );
    // The rotated one is used next, by whichever process.
    two.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(bearer(&two).await.as_deref(), Some("access-3"));
    let last = stranger.seen("/token").pop().unwrap();
    assert_eq!(
        form(&last.body, "refresh_token").as_deref(),
        Some("refresh-2")
    );
}

#[tokio::test]
async fn a_refresh_token_is_kept_when_no_new_one_comes_and_through_failures_that_pass() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    stranger.papers(|papers| papers.keeps_refresh = true);
    process.login().await.unwrap();
    process.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(bearer(&process).await.as_deref(), Some("access-2"));
    process.clock.advance(SignedDuration::from_secs(3550));
    stranger.papers(|papers| papers.token = Some((503, json!({"error": "invalid_grant"}))));
    // Ten seconds are left to the old one.
    assert_eq!(bearer(&process).await.as_deref(), Some("access-2"));
    process.clock.advance(SignedDuration::from_mins(1));
    let fault = process
        .sign_ins
        .bearer(&process.server, &Actor::local())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable);
    stranger.papers(|papers| papers.token = None);
    assert_eq!(bearer(&process).await.as_deref(), Some("access-3"));
    let refreshed = stranger.seen("/token");
    assert!(
        refreshed
            .iter()
            .skip(1)
            .all(|seen| form(&seen.body, "refresh_token").as_deref() == Some("refresh-1"))
    );
}

#[tokio::test]
async fn an_invalid_grant_ends_the_sign_in() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let hub = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), false);
    let command = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    command.login().await.unwrap();
    hub.clock.advance(SignedDuration::from_hours(2));
    stranger.forget_refresh();
    let fault = hub
        .sign_ins
        .bearer(&hub.server, &Actor::local())
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::SignInRequired);
    assert!(
        fault.to_string().contains("core-agent login stranger"),
        "{fault}"
    );
    assert_eq!(bearer(&hub).await, None);
}

#[tokio::test]
async fn a_revoked_token_is_renewed_when_the_server_refuses_it() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let hub = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), false);
    let command = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    command.login().await.unwrap();
    assert_eq!(call(&hub, &stranger, "a").await, Ok(1));
    stranger.forget_tokens();
    let both = tokio::join!(call(&hub, &stranger, "a"), call(&hub, &stranger, "b"));
    assert_eq!(both, (Ok(2), Ok(2)));
    assert_eq!(stranger.seen("/token").len(), 2);
}

#[tokio::test]
async fn more_scopes_are_asked_for_together_with_those_before() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    stranger.papers(|papers| papers.resource = json!({"scopes_supported": ["read"]}));
    assert_eq!(call(&process, &stranger, "a").await, Ok(2));
    stranger.papers(|papers| papers.needs = Some("write".into()));
    assert_eq!(call(&process, &stranger, "b").await, Ok(2));
    let scopes: Vec<_> = stranger
        .seen("/authorize")
        .iter()
        .map(|seen| form(&seen.query, "scope").unwrap())
        .collect();
    assert_eq!(scopes, ["read", "read write"]);
    // The client registered for the first is used for the second.
    assert_eq!(stranger.seen("/register").len(), 1);
}

#[tokio::test]
async fn what_was_needed_is_asked_for_when_the_person_comes() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let hub = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), false);
    let command = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    command.login().await.unwrap();
    stranger.papers(|papers| papers.needs = Some("write".into()));
    assert_eq!(
        call(&hub, &stranger, "b").await,
        Err(FaultKind::SignInRequired)
    );
    command
        .sign_ins
        .login(&command.server, &Actor::local(), &Scopes::parse("extra"))
        .await
        .unwrap();
    assert_eq!(call(&hub, &stranger, "b").await, Ok(2));
    let last = stranger.seen("/authorize").pop().unwrap();
    assert_eq!(form(&last.query, "scope").as_deref(), Some("extra write"));
}

#[tokio::test]
async fn a_client_in_its_own_name_needs_nobody() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    stranger.papers(|papers| {
        papers.issuer = json!({
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        });
    });
    let oauth = OauthConfig {
        client_id: Some("me".into()),
        client_secret: Some(Template("secret".into())),
        scopes: vec!["run".into()],
        grant: GrantChoice::Auto,
        ..OauthConfig::default()
    };
    let hub = Process::new(state.path(), &stranger.mcp(), oauth, false);
    assert_eq!(call(&hub, &stranger, "a").await, Ok(2));
    let asked = &stranger.seen("/token")[0];
    assert_eq!(form(&asked.body, "scope").as_deref(), Some("run"));
    assert_eq!(asked.authorization.as_deref(), Some("Basic bWU6c2VjcmV0"));
    assert!(!asked.body.contains("secret"));
    hub.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(bearer(&hub).await.as_deref(), Some("access-2"));
}

#[tokio::test]
async fn one_persons_token_is_not_anothers() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    process.login().await.unwrap();
    let mut other = Actor::local();
    other.user.email = Some("other@example.com".into());
    let theirs = process
        .sign_ins
        .bearer(&process.server, &other)
        .await
        .unwrap();
    assert!(theirs.is_none());
}

#[tokio::test]
async fn signing_out_revokes_and_forgets() {
    let (state, stranger) = (tempfile::tempdir().unwrap(), Stranger::start().await);
    let process = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    process.login().await.unwrap();
    let out = process
        .sign_ins
        .logout(&process.server, &Actor::local())
        .await
        .unwrap();
    assert!(out.was_in && out.revoked == Ok(true));
    let revoked: Vec<_> = stranger
        .seen("/revoke")
        .iter()
        .map(|seen| form(&seen.body, "token").unwrap())
        .collect();
    assert_eq!(revoked, ["refresh-1", "access-1"]);
    assert_eq!(bearer(&process).await, None);
    let other = Process::new(state.path(), &stranger.mcp(), OauthConfig::default(), true);
    assert_eq!(bearer(&other).await, None);
}
