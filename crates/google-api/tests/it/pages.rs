//! Lists, page by page.

use foundation::Kind;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::google::{Stand, say};

#[tokio::test]
async fn pages_are_read_until_enough_is_there() {
    let stand = Stand::steps(vec![
        say(
            200,
            json!({"messages": [{"id": "1"}, {"id": "2"}], "nextPageToken": "A"}),
        ),
        say(200, json!({"nextPageToken": "B"})),
        say(
            200,
            json!({"messages": [{"id": "3"}], "nextPageToken": "C"}),
        ),
    ])
    .await;
    let list = stand
        .client()
        .call("gmail.users.messages.list")
        .param("userId", "me");
    let (messages, next): (Vec<Value>, _) = list
        .fields("messages/id")
        .collect("messages", 3)
        .await
        .unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(next.as_deref(), Some("C"));
    let targets: Vec<String> = stand.seen().into_iter().map(|seen| seen.target).collect();
    assert!(targets[0].contains("maxResults=3") && !targets[0].contains("pageToken="));
    assert!(
        targets[0].contains("fields=messages%2Fid%2CnextPageToken"),
        "{}",
        targets[0]
    );
    assert!(targets[1].contains("maxResults=1") && targets[1].contains("pageToken=A"));
    assert!(targets[2].contains("pageToken=B") && !targets[2].contains("pageToken=A"));
}

#[tokio::test]
async fn the_token_goes_into_the_body_where_google_wants_it() {
    let stand = Stand::steps(vec![
        say(200, json!({"activities": [{}], "nextPageToken": "A"})),
        say(200, json!({"activities": [{}]})),
    ])
    .await;
    let query = stand
        .client()
        .call("driveactivity.activity.query")
        .body(json!({"itemName": "items/1"}));
    let (found, next): (Vec<Value>, _) = query.collect("activities", 10).await.unwrap();
    assert_eq!((found.len(), next), (2, None));
    let bodies: Vec<Value> = stand
        .seen()
        .iter()
        .map(|seen| serde_json::from_slice(&seen.body).unwrap())
        .collect();
    assert_eq!(bodies[0], json!({"itemName": "items/1", "pageSize": 10}));
    assert_eq!(
        bodies[1],
        json!({"itemName": "items/1", "pageSize": 9, "pageToken": "A"})
    );
}

#[tokio::test]
async fn a_token_that_comes_again_ends_the_walk() {
    let stand =
        Stand::start(|_, _| say(200, json!({"files": [{}], "nextPageToken": "same"}))).await;
    let list = stand.client().call("drive.files.list");
    let error = list.collect::<Value>("files", 100).await.unwrap_err();
    assert_eq!(error.kind, Kind::Upstream);
    assert_eq!(stand.seen().len(), 2);
}

#[tokio::test]
async fn a_stream_gives_all_pages_and_keeps_what_the_caller_set() {
    let stand = Stand::steps(vec![
        say(200, json!({"items": [1], "nextPageToken": "A"})),
        say(200, json!({"items": [2], "nextSyncToken": "S"})),
    ])
    .await;
    let list = stand
        .client()
        .call("calendar.events.list")
        .param("calendarId", "primary");
    let pages: Vec<Value> = list
        .clone()
        .param("maxResults", 7)
        .pages()
        .boxed()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[1]["nextSyncToken"], "S");
    assert!(
        stand
            .seen()
            .iter()
            .all(|seen| seen.target.contains("maxResults=7"))
    );
}
