//! What every place that holds credentials promises, as one test that all of them pass.
//!
//! Invariant: nothing here knows which place it talks to; it works below keys of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use foundation::{SystemClock, SystemRandom};
use futures::future::join_all;
use workspace_auth::{
    CredentialKey, CredentialStore, StoreError,
    store::{Condition, DirectoryObjects, MemoryObjects, Objects},
};

use crate::world::expired_credential;

const SWAPS: usize = 80;
const CREATIONS: usize = 20;

/// Every promise.
pub(crate) async fn hold(place: Arc<dyn Objects>) {
    whole_objects(&*place).await;
    conditions(&*place).await;
    listings(&*place).await;
    races_to_create(&place).await;
    races_to_change(&place).await;
    races_to_remove(&place).await;
    documents(place).await;
}

async fn whole_objects(place: &dyn Objects) {
    let key = "whole+1@example.com.json";
    assert!(place.get(key).await.unwrap().is_none());
    place.delete(key, Condition::Always).await.unwrap();
    for size in [0, 1, 4096, 200_000] {
        let bytes = Bytes::from(vec![b'x'; size]);
        let version = place
            .put(key, bytes.clone(), Condition::Always)
            .await
            .unwrap();
        let stored = place.get(key).await.unwrap().unwrap();
        assert_eq!((stored.bytes, stored.version), (bytes, version));
    }
    place.delete(key, Condition::Always).await.unwrap();
    assert!(place.get(key).await.unwrap().is_none());
    let encoded = "a%2Fb%25@example.com.json";
    place
        .put(encoded, Bytes::from_static(b"{}"), Condition::Absent)
        .await
        .unwrap();
    assert!(
        place
            .get("a/b%@example.com.json")
            .await
            .unwrap_or(None)
            .is_none()
    );
    place.delete(encoded, Condition::Always).await.unwrap();
}

async fn conditions(place: &dyn Objects) {
    let key = "conditions@example.com.json";
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let first = place.put(key, text("1"), Condition::Absent).await.unwrap();
    conflict(&place.put(key, text("2"), Condition::Absent).await);
    let second = place
        .put(key, text("2"), Condition::Unchanged(first.clone()))
        .await
        .unwrap();
    assert_ne!(first, second);
    conflict(
        &place
            .put(key, text("3"), Condition::Unchanged(first.clone()))
            .await,
    );
    conflict(&place.delete(key, Condition::Unchanged(first)).await);
    conflict(&place.delete(key, Condition::Absent).await);
    assert_eq!(place.get(key).await.unwrap().unwrap().bytes, text("2"));
    place
        .delete(key, Condition::Unchanged(second.clone()))
        .await
        .unwrap();
    assert!(place.get(key).await.unwrap().is_none());
    conflict(
        &place
            .put(key, text("4"), Condition::Unchanged(second))
            .await,
    );
    assert!(
        place.get(key).await.unwrap().is_none(),
        "a lost object does not come back"
    );
}

async fn listings(place: &dyn Objects) {
    let keys = [
        "list-b@example.com.json",
        "list-a@example.com.json",
        "state/list-c",
    ];
    for key in keys {
        place
            .put(key, Bytes::from_static(b"x"), Condition::Always)
            .await
            .unwrap();
    }
    let names = |entries: Vec<workspace_auth::store::Entry>| -> Vec<String> {
        entries
            .into_iter()
            .map(|e| e.key)
            .filter(|key| key.contains("list-"))
            .collect()
    };
    assert_eq!(names(place.list("").await.unwrap()), [keys[1], keys[0]]);
    assert_eq!(names(place.list("state").await.unwrap()), [keys[2]]);
    assert!(place.list("nothing").await.unwrap().is_empty());
    for key in keys {
        place.delete(key, Condition::Always).await.unwrap();
    }
    assert!(names(place.list("").await.unwrap()).is_empty());
}

async fn races_to_create(place: &Arc<dyn Objects>) {
    for round in 0..CREATIONS {
        let key = format!("state/race-{round}");
        let tries = (0..8).map(|task| {
            let (place, key) = (place.clone(), key.clone());
            let content = Bytes::from(format!("task {task}"));
            tokio::spawn(async move {
                (
                    place.put(&key, content.clone(), Condition::Absent).await,
                    content,
                )
            })
        });
        let outcomes: Vec<_> = join_all(tries)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let winners: Vec<&Bytes> = outcomes
            .iter()
            .filter(|(put, _)| put.is_ok())
            .map(|(_, content)| content)
            .collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        assert!(
            outcomes
                .iter()
                .all(|(put, _)| matches!(put, Ok(_) | Err(StoreError::Conflict))),
            "{outcomes:?}"
        );
        assert_eq!(place.get(&key).await.unwrap().unwrap().bytes, winners[0]);
        place.delete(&key, Condition::Always).await.unwrap();
    }
}

