//! The send loop: what is sent, what is repeated, what callers learn.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use foundation::Kind;
use futures::future::BoxFuture;
use google_api::{
    AccessToken, CallRecord, Google, Idempotency, TokenError, TokenSource, join_bounded,
};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::google::{Stand, Step, client_of, refuse, say};

const LIST: &str = "gmail.users.labels.list";
const SEND: &str = "gmail.users.messages.send";

#[tokio::test]
async fn a_call_carries_what_google_wants() {
    let stand = Stand::steps(vec![say(200, json!({"labels": []})), say(200, "{}")]).await;
    let mut config = stand.config();
    config.quota_project = Some("billing-1".to_owned());
    let client = client_of(&Google::new(config));
    let answer = client
        .call(LIST)
        .param("userId", "me")
        .fields("labels(id,name)")
        .send()
        .await;
    assert_eq!(answer.unwrap(), json!({"labels": []}));
    client
        .call("gmail.users.messages.trash")
        .param("userId", "me")
        .param("id", "a b")
        .send()
        .await
        .unwrap();

    let seen = stand.seen();
    assert_eq!(
        seen[0].target,
        "/gmail.googleapis.com/gmail/v1/users/me/labels?alt=json&fields=labels%28id%2Cname%29"
    );
    assert_eq!(seen[0].header("authorization"), Some("Bearer token-1"));
    assert_eq!(seen[0].header("x-goog-user-project"), Some("billing-1"));
    assert!(
        seen[0]
            .header("x-goog-api-client")
            .unwrap()
            .starts_with("gl-rust/")
    );
    let agent = seen[0].header("user-agent").unwrap();
    assert!(
        agent.starts_with("workspace-mcp/") && agent.contains("gzip"),
        "{agent}"
    );
    assert!(seen[0].header("accept-encoding").unwrap().contains("gzip"));
    assert_eq!(seen[1].method, "POST");
    assert_eq!(seen[1].header("content-length"), Some("0"));
    assert!(seen[1].target.contains("/messages/a%20b/trash?"));
}

#[tokio::test]
async fn one_call_survives_two_limits_and_an_outage() {
    let stand = Stand::steps(vec![
        refuse(403, "rateLimitExceeded"),
        refuse(429, "rateLimitExceeded").with("retry-after", 1),
        refuse(503, "backendError"),
        say(200, json!({"labels": [{"id": "INBOX"}]})),
    ])
    .await;
    let records: Arc<Mutex<Vec<CallRecord>>> = Arc::default();
    let noted = Arc::clone(&records);
    let config = stand.config().observed_by(Arc::new(move |record| {
        noted.lock().unwrap().push(record.clone());
    }));
    let begun = Instant::now();
    let answer = client_of(&Google::new(config))
        .call(LIST)
        .param("userId", "me")
        .send()
        .await
        .unwrap();
    assert_eq!(answer["labels"][0]["id"], "INBOX");
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_secs(1),
        "Retry-After was not obeyed: {waited:?}"
    );
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].attempts, records[0].rate_limited), (4, 2));
    assert_eq!((records[0].status, records[0].failure), (Some(200), None));
    assert_eq!((records[0].method, records[0].api), (LIST, "gmail"));
}

#[tokio::test]
async fn a_send_whose_answer_was_lost_is_never_repeated() {
    let committed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&committed);
    // The mail is sent; then the answer is lost in one of the ways answers get lost.
    let stand = Stand::start(move |_, number| {
        counter.fetch_add(1, Ordering::SeqCst);
        match number % 4 {
            0 => Step::Drop,
            1 => Step::Break(
                200,
                vec![("content-length", "400".into())],
                "{\"id\":".into(),
            ),
            2 => refuse(503, "backendError"),
            _ => refuse(500, "backendError"),
        }
    })
    .await;
    for round in 1..=100 {
        // A process each time, so that the breaker of one round does not help the next.
        let error = stand
            .client()
            .call(SEND)
            .param("userId", "me")
            .body(json!({"raw": "TWVzc2FnZQ"}))
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Unknown, "{error:?}");
        assert!(error.hint.unwrap().contains("look whether it took effect"));
        assert_eq!(committed.load(Ordering::SeqCst), round);
    }
}

