//! Signing in, from the link to the stored credential, with everything that may go wrong.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use futures::future::join_all;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use url::Url;
use workspace_auth::{
    AuthError, CallbackFailure, CallbackOutcome, CallbackQuery, CredentialKey, Principal,
    SignInRequest, store::Condition,
};

use crate::world::{DRIVE, GMAIL, World, local};

async fn link(world: &World, request: SignInRequest) -> Url {
    world
        .accounts
        .start_sign_in(&local(), request)
        .await
        .unwrap()
        .url
}

fn hinted(email: &str) -> SignInRequest {
    SignInRequest {
        login_hint: Some(email.to_owned()),
        ..SignInRequest::default()
    }
}

fn parameters(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

fn query(link: &Url, code: &str) -> CallbackQuery {
    CallbackQuery {
        state: Some(parameters(link)["state"].clone()),
        code: Some(code.to_owned()),
        error: None,
    }
}

fn failure(outcome: CallbackOutcome) -> (CallbackFailure, u16, Option<Url>, String) {
    match outcome {
        CallbackOutcome::Failure {
            kind,
            status,
            redirect,
            page,
        } => (kind, status, redirect, page),
        CallbackOutcome::Success { email, .. } => panic!("{email} was linked"),
    }
}

fn success(outcome: CallbackOutcome) -> (String, Option<String>, Option<Url>, String) {
    match outcome {
        CallbackOutcome::Success {
            email,
            note,
            redirect,
            page,
        } => (email, note, redirect, page),
        failed @ CallbackOutcome::Failure { .. } => panic!("{failed:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_way_from_link_to_call() {
    let world = World::new();
    let request = SignInRequest {
        service: Some("gmail".to_owned()),
        ..hinted("A@Example.com")
    };
    let started = world
        .accounts
        .start_sign_in(&local(), request)
        .await
        .unwrap();
    for part in [
        "Action required",
        "gmail",
        "a@example.com",
        "](http",
        "repeat the request",
    ] {
        assert!(
            started.message.contains(part),
            "{part}: {}",
            started.message
        );
    }
    let asked = parameters(&started.url);
    assert!(
        started
            .url
            .as_str()
            .starts_with("http://127.0.0.1:9/accounts.google.com/o/oauth2/v2")
    );
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["access_type"], "offline");
    assert_eq!(asked["prompt"], "consent");
    assert_eq!(asked["login_hint"], "a@example.com");
    assert!(asked["scope"].contains(DRIVE) && asked["scope"].contains("openid"));
    assert!(!asked["state"].contains("example"), "state is sealed");

    let code = world.issuer.consent(&started.url, "a@example.com");
    let (email, note, redirect, page) =
        success(world.accounts.callback(query(&started.url, &code)).await);
    assert_eq!(
        (email.as_str(), note, redirect),
        ("a@example.com", None, None)
    );
    assert!(page.contains("Authentication Successful") && page.contains("a@example.com"));
    assert!(!page.contains(&code) && !page.contains(&asked["state"]));

    let key = CredentialKey::for_email("a@example.com").unwrap();
    let stored = world.stored(&key).await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&stored.to_json()).unwrap();
    for field in [
        "token",
        "refresh_token",
        "token_uri",
        "client_id",
        "client_secret",
        "scopes",
        "expiry",
        "user_email",
        "id_token",
    ] {
        assert!(!document[field].is_null(), "{field}");
    }
    assert_eq!(document["expiry"], "2026-11-21T10:59:59");
    assert_eq!(stored.own.subject.as_deref(), Some("sub-a@example.com"));
    assert_eq!(
        world.token("a@example.com").await.unwrap(),
        "ya29.first-a@example.com"
    );
    // A restart finds it again.
    let restarted = world.second_task();
    assert!(restarted.token("a@example.com").await.is_ok());
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn another_task_finishes_what_one_began_and_only_once() {
    let world = World::new();
    let tasks: Vec<World> = (0..8).map(|_| world.second_task()).collect();
    for round in 0..25 {
        let link = link(&world, hinted("a@example.com")).await;
        let code = world.issuer.consent(&link, "a@example.com");
        let exchanges = world.issuer.exchanges.load(Ordering::SeqCst);
        let returns = tasks
            .iter()
            .map(|task| task.accounts.callback(query(&link, &code)));
        let outcomes = join_all(returns).await;
        let good = |outcome: &&CallbackOutcome| matches!(outcome, CallbackOutcome::Success { .. });
        assert_eq!(outcomes.iter().filter(good).count(), 1, "round {round}");
        let again = failure(world.accounts.callback(query(&link, &code)).await);
        assert_eq!((again.0, again.1), (CallbackFailure::BadState, 400));
        assert_eq!(world.issuer.exchanges.load(Ordering::SeqCst), exchanges + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn bad_state_reaches_neither_google_nor_the_store() {
    let world = World::new();
    let good = link(&world, hinted("a@example.com")).await;
    let code = world.issuer.consent(&good, "a@example.com");
    let foreign = {
        let other = World::with(|config| config.sealing_key = Some("another key".into()));
        link(&other, SignInRequest::default()).await
    };
    let mut tampered = parameters(&good)["state"].clone();
    tampered.replace_range(
        20..21,
        if tampered.as_bytes()[20] == b'A' {
            "B"
        } else {
            "A"
        },
    );
    let (writes, exchanges) = (world.place.writes.load(Ordering::SeqCst), 0);
    for state in [
        None,
        Some(String::new()),
        Some("x".to_owned()),
        Some("A".repeat(100_000)),
        Some(tampered),
        Some(parameters(&foreign)["state"].clone()),
    ] {
        let query = CallbackQuery {
            state,
            code: Some(code.clone()),
            error: None,
        };
        let (kind, status, redirect, page) = failure(world.accounts.callback(query).await);
        assert_eq!(
            (kind, status, redirect),
            (CallbackFailure::BadState, 400, None)
        );
        assert!(page.contains("<title>Authentication Error<"));
    }
    world.clock.advance(SignedDuration::from_secs(601));
    let late = failure(world.accounts.callback(query(&good, &code)).await);
    assert_eq!(late.0, CallbackFailure::BadState);
    assert_eq!(world.issuer.exchanges.load(Ordering::SeqCst), exchanges);
    assert_eq!(world.place.writes.load(Ordering::SeqCst), writes);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_explained_from_a_table_and_escaped() {
    let world = World::new();
    let request = SignInRequest {
        return_url: Some("https://app.example.com/back?tab=1".to_owned()),
        client_state: Some("100% +😀&x=<y>".to_owned()),
        ..SignInRequest::default()
    };
    let url = link(&world, request).await;
    let with_error = |error: &str| CallbackQuery {
        state: Some(parameters(&url)["state"].clone()),
        code: None,
        error: Some(error.to_owned()),
    };
    let (kind, status, redirect, page) =
        failure(world.accounts.callback(with_error("access_denied")).await);
    assert_eq!((kind, status), (CallbackFailure::Refused, 400));
    assert!(page.contains("cancelled"));
    let redirect = redirect.unwrap();
    let back = parameters(&redirect);
    assert!(
        redirect
            .as_str()
            .starts_with("https://app.example.com/back?tab=1&error=access_denied")
    );
    assert_eq!(back["state"], "100% +😀&x=<y>");
    let (_, _, redirect, page) = failure(
        world
            .accounts
            .callback(with_error("<script>alert(1)</script>"))
            .await,
    );
    assert!(!page.contains("alert"));
    assert_eq!(parameters(&redirect.unwrap())["error"], "auth_failed");
    let missing = CallbackQuery {
        error: None,
        ..with_error("")
    };
    let (kind, status, redirect, _) = failure(world.accounts.callback(missing).await);
    assert_eq!((kind, status), (CallbackFailure::NoCode, 400));
    assert_eq!(parameters(&redirect.unwrap())["error"], "no_code");
    // The link still works: a refusal leaves nothing behind.
    let code = world.issuer.consent(&url, "a@example.com");
    let (email, _, redirect, _) = success(world.accounts.callback(query(&url, &code)).await);
    let back = parameters(&redirect.unwrap());
    assert_eq!(
        (back["success"].as_str(), back["email"].as_str()),
        ("true", email.as_str())
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_code_is_a_processing_error_and_stores_nothing() {
    let world = World::new();
    let url = link(&world, hinted("a@example.com")).await;
    let (kind, status, _, page) = failure(world.accounts.callback(query(&url, "4/forged")).await);
    assert_eq!((kind, status), (CallbackFailure::Processing, 500));
    assert!(page.contains("<title>Authentication Processing Error<") && !page.contains("forged"));
    assert!(world.accounts.list(&local()).await.unwrap().is_empty());
    // A code of somebody else's sign-in does not fit the verifier.
    let victim = link(&world, hinted("a@example.com")).await;
    let attacker = link(&world, hinted("a@example.com")).await;
    let code = world.issuer.consent(&attacker, "evil@example.com");
    assert_eq!(
        failure(world.accounts.callback(query(&victim, &code)).await).0,
        CallbackFailure::Processing
    );
}

#[tokio::test(start_paused = true)]
async fn another_account_than_expected_is_linked_under_its_own_address() {
    let world = World::new();
    let request = SignInRequest {
        user_id: Some("u1".to_owned()),
        ..hinted("a@example.com")
    };
    let url = link(&world, request).await;
    let code = world.issuer.consent(&url, "B@example.com");
    let (email, note, ..) = success(world.accounts.callback(query(&url, &code)).await);
    assert_eq!(email, "b@example.com");
    assert!(note.unwrap().contains("meant for a@example.com"));
    assert!(
        world
            .stored(&CredentialKey::for_user_id("u1").unwrap())
            .await
            .is_none()
    );
    assert!(
        world
            .stored(&CredentialKey::for_email("b@example.com").unwrap())
            .await
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_id_names_the_document_but_never_replaces_another_account() {
    let world = World::new();
    let request = || SignInRequest {
        user_id: Some("u1".to_owned()),
        ..SignInRequest::default()
    };
    for (email, expected) in [("a@example.com", "u1"), ("b@example.com", "b@example.com")] {
        let url = link(&world, request()).await;
        assert_eq!(parameters(&url)["prompt"], "select_account consent");
        let code = world.issuer.consent(&url, email);
        success(world.accounts.callback(query(&url, &code)).await);
        let key = CredentialKey::for_user_id(expected).unwrap();
        assert_eq!(
            world.stored(&key).await.unwrap().user_email.as_deref(),
            Some(email)
        );
    }
    assert_eq!(world.accounts.list(&local()).await.unwrap().len(), 2);
    for user_id in ["../x", "a/b", "a\\b", "a\nb"] {
        let request = SignInRequest {
            user_id: Some(user_id.to_owned()),
            ..hinted("a@b.de")
        };
        let refused = world.accounts.start_sign_in(&local(), request).await;
        assert!(refused.is_err(), "{user_id:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn consent_is_asked_for_only_without_a_refresh_token() {
    let world = World::new();
    let first = link(&world, hinted("a@example.com")).await;
    let code = world.issuer.consent(&first, "a@example.com");
    success(world.accounts.callback(query(&first, &code)).await);
    let key = CredentialKey::for_email("a@example.com").unwrap();
    let before = world.stored(&key).await.unwrap().refresh_token.unwrap();
    for _ in 0..150 {
        let again = link(&world, hinted("a@example.com")).await;
        assert!(!parameters(&again).contains_key("prompt"));
        // Without a new consent Google sends no refresh token; the one we have stays.
        let code = world
            .issuer
            .consent_with(&again, "a@example.com", None, false);
        let (_, note, ..) = success(world.accounts.callback(query(&again, &code)).await);
        assert_eq!(note, None);
    }
    let after = world.stored(&key).await.unwrap().refresh_token.unwrap();
    assert_eq!(before.expose_secret(), after.expose_secret());
    assert!(world.issuer.alive(&after));
}

#[tokio::test(start_paused = true)]
async fn unticked_scopes_are_noted_and_recorded() {
    let world = World::new();
    let url = link(&world, hinted("a@example.com")).await;
    let code = world
        .issuer
        .consent_with(&url, "a@example.com", Some(&["openid", DRIVE]), true);
    let (_, note, ..) = success(world.accounts.callback(query(&url, &code)).await);
    assert!(note.unwrap().contains("gmail.modify left out"));
    let account = world.accounts.select(&local(), None, None).await.unwrap();
    assert_eq!(account.granted_scopes, ["openid", DRIVE]);
    assert!(account.tokens.token(&[DRIVE.to_owned()]).await.is_ok());
    assert!(account.tokens.token(&[GMAIL.to_owned()]).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_person_finishes_only_what_that_person_began() {
    let world = World::new();
    let (alice, bob) = (Principal::user("alice"), Principal::user("bob"));
    let link = world
        .accounts
        .start_sign_in(&alice, SignInRequest::default())
        .await
        .unwrap()
        .url;
    let code = world.issuer.consent(&link, "victim@example.com");
    for opened_by in [None, Some(&bob), Some(&local())] {
        let outcome = world
            .accounts
            .callback_as(opened_by, query(&link, &code))
            .await;
        assert_eq!(failure(outcome).0, CallbackFailure::BadState);
    }
    success(
        world
            .accounts
            .callback_as(Some(&alice), query(&link, &code))
            .await,
    );
    assert!(world.accounts.list(&bob).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_are_refused_before_google_is_involved() {
    let world = World::new();
    let base = SignInRequest::default;
    let wrong = [
        SignInRequest {
            login_hint: Some("not-an-address".to_owned()),
            ..base()
        },
        SignInRequest {
            return_url: Some("https://evil.example/".to_owned()),
            ..base()
        },
        SignInRequest {
            return_url: Some("javascript:alert(1)".to_owned()),
            ..base()
        },
        SignInRequest {
            service: Some("fax".to_owned()),
            ..base()
        },
        SignInRequest {
            service: Some("calendar".to_owned()),
            ..base()
        },
        SignInRequest {
            scopes: vec!["https://evil.example/x".to_owned()],
            ..base()
        },
        SignInRequest {
            client_state: Some("x".repeat(4097)),
            ..base()
        },
    ];
    for request in wrong {
        let shown = format!("{request:?}");
        let refused = world
            .accounts
            .start_sign_in(&local(), request)
            .await
            .unwrap_err();
        assert!(
            matches!(refused, AuthError::Input { .. }),
            "{shown}: {refused:?}"
        );
    }
    let unconfigured = World::with(|config| config.oauth = None);
    let refused = unconfigured
        .accounts
        .start_sign_in(&local(), base())
        .await
        .unwrap_err();
    for name in [
        "GOOGLE_OAUTH_CLIENT_ID",
        "GOOGLE_OAUTH_CLIENT_SECRET",
        "client_secret.json",
    ] {
        assert!(refused.to_string().contains(name), "{refused}");
    }
    let outcome = unconfigured
        .accounts
        .callback(CallbackQuery::default())
        .await;
    assert_eq!(failure(outcome).1, 500);
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_a_processing_error() {
    let world = World::new();
    let url = link(&world, SignInRequest::default()).await;
    let code = world.issuer.consent(&url, "a@example.com");
    world.place.refusals.store(1, Ordering::SeqCst);
    let failed = failure(world.accounts.callback(query(&url, &code)).await);
    assert_eq!((failed.0, failed.1), (CallbackFailure::Processing, 500));
    assert_eq!(
        world.issuer.exchanges.load(Ordering::SeqCst),
        0,
        "the code was not spent"
    );
    success(world.accounts.callback(query(&url, &code)).await);
}

#[tokio::test(start_paused = true)]
async fn markers_of_old_sign_ins_are_swept() {
    let world = World::new();
    for _ in 0..5 {
        let url = link(&world, SignInRequest::default()).await;
        let code = world.issuer.consent(&url, "a@example.com");
        success(world.accounts.callback(query(&url, &code)).await);
    }
    let place: &dyn workspace_auth::store::Objects = &*world.place;
    assert_eq!(place.list("state").await.unwrap().len(), 5);
    world.clock.advance(SignedDuration::from_mins(16));
    link(&world, SignInRequest::default()).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(place.list("state").await.unwrap().is_empty());
    place.delete("state", Condition::Always).await.unwrap();
}
