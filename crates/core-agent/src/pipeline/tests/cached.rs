//! Results that are kept for the next call.

use super::*;

#[tokio::test]
async fn kept_results_belong_to_one_principal_and_end_with_a_write() {
    let config = config(|_, server| {
        server.cache_seconds.insert("look".into(), 60);
    });
    let bench = bench_with(config, vec![]).await;
    let of = |who: &str| {
        let mut call = read();
        call.scope.actor = actor(who);
        call
    };
    assert!(
        marks(&result(bench.pipeline.call(of("ann")).await))
            .get("cached")
            .is_none()
    );
    assert_eq!(
        marks(&result(bench.pipeline.call(of("ann")).await))["cached"],
        true
    );
    assert_eq!(bench.servers.calls(), 1);
    result(bench.pipeline.call(of("bob")).await);
    assert_eq!(bench.servers.calls(), 2);
    let mut for_somebody = of("ann");
    let mut actor = (*for_somebody.scope.actor).clone();
    actor.user.email = Some("carl@example.com".into());
    for_somebody.scope.actor = Arc::new(actor);
    result(bench.pipeline.call(for_somebody).await);
    assert_eq!(
        bench.servers.calls(),
        3,
        "another end user is somebody else"
    );
    result(bench.pipeline.call(write()).await);
    result(bench.pipeline.call(of("ann")).await);
    assert_eq!(bench.servers.calls(), 5);
}

#[tokio::test]
async fn failures_are_not_kept_and_identical_reads_are_made_once() {
    let config = config(|config, server| {
        config.calls.attempts = 1;
        server.cache_seconds.insert("*".into(), 60);
    });
    let bench = bench_with(config, vec![]).await;
    bench.servers.fails(FaultKind::Closed, Effect::Unknown);
    failed(bench.pipeline.call(read()).await);
    bench
        .servers
        .after(Duration::from_millis(300), || Ok(text("slow")));
    let calls = (0..20).map(|_| bench.pipeline.call(read()));
    for outcome in futures::future::join_all(calls).await {
        result(outcome);
    }
    assert_eq!(bench.servers.calls(), 2);
}

#[tokio::test]
async fn who_gives_up_does_not_take_the_others_along() {
    let config = config(|_, server| {
        server.cache_seconds.insert("*".into(), 60);
    });
    let bench = bench_with(config, vec![]).await;
    bench
        .servers
        .after(Duration::from_mins(1), || Ok(text("never")));
    let first = read();
    let cancelled = first.scope.cancelled.clone();
    let pipeline = bench.pipeline.clone();
    let leader = tokio::spawn(async move { pipeline.call(first).await });
    while bench.servers.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let pipeline = bench.pipeline.clone();
    let follower = tokio::spawn(async move { pipeline.call(read()).await });
    tokio::task::yield_now().await;
    cancelled.cancel();
    assert_eq!(failed(leader.await.unwrap()).kind, FaultKind::Cancelled);
    result(follower.await.unwrap());
    assert_eq!(bench.servers.calls(), 2);
}

#[tokio::test]
async fn a_write_that_stands_in_ends_what_is_kept_of_its_own_server() {
    let mut config = config(|config, server| {
        config.calls.attempts = 1;
        server
            .fallback
            .insert("change".into(), vec!["t/change2".into()]);
    });
    let mut other = ServerConfig::default();
    other.cache_seconds.insert("look".into(), 60);
    config.servers.insert(server("t"), other);
    let of_other = |name, access| HubTool {
        server: server("t"),
        ..tool(name, access)
    };
    let bench = bench_with(config, vec![Arc::new(of_other("change2", Access::Write))]).await;
    let look = || call(of_other("look", Access::Read), json!({}));
    for _ in 0..2 {
        result(bench.pipeline.call(look()).await);
    }
    assert_eq!(bench.servers.calls(), 1);
    bench.servers.fails(FaultKind::Unreachable, Effect::None);
    let stood_in = result(bench.pipeline.call(write()).await);
    assert_eq!(marks(&stood_in)["fallback"], "change2");
    let looked = result(bench.pipeline.call(look()).await);
    assert!(marks(&looked).get("cached").is_none());
    assert_eq!(bench.servers.calls(), 4);
}