#[tokio::test]
async fn a_send_that_was_limited_is_repeated_because_it_was_not_executed() {
    let stand = Stand::steps(vec![
        refuse(429, "rateLimitExceeded"),
        say(200, "{\"id\":\"1\"}"),
    ])
    .await;
    let body = json!({"raw": "TWVzc2FnZQ"});
    let sent = stand
        .client()
        .call(SEND)
        .param("userId", "me")
        .body(body)
        .send()
        .await;
    assert_eq!(sent.unwrap()["id"], "1");
}

#[tokio::test]
async fn a_keyed_call_is_repeated_and_says_when_the_first_try_had_worked() {
    let insert = |stand: &Stand, how| {
        stand
            .client()
            .call("calendar.events.insert")
            .param("calendarId", "primary")
            .body(json!({"id": "chosen0id", "start": {"date": "2026-11-21"}, "end": {"date": "2026-11-22"}}))
            .idempotency(how)
            .send()
    };
    let stand = Stand::steps(vec![Step::Drop, say(200, "{\"id\":\"chosen0id\"}")]).await;
    assert_eq!(
        insert(&stand, Idempotency::Keyed).await.unwrap()["id"],
        "chosen0id"
    );

    let stand = Stand::steps(vec![Step::Drop, refuse(409, "duplicate")]).await;
    let error = insert(&stand, Idempotency::Keyed).await.unwrap_err();
    assert_eq!((error.kind, error.took_effect), (Kind::Conflict, true));

    let stand = Stand::steps(vec![refuse(409, "duplicate")]).await;
    assert!(
        !insert(&stand, Idempotency::Keyed)
            .await
            .unwrap_err()
            .took_effect
    );

    let stand = Stand::steps(vec![Step::Drop]).await;
    assert_eq!(
        insert(&stand, Idempotency::ByVerb).await.unwrap_err().kind,
        Kind::Unknown
    );
}

#[tokio::test]
async fn deleting_twice_after_a_lost_answer_is_a_success() {
    let delete = |stand: &Stand| {
        stand
            .client()
            .call("drive.files.delete")
            .param("fileId", "1")
            .send()
    };
    let stand = Stand::steps(vec![Step::Drop, refuse(404, "notFound")]).await;
    assert!(delete(&stand).await.unwrap().is_null());
    let stand = Stand::steps(vec![refuse(404, "notFound")]).await;
    assert_eq!(delete(&stand).await.unwrap_err().kind, Kind::NotFound);
}

/// Hands out `token-1`, `token-2`, … and counts.
#[derive(Default)]
struct Renewing {
    number: AtomicUsize,
    rejected: Mutex<Vec<String>>,
    asked: Mutex<Vec<Vec<String>>>,
}

impl TokenSource for Renewing {
    fn token<'a>(&'a self, any_of: &'a [String]) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        self.asked.lock().unwrap().push(any_of.to_vec());
        let secret = format!("token-{}", self.number.load(Ordering::SeqCst) + 1);
        Box::pin(async {
            Ok(AccessToken {
                secret: secret.into(),
            })
        })
    }

    fn rejected<'a>(&'a self, token: &'a AccessToken) -> BoxFuture<'a, ()> {
        self.number.fetch_add(1, Ordering::SeqCst);
        self.rejected
            .lock()
            .unwrap()
            .push(token.secret.expose_secret().to_owned());
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let stand = Stand::start(|seen, _| match seen.header("authorization") {
        Some("Bearer token-2") => say(200, "{}"),
        _ => refuse(401, "authError"),
    })
    .await;
    let tokens = Arc::new(Renewing::default());
    let client = stand.google().client("alice", Arc::clone(&tokens) as _);
    client
        .call(LIST)
        .param("userId", "me")
        .send()
        .await
        .unwrap();
    assert_eq!(*tokens.rejected.lock().unwrap(), ["token-1"]);
    let asked = tokens.asked.lock().unwrap().concat();
    assert!(
        asked.contains(&"https://www.googleapis.com/auth/gmail.labels".to_owned()),
        "{asked:?}"
    );

    let stand = Stand::start(|_, _| refuse(401, "authError")).await;
    let tokens = Arc::new(Renewing::default());
    let client = stand.google().client("alice", Arc::clone(&tokens) as _);
    let error = client
        .call(LIST)
        .param("userId", "me")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NeedsConsent);
    assert_eq!(stand.seen().len(), 2, "one retry, not more");
}

