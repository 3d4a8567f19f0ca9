//! Gmail: search, reading, writing, filing.

use super::{Step, keeping, refused, step};

const SEARCH: &str = "search_gmail_messages";
const READ: &str = "get_gmail_message_content";
const THREAD: &str = "get_gmail_thread_content";
const FILE: &str = "get_gmail_attachment_content";
const SEND: &str = "send_gmail_message";
const DRAFT: &str = "draft_gmail_message";
const LABEL: &str = "modify_gmail_message_labels";

pub(super) const STEPS: &[Step] = &[
    // Labels and search.
    step("list_gmail_labels", "all", "{}"),
    keeping(
        "manage_gmail_label",
        "create",
        r#"{"action": "create", "name": "Garden"}"#,
        &[("label", "/id")],
    ),
    keeping(
        SEARCH,
        "in:inbox",
        r#"{"query": "in:inbox"}"#,
        &[
            ("koeln", "/messages/0/id"),
            ("spring", "/messages/1/id"),
            ("lunch", "/messages/2/id"),
            ("lunch_thread", "/messages/2/threadId"),
            ("budget", "/messages/3/id"),
        ],
    ),
    step(
        SEARCH,
        "from an address",
        r#"{"query": "from:kim@partner.example"}"#,
    ),
    step(SEARCH, "from a name", r#"{"query": "from:sam"}"#),
    step(
        SEARCH,
        "to an address",
        r#"{"query": "to:sam@sandbox.example"}"#,
    ),
    step(
        SEARCH,
        "a word of the subject",
        r#"{"query": "subject:budget"}"#,
    ),
    step(SEARCH, "a word of the text", r#"{"query": "harbour"}"#),
    step(SEARCH, "a phrase", r#"{"query": "\"second quarter\""}"#),
    step(
        SEARCH,
        "two conditions",
        r#"{"query": "is:unread from:garden"}"#,
    ),
    step(SEARCH, "unread", r#"{"query": "is:unread"}"#),
    step(SEARCH, "read", r#"{"query": "is:read in:inbox"}"#),
    step(SEARCH, "starred", r#"{"query": "is:starred"}"#),
    step(SEARCH, "with a file", r#"{"query": "has:attachment"}"#),
    step(
        SEARCH,
        "between days",
        r#"{"query": "after:2025/03/04 before:2025/03/06"}"#,
    ),
    step(
        SEARCH,
        "a Message-ID",
        r#"{"query": "rfc822msgid:<lunch-2@sandbox.example>"}"#,
    ),
    step(SEARCH, "sent", r#"{"query": "in:sent"}"#),
    step(SEARCH, "a category", r#"{"query": "category:promotions"}"#),
    step(SEARCH, "in spam", r#"{"query": "in:spam"}"#),
    step(
        SEARCH,
        "without a label",
        r#"{"query": "in:inbox -label:starred"}"#,
    ),
    step(SEARCH, "not from", r#"{"query": "in:inbox -from:kim"}"#),
    step(
        SEARCH,
        "one or the other",
        r#"{"query": "subject:budget OR subject:lunch"}"#,
    ),
    step(
        SEARCH,
        "a name of a file",
        r#"{"query": "filename:numbers.csv"}"#,
    ),
    step(
        SEARCH,
        "nothing",
        r#"{"query": "from:nobody@nowhere.example"}"#,
    ),
    keeping(
        SEARCH,
        "a first page",
        r#"{"query": "in:inbox", "page_size": 2}"#,
        &[("page", "/nextPageToken")],
    ),
    step(
        SEARCH,
        "a second page",
        r#"{"query": "in:inbox", "page_size": 2, "page_token": "{page}"}"#,
    ),
    step(
        SEARCH,
        "a last page",
        r#"{"query": "from:garden.example", "page_size": 1}"#,
    ),
    // Reading.
    step(READ, "with a file", r#"{"message_id": "{budget}"}"#),
    step(
        READ,
        "HTML as Markdown",
        r#"{"message_id": "{spring}", "format": "markdown"}"#,
    ),
    step(
        READ,
        "headers",
        r#"{"message_id": "{lunch}", "format": "headers"}"#,
    ),
    step(READ, "umlauts", r#"{"message_id": "{koeln}"}"#),
    refused(
        READ,
        "an unknown id",
        r#"{"message_id": "00000000deadbeef"}"#,
    ),
    step(
        "get_gmail_messages_content_batch",
        "two",
        r#"{"message_ids": ["{lunch}", "{koeln}"]}"#,
    ),
    step(THREAD, "two messages", r#"{"thread_id": "{lunch_thread}"}"#),
    step(
        THREAD,
        "with quotes",
        r#"{"thread_id": "{lunch_thread}", "include_quotes": true}"#,
    ),
    step(
        FILE,
        "as text",
        r#"{"message_id": "{budget}", "attachment_id": "numbers.csv", "as": "text"}"#,
    ),
    step(
        FILE,
        "as a link",
        r#"{"message_id": "{budget}", "attachment_id": "numbers.csv"}"#,
    ),
    step(
        FILE,
        "as base64",
        r#"{"message_id": "{budget}", "attachment_id": "numbers.csv", "as": "base64"}"#,
    ),
    refused(
        FILE,
        "an unknown name",
        r#"{"message_id": "{budget}", "attachment_id": "letters.csv"}"#,
    ),
    refused(
        THREAD,
        "an unknown id",
        r#"{"thread_id": "00000000deadbeef"}"#,
    ),
    // Writing.
    keeping(
        SEND,
        "plain",
        r#"{"to": "Kim Novak <kim@partner.example>", "subject": "Plans", "body": "Here they are."}"#,
        &[("plans", "/id"), ("plans_thread", "/threadId")],
    ),
    step(READ, "what was sent", r#"{"message_id": "{plans}"}"#),
    keeping(
        SEND,
        "HTML and a file",
        r#"{"to": "kim@partner.example", "cc": "sam@sandbox.example", "subject": "Grüße", "body": "See below.",
            "html_body": "<p>See <b>below</b>.</p>",
            "attachments": [{"name": "notes.txt", "content_base64": "aGVsbG8="}]}"#,
        &[("formatted", "/id")],
    ),
    step(
        READ,
        "what was sent with a file",
        r#"{"message_id": "{formatted}"}"#,
    ),
    step(
        FILE,
        "of what was sent",
        r#"{"message_id": "{formatted}", "attachment_id": "notes.txt", "as": "text"}"#,
    ),
    keeping(
        SEND,
        "an answer",
        r#"{"reply_to_message_id": "{lunch}", "body": "Noon it is."}"#,
        &[("answer", "/id")],
    ),
    step(
        READ,
        "headers of the answer",
        r#"{"message_id": "{answer}"}"#,
    ),
    step(
        SEND,
        "an answer to all with the original",
        r#"{"reply_to_message_id": "{budget}", "reply_all": true, "quote_original": true, "body": "Thanks."}"#,
    ),
    step(
        THREAD,
        "with the answer",
        r#"{"thread_id": "{lunch_thread}"}"#,
    ),
    keeping(
        DRAFT,
        "new",
        r#"{"to": "kim@partner.example", "subject": "An idea", "body": "What if"}"#,
        &[("idea", "/messageId")],
    ),
    step(
        DRAFT,
        "an answer",
        r#"{"reply_to_message_id": "{spring}", "body": "Two spades, please."}"#,
    ),
    step(SEARCH, "drafts", r#"{"query": "in:draft subject:idea"}"#),
    step(READ, "a draft", r#"{"message_id": "{idea}"}"#),
    refused(
        SEND,
        "without a recipient",
        r#"{"subject": "To whom", "body": "it may concern"}"#,
    ),
    keeping(
        SEND,
        "to somebody unseen",
        r#"{"to": "kim@partner.example", "bcc": "sam@sandbox.example", "subject": "Quietly", "body": "Psst."}"#,
        &[("quietly", "/id")],
    ),
    step(READ, "somebody unseen", r#"{"message_id": "{quietly}"}"#),
    // Filing.
    step(
        LABEL,
        "by name",
        r#"{"message_id": "{spring}", "add_label_ids": ["Garden"], "remove_label_ids": ["UNREAD"]}"#,
    ),
    step(SEARCH, "an own label", r#"{"query": "label:Garden"}"#),
    step(
        LABEL,
        "several",
        r#"{"message_ids": ["{lunch}", "{koeln}"], "add_label_ids": ["{label}"], "remove_label_ids": ["INBOX"]}"#,
    ),
    step(SEARCH, "what is left", r#"{"query": "in:inbox"}"#),
    refused(
        LABEL,
        "an unknown label",
        r#"{"message_id": "{spring}", "add_label_ids": ["Nowhere"]}"#,
    ),
    step(
        "trash_gmail_message",
        "one",
        r#"{"message_id": "{budget}"}"#,
    ),
    step(
        SEARCH,
        "not the trash",
        r#"{"query": "subject:budget in:inbox"}"#,
    ),
    step(SEARCH, "in the trash", r#"{"query": "in:trash"}"#),
    refused(
        "manage_gmail_label",
        "create once more",
        r#"{"action": "create", "name": "Garden"}"#,
    ),
    step(
        "manage_gmail_label",
        "rename",
        r#"{"action": "update", "label_id": "{label}", "name": "Allotment"}"#,
    ),
    step(
        "manage_gmail_label",
        "delete",
        r#"{"action": "delete", "label_id": "{label}"}"#,
    ),
    step("list_gmail_labels", "after that", "{}"),
    refused(
        LABEL,
        "an unknown message",
        r#"{"message_id": "00000000deadbeef", "add_label_ids": ["STARRED"]}"#,
    ),
    refused(
        "trash_gmail_message",
        "an unknown message",
        r#"{"message_id": "00000000deadbeef"}"#,
    ),
];
