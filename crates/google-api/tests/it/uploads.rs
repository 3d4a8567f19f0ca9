//! Content that goes up.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use foundation::Kind;
use google_api::{Call, Media, MediaStream};
use serde_json::json;

use crate::google::{Seen, Stand, Step, refuse, say};

const MIB: usize = 1024 * 1024;

fn content(length: usize) -> Bytes {
    (0..length)
        .map(|number| u8::try_from(number % 251).unwrap())
        .collect()
}

fn media(length: usize) -> Media {
    Media {
        mime_type: "application/pdf".to_owned(),
        bytes: content(length),
    }
}

fn create(stand: &Stand) -> Call {
    stand
        .client()
        .call("drive.files.create")
        .body(json!({"name": "a.pdf"}))
        .fields("id")
}

/// Keeps what arrives as Google does; `trouble` may act instead of it.
struct Receiver {
    kept: Arc<Mutex<Vec<u8>>>,
    stand: Stand,
}

impl Receiver {
    async fn start(
        trouble: impl Fn(&Seen, usize, &mut Vec<u8>) -> Option<Step> + Send + Sync + 'static,
    ) -> Self {
        let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
        let mine = Arc::clone(&kept);
        let stand = Stand::start(move |seen, number| {
            let mut kept = mine.lock().unwrap();
            trouble(seen, number, &mut kept).unwrap_or_else(|| receive(seen, &mut kept))
        })
        .await;
        Self { kept, stand }
    }

    fn kept(&self) -> Vec<u8> {
        self.kept.lock().unwrap().clone()
    }

    fn puts(&self) -> Vec<String> {
        let seen = self.stand.seen();
        let ranges = seen.iter().filter_map(|seen| seen.header("content-range"));
        ranges.map(ToOwned::to_owned).collect()
    }
}

fn receive(seen: &Seen, kept: &mut Vec<u8>) -> Step {
    if seen.method == "POST" {
        kept.clear();
        return say(200, "").with(
            "location",
            "https://www.googleapis.com/upload/drive/v3/files?upload_id=1",
        );
    }
    let range = seen.header("content-range").unwrap();
    let (span, total) = range
        .strip_prefix("bytes ")
        .unwrap()
        .split_once('/')
        .unwrap();
    if let Some((start, _)) = span.split_once('-') {
        assert_eq!(
            start.parse::<usize>().unwrap(),
            kept.len(),
            "no gap and no overlap"
        );
        kept.extend_from_slice(&seen.body);
    }
    if total.parse() == Ok(kept.len()) {
        return say(200, json!({"id": "created"}));
    }
    so_far(kept)
}

fn so_far(kept: &[u8]) -> Step {
    let step = say(308, "");
    if kept.is_empty() {
        step
    } else {
        step.with("range", format!("bytes=0-{}", kept.len() - 1))
    }
}