#[tokio::test]
async fn a_client_without_an_account_sends_nothing() {
    let stand = Stand::steps(vec![]).await;
    let error = stand
        .google()
        .unbound()
        .call(LIST)
        .param("userId", "me")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NeedsConsent);
    assert!(stand.seen().is_empty());
}

#[tokio::test]
async fn what_does_not_fit_the_method_is_not_sent() {
    let stand = Stand::steps(vec![]).await;
    let client = stand.client();
    for call in [
        client.call(LIST),
        client
            .call(LIST)
            .param("userId", "me")
            .param("pageTokn", "x"),
        client.call(LIST).param("userId", ".."),
        client
            .call(LIST)
            .param("userId", "me")
            .param("access_token", "stolen"),
        client.call(LIST).param("userId", "me").param("key", "AIza"),
        client
            .call(SEND)
            .param("userId", "me")
            .body(json!({"rawr": "x"})),
    ] {
        let error = call.send().await.unwrap_err();
        assert_eq!(error.kind, Kind::Input, "{error:?}");
        assert!(error.hint.is_some());
    }
    let unknown = client
        .call("gmail.users.label.list")
        .send()
        .await
        .unwrap_err();
    assert!(
        unknown.message.contains("gmail.users.label.list"),
        "{unknown}"
    );
    assert!(stand.seen().is_empty());
}

#[tokio::test]
async fn the_deadline_ends_waiting_and_retrying() {
    let slow =
        Stand::start(|_, _| Step::Wait(Duration::from_secs(20), Box::new(say(200, "{}")))).await;
    let begun = Instant::now();
    let time = Duration::from_millis(200);
    let error = slow
        .client()
        .call(LIST)
        .param("userId", "me")
        .deadline(time)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Upstream);
    let body = json!({"raw": "TWVzc2FnZQ"});
    let error = slow
        .client()
        .call(SEND)
        .param("userId", "me")
        .body(body)
        .deadline(time)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unknown, "it may have been sent");
    assert!(begun.elapsed() < Duration::from_secs(5));

    // Google asks for more patience than the call has: nothing is gained by waiting.
    let limited =
        Stand::start(|_, _| refuse(429, "rateLimitExceeded").with("retry-after", 30)).await;
    let error = limited
        .client()
        .call(LIST)
        .param("userId", "me")
        .deadline(Duration::from_secs(2))
        .send()
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.retry_after), (Kind::Busy, Some(30)));
    assert_eq!(limited.seen().len(), 1);
}

