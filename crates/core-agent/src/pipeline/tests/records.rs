//! What does not reach a server, and what is left of a call.

use super::*;

#[tokio::test]
async fn changed_tools_and_wrong_arguments_do_not_reach_the_server() {
    let bench = bench().await;
    let mut changed = tool("t", Access::Read);
    changed.standing = Standing::Changed { diff: "d".into() };
    let refusal = refused(bench.pipeline.call(call(changed, json!({}))).await);
    assert_eq!(refusal.kind, RefusalKind::Blocked);
    let wrong = call(tool("t", Access::Read), json!({"n": "many"}));
    let refusal = refused(bench.pipeline.call(wrong).await);
    assert_eq!(refusal.kind, RefusalKind::InvalidArguments);
    assert_eq!(bench.servers.calls(), 0);
    assert_eq!(bench.states().await, [("refused".to_owned(), 2)].into());
    let fitting = call(tool("t", Access::Read), json!({"n": "7"}));
    let result = result(bench.pipeline.call(fitting).await);
    assert_eq!(bench.servers.seen.lock().unwrap()[0].1["n"], 7);
    assert_eq!(
        marks(&result)["changedArguments"][0],
        "/n: text read as a number"
    );
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_written_down() {
    let bench = bench().await;
    bench
        .servers
        .after(Duration::from_mins(1), || Ok(text("never")));
    let pipeline = bench.pipeline.clone();
    let task = tokio::spawn(async move { pipeline.call(write()).await });
    while bench.servers.calls() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.states().await, [("open".to_owned(), 1)].into());
    task.abort();
    let _ = task.await;
    assert_eq!(bench.states().await, [("unknown".to_owned(), 1)].into());
    let attempts: i64 = bench
        .store
        .read(|db| db.query_row("SELECT attempts FROM calls", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn budgets_are_kept() {
    let config = config(|config, _| {
        config.budgets = BudgetConfig {
            calls_per_run: Some(2),
            ..BudgetConfig::default()
        };
    });
    let bench = bench_with(config, vec![]).await;
    let in_run = || Call {
        run: Some("r".into()),
        ..read()
    };
    result(bench.pipeline.call(in_run()).await);
    result(bench.pipeline.call(in_run()).await);
    let refusal = refused(bench.pipeline.call(in_run()).await);
    assert_eq!(refusal.kind, RefusalKind::OverBudget);
    assert_eq!(bench.servers.calls(), 2);
}

#[tokio::test]
async fn a_callers_trace_goes_on_to_the_server() {
    let bench = bench().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut one = read();
    one.scope.meta.insert("traceparent".into(), parent.into());
    result(bench.pipeline.call(one).await);
    assert_eq!(
        bench.servers.seen.lock().unwrap()[0].2["traceparent"],
        parent
    );
    bench.journal.flush().await;
    let trace: String = bench
        .store
        .read(|db| db.query_row("SELECT trace FROM calls", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");
}

#[tokio::test]
async fn what_may_have_an_effect_is_not_done_without_a_journal() {
    let bench = bench().await;
    bench
        .store
        .write(|tx| tx.execute_batch("DROP TABLE calls"))
        .await
        .unwrap();
    let refusal = refused(bench.pipeline.call(write()).await);
    assert!(refusal.message.contains("journal"), "{}", refusal.message);
    assert_eq!(bench.servers.calls(), 0);
    result(bench.pipeline.call(read()).await);
}

#[tokio::test]
async fn each_attempt_is_a_span_of_its_own_in_the_callers_trace() {
    // Nobody collects: calls do not notice.
    let config = config(|config, _| {
        config.telemetry.otlp_endpoint = Some("http://127.0.0.1:9".into());
    });
    let bench = bench_with(config, vec![]).await;
    bench.servers.fails(FaultKind::Closed, Effect::None);
    let mut one = read();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    one.scope.meta.insert("traceparent".into(), parent.into());
    result(bench.pipeline.call(one).await);
    let seen: Vec<String> = {
        let seen = bench.servers.seen.lock().unwrap();
        seen.iter()
            .map(|(_, _, meta)| meta["traceparent"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0], seen[1]);
    for sent in &seen {
        assert!(
            sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{sent}"
        );
        assert!(!sent.contains("b7ad6b7169203331"), "{sent}");
    }
    // Without a caller's trace the call begins one.
    result(bench.pipeline.call(read()).await);
    let begun = bench.servers.seen.lock().unwrap()[2].2["traceparent"].clone();
    assert!(
        !begun
            .as_str()
            .unwrap()
            .contains("0af7651916cd43dd8448eb211c80319c")
    );
}

#[tokio::test]
async fn records_that_are_dropped_are_counted() {
    let bench = bench().await;
    let intent = crate::journal::Intent {
        server: server("s"),
        tool: "look".into(),
        access: Access::Read,
        caller: "ann".into(),
        run: None,
        trace: None,
        digest: String::new(),
        approval: None,
    };
    // Nobody takes them away meanwhile: this task does not let go.
    for _ in 0..5_000 {
        let ending = crate::journal::Ending::dropped(1, 0);
        bench.journal.record(intent.clone(), ending);
    }
    let text = bench.figures.render();
    assert!(text.contains("agent_records_dropped_total 904"), "{text}");
}

#[tokio::test]
async fn a_call_that_was_given_up_is_charged_to_its_run() {
    let config = config(|config, _| config.budgets.seconds_per_run = Some(1));
    let bench = bench_with(config, vec![]).await;
    bench
        .servers
        .after(Duration::from_mins(1), || Ok(text("never")));
    let in_run = || Call {
        run: Some("r".into()),
        ..read()
    };
    let given_up =
        tokio::time::timeout(Duration::from_millis(1_100), bench.pipeline.call(in_run()));
    assert!(given_up.await.is_err());
    let refusal = refused(bench.pipeline.call(in_run()).await);
    assert_eq!(refusal.kind, RefusalKind::OverBudget);
}

#[tokio::test]
async fn a_circuit_another_process_left_open_is_noted_as_it_is() {
    let bench = bench().await;
    let left = bench
        .store
        .write(|tx| tx.execute("INSERT INTO server_health VALUES ('s', 'open', 0)", []));
    left.await.unwrap();
    result(bench.pipeline.call(read()).await);
    let mut noted = String::new();
    for _ in 0..1_000 {
        noted = bench
            .store
            .read(|db| db.query_row("SELECT breaker FROM server_health", [], |row| row.get(0)))
            .unwrap();
        if noted == "closed" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{noted}");
}