/// Eight tasks count to [`SWAPS`] together; a lost update would leave the sum short.
async fn races_to_change(place: &Arc<dyn Objects>) {
    let key = "counter@example.com.json";
    place
        .put(key, Bytes::from_static(b"0"), Condition::Always)
        .await
        .unwrap();
    let tasks = (0..8).map(|task| {
        let place = place.clone();
        tokio::spawn(async move {
            for _ in 0..SWAPS / 8 {
                loop {
                    let stored = place.get(key).await.unwrap().unwrap();
                    let text = String::from_utf8(stored.bytes.to_vec()).unwrap();
                    let count: usize = text.split(' ').next().unwrap().parse().unwrap();
                    let next = Bytes::from(format!("{} {task}", count + 1));
                    match place
                        .put(key, next, Condition::Unchanged(stored.version))
                        .await
                    {
                        Ok(_) => break,
                        Err(StoreError::Conflict) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    let stored = place.get(key).await.unwrap().unwrap();
    let text = String::from_utf8(stored.bytes.to_vec()).unwrap();
    assert_eq!(text.split(' ').next(), Some(SWAPS.to_string().as_str()));
    place.delete(key, Condition::Always).await.unwrap();
}

/// Whoever removes a version must not remove what replaced it.
async fn races_to_remove(place: &Arc<dyn Objects>) {
    let key = "retired@example.com.json";
    for round in 0..CREATIONS {
        let old = place
            .put(key, Bytes::from_static(b"old"), Condition::Always)
            .await
            .unwrap();
        let new = Bytes::from(format!("new {round}"));
        let (removed, written) = tokio::join!(
            place.delete(key, Condition::Unchanged(old)),
            place.put(key, new.clone(), Condition::Always),
        );
        written.unwrap();
        assert!(
            matches!(removed, Ok(()) | Err(StoreError::Conflict)),
            "{removed:?}"
        );
        let stored = place
            .get(key)
            .await
            .unwrap()
            .expect("the newer object stays");
        assert_eq!(stored.bytes, new);
    }
    place.delete(key, Condition::Always).await.unwrap();
}

async fn documents(place: Arc<dyn Objects>) {
    let store = CredentialStore::over(place.clone(), Arc::new(SystemRandom));
    store.check().await.unwrap();
    store.check_writable().await.unwrap();
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let keys = ["doc-a@example.com", "doc-b@example.com"]
        .map(|email| CredentialKey::for_email(email).unwrap());
    for key in &keys {
        let credential = expired_credential(&key.identifier(), "1//r", now);
        store
            .write(key, &credential, Condition::Absent)
            .await
            .unwrap();
    }
    let listed = store.keys().await.unwrap();
    assert!(keys.iter().all(|key| listed.contains(key)), "{listed:?}");
    for key in &keys {
        let read = store.read(key).await.unwrap().credential.unwrap();
        assert_eq!(read.user_email.as_deref(), Some(key.identifier().as_str()));
    }
    place
        .put(
            keys[0].as_str(),
            Bytes::from_static(b"{corrupt"),
            Condition::Always,
        )
        .await
        .unwrap();
    let corrupt = store.read(&keys[0]).await.unwrap();
    assert!(corrupt.credential.is_none() && corrupt.version.is_some());
    for key in &keys {
        store.remove(key, Condition::Always).await.unwrap();
    }
    let used: Vec<bool> = join_all((0..4).map(|_| store.use_up("doc-state")))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(used.iter().filter(|first| **first).count(), 1, "{used:?}");
    place
        .delete("state/doc-state", Condition::Always)
        .await
        .unwrap();
}

fn conflict<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
}

/// Times one kind of operation over five runs and returns the slowest.
pub(crate) async fn slowest<F: Future<Output = ()>>(
    mut operation: impl FnMut(usize) -> F,
) -> Duration {
    let mut slowest = Duration::ZERO;
    for run in 0..5 {
        let begun = Instant::now();
        operation(run).await;
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_holds_the_contract() {
    hold(Arc::new(MemoryObjects::new(Arc::new(SystemClock)))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_holds_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/demand");
    hold(Arc::new(
        DirectoryObjects::open(path, Arc::new(SystemRandom)).unwrap(),
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_handles_on_one_directory_share_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Objects> {
        let path = folder.path().to_owned();
        Arc::new(DirectoryObjects::open(path, Arc::new(SystemRandom)).unwrap())
    };
    let (one, other) = (open(), open());
    for round in 0..20 {
        let key = format!("state/{round}");
        let (a, b) = tokio::join!(
            one.put(&key, Bytes::from_static(b"a"), Condition::Absent),
            other.put(&key, Bytes::from_static(b"b"), Condition::Absent),
        );
        assert_eq!(
            usize::from(a.is_ok()) + usize::from(b.is_ok()),
            1,
            "{a:?} {b:?}"
        );
    }
}
