//! Content that comes down.

use bytes::Bytes;
use foundation::Kind;
use google_api::{Call, Range};

use crate::google::{Seen, Stand, Step, refuse, say};

/// A file of a million bytes, each different from its neighbours.
fn content() -> Bytes {
    (0..1_000_000_u32)
        .map(|number| u8::try_from(number % 251).unwrap())
        .collect()
}

/// Answers ranges as Drive does.
fn serve(seen: &Seen) -> Step {
    let all = content();
    let Some(range) = seen.header("range") else {
        return Step::Say(200, vec![("content-type", "image/png".into())], all);
    };
    let (start, end) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let start: usize = start.parse().unwrap();
    if start >= all.len() {
        return refuse(416, "requestedRangeNotSatisfiable");
    }
    let end = end
        .parse()
        .map_or(all.len(), |end: usize| (end + 1).min(all.len()));
    Step::Say(
        206,
        vec![("content-type", "image/png".into())],
        all.slice(start..end),
    )
    .with(
        "content-range",
        format!("bytes {start}-{}/{}", end - 1, all.len()),
    )
}

fn get(stand: &Stand) -> Call {
    stand.client().call("drive.files.get").param("fileId", "1")
}

#[tokio::test]
async fn a_part_and_the_whole() {
    let stand = Stand::start(|seen, _| serve(seen)).await;
    let whole = get(&stand).download(None, 2_000_000).await.unwrap();
    assert_eq!(whole.bytes, content());
    assert_eq!((whole.total, whole.truncated), (Some(1_000_000), false));
    assert_eq!(whole.mime_type.as_deref(), Some("image/png"));
    assert!(stand.seen()[0].target.contains("alt=media"));
    assert_eq!(stand.seen()[0].header("accept-encoding"), Some("identity"));

    let range = Some(Range {
        start: 10,
        end: Some(19),
    });
    let part = get(&stand).download(range, 100).await.unwrap();
    assert_eq!(part.bytes, content().slice(10..20));
    assert_eq!((part.total, part.truncated), (Some(1_000_000), false));

    let exact = get(&stand).download(None, 1_000_000).await.unwrap();
    assert!(!exact.truncated);
}

#[tokio::test]
async fn the_cap_holds_whether_or_not_ranges_are_understood() {
    let ranged = Stand::start(|seen, _| serve(seen)).await;
    let deaf = Stand::start(|_, _| Step::Say(200, vec![], content())).await;
    for stand in [&ranged, &deaf] {
        let mut written = Vec::new();
        let done = get(stand)
            .download_to(&mut written, None, 1000)
            .await
            .unwrap();
        assert_eq!(written, content().slice(..1000));
        assert_eq!(
            (done.written, done.total, done.truncated),
            (1000, Some(1_000_000), true)
        );
        let range = Some(Range {
            start: 500,
            end: None,
        });
        let part = get(stand).download(range, 1000).await.unwrap();
        assert_eq!(part.bytes, content().slice(500..1500));
        assert!(part.truncated);
    }
    assert_eq!(ranged.seen()[0].header("range"), Some("bytes=0-999"));
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let stand = Stand::start(|seen, number| match number {
        0 => Step::Break(
            206,
            vec![
                ("content-length", "1000000".into()),
                ("content-range", "bytes 0-999999/1000000".into()),
            ],
            content().slice(..300_000),
        ),
        1 => refuse(503, "backendError"),
        _ => serve(seen),
    })
    .await;
    let done = get(&stand).download(None, u64::MAX).await.unwrap();
    assert_eq!(done.bytes, content());
    assert_eq!(stand.seen()[2].header("range"), Some("bytes=300000-"));
}

#[tokio::test]
async fn an_empty_file_is_empty_and_a_start_beyond_the_end_is_an_error() {
    let stand = Stand::start(|_, _| refuse(416, "requestedRangeNotSatisfiable")).await;
    let done = get(&stand).download(None, 1000).await.unwrap();
    assert!(done.bytes.is_empty() && !done.truncated);
    let beyond = Some(Range {
        start: 5,
        end: None,
    });
    assert_eq!(
        get(&stand).download(beyond, 1000).await.unwrap_err().kind,
        Kind::Input
    );
}

#[tokio::test]
async fn exports_know_no_ranges_and_their_limit_is_explained() {
    let stand = Stand::steps(vec![
        Step::Say(
            200,
            vec![("content-type", "text/markdown".into())],
            "# Hello".into(),
        ),
        refuse(403, "exportSizeLimitExceeded"),
    ])
    .await;
    let export = || {
        stand
            .client()
            .call("drive.files.export")
            .param("fileId", "1")
            .param("mimeType", "text/markdown")
            .download(None, 1000)
    };
    assert_eq!(export().await.unwrap().bytes, "# Hello");
    assert_eq!(stand.seen()[0].header("range"), None);
    let error = export().await.unwrap_err();
    assert!(error.message.contains("10 MB"), "{error}");
    let hint = error.hint.unwrap();
    assert!(
        hint.contains("drive.files.download") && hint.contains("exportLinks"),
        "{hint}"
    );
}

#[tokio::test]
async fn redirects_are_followed_to_google_only_and_without_the_token() {
    let stand = Stand::start(|seen, _| {
        if seen.target.contains("googleusercontent") {
            return Step::Say(200, vec![], "content".into());
        }
        say(302, "").with("location", "https://doc-0.googleusercontent.com/x")
    })
    .await;
    assert_eq!(
        get(&stand).download(None, 100).await.unwrap().bytes,
        "content"
    );
    assert_eq!(stand.seen()[1].header("authorization"), None);

    let stand = Stand::steps(vec![
        say(302, "").with("location", "https://evil.example/x"),
    ])
    .await;
    assert_eq!(
        get(&stand).download(None, 100).await.unwrap_err().kind,
        Kind::Upstream
    );
    let stand = Stand::steps(vec![
        say(302, "").with("location", "https://www.googleapis.com/x"),
    ])
    .await;
    assert_eq!(
        get(&stand).send().await.unwrap_err().kind,
        Kind::Upstream,
        "JSON is not redirected"
    );
}
