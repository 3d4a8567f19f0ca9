//! `draft_gmail_message`: write mail without sending it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{compose, compose::Composition, deliver, send_message};
use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Creates a draft.
pub(super) struct DraftMessage;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    /// The draft's id.
    id: String,
    message_id: String,
    thread_id: String,
}

impl Tool for DraftMessage {
    const META: Meta = Meta {
        name: "draft_gmail_message",
        title: "Draft a Gmail message",
        description: "Write mail as a draft for the user to check and send; also replies.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: false,
        methods: &[
            "gmail.users.drafts.create",
            "gmail.users.drafts.list",
            "gmail.users.messages.get",
            "gmail.users.messages.attachments.get",
            "gmail.users.threads.get",
            "gmail.users.settings.sendAs.list",
            // Files attached by reference, where the server offers Drive.
            "drive.files.get",
            "drive.files.export",
        ],
        outside_content: false,
        aliases: &[Alias::same("create_gmail_draft")],
        examples: &[Example {
            say: "Draft a note to Sam about Friday",
            arguments: r#"{"to": "sam@sandbox.example", "subject": "Friday", "body": "Shall we meet at ten?"}"#,
            gives: "Draft created! Draft ID: ",
        }],
    };
    type Input = Composition;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Composition) -> Result<Reply<Output>, ToolError> {
        let composed = compose::compose(cx, &input).await?;
        let draft = deliver::draft(cx, &composed).await?;
        let to = if composed.recipients.is_empty() {
            "nobody yet".to_owned()
        } else {
            composed.recipients.join(", ")
        };
        let mut text = format!(
            "Draft created! Draft ID: {}\nThread ID: {}\nTo: {to}\nSubject: {}",
            draft.id,
            draft.message.thread_id,
            text::line(&composed.subject),
        );
        text.push_str(&send_message::files(composed.files));
        let data = Output {
            id: draft.id,
            message_id: draft.message.id,
            thread_id: draft.message.thread_id,
        };
        Ok(Reply::new(data, text))
    }
}