#[tokio::test]
async fn a_dead_api_is_left_alone_and_others_are_not() {
    let stand = Stand::start(|seen, _| {
        if seen.target.contains("gmail") {
            refuse(503, "backendError")
        } else {
            say(200, "{}")
        }
    })
    .await;
    let google = stand.google();
    let client = client_of(&google);
    let mut kinds = Vec::new();
    for _ in 0..20 {
        kinds.push(
            client
                .call(LIST)
                .param("userId", "me")
                .send()
                .await
                .unwrap_err()
                .kind,
        );
    }
    let sent = stand.seen().len();
    assert_eq!(sent, 10, "ten failures open the breaker");
    assert_eq!(kinds.last(), Some(&Kind::Busy));
    client
        .call("drive.about.get")
        .fields("user")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_account_has_eight_calls_under_way_at_most() {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, peak) = (Arc::clone(&running), Arc::clone(&most));
    let stand = Stand::start(move |_, _| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let now = Arc::clone(&now);
        // The count falls a little before the answer arrives, so it is never too high.
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        });
        Step::Wait(Duration::from_millis(35), Box::new(say(200, "{}")))
    })
    .await;
    let google = stand.google();
    // Two clients of one account share its bound.
    let (one, two) = (client_of(&google), client_of(&google));
    let calls = (0..40).map(|number| {
        let client = if number % 2 == 0 { &one } else { &two };
        client.call(LIST).param("userId", "me").send()
    });
    assert!(
        join_bounded(calls, 40)
            .await
            .into_iter()
            .all(|answer| answer.is_ok())
    );
    let most = most.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most}");
}

#[tokio::test]
async fn the_key_of_an_api_is_in_the_url_and_in_no_error() {
    let search = |config| {
        client_of(&Google::new(config))
            .call("search.cse.list")
            .param("q", "x")
            .param("cx", "1")
            .send()
    };
    let stand = Stand::steps(vec![Step::Drop, refuse(400, "keyInvalid")]).await;
    let mut config = stand.config();
    config.api_key = Some("AIza-secret&x".to_owned().into());
    let error = search(config).await.unwrap_err();
    let seen = stand.seen();
    assert!(
        seen[0].target.ends_with("&key=AIza-secret%26x"),
        "{}",
        seen[0].target
    );
    assert_eq!(seen[0].header("authorization"), None);
    assert!(!format!("{error:?}").contains("AIza"));

    let error = search(stand.config()).await.unwrap_err();
    assert!(error.message.contains("API key") && error.hint.is_some());
}

#[tokio::test]
async fn quotas_are_waited_for_and_explained() {
    let stand = Stand::start(|_, _| say(200, "{}")).await;
    let mut config = stand.config();
    config.keep_quotas = true;
    let client = client_of(&Google::new(config));
    // Sheets: 60 reads a minute, a quarter of them at once.
    let read = |time| {
        client
            .call("sheets.spreadsheets.get")
            .param("spreadsheetId", "1")
            .fields("spreadsheetId")
            .deadline(time)
            .send()
    };
    for _ in 0..15 {
        read(Duration::from_secs(5)).await.unwrap();
    }
    let error = read(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Busy);
    assert!(
        error.message.contains("60 Sheets reads a minute"),
        "{error}"
    );
    assert!(error.retry_after.is_some_and(|seconds| seconds <= 2));
    assert_eq!(stand.seen().len(), 15);
    let begun = Instant::now();
    read(Duration::from_secs(5)).await.unwrap();
    assert!(
        begun.elapsed() > Duration::from_millis(500),
        "it waited for its turn"
    );
}

#[tokio::test]
async fn a_change_can_be_bound_to_a_version() {
    let stand = Stand::steps(vec![refuse(412, "conditionNotMet")]).await;
    let error = stand
        .client()
        .call("calendar.events.patch")
        .param("calendarId", "primary")
        .param("eventId", "1")
        .body(json!({"summary": "x"}))
        .if_match("\"etag-1\"")
        .send()
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.status), (Kind::Conflict, Some(412)));
    assert_eq!(stand.seen()[0].header("if-match"), Some("\"etag-1\""));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_no_reason_to_send_again() {
    let stand = Stand::start(|_, _| say(200, "<html>")).await;
    let list = stand
        .client()
        .call(LIST)
        .param("userId", "me")
        .send()
        .await
        .unwrap_err();
    assert_eq!(list.kind, Kind::Upstream);
    let body = json!({"raw": "TWVzc2FnZQ"});
    let sent = stand
        .client()
        .call(SEND)
        .param("userId", "me")
        .body(body)
        .send()
        .await
        .unwrap_err();
    assert_eq!(sent.kind, Kind::Unknown);
    assert_eq!(stand.seen().len(), 2);
}
