//! The journal as the pipeline and the commands use it.

use foundation::{SystemClock, SystemRandom};

use super::*;
use crate::{Effect, catalogue::Access};

fn intent(tool: &str) -> Intent {
    Intent {
        server: "s".parse().unwrap(),
        tool: tool.to_owned(),
        access: Access::Write,
        caller: "local".into(),
        run: None,
        trace: None,
        digest: "d".into(),
        approval: None,
    }
}

fn ending(state: CallState, ms: u64) -> Ending {
    Ending {
        state,
        effect: None,
        fault: None,
        ..Ending::dropped(1, ms)
    }
}

async fn open(folder: &Path) -> (Store, Journal) {
    let store = Store::open(&folder.join("store.db")).unwrap();
    let journal = Journal::open(
        store.clone(),
        folder,
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
    )
    .await
    .unwrap();
    (store, journal)
}

fn states(store: &Store) -> Vec<(String, Option<String>)> {
    store
        .read(|db| {
            db.prepare("SELECT state, effect FROM calls ORDER BY id")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .unwrap()
}

#[tokio::test]
async fn what_a_dead_process_left_open_is_of_unknown_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let (store, journal) = open(folder.path()).await;
    let begun = journal
        .begin(intent("a"), |_| Ok(true))
        .await
        .unwrap()
        .unwrap();
    // Another process opens the journal while this one lives: nothing is touched.
    let (_, other) = open(folder.path()).await;
    assert_eq!(states(&store), [("open".into(), None)]);
    journal
        .end(begun, intent("a"), ending(CallState::Ok, 5))
        .await;
    journal.flush().await;
    assert_eq!(states(&store), [("ok".into(), None)]);

    let lost = other.begin(intent("b"), |_| Ok(true)).await.unwrap();
    assert!(lost.is_some());
    drop(other);
    // The recorder ends with the last handle, and the lock with it.
    let (_, _third) = open(folder.path()).await;
    let unknown = ("unknown".to_owned(), Some("unknown".to_owned()));
    assert_eq!(states(&store)[1], unknown);
}

#[tokio::test]
async fn a_call_that_may_not_begin_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, journal) = open(folder.path()).await;
    assert_eq!(
        journal.begin(intent("a"), |_| Ok(false)).await.unwrap(),
        None
    );
    assert!(states(&store).is_empty());
}

#[tokio::test]
async fn statistics_follow_the_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (store, journal) = open(folder.path()).await;
    for ms in 1..=100 {
        journal.record(intent("a"), ending(CallState::Ok, ms));
    }
    journal.record(intent("a"), ending(CallState::Failed, 500));
    journal.record(intent("a"), ending(CallState::Refused, 0));
    journal.record(
        intent("a"),
        Ending {
            effect: Some(Effect::Unknown),
            ..ending(CallState::Unknown, 0)
        },
    );
    journal.flush().await;
    let stats = journal.stats().unwrap();
    assert_eq!((stats[0].calls, stats[0].ok), (102, 100));
    assert!((50..=64).contains(&stats[0].p50_ms), "{stats:?}");
    let figures = figures(&store, 0).unwrap();
    assert_eq!(
        (figures[0].calls, figures[0].failed, figures[0].refused),
        (103, 2, 1)
    );
    assert_eq!((figures[0].p50_ms, figures[0].p95_ms), (50, 96));
    assert_eq!(recent(&store, 2).unwrap().len(), 2);
}

#[tokio::test]
async fn figures_are_of_all_calls_of_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _journal) = open(folder.path()).await;
    let written = store.write(|tx| {
        tx.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
             INSERT INTO calls (at, instance, server, tool, access, caller, digest, state, ms)
             SELECT i, 'i', 's', 't', 'read', 'local', 'd', 'ok', i % 10 FROM n",
            [],
        )
    });
    assert_eq!(written.await.unwrap(), 25_000);
    let calls = |since| figures(&store, since).unwrap().first().map(|one| one.calls);
    assert_eq!(calls(0), Some(25_000));
    assert_eq!(calls(24_991), Some(10));
    assert_eq!(calls(25_001), None);
}
