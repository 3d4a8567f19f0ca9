//! Google down for everybody, and back again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use foundation::{Kind, SeededRandom};
use google_api::{Google, StaticToken};
use tokio::time::{Instant, interval, sleep};

use crate::google::{Stand, refuse, say};

const RATE: usize = 500;
const SECONDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_not_made_worse_and_ends_soon_after_it_ended() {
    let down = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(AtomicUsize::new(0));
    let (state, count) = (Arc::clone(&down), Arc::clone(&asked));
    let stand = Stand::start(move |seen, _| {
        if seen.target.contains("drive") {
            return say(200, "{}");
        }
        count.fetch_add(1, Ordering::SeqCst);
        if state.load(Ordering::SeqCst) {
            refuse(503, "backendError")
        } else {
            say(200, "{}")
        }
    })
    .await;
    let mut config = stand.config();
    config.random = Arc::new(SeededRandom::new(1));
    let google = Google::new(config);
    let client = |number: usize| {
        let token = StaticToken("token-1".to_owned().into());
        google.client(&format!("user-{}", number % 50), Arc::new(token))
    };
    let labels = |number| {
        client(number)
            .call("gmail.users.labels.list")
            .param("userId", "me")
            .send()
    };

    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(RATE).unwrap());
    let mut calls = Vec::new();
    for number in 0..RATE * SECONDS {
        ticks.tick().await;
        calls.push(tokio::spawn(labels(number)));
    }
    // Another API is as fast as ever meanwhile.
    let begun = Instant::now();
    client(1)
        .call("drive.about.get")
        .fields("user")
        .send()
        .await
        .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1));
    let mut spared = 0;
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        spared += usize::from(error.kind == Kind::Busy);
    }
    let offered = RATE * SECONDS;
    let sent = asked.load(Ordering::SeqCst);
    assert!(
        sent <= offered * 12 / 10,
        "{sent} requests for {offered} calls"
    );
    assert!(
        spared > offered / 2,
        "the breaker spared only {spared} of {offered}"
    );

    down.store(false, Ordering::SeqCst);
    let healed = Instant::now();
    while labels(0).await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(
        healed.elapsed() <= Duration::from_secs(10),
        "{:?}",
        healed.elapsed()
    );
}
