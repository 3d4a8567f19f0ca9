//! What holds for every API: validation, masks, faults, batches, uploads in pieces, state files.

use std::{sync::Arc, time::Duration};

use foundation::SystemClock;
use google_sandbox::{Fault, Sandbox};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ALEX, MAIL, SAM, http, start};

const LABELS: &str = "/gmail.googleapis.com/gmail/v1/users/me/labels";

#[tokio::test]
async fn both_forms_of_address_lead_to_the_same_method() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let with_host = sandbox.get(&token, LABELS).await;
    let without = sandbox.get(&token, "/gmail/v1/users/me/labels").await;
    assert_eq!(with_host, without);
    let calls = sandbox.knobs().calls();
    assert!(
        calls
            .iter()
            .all(|call| call.method == "gmail.users.labels.list")
    );
    assert!(
        calls
            .iter()
            .all(|call| call.owner.as_deref() == Some(ALEX) && call.status == 200)
    );
}

#[tokio::test]
async fn what_google_does_not_know_is_refused_by_name() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let (status, error) = sandbox
        .refused(
            Method::GET,
            &token,
            "/gmail/v1/users/me/messages?maxResult=3",
            None,
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(error.to_string().contains("maxResult"), "{error}");
    let body = json!({"addLabelId": ["STARRED"]});
    let (status, error) = sandbox
        .refused(
            Method::POST,
            &token,
            "/gmail/v1/users/me/messages/19aa/modify",
            Some(body),
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        error["error"]["details"][0]["fieldViolations"][0]["field"]
            .as_str()
            .is_some_and(|field| field.contains("addLabelId")),
        "{error}"
    );
    let (status, error) = sandbox
        .refused(
            Method::GET,
            &token,
            &format!("{LABELS}?fields=labels(nome)"),
            None,
        )
        .await;
    assert_eq!(
        (status, &error["error"]["errors"][0]["location"]),
        (StatusCode::BAD_REQUEST, &json!("fields"))
    );
    let (status, _) = sandbox
        .refused(Method::GET, &token, "/gmail/v1/nothing", None)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, error) = sandbox
        .refused(Method::POST, &token, "/gmail/v1/users/me/stop", None)
        .await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert!(
        error["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("gmail.users.stop"))
    );
}

#[tokio::test]
async fn masks_cut_answers() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let cut = sandbox
        .get(&token, &format!("{LABELS}?fields=labels(id)"))
        .await;
    let first = &cut["labels"][0];
    assert_eq!(
        first.as_object().map(serde_json::Map::len),
        Some(1),
        "{first}"
    );
}

#[tokio::test]
async fn tokens_of_one_user_do_not_open_the_other_ones_mailbox() {
    let sandbox = start().await;
    let token = sandbox.token(SAM, &[MAIL]);
    let path = format!("/gmail/v1/users/{ALEX}/messages");
    let (status, error) = sandbox.refused(Method::GET, &token, &path, None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        error["error"]["message"],
        format!("Delegation denied for {SAM}")
    );
    let (status, _) = sandbox.refused(Method::GET, "made-up", LABELS, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn faults_limits_and_lost_answers_come_as_ordered() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    sandbox
        .knobs()
        .fail_next(1, "gmail.users.labels", Fault::rate_limited(7));
    let answer = sandbox.send(Method::GET, &token, LABELS, None).await;
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (
            StatusCode::TOO_MANY_REQUESTS,
            &"7".parse().expect("a value")
        )
    );
    let error: Value = answer.json().await.expect("JSON");
    assert_eq!(error["error"]["errors"][0]["reason"], "rateLimitExceeded");

    sandbox
        .knobs()
        .lose_next_answer("gmail.users.labels.create");
    let lost = sandbox
        .http
        .post(sandbox.url(LABELS))
        .bearer_auth(&token)
        .json(&json!({"name": "Lost"}))
        .send()
        .await;
    assert!(lost.is_err(), "no answer arrives");
    let labels = sandbox.get(&token, LABELS).await;
    assert!(
        labels.to_string().contains("\"Lost\""),
        "but the label is there"
    );

    sandbox.knobs().fail_next(1, "gmail", Fault::Drop);
    assert!(
        sandbox
            .http
            .get(sandbox.url(LABELS))
            .bearer_auth(&token)
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        sandbox.knobs().calls().last().map(|call| call.status),
        Some(0)
    );

    sandbox.knobs().rate_limit("gmail", 0.001, 2.0);
    sandbox.get(&token, LABELS).await;
    sandbox.get(&token, LABELS).await;
    let (status, error) = sandbox.refused(Method::GET, &token, LABELS, None).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(error["error"]["errors"][0]["domain"], "usageLimits");
}

