//! `get_gmail_message_content`: one message, to read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    body::{self, Prefer},
    html::Quotes,
    message::{self, Message},
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Reads a message.
pub(super) struct GetMessage;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    message_id: String,
    /// headers gives all headers, no body.
    #[serde(default)]
    format: Format,
    /// Character to begin at.
    #[serde(default)]
    start: Option<usize>,
    /// Characters to show (20000).
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Text,
    Markdown,
    Headers,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    thread_id: String,
    label_ids: Vec<String>,
    /// By name; several of one name are joined by line breaks.
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_start: Option<usize>,
    attachments: Vec<body::Attachment>,
}

/// The headers that readers and writers of answers need.
const USUAL: &[&str] = &[
    "Subject",
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Date",
    "Message-ID",
];

impl Tool for GetMessage {
    const META: Meta = Meta {
        name: "get_gmail_message_content",
        title: "Read a Gmail message",
        description: "Read a message: headers, body, and a list of its attachments.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &[
            "gmail.users.messages.get",
            "gmail.users.messages.attachments.get",
        ],
        outside_content: true,
        aliases: &[Alias::same("get_gmail_message")],
        examples: &[
            Example {
                say: "What does the mail about lunch say?",
                arguments: r#"{"message_id": "{message:Lunch on Thursday?}"}"#,
                gives: "The new place at the corner has dumplings.",
            },
            Example {
                say: "Show all headers of it",
                arguments: r#"{"message_id": "{message:Lunch on Thursday?}", "format": "headers"}"#,
                gives: "Message-ID: <",
            },
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let (start, limit) = text::window(input.start, input.limit)?;
        let message = if input.format == Format::Headers {
            headers_only(cx, &input.message_id).await?
        } else {
            message::load(cx, &input.message_id).await?
        };
        let attachments = body::attachments(&message);
        let links = body::links(&cx.email, &message.id, &attachments);
        let headers = headers(&message, input.format);
        let read = match input.format {
            Format::Text => Some(body::read(&message, Prefer::Plain, Quotes::Keep)),
            Format::Markdown => Some(body::read(&message, Prefer::Html, Quotes::Keep)),
            Format::Headers => None,
        };
        let cut = read
            .as_ref()
            .map(|read| text::cut(&read.text, start, limit));
        let mut inside = heading(&message, &headers, input.format);
        if let Some(cut) = &cut {
            let shown = match cut.shown {
                "" if start > 0 => "[the body ends before this]",
                "" => "[no text in this message]",
                shown => shown,
            };
            inside.push_str(&format!("\n--- BODY ---\n{shown}"));
        }
        let mut said = text::outside("mail", &inside);
        if let Some(next) = cut.as_ref().and_then(|cut| cut.next) {
            said.push_str(&format!("\nThe body goes on: start={next}."));
        }
        if read.as_ref().is_some_and(|read| read.hidden) {
            said.push_str("\nText hidden from readers was left out.");
        }
        if !attachments.is_empty() {
            said.push_str(&format!("\nAttachments:{}", body::listed(&attachments)));
        }
        let data = Output {
            next_start: cut.as_ref().and_then(|cut| cut.next),
            body: cut.map(|cut| cut.shown.to_owned()),
            id: message.id,
            thread_id: message.thread_id,
            label_ids: message.label_ids,
            headers,
            attachments,
        };
        let mut reply = Reply::new(data, said);
        reply.parts = links;
        Ok(reply)
    }
}

async fn headers_only(cx: &ToolCx, id: &str) -> Result<Message, ToolError> {
    cx.call("gmail.users.messages.get")
        .param("userId", "me")
        .param("id", id)
        .param("format", "metadata")
        .fields("id,threadId,labelIds,internalDate,payload/headers")
        .send_as()
        .await
        .map_err(|error| message::not_found(error, "message", id))
}

fn headers(message: &Message, format: Format) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for header in &message.payload.headers {
        let usual = USUAL
            .iter()
            .find(|usual| usual.eq_ignore_ascii_case(&header.name));
        let name = match (usual, format) {
            (Some(usual), _) => (*usual).to_owned(),
            (None, Format::Headers) => text::line(&header.name),
            (None, _) => continue,
        };
        let value = text::line(&header.value);
        headers
            .entry(name)
            .and_modify(|joined| *joined = format!("{joined}\n{value}"))
            .or_insert(value);
    }
    headers
}

fn heading(message: &Message, headers: &BTreeMap<String, String>, format: Format) -> String {
    let mut lines = vec![
        format!("Subject: {}", message.subject()),
        format!("From:    {}", message.sender()),
    ];
    for (name, value) in headers {
        let shown = match format {
            Format::Headers => true,
            _ => matches!(name.as_str(), "To" | "Cc" | "Reply-To" | "Date"),
        };
        if shown && !matches!(name.as_str(), "Subject" | "From") {
            for value in value.lines() {
                lines.push(format!("{name}: {value}"));
            }
        }
    }
    lines.join("\n")
}
