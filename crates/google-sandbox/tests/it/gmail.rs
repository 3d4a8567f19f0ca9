//! Gmail's behaviour as clients rely on it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ALEX, Box, MAIL, SAM, start};

const ME: &str = "/gmail.googleapis.com/gmail/v1/users/me";

async fn search(sandbox: &Box, token: &str, query: &str) -> Vec<Value> {
    let query = url::form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>();
    let found = sandbox
        .get(token, &format!("{ME}/messages?maxResults=500&q={query}"))
        .await;
    found["messages"].as_array().cloned().unwrap_or_default()
}

fn raw(text: &str) -> Value {
    json!({"raw": URL_SAFE.encode(text)})
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

fn header<'a>(message: &'a Value, name: &str) -> &'a str {
    let headers = message["payload"]["headers"].as_array().expect("headers");
    let found = headers.iter().find(|header| header["name"] == name);
    found
        .and_then(|header| header["value"].as_str())
        .unwrap_or_default()
}

#[tokio::test]
async fn the_demo_mailbox_is_believable() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let profile = sandbox.get(&token, &format!("{ME}/profile")).await;
    let messages = profile["messagesTotal"].as_u64().expect("a number");
    assert!((200..600).contains(&messages), "{messages}");
    assert!(profile["threadsTotal"].as_u64().expect("a number") < messages);
    let inbox = sandbox.get(&token, &format!("{ME}/labels/INBOX")).await;
    assert!(
        inbox["messagesUnread"].as_u64().expect("a number") > 3,
        "{inbox}"
    );
    let budget = search(&sandbox, &token, "subject:\"quarterly budget\"").await;
    assert_eq!(budget.len(), 4);
    let thread = budget[0]["threadId"].as_str().expect("an id");
    assert!(
        budget.iter().all(|message| message["threadId"] == thread),
        "one thread"
    );
    let thread = sandbox.get(&token, &format!("{ME}/threads/{thread}")).await;
    let names: Vec<&str> = thread["messages"][0]["payload"]["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .filter_map(|part| part["filename"].as_str().filter(|name| !name.is_empty()))
        .collect();
    assert_eq!(names, ["quarterly-budget.xlsx", "budget-summary.pdf"]);
    assert!(
        thread["messages"][3]["labelIds"]
            .as_array()
            .expect("labels")
            .contains(&json!("UNREAD"))
    );
}

#[tokio::test]
async fn operators_find_what_they_name() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let all = search(&sandbox, &token, "").await.len();
    for (query, least) in [
        ("from:sam", 8),
        ("to:sam@sandbox.example", 5),
        ("label:finance", 4),
        ("label:projects-atlas", 3),
        ("in:sent", 8),
        ("is:starred", 2),
        ("is:unread", 3),
        ("has:attachment", 20),
        ("filename:pdf", 10),
        ("filename:quarterly-budget.xlsx", 1),
        ("newer_than:7d", 5),
        ("older_than:2m", 20),
        ("larger:3K", 3),
        ("list:riders.harborcycling.example", 20),
        ("category:promotions", 10),
        ("in:drafts", 2),
        ("in:trash", 2),
        ("in:spam", 2),
        ("\"keys for the new hall\"", 1),
        ("{boathouse dumplings}", 3),
        ("from:nadia OR from:lucas", 5),
        ("Herrera", 1),
        ("cc:ingrid", 1),
    ] {
        let found = search(&sandbox, &token, query).await.len();
        assert!(found >= least && found < all, "{query}: {found} of {all}");
    }
    let with = search(&sandbox, &token, "from:sam budget").await.len();
    let without = search(&sandbox, &token, "from:sam -budget").await.len();
    assert_eq!(
        with + without,
        search(&sandbox, &token, "from:sam").await.len()
    );
    assert!(
        search(&sandbox, &token, "zebra-nobody-wrote")
            .await
            .is_empty()
    );
    let one = search(&sandbox, &token, "rfc822msgid:<talk-0-0@sandbox.example>").await;
    assert_eq!(one.len(), 1);
    assert!(
        search(&sandbox, &token, "webinar").await.is_empty(),
        "trash and spam are hidden"
    );
}

