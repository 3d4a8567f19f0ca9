//! What is sent, how often, and what is used instead.

use super::*;

#[tokio::test]
async fn reads_are_repeated_and_writes_only_when_surely_nothing_was_done() {
    for (access, effect, requests, good) in [
        (Access::Read, Effect::Unknown, 3, true),
        (Access::Read, Effect::None, 3, true),
        (Access::Write, Effect::None, 3, true),
        (Access::Write, Effect::Unknown, 1, false),
    ] {
        let bench = bench().await;
        for kind in [FaultKind::Closed, FaultKind::TimedOut] {
            bench.servers.fails(kind, effect);
        }
        let outcome = bench
            .pipeline
            .call(call(tool("t", access), json!({})))
            .await;
        assert_eq!(bench.servers.calls(), requests, "{access:?} {effect:?}");
        assert_eq!(matches!(outcome, Outcome::Result(_)), good);
        if !good {
            let fault = failed(outcome);
            assert_eq!(fault.effect, Effect::Unknown);
            assert!(fault.hint.unwrap().contains("look before you repeat"));
        }
    }
}

#[tokio::test]
async fn a_key_makes_a_write_repeatable_and_stays_the_same() {
    let config = config(|_, server| {
        server.idempotency.insert("change".into(), "key".into());
    });
    let bench = bench_with(config, vec![]).await;
    bench.servers.fails(FaultKind::Closed, Effect::Unknown);
    result(bench.pipeline.call(write()).await);
    result(bench.pipeline.call(write()).await);
    let keys: Vec<String> = {
        let seen = bench.servers.seen.lock().unwrap();
        seen.iter()
            .map(|(_, arguments, _)| arguments["key"].to_string())
            .collect()
    };
    assert_eq!(keys[0], keys[1], "attempts of one call");
    assert_ne!(keys[1], keys[2], "another call");
}

#[tokio::test]
async fn an_idempotent_write_is_repeated() {
    let bench = bench().await;
    bench.servers.fails(FaultKind::Closed, Effect::Unknown);
    let mut tool = tool("put", Access::Write);
    tool.idempotent = true;
    result(bench.pipeline.call(call(tool, json!({}))).await);
    assert_eq!(bench.servers.calls(), 2);
}

#[tokio::test]
async fn the_circuit_opens_and_says_when_to_come_back() {
    let config = config(|config, _| {
        config.calls.attempts = 1;
        config.calls.breaker_failures = 3;
    });
    let bench = bench_with(config, vec![]).await;
    for _ in 0..3 {
        bench.servers.fails(FaultKind::Unreachable, Effect::None);
        failed(bench.pipeline.call(read()).await);
    }
    let fault = failed(bench.pipeline.call(read()).await);
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::CircuitOpen, Effect::None)
    );
    assert!(fault.retry_after.is_some());
    assert_eq!(bench.servers.calls(), 3);
    assert_eq!(
        bench.pipeline.server_status(&server("s")).breaker,
        BreakerState::Open
    );
}

#[tokio::test]
async fn a_server_that_refuses_is_not_a_server_that_fails() {
    let config = config(|config, _| config.calls.breaker_failures = 2);
    let bench = bench_with(config, vec![]).await;
    for _ in 0..10 {
        bench.servers.fails(FaultKind::Rejected, Effect::Answered);
        assert_eq!(
            failed(bench.pipeline.call(read()).await).kind,
            FaultKind::Rejected
        );
    }
    assert_eq!(bench.servers.calls(), 10);
}

