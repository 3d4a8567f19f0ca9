//! Calls that need a person.

use super::*;

#[tokio::test]
async fn destruction_by_strangers_waits_for_a_person_and_happens_once() {
    let bench = bench().await;
    let destroy = |n: i64| call(tool("destroy", Access::Destructive), json!({"n": n}));
    let Outcome::ApprovalNeeded(needed) = bench.pipeline.call(destroy(1)).await else {
        panic!("a person is asked");
    };
    assert!(needed.question.contains("destroy"), "{}", needed.question);
    assert_eq!(bench.servers.calls(), 0);
    bench
        .approvals
        .answer(&needed.id, true, "person", None)
        .await
        .unwrap();
    // Other arguments are another call.
    assert!(matches!(
        bench.pipeline.call(destroy(2)).await,
        Outcome::ApprovalNeeded(_)
    ));
    let (one, other) = tokio::join!(
        bench.pipeline.call(destroy(1)),
        bench.pipeline.call(destroy(1))
    );
    let made = [&one, &other]
        .into_iter()
        .filter(|outcome| matches!(outcome, Outcome::Result(_)))
        .count();
    assert_eq!((made, bench.servers.calls()), (1, 1));
    assert!(matches!(
        bench.pipeline.call(destroy(1)).await,
        Outcome::ApprovalNeeded(_)
    ));
    let audit = bench.journal.audit();
    assert!(audit.verify().unwrap().faults.is_empty());
    let kinds: Vec<String> = audit
        .list(10)
        .unwrap()
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    for expected in ["approval_asked", "approval_given", "approval_used"] {
        assert!(kinds.iter().any(|kind| kind == expected), "{kinds:?}");
    }
}

#[tokio::test]
async fn an_approval_whose_call_did_nothing_counts_again() {
    let config = config(|config, _| config.calls.attempts = 1);
    let bench = bench_with(config, vec![]).await;
    let destroy = || call(tool("destroy", Access::Destructive), json!({}));
    let Outcome::ApprovalNeeded(needed) = bench.pipeline.call(destroy()).await else {
        panic!("a person is asked");
    };
    bench
        .approvals
        .answer(&needed.id, true, "person", None)
        .await
        .unwrap();
    bench.servers.fails(FaultKind::Unreachable, Effect::None);
    assert_eq!(
        failed(bench.pipeline.call(destroy()).await).kind,
        FaultKind::Unreachable
    );
    // At once: what is left of the approval is there when the failure is.
    result(bench.pipeline.call(destroy()).await);
    assert!(matches!(
        bench.pipeline.call(destroy()).await,
        Outcome::ApprovalNeeded(_)
    ));
}

#[tokio::test]
async fn an_approval_is_used_up_when_any_attempt_may_have_done_something() {
    let bench = bench().await;
    let destroy = || {
        let mut tool = tool("destroy", Access::Destructive);
        tool.idempotent = true;
        call(tool, json!({}))
    };
    let Outcome::ApprovalNeeded(needed) = bench.pipeline.call(destroy()).await else {
        panic!("a person is asked");
    };
    let given = bench.approvals.answer(&needed.id, true, "person", None);
    given.await.unwrap();
    bench.servers.fails(FaultKind::Closed, Effect::Unknown);
    for _ in 0..2 {
        bench.servers.fails(FaultKind::Unreachable, Effect::None);
    }
    let fault = failed(bench.pipeline.call(destroy()).await);
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::Unreachable, Effect::Unknown)
    );
    assert!(matches!(
        bench.pipeline.call(destroy()).await,
        Outcome::ApprovalNeeded(_)
    ));
}

#[tokio::test]
async fn the_rounds_of_an_approved_call_need_no_second_approval() {
    let bench = bench().await;
    let destroy = |n: i64, round: bool| Call {
        round: round.then(|| Round {
            responses: InputResponses::new(),
            state: Some("theirs".into()),
        }),
        ..call(tool("destroy", Access::Destructive), json!({"n": n}))
    };
    let asks = || {
        let asked = InputRequiredResult::new(None, Some("theirs".to_owned()));
        Ok(ServerResult::InputRequiredResult(asked))
    };
    let waits = async |call: Call| match bench.pipeline.call(call).await {
        Outcome::ApprovalNeeded(needed) => needed.id,
        other => panic!("a person is asked: {other:?}"),
    };
    waits(destroy(1, true)).await;
    let id = waits(destroy(1, false)).await;
    let given = bench.approvals.answer(&id, true, "person", None);
    given.await.unwrap();
    bench.servers.then(asks).then(asks);
    for round in [false, true] {
        let outcome = bench.pipeline.call(destroy(1, round)).await;
        assert!(matches!(outcome, Outcome::InputRequired(_)), "{outcome:?}");
    }
    waits(destroy(2, true)).await;
    let mut other = destroy(1, true);
    other.scope.actor = actor("bob");
    waits(other).await;
    waits(destroy(1, false)).await;
    assert_eq!(bench.servers.calls(), 2);
    result(bench.pipeline.call(destroy(1, true)).await);
    bench.journal.flush().await;
    waits(destroy(1, true)).await;
    assert_eq!(bench.servers.calls(), 3);
}

#[tokio::test]
async fn a_declined_call_is_not_made() {
    let bench = bench().await;
    let destroy = || call(tool("destroy", Access::Destructive), json!({}));
    let Outcome::ApprovalNeeded(needed) = bench.pipeline.call(destroy()).await else {
        panic!("a person is asked");
    };
    bench
        .approvals
        .answer(&needed.id, false, "person", None)
        .await
        .unwrap();
    let refusal = refused(bench.pipeline.call(destroy()).await);
    assert_eq!(refusal.kind, RefusalKind::Declined);
    assert_eq!(bench.servers.calls(), 0);
}

#[tokio::test]
async fn trusted_servers_need_no_person() {
    let config = config(|_, server| server.trust = TrustLevel::Trusted);
    let bench = bench_with(config, vec![]).await;
    let destroy = call(tool("destroy", Access::Destructive), json!({}));
    result(bench.pipeline.call(destroy).await);
}
