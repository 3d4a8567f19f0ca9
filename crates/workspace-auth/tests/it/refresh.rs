//! Renewing access tokens: once, whoever asks, and without losing what Google gave.

use std::{sync::atomic::Ordering, time::Duration};

use futures::future::join_all;
use google_api::TokenError;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use workspace_auth::{Account, store::Condition};

use crate::world::{DRIVE, World, expired_credential, local};

async fn account(world: &World, email: &str) -> Account {
    world
        .accounts
        .select(&local(), Some(email), None)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_share_one_refresh() {
    let world = World::new();
    world.link("a@example.com").await;
    let account = account(&world, "a@example.com").await;
    let calls = (0..10_000).map(|_| {
        let account = account.clone();
        tokio::spawn(async move { account.tokens.token(&[DRIVE.to_owned()]).await })
    });
    let all = join_all(calls).await;
    assert!(all.into_iter().all(|call| call.unwrap().is_ok()));
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_accounts_take_a_hundred_refreshes() {
    let world = World::new();
    for user in 0..100 {
        world.link(&format!("user{user}@example.com")).await;
    }
    let calls = (0..10_000).map(|call| {
        let accounts = world.accounts.clone();
        tokio::spawn(async move {
            let email = format!("user{}@example.com", call % 100);
            let account = accounts.select(&local(), Some(&email), None).await.unwrap();
            let token = account.tokens.token(&[]).await.unwrap();
            assert!(token.secret.expose_secret().contains(&email));
        })
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 100);
}

/// The leader gives up after every possible wait; the followers never notice.
#[tokio::test(start_paused = true)]
async fn a_cancelled_leader_costs_no_second_refresh() {
    for cancelled_after in 0..60 {
        let world = World::new();
        world.link("a@example.com").await;
        let account = account(&world, "a@example.com").await;
        let leader = {
            let account = account.clone();
            async move { account.tokens.token(&[]).await.map(drop) }
        };
        let patience = Duration::from_millis(5 * cancelled_after);
        let _ = tokio::time::timeout(patience, leader).await;
        let followers = (0..1000).map(|_| account.tokens.token(&[]));
        assert!(join_all(followers).await.iter().all(Result::is_ok));
        assert_eq!(
            world.issuer.refreshes.load(Ordering::SeqCst),
            1,
            "cancelled after {patience:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_leader_is_replaced() {
    let world = World::new();
    world.link("a@example.com").await;
    world.issuer.panics.store(1, Ordering::SeqCst);
    let account = account(&world, "a@example.com").await;
    let calls = (0..1000).map(|_| account.tokens.token(&[]));
    // The panicking leader leaves its lease behind; the next one waits until it runs out.
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_refreshed_token_and_its_end_are_stored() {
    let world = World::new();
    let key = world.link("a@example.com").await;
    let before = world.stored(&key).await.unwrap();
    let token = world.token("a@example.com").await.unwrap();
    let after = world.stored(&key).await.unwrap();
    assert_eq!(after.token.unwrap().expose_secret(), token);
    assert_eq!(after.expiry.unwrap().to_string(), "2026-11-21T10:59:59Z");
    assert!(after.own.lease.is_none());
    // Google sent no refresh token: the old one stays.
    assert_eq!(
        after.refresh_token.unwrap().expose_secret(),
        before.refresh_token.unwrap().expose_secret()
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_are_renewed_a_minute_early_and_kept_until_then() {
    let world = World::new();
    world.link("a@example.com").await;
    let first = world.token("a@example.com").await.unwrap();
    world.clock.advance(SignedDuration::from_secs(3599 - 61));
    assert_eq!(world.token("a@example.com").await.unwrap(), first);
    world.clock.advance(SignedDuration::from_secs(1));
    assert_ne!(world.token("a@example.com").await.unwrap(), first);
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_is_renewed_once() {
    let world = World::new();
    world.link("a@example.com").await;
    let account = account(&world, "a@example.com").await;
    let bad = account.tokens.token(&[]).await.unwrap();
    account.tokens.rejected(&bad).await;
    let calls = (0..100).map(|_| account.tokens.token(&[]));
    for call in join_all(calls).await {
        assert_ne!(
            call.unwrap().secret.expose_secret(),
            bad.secret.expose_secret()
        );
    }
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_newer_token_of_another_task_is_used() {
    let world = World::new();
    let other = world.second_task();
    world.link("a@example.com").await;
    let one = world.token("a@example.com").await.unwrap();
    assert_eq!(other.token("a@example.com").await.unwrap(), one);
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn two_tasks_at_once_refresh_once() {
    for _ in 0..50 {
        let world = World::new();
        world.issuer.rotates.store(true, Ordering::SeqCst);
        let other = world.second_task();
        let key = world.link("a@example.com").await;
        let (one, two) = tokio::join!(world.token("a@example.com"), other.token("a@example.com"));
        assert_eq!(one.unwrap(), two.unwrap());
        assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 1);
        let stored = world.stored(&key).await.unwrap();
        assert!(world.issuer.alive(&stored.refresh_token.unwrap()));
    }
}

/// Google rotates the refresh token behind our back a thousand times; not one document is lost.
#[tokio::test(start_paused = true)]
async fn a_superseded_refresh_token_never_costs_the_account() {
    let world = World::new();
    let key = world.link("a@example.com").await;
    for round in 0..1000 {
        world.token("a@example.com").await.unwrap();
        let old = world.stored(&key).await.unwrap();
        // Another program signed in again: the old grant is dead, a new one is stored.
        let new = world.issuer.grant("a@example.com");
        world
            .issuer
            .kill(old.refresh_token.unwrap().expose_secret());
        let credential =
            expired_credential("a@example.com", &new, foundation::Clock::now(&*world.clock));
        world.clock.advance(SignedDuration::from_hours(1));
        // It lands while this task is already asking Google with the old one.
        let account = account(&world, "a@example.com").await;
        let (token, ()) = tokio::join!(account.tokens.token(&[]), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world
                .store
                .write(&key, &credential, Condition::Always)
                .await
                .unwrap();
        });
        assert!(token.is_ok(), "round {round}: {token:?}");
        let stored = world.stored(&key).await.expect("the document is there");
        assert_eq!(
            stored.refresh_token.unwrap().expose_secret(),
            new,
            "round {round}"
        );
    }
}

/// The old grant is dead, and a new sign-in lands between the last look and the removal.
#[tokio::test(start_paused = true)]
async fn a_sign_in_at_the_last_moment_is_not_removed() {
    for _ in 0..100 {
        let world = World::new();
        let key = world.link("a@example.com").await;
        let old = world.stored(&key).await.unwrap().refresh_token.unwrap();
        world.issuer.kill(old.expose_secret());
        let new = world.issuer.grant("a@example.com");
        let now = foundation::Clock::now(&*world.clock);
        let credential = expired_credential("a@example.com", &new, now);
        *world.place.before_removal.lock().unwrap() = Some(credential.to_json().into());
        assert!(world.token("a@example.com").await.is_ok());
        let stored = world.stored(&key).await.expect("the document is there");
        assert_eq!(stored.refresh_token.unwrap().expose_secret(), new);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_refresh_token_retires_the_account_and_says_so() {
    let world = World::new();
    let key = world.link("a@example.com").await;
    let stored = world.stored(&key).await.unwrap();
    world
        .issuer
        .kill(stored.refresh_token.unwrap().expose_secret());
    let account = account(&world, "a@example.com").await;
    let calls = (0..100).map(|_| account.tokens.token(&[]));
    for call in join_all(calls).await {
        let Err(TokenError::NeedsConsent { problem, .. }) = call else {
            panic!("{call:?}")
        };
        assert!(problem.contains("start_google_auth"), "{problem}");
    }
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 1);
    assert!(world.stored(&key).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_failing_google_deletes_nothing_and_is_not_hammered() {
    let world = World::new();
    let key = world.link("a@example.com").await;
    world.issuer.down.store(true, Ordering::SeqCst);
    let account = account(&world, "a@example.com").await;
    for _ in 0..100 {
        let failed = account.tokens.token(&[]).await;
        assert!(
            matches!(failed, Err(TokenError::Unavailable { .. })),
            "{failed:?}"
        );
    }
    assert!(world.issuer.refreshes.load(Ordering::SeqCst) <= 2);
    let stored = world.stored(&key).await.unwrap();
    assert!(stored.own.lease.is_none(), "the lease is given back");
    world.issuer.down.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(account.tokens.token(&[]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_in_its_last_minute_bridges_an_outage() {
    let world = World::new();
    world.link("a@example.com").await;
    let first = world.token("a@example.com").await.unwrap();
    world.clock.advance(SignedDuration::from_secs(3599 - 30));
    world.issuer.down.store(true, Ordering::SeqCst);
    assert_eq!(world.token("a@example.com").await.unwrap(), first);
}

#[tokio::test(start_paused = true)]
async fn a_lease_left_by_a_dead_task_runs_out() {
    let world = World::new();
    let key = world.link("a@example.com").await;
    let mut stored = world.stored(&key).await.unwrap();
    stored.own.lease = Some(workspace_auth::Lease {
        holder: "dead".to_owned(),
        // Its clock was far ahead, too.
        until: "2036-01-01T00:00:00Z".parse().unwrap(),
    });
    world
        .store
        .write(&key, &stored, Condition::Always)
        .await
        .unwrap();
    let begun = tokio::time::Instant::now();
    assert!(world.token("a@example.com").await.is_ok());
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn missing_scopes_ask_for_consent_and_name_them() {
    let world = World::new();
    world.link("a@example.com").await;
    let account = account(&world, "a@example.com").await;
    let tasks = vec!["https://www.googleapis.com/auth/tasks".to_owned()];
    let Err(TokenError::NeedsConsent { missing, .. }) = account.tokens.token(&tasks).await else {
        panic!("the scope was never granted")
    };
    assert_eq!(missing, tasks);
    let either = [tasks[0].clone(), DRIVE.to_owned()];
    assert!(account.tokens.token(&either).await.is_ok());
    assert_eq!(world.issuer.refreshes.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wider_grant_of_another_task_counts_at_once() {
    let world = World::new();
    let key = world.link("a@example.com").await;
    let account = account(&world, "a@example.com").await;
    account.tokens.token(&[]).await.unwrap();
    let tasks = "https://www.googleapis.com/auth/tasks".to_owned();
    let mut wider = world.stored(&key).await.unwrap();
    wider.scopes.push(tasks.clone());
    world
        .store
        .write(&key, &wider, Condition::Always)
        .await
        .unwrap();
    assert!(account.tokens.token(&[tasks]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_write_loses_no_token() {
    for lost in 1..=3 {
        let world = World::new();
        world.issuer.rotates.store(true, Ordering::SeqCst);
        let key = world.link("a@example.com").await;
        world.place.lost_answers.store(lost, Ordering::SeqCst);
        assert!(world.token("a@example.com").await.is_ok());
        tokio::time::sleep(Duration::from_secs(10)).await;
        let stored = world.stored(&key).await.unwrap();
        assert!(
            world.issuer.alive(&stored.refresh_token.unwrap()),
            "{lost} answers lost"
        );
        assert_eq!(world.accounts.pending_writes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_survive_a_refresh() {
    let world = World::new();
    let key = world.link("a@example.com").await;
    let text = serde_json::to_string(&serde_json::json!({
        "token": "ya29.old", "refresh_token": world.issuer.grant("a@example.com"),
        "token_uri": "x", "client_id": "other", "client_secret": "s", "scopes": [],
        "expiry": "2026-11-21T09:00:00", "user_email": "a@example.com",
        "universe_domain": "googleapis.com", "note": {"kept": [1]},
    }));
    let credential = workspace_auth::Credential::from_json(text.unwrap().as_bytes()).unwrap();
    world
        .store
        .write(&key, &credential, Condition::Always)
        .await
        .unwrap();
    world.token("a@example.com").await.unwrap();
    let stored = world.stored(&key).await.unwrap().to_json();
    let stored: serde_json::Value = serde_json::from_slice(&stored).unwrap();
    assert_eq!(stored["universe_domain"], "googleapis.com");
    assert_eq!(stored["note"]["kept"][0], 1);
    assert_eq!(
        stored["client_id"], "other",
        "tokens stay with the client they belong to"
    );
}
