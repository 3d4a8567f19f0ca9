//! Approvals from the question to their use.

use foundation::{ManualClock, SystemRandom};
use mcp_service::Principal;

use super::*;

struct Bench {
    _folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    approvals: Approvals,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).unwrap();
    let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let approvals = Approvals::new(store, 60, clock.clone(), Arc::new(SystemRandom));
    Bench {
        _folder: folder,
        clock,
        approvals,
    }
}

fn actor(key: &str, speaks: bool) -> Actor {
    Actor {
        principal: Principal::new(key),
        speaks_for_person: speaks,
        ..Actor::local()
    }
}

fn request(actor: &Actor, digest: &str) -> Request {
    Request {
        digest: digest.to_owned(),
        principal: principal_key(actor),
        caller: actor.name.to_string(),
        server: "s".into(),
        tool: "t".into(),
        policies: vec!["p".into()],
        question: "may it?".into(),
        by_client: actor.speaks_for_person,
        round: false,
    }
}

impl Bench {
    async fn ask(&self, actor: &Actor, digest: &str) -> Found {
        self.approvals
            .find_or_ask(request(actor, digest))
            .await
            .unwrap()
    }

    async fn waiting(&self, actor: &Actor, digest: &str) -> String {
        match self.ask(actor, digest).await {
            Found::Waiting(id) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn take(&self, id: &str) -> bool {
        self.take_for(id, false).await
    }

    async fn take_for(&self, id: &str, round: bool) -> bool {
        let using = self.approvals.using(id.to_owned(), "a".into(), round);
        self.approvals.store.write(using).await.unwrap()
    }

    fn pass(&self, minutes: i64) {
        self.clock.advance(jiff::SignedDuration::from_mins(minutes));
    }
}

#[tokio::test]
async fn one_approval_is_one_call() {
    let bench = bench();
    let ann = actor("ann", false);
    let id = bench.waiting(&ann, "d").await;
    assert_eq!(
        bench.waiting(&ann, "d").await,
        id,
        "the same question is asked once"
    );
    assert!(!bench.take(&id).await, "no answer is no");
    bench
        .approvals
        .answer(&id, true, "person", None)
        .await
        .unwrap();
    assert_eq!(bench.ask(&ann, "d").await, Found::Approved(id.clone()));
    let all: Vec<bool> = futures::future::join_all((0..8).map(|_| bench.take(&id))).await;
    assert_eq!(all.iter().filter(|taken| **taken).count(), 1);
    assert_ne!(
        bench.waiting(&ann, "d").await,
        id,
        "the next call is asked for again"
    );
}

#[tokio::test]
async fn an_approval_is_for_one_principal_and_one_digest() {
    let bench = bench();
    let (ann, bob) = (actor("ann", false), actor("bob", false));
    let id = bench.waiting(&ann, "d").await;
    bench
        .approvals
        .answer(&id, true, "person", None)
        .await
        .unwrap();
    assert!(matches!(bench.ask(&bob, "d").await, Found::Waiting(_)));
    assert!(matches!(bench.ask(&ann, "e").await, Found::Waiting(_)));
}

#[tokio::test]
async fn no_answer_in_time_is_no() {
    let bench = bench();
    let ann = actor("ann", false);
    let id = bench.waiting(&ann, "d").await;
    bench.pass(61);
    let late = bench.approvals.answer(&id, true, "person", None).await;
    assert!(matches!(late, Err(AnswerError::NotWaiting(_))));
    assert_eq!(
        bench.approvals.get(&id).unwrap().unwrap().state,
        ApprovalState::Expired
    );
    let next = bench.waiting(&ann, "d").await;
    bench
        .approvals
        .answer(&next, true, "person", None)
        .await
        .unwrap();
    bench.pass(61);
    assert!(!bench.take(&next).await, "a yes ends too");
}

#[tokio::test]
async fn a_no_is_remembered_until_it_ends() {
    let bench = bench();
    let ann = actor("ann", false);
    let id = bench.waiting(&ann, "d").await;
    bench
        .approvals
        .answer(&id, false, "person", None)
        .await
        .unwrap();
    assert_eq!(bench.ask(&ann, "d").await, Found::Declined(id.clone()));
    let again = bench.approvals.answer(&id, true, "person", None).await;
    assert!(
        matches!(again, Err(AnswerError::NotWaiting(_))),
        "answered is answered"
    );
    bench.pass(61);
    assert!(matches!(bench.ask(&ann, "d").await, Found::Waiting(_)));
}

#[tokio::test]
async fn a_client_answers_only_for_a_person_and_for_itself() {
    let bench = bench();
    let (ann, bob, bot) = (actor("ann", true), actor("bob", true), actor("bot", false));
    let id = bench.waiting(&bot, "d").await;
    let refused = bench.approvals.answer_by_client(&id, &bot, true).await;
    assert!(matches!(refused, Err(AnswerError::NotAPerson(_))));
    let id = bench.waiting(&ann, "d").await;
    let refused = bench.approvals.answer_by_client(&id, &bob, true).await;
    assert!(matches!(refused, Err(AnswerError::NotWaiting(_))));
    bench
        .approvals
        .answer_by_client(&id, &ann, true)
        .await
        .unwrap();
    assert!(bench.take(&id).await);
}

#[tokio::test]
async fn a_span_counts_again_and_again_until_it_ends() {
    let bench = bench();
    let ann = actor("ann", false);
    let id = bench.waiting(&ann, "d").await;
    let span = Some(Duration::from_mins(10));
    bench
        .approvals
        .answer(&id, true, "person", span)
        .await
        .unwrap();
    assert!(bench.take(&id).await && bench.take(&id).await);
    bench.pass(11);
    assert!(!bench.take(&id).await);
}

#[tokio::test]
async fn questions_of_one_caller_are_bounded() {
    let bench = bench();
    let ann = actor("ann", false);
    for n in 0..MOST_WAITING + 20 {
        bench.waiting(&ann, &format!("d{n}")).await;
        bench.clock.advance(jiff::SignedDuration::from_millis(1));
    }
    assert_eq!(
        bench.approvals.waiting().unwrap(),
        MOST_WAITING.unsigned_abs()
    );
}

#[tokio::test]
async fn the_rounds_of_an_approved_call_go_on_and_nothing_else_does() {
    let bench = bench();
    let (ann, bob) = (actor("ann", false), actor("bob", false));
    let asked = async |actor: &Actor, digest: &str| {
        let request = Request {
            round: true,
            ..request(actor, digest)
        };
        bench.approvals.find_or_ask(request).await.unwrap()
    };
    let settled = async |id: &str, left: Left| {
        let id = id.to_owned();
        let done = bench.approvals.store.write(move |tx| settle(tx, &id, left));
        done.await.unwrap();
    };
    let id = bench.waiting(&ann, "d").await;
    let given = bench.approvals.answer(&id, true, "person", None);
    given.await.unwrap();
    assert!(bench.take(&id).await);
    settled(&id, Left::Nothing).await;
    assert!(
        matches!(asked(&ann, "d").await, Found::Waiting(_)),
        "a round nobody asked for is no round"
    );
    settled(&id, Left::Rounds).await;
    assert!(matches!(bench.ask(&ann, "d").await, Found::Waiting(_)));
    assert!(!bench.take(&id).await, "a new call is no round");
    assert!(matches!(asked(&bob, "d").await, Found::Waiting(_)));
    assert!(matches!(asked(&ann, "e").await, Found::Waiting(_)));
    assert_eq!(asked(&ann, "d").await, Found::Approved(id.clone()));
    assert_eq!(
        bench.approvals.get(&id).unwrap().unwrap().state,
        ApprovalState::Used
    );
    assert!(bench.take_for(&id, true).await);
    assert!(!bench.take_for(&id, true).await, "each round goes on once");
    settled(&id, Left::Rounds).await;
    bench.pass(61);
    assert!(!bench.take_for(&id, true).await, "rounds end with time");
}

#[tokio::test]
async fn the_rounds_of_one_call_are_bounded() {
    let bench = bench();
    let ann = actor("ann", false);
    let id = bench.waiting(&ann, "d").await;
    let given = bench.approvals.answer(&id, true, "person", None);
    given.await.unwrap();
    let mut made = 0;
    while bench.take_for(&id, true).await {
        made += 1;
        assert!(made < 100, "it ends");
        let own = id.clone();
        let done = bench
            .approvals
            .store
            .write(move |tx| settle(tx, &own, Left::Rounds));
        done.await.unwrap();
    }
    assert_eq!(made, 17, "the call and sixteen rounds");
}
