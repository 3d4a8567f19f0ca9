//! The figures of calls, watched.

use super::*;
use crate::{
    alerts::{Watch, firing},
    config::AlertMetric,
};

async fn eventually(what: &str, met: impl Fn() -> bool) {
    let begun = Instant::now();
    while !met() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_fails_is_told_of_until_it_does_not_or_nobody_looks() {
    let config = config(|config, _| {
        config.calls.attempts = 1;
        config.calls.breaker_failures = 1_000;
    });
    let bench = bench_with(config.clone(), vec![]).await;
    let ended = CancellationToken::new();
    let watch = Watch {
        config: Arc::new(config),
        servers: bench.servers.clone(),
        pipeline: bench.pipeline.clone(),
        approvals: bench.approvals.clone(),
        store: bench.store.clone(),
        metrics: bench.pipeline.metrics().clone(),
        clock: Arc::new(SystemClock),
        instance: "one".into(),
    };
    let often = Duration::from_millis(20);
    let watching = tokio::spawn(watch.run_every(often, ended.clone()));
    let fires = || {
        let now = SystemClock.now().as_millisecond();
        firing(&bench.store, now).unwrap()
    };
    let fail = async |times| {
        for _ in 0..times {
            bench.servers.fails(FaultKind::Closed, Effect::Unknown);
            failed(bench.pipeline.call(read()).await);
        }
        bench.journal.flush().await;
    };
    fail(5).await;
    eventually("it fires", || !fires().is_empty()).await;
    let alert = fires().remove(0);
    assert_eq!(
        (alert.metric, alert.server.as_deref(), alert.value),
        (AlertMetric::ErrorRate, Some("s"), 1.0)
    );
    let labels = "{metric=\"error_rate\",severity=\"medium\"} 1";
    let text = bench.figures.render();
    for name in ["agent_alerts_total", "agent_alerts_firing"] {
        assert!(text.contains(&format!("{name}{labels}")), "{text}");
    }
    for _ in 0..20 {
        result(bench.pipeline.call(read()).await);
    }
    bench.journal.flush().await;
    eventually("it is over", || fires().is_empty()).await;

    fail(50).await;
    eventually("it fires again", || !fires().is_empty()).await;
    ended.cancel();
    watching.await.unwrap();
    assert!(fires().is_empty(), "nobody looks any more");
}