#[tokio::test]
async fn knobs_turn_over_http() {
    let sandbox = start().await;
    let http = http();
    let post = async |path: &str, body: Value| -> Value {
        let answer = http
            .post(sandbox.url(path))
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    };
    let minted = post("/sandbox/token", json!({"email": ALEX, "scopes": [MAIL]})).await;
    let token = minted["access_token"].as_str().expect("a token").to_owned();
    post("/sandbox/faults", json!({"rule": "gmail:503=100%"})).await;
    assert_eq!(
        sandbox.refused(Method::GET, &token, LABELS, None).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    http.delete(sandbox.url("/sandbox/faults"))
        .send()
        .await
        .expect("an answer");
    sandbox.get(&token, LABELS).await;
    let calls: Value = http
        .get(sandbox.url("/sandbox/calls"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(calls["calls"].as_array().map(Vec::len), Some(2));
    post("/sandbox/expire-tokens", json!({})).await;
    assert_eq!(
        sandbox.refused(Method::GET, &token, LABELS, None).await.0,
        StatusCode::UNAUTHORIZED
    );
    post("/sandbox/reset", json!({})).await;
    let users: Value = http
        .get(sandbox.url("/sandbox/users"))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(users[0]["email"], ALEX);
    let bad = http
        .post(sandbox.url("/sandbox/faults"))
        .json(&json!({"rule": "x"}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn batches_answer_each_call_on_its_own() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let body = "--b\r\nContent-Type: application/http\r\nContent-ID: <x + 1>\r\n\r\n\
                GET /gmail/v1/users/me/profile HTTP/1.1\r\n\r\n\r\n\
                --b\r\nContent-Type: application/http\r\nContent-ID: <x + 2>\r\n\r\n\
                POST /gmail/v1/users/me/labels HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\
                {\"name\": \"INBOX\"}\r\n--b--\r\n";
    let answer = sandbox
        .http
        .post(sandbox.url("/gmail.googleapis.com/batch"))
        .bearer_auth(&token)
        .header("content-type", "multipart/mixed; boundary=b")
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.expect("text");
    assert!(
        text.contains("Content-ID: <response-x + 1>") && text.contains("HTTP/1.1 200 OK"),
        "{text}"
    );
    assert!(
        text.contains("Content-ID: <response-x + 2>") && text.contains("HTTP/1.1 400 Bad Request"),
        "{text}"
    );
}

#[tokio::test]
async fn uploads_in_pieces_resume_where_they_stopped() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &["https://www.googleapis.com/auth/drive"]);
    let content: Vec<u8> = (0..700_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    let open =
        sandbox
            .http
            .post(sandbox.url(
                "/www.googleapis.com/upload/drive/v3/files?uploadType=resumable&fields=id,size",
            ))
            .bearer_auth(&token)
            .header("x-upload-content-type", "application/octet-stream")
            .header("x-upload-content-length", content.len())
            .json(&json!({"name": "pieces.bin"}))
            .send()
            .await
            .expect("an answer");
    assert_eq!(open.status(), StatusCode::OK);
    let session = open.headers()["location"]
        .to_str()
        .expect("a URL")
        .to_owned();
    assert!(session.starts_with(&sandbox.running.base_url()));
    let put = async |range: &str, bytes: &[u8]| {
        let request = sandbox
            .http
            .put(&session)
            .header("content-range", range.to_owned());
        request
            .body(bytes.to_vec())
            .send()
            .await
            .expect("an answer")
    };
    let step = 262_144;
    assert_eq!(put("bytes */700000", &[]).await.status().as_u16(), 308);
    let first = put("bytes 0-262143/700000", &content[..step]).await;
    assert_eq!(
        (
            first.status().as_u16(),
            first.headers()["range"].to_str().ok()
        ),
        (308, Some("bytes=0-262143"))
    );
    assert_eq!(
        put("bytes 262144-262243/700000", &content[step..step + 100])
            .await
            .status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        put("bytes 524288-699999/700000", &content[524_288..])
            .await
            .status(),
        StatusCode::BAD_REQUEST
    );
    let done = put("bytes 262144-699999/700000", &content[step..]).await;
    assert_eq!(done.status(), StatusCode::OK);
    let file: Value = done.json().await.expect("JSON");
    assert_eq!(file["size"], "700000");
    let again: Value = put("bytes */700000", &[]).await.json().await.expect("JSON");
    assert_eq!(again["id"], file["id"]);
    let media = format!(
        "/drive/v3/files/{}?alt=media",
        file["id"].as_str().expect("an id")
    );
    let part = sandbox
        .http
        .get(sandbox.url(&media))
        .bearer_auth(&token)
        .header("range", "bytes=699990-")
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        (part.status(), part.headers()["content-range"].to_str().ok()),
        (
            StatusCode::PARTIAL_CONTENT,
            Some("bytes 699990-699999/700000")
        )
    );
    assert_eq!(part.bytes().await.expect("bytes"), content[699_990..]);
}

#[tokio::test]
async fn latency_is_felt_and_the_gauge_counts() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    sandbox.knobs().set_latency(Duration::from_millis(60));
    let before = std::time::Instant::now();
    let calls = (0..5).map(|_| sandbox.get(&token, LABELS));
    futures::future::join_all(calls).await;
    let took = before.elapsed();
    assert!(took >= Duration::from_millis(60), "{took:?}");
    assert_eq!(
        (
            sandbox.knobs().most_in_flight(),
            sandbox.knobs().in_flight()
        ),
        (5, 0)
    );
}

#[tokio::test]
async fn the_state_file_brings_everything_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.json");
    let launch = async || {
        Sandbox::builder(Arc::new(SystemClock))
            .state_file(Some(file.clone()))
            .start(([127, 0, 0, 1], 0).into())
            .await
            .expect("a free port")
    };
    let first = launch().await;
    let token = first
        .handle()
        .mint(ALEX, &[MAIL])
        .expect("a user")
        .access_token;
    let client = http();
    let made = client
        .post(format!("{}{LABELS}", first.base_url()))
        .bearer_auth(&token)
        .json(&json!({"name": "Kept"}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(made.status(), StatusCode::OK);
    first.stop().await;
    let second = launch().await;
    let labels = client
        .get(format!("{}{LABELS}", second.base_url()))
        .bearer_auth(&token)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    assert!(labels.contains("\"Kept\""), "{labels}");
}
