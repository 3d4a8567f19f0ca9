//! Many misbehaving children at once beside a good one.
//!
//! `ZOO_CYCLES` says how many children are started and ended; 100 by default.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use core_agent::upstream::stdio::{Child, StdioTransport};
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use crate::keeper::{
    alive, call, children, greet, meet, memory, number, one_test_passes, start, until,
};

/// Says that a process was started for one test alone.
const ALONE: &str = "ZOO_ALONE";

/// All of them at once, each in its own way.
const BAD: [&str; 44] = [
    "hang",
    "deaf",
    "exit-at-start",
    "crash-at-start",
    "exit-on-discover",
    "hang-on-discover",
    "needs-env",
    "line-100mb",
    "endless-line",
    "non-utf8",
    "noise",
    "banner",
    "stderr-flood",
    "closes-stdout",
    "closes-stdin",
    "stops-itself",
    "garbage",
    "wrong-id",
    "duplicate-id",
    "answers-twice",
    "null-id",
    "bad-jsonrpc",
    "unknown-notification",
    "notification-flood",
    "request-flood",
    "infinite-cursor",
    "huge-list",
    "bad-tools",
    "exit-after-list",
    "bad-schema-result",
    "huge-result",
    "crash-on-call",
    "exit-on-call",
    "garbage-on-call",
    "slow-call",
    "progress-call",
    "error-call",
    "hang-on-call",
    "closes-on-call",
    "ignores-eof",
    "fork-ignore-sigterm",
    "setsid-grandchild",
    "double-fork",
    "zombies",
];
const TOKEN: &str = "the-zoo";

/// Talks to a child that misbehaves, for as long as somebody would; whatever it does is fine.
async fn talk(transport: StdioTransport) {
    let patience = Duration::from_millis(800);
    let Ok(Ok(client)) = timeout(patience, greet(transport)).await else {
        return;
    };
    let listed = client.peer().list_tools(None);
    let _ = timeout(patience, listed).await;
    let _ = timeout(patience, call(&client, "echo", json!({"text": "x"}))).await;
    let _ = timeout(patience, client.cancel()).await;
}

async fn live(behaviour: &'static str) {
    let (child, transport): (Child, StdioTransport) = start(TOKEN, &[behaviour]);
    talk(transport).await;
    child.stop(Duration::from_millis(100)).await;
}

/// In a process of its own, whose memory and children no other test has a part in.
#[test]
fn the_good_one_is_unaffected_and_nothing_is_left() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["zoo::the_whole_zoo", "--exact", "--nocapture"])
        .env(ALONE, "yes");
    one_test_passes(&mut command);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_zoo() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let cycles = number("ZOO_CYCLES", 100);
    let own = std::process::id();
    let (good, client) = meet("the-good", &["good"]).await;
    let (done, calls, slowest) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let calling = tokio::spawn({
        let (done, calls, slowest) = (done.clone(), calls.clone(), slowest.clone());
        async move {
            while !done.load(Ordering::Relaxed) {
                let start = Instant::now();
                let number = calls.fetch_add(1, Ordering::Relaxed);
                let said = call(&client, "echo", json!({"text": number.to_string()})).await;
                let said = said.expect("the good one answers");
                assert_eq!(said.content[0].as_text().unwrap().text, number.to_string());
                let took = u64::try_from(start.elapsed().as_micros()).unwrap();
                slowest.fetch_max(took, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            client
        }
    });
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut open = None;
    let mut started = 0;
    let mut rounds = Vec::new();
    while started < cycles {
        let mut all = JoinSet::new();
        for behaviour in BAD {
            all.spawn(live(behaviour));
            started += 1;
        }
        while let Some(each) = all.join_next().await {
            each.unwrap();
        }
        rounds.push(memory(own, "VmRSS"));
        let before = *open.get_or_insert_with(files);
        // A look at what is left behind opens one for a moment.
        assert!(
            until(Duration::from_secs(20), || files() <= before),
            "files stay open: {before}, now {}",
            files()
        );
    }
    done.store(true, Ordering::Relaxed);
    let client = calling.await.unwrap();
    // The first third fills what is filled once: pools, arenas, the runtime's threads.
    let (first, _) = rounds.split_at(rounds.len().div_ceil(3));
    let filled = first.iter().max().copied().unwrap_or_default();
    let grown = memory(own, "VmRSS").saturating_sub(filled);
    let most = memory(own, "VmHWM");
    println!(
        "{started} children of {} kinds; good: {} calls, slowest {} ms; memory +{grown} KiB, most {most} KiB",
        BAD.len(),
        calls.load(Ordering::Relaxed),
        slowest.load(Ordering::Relaxed) / 1_000,
    );
    assert!(calls.load(Ordering::Relaxed) > 0);
    // Several of them say as much as they can at the same time.
    assert!(most < 256 << 10, "{most} KiB");
    // Fewer rounds than this say nothing of growth.
    if rounds.len() >= 6 {
        assert!(grown < 20 << 10, "memory grew by {grown} KiB: {rounds:?}");
    }
    assert!(alive(TOKEN).is_empty(), "orphans");
    drop(client);
    good.stop(Duration::from_secs(2)).await;
    assert!(alive("the-good").is_empty(), "orphans");
    // Nothing of this process's own is left either, dead or alive.
    let supervisors = || children(own);
    assert!(
        until(Duration::from_secs(5), || supervisors().is_empty()),
        "{:?}",
        supervisors()
    );
}
