//! `send_gmail_message`: send mail, new or as an answer.

use schemars::JsonSchema;
use serde::Serialize;

use super::{compose, compose::Composition, deliver};
use crate::{
    Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, policy::Action, text,
};

/// Sends a message.
pub(super) struct SendMessage;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    id: String,
    thread_id: String,
    recipients: Vec<String>,
}

impl Tool for SendMessage {
    const META: Meta = Meta {
        name: "send_gmail_message",
        title: "Send a Gmail message",
        description: "Send mail: new, a reply, or a reply to all; with HTML and attachments.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: false,
        methods: &[
            "gmail.users.messages.send",
            "gmail.users.messages.get",
            "gmail.users.messages.list",
            "gmail.users.messages.attachments.get",
            "gmail.users.threads.get",
            "gmail.users.settings.sendAs.list",
            // Files attached by reference, where the server offers Drive.
            "drive.files.get",
            "drive.files.export",
        ],
        outside_content: false,
        aliases: &[],
        examples: &[
            Example {
                say: "Write to Sam that the draft is ready",
                arguments: r#"{"to": "Sam <sam@sandbox.example>", "subject": "Draft", "body": "It is ready."}"#,
                gives: "Email sent! Message ID: ",
            },
            Example {
                say: "Send the notes as a file, with a formatted text",
                arguments: r#"{"to": "sam@sandbox.example", "subject": "Notes", "body": "See below.", "html_body": "<p>See <b>below</b>.</p>", "attachments": [{"name": "notes.txt", "content_base64": "aGVsbG8="}]}"#,
                gives: "1 attachment",
            },
        ],
    };
    type Input = Composition;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Composition) -> Result<Reply<Output>, ToolError> {
        let composed = compose::compose(cx, &input).await?;
        if composed.recipients.is_empty() {
            return Err(ToolError::input("the message has no recipient")
                .hint("give to, or reply_to_message_id to answer a message"));
        }
        let subject = text::line(&composed.subject);
        cx.permit(&Action::Send {
            what: &format!("the message \"{subject}\""),
            to: &composed.recipients,
        })?;
        let sent = deliver::send(cx, &composed).await?;
        let mut text = format!(
            "Email sent! Message ID: {}\nThread ID: {}\nTo: {}\nSubject: {subject}",
            sent.id,
            sent.thread_id,
            composed.recipients.join(", "),
        );
        text.push_str(&files(composed.files));
        if composed
            .thread_id
            .is_some_and(|wanted| wanted != sent.thread_id)
        {
            text.push_str("\nGmail began a new thread, because the subject differs.");
        }
        let data = Output {
            id: sent.id,
            thread_id: sent.thread_id,
            recipients: composed.recipients,
        };
        Ok(Reply::new(data, text))
    }
}

/// How many files went along.
pub(super) fn files(number: usize) -> String {
    match number {
        0 => String::new(),
        1 => "\nWith 1 attachment".to_owned(),
        number => format!("\nWith {number} attachments"),
    }
}