#[tokio::test]
async fn small_content_goes_with_its_metadata_in_one_request() {
    let stand = Stand::steps(vec![say(200, json!({"id": "1"}))]).await;
    assert_eq!(create(&stand).upload(media(1000)).await.unwrap()["id"], "1");
    let seen = &stand.seen()[0];
    assert_eq!(
        seen.target,
        "/www.googleapis.com/upload/drive/v3/files?alt=json&uploadType=multipart&fields=id"
    );
    let kind = seen.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/related; boundary=").unwrap();
    let mut expected = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{{\"name\":\"a.pdf\"}}\r\n--{boundary}\r\nContent-Type: application/pdf\r\n\r\n"
    )
    .into_bytes();
    expected.extend_from_slice(&content(1000));
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(seen.body, expected);
}

#[tokio::test]
async fn a_mail_goes_up_as_it_is() {
    let stand = Stand::steps(vec![say(200, json!({"id": "m"}))]).await;
    let mail = Media {
        mime_type: "message/rfc822".to_owned(),
        bytes: "Subject: x\r\n\r\nHi".into(),
    };
    let send = stand
        .client()
        .call("gmail.users.messages.send")
        .param("userId", "me");
    assert_eq!(send.upload(mail).await.unwrap()["id"], "m");
    let seen = &stand.seen()[0];
    assert_eq!(
        seen.target,
        "/gmail.googleapis.com/upload/gmail/v1/users/me/messages/send?alt=json&uploadType=media"
    );
    assert_eq!(seen.header("content-type"), Some("message/rfc822"));
    assert_eq!(seen.body, "Subject: x\r\n\r\nHi");

    let huge = Media {
        mime_type: "message/rfc822".to_owned(),
        bytes: Bytes::from(vec![0; 36_700_161]),
    };
    let send = stand
        .client()
        .call("gmail.users.messages.send")
        .param("userId", "me");
    let error = send.upload(huge).await.unwrap_err();
    assert_eq!(error.kind, Kind::Input);
    assert!(error.hint.unwrap().contains("Drive"));
}

#[tokio::test]
async fn large_content_goes_up_in_pieces() {
    let receiver = Receiver::start(|_, _, _| None).await;
    let length = 20 * MIB + 5;
    let answer = create(&receiver.stand).upload(media(length)).await.unwrap();
    assert_eq!(answer["id"], "created");
    assert_eq!(receiver.kept(), content(length));
    let seen = receiver.stand.seen();
    assert_eq!(
        seen[0].header("x-upload-content-type"),
        Some("application/pdf")
    );
    assert_eq!(seen[0].header("x-upload-content-length"), Some("20971525"));
    assert!(seen[0].target.contains("uploadType=resumable"));
    assert_eq!(seen[0].body, "{\"name\":\"a.pdf\"}");
    assert_eq!(
        receiver.puts(),
        [
            "bytes 0-8388607/*",
            "bytes 8388608-16777215/*",
            "bytes 16777216-20971524/20971525"
        ]
    );
}

#[tokio::test]
async fn a_broken_piece_is_asked_about_and_sent_on_from_there() {
    let length = 18 * MIB;
    for reader in [false, true] {
        let receiver = Receiver::start(|seen, number, kept| match number {
            // The second piece arrives in part, then the connection breaks.
            2 => {
                kept.extend_from_slice(&seen.body[..3 * MIB]);
                Some(Step::Drop)
            }
            // The last one arrives whole, but its answer is lost.
            5 => {
                receive(seen, kept);
                Some(refuse(503, "backendError"))
            }
            _ => None,
        })
        .await;
        let call = create(&receiver.stand);
        let answer = if reader {
            let reader = Box::new(std::io::Cursor::new(content(length)));
            let mime_type = "application/pdf".to_owned();
            call.upload_stream(MediaStream {
                mime_type,
                length: None,
                reader,
            })
            .await
        } else {
            call.upload(media(length)).await
        };
        assert_eq!(answer.unwrap()["id"], "created");
        assert_eq!(receiver.kept(), content(length));
        let ranges = receiver.puts();
        assert_eq!(
            ranges,
            [
                "bytes 0-8388607/*",
                "bytes 8388608-16777215/*",
                "bytes */*",
                "bytes 11534336-16777215/*",
                "bytes 16777216-18874367/18874368",
                "bytes */18874368"
            ]
        );
        let begun = receiver
            .stand
            .seen()
            .iter()
            .filter(|seen| seen.method == "POST")
            .count();
        assert_eq!(begun, 1, "one session, so one file");
    }
}

#[tokio::test]
async fn a_lost_session_starts_again_where_that_is_possible() {
    let lose =
        |_: &Seen, number: usize, _: &mut Vec<u8>| (number == 2).then(|| refuse(404, "notFound"));
    let receiver = Receiver::start(lose).await;
    let answer = create(&receiver.stand)
        .upload(media(10 * MIB))
        .await
        .unwrap();
    assert_eq!(answer["id"], "created");
    assert_eq!(receiver.kept(), content(10 * MIB));

    let receiver = Receiver::start(lose).await;
    let reader = Box::new(std::io::Cursor::new(content(10 * MIB)));
    let stream = MediaStream {
        mime_type: "application/pdf".to_owned(),
        length: None,
        reader,
    };
    let error = create(&receiver.stand)
        .upload_stream(stream)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Upstream);
    assert!(error.hint.unwrap().contains("nothing was created"));
}

#[tokio::test]
async fn a_refused_upload_ends_at_once() {
    let receiver =
        Receiver::start(|_, number, _| (number == 1).then(|| refuse(403, "storageQuotaExceeded")))
            .await;
    let error = create(&receiver.stand)
        .upload(media(10 * MIB))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, receiver.stand.seen().len()),
        (Kind::Forbidden, 2)
    );

    let stand = Stand::steps(vec![
        say(200, "").with("location", "https://evil.example/u"),
    ])
    .await;
    let error = create(&stand).upload(media(10 * MIB)).await.unwrap_err();
    assert_eq!((error.kind, stand.seen().len()), (Kind::Upstream, 1));
    let odd = Media {
        mime_type: "a/b\r\nX: y".to_owned(),
        bytes: Bytes::new(),
    };
    assert_eq!(
        create(&stand).upload(odd).await.unwrap_err().kind,
        Kind::Input
    );
}

#[tokio::test]
async fn a_short_stream_goes_in_one_request() {
    let stand = Stand::steps(vec![say(200, json!({"id": "1"}))]).await;
    let reader = Box::new(std::io::Cursor::new(content(1000)));
    let stream = MediaStream {
        mime_type: "text/plain".to_owned(),
        length: Some(1000),
        reader,
    };
    assert_eq!(
        create(&stand).upload_stream(stream).await.unwrap()["id"],
        "1"
    );
    assert!(stand.seen()[0].target.contains("uploadType=multipart"));
}