#[tokio::test]
async fn pages_join_and_tokens_belong_to_their_question() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let mut seen = std::collections::HashSet::new();
    let mut path = format!("{ME}/messages?maxResults=60");
    let mut last = String::new();
    loop {
        let page = sandbox.get(&token, &path).await;
        for message in page["messages"].as_array().expect("messages") {
            assert!(seen.insert(id(message).to_owned()), "twice");
        }
        let Some(next) = page["nextPageToken"].as_str() else {
            break;
        };
        last = next.to_owned();
        path = format!("{ME}/messages?maxResults=60&pageToken={next}");
    }
    assert_eq!(seen.len(), search(&sandbox, &token, "").await.len());
    let other = format!("{ME}/messages?q=is:unread&pageToken={last}");
    assert_eq!(
        sandbox.refused(Method::GET, &token, &other, None).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn sending_keeps_a_copy_and_reaches_the_other_user_without_bcc() {
    let sandbox = start().await;
    let (alex, sam) = (sandbox.token(ALEX, &[MAIL]), sandbox.token(SAM, &[MAIL]));
    let text = "To: nadia@northwind.example\r\nBcc: sam@sandbox.example\r\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\
                Content-Type: text/plain; charset=utf-8\r\n\r\nHello there";
    let sent = sandbox
        .post(&alex, &format!("{ME}/messages/send"), raw(text))
        .await;
    assert_eq!(sent["labelIds"], json!(["SENT"]));
    let own = sandbox
        .get(&alex, &format!("{ME}/messages/{}", id(&sent)))
        .await;
    assert_eq!(
        (header(&own, "Bcc"), header(&own, "Subject")),
        (SAM, "Grüße")
    );
    assert_eq!(header(&own, "From"), "Alex Moreau <alex@sandbox.example>");
    assert_eq!(own["snippet"], "Hello there");
    let message_id = header(&own, "Message-ID");
    assert!(message_id.ends_with("@mail.gmail.com>"), "{message_id}");
    let got = search(&sandbox, &sam, &format!("rfc822msgid:{message_id}")).await;
    assert_eq!(got.len(), 1);
    let got = sandbox
        .get(&sam, &format!("{ME}/messages/{}", id(&got[0])))
        .await;
    assert_eq!(header(&got, "Bcc"), "");
    assert!(
        got["labelIds"]
            .as_array()
            .expect("labels")
            .contains(&json!("UNREAD"))
    );

    let (status, error) = sandbox
        .refused(
            Method::POST,
            &alex,
            &format!("{ME}/messages/send"),
            Some(raw("Subject: x\r\n\r\ny")),
        )
        .await;
    assert_eq!(
        (status, &error["error"]["message"]),
        (
            StatusCode::BAD_REQUEST,
            &json!("Recipient address required")
        )
    );
}

#[tokio::test]
async fn replies_join_their_thread_only_by_the_rules() {
    let sandbox = start().await;
    let (alex, sam) = (sandbox.token(ALEX, &[MAIL]), sandbox.token(SAM, &[MAIL]));
    let last = search(&sandbox, &alex, "subject:\"quarterly budget\"")
        .await
        .remove(0);
    let thread = last["threadId"].as_str().expect("an id").to_owned();
    let last = sandbox
        .get(
            &alex,
            &format!("{ME}/messages/{}?format=metadata", id(&last)),
        )
        .await;
    let answered = header(&last, "Message-ID").to_owned();
    let reply = |subject: &str, references: &str| {
        let text = format!(
            "To: sam@sandbox.example\r\nSubject: {subject}\r\nIn-Reply-To: {references}\r\nReferences: {references}\r\n\r\nFine."
        );
        json!({"raw": URL_SAFE.encode(text), "threadId": thread})
    };
    let path = format!("{ME}/messages/send");
    let good = sandbox
        .post(&alex, &path, reply("Re: Quarterly budget", &answered))
        .await;
    assert_eq!(good["threadId"], json!(thread));
    let renamed = sandbox
        .post(&alex, &path, reply("Something else", &answered))
        .await;
    assert_ne!(renamed["threadId"], json!(thread));
    let loose = sandbox
        .post(
            &alex,
            &path,
            reply("Re: Quarterly budget", "<nobody@nowhere>"),
        )
        .await;
    assert_ne!(loose["threadId"], json!(thread));
    let theirs = search(&sandbox, &sam, &format!("rfc822msgid:{answered}"))
        .await
        .remove(0);
    let theirs = sandbox
        .get(
            &sam,
            &format!(
                "{ME}/threads/{}",
                theirs["threadId"].as_str().expect("an id")
            ),
        )
        .await;
    assert_eq!(
        theirs["messages"].as_array().map(Vec::len),
        Some(5),
        "Sam's thread grew by the good reply"
    );
    let missing =
        json!({"raw": URL_SAFE.encode("To: a@b.example\r\n\r\nx"), "threadId": "19ffffffffffffff"});
    assert_eq!(
        sandbox
            .refused(Method::POST, &alex, &path, Some(missing))
            .await
            .0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn formats_parts_and_attachments() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let found = search(&sandbox, &token, "filename:quarterly-budget.xlsx")
        .await
        .remove(0);
    let path = format!("{ME}/messages/{}", id(&found));
    let full = sandbox.get(&token, &path).await;
    let parts = full["payload"]["parts"].as_array().expect("parts");
    assert_eq!(
        (
            &full["payload"]["partId"],
            &parts[0]["mimeType"],
            &parts[0]["parts"][0]["partId"]
        ),
        (&json!(""), &json!("multipart/alternative"), &json!("0.0"))
    );
    let text = URL_SAFE
        .decode(parts[0]["parts"][0]["body"]["data"].as_str().expect("data"))
        .expect("base64");
    assert!(String::from_utf8_lossy(&text).contains("Operations sheet"));
    let attachment = parts[1]["body"]["attachmentId"]
        .as_str()
        .expect("an attachment");
    let content = sandbox
        .get(&token, &format!("{path}/attachments/{attachment}"))
        .await;
    let bytes = URL_SAFE
        .decode(content["data"].as_str().expect("data"))
        .expect("base64");
    assert_eq!(
        (content["size"].as_u64(), &bytes[..2]),
        (Some(bytes.len() as u64), &b"PK"[..])
    );
    let minimal = sandbox.get(&token, &format!("{path}?format=minimal")).await;
    assert!(minimal.get("payload").is_none() && minimal["snippet"].is_string());
    let raw = sandbox.get(&token, &format!("{path}?format=raw")).await;
    let raw = URL_SAFE
        .decode(raw["raw"].as_str().expect("raw"))
        .expect("base64");
    assert_eq!(full["sizeEstimate"].as_u64(), Some(raw.len() as u64));
    let few = sandbox
        .get(
            &token,
            &format!("{path}?format=metadata&metadataHeaders=subject&metadataHeaders=From"),
        )
        .await;
    assert_eq!(few["payload"]["headers"].as_array().map(Vec::len), Some(2));
    let (status, _) = sandbox
        .refused(
            Method::GET,
            &token,
            &format!("{ME}/messages/not-an-id"),
            None,
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, error) = sandbox
        .refused(
            Method::GET,
            &token,
            &format!("{ME}/messages/19ffffffffffffff"),
            None,
        )
        .await;
    assert_eq!(
        (status, &error["error"]["errors"][0]["reason"]),
        (StatusCode::NOT_FOUND, &json!("notFound"))
    );
    let narrow = sandbox.token(ALEX, &["https://www.googleapis.com/auth/gmail.metadata"]);
    assert_eq!(
        sandbox.refused(Method::GET, &narrow, &path, None).await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        sandbox
            .refused(Method::GET, &narrow, &format!("{ME}/messages?q=x"), None)
            .await
            .0,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn labels_live_count_and_conflict() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let labels = format!("{ME}/labels");
    let made = sandbox
        .post(
            &token,
            &labels,
            json!({"name": "To do", "labelListVisibility": "labelShow"}),
        )
        .await;
    let own = format!("{labels}/{}", id(&made));
    let (status, error) = sandbox
        .refused(
            Method::POST,
            &token,
            &labels,
            Some(json!({"name": "to do"})),
        )
        .await;
    assert_eq!(
        (status, &error["error"]["message"]),
        (
            StatusCode::CONFLICT,
            &json!("Label name exists or conflicts")
        )
    );
    let some: Vec<Value> = search(&sandbox, &token, "from:priya")
        .await
        .into_iter()
        .take(3)
        .collect();
    let ids: Vec<&str> = some.iter().map(id).collect();
    sandbox
        .ok(
            Method::POST,
            &token,
            &format!("{ME}/messages/batchModify"),
            Some(json!({"ids": ids, "addLabelIds": [id(&made)], "removeLabelIds": ["UNREAD"]})),
        )
        .await;
    let counted = sandbox.get(&token, &own).await;
    assert_eq!(
        (&counted["messagesTotal"], &counted["messagesUnread"]),
        (&json!(3), &json!(0))
    );
    let renamed = sandbox
        .ok(Method::PATCH, &token, &own, Some(json!({"name": "Done"})))
        .await;
    assert_eq!(
        (&renamed["name"], &renamed["labelListVisibility"]),
        (&json!("Done"), &json!("labelShow"))
    );
    assert_eq!(search(&sandbox, &token, "label:done").await.len(), 3);
    sandbox.ok(Method::DELETE, &token, &own, None).await;
    assert!(search(&sandbox, &token, "label:done").await.is_empty());
    assert_eq!(
        sandbox
            .refused(Method::DELETE, &token, &format!("{labels}/INBOX"), None)
            .await
            .0,
        StatusCode::BAD_REQUEST
    );
    let wrong = json!({"addLabelIds": ["Label_999"]});
    assert_eq!(
        sandbox
            .refused(
                Method::POST,
                &token,
                &format!("{ME}/messages/{}/modify", ids[0]),
                Some(wrong)
            )
            .await
            .0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn drafts_are_written_changed_and_sent() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let drafts = format!("{ME}/drafts");
    let made = sandbox
        .post(
            &token,
            &drafts,
            json!({"message": raw("To: sam@sandbox.example\r\nSubject: Draft\r\n\r\none")}),
        )
        .await;
    let own = format!("{drafts}/{}", id(&made));
    let changed = sandbox
        .ok(
            Method::PUT,
            &token,
            &own,
            Some(json!({"message": raw("To: sam@sandbox.example\r\nSubject: Draft\r\n\r\ntwo")})),
        )
        .await;
    assert_ne!(changed["message"]["id"], made["message"]["id"]);
    assert_eq!(sandbox.get(&token, &own).await["message"]["snippet"], "two");
    assert_eq!(
        sandbox.get(&token, &drafts).await["drafts"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    let sent = sandbox
        .post(&token, &format!("{drafts}/send"), json!({"id": id(&made)}))
        .await;
    assert_eq!(sent["labelIds"], json!(["SENT"]));
    assert_eq!(
        sandbox.refused(Method::GET, &token, &own, None).await.0,
        StatusCode::NOT_FOUND
    );
    let sam = sandbox.token(SAM, &[MAIL]);
    assert_eq!(search(&sandbox, &sam, "subject:draft two").await.len(), 1);
}

#[tokio::test]
async fn history_tells_what_changed_and_trash_hides() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let before = sandbox.get(&token, &format!("{ME}/profile")).await["historyId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let one = search(&sandbox, &token, "in:inbox from:priya")
        .await
        .remove(0);
    let path = format!("{ME}/messages/{}", id(&one));
    let trashed = sandbox
        .ok(Method::POST, &token, &format!("{path}/trash"), None)
        .await;
    assert!(
        trashed["labelIds"]
            .as_array()
            .expect("labels")
            .contains(&json!("TRASH"))
    );
    assert!(!search(&sandbox, &token, "from:priya").await.contains(&one));
    sandbox
        .ok(Method::POST, &token, &format!("{path}/untrash"), None)
        .await;
    sandbox.ok(Method::DELETE, &token, &path, None).await;
    let history = sandbox
        .get(&token, &format!("{ME}/history?startHistoryId={before}"))
        .await;
    let entries = history["history"].as_array().expect("entries");
    assert!(
        entries[0].get("labelsAdded").is_some()
            && entries[entries.len() - 1].get("messagesDeleted").is_some(),
        "{entries:?}"
    );
    assert_eq!(
        sandbox
            .refused(
                Method::GET,
                &token,
                &format!("{ME}/history?startHistoryId=3"),
                None
            )
            .await
            .0,
        StatusCode::NOT_FOUND
    );
    let modify_only = sandbox.token(ALEX, &["https://www.googleapis.com/auth/gmail.modify"]);
    let other = search(&sandbox, &token, "from:priya").await.remove(0);
    assert_eq!(
        sandbox
            .refused(
                Method::DELETE,
                &modify_only,
                &format!("{ME}/messages/{}", id(&other)),
                None
            )
            .await
            .0,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn uploads_of_whole_messages_are_sent_too() {
    let sandbox = start().await;
    let token = sandbox.token(ALEX, &[MAIL]);
    let send = async |kind: &str, content_type: &str, body: String| {
        let path = format!(
            "/gmail.googleapis.com/upload/gmail/v1/users/me/messages/send?uploadType={kind}"
        );
        let answer = sandbox
            .http
            .post(sandbox.url(&path))
            .bearer_auth(&token)
            .header("content-type", content_type.to_owned())
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json::<Value>().await.expect("JSON")
    };
    let text = "To: sam@sandbox.example\r\nSubject: By upload\r\n\r\nbody";
    let simple = send("media", "message/rfc822", text.into()).await;
    let body = format!(
        "--q\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--q\r\nContent-Type: message/rfc822\r\n\r\n{text}\r\n--q--"
    );
    let related = send("multipart", "multipart/related; boundary=q", body).await;
    for sent in [simple, related] {
        let message = sandbox
            .get(
                &token,
                &format!("{ME}/messages/{}?format=metadata", id(&sent)),
            )
            .await;
        assert_eq!(header(&message, "Subject"), "By upload");
    }
    let inserted = sandbox.post(&token, &format!("{ME}/messages?internalDateSource=dateHeader"), json!({"raw": URL_SAFE.encode(format!("Date: Mon, 01 Jan 2024 00:00:00 +0000\r\n{text}")), "labelIds": ["INBOX"]})).await;
    let inserted = sandbox
        .get(
            &token,
            &format!("{ME}/messages/{}?format=minimal", id(&inserted)),
        )
        .await;
    assert_eq!(inserted["internalDate"], "1704067200000");
    let send_as = sandbox.get(&token, &format!("{ME}/settings/sendAs")).await;
    assert_eq!(send_as["sendAs"][0]["isPrimary"], json!(true));
}
