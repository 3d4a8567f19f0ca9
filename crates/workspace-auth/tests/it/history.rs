//! Random histories of several tasks on a store that loses answers, against a model.
//!
//! The tasks count in one record by reading and conditionally writing. Lost answers make an
//! outcome unknown, never wrong: the final count lies between the writes that were acknowledged
//! and those that were tried.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use foundation::{Random as _, SeededRandom};
use futures::future::join_all;
use jiff::SignedDuration;
use proptest::prelude::*;
use workspace_auth::{
    StoreError,
    store::{Condition, MemoryObjects, Objects},
};

use crate::world::{FaultyPlace, World, local};

const KEY: &str = "history@example.com.json";

async fn history(seed: u64, tasks: usize, steps: usize, lost: usize, refused: usize) {
    let clock = Arc::new(foundation::ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let place = FaultyPlace::over(Arc::new(MemoryObjects::new(clock)));
    place.put(KEY, "0".into(), Condition::Absent).await.unwrap();
    place.lost_answers.store(lost, Ordering::SeqCst);
    place.refusals.store(refused, Ordering::SeqCst);
    let work = (0..tasks).map(|task| {
        let place = place.clone();
        async move {
            let random = SeededRandom::new(seed ^ (task as u64) << 32);
            let (mut acknowledged, mut unknown, mut newest) = (0u64, 0u64, 0u64);
            for _ in 0..steps {
                tokio::time::sleep(Duration::from_millis(random.number() % 7)).await;
                let Ok(Some(stored)) = place.get(KEY).await else {
                    continue;
                };
                let count: u64 = std::str::from_utf8(&stored.bytes).unwrap().parse().unwrap();
                assert!(count >= newest, "a read went back in time");
                newest = count;
                tokio::time::sleep(Duration::from_millis(random.number() % 7)).await;
                let next = (count + 1).to_string();
                match place
                    .put(KEY, next.into(), Condition::Unchanged(stored.version))
                    .await
                {
                    Ok(_) => acknowledged += 1,
                    Err(StoreError::Conflict) => {}
                    Err(_) => unknown += 1,
                }
            }
            (acknowledged, unknown)
        }
    });
    let outcomes = join_all(work).await;
    place.refusals.store(0, Ordering::SeqCst);
    let acknowledged: u64 = outcomes.iter().map(|outcome| outcome.0).sum();
    let unknown: u64 = outcomes.iter().map(|outcome| outcome.1).sum();
    let stored = place.get(KEY).await.unwrap().unwrap();
    let count: u64 = std::str::from_utf8(&stored.bytes).unwrap().parse().unwrap();
    assert!(
        (acknowledged..=acknowledged + unknown).contains(&count),
        "{count} is not within {acknowledged} + {unknown}"
    );
}

/// Several tasks use one account whose refresh token rotates, on a store that fails: the stored
/// refresh token is alive at the end, and every caller got a token or a reason to come back.
async fn rotation(seed: u64, tasks: usize, rounds: usize, lost: usize, refused: usize) {
    let first = World::new();
    first.issuer.rotates.store(true, Ordering::SeqCst);
    let key = first.link("a@example.com").await;
    let worlds: Vec<World> = (0..tasks).map(|_| first.second_task()).collect();
    let random = SeededRandom::new(seed);
    for _ in 0..rounds {
        first.place.lost_answers.store(lost, Ordering::SeqCst);
        first.place.refusals.store(refused, Ordering::SeqCst);
        let delays: Vec<u64> = worlds.iter().map(|_| random.number() % 300).collect();
        let calls = worlds.iter().zip(delays).map(|(world, delay)| async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            match world.accounts.select(&local(), None, None).await {
                Ok(account) => account
                    .tokens
                    .token(&[])
                    .await
                    .map_err(|error| error.to_string()),
                Err(error) if error.retry_after().is_some() => Err(String::new()),
                Err(error) => panic!("{error}"),
            }
        });
        for call in join_all(calls).await {
            if let Err(reason) = call {
                assert!(
                    !reason.contains("sign"),
                    "nobody has to sign in again: {reason}"
                );
            }
        }
        first.place.lost_answers.store(0, Ordering::SeqCst);
        first.place.refusals.store(0, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_mins(1)).await;
        let stored = first.stored(&key).await.expect("the document is there");
        assert!(
            first.issuer.alive(&stored.refresh_token.unwrap()),
            "a live token was lost"
        );
        first.clock.advance(SignedDuration::from_hours(2));
    }
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn conditional_writes_lose_nothing(
        seed: u64, tasks in 2usize..6, steps in 1usize..12, lost in 0usize..4, refused in 0usize..6,
    ) {
        run(history(seed, tasks, steps, lost, refused));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn refresh_tokens_survive_every_history(
        seed: u64, tasks in 1usize..4, rounds in 1usize..4, lost in 0usize..4, refused in 0usize..6,
    ) {
        run(rotation(seed, tasks, rounds, lost, refused));
    }
}
