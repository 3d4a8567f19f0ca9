//! What is done on both sides, in this order.
//!
//! Invariant: every argument is fixed or was kept from an earlier step of the same side.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

/// A call of a tool.
pub(super) struct Step {
    pub say: &'static str,
    pub tool: &'static str,
    /// JSON; `{name}` stands for something kept.
    arguments: &'static str,
    /// What later steps need of the result.
    pub keep: &'static [(&'static str, &'static str)],
    /// Whether it has to be refused.
    pub refused: bool,
}

/// A step's arguments.
pub(super) fn arguments(
    step: &Step,
    kept: &BTreeMap<&'static str, Value>,
) -> anyhow::Result<Value> {
    let filled = kept
        .iter()
        .fold(step.arguments.to_owned(), |text, (name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text.replace(&format!("{{{name}}}"), &value)
        });
    serde_json::from_str(&filled).with_context(|| format!("{}: {filled}", step.say))
}

const fn step(tool: &'static str, say: &'static str, arguments: &'static str) -> Step {
    keeping(tool, say, arguments, &[])
}

const fn keeping(
    tool: &'static str,
    say: &'static str,
    arguments: &'static str,
    keep: &'static [(&'static str, &'static str)],
) -> Step {
    Step {
        say,
        tool,
        arguments,
        keep,
        refused: false,
    }
}