#[tokio::test]
async fn calls_at_one_server_are_bounded() {
    let config = config(|_, server| server.concurrency = Some(2));
    let bench = bench_with(config, vec![]).await;
    for _ in 0..8 {
        bench
            .servers
            .after(Duration::from_millis(20), || Ok(text("x")));
    }
    let calls = (0..8).map(|_| bench.pipeline.call(read()));
    for outcome in futures::future::join_all(calls).await {
        result(outcome);
    }
    assert_eq!(bench.servers.most_at_work.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_slow_read_is_sent_a_second_time_and_a_slow_write_is_not() {
    let config = config(|config, _| config.calls.hedge_millis = Some(20));
    let bench = bench_with(config, vec![]).await;
    bench
        .servers
        .after(Duration::from_secs(15), || Ok(text("slow")));
    let started = Instant::now();
    let result = result(bench.pipeline.call(read()).await);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(marks(&result)["hedged"], true);
    assert_eq!(bench.servers.calls(), 2);
    bench
        .servers
        .after(Duration::from_millis(200), || Ok(text("slow")));
    bench.pipeline.call(write()).await;
    assert_eq!(bench.servers.calls(), 3);
}

#[tokio::test]
async fn another_tool_is_used_only_when_nothing_can_be_done_twice() {
    let other = Arc::new(tool("other", Access::Write));
    let config = config(|config, server| {
        config.calls.attempts = 1;
        server
            .fallback
            .insert("look".into(), vec!["s/other".into(), "s/look2".into()]);
        server
            .fallback
            .insert("change".into(), vec!["other".into()]);
    });
    let look2 = Arc::new(tool("look2", Access::Read));
    let bench = bench_with(config, vec![other, look2]).await;
    bench.servers.fails(FaultKind::Unreachable, Effect::None);
    let result_ = result(bench.pipeline.call(read()).await);
    assert_eq!(
        marks(&result_)["fallback"],
        "look2",
        "a write never stands in for a read"
    );
    bench.servers.fails(FaultKind::Unreachable, Effect::None);
    assert_eq!(
        marks(&result(bench.pipeline.call(write()).await))["fallback"],
        "other"
    );
    let before = bench.servers.calls();
    bench.servers.fails(FaultKind::Closed, Effect::Unknown);
    failed(bench.pipeline.call(write()).await);
    assert_eq!(bench.servers.calls(), before + 1);
}

#[tokio::test]
async fn no_other_tool_is_used_when_any_attempt_may_have_done_something() {
    let config = config(|_, server| {
        server.fallback.insert("put".into(), vec!["other".into()]);
    });
    let bench = bench_with(config, vec![Arc::new(tool("other", Access::Write))]).await;
    bench.servers.fails(FaultKind::Closed, Effect::Unknown);
    for _ in 0..2 {
        bench.servers.fails(FaultKind::Unreachable, Effect::None);
    }
    let mut put = tool("put", Access::Write);
    put.idempotent = true;
    let fault = failed(bench.pipeline.call(call(put, json!({}))).await);
    assert_eq!(fault.effect, Effect::Unknown);
    let hint = fault.hint.unwrap();
    assert!(
        hint.contains("look before you repeat") && !hint.contains("not sent again"),
        "{hint}"
    );
    assert_eq!(bench.servers.calls(), 3);
}

#[tokio::test]
async fn the_circuit_of_a_server_that_stands_in_is_written_down() {
    let mut config = config(|config, server| {
        config.calls.attempts = 1;
        config.calls.breaker_failures = 1;
        server
            .fallback
            .insert("look".into(), vec!["t/look2".into()]);
    });
    config.servers.insert(server("t"), ServerConfig::default());
    let mut other = tool("look2", Access::Read);
    other.server = server("t");
    let bench = bench_with(config, vec![Arc::new(other)]).await;
    for _ in 0..2 {
        bench.servers.fails(FaultKind::Unreachable, Effect::None);
    }
    failed(bench.pipeline.call(read()).await);
    let text = bench.figures.render();
    for server in ["s", "t"] {
        let open = format!("agent_breaker{{server=\"{server}\"}} 2");
        assert!(text.contains(&open), "{text}");
    }
}

#[tokio::test]
async fn who_gives_up_is_answered_at_once() {
    let bench = bench().await;
    bench
        .servers
        .after(Duration::from_mins(1), || Ok(text("never")));
    let one = write();
    let cancelled = one.scope.cancelled.clone();
    let pipeline = bench.pipeline.clone();
    let task = tokio::spawn(async move { pipeline.call(one).await });
    while bench.servers.calls() == 0 {
        tokio::task::yield_now().await;
    }
    cancelled.cancel();
    let fault = failed(task.await.unwrap());
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::Cancelled, Effect::Unknown)
    );
    assert_eq!(bench.servers.calls(), 1);
}
