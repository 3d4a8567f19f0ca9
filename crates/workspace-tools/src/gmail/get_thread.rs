//! `get_gmail_thread_content`: a conversation, message by message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    body::{self, Prefer},
    html::Quotes,
    message::{self, Message},
};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Reads a thread.
pub(super) struct GetThread;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    thread_id: String,
    /// Keep quoted earlier mail.
    #[serde(default)]
    include_quotes: Option<bool>,
    /// Character to begin at.
    #[serde(default)]
    start: Option<usize>,
    /// Characters to show (20000).
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    subject: String,
    messages: Vec<One>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_start: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct One {
    id: String,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    label_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    attachments: Vec<body::Attachment>,
}

#[derive(Deserialize)]
struct Thread {
    #[serde(default)]
    messages: Vec<Message>,
}

impl Tool for GetThread {
    const META: Meta = Meta {
        name: "get_gmail_thread_content",
        title: "Read a Gmail thread",
        description: "Read a whole conversation in order, without repeated quotes.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &[
            "gmail.users.threads.get",
            "gmail.users.messages.attachments.get",
        ],
        outside_content: true,
        aliases: &[Alias::same("get_gmail_thread")],
        examples: &[Example {
            say: "Read the conversation about the budget",
            arguments: r#"{"thread_id": "{thread:Quarterly budget}"}"#,
            gives: "Messages: 4",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let (start, limit) = text::window(input.start, input.limit)?;
        let quotes = if input.include_quotes == Some(true) {
            Quotes::Keep
        } else {
            Quotes::Drop
        };
        let messages = load(cx, &input.thread_id).await?;
        let subject = messages.first().map(Message::subject).unwrap_or_default();
        let mut window = Window {
            skip: start,
            left: limit,
            shown: 0,
            more: false,
        };
        let mut said = format!(
            "Thread ID: {}\nSubject: {subject}\nMessages: {}",
            input.thread_id,
            messages.len()
        );
        let (mut ones, mut links, mut hidden) = (Vec::new(), Vec::new(), false);
        for (index, message) in messages.iter().enumerate() {
            let read = body::read(message, Prefer::Plain, quotes);
            hidden |= read.hidden;
            let attachments = body::attachments(message);
            let shown = window.take(&read.text);
            if let Some(shown) = shown {
                said.push_str(&block(index + 1, message, &subject, shown, &attachments));
                links.extend(body::links(&cx.email, &message.id, &attachments));
            }
            ones.push(One {
                id: message.id.clone(),
                from: message.sender(),
                to: message.line("To"),
                date: message.date().map(|date| date.to_string()),
                label_ids: message.label_ids.clone(),
                body: shown.map(str::to_owned),
                attachments,
            });
        }
        let mut said = text::outside("mail", &said);
        let next_start = window.more.then_some(start + window.shown);
        if let Some(next) = next_start {
            said.push_str(&format!("\nThe conversation goes on: start={next}."));
        }
        if hidden {
            said.push_str("\nText hidden from readers was left out.");
        }
        let data = Output {
            id: input.thread_id,
            subject,
            messages: ones,
            next_start,
        };
        let mut reply = Reply::new(data, said);
        reply.parts = links;
        Ok(reply)
    }
}

async fn load(cx: &ToolCx, id: &str) -> Result<Vec<Message>, ToolError> {
    let mut thread: Thread = cx
        .call("gmail.users.threads.get")
        .param("userId", "me")
        .param("id", id)
        .param("format", "full")
        .fields("messages(id,threadId,labelIds,internalDate,payload)")
        .send_as()
        .await
        .map_err(|error| message::not_found(error, "thread", id))?;
    let fills: Vec<_> = thread
        .messages
        .iter_mut()
        .map(|message| message::fill(cx, message))
        .collect();
    google_api::try_join_bounded(fills, 4).await?;
    Ok(thread.messages)
}

fn block(
    number: usize,
    message: &Message,
    subject: &str,
    shown: &str,
    attachments: &[body::Attachment],
) -> String {
    let mut block = format!(
        "\n\n=== Message {number} === (Message ID: {})\nFrom: {}\nDate: {}",
        message.id,
        message.sender(),
        message
            .date()
            .map_or_else(|| message.line("Date"), |date| date.to_string()),
    );
    if message.subject() != subject {
        block.push_str(&format!("\nSubject: {}", message.subject()));
    }
    for (label, remark) in [("DRAFT", "draft, not sent"), ("TRASH", "in the trash")] {
        if message.label_ids.iter().any(|has| has == label) {
            block.push_str(&format!("\nNote: {remark}"));
        }
    }
    block.push_str("\n\n");
    block.push_str(if shown.is_empty() { "[no text]" } else { shown });
    if !attachments.is_empty() {
        block.push_str(&format!("\nAttachments:{}", body::listed(attachments)));
    }
    block
}

/// A window that moves over the texts of all messages as if they were one.
struct Window {
    skip: usize,
    left: usize,
    shown: usize,
    more: bool,
}

impl Window {
    /// The part of the next text that lies in the window; `None` when it lies outside.
    fn take<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let length = text.chars().count();
        // A text that was shown to its end belongs to the previous window.
        if self.skip > 0 && self.skip >= length {
            self.skip -= length;
            return None;
        }
        if self.left == 0 {
            self.more = true;
            return None;
        }
        let cut = text::cut(text, self.skip, self.left);
        let taken = cut.shown.chars().count();
        self.skip = 0;
        self.left -= taken;
        self.shown += taken;
        self.more |= cut.next.is_some();
        Some(cut.shown)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_cover_every_text_once(
            texts in prop::collection::vec("[a-zž😀]{0,9}", 0..6), limit in 1_usize..8,
        ) {
            let (mut joined, mut start) = (String::new(), Some(0));
            while let Some(from) = start {
                let mut window = Window { skip: from, left: limit, shown: 0, more: false };
                for text in &texts {
                    joined.push_str(window.take(text).unwrap_or_default());
                }
                prop_assert!(window.shown <= limit);
                start = window.more.then_some(from + window.shown);
                prop_assert!(start.is_none() || window.shown > 0);
            }
            prop_assert_eq!(joined, texts.concat());
        }
    }
}
