//! `get_gmail_messages_content_batch`: several messages at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    body::{self, Prefer},
    html::Quotes,
    message::{self, Message},
};
use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// As many as a minute's quota of Gmail lets a user read comfortably.
const MOST: usize = 100;

/// How many messages are read at once.
const AT_ONCE: usize = 8;

/// How many characters of a body are shown when the caller does not say.
const DEFAULT_LIMIT: usize = 3_000;

/// Reads messages.
pub(super) struct GetMessages;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// 1 to 100 ids.
    message_ids: Vec<String>,
    #[serde(default)]
    format: Format,
    /// Characters of each body (3000).
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Full,
    Metadata,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    messages: Vec<One>,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct One {
    id: String,
    thread_id: String,
    subject: String,
    from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Tool for GetMessages {
    const META: Meta = Meta {
        name: "get_gmail_messages_content_batch",
        title: "Read several Gmail messages",
        description: "Read several messages at once, each cut to a length.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &[
            "gmail.users.messages.get",
            "gmail.users.messages.attachments.get",
        ],
        outside_content: true,
        aliases: &[],
        examples: &[Example {
            say: "Read these two messages",
            arguments: r#"{"message_ids": ["{message:Lunch on Thursday?}", "{message:Parking permit}"]}"#,
            gives: "Retrieved 2 messages:",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        if !(1..=MOST).contains(&input.message_ids.len()) {
            return Err(ToolError::input(format!(
                "message_ids has {} entries; allowed are 1 to {MOST}",
                input.message_ids.len()
            )));
        }
        let limit = text::within("limit", input.limit, DEFAULT_LIMIT, text::LARGEST_LIMIT)?;
        let reads: Vec<_> = input
            .message_ids
            .iter()
            .map(|id| read(cx, id, input.format))
            .collect();
        let read = google_api::join_bounded(reads, AT_ONCE).await;
        let mut messages = Vec::new();
        for (id, read) in input.message_ids.iter().zip(read) {
            messages.push(match read {
                Ok(message) => one(&message, input.format, limit),
                // One missing message spoils nothing; a missing sign-in spoils all.
                Err(error) if error.kind == foundation::Kind::NotFound => One {
                    id: id.clone(),
                    error: Some(error.message),
                    ..One::default()
                },
                Err(error) => return Err(error),
            });
        }
        let blocks: Vec<String> = messages.iter().map(block).collect();
        let text = format!(
            "Retrieved {} messages:\n{}",
            messages.iter().filter(|one| one.error.is_none()).count(),
            text::outside("mail", &blocks.join("\n---\n"))
        );
        Ok(Reply::new(Output { messages }, text))
    }
}

async fn read(cx: &ToolCx, id: &str, format: Format) -> Result<Message, ToolError> {
    if format == Format::Full {
        return message::load(cx, id).await;
    }
    cx.call("gmail.users.messages.get")
        .param("userId", "me")
        .param("id", id)
        .param("format", "metadata")
        .params("metadataHeaders", ["Subject", "From"])
        .fields("id,threadId,internalDate,payload/headers")
        .send_as()
        .await
        .map_err(|error| message::not_found(error, "message", id))
}

fn one(message: &Message, format: Format, limit: usize) -> One {
    let mut one = One {
        id: message.id.clone(),
        thread_id: message.thread_id.clone(),
        subject: message.subject(),
        from: message.sender(),
        date: message.date().map(|date| date.to_string()),
        ..One::default()
    };
    if format == Format::Full {
        let read = body::read(message, Prefer::Plain, Quotes::Keep);
        let cut = text::cut(&read.text, 0, limit);
        one.body = Some(cut.shown.to_owned());
        one.next_start = cut.next;
    }
    one
}

fn block(one: &One) -> String {
    if let Some(error) = &one.error {
        return format!("⚠ Message {}: {error}", one.id);
    }
    let mut block = format!(
        "Message ID: {}\nSubject: {}\nFrom: {}\nDate: {}",
        one.id,
        one.subject,
        one.from,
        one.date.as_deref().unwrap_or("none")
    );
    if let Some(body) = &one.body {
        block.push_str(&format!("\n\n{body}"));
    }
    if let Some(next) = one.next_start {
        block.push_str(&format!(
            "\n[goes on: get_gmail_message_content with start={next}]"
        ));
    }
    block
}
