//! `search_gmail_messages`: find mail with Gmail's own operators.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    body,
    message::{self, Message},
};
use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// A page costs five units of Gmail's quota and twenty a message; a user has 6,000 a minute.
const LARGEST_PAGE: usize = 100;

/// How many messages are read at once.
const AT_ONCE: usize = 10;

/// Enough to see who, what, when, and whether files came along.
const SHOWN: &str = "id,threadId,labelIds,snippet,internalDate,payload(headers,mimeType,filename,\
    parts(mimeType,filename,body/size,headers,parts(mimeType,filename,body/size,headers)))";

/// Searches mail.
pub(super) struct SearchMessages;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Such as `from:kim is:unread newer_than:7d`.
    query: String,
    /// 1 to 100 (10).
    #[serde(default)]
    page_size: Option<usize>,
    /// From nextPageToken.
    #[serde(default)]
    page_token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    messages: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Found {
    id: String,
    thread_id: String,
    subject: String,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    label_ids: Vec<String>,
    snippet: String,
    has_attachments: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    messages: Vec<Id>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

impl Tool for SearchMessages {
    const META: Meta = Meta {
        name: "search_gmail_messages",
        title: "Search Gmail",
        description: "Find mail with Gmail search operators; gives senders, subjects and ids.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["gmail.users.messages.list", "gmail.users.messages.get"],
        outside_content: true,
        aliases: &[],
        examples: &[
            Example {
                say: "What is new in my inbox?",
                arguments: r#"{"query": "in:inbox", "page_size": 3}"#,
                gives: "Found 3 messages matching 'in:inbox':",
            },
            Example {
                say: "Is there mail about something unheard of?",
                arguments: r#"{"query": "subject:zyxwvutsrq"}"#,
                gives: "No messages found for query: 'subject:zyxwvutsrq'",
            },
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let page_size = text::within("page_size", input.page_size, 10, LARGEST_PAGE)?;
        let listed: Listed = cx
            .call("gmail.users.messages.list")
            .param("userId", "me")
            .param("q", &input.query)
            .param("maxResults", page_size)
            .param_opt("pageToken", input.page_token.as_deref())
            .fields("messages/id,nextPageToken")
            .send_as()
            .await?;
        let reads: Vec<_> = listed
            .messages
            .iter()
            .map(|listed| read(cx, &listed.id))
            .collect();
        let messages: Vec<Found> = google_api::try_join_bounded(reads, AT_ONCE)
            .await?
            .into_iter()
            .flatten()
            .map(found)
            .collect();
        let data = Output {
            messages,
            next_page_token: listed.next_page_token,
        };
        let text = text(&input.query, &data);
        Ok(Reply::new(data, text))
    }
}

/// `None` when it was deleted since it was listed.
async fn read(cx: &ToolCx, id: &str) -> Result<Option<Message>, ToolError> {
    let read = cx
        .call("gmail.users.messages.get")
        .param("userId", "me")
        .param("id", id)
        .param("format", "full")
        .fields(SHOWN)
        .send_as()
        .await;
    match read {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.status == Some(404) => Ok(None),
        Err(error) => Err(message::not_found(error, "message", id)),
    }
}

fn found(message: Message) -> Found {
    Found {
        subject: message.subject(),
        from: message.sender(),
        to: message.line("To"),
        date: message.date().map(|date| date.to_string()),
        snippet: message.snippet(),
        has_attachments: !body::attachments(&message).is_empty(),
        id: message.id,
        thread_id: message.thread_id,
        label_ids: message.label_ids,
    }
}

fn text(query: &str, data: &Output) -> String {
    if data.messages.is_empty() {
        return format!("No messages found for query: '{query}'");
    }
    let mut entries = Vec::new();
    for (index, message) in data.messages.iter().enumerate() {
        let unread = if message.label_ids.iter().any(|label| label == "UNREAD") {
            ", unread"
        } else {
            ""
        };
        let files = if message.has_attachments {
            ", with attachments"
        } else {
            ""
        };
        entries.push(format!(
            "{}. {}\n   From: {} ({}{unread}{files})\n   {}\n   Message ID: {}\n   Thread ID: {}",
            index + 1,
            message.subject,
            message.from,
            message.date.as_deref().unwrap_or("no date"),
            message.snippet,
            message.id,
            message.thread_id,
        ));
    }
    let mut text = format!(
        "Found {} messages matching '{query}':\n{}\n\
         In a browser: https://mail.google.com/mail/u/0/#all/<Message ID>",
        data.messages.len(),
        text::outside("mail", &entries.join("\n"))
    );
    if let Some(token) = &data.next_page_token {
        text.push_str(&format!("\nThere are more: go on with page_token={token}"));
    }
    text
}