const fn refused(tool: &'static str, say: &'static str, arguments: &'static str) -> Step {
    Step {
        tool,
        say,
        arguments,
        keep: &[],
        refused: true,
    }
}

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
    // The calendar.
    step("list_calendars", "all", "{}"),
    keeping(
        "create_event",
        "with guests and reminders",
        r#"{"summary": "Launch", "start_time": "2027-03-01T10:00:00+01:00", "end_time": "2027-03-01T11:00:00+01:00",
            "location": "Harbour", "description": "Bring the plans",
            "attendees": ["kim@partner.example", "sam@sandbox.example"],
            "reminders": [{"method": "popup", "minutes": 15}]}"#,
        &[("launch", "/id")],
    ),
    keeping(
        "create_event",
        "a whole day",
        r#"{"summary": "Holiday", "start_time": "2027-03-02", "end_time": "2027-03-04"}"#,
        &[("holiday", "/id")],
    ),
    step(
        "create_event",
        "that blocks no time",
        r#"{"summary": "Birthday of Kim", "start_time": "2027-03-01T15:00:00+01:00", "duration_minutes": 30,
            "transparency": "transparent"}"#,
    ),
    step(
        "get_events",
        "of a week",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00"}"#,
    ),
    step(
        "get_events",
        "with details",
        r#"{"timezone": "Europe/Prague", "time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-01T12:00:00+01:00", "detailed": true}"#,
    ),
    step(
        "get_events",
        "by a word",
        r#"{"query": "launch", "time_min": "2027-01-01", "time_max": "2027-12-31"}"#,
    ),
    step(
        "get_events",
        "of a week in a zone",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00",
            "timezone": "Europe/Prague"}"#,
    ),
    keeping(
        "get_events",
        "a first page",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00",
            "timezone": "Europe/Prague", "max_results": 2}"#,
        &[("events_page", "/nextPageToken")],
    ),
    step(
        "get_events",
        "a second page",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00",
            "timezone": "Europe/Prague", "max_results": 2, "page_token": "{events_page}"}"#,
    ),
    refused(
        "get_events",
        "of an unknown calendar",
        r#"{"calendar_id": "nobody@nowhere.example", "time_min": "2027-03-01", "time_max": "2027-03-02"}"#,
    ),
    refused(
        "create_event",
        "that ends before it begins",
        r#"{"summary": "Never", "start_time": "2027-03-01T10:00:00Z", "end_time": "2027-03-01T09:00:00Z"}"#,
    ),
    step(
        "get_events",
        "by id",
        r#"{"event_id": "{launch}", "detailed": true}"#,
    ),
    step(
        "get_events",
        "none",
        r#"{"time_min": "2027-05-01T00:00:00+02:00", "time_max": "2027-05-02T00:00:00+02:00"}"#,
    ),
    step(
        "query_freebusy",
        "of a day",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-02T00:00:00+01:00"}"#,
    ),
    step(
        "query_freebusy",
        "with free slots",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-02T00:00:00+01:00", "slot_minutes": 60,
            "timezone": "Europe/Prague"}"#,
    ),
    step(
        "query_freebusy",
        "of an unknown calendar",
        r#"{"calendar_ids": ["nobody@nowhere.example"], "time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-02T00:00:00+01:00"}"#,
    ),
    step(
        "modify_event",
        "an hour later",
        r#"{"event_id": "{launch}", "start_time": "2027-03-01T12:00:00+01:00"}"#,
    ),
    step("delete_event", "with guests", r#"{"event_id": "{launch}"}"#),
    step(
        "delete_event",
        "a whole day",
        r#"{"event_id": "{holiday}"}"#,
    ),
    refused(
        "delete_event",
        "an unknown id",
        r#"{"event_id": "gone0000000"}"#,
    ),
    step(
        "get_events",
        "what is left",
        r#"{"time_min": "2027-03-01T00:00:00+01:00", "time_max": "2027-03-08T00:00:00+01:00"}"#,
    ),
    keeping(
        "create_event",
        "a series",
        r#"{"summary": "Weekly", "start_time": "2027-04-05T09:00:00+02:00", "duration_minutes": 30,
            "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"]}"#,
        &[("weekly", "/id")],
    ),
    step(
        "get_events",
        "of a series",
        r#"{"time_min": "2027-04-01T00:00:00+02:00", "time_max": "2027-05-01T00:00:00+02:00"}"#,
    ),
    // Files.
    keeping(
        "create_drive_folder",
        "in My Drive",
        r#"{"folder_name": "Plans"}"#,
        &[("folder", "/id")],
    ),
    keeping(
        "create_drive_file",
        "text",
        r#"{"file_name": "to do.txt", "content": "1. Seeds\n2. Spades\n", "folder_id": "{folder}"}"#,
        &[("todo", "/id")],
    ),
    keeping(
        "create_drive_file",
        "bytes",
        r#"{"file_name": "values.csv", "content_base64": "aXRlbSxldXJvcwpyZW50LDEyMDAK"}"#,
        &[("numbers", "/id")],
    ),
    step(
        "list_drive_items",
        "a folder",
        r#"{"folder_id": "{folder}"}"#,
    ),
    step("list_drive_items", "My Drive", "{}"),
    step(
        "search_drive_files",
        "in a folder",
        r#"{"query": "'{folder}' in parents"}"#,
    ),
    step(
        "search_drive_files",
        "a kind",
        r#"{"query": "mimeType = 'application/vnd.google-apps.folder'"}"#,
    ),
    step("search_drive_files", "a word", r#"{"query": "values"}"#),
    step(
        "get_drive_file_metadata",
        "of a file",
        r#"{"file_id": "{todo}"}"#,
    ),
    refused(
        "get_drive_file_metadata",
        "of an unknown id",
        r#"{"file_id": "gone00000000000000000000000000"}"#,
    ),
    step(
        "get_drive_file_content",
        "of text",
        r#"{"file_id": "{todo}"}"#,
    ),
    step(
        "download_drive_file",
        "as base64",
        r#"{"file_id": "{numbers}", "as": "base64"}"#,
    ),
    refused(
        "get_drive_file_content",
        "of a folder",
        r#"{"file_id": "{folder}"}"#,
    ),
    keeping(
        "list_drive_items",
        "a first page",
        r#"{"page_size": 1}"#,
        &[("files_page", "/nextPageToken")],
    ),
    step(
        "list_drive_items",
        "a second page",
        r#"{"page_size": 1, "page_token": "{files_page}"}"#,
    ),
    step(
        "update_drive_file",
        "a name",
        r#"{"file_id": "{todo}", "name": "garden.txt"}"#,
    ),
    step(
        "move_drive_file",
        "into a folder",
        r#"{"file_id": "{numbers}", "new_parent_id": "{folder}"}"#,
    ),
    step(
        "list_drive_items",
        "a folder then",
        r#"{"folder_id": "{folder}"}"#,
    ),
    step(
        "delete_drive_file",
        "to the trash",
        r#"{"file_id": "{numbers}"}"#,
    ),
    step(
        "list_drive_items",
        "a folder after that",
        r#"{"folder_id": "{folder}"}"#,
    ),
    step(
        "share_drive_file",
        "with a person",
        r#"{"file_id": "{todo}", "email": "sam@sandbox.example", "role": "reader", "notify": false}"#,
    ),
];
