//! A store that does not answer for a minute.

use std::{sync::atomic::Ordering, time::Duration};

use foundation::Kind;
use jiff::SignedDuration;
use tokio::time::Instant;

use crate::world::{World, local};

const USERS: usize = 20;

fn email(user: usize) -> String {
    format!("user{user}@example.com")
}

/// Sixty seconds without a store: who is known goes on working, even when tokens end meanwhile;
/// who is not is told when to come back; what was refreshed is stored soon after.
#[tokio::test(start_paused = true)]
async fn known_accounts_outlive_a_minute_without_the_store() {
    let world = World::new();
    let stranger = World::task(
        world.clock.clone(),
        world.place.clone(),
        world.issuer.clone(),
        |_| (),
    );
    let mut keys = Vec::new();
    for user in 0..USERS {
        keys.push(world.link(&email(user)).await);
        world.token(&email(user)).await.unwrap();
    }
    world.place.black_hole.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    while begun.elapsed() < Duration::from_mins(1) {
        // Half an hour each round: every token ends at least twice during the outage.
        for user in 0..USERS {
            let asked = Instant::now();
            let token = world.token(&email(user)).await;
            assert!(token.is_ok(), "after {:?}: {token:?}", begun.elapsed());
            slowest = slowest.max(asked.elapsed());
            calls += 1;
        }
        world.clock.advance(SignedDuration::from_mins(30));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(calls >= USERS, "{calls}");
    println!("{calls} calls during the outage, the slowest took {slowest:?}");
    let refused = stranger
        .accounts
        .select(&local(), Some(&email(0)), None)
        .await;
    let refused = refused.err().expect("nothing is known of the account");
    assert_eq!(refused.kind(), Kind::Upstream);
    assert!(refused.retry_after().is_some_and(|seconds| seconds <= 2));
    assert!(
        world.accounts.pending_writes() > 0,
        "something was refreshed meanwhile"
    );

    world.place.black_hole.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(
        world.accounts.pending_writes(),
        0,
        "all is stored five seconds later"
    );
    for key in &keys {
        let stored = world.stored(key).await.unwrap();
        assert!(stored.expiry.unwrap() > "2026-11-21T11:00:00Z".parse().unwrap());
        assert!(stored.own.lease.is_none());
    }
    let token = stranger.token(&email(0)).await;
    assert!(token.is_ok(), "{token:?}");
}

#[tokio::test(start_paused = true)]
async fn rotated_refresh_tokens_survive_the_outage() {
    let world = World::new();
    world.issuer.rotates.store(true, Ordering::SeqCst);
    let key = world.link("a@example.com").await;
    world.token("a@example.com").await.unwrap();
    world.place.black_hole.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        world.clock.advance(SignedDuration::from_hours(2));
        world.token("a@example.com").await.unwrap();
    }
    world.place.black_hole.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stored = world.stored(&key).await.unwrap();
    assert!(world.issuer.alive(&stored.refresh_token.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_account_does_not_come_back_from_the_queue() {
    let world = World::new();
    let other = world.second_task();
    let key = world.link("a@example.com").await;
    world.token("a@example.com").await.unwrap();
    world.place.black_hole.store(true, Ordering::SeqCst);
    world.clock.advance(SignedDuration::from_hours(2));
    world.token("a@example.com").await.unwrap();
    assert_eq!(world.accounts.pending_writes(), 1);
    world.place.black_hole.store(false, Ordering::SeqCst);
    other
        .accounts
        .revoke(&local(), "a@example.com")
        .await
        .unwrap();
    assert_eq!(world.accounts.flush().await, 0);
    assert!(world.stored(&key).await.is_none());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(world.token("a@example.com").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn flushing_waits_for_the_store() {
    let world = World::new();
    world.link("a@example.com").await;
    world.token("a@example.com").await.unwrap();
    world.place.black_hole.store(true, Ordering::SeqCst);
    world.clock.advance(SignedDuration::from_hours(2));
    world.token("a@example.com").await.unwrap();
    assert_eq!(world.accounts.flush().await, 1, "it gives up in the end");
    world.place.black_hole.store(false, Ordering::SeqCst);
    assert_eq!(world.accounts.flush().await, 0);
}
