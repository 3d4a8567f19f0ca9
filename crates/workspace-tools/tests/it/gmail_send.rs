//! Sending and drafting against the sandbox: what arrives, and that it arrives once.

use std::sync::Arc;

use foundation::Kind;
use google_sandbox::Fault;
use serde_json::{Value, json};
use workspace_tools::{LocalFiles, Policy, Rule};

use crate::world::{ALEX, SAM, World};

fn header<'a>(message: &'a Value, name: &str) -> &'a str {
    message["payload"]["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .find(|header| {
            header["name"]
                .as_str()
                .is_some_and(|has| has.eq_ignore_ascii_case(name))
        })
        .and_then(|header| header["value"].as_str())
        .unwrap_or_default()
}

async fn message(world: &World, id: &Value) -> Value {
    let id = id.as_str().expect("an id");
    world
        .google("gmail.users.messages.get", &[("userId", "me"), ("id", id)])
        .await
}

async fn count(world: &World, query: &str) -> usize {
    let parameters = [("userId", "me"), ("q", query), ("includeSpamTrash", "true")];
    let found = world.google("gmail.users.messages.list", &parameters).await;
    found["messages"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let world = World::new().await;
    let sent = world
        .call(
            "send_gmail_message",
            json!({
                "to": "Sam Okafor <sam@sandbox.example>",
                "cc": "kim@elsewhere.example",
                "bcc": "eve@elsewhere.example",
                "subject": "Žluťoučký plán 😀",
                "body": "První řádek\n.\nFrom here on\n",
                "html_body": "<p>První <b>řádek</b></p>",
                "attachments": [{"name": "plán.txt", "content_base64": "xb5sdcWl"}],
            }),
        )
        .await
        .expect("sent");
    assert_eq!(
        sent.data["recipients"],
        json!([
            "sam@sandbox.example",
            "kim@elsewhere.example",
            "eve@elsewhere.example"
        ])
    );
    world.act_as(SAM);
    let (received, _) = world.message("Žluťoučký plán 😀").await;
    let read = world
        .call("get_gmail_message_content", json!({"message_id": received}))
        .await
        .expect("read");
    assert_eq!(
        read.data["body"].as_str().unwrap().trim(),
        "První řádek\n.\nFrom here on"
    );
    assert_eq!(read.data["headers"]["Cc"], "<kim@elsewhere.example>");
    assert!(
        !read.text.contains("eve@elsewhere.example"),
        "{}",
        read.text
    );
    assert_eq!(read.data["attachments"][0]["filename"], "plán.txt");
    let file = json!({"message_id": received, "attachment_id": "plán.txt", "as": "text"});
    let file = world
        .call("get_gmail_attachment_content", file)
        .await
        .expect("the file");
    assert_eq!(file.data["text"], "žluť");
    let rich = json!({"message_id": received, "format": "markdown"});
    let rich = world.call("get_gmail_message", rich).await.expect("read");
    assert_eq!(rich.data["body"], "První **řádek**");
}

#[tokio::test]
async fn a_reply_stays_in_its_thread() {
    let world = World::new().await;
    let first =
        json!({"to": SAM, "cc": "kim@elsewhere.example", "subject": "Lunch", "body": "At noon?"});
    world.call("send_gmail_message", first).await.expect("sent");
    world.wait(1);
    world.act_as(SAM);
    let (id, thread) = world.message("Lunch").await;
    let reply = json!({"reply_to_message_id": id, "reply_all": true, "quote_original": true, "body": "Yes."});
    let reply = world.call("send_gmail_message", reply).await.expect("sent");
    assert_eq!(reply.data["threadId"], thread.as_str());
    assert_eq!(
        reply.data["recipients"],
        json!([ALEX, "kim@elsewhere.example"])
    );
    let stored = message(&world, &reply.data["id"]).await;
    let original = message(&world, &json!(id)).await;
    assert_eq!(header(&stored, "Subject"), "Re: Lunch");
    assert_eq!(
        header(&stored, "In-Reply-To"),
        header(&original, "Message-ID")
    );
    assert_eq!(
        header(&stored, "References"),
        header(&original, "Message-ID")
    );
    let read = json!({"message_id": reply.data["id"]});
    let read = world
        .call("get_gmail_message_content", read)
        .await
        .expect("read");
    let body = read.data["body"].as_str().unwrap();
    assert!(
        body.starts_with("Yes.\n\nOn 20 November 2026, 09:00 UTC, "),
        "{body}"
    );
    assert!(body.ends_with("wrote:\n> At noon?"), "{body}");
    world.wait(1);
    // And back: the answer to the answer, found by its thread alone.
    world.act_as(ALEX);
    let (_, thread) = world.message("Lunch").await;
    let again = json!({"thread_id": thread, "body": "See you."});
    let again = world.call("send_gmail_message", again).await.expect("sent");
    assert_eq!(again.data["threadId"], thread.as_str());
    assert_eq!(again.data["recipients"], json!([SAM]));
    let conversation = world
        .call("get_gmail_thread_content", json!({"thread_id": thread}))
        .await
        .expect("read");
    let bodies: Vec<&str> = conversation.data["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["body"].as_str().unwrap())
        .collect();
    assert_eq!(bodies, ["At noon?", "Yes.", "See you."]);
}

#[tokio::test]
async fn explicit_threading_is_taken_as_it_is() {
    let world = World::new().await;
    let first = json!({"to": SAM, "subject": "Plan", "body": "One."});
    let first = world.call("send_gmail_message", first).await.expect("sent");
    let stored = message(&world, &first.data["id"]).await;
    world.sandbox.forget_calls();
    let second = json!({
        "to": SAM, "subject": "Plan", "body": "Two.",
        "thread_id": first.data["threadId"],
        "in_reply_to": header(&stored, "Message-ID"),
        "references": header(&stored, "Message-ID"),
    });
    let second = world
        .call("send_gmail_message", second)
        .await
        .expect("sent");
    assert_eq!(
        world.sandbox.calls().len(),
        1,
        "nothing had to be looked up"
    );
    assert_eq!(second.data["threadId"], first.data["threadId"]);
    let stored = message(&world, &second.data["id"]).await;
    assert_eq!(header(&stored, "Subject"), "Re: Plan");
}

#[tokio::test]
async fn a_draft_waits_for_its_writer() {
    let world = World::new().await;
    let draft = json!({"subject": "Later", "body": "To be continued"});
    let draft = world
        .call("create_gmail_draft", draft)
        .await
        .expect("drafted");
    assert!(draft.text.contains("To: nobody yet"), "{}", draft.text);
    let id = draft.data["id"].as_str().unwrap();
    let kept = world
        .google("gmail.users.drafts.get", &[("userId", "me"), ("id", id)])
        .await;
    assert_eq!(kept["message"]["id"], draft.data["messageId"]);
    assert_eq!(count(&world, "in:sent subject:Later").await, 0);
}

#[tokio::test]
async fn a_lost_answer_neither_loses_nor_repeats_a_message() {
    let world = World::new().await;
    for round in 0..100 {
        world.sandbox.lose_next_answer("gmail.users.messages.send");
        let mail = json!({"to": SAM, "subject": format!("Round {round} of many"), "body": "once"});
        let sent = world
            .call("send_gmail_message", mail)
            .await
            .expect("found again");
        let stored = message(&world, &sent.data["id"]).await;
        assert_eq!(header(&stored, "Subject"), format!("Round {round} of many"));
    }
    assert_eq!(world.sandbox.count("gmail.users.messages.send"), 100);
    assert!(world.sandbox.unmet_faults().is_empty());
    world.act_as(SAM);
    for round in [0, 42, 99] {
        assert_eq!(
            count(&world, &format!("subject:\"Round {round} of many\"")).await,
            1
        );
    }
}

#[tokio::test]
async fn a_message_that_was_never_taken_is_not_called_sent() {
    let world = World::new().await;
    world
        .sandbox
        .fail_next(1, "gmail.users.messages.send", Fault::Drop);
    let mail = json!({"to": SAM, "subject": "Into the void", "body": "x"});
    let error = world
        .call("send_gmail_message", mail)
        .await
        .expect_err("unknown");
    assert_eq!(error.kind, Kind::Unknown);
    assert!(error.hint.unwrap().contains("rfc822msgid:"));
    assert_eq!(world.sandbox.count("gmail.users.messages.send"), 1);
}

#[tokio::test]
async fn a_lost_draft_is_found_again() {
    let world = World::new().await;
    world.sandbox.lose_next_answer("gmail.users.drafts.create");
    let draft = json!({"to": SAM, "subject": "Kept once", "body": "x"});
    let draft = world
        .call("draft_gmail_message", draft)
        .await
        .expect("found again");
    assert!(draft.text.starts_with("Draft created! Draft ID: "));
    assert_eq!(world.sandbox.count("gmail.users.drafts.create"), 1);
}

#[tokio::test]
async fn limits_of_google_are_waited_out() {
    let world = World::new().await;
    let limited = Fault::reason(403, "userRateLimitExceeded");
    world
        .sandbox
        .fail_next(1, "gmail.users.messages.send", limited);
    let mail = json!({"to": SAM, "subject": "Patience", "body": "x"});
    world
        .call("send_gmail_message", mail)
        .await
        .expect("sent at last");
    world.act_as(SAM);
    assert_eq!(count(&world, "subject:Patience").await, 1);
}

#[tokio::test]
async fn a_large_message_travels_as_it_is() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let world = World::new().await;
    let content = STANDARD.encode(vec![7_u8; 6 << 20]);
    let mail = json!({
        "to": SAM, "subject": "Heavy", "body": "x",
        "attachments": [{"name": "heavy.bin", "content_base64": content}],
    });
    world.call("send_gmail_message", mail).await.expect("sent");
    world.act_as(SAM);
    let (id, _) = world.message("Heavy").await;
    let read = world
        .call("get_gmail_message_content", json!({"message_id": id}))
        .await
        .expect("read");
    assert_eq!(read.data["attachments"][0]["size"], 6 << 20);
}

#[tokio::test]
async fn wrong_arguments_are_explained_and_nothing_is_sent() {
    let world = World::new().await;
    let long = "x@y.example, ".repeat(501);
    for (arguments, part) in [
        (json!({"to": SAM, "subject": "s"}), "no text"),
        (json!({"subject": "s", "body": "b"}), "no recipient"),
        (
            json!({"to": "sam", "subject": "s", "body": "b"}),
            "not a mail address",
        ),
        (
            json!({"to": SAM, "subject": "s\r\nBcc: eve@x.example", "body": "b"}),
            "line break",
        ),
        (
            json!({"to": "sam@sandbox.example\nBcc: eve@x.example", "body": "b"}),
            "line break",
        ),
        (
            json!({"to": SAM, "body": "b", "in_reply_to": "<a@b>\r\nBcc: e@x"}),
            "line break",
        ),
        (
            json!({"to": SAM, "body": "b", "subject": "=?utf-8?q?a=0D=0ABcc:_e@x?="}),
            "encoded word",
        ),
        (
            json!({"to": SAM, "body": "b", "from": "ceo@elsewhere.example"}),
            "may not write as",
        ),
        (
            json!({"to": SAM, "body": "b", "attachments": [{"name": "a\r\nX: y", "content_base64": "eA=="}]}),
            "line break",
        ),
        (
            json!({"to": SAM, "body": "b", "attachments": [{"mime_type": "a/b\r\nX: y", "content_base64": "eA=="}]}),
            "type/subtype",
        ),
        (
            json!({"to": SAM, "body": "b", "attachments": [{"name": "a"}]}),
            "exactly one of",
        ),
        (
            json!({"to": SAM, "body": "b", "attachments": [{"path": "/etc/passwd"}]}),
            "does not read local files",
        ),
        (
            json!({"to": SAM, "body": "b", "attachments": [{"uri": "workspace://sam%40sandbox.example/drive/files/x"}]}),
            "another account",
        ),
        (
            json!({"reply_to_message_id": "18c0ffee", "body": "b"}),
            "there is no message 18c0ffee",
        ),
        (
            json!({"to": SAM, "body": "b", "reply_all": true}),
            "reply_all needs",
        ),
        (
            json!({"to": SAM, "body": "b", "quote_original": true}),
            "quote_original needs",
        ),
        (
            json!({"to": SAM, "body": "b", "subjekt": "x"}),
            "unknown argument",
        ),
        (
            json!({"to": long.clone() , "body": "b", "cc": ", ".to_owned() + &(0..501).map(|n| format!("u{n}@y.example")).collect::<Vec<_>>().join(",")}),
            "502 recipients",
        ),
    ] {
        let error = world
            .call("send_gmail_message", arguments.clone())
            .await
            .expect_err(&arguments.to_string());
        assert!(
            error.message.contains(part),
            "{arguments} gave {}",
            error.message
        );
    }
    assert_eq!(world.sandbox.count("gmail.users.messages.send"), 0);
}

#[tokio::test]
async fn the_policy_sees_the_real_recipients() {
    let mut world = World::new().await;
    let first = json!({"to": SAM, "cc": "kim@elsewhere.example", "subject": "Budget", "body": "x"});
    world.call("send_gmail_message", first).await.expect("sent");
    world.act_as(SAM);
    let (id, _) = world.message("Budget").await;
    world.policy = Arc::new(Policy {
        recipients: vec!["@sandbox.example".to_owned()],
        ..Policy::default()
    });
    let all = json!({"reply_to_message_id": id, "reply_all": true, "body": "x"});
    let error = world
        .call("send_gmail_message", all.clone())
        .await
        .expect_err("refused");
    assert_eq!(error.kind, Kind::Forbidden);
    assert!(
        error.message.contains("kim@elsewhere.example"),
        "{}",
        error.message
    );
    let one = json!({"reply_to_message_id": id, "body": "x"});
    world
        .call("send_gmail_message", one)
        .await
        .expect("allowed");
    world.policy = Arc::new(Policy {
        send: Rule::Ask,
        ..Policy::default()
    });
    let error = world
        .call("send_gmail_message", all.clone())
        .await
        .expect_err("asks");
    let question = error.question.expect("a question");
    assert!(question.message.contains("kim@elsewhere.example"));
    let mut cx = world.cx();
    cx.confirmed = Some(question.key);
    let Value::Object(all) = all else {
        unreachable!()
    };
    world
        .call_in(&cx, "send_gmail_message", all)
        .await
        .expect("confirmed");
}

#[tokio::test]
async fn files_go_out_by_path_and_by_reference() {
    let mut world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.md");
    std::fs::write(&path, "# Notes").expect("written");
    world.files = Arc::new(LocalFiles {
        roots: vec![folder.path().to_owned()],
    });
    let mail = json!({
        "to": ALEX, "subject": "With a file", "body": "x",
        "attachments": [{"path": path.to_str()}],
    });
    world.call("send_gmail_message", mail).await.expect("sent");
    let (id, _) = world.message("With a file").await;
    let reference = json!({"message_id": id, "attachment_id": "notes.md"});
    let reference = world
        .call("get_gmail_attachment_content", reference)
        .await
        .expect("a reference");
    let workspace_tools::Part::Link { uri, .. } = &reference.parts[0] else {
        panic!("a link")
    };
    let forward =
        json!({"to": SAM, "subject": "Forwarded file", "body": "x", "attachments": [{"uri": uri}]});
    world
        .call("send_gmail_message", forward)
        .await
        .expect("sent");
    world.act_as(SAM);
    let (id, _) = world.message("Forwarded file").await;
    let text = json!({"message_id": id, "attachment_id": "notes.md", "as": "text"});
    let text = world
        .call("get_gmail_attachment_content", text)
        .await
        .expect("text");
    assert_eq!(text.data["text"], "# Notes");
    assert_eq!(text.data["mimeType"], "text/markdown");
}

/// One header or recipient more than was asked for would be seen here.
#[tokio::test]
async fn the_bytes_sent_are_what_was_reviewed() {
    use base64::{
        Engine, alphabet,
        engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    };
    let world = World::new().await;
    let mail = json!({
        "to": "Sam Ökafor <sam@sandbox.example>", "bcc": "kim@elsewhere.example",
        "subject": "Café menu", "body": "Hello\nSam", "html_body": "<p>Hello Sam</p>",
        "attachments": [{"name": "menu é.txt", "content_base64": "c291cA=="}],
    });
    let sent = world.call("send_gmail_message", mail).await.expect("sent");
    let id = sent.data["id"].as_str().unwrap();
    let parameters = [("userId", "me"), ("id", id), ("format", "raw")];
    let stored = world.google("gmail.users.messages.get", &parameters).await;
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::URL_SAFE, config);
    let raw = engine
        .decode(stored["raw"].as_str().expect("raw"))
        .expect("base64");
    let mut text = String::from_utf8(raw).expect("ASCII").replace("\r\n", "\n");
    let mut number = 0;
    while let Some((_, after)) = text.split_once("boundary=\"1") {
        let boundary = format!("1{}", after.split('"').next().unwrap_or_default());
        number += 1;
        text = text.replace(&boundary, &format!("BOUNDARY-{number}"));
    }
    insta::assert_snapshot!("sent_bytes", text);
}
